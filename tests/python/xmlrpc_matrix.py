"""Calls a Ferlix XML-RPC server with Python's own client, the one iPOPO uses, in every way that matters.

``xmlrpc_matrix.py URL RSID ECHO SERVICE-METHOD``: ECHO is a method that returns its one argument,
SERVICE-METHOD any other public one. Prints one JSON line a case: ``{"case": …, "result": …}``,
``{"case": …, "fault": [code, text]}``, ``{"case": …, "http": status}`` or ``{"case": …, "error": …}``.
Values that JSON cannot hold are written as ``{"bytes": base64}`` and ``{"moment": text}``. What is right
is for the Rust test to judge.
"""

import argparse
import base64
import datetime
import http.client
import json
import urllib.parse
import xmlrpc.client
from collections.abc import Callable
from typing import Any

#: Goes out and is to come back equal.
ECHOES: dict[str, Any] = {
    "int": 42,
    "int-min": -(2**31),
    "int-max": 2**31 - 1,
    "true": True,
    "false": False,
    "double": 1.5,
    "double-small": -2.25e-7,
    "string": "Hello Impl",
    "string-empty": "",
    "string-markup": "a <b> & \"c\" 'd' ]]>",
    "string-unicode": "Grüße, \u4f60\u597d, \U0001f980",
    "string-blanks": "  two\n\tlines  ",
    "nil": None,
    "bytes": b"\x00\x01\xfe\xff",
    "bytes-empty": b"",
    "moment": datetime.datetime(2026, 11, 23, 21, 30, 59),
    "array": [1, "two", None, [3.5, True]],
    "array-empty": [],
    "struct": {"a": 1, "b": {"c": ["d"]}, "e": None},
    "struct-empty": {},
}

#: Bodies that are sent as they stand: forms that Python reads but never writes, and forms nobody may.
BODIES: dict[str, str] = {
    "raw-untyped": "<value>bare text</value>",
    "raw-i4": "<value><i4>7</i4></value>",
    "raw-i8": "<value><i8>5000000000</i8></value>",
    "raw-ex-i8": "<value><ex:i8 xmlns:ex='http://ws.apache.org/xmlrpc/namespaces/extensions'>5000000000</ex:i8></value>",
    "raw-ex-nil": "<value><ex:nil xmlns:ex='http://ws.apache.org/xmlrpc/namespaces/extensions'/></value>",
    "raw-bad-int": "<value><int>seven</int></value>",
    "raw-int-overflow": "<value><int>99999999999999999999</int></value>",
    "raw-unclosed": "<value><int>7</int>",
    "raw-unknown-entity": "<value><string>&nope;</string></value>",
}


def as_json(value: Any) -> Any:
    """A value in a form that JSON can hold."""
    if isinstance(value, xmlrpc.client.Binary):
        value = value.data
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime | xmlrpc.client.DateTime):
        text = value.strftime("%Y%m%dT%H:%M:%S") if isinstance(value, datetime.datetime) else value.value
        return {"moment": text}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return value


def report(case: str, **outcome: Any) -> None:
    """Prints the line of one case."""
    print(json.dumps({"case": case, **outcome}), flush=True)


def attempt(case: str, call: Callable[[], Any]) -> None:
    """Makes one call and reports whatever comes of it."""
    try:
        report(case, result=as_json(call()))
    except xmlrpc.client.Fault as fault:
        report(case, fault=[fault.faultCode, fault.faultString])
    except xmlrpc.client.ProtocolError as refused:
        report(case, http=refused.errcode)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test is to see it
        report(case, error=f"{type(error).__name__}: {error}")


class Raw:
    """Sends bodies as they stand, without the client that would correct them."""

    def __init__(self, url: str) -> None:
        self._url = urllib.parse.urlsplit(url)

    def request(self, verb: str, body: bytes | None, path: str | None = None) -> tuple[int, bytes]:
        """Makes one request on a connection of its own. Returns the status and the body."""
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=30)
        try:
            connection.request(verb, path or self._url.path, body, {"Content-Type": "text/xml"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def call(self, body: str) -> Any:
        """Posts a body. Returns the value in the answer; raises the fault or the refusal in it."""
        status, answer = self.request("POST", body.encode())
        if status != 200:
            raise xmlrpc.client.ProtocolError(self._url.netloc, status, "", {})
        values, _ = xmlrpc.client.loads(answer, use_builtin_types=False)
        return values[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("rsid")
    parser.add_argument("echo", help="a method that returns its one argument")
    parser.add_argument("other", help="any other public method of the service")
    parser.add_argument("--oversize", type=int, default=9 * 1024 * 1024, help="octets that are too many")
    options = parser.parse_args()
    proxy = xmlrpc.client.ServerProxy(options.url, allow_none=True)
    raw = Raw(options.url)

    def method(name: str) -> Callable[..., Any]:
        return getattr(proxy, name)

    echo = f"{options.rsid}.{options.echo}"
    for case, value in ECHOES.items():
        attempt(case, lambda value=value: method(echo)(value))
    for case, value in BODIES.items():
        body = (
            f"<?xml version='1.0'?><methodCall><methodName>{echo}</methodName>"
            f"<params><param>{value}</param></params></methodCall>"
        )
        attempt(case, lambda body=body: raw.call(body))

    wrong = {
        "unknown-rsid": f"999999.{options.echo}",
        "rsid-no-number": f"nine.{options.echo}",
        "unknown-method": f"{options.rsid}.noSuchMethod",
        "private-method": f"{options.rsid}._private",
        "no-dot": options.echo,
        "two-dots": f"{options.rsid}.{options.echo}.more",
        "introspection": "system.listMethods",
    }
    for case, name in wrong.items():
        attempt(case, lambda name=name: method(name)("x"))
    attempt("too-few", lambda: method(echo)())
    attempt("too-many", lambda: method(echo)("x", "y", "z", "more", "and more"))
    attempt("wrong-type", lambda: method(f"{options.rsid}.{options.other}")({"not": "expected"}))

    attempt("no-xml", lambda: raw.call("this is not XML"))
    attempt("empty-body", lambda: raw.call(""))
    attempt(
        "doctype",
        lambda: raw.call(
            "<?xml version='1.0'?><!DOCTYPE m [<!ENTITY e 'boom'>]>"
            f"<methodCall><methodName>{echo}</methodName>"
            "<params><param><value><string>&e;</string></value></param></params></methodCall>"
        ),
    )
    deep = 5000
    attempt(
        "too-deep",
        lambda: raw.call(
            f"<?xml version='1.0'?><methodCall><methodName>{echo}</methodName><params><param>"
            + "<value><array><data>" * deep
            + "</data></array></value>" * deep
            + "</param></params></methodCall>"
        ),
    )
    attempt("oversize", lambda: method(echo)("x" * options.oversize))
    for verb in ("GET", "PUT", "DELETE"):
        report(f"verb-{verb}", http=raw.request(verb, None)[0])
    report("unknown-path", http=raw.request("POST", b"", "/no-such-path")[0])
    report("sub-path", http=raw.request("POST", b"", raw._url.path + "/below")[0])
    attempt("after-all", lambda: method(echo)("still there"))


if __name__ == "__main__":
    main()

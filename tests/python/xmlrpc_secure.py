"""Calls a Ferlix XML-RPC server that asks who calls, with Python's own client.

``xmlrpc_secure.py PORT RSID CA USER PASSWORD TOKEN CERT KEY``: the server is at ``https://localhost:PORT/xml-rpc`` and has
methods ``echo`` and ``twice``; CA, CERT and KEY are PEM files. Prints one JSON line a case, as ``xmlrpc_matrix.py`` does.
"""

import argparse
import json
import ssl
import xmlrpc.client
from collections.abc import Callable
from typing import Any


def attempt(case: str, call: Callable[[], Any]) -> None:
    """Prints what comes of a call."""
    try:
        outcome: dict[str, Any] = {"result": call()}
    except xmlrpc.client.Fault as fault:
        outcome = {"fault": [fault.faultCode, fault.faultString]}
    except xmlrpc.client.ProtocolError as error:
        outcome = {"http": error.errcode}
    except ssl.SSLError as error:
        outcome = {"error": "TLS", "reason": error.reason}
    except OSError as error:
        outcome = {"error": type(error).__name__}
    print(json.dumps({"case": case, **outcome}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("port", "rsid", "ca", "user", "password", "token", "cert", "key"):
        parser.add_argument(name)
    options = parser.parse_args()

    def proxy(login: str = "", token: str = "", certificate: bool = False, trusting: bool = True) -> Any:
        context = ssl.create_default_context(cafile=options.ca if trusting else None)
        if certificate:
            context.load_cert_chain(options.cert, options.key)
        headers = [("Authorization", f"Bearer {token}")] if token else []
        url = f"https://{login}localhost:{options.port}/xml-rpc"
        return xmlrpc.client.ServerProxy(url, context=context, headers=headers)

    def call(method: str, *arguments: Any, **settings: Any) -> Callable[[], Any]:
        return lambda: getattr(proxy(**settings), f"{options.rsid}.{method}")(*arguments)

    login = f"{options.user}:{options.password}@"
    attempt("password", call("echo", "a", login=login))
    kept = proxy(login=login)
    attempt("kept", lambda: [getattr(kept, f"{options.rsid}.echo")(number) for number in range(5)])
    attempt("token", call("echo", "b", token=options.token))
    attempt("certificate", call("echo", "c", certificate=True))
    attempt("nobody", call("echo", "d"))
    attempt("wrong-password", call("echo", "d", login=f"{options.user}:x@"))
    attempt("wrong-user", call("echo", "d", login=f"x{login}"))
    attempt("wrong-token", call("echo", "d", token=options.token[::-1]))
    attempt("untrusted", call("echo", "d", login=login, trusting=False))
    # The rules let the user echo only.
    attempt("refused", call("twice", 2, login=login))
    attempt("missing", call("thrice", 2, login=login))
    attempt("allowed", call("twice", 2, token=options.token))


if __name__ == "__main__":
    main()

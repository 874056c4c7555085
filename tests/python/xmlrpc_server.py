"""iPOPO's own XML-RPC server container with a service of many types, for a Rust client to call.

No etcd: the event ``started`` carries the endpoint description as it would lie there, from which the test
makes its import. Commands: ``calls`` (how often each method ran), ``stop``.
"""

import argparse
import collections
import datetime
import time
import xmlrpc.client
from typing import Any

import pelix_peer
from driver import Driver
from pelix.rsa import RemoteServiceAdmin
from pelix.rsa.endpointdescription import encode_endpoint_props

SPECIFICATION = "ferlix.test.Types"

RAN: collections.Counter[str] = collections.Counter()


class Types:
    """Methods whose names say what they answer."""

    def echo(self, value: Any = None) -> Any:
        RAN["echo"] += 1
        return value

    def typeName(self, value: Any = None) -> str:  # noqa: N802 - the name on the wire
        """The Python type that an argument arrived as."""
        RAN["typeName"] += 1
        return type(value).__name__

    def nothing(self) -> None:
        RAN["nothing"] += 1

    def bytes(self) -> bytes:
        return b"\x00\x01\xfe\xff"

    def moment(self) -> datetime.datetime:
        return datetime.datetime(2026, 11, 23, 21, 30, 59)

    def nested(self) -> dict[str, Any]:
        return {"list": [1, None, {"deep": True}], "number": 1.5, "text": "<&>", "empty": []}

    def tooBig(self) -> int:  # noqa: N802
        """A number that iPOPO cannot write: it answers with a fault."""
        return 2**40

    def text(self, length: int) -> str:
        return "x" * length

    def fail(self, message: str) -> None:
        raise ValueError(message)

    def fault(self, code: int, message: str) -> None:
        """A fault with a code of its own."""
        raise xmlrpc.client.Fault(code, message)

    def slow(self, seconds: float) -> str:
        RAN["slow"] += 1
        time.sleep(seconds)
        return "late"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("--log", default="WARNING")
    options = parser.parse_args()
    driver = Driver()
    framework = pelix_peer.start(options, ["pelix.http.basic"])
    context = framework.get_bundle_context()
    port = pelix_peer.start_http(context, options.http_port)
    registration = context.register_service(SPECIFICATION, Types(), {})
    admin = context.get_service(context.get_service_reference(RemoteServiceAdmin))
    exported = admin.export_service(
        registration.get_reference(),
        {
            "service.exported.interfaces": "*",
            "service.exported.configs": "ecf.xmlrpc.server",
        },
    )
    description = exported[0].get_description()

    @driver.command
    def calls() -> dict[str, int]:
        """How often each counted method ran."""
        return dict(RAN)

    driver.event("started", http_port=port, endpoint=encode_endpoint_props(description))
    pelix_peer.serve(framework, driver)


if __name__ == "__main__":
    main()

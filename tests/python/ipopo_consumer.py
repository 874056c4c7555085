"""iPOPO's sample consumer (samples.rsa.helloconsumer_xmlrpc) on a given etcd, driven by a Rust test.

Events: ``connected``, ``started``, and for each imported service ``arrived``, ``modified`` and ``gone`` with
the proxy's properties. Commands: ``imports``, ``call METHOD ARGUMENTS [ENDPOINT-ID]``, ``read_edef PATH``,
``import_edef PATH``, ``stop``.
"""

from pathlib import Path
from typing import Any

import pelix_peer
from driver import Driver
from pelix.internals.events import ServiceEvent
from pelix.rsa import RemoteServiceAdmin
from pelix.rsa.edef import EDEFReader

IMPORTED = "(service.imported=*)"
KINDS = {
    ServiceEvent.REGISTERED: "arrived",
    ServiceEvent.MODIFIED: "modified",
    ServiceEvent.UNREGISTERING: "gone",
}


class Watcher:
    """Tells the test of every imported service."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def service_changed(self, event: ServiceEvent[Any]) -> None:
        """Called by the framework with each event of an imported service."""
        kind = KINDS.get(event.get_kind())
        if kind:
            self._driver.event(kind, properties=event.get_service_reference().get_properties())


def main() -> None:
    options = pelix_peer.arguments(__doc__).parse_args()
    driver = Driver()
    framework = pelix_peer.start(
        options, ["samples.rsa.helloconsumer_xmlrpc", "pelix.rsa.providers.discovery.etcd3"]
    )
    context = framework.get_bundle_context()
    context.add_service_listener(Watcher(driver), IMPORTED)
    pelix_peer.start_topology(context)
    pelix_peer.start_discovery(context, options, driver)

    def references() -> list[Any]:
        return context.get_all_service_references(None, IMPORTED) or []

    @driver.command
    def imports() -> list[dict[str, Any]]:
        """The properties of the proxies."""
        return [reference.get_properties() for reference in references()]

    @driver.command
    def call(method: str, arguments: list[Any], endpoint: str | None = None) -> Any:
        """Calls a method of an imported service: of the first, or of the endpoint named."""
        for reference in references():
            if endpoint in (None, reference.get_property("endpoint.id")):
                service = context.get_service(reference)
                try:
                    return getattr(service, method)(*arguments)
                finally:
                    context.unget_service(reference)
        raise LookupError(f"no imported service {endpoint or ''}")

    def endpoints(path: str) -> list[Any]:
        return EDEFReader().parse(Path(path).read_text(encoding="utf-8"))

    @driver.command
    def read_edef(path: str) -> list[dict[str, Any]]:
        """The properties of the endpoints in a file."""
        return [endpoint.get_properties() for endpoint in endpoints(path)]

    @driver.command
    def import_edef(path: str) -> None:
        """Imports the endpoints in a file."""
        admin = context.get_service(context.get_service_reference(RemoteServiceAdmin))
        for endpoint in endpoints(path):
            error = admin.import_service(endpoint).get_exception()
            if error:
                raise RuntimeError(error)

    driver.event("started")
    pelix_peer.serve(framework, driver)


if __name__ == "__main__":
    main()

"""iPOPO's sample consumer (samples.rsa.helloconsumer_xmlrpc) on a given etcd, driven by a Rust test.

Events: ``connected``, ``started``, and for each imported service ``arrived``, ``modified`` and ``gone`` with
the proxy's properties. Commands: ``imports``, ``call METHOD ARGUMENTS [ENDPOINT-ID]``, ``stop``.
"""

from typing import Any

import pelix_peer
from driver import Driver
from pelix.internals.events import ServiceEvent

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

    driver.event("started")
    pelix_peer.serve(framework, driver)


if __name__ == "__main__":
    main()

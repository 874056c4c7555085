"""iPOPO's sample exporter (samples.rsa.helloimpl_xmlrpc) on given ports, driven by a Rust test.

Events: ``connected``, then ``started`` with the HTTP port and the endpoints. Commands: ``exports``,
``set_property NAME VALUE``, ``unregister``, ``register``, ``write_edef PATH``, ``stop``.
"""

from typing import Any

import pelix_peer
from driver import Driver
from pelix.ipopo.constants import use_ipopo
from pelix.rsa import RemoteServiceAdmin
from pelix.rsa.edef import EDEFWriter
from pelix.rsa.endpointdescription import encode_endpoint_props

FACTORY = "helloimpl-xmlrpc-factory"
INSTANCE = "helloimpl-xmlrpc"
PROPERTIES = {
    "osgi.basic.timeout": 60000,
    "service.exported.interfaces": "*",
    "service.exported.configs": "ecf.xmlrpc.server",
}


def main() -> None:
    parser = pelix_peer.arguments(__doc__)
    parser.add_argument("--http-port", type=int, default=0)
    options = parser.parse_args()
    driver = Driver()
    framework = pelix_peer.start(
        options, ["pelix.rsa.providers.discovery.etcd3", "pelix.http.basic"]
    )
    context = framework.get_bundle_context()
    pelix_peer.start_topology(context)
    pelix_peer.start_discovery(context, options, driver)
    port = pelix_peer.start_http(context, options.http_port)
    context.install_bundle("samples.rsa.helloimpl_xmlrpc").start()

    admin = context.get_service(context.get_service_reference(RemoteServiceAdmin))

    def descriptions() -> list[Any]:
        exported = [reference.get_description() for reference in admin.get_exported_services()]
        return [description for description in exported if description]

    @driver.command
    def exports() -> list[dict[str, Any]]:
        """The endpoints of the live exports, encoded as they lie in etcd."""
        return [encode_endpoint_props(description) for description in descriptions()]

    @driver.command
    def write_edef(path: str) -> None:
        """Writes the endpoints of the live exports to a file."""
        EDEFWriter().write(descriptions(), path)

    @driver.command
    def set_property(name: str, value: Any) -> None:
        """Changes a property of the exported service."""
        with use_ipopo(context) as ipopo:
            ipopo.reconfigure(INSTANCE, {name: value})

    @driver.command
    def unregister() -> None:
        """Takes the exported service away; the framework lives on."""
        with use_ipopo(context) as ipopo:
            ipopo.kill(INSTANCE)

    @driver.command
    def register() -> None:
        """Brings the service back after ``unregister``."""
        with use_ipopo(context) as ipopo:
            ipopo.instantiate(FACTORY, INSTANCE, dict(PROPERTIES))

    driver.event("started", http_port=port, exports=exports())
    pelix_peer.serve(framework, driver)


if __name__ == "__main__":
    main()

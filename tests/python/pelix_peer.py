"""Starts a framework of the real iPOPO for the drivers, as its etcd and XML-RPC tutorial does.

What differs from the tutorial: ports, the etcd and the top key are given by the test, the host is always
127.0.0.1, and there is no console, because the driver's commands come on standard input.
"""

import argparse
import logging
import os
import sys
import threading
from typing import Any

from driver import Driver

# The samples are only in the source distribution. It comes last, so that the installed iPOPO is the one
# that runs.
sys.path.append(os.environ["FERLIX_TEST_IPOPO_SRC"])

import pelix.framework  # noqa: E402
from pelix.ipopo.constants import use_ipopo  # noqa: E402

HOST = "127.0.0.1"

#: How long etcd may take to accept us, in seconds.
CONNECT_DEADLINE = 20


def arguments(description: str) -> argparse.ArgumentParser:
    """The options that every driver has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--etcd-host", default=HOST)
    parser.add_argument("--etcd-port", type=int, required=True)
    parser.add_argument("--top-key", help="etcd.top_key; iPOPO's default if not given")
    parser.add_argument("--lease-ttl", type=int, help="etcd.lease_ttl in seconds")
    parser.add_argument("--log", default="WARNING", help="level of what iPOPO logs to standard error")
    return parser


def start(options: argparse.Namespace, bundles: list[str]) -> Any:
    """Creates and starts a framework with iPOPO, Remote Service Admin, XML-RPC and the given bundles."""
    logging.basicConfig(level=options.log)
    framework = pelix.framework.create_framework(
        [
            "pelix.ipopo.core",
            "pelix.shell.core",
            "pelix.rsa.remoteserviceadmin",
            "pelix.rsa.topologymanagers.basic",
            "pelix.rsa.providers.distribution.xmlrpc",
            *bundles,
        ],
        {"ecf.xmlrpc.server.hostname": HOST},
    )
    framework.start()
    return framework


def start_topology(context: Any) -> None:
    """Makes the basic topology manager, which exports and imports without being asked."""
    from pelix.rsa.topologymanagers.basic import instantiate_basic_topology_manager

    instantiate_basic_topology_manager(context)


def start_http(context: Any, port: int) -> int:
    """Starts the HTTP service; port 0 lets the system choose. Returns the real port."""
    from pelix.http import HTTPService

    with use_ipopo(context) as ipopo:
        ipopo.instantiate(
            "pelix.http.service.basic.factory",
            "http-server",
            {"pelix.http.address": HOST, "pelix.http.port": port},
        )
    reference = context.get_service_reference(HTTPService)
    return context.get_service(reference).get_access()[1]


def start_discovery(context: Any, options: argparse.Namespace, driver: Driver) -> None:
    """Connects to etcd and returns once connected."""
    from pelix.rsa.providers.discovery.etcd3 import instantiate_etcd3_discovery_provider

    connected = threading.Event()
    properties: dict[str, Any] = {
        "etcd.hostname": options.etcd_host,
        "etcd.port": options.etcd_port,
        "etcd.connected_callback": connected.set,
    }
    if options.top_key:
        properties["etcd.top_key"] = options.top_key
    if options.lease_ttl:
        properties["etcd.lease_ttl"] = options.lease_ttl
        properties["etcd.keepalive_interval"] = max(1, options.lease_ttl // 3)
    instantiate_etcd3_discovery_provider(context, properties)
    if not connected.wait(CONNECT_DEADLINE):
        driver.event("failed", error=f"no etcd at {options.etcd_host}:{options.etcd_port}")
        framework = context.get_framework()
        framework.stop()
        sys.exit(1)
    driver.event("connected")


def serve(framework: Any, driver: Driver) -> None:
    """Runs the test's commands, then stops the framework cleanly."""
    try:
        driver.serve()
    finally:
        framework.stop()
        framework.delete()
        driver.event("stopped")

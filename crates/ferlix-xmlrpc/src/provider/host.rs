//! The host by which peers are told to call: what the configuration says, else what the HTTP service is bound to, else –
//! when that is every address – the local address that leads to etcd, where the peers look.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ferlix_core::framework::BundleContext;
use ferlix_core::property::{Properties, Value};
use ferlix_http::HttpService;
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;

/// How long the look-up of etcd's address may take.
const LOOKUP: Duration = Duration::from_secs(3);
/// The specification of the services that make endpoints known; etcd's have the `etcd.…` properties.
const ADVERTISER: &str = "ferlix.rsa.discovery.endpointadvertiser";
const DEFAULT_ETCD_PORT: u16 = 2379;

/// The host of what an HTTP service serves, as it stands in a URL.
pub(super) async fn of(http: &dyn HttpService, context: &BundleContext) -> String {
    let bound = http.address().ip();
    if !bound.is_unspecified() {
        // A name that was given is kept: a certificate may be for it.
        let given = http.host();
        return match given.parse::<IpAddr>() {
            Err(_) if !given.is_empty() => given.to_owned(),
            _ => in_url(bound),
        };
    }
    let route = match etcd(context) {
        Some((host, port)) => local_address(&host, port, bound.is_ipv4()).await,
        None => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no etcd is configured",
        )),
    };
    match route {
        Ok(local) => in_url(local),
        Err(error) => {
            tracing::warn!(
                "the HTTP service listens on every address, and none of them leads to etcd ({error}): \
                 services are advertised as 127.0.0.1; set ecf.xmlrpc.server.hostname to the name of this machine"
            );
            in_url(Ipv4Addr::LOCALHOST.into())
        }
    }
}

/// Warns when peers on other machines are told an address that leads nowhere for them.
pub(super) fn warn_of_loopback(host: &str, context: &BundleContext) {
    if let Some((etcd, _)) = etcd(context)
        && is_loopback(host)
        && !is_loopback(&etcd)
    {
        tracing::warn!(
            "services are advertised at {host}, which only this machine can reach, in the etcd at {etcd}: if that is \
             another machine, set ecf.xmlrpc.server.hostname, or ferlix.http.address to an address of the network"
        );
    }
}

/// Whether a host is this machine without a doubt; names are not looked up for this.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

fn in_url(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Where etcd is, if a discovery or the framework's properties say so.
fn etcd(context: &BundleContext) -> Option<(String, u16)> {
    let advertisers = context.references(Some(ADVERTISER), None);
    advertisers
        .iter()
        .find_map(|advertiser| etcd_in(&advertiser.properties()))
        .or_else(|| etcd_in(context.framework().properties()))
}

fn etcd_in(properties: &Properties) -> Option<(String, u16)> {
    let endpoints = properties.texts("etcd.endpoints");
    if let Some(endpoint) = endpoints.iter().flat_map(|text| text.split(',')).next() {
        return Some(parts(endpoint));
    }
    let host = properties.text("etcd.hostname")?.trim();
    let port = match properties.get("etcd.port") {
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(other) => other.as_i64().and_then(|port| u16::try_from(port).ok()),
        None => None,
    };
    (!host.is_empty()).then(|| (host.to_owned(), port.unwrap_or(DEFAULT_ETCD_PORT)))
}

/// The host and port of `host`, `host:port` or `http://host:port`.
fn parts(endpoint: &str) -> (String, u16) {
    let endpoint = endpoint.trim();
    let authority = match endpoint.split_once("://") {
        Some((_, rest)) => rest.split('/').next().unwrap_or(rest),
        None => endpoint,
    };
    match authority.rsplit_once(':') {
        // More colons without brackets are an IPv6 address alone.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            (host.to_owned(), port.parse().unwrap_or(DEFAULT_ETCD_PORT))
        }
        _ => {
            let host = authority.trim_start_matches('[').trim_end_matches(']');
            (host.to_owned(), DEFAULT_ETCD_PORT)
        }
    }
}

/// Which of our addresses leads to a host. Nothing is sent: connecting a UDP socket only asks the routing table.
async fn local_address(host: &str, port: u16, only_ipv4: bool) -> io::Result<IpAddr> {
    let not = |kind, what: &str| io::Error::new(kind, format!("{host} {what}"));
    let remote = timeout(LOOKUP, lookup_host((host, port)))
        .await
        .map_err(|_| not(io::ErrorKind::TimedOut, "took too long to be looked up"))??
        // A listener on 0.0.0.0 is not reached by IPv6; one on [::] is reached by both.
        .find(|address| address.is_ipv4() || !only_ipv4)
        .ok_or_else(|| not(io::ErrorKind::NotFound, "has no address of that family"))?;
    let any: IpAddr = match remote {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(remote).await?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etcd_is_found_in_every_form_of_its_properties() {
        let found = |properties: Properties| etcd_in(&properties);
        let at = |host: &str, port| Some((host.to_owned(), port));
        let endpoints = |value: Value| found(Properties::from([("etcd.endpoints", value)]));
        assert_eq!(endpoints("a".into()), at("a", 2379));
        assert_eq!(endpoints("a:1,b:2".into()), at("a", 1));
        assert_eq!(endpoints(["https://a:1/", "b"].into()), at("a", 1));
        assert_eq!(endpoints("[::1]:5".into()), at("::1", 5));
        assert_eq!(endpoints("::1".into()), at("::1", 2379));
        let given = |port: Value| {
            found(Properties::from([
                ("etcd.hostname", Value::from("h")),
                ("etcd.port", port),
            ]))
        };
        assert_eq!(given(1.into()), at("h", 1));
        assert_eq!(given("1".into()), at("h", 1));
        assert_eq!(given(Value::Null), at("h", 2379));
        assert_eq!(found(Properties::new()), None);
        assert_eq!(found(Properties::from([("etcd.hostname", " ")])), None);
    }

    #[tokio::test]
    async fn a_local_etcd_is_reached_from_the_loopback_address() {
        let local = local_address("127.0.0.1", 2379, true).await.unwrap();
        assert_eq!(local, IpAddr::from([127, 0, 0, 1]));
        let local = local_address("localhost", 2379, true).await.unwrap();
        assert!(local.is_ipv4() && local.is_loopback());
        assert!(local_address("::1", 2379, true).await.is_err());
    }

    #[test]
    fn this_machine_is_known_by_its_loopback_names() {
        for host in [
            "localhost",
            "LOCALHOST",
            "127.0.0.1",
            "127.1.2.3",
            "[::1]",
            "::1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["example.org", "192.0.2.1", "", "localhost.example.org"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}

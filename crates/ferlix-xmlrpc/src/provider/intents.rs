//! The intents that the endpoints meet, and the two of them that depend on where the HTTP service listens.

use std::net::IpAddr;

use ferlix_http::HttpService;
use ferlix_remote::endpoint::names;

use crate::error::BoxError;

/// What all endpoints meet. Methods are asynchronous on this side whatever the peer, so `osgi.async` asks for nothing more.
pub(super) const INTENTS: [&str; 2] = [names::OSGI_BASIC, names::OSGI_ASYNC];
/// What some do: [`check`] says which.
const CONDITIONAL: [&str; 3] = [
    names::OSGI_BASIC_TIMEOUT,
    names::OSGI_CONFIDENTIAL,
    names::OSGI_PRIVATE,
];

pub(super) fn intents() -> Vec<String> {
    INTENTS.map(str::to_owned).into()
}

pub(super) fn conditional() -> Vec<String> {
    CONDITIONAL.map(str::to_owned).into()
}

/// Whether an intent, qualified or not, is among those that are asked for.
pub(super) fn has(intents: &[String], name: &str) -> bool {
    intents.iter().any(|intent| {
        intent
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Checks that endpoints of an HTTP service, advertised at `host`, meet what is asked for.
///
/// # Errors
/// Which intent they do not meet, why, and what to do.
pub(super) fn check(
    intents: &[String],
    http: &dyn HttpService,
    host: &str,
) -> Result<(), BoxError> {
    if has(intents, names::OSGI_CONFIDENTIAL) && !http.is_secure() {
        return Err(format!(
            "{} is not met: the HTTP service speaks plain HTTP, which others can read; give it a certificate \
             (ferlix.https.cert_file and ferlix.https.key_file)",
            names::OSGI_CONFIDENTIAL
        )
        .into());
    }
    if !has(intents, names::OSGI_PRIVATE) {
        return Ok(());
    }
    let bound = http.address().ip();
    if !is_private(bound) {
        return Err(format!(
            "{} is not met: the HTTP service listens on {bound}, which is no private address; set \
             ferlix.http.address to one",
            names::OSGI_PRIVATE
        )
        .into());
    }
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let advertised_private = host.eq_ignore_ascii_case("localhost")
        || address
            .parse()
            .is_ok_and(|address: IpAddr| is_private(address));
    if !advertised_private {
        return Err(format!(
            "{} is not met: peers are told the host {host}, which is no private address",
            names::OSGI_PRIVATE
        )
        .into());
    }
    Ok(())
}

/// Whether an address is of this machine (loopback) or of a private network: RFC 1918, and for IPv6 RFC 4193.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_private(mapped.into()),
            None => address.is_loopback() || address.is_unique_local(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_those_of_the_two_standards() {
        for address in [
            "127.0.0.1",
            "10.255.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.3.4",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "::",
            "8.8.8.8",
            "172.32.0.1",
            "192.169.0.1",
            "169.254.0.1",
            "100.64.0.1",
            "fe80::1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_qualified_intent_is_one_too() {
        let intents = [
            "osgi.confidential.tls".to_owned(),
            "osgi.privately".to_owned(),
        ];
        assert!(has(&intents, "osgi.confidential"));
        assert!(!has(&intents, "osgi.private"));
    }
}

//! The address of one etcd member, read from what a person wrote: `host`, `host:port`, `http://…`, `https://…`,
//! IPv6 hosts in brackets.

use std::fmt;

use http::Uri;

use crate::config::EtcdConfig;
use crate::error::Error;

/// The port on which etcd listens for clients unless told otherwise.
const DEFAULT_PORT: u16 = 2379;

/// One member, and whether to speak TLS with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// Reads all endpoints of a configuration.
    pub(crate) fn all(config: &EtcdConfig) -> Result<Vec<Self>, Error> {
        if config.endpoints.is_empty() {
            return Err(Error::Config("there is no endpoint".to_owned()));
        }
        config
            .endpoints
            .iter()
            .map(|text| Self::read(text.trim(), config.tls.is_some()))
            .collect()
    }

    fn read(text: &str, with_tls: bool) -> Result<Self, Error> {
        let wrong = |what: &str| Error::Config(format!("the endpoint {text:?} {what}"));
        let (tls, rest) = if let Some(rest) = text.strip_prefix("http://") {
            (false, rest)
        } else if let Some(rest) = text.strip_prefix("https://") {
            (true, rest)
        } else {
            (with_tls, text)
        };
        if tls && !with_tls {
            return Err(wrong(
                "is https, but there is no certificate authority to trust",
            ));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
            let (host, after) = bracketed
                .split_once(']')
                .ok_or_else(|| wrong("has no closing bracket"))?;
            (host, after.strip_prefix(':'))
        } else {
            match rest.split_once(':') {
                // More than one colon without brackets is an IPv6 host without a port.
                Some((_, after)) if after.contains(':') => (rest, None),
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => port.parse().map_err(|_| wrong("has a wrong port"))?,
        };
        let address = Self {
            tls,
            host: host.to_owned(),
            port,
        };
        if host.is_empty() || host.contains(['/', '@', '?', '#']) || address.origin().is_err() {
            return Err(wrong("has no proper host"));
        }
        Ok(address)
    }

    /// What requests carry as their scheme and authority. etcd takes the user from a client certificate only when the
    /// scheme is `https`.
    pub(crate) fn origin(&self) -> Result<Uri, Error> {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{self}")
            .parse()
            .map_err(|_| Error::Config(format!("{self} is not an address")))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_as_people_write_them() {
        for (text, with_tls, tls, shown) in [
            ("localhost", false, false, "localhost:2379"),
            ("etcd.example:1234", true, true, "etcd.example:1234"),
            ("http://10.0.0.1:1", true, false, "10.0.0.1:1"),
            ("https://a/", true, true, "a:2379"),
            ("[::1]:7", false, false, "[::1]:7"),
            ("::1", false, false, "[::1]:2379"),
        ] {
            let address = Address::read(text, with_tls).unwrap();
            assert_eq!(address.tls, tls, "{text}");
            assert_eq!(address.to_string(), shown, "{text}");
        }
        for text in [
            "",
            "a:b",
            "a:70000",
            "https://a",
            "[::1",
            ":1",
            "a b",
            "http://a/b",
        ] {
            Address::read(text, false).unwrap_err();
        }
    }
}

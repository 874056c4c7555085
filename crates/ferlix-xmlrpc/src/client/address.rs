//! [`Address`]: where the calls of an endpoint go, checked, with what every request says of it made once.

use http::header::InvalidHeaderValue;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};

use crate::error::Error;

/// Where calls go.
pub(super) struct Address {
    /// As it was given, with a scheme and an authority.
    pub(super) uri: Uri,
    /// The target of a request on a connection to it: the path and the query.
    pub(super) target: Uri,
    /// The value of `Host`.
    pub(super) host: HeaderValue,
}

impl Address {
    /// Checks a URL.
    ///
    /// # Errors
    /// [`Error::Address`] when it cannot be called; `https` can only with TLS.
    pub(super) fn parse(url: &str, has_tls: bool) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Address {
            url: url.to_owned(),
            reason: reason.to_owned(),
        };
        let uri: Uri = url
            .parse()
            .map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
        let scheme = uri.scheme().ok_or_else(|| wrong("it is no URL"))?;
        if *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS {
            return Err(wrong("only http and https are called"));
        }
        if *scheme == Scheme::HTTPS && !has_tls {
            return Err(wrong(
                "https needs the certificates to trust: set ecf.xmlrpc.client.tls.ca_file",
            ));
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err(wrong("a user name in it is not sent"));
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(wrong("it has no host"));
        }
        let host = host(&uri).map_err(|error| wrong(&error.to_string()))?;
        // A URL has a path: without one it is the root.
        let target = uri.path_and_query().cloned().map(Uri::from);
        Ok(Self {
            target: target.unwrap_or_default(),
            host,
            uri,
        })
    }
}

/// The host, and the port when it is not the usual one.
fn host(uri: &Uri) -> Result<HeaderValue, InvalidHeaderValue> {
    let usual = if uri.scheme() == Some(&Scheme::HTTPS) {
        443
    } else {
        80
    };
    let authority = match uri.port_u16() {
        Some(port) if port != usual => uri.authority().map(Authority::as_str),
        _ => uri.host(),
    };
    HeaderValue::from_str(authority.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_names_a_port_that_is_not_the_usual_one() {
        for (url, expected) in [
            ("http://example.org/x", "example.org"),
            ("http://example.org:80/x", "example.org"),
            ("http://example.org:443/x", "example.org:443"),
            ("https://example.org:443/x", "example.org"),
            ("https://example.org:80/x", "example.org:80"),
            ("http://example.org:/x", "example.org"),
            ("http://127.0.0.1:8080/x", "127.0.0.1:8080"),
            ("http://[::1]/x", "[::1]"),
            ("http://[::1]:8080/x", "[::1]:8080"),
        ] {
            assert_eq!(Address::parse(url, true).unwrap().host, expected, "{url}");
        }
    }
}

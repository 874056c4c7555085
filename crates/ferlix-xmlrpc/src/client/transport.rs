//! [`Transport`]: the pool of connections that all callers of a framework share.

use std::error::Error as _;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ferlix_http::{FileError, Reloaded};
use futures_util::TryFutureExt as _;
use http::header::InvalidHeaderValue;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsConnector;

use tokio::runtime::{Handle, TryCurrentError};

use super::connector::Connector;
use super::credentials::{Authorization, Credentials};
use crate::codec::Limits;
use crate::error::{BoxError, Error};
use crate::statistics::Statistics;

/// How a [`Transport`] connects and what it takes as an answer.
#[derive(Clone, Debug)]
pub struct TransportOptions {
    /// What an answer may hold (default: [`Limits::default`]).
    pub limits: Limits,
    /// How long a connection may take to be made, within the deadline of the call (default 5 s).
    pub connect_timeout: Duration,
    /// How long a connection is kept without a call (default 15 s: less than servers keep theirs, so that a call seldom meets
    /// one that is being closed).
    pub idle_timeout: Duration,
    /// Whether answers may come compressed by gzip (default false: it costs more than it saves on a fast network).
    pub gzip: bool,
    /// The certificates for `https`; without them only `http` is called (the default).
    pub tls: Option<TlsFiles>,
    /// What calls say of us (default: nothing).
    pub credentials: Option<Credentials>,
    /// What calls are counted in (default: of this pool alone).
    pub statistics: Arc<Statistics>,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(15),
            gzip: false,
            tls: None,
            credentials: None,
            statistics: Arc::default(),
        }
    }
}

/// The files, PEM, that `https` needs.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificates of the authorities that are trusted; no others are.
    pub authorities: PathBuf,
    /// The certificate chain and the private key that we show to a server that asks.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A pool of connections: HTTP/1.1 with keep-alive, and HTTP/1.0 peers that close. Cheap to clone, the pool is shared.
#[derive(Clone)]
pub struct Transport {
    client: legacy::Client<Connector, Full<Bytes>>,
    secure: bool,
    gzip: bool,
    limits: Arc<Limits>,
    authorization: Option<Arc<Authorization>>,
    statistics: Arc<Statistics>,
    runtime: Option<Handle>,
}

impl Transport {
    /// Makes an empty pool. Connections are made by calls, on the runtime of the call; for calls that are made outside of any,
    /// on the one that this is called on.
    ///
    /// # Errors
    /// [`Error::File`] when a certificate, a key or a secret cannot be used.
    pub fn new(options: &TransportOptions) -> Result<Self, Error> {
        let tls = options.tls.as_ref().map(connector).transpose()?;
        let authorization = options.credentials.as_ref().map(Authorization::new);
        let connector = Connector::new(tls.map(Arc::new), options.connect_timeout);
        let secure = connector.has_tls();
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(options.idle_timeout)
            // Of the head of an answer only the status and the length matter.
            .http1_max_buf_size(64 * 1024)
            // Only what was not yet written when an idle connection closed is sent again.
            .retry_canceled_requests(true)
            .build(connector);
        Ok(Self {
            client,
            secure,
            gzip: options.gzip,
            limits: Arc::new(options.limits.clone()),
            authorization: authorization.transpose()?.map(Arc::new),
            statistics: Arc::clone(&options.statistics),
            runtime: Handle::try_current().ok(),
        })
    }

    /// The runtime to go to when the thread that calls is on none.
    ///
    /// # Errors
    /// When there is none to go to, either.
    pub(super) fn elsewhere(&self) -> Result<Option<&Handle>, TryCurrentError> {
        match (Handle::try_current(), &self.runtime) {
            (Ok(_), _) => Ok(None),
            (Err(_), Some(runtime)) => Ok(Some(runtime)),
            (Err(error), None) => Err(error),
        }
    }

    pub(super) fn takes_gzip(&self) -> bool {
        self.gzip
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What calls are counted in.
    #[must_use]
    pub fn statistics(&self) -> &Arc<Statistics> {
        &self.statistics
    }

    /// What calls to an address say of us; `None` when nothing.
    pub(super) fn authorization(&self, uri: &Uri) -> Option<Arc<Authorization>> {
        let authorization = self.authorization.as_ref()?;
        if authorization.is_for(uri) {
            return Some(Arc::clone(authorization));
        }
        tracing::warn!(
            "{uri} is not told our credentials: it is not called by https, or not named in ecf.xmlrpc.client.auth.hosts"
        );
        None
    }

    /// Checks the address of an endpoint; out comes its `Host` too, which the pool would make anew for every call.
    pub(super) fn address(&self, url: &str) -> Result<(Uri, HeaderValue), Error> {
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
        if *scheme == Scheme::HTTPS && !self.secure {
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
        Ok((uri, host))
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> impl Future<Output = Result<Response<Incoming>, Error>> + use<> {
        self.client.request(request).map_err(|error| {
            let is_connect = error.is_connect();
            let cause = error.source().and_then(|cause| cause.downcast_ref());
            let is_parse = cause.is_some_and(hyper::Error::is_parse);
            let error = Box::new(error);
            if is_connect {
                Error::Connect(error)
            } else if is_parse {
                Error::Http(error)
            } else {
                Error::Lost(error)
            }
        })
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("secure", &self.secure)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
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

/// What makes TLS connections, of the files as they are now and again when they change.
fn connector(files: &TlsFiles) -> Result<Reloaded<TlsConnector>, Error> {
    let mut paths = vec![files.authorities.clone()];
    if let Some((certificate, key)) = &files.identity {
        paths.extend([certificate.clone(), key.clone()]);
    }
    let files = files.clone();
    let made = Reloaded::new("the certificates of our calls", paths, move |contents| {
        client_config(&files, contents).map(|config| TlsConnector::from(Arc::new(config)))
    });
    made.map_err(Error::File)
}

fn client_config(files: &TlsFiles, contents: &[Vec<u8>]) -> Result<ClientConfig, FileError> {
    let read = |file: &PathBuf, content: &[u8]| {
        let certificates = CertificateDer::pem_slice_iter(content)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| FileError::new(file, error))?;
        if certificates.is_empty() {
            return Err(FileError::new(file, "it holds no certificate"));
        }
        Ok(certificates)
    };
    let wrong = |source: BoxError| FileError::new(&files.authorities, source);
    let mut roots = RootCertStore::empty();
    for certificate in read(&files.authorities, &contents[0])? {
        roots
            .add(certificate)
            .map_err(|error| wrong(error.into()))?;
    }
    // The provider is given explicitly: a process that has chosen another default keeps it.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.into()))?
        .with_root_certificates(roots);
    let mut config = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = read(certificate, &contents[1])?;
            let private = PrivateKeyDer::from_pem_slice(&contents[2])
                .map_err(|error| FileError::new(key, error))?;
            builder
                .with_client_auth_cert(chain, private)
                .map_err(|error| FileError::new(certificate, error))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
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
            assert_eq!(host(&url.parse().unwrap()).unwrap(), expected, "{url}");
        }
    }
}

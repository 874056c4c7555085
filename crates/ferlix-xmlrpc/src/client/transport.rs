//! [`Transport`]: the pool of connections that all callers of a framework share.

use std::error::Error as _;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::connector::Connector;
use crate::codec::Limits;
use crate::error::{BoxError, Error};

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
    /// The certificates for `https`; without them only `http` is called (the default).
    pub tls: Option<TlsFiles>,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(15),
            tls: None,
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
    limits: Arc<Limits>,
}

impl Transport {
    /// Makes an empty pool. Connections are made by calls, on the runtime of the call.
    ///
    /// # Errors
    /// [`Error::TlsFile`] when a certificate or key cannot be used.
    pub fn new(options: &TransportOptions) -> Result<Self, Error> {
        let tls = options.tls.as_ref().map(client_config).transpose()?;
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
            limits: Arc::new(options.limits.clone()),
        })
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Checks the address of an endpoint.
    pub(super) fn address(&self, url: &str) -> Result<Uri, Error> {
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
        Ok(uri)
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Error> {
        self.client.request(request).await.map_err(|error| {
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

fn client_config(files: &TlsFiles) -> Result<ClientConfig, Error> {
    let wrong = |file: &Path, source: BoxError| Error::TlsFile {
        file: file.to_owned(),
        source,
    };
    let read = |file: &Path| -> Result<Vec<CertificateDer<'static>>, Error> {
        let certificates = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(file, error.into()))?;
        if certificates.is_empty() {
            return Err(wrong(file, "it holds no certificate".into()));
        }
        Ok(certificates)
    };
    let mut roots = RootCertStore::empty();
    for certificate in read(&files.authorities)? {
        roots
            .add(certificate)
            .map_err(|error| wrong(&files.authorities, error.into()))?;
    }
    // The provider is given explicitly: a process that has chosen another default keeps it.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&files.authorities, error.into()))?
        .with_root_certificates(roots);
    let mut config = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = read(certificate)?;
            let private =
                PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.into()))?;
            builder
                .with_client_auth_cert(chain, private)
                .map_err(|error| wrong(certificate, error.into()))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

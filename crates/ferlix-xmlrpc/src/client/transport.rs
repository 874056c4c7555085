//! [`Transport`]: how all callers of a framework connect, and the pools of connections that they share.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use ferlix_http::{FileError, Reloaded};
use http::Uri;
use http::uri::{Authority, Scheme};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsConnector;

use tokio::runtime::{Handle, TryCurrentError};

use super::address::Address;
use super::connector::Connector;
use super::credentials::{Authorization, Credentials};
use super::pool::Pool;
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
    /// What calls are counted in (default: of this transport alone).
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

/// What connections are shared by: whether they are secure, and the authority, which has no case.
type Origin = (bool, String);

/// How calls connect: by HTTP/1.1 with keep-alive, and to HTTP/1.0 peers that close. Cheap to clone, the connections are shared.
#[derive(Clone)]
pub struct Transport {
    connector: Connector,
    idle_timeout: Duration,
    pools: Arc<Mutex<HashMap<Origin, Weak<Pool>>>>,
    gzip: bool,
    limits: Arc<Limits>,
    authorization: Option<Arc<Authorization>>,
    statistics: Arc<Statistics>,
    runtime: Option<Handle>,
}

impl Transport {
    /// Connects to nothing yet. Connections are made by calls, on the runtime of the call; for calls that are made outside of any,
    /// on the one that this is called on.
    ///
    /// # Errors
    /// [`Error::File`] when a certificate, a key or a secret cannot be used.
    pub fn new(options: &TransportOptions) -> Result<Self, Error> {
        let tls = options.tls.as_ref().map(connector).transpose()?;
        let authorization = options.credentials.as_ref().map(Authorization::new);
        let connector = Connector::new(tls.map(Arc::new), options.connect_timeout);
        Ok(Self {
            connector,
            idle_timeout: options.idle_timeout,
            pools: Arc::default(),
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

    /// Checks the URL of an endpoint.
    pub(super) fn address(&self, url: &str) -> Result<Address, Error> {
        Address::parse(url, self.connector.has_tls())
    }

    /// The connections to an address.
    pub(super) fn pool(&self, address: &Uri) -> Arc<Pool> {
        let is_secure = address.scheme() == Some(&Scheme::HTTPS);
        let authority = address.authority().map_or("", Authority::as_str);
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        // Before there must be more room, those are forgotten that nobody uses any more.
        if pools.len() == pools.capacity() {
            pools.retain(|_, pool| pool.strong_count() > 0);
        }
        let known = pools.entry((is_secure, authority.to_ascii_lowercase()));
        let known = known.or_default();
        known.upgrade().unwrap_or_else(|| {
            let pool = Pool::new(address.clone(), self.connector.clone(), self.idle_timeout);
            *known = Arc::downgrade(&pool);
            pool
        })
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("secure", &self.connector.has_tls())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
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

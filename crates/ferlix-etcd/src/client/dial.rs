//! Opening the byte stream below a connection: TCP or whatever a [`Dial`] brings (an in-memory stream in a simulation),
//! and TLS over it.
//!
//! TLS is done here and not by the gRPC library, because then the files are read anew at each dial and the error says
//! what is wrong with them.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::address::Address;
use crate::config::TlsConfig;
use crate::error::{Error, NO_IDENTITY_HINT};

/// Anything that bytes can be read from and written to.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// An open byte stream to an endpoint.
#[non_exhaustive]
pub struct Dialed {
    /// The stream.
    pub stream: Box<dyn ByteStream>,
    /// Our own address on it, where it has one.
    pub local_address: Option<SocketAddr>,
}

impl Dialed {
    /// A stream, and our own address on it.
    pub fn new(stream: impl ByteStream + 'static, local_address: Option<SocketAddr>) -> Self {
        Self {
            stream: Box::new(stream),
            local_address,
        }
    }
}

impl fmt::Debug for Dialed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialed")
            .field("local_address", &self.local_address)
            .finish_non_exhaustive()
    }
}

/// What [`Dial::dial`] answers.
pub type DialFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Dialed>> + Send + 'a>>;

/// Opens byte streams to endpoints. It is asked once for each connection attempt; the caller sets the deadline.
pub trait Dial: fmt::Debug + Send + Sync {
    /// Opens a stream to this host and port.
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> DialFuture<'a>;
}

/// Dials with TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpDial;

impl Dial for TcpDial {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> DialFuture<'a> {
        Box::pin(async move {
            let stream = TcpStream::connect((host, port)).await?;
            stream.set_nodelay(true)?;
            let local = stream.local_addr().ok();
            Ok(Dialed::new(stream, local))
        })
    }
}

/// Lays TLS over a stream.
pub(crate) async fn secure(
    dialed: Dialed,
    address: &Address,
    tls: &TlsConfig,
) -> Result<Dialed, Error> {
    let endpoint = address.to_string();
    let config = client_config(tls).await?;
    let name = tls.server_name.as_deref().unwrap_or(&address.host);
    let name = ServerName::try_from(name.to_owned()).map_err(|source| Error::Tls {
        endpoint: endpoint.clone(),
        hint: "",
        source: Arc::new(source),
    })?;
    let local_address = dialed.local_address;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, dialed.stream)
        .await
        .map_err(|source| match source.kind() {
            // rustls reports what it finds wrong as `InvalidData`; the rest is the network below it.
            io::ErrorKind::InvalidData => Error::Tls {
                endpoint,
                hint: if tls.identity.is_none() {
                    hint_of(&source)
                } else {
                    ""
                },
                source: Arc::new(source),
            },
            _ => Error::connect(&endpoint, source),
        })?;
    Ok(Dialed::new(stream, local_address))
}

/// A fatal alert of the peer, rather than a finding of our own, may be about the certificate that we did not send.
fn hint_of(source: &io::Error) -> &'static str {
    if source.to_string().contains("alert") {
        NO_IDENTITY_HINT
    } else {
        ""
    }
}

async fn client_config(tls: &TlsConfig) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&tls.ca).await? {
        roots
            .add(certificate)
            .map_err(|source| unusable(&tls.ca, source))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|source| Error::Config(source.to_string()))?
        .with_root_certificates(roots);
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates(&identity.certificate).await?;
            let key = PrivateKeyDer::from_pem_slice(&read(&identity.key).await?)
                .map_err(|source| unusable(&identity.key, source))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|source| unusable(&identity.key, source))?
        }
    };
    // gRPC servers insist on it.
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

async fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(path).await?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|source| unusable(path, source))?;
    if found.is_empty() {
        return Err(unusable(path, io::Error::other("it holds no certificate")));
    }
    Ok(found)
}

async fn read(path: &Path) -> Result<Vec<u8>, Error> {
    tokio::fs::read(path)
        .await
        .map_err(|source| unusable(path, source))
}

fn unusable(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::File {
        path: path.to_owned(),
        source: Arc::new(source),
    }
}

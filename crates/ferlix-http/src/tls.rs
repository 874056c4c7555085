//! HTTPS: reads certificate and key, and tells a TLS handshake from plain HTTP.
//!
//! TLS 1.2 and 1.3 by rustls with the ring provider, given explicitly: a process that has chosen another default keeps it.
//! Deliberately absent: client certificates and reloading.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::error::{BoxError, HttpError};
use crate::server::TlsFiles;

/// The type of the first record of a TLS connection (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

/// Makes the acceptor from the files.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, HttpError> {
    let wrong = |file: &Path, source: BoxError| HttpError::TlsFile {
        file: file.to_owned(),
        source,
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(&files.certificate, error.into()))?;
    if chain.is_empty() {
        return Err(wrong(&files.certificate, "it holds no certificate".into()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| wrong(&files.key, error.into()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&files.certificate, error.into()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong(&files.key, error.into()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Whether the client begins a TLS handshake; waits for its first byte.
pub(crate) async fn is_handshake(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(first[0] == HANDSHAKE),
    }
}

//! HTTPS: makes what accepts TLS connections of certificate, key and authorities, and tells a TLS handshake from plain
//! HTTP.
//!
//! TLS 1.2 and 1.3 by rustls with the ring provider, given explicitly: a process that has chosen another default keeps it.
//! Files that change are used for the connections that come after; those that are open stay as they are. Deliberately
//! absent: lists of revoked certificates.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::error::{BoxError, HttpError};
use crate::reload::{FileError, Reloaded};
use crate::security::Clients;
use crate::server::TlsFiles;

/// The type of the first record of a TLS connection (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;

/// Makes the acceptor from the files, and again when they change.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<Reloaded<TlsAcceptor>, HttpError> {
    let mut paths = vec![files.certificate.clone(), files.key.clone()];
    paths.extend(files.client_authorities.clone());
    let files = files.clone();
    Reloaded::new("HTTPS", paths, move |contents| make(&files, contents)).map_err(HttpError::File)
}

fn make(files: &TlsFiles, contents: &[Vec<u8>]) -> Result<TlsAcceptor, FileError> {
    let bad_chain = |source: BoxError| FileError::new(&files.certificate, source);
    let bad_key = |source: BoxError| FileError::new(&files.key, source);
    let chain = CertificateDer::pem_slice_iter(&contents[0])
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad_chain(error.into()))?;
    if chain.is_empty() {
        return Err(bad_chain("it holds no certificate".into()));
    }
    let key = PrivateKeyDer::from_pem_slice(&contents[1]).map_err(|error| bad_key(error.into()))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad_chain(error.into()))?;
    let builder = match &files.client_authorities {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let clients = Clients {
                authorities: authorities.clone(),
                required: files.client_required,
            };
            builder.with_client_cert_verifier(clients.verifier(&contents[2], provider)?)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| bad_key(error.into()))?;
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

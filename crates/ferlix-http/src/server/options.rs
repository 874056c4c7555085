//! [`ServerOptions`]: where a server listens, and its limits.

use std::path::PathBuf;
use std::time::Duration;

use crate::security::SecurityOptions;

/// Where a server listens, and its limits. The fields are the properties of the component; see there for each.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The address or host name to listen on.
    pub host: String,
    /// The port; 0 for a free one.
    pub port: u16,
    /// Certificate chain and private key, PEM files, for HTTPS (default: plain HTTP).
    pub tls: Option<TlsFiles>,
    /// Who may come in, and how often (default: everybody, without limit).
    pub security: SecurityOptions,
    /// How often the files of certificates, passwords and tokens are looked at (default 5 s).
    pub reload_interval: Duration,
    /// The largest body of a request in bytes; `u64::MAX` for no limit (default 1 MiB).
    pub max_body_size: u64,
    /// The largest request line and header in bytes (default 32 KiB).
    pub max_header_size: usize,
    /// How many connections may be open; others wait to be accepted (default 4,096).
    pub max_connections: usize,
    /// How long a request line and its header may take (default 30 s, never more than `socket_timeout`).
    pub header_timeout: Duration,
    /// The longest pause: between requests, within a body, and while the client does not read (default 60 s).
    pub socket_timeout: Duration,
    /// How long requests may take to be answered when the server stops (default 5 s).
    pub drain: Duration,
    /// Whether paths that differ in the case of (ASCII) letters differ (default true).
    pub case_sensitive_paths: bool,
}

/// The files that make HTTPS.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The certificate and those that signed it, PEM.
    pub certificate: PathBuf,
    /// The private key of the certificate, PEM.
    pub key: PathBuf,
    /// The certificates of those that sign certificates of clients, PEM (default: clients are not asked for one).
    pub client_authorities: Option<PathBuf>,
    /// Whether a client must show a certificate, or may (default true; nothing without authorities).
    pub client_required: bool,
}

impl TlsFiles {
    /// Certificate and key, without certificates of clients.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_authorities: None,
            client_required: true,
        }
    }
}

impl ServerOptions {
    /// The defaults, on an address and port (0 for a free one).
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            tls: None,
            security: SecurityOptions::default(),
            reload_interval: Duration::from_secs(5),
            max_body_size: 1024 * 1024,
            max_header_size: 32 * 1024,
            max_connections: 4096,
            header_timeout: Duration::from_secs(30),
            socket_timeout: Duration::from_secs(60),
            drain: Duration::from_secs(5),
            case_sensitive_paths: true,
        }
    }
}

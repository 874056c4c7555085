//! [`ServerOptions`]: where a server listens, and its limits.

use std::path::PathBuf;
use std::time::Duration;

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
pub struct TlsFiles {
    /// The certificate and those that signed it, PEM.
    pub certificate: PathBuf,
    /// The private key of the certificate, PEM.
    pub key: PathBuf,
}

impl ServerOptions {
    /// The defaults, on an address and port (0 for a free one).
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            tls: None,
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

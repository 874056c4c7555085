//! What an etcd client and a session are told: where etcd is, who we are, and how long to wait.
//!
//! Plain data with defaults; nothing is read from the environment or from a file until it is needed, and files (TLS,
//! password) are read anew each time so that they may be replaced while the program runs. A password never shows in
//! `Debug`, a log line or an error. What is wrong with the values is said by [`Session::start`](crate::Session::start)
//! and [`Client::connect`](crate::Client::connect), not here.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{Dial, TcpDial};
use crate::error::Error;

/// The key under which Eclipse ECF and iPOPO advertise endpoints unless told otherwise.
pub const DEFAULT_TOP_KEY: &str =
    "org.eclipse.ecf.provider.etcd3.container.Etcd3DiscoveryContainer";

/// How to reach etcd, and what one call may cost.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EtcdConfig {
    /// Where etcd is: `host`, `host:port`, `http://host:port` or `https://host:port`, one for each member that may be
    /// used. One is used at a time, for as long as it answers. Default: `localhost:2379`.
    pub endpoints: Vec<String>,
    /// TLS. With it, endpoints without a scheme are `https`; an `https` endpoint demands it. Default: none.
    pub tls: Option<TlsConfig>,
    /// The etcd user. Default: none, for an etcd without authentication (or one that takes the user's name from the
    /// client certificate).
    pub credentials: Option<Credentials>,
    /// How long a connection attempt or a call may take. Default: 3 s.
    pub call_timeout: Duration,
    /// Refuse to read and watch on a member that is cut off from its leader, so that another one is tried.
    /// Default: true.
    pub require_leader: bool,
    /// How many keys one page of a range holds; less when the values are too large for one message. Default: 1000.
    pub page_size: u32,
    /// The largest message that is accepted, in bytes. Default: 16 MiB.
    pub max_message_size: usize,
    /// How a byte stream to an endpoint is opened. Default: TCP.
    pub dial: Arc<dyn Dial>,
}

impl EtcdConfig {
    /// The defaults, with these endpoints.
    pub fn new<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

impl Default for EtcdConfig {
    fn default() -> Self {
        Self {
            endpoints: vec!["localhost:2379".to_owned()],
            tls: None,
            credentials: None,
            call_timeout: Duration::from_secs(3),
            require_leader: true,
            page_size: 1000,
            max_message_size: 16 * 1024 * 1024,
            dial: Arc::new(TcpDial),
        }
    }
}

/// The files of a TLS connection, all PEM, read anew for each connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsConfig {
    /// The certificates of the authorities that are trusted; there are no others.
    pub ca: PathBuf,
    /// Our own certificate (with the chain below it) and its private key, where etcd asks for one.
    pub identity: Option<TlsIdentity>,
    /// The name to expect in etcd's certificate. Default: the host of the endpoint.
    pub server_name: Option<String>,
}

impl TlsConfig {
    /// TLS that trusts the authorities in `ca`, without a certificate of our own.
    pub fn new(ca: impl Into<PathBuf>) -> Self {
        Self {
            ca: ca.into(),
            identity: None,
            server_name: None,
        }
    }
}

/// The files with which a client proves who it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsIdentity {
    /// The certificate, followed by the chain below it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl TlsIdentity {
    /// The identity in these two files.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
        }
    }
}

/// An etcd user and where the password is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Credentials {
    /// The name of the user.
    pub user: String,
    /// The password.
    pub password: Password,
}

impl Credentials {
    /// A user with a password.
    pub fn new(user: impl Into<String>, password: Password) -> Self {
        Self {
            user: user.into(),
            password,
        }
    }
}

/// Where a password comes from. It is looked up at each authentication and never shown.
#[derive(Clone)]
#[non_exhaustive]
pub enum Password {
    /// The environment variable of this name.
    Environment(String),
    /// The text of this file, without the line end.
    File(PathBuf),
    /// This text.
    Value(String),
}

impl Password {
    /// Looks the password up.
    pub(crate) async fn reveal(&self) -> Result<String, Error> {
        match self {
            Self::Value(text) => Ok(text.clone()),
            Self::Environment(name) => std::env::var(name).map_err(|_| {
                Error::Config(format!(
                    "the environment variable {name} with the etcd password is not set (or is not UTF-8)"
                ))
            }),
            Self::File(path) => match tokio::fs::read_to_string(path).await {
                Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(source) => Err(Error::File {
                    path: path.clone(),
                    source: Arc::new(source),
                }),
            },
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => f.debug_tuple("Environment").field(name).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Value(_) => f.write_str("Value(..)"),
        }
    }
}

/// A session: who we are in etcd, and how it is kept alive.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionConfig {
    /// How to reach etcd.
    pub client: EtcdConfig,
    /// The first segment of every key, without a `/`. Default: [`DEFAULT_TOP_KEY`].
    pub top_key: String,
    /// The second segment of our keys, without a `/`; a UUID of its own for each session, or peers ignore it.
    pub session_id: String,
    /// How long our keys outlive us, asked of etcd in whole seconds; etcd may grant more. Default: 30 s.
    pub lease_ttl: Duration,
    /// How often the lease is renewed; lowered (with one warning) to half of the granted time. Default: none, which is a
    /// third of the granted time.
    pub keepalive_interval: Option<Duration>,
    /// How long [`Session::close`](crate::Session::close) may take. Default: 5 s.
    pub disconnect_timeout: Duration,
    /// After so long without a word a watch is asked whether it is still there. Default: 10 s.
    pub progress_interval: Duration,
    /// How long the answer to that may take before the watch is taken for dead. Default: 3 s.
    pub progress_deadline: Duration,
    /// Makes every random delay repeatable. Default: none, which is a different sequence in each session.
    pub jitter_seed: Option<u64>,
}

impl SessionConfig {
    /// The defaults, for this etcd and this session identifier.
    pub fn new(client: EtcdConfig, session_id: impl Into<String>) -> Self {
        Self {
            client,
            top_key: DEFAULT_TOP_KEY.to_owned(),
            session_id: session_id.into(),
            lease_ttl: Duration::from_secs(30),
            keepalive_interval: None,
            disconnect_timeout: Duration::from_secs(5),
            progress_interval: Duration::from_secs(10),
            progress_deadline: Duration::from_secs(3),
            jitter_seed: None,
        }
    }

    /// Says what cannot work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (what, text) in [
            ("top key", &self.top_key),
            ("session identifier", &self.session_id),
        ] {
            if text.is_empty() || text.contains(['/', '\0']) {
                return Err(Error::Config(format!(
                    "the {what} {text:?} must not be empty nor contain a slash or a zero byte"
                )));
            }
        }
        for (what, time) in [
            ("lease time", self.lease_ttl),
            ("call timeout", self.client.call_timeout),
            ("disconnect timeout", self.disconnect_timeout),
            ("progress interval", self.progress_interval),
            ("progress deadline", self.progress_deadline),
            (
                "keep-alive interval",
                self.keepalive_interval.unwrap_or(Duration::MAX),
            ),
        ] {
            if time.is_zero() {
                return Err(Error::Config(format!("the {what} must not be zero")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_show() {
        let credentials = Credentials::new("root", Password::Value("s3cret".into()));
        let mut config = EtcdConfig::new(["a:1"]);
        config.credentials = Some(credentials);
        let shown = format!("{:?}", SessionConfig::new(config, "s"));
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("root"), "{shown}");
    }

    #[tokio::test]
    async fn a_password_file_is_read_each_time_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let password = Password::File(path.clone());
        let missing = password.reveal().await.unwrap_err();
        assert!(matches!(missing, Error::File { .. }), "{missing:?}");
        for text in ["one", "two"] {
            std::fs::write(&path, format!("{text}\r\n")).unwrap();
            assert_eq!(password.reveal().await.unwrap(), text);
        }
    }

    #[test]
    fn keys_with_slashes_and_zero_times_are_refused() {
        let good = SessionConfig::new(EtcdConfig::default(), "s");
        good.check().unwrap();
        let mut slash = good.clone();
        slash.top_key = "a/b".into();
        assert!(slash.check().unwrap_err().to_string().contains("top key"));
        let mut zero = good;
        zero.keepalive_interval = Some(Duration::ZERO);
        assert!(zero.check().unwrap_err().to_string().contains("keep-alive"));
    }
}

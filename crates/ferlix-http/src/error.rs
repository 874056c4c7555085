//! [`HttpError`]: what the HTTP service refuses, and who is at fault.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::io;

use crate::path::PathError;
use crate::reload::FileError;

/// An error of a user's code, of any type.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why the server could not be started or a handler not be mounted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The operating system refused the address (the configuration is at fault).
    #[error(
        "cannot listen on {host}:{port}: {source}; set ferlix.http.address to an address of this machine"
    )]
    Address {
        /// The address or host name.
        host: String,
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// A name or password cannot stand in a file of them.
    #[error("no entry can be made for {name:?}: {reason}")]
    Entry {
        /// The name.
        name: String,
        /// What is wrong with it or its password.
        reason: String,
    },
    /// A file of certificates, keys, passwords or tokens cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A property has a value that makes no sense (the configuration is at fault).
    #[error("property {name} is {value}: {reason}")]
    InvalidProperty {
        /// The property.
        name: &'static str,
        /// Its value, as text.
        value: String,
        /// What is expected.
        reason: String,
    },
    /// The server has not started yet, or has stopped.
    #[error("the HTTP server is not running")]
    NotRunning,
    /// A mount path must not be served (the caller of `mount` is at fault).
    #[error("invalid path {path:?}: {source}")]
    Path {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// Another handler has the path.
    #[error("path {path} is taken by {holder}: unmount it or choose another path")]
    PathTaken {
        /// The normalised path.
        path: String,
        /// Who mounted it.
        holder: String,
    },
    /// Another program has the port.
    #[error(
        "port {port} on {host} is taken: choose another with -D ferlix.http.port=… or stop the program that uses it"
    )]
    PortTaken {
        /// The address or host name.
        host: String,
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The port may not be used without more rights.
    #[error(
        "port {port} on {host} may not be used by this user: choose one above 1023 with -D ferlix.http.port=…"
    )]
    PortForbidden {
        /// The address or host name.
        host: String,
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// Only one of certificate and key was given.
    #[error(
        "HTTPS needs both ferlix.https.cert_file and ferlix.https.key_file: {missing} is not set"
    )]
    TlsIncomplete {
        /// The property that is missing.
        missing: &'static str,
    },
}

/// What a panic of `who` said.
pub(crate) fn panic_message(who: &str, panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("{who} panicked: {}", text.unwrap_or("(no message)"))
}

/// An error with its causes, on one line, for the log.
pub(crate) struct Causes<'a>(pub(crate) &'a (dyn StdError + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Many errors repeat their cause in their own text.
            if !last.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            last = text;
            cause = error.source();
        }
        Ok(())
    }
}

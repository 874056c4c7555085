//! [`Error`]: what the client and the provider refuse or meet, and who is at fault. A call's own failure is a
//! [`CallError`](ferlix_core::service::CallError), of which an `Error` may be the source.

use ferlix_http::FileError;
use std::borrow::Cow;
use std::error::Error as StdError;

use crate::codec::CodecError;
use crate::provider::RuleError;

/// Any error of a layer beneath.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why something could not be set up, or what went wrong beneath a call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address of an endpoint cannot be called (the exporter's configuration is at fault).
    #[error("{url:?} is no address that can be called: {reason}")]
    Address {
        /// The address as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is no XML-RPC (the peer is at fault).
    #[error("the answer cannot be read: {0}")]
    Codec(#[from] CodecError),
    /// No connection could be made: the request did not reach the service.
    #[error("no connection: {}", root(&**.0))]
    Connect(#[source] BoxError),
    /// A file of certificates, keys or credentials cannot be used (the configuration is at fault).
    #[error(transparent)]
    File(#[from] FileError),
    /// The answer is no HTTP (the peer is at fault).
    #[error("the answer is not HTTP: {}", root(&**.0))]
    Http(#[source] BoxError),
    /// The connection broke after the request was sent and before the answer was there: the service may have run.
    #[error("the connection broke before the answer was there; the service may have run: {}", root(&**.0))]
    Lost(#[source] BoxError),
    /// A property has a value that makes no sense (the configuration is at fault).
    #[error("property {name} is {value}: {reason}")]
    Property {
        /// The property.
        name: Cow<'static, str>,
        /// Its value, as text.
        value: String,
        /// What is expected.
        reason: String,
    },
    /// A rule cannot be read (the configuration is at fault).
    #[error("property {name}: {source}")]
    Rule {
        /// The property.
        name: &'static str,
        /// Which rule, and what is wrong with it.
        source: RuleError,
    },
}

/// The innermost cause: what lies above it says only which layer passed it on.
fn root<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root
}

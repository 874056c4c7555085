//! [`Error`]: what the Remote Service Admin, the endpoint descriptions and their codecs refuse, and who is at fault.

use std::sync::Arc;

use crate::endpoint::excerpt::{QUOTED, excerpt};
use crate::provider::BoxError;

/// Why something remote was refused or failed.
///
/// It is cheap to clone: a failed registration, its event and the listing of the shell all hold the same one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registration was closed before.
    #[error("{what} already closed")]
    Closed {
        /// Which registration: `ExportRegistration` or `ImportRegistration`.
        what: &'static str,
    },
    /// A file of endpoint descriptions is malformed (its writer is at fault).
    #[error("invalid endpoint description file{}: {reason}", at(*.offset))]
    Edef {
        /// The byte at which it was noticed, where known.
        offset: Option<u64>,
        /// What is wrong.
        reason: String,
    },
    /// A file of endpoint descriptions cannot be read.
    #[error("file {file}: {source}")]
    File {
        /// The file.
        file: String,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// A property of an endpoint description has the wrong type or content (the exporter is at fault).
    #[error("endpoint property {name}: {reason}")]
    InvalidProperty {
        /// The key; only its beginning when it is long.
        name: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// An endpoint description lacks a required property (the exporter is at fault).
    #[error("endpoint property {name} is missing")]
    MissingProperty {
        /// The key.
        name: &'static str,
    },
    /// No distribution provider takes this endpoint or service.
    #[error("{what}: {reason}")]
    NoProvider {
        /// What was to be exported or imported.
        what: String,
        /// Which providers there are and what they lack.
        reason: String,
    },
    /// A service cannot be exported as asked (the caller or the service's properties are at fault).
    #[error("service {service} cannot be exported: {reason}")]
    NotExportable {
        /// The service.
        service: String,
        /// Why not.
        reason: String,
    },
    /// An imported endpoint changed in what a proxy cannot follow: it must be imported anew.
    #[error("endpoint {endpoint} must be imported anew: {what} changed")]
    NotUpdatable {
        /// The endpoint.
        endpoint: String,
        /// What changed.
        what: &'static str,
    },
    /// A distribution provider failed.
    #[error("provider {provider} could not {action}: {source}")]
    Provider {
        /// The provider.
        provider: String,
        /// What it was asked to do.
        action: &'static str,
        /// What it said.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The registry refused, e.g. an interface name of an endpoint (its exporter is at fault).
    #[error("the proxy of endpoint {endpoint} could not be registered: {source}")]
    Registry {
        /// The endpoint.
        endpoint: String,
        /// What the registry said.
        source: Arc<ferlix_core::Error>,
    },
    /// The input is larger than what is accepted.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The update is for another endpoint than the registration's.
    #[error("the update is for endpoint {given}, not for {expected}")]
    WrongEndpoint {
        /// The endpoint of the registration.
        expected: String,
        /// The endpoint of the update.
        given: String,
    },
}

impl Error {
    /// A provider's own error.
    pub(crate) fn provider(provider: &str, action: &'static str, source: BoxError) -> Self {
        Self::Provider {
            provider: provider.to_owned(),
            action,
            source: source.into(),
        }
    }

    /// A bad property; its name may be a peer's, so a long one is cut.
    pub(crate) fn invalid(name: &str, reason: impl Into<String>) -> Self {
        Self::InvalidProperty {
            name: excerpt(name, QUOTED).into_owned(),
            reason: reason.into(),
        }
    }
}

/// The place of an error, as text for its message.
fn at(offset: Option<u64>) -> String {
    offset.map_or_else(String::new, |offset| format!(" at byte {offset}"))
}

//! What can go wrong with a record or a configuration, by who has to act: the peer that wrote a bad record, the exporter
//! whose endpoint cannot be written, the operator whose property makes no sense, or etcd.

/// Why a record was not read or not written, or why the provider does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The properties of a record are no endpoint description (its writer is at fault).
    #[error("not an endpoint description: {0}")]
    Endpoint(#[from] ferlix_remote::Error),
    /// The etcd session refused (see there).
    #[error(transparent)]
    Etcd(#[from] ferlix_etcd::Error),
    /// A record is not JSON, or not the JSON that was expected (its writer is at fault).
    #[error("not the JSON of an endpoint: {0}")]
    Json(#[source] serde_json::Error),
    /// A key is no text (its writer is at fault).
    #[error("the key is not UTF-8")]
    Key,
    /// A record is larger than what is accepted (its writer is at fault).
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A record of another service type than Remote Service Admin's (nobody's fault).
    #[error("the service type is not {expected}")]
    OtherService {
        /// The type that endpoints have.
        expected: &'static str,
    },
    /// A property of the component makes no sense (the operator's fault).
    #[error("property {key}: {reason}")]
    Property {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// An endpoint is not written, because some peer would suffer from it (the exporter is at fault).
    #[error("the record of endpoint {endpoint} is refused: {reason}")]
    Refused {
        /// The endpoint.
        endpoint: String,
        /// What a peer could not stand.
        reason: String,
    },
}

impl Error {
    /// The kind in one word, for counting.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Endpoint(_) => "endpoint",
            Self::Etcd(_) => "etcd",
            Self::Json(_) => "json",
            Self::Key => "key",
            Self::Limit { .. } => "limit",
            Self::OtherService { .. } => "other-service",
            Self::Property { .. } => "property",
            Self::Refused { .. } => "refused",
        }
    }
}

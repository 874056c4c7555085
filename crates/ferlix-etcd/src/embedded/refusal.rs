//! Why the server refuses a request: etcd's own sentences and gRPC codes.
//!
//! Clients in the field compare these texts (Go's client maps them back to its error values, Python's looks for
//! sub-strings), so they are the protocol's, to the letter. Nothing here says what to do; that is the client's part.

use tonic::{Code, Status};

/// Why a request was not done; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("etcdserver: authentication is not enabled")]
    AuthNotEnabled,
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted,
    #[error("etcdserver: duplicate key given in txn request")]
    DuplicateKey,
    #[error("etcdserver: key is not provided")]
    EmptyKey,
    #[error("etcdserver: mvcc: required revision is a future revision")]
    FutureRevision,
    #[error("etcdserver: key not found")]
    KeyNotFound,
    #[error("etcdserver: lease already exists")]
    LeaseExists,
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    #[error("etcdserver: lease is provided")]
    LeaseProvided,
    #[error("etcdserver: too large lease TTL")]
    LeaseTtlTooLarge,
    #[error("etcdserver: mvcc: database space exceeded")]
    NoSpace,
    #[error("etcdserver: request is too large")]
    RequestTooLarge,
    #[error("etcdserver: server stopped")]
    Stopped,
    #[error("etcdserver: too many operations in txn request")]
    TooManyOperations,
    #[error("etcdserver: value is provided")]
    ValueProvided,
}

impl Refusal {
    fn code(self) -> Code {
        match self {
            Self::AuthNotEnabled | Self::LeaseExists => Code::FailedPrecondition,
            Self::Compacted | Self::FutureRevision | Self::LeaseTtlTooLarge => Code::OutOfRange,
            Self::LeaseNotFound => Code::NotFound,
            Self::NoSpace => Code::ResourceExhausted,
            Self::Stopped => Code::Unavailable,
            Self::DuplicateKey
            | Self::EmptyKey
            | Self::KeyNotFound
            | Self::LeaseProvided
            | Self::RequestTooLarge
            | Self::TooManyOperations
            | Self::ValueProvided => Code::InvalidArgument,
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}

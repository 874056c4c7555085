//! Why a figure could not be taken.

use std::io;

/// What went wrong while measuring; a figure with an error in it is no figure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The answer to a call was not the one expected.
    #[error("a wrong answer: {0}")]
    Answer(String),
    /// A call through a proxy failed.
    #[error("a call: {0}")]
    Call(#[from] ferlix::service::CallError),
    /// An etcd server refused.
    #[error("etcd: {0}")]
    Etcd(#[from] tonic::Status),
    /// An etcd session or client failed.
    #[error("etcd: {0}")]
    EtcdClient(#[from] ferlix_etcd::Error),
    /// The connection to an etcd server failed.
    #[error("etcd: {0}")]
    EtcdConnection(#[from] tonic::transport::Error),
    /// A framework refused.
    #[error("a framework: {0}")]
    Framework(#[from] ferlix::Error),
    /// HTTP failed on a connection.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// HTTP failed in the pooled client.
    #[error("HTTP: {0}")]
    Pool(#[from] hyper_util::client::legacy::Error),
    /// A discovery refused a record.
    #[error("a record: {0}")]
    Record(#[from] ferlix::discovery_etcd::Error),
    /// What should be JSON is none.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The system refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A process could not be bound to a core, or a clock not be read.
    #[error("the system: {0}")]
    System(#[from] nix::Error),
    /// A measuring thread or task ended in a panic.
    #[error("a measuring task ended badly")]
    Task,
}

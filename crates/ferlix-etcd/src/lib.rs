//! An etcd v3 client that heals, and an in-memory etcd server for one machine.
//!
//! A [`Session`] is what most want: it advertises records under a lease and tells of everything that is advertised,
//! through every fault that ends – etcd away, restarted, wiped, restored, silent; the lease lost; the watch compacted or
//! cancelled. A [`Client`] is one connection with typed calls and no will of its own. The server is in `embedded`, with the
//! feature of that name.
//!
//! No type of the gRPC library stands in a public signature.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let etcd = ferlix_etcd::embedded::EmbeddedEtcd::bind(([127, 0, 0, 1], 0).into()).await?;
//! # let address = etcd.local_addr().to_string();
//! use ferlix_etcd::{EtcdConfig, Session, SessionConfig, SessionEvent};
//! use std::sync::Arc;
//!
//! let config = SessionConfig::new(EtcdConfig::new([address]), "5f0c3c0e-4a4e-4c0e-9d8e-2b8f8b0f9a11");
//! let (session, mut events) = Session::start(config)?;
//! // The record is asked for its bytes each time it is put.
//! session.put("greeting", Arc::new(|| b"hello".to_vec())).await?;
//! while let Some(event) = events.recv().await {
//!     // What is there when the session connects comes as one snapshot, what changes later one by one.
//!     let seen = match event {
//!         SessionEvent::Snapshot { entries, .. } => entries,
//!         SessionEvent::Put(kv) => vec![kv],
//!         _ => continue,
//!     };
//!     if seen.iter().any(|kv| kv.value == "hello") {
//!         break;
//!     }
//! }
//! session.close().await;
//! # Ok(())
//! # }
//! ```

mod client;
mod config;
#[cfg(feature = "embedded")]
pub mod embedded;
mod error;
pub(crate) mod proto;
mod session;

pub use client::{
    ByteStream, Client, Dial, DialFuture, Dialed, Event, KeepAlive, KeyValue, Lease, Range,
    TcpDial, WatchMessage, WatchStream,
};
pub use config::{
    Credentials, DEFAULT_TOP_KEY, EtcdConfig, Password, SessionConfig, TlsConfig, TlsIdentity,
};
pub use error::{Cause, Error};
pub use session::{
    Record, Session, SessionCounts, SessionEvent, SessionEvents, SessionState, SessionStatus,
    WriteOutcome,
};

//! An etcd v3 client that heals, and an in-memory etcd server for one machine.

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

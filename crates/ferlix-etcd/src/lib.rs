//! An etcd v3 client that heals, and an in-memory etcd server for one machine.

#[cfg(feature = "embedded")]
pub mod embedded;
pub(crate) mod proto;

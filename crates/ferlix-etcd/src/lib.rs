//! An etcd v3 client that heals, and an in-memory etcd server for one machine.

pub(crate) mod proto;

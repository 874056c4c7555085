//! The tutorial: a greeting service that is exported, advertised in etcd, discovered, injected and called.
//!
//! [`hello`] is the interface, [`exporter`] and [`consumer`] are the two bundles, known to iPOPO's users by name, and
//! [`program`] is what their programs share: arguments, log and framework. The programs themselves are in `examples/`.

pub mod consumer;
pub mod exporter;
pub mod hello;
pub mod program;

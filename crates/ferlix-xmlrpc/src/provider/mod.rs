//! The serving side, and the distribution provider around both sides.
//!
//! In flow documents from the HTTP service, out go documents: a result or a fault, both with status 200, as XML-RPC asks.
//! Only methods of the exported interfaces can be called; a method that is refused and one that is not there look the
//! same to the caller; [`Rules`] say who may call what. Every call has a deadline, at which it is dropped.
//!
//! [`Services`] and [`handler`] serve without a framework. In one, the bundle makes two components: the export provider,
//! which mounts one handler on the HTTP service for all its containers, and the import provider, which has the pools of
//! connections. For each container there is one more component, named by the container's identity, so that it is seen.
//!
//! As many calls run at once as come, up to a bound, above which they are answered 503. Deliberately absent: pools of workers. A
//! call runs where its request was read.

mod answering;
mod call;
mod export;
mod handler;
mod host;
mod import;
mod incoming;
mod intents;
mod options;
mod origin;
mod rules;
mod services;
mod system;
mod until;

pub(crate) use export::{XmlRpcExportContainer, XmlRpcExportProvider};
pub use handler::handler;
pub(crate) use import::{XmlRpcImportContainer, XmlRpcImportProvider};
pub(crate) use incoming::{Encoding, Packed, unpack};
pub use options::{ServicesOptions, TypedFaults};
pub use origin::Origin;
pub(crate) use origin::{TRACE_PARENT, TRACE_STATE};
pub use rules::{RuleError, Rules};
pub use services::Services;

/// The configuration type by which services are exported, and the factory of export containers.
pub const SERVER_CONFIGURATION: &str = "ecf.xmlrpc.server";
/// The configuration type of imported services, and the factory of import containers.
pub const CLIENT_CONFIGURATION: &str = "ecf.xmlrpc.client";
/// The name space of the containers' identities.
pub const NAMESPACE: &str = "ecf.namespace.xmlrpc";

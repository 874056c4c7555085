//! Remote services of Ferlix: endpoint descriptions, the Remote Service Admin, the topology manager and the interfaces
//! that distributions and discoveries implement.
//!
//! The public interface is:
//! - [`endpoint`]: [`EndpointDescription`](endpoint::EndpointDescription), the names of its properties, its flat form for the wire;
//! - [`admin`]: the Remote Service Admin, its registrations and events;
//! - [`topology`]: the basic topology manager; [`command`]: the shell commands of the name space `rsa`;
//! - [`edef`]: descriptions as XML files;
//! - [`discovery`]: the discoveries that need no crate of their own: EDEF files in a folder, the frameworks of one process;
//! - [`provider`]: what a distribution or a discovery implements.
//!
//! Deliberately absent: sockets. How calls travel is a distribution's work, how descriptions travel is a discovery's.

pub mod admin;
pub mod command;
pub mod discovery;
pub mod edef;
pub mod endpoint;
mod error;
pub mod provider;
pub mod topology;
mod work;

pub use error::Error;

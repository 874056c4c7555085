//! XML-RPC for Ferlix: the codec, the client that an imported service calls through, and the distribution provider that
//! serves exported services.
//!
//! The wire is that of iPOPO's and Eclipse ECF's XML-RPC providers: configs `ecf.xmlrpc.server` and `ecf.xmlrpc.client`,
//! a POST of `text/xml` to the URL in `ecf.endpoint.id`, the method named `<ecf.rsvc.id>.<method>`.
//!
//! The public interface is:
//! - [`codec`]: documents to values and back;
//! - [`client`]: the pool of connections and the callers of imported services;
//! - [`provider`]: what serves exported services.

pub mod client;
pub mod codec;
mod error;
pub mod provider;
mod timeout;

pub use error::{BoxError, Error};

//! The calling side: one pool of connections for each address, and one caller for each imported endpoint.
//!
//! In flow a method's name and [`Value`](ferlix_core::property::Value)s, out comes a value or a
//! [`CallError`](ferlix_core::service::CallError): a POST of `text/xml` to the URL of the endpoint, the method named
//! `<ecf.rsvc.id>.<method>`. Every call has a deadline, which the peer is told; dropping its future gives it up and
//! closes its connection. A request is sent again only when it provably did not reach the service: the connection
//! could not be made, or an idle one closed before anything was written.
//!
//! Deliberately absent: redirects (refused), cookies, proxies, compression of calls, and any fail-over between endpoints.

mod address;
mod caller;
mod connector;
mod credentials;
mod exchange;
mod pool;
mod transport;

pub use caller::XmlRpcCaller;
pub use credentials::{Credentials, Secret};
pub use transport::{TlsFiles, Transport, TransportOptions};

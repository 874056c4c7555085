//! XML-RPC for Ferlix: the codec, the client that an imported service calls through, and the distribution provider that
//! serves exported services.
//!
//! The wire is that of iPOPO's and Eclipse ECF's XML-RPC providers: configs `ecf.xmlrpc.server` and `ecf.xmlrpc.client`,
//! a POST of `text/xml` to the URL in `ecf.endpoint.id`, the method named `<ecf.rsvc.id>.<method>`.
//!
//! The public interface is:
//! - [`BUNDLE`]: the distribution provider;
//! - [`codec`]: documents to values and back;
//! - [`client`]: the pool of connections and the callers of imported services;
//! - [`provider`]: what serves exported services.

pub mod client;
pub mod codec;
mod error;
pub mod provider;
mod timeout;

pub use error::{BoxError, Error};

ferlix_core::bundle! {
    /// The XML-RPC distribution provider. Both sides are made when the bundle starts; the export side waits for the HTTP
    /// service. These properties may be set for the framework:
    ///
    /// | property | default | meaning |
    /// |---|---|---|
    /// | `ecf.xmlrpc.server.path` | `/xml-rpc` | where the export side is mounted |
    /// | `ecf.xmlrpc.server.timeout` | 30 | seconds that a call may take when its service has no `osgi.basic.timeout` (milliseconds) |
    /// | `ecf.xmlrpc.server.hostname` | see below | the host that peers are told; an exported service may have its own |
    /// | `ecf.xmlrpc.server.port` | the HTTP service's | the port that peers are told; an exported service may have its own |
    /// | `ecf.xmlrpc.client.timeout` | 30 | seconds that a call may take when its endpoint has no `osgi.basic.timeout` |
    /// | `ecf.xmlrpc.client.tls.ca_file` | none | PEM file of the authorities that are trusted for `https` endpoints |
    /// | `ecf.xmlrpc.client.tls.cert_file`, `….key_file` | none | PEM files of the certificate that is shown to servers that ask |
    ///
    /// Without a host name, peers are told the address or name that the HTTP service was told to listen on; when it
    /// listens on every address, the local address that leads to etcd.
    pub BUNDLE = "ferlix.rsa.providers.distribution.xmlrpc",
    version = env!("CARGO_PKG_VERSION"),
    components = [
        provider::XmlRpcExportProvider,
        provider::XmlRpcExportContainer,
        provider::XmlRpcImportProvider,
        provider::XmlRpcImportContainer,
    ],
    activator = None
}

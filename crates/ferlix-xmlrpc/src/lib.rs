//! XML-RPC for Ferlix: the codec, the client that an imported service calls through, and the distribution provider that
//! serves exported services.
//!
//! The wire is that of iPOPO's and Eclipse ECF's XML-RPC providers: configs `ecf.xmlrpc.server` and `ecf.xmlrpc.client`,
//! a POST of `text/xml` to the URL in `ecf.endpoint.id`, the method named `<ecf.rsvc.id>.<method>`.
//!
//! The public interface is:
//! - [`BUNDLE`]: the distribution provider;
//! - [`codec`]: documents to values and back;
//! - [`client`]: the pools of connections and the callers of imported services;
//! - [`provider`]: what serves exported services;
//! - [`statistics`]: what is counted of the calls of both sides.

pub mod client;
pub mod codec;
mod error;
mod headers;
pub mod provider;
pub mod statistics;
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
    /// | `ecf.xmlrpc.server.rules` | none | who may call what, see [`Rules`](provider::Rules); an exported service may have its own beside them in `service.exported.rules` |
    /// | `ecf.xmlrpc.server.max_calls` | 1,024 | how many calls may run at once; more are answered 503 |
    /// | `ecf.xmlrpc.server.max_buffered` | 256 MiB | bytes of calls that arrive in pieces, all together; more are answered 503 |
    /// | `ecf.xmlrpc.server.gzip_from` | 16,384 | answers of so many bytes are compressed for callers that take gzip; 0 for never |
    /// | `ecf.xmlrpc.server.typed_faults` | `ferlix` | who gets a service's error itself: `never`, `ferlix` (callers), `always` |
    /// | `ecf.xmlrpc.server.introspection` | false | whether `system.listMethods`, `.methodHelp` and `.methodSignature` are answered |
    /// | `ecf.xmlrpc.server.multicall` | false | whether `system.multicall` is answered |
    /// | `ecf.xmlrpc.client.gzip` | false | whether answers may come compressed |
    /// | `….server.max_bytes`, `….client.max_bytes` | 8 MiB | how long a call or an answer may be, unpacked |
    /// | `….max_depth` | 64 | how deep values may nest (at most 255) |
    /// | `….max_elements` | 500,000 | how many XML elements there may be |
    /// | `….max_text` | 8 MiB | how long one text may be |
    /// | `ecf.xmlrpc.client.timeout` | 30 | seconds that a call may take when its endpoint has no `osgi.basic.timeout` |
    /// | `ecf.xmlrpc.client.tls.ca_file` | none | PEM file of the authorities that are trusted for `https` endpoints |
    /// | `ecf.xmlrpc.client.tls.cert_file`, `….key_file` | none | PEM files of the certificate that is shown to servers that ask |
    /// | `ecf.xmlrpc.client.auth.user` | none | the name for HTTP basic; without one the secret is a bearer token |
    /// | `ecf.xmlrpc.client.auth.secret_file`, `….secret_env` | none | the file, or the variable of the environment, that holds the password or the token |
    /// | `ecf.xmlrpc.client.auth.hosts` | see below | the hosts that are told user and secret, a list or a text with commas |
    ///
    /// Without `ecf.xmlrpc.client.auth.hosts`, user and secret go to every peer that is called by `https`, and to this machine.
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
        statistics::XmlRpcCalls,
    ],
    activator = None
}

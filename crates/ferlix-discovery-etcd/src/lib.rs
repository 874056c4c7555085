//! Endpoint discovery through etcd v3, on the wire as iPOPO and Eclipse ECF do it.
//!
//! What is exported here is advertised in etcd as one JSON record for each endpoint, under a lease, and what others
//! advertise is told to the endpoint listeners; see `provider` for how. A program installs [`BUNDLE`] and makes an
//! instance with [`instantiate`], or by its factory [`FACTORY`]; the properties are in [`settings`]. The bundle brings the
//! shell command `etcd`; programs read the same from the service [`EtcdStatus`], or from its properties in [`status`]. What
//! was discovered is listed by `discovered`, for this discovery as for any other.
//!
//! [`Draft`] and [`read`] are the records themselves, for tools.
//!
//! Deliberately absent: how etcd is reached and a session kept (in `ferlix-etcd`), what endpoint descriptions mean and
//! who imports them (in `ferlix-remote`).

mod commands;
mod directory;
mod error;
mod instantiate;
mod key;
mod provider;
mod record;
pub mod settings;
pub mod status;

use ferlix_core::bundle;

pub use error::Error;
pub use ferlix_etcd::{Session, SessionStatus};
pub use instantiate::{Instantiation, instantiate};
pub use record::{Draft, read};
pub use status::{DiscoveryStatus, EtcdStatus};

/// The name of the component factory.
pub const FACTORY: &str = "etcd3-endpoint-discovery-factory";

/// The usual name of its instance.
pub const INSTANCE: &str = "etcd3-endpoint-discovery";

bundle!(
    /// The component's factory, and the shell commands. It makes no instance by itself.
    pub BUNDLE = "ferlix.rsa.providers.discovery.etcd3",
    components = [provider::EtcdDiscovery],
    activator = commands::Activator
);

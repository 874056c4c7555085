//! The service provider interface: what a distribution or a discovery implements, and a helper for discoveries.
//!
//! All of it is services. A distribution registers an [`ExportProvider`] and an [`ImportProvider`] and, while it has
//! any, its containers; a discovery registers an [`EndpointAdvertiser`], tells every [`EndpointEventListener`]
//! what it sees, and shows all of it as [`DiscoveredEndpoints`]. The Remote Service Admin and the topology managers find them in the registry and follow them as they
//! come and go. Deliberately absent: which provider exports what (the admin's work), and how anything travels.

mod directory;
mod discovery;
mod distribution;

pub use directory::EndpointDirectory;
pub use discovery::{
    DiscoveredEndpoint, DiscoveredEndpoints, EndpointAdvertiser, EndpointEvent, EndpointEventKind,
    EndpointEventListener, SCOPE,
};
pub use distribution::{
    ContainerId, EndpointFailure, ExportContainer, ExportProvider, ImportContainer, ImportProvider,
};

/// Any error of a provider; the admin wraps it and names the provider.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Makes a `dyn` trait a local service of a name.
macro_rules! local_service {
    ($type:ty, $name:literal) => {
        impl ferlix_core::service::Service for $type {
            fn interface() -> &'static ferlix_core::service::Interface {
                static INTERFACE: ferlix_core::service::Interface =
                    ferlix_core::service::Interface::local($name);
                &INTERFACE
            }
        }
    };
}
pub(crate) use local_service;

//! The Remote Service Admin: makes endpoints of services, and proxies of endpoints.
//!
//! On export the providers are chosen by configuration types and intents, a container of each serves the service, and a description
//! of the endpoint comes out. On import one provider makes a caller, which is registered under the endpoint's interfaces.
//! What it does it tells its listeners. Deliberately absent: when to export or import (a topology manager's decision), and any
//! knowledge of discoveries.

mod basic;
mod bundled;
mod caller;
mod component;
mod debug;
mod event;
mod explain;
mod exports;
mod imports;
mod properties;
mod registration;
mod selection;
mod state;
mod table;

use async_trait::async_trait;
use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRef;

use crate::Error;
use crate::endpoint::EndpointDescription;
use crate::provider::local_service;

pub use component::BUNDLE;
pub use debug::DEBUG;
pub use event::{
    RemoteServiceAdminEvent, RemoteServiceAdminEventKind, RemoteServiceAdminListener, events,
};
pub use registration::{ExportReference, ExportRegistration, ImportReference, ImportRegistration};

pub(crate) use explain::{Step, explain_export, explain_import};
pub(crate) use properties::{is_export_relevant, proxy_properties, wanted_interfaces};
pub(crate) use selection::default_configuration;
pub use state::PROVIDER_TIMEOUT;

use state::Admin;

/// Exports services and imports endpoints: the service `ferlix.rsa.remoteserviceadmin`.
///
/// Work on one service or one endpoint is done in turns; on different ones at once. Everything is withdrawn when the admin
/// goes; the exports of a service when the service goes; what a provider exported or imported when the provider goes.
///
/// It is of scope bundle. The registrations that a bundle makes **end when the bundle lets go of the admin**: a component that
/// has it injected keeps them while it is bound to it, and whoever looked it up, while it holds the guard. At the latest they
/// end when the bundle stops. The listings show those of all bundles.
#[async_trait]
pub trait RemoteServiceAdmin: Send + Sync {
    /// Exports a service by every provider that knows one of its configuration types and supports all its intents.
    ///
    /// `overrides` take the place of the service's properties of the same name in any case, except for `objectClass` and
    /// `service.id`; a `null` is refused. A service that a provider exports already is shared: one more registration for the same endpoint.
    ///
    /// Returns one registration for each provider that was chosen, with an error where it failed, or where the service is not
    /// what its intents say; none if no provider fits. That a default takes the place of types that nobody knows is the work of
    /// the topology managers: an admin is not the only one that may know a type.
    ///
    /// # Errors
    /// [`Error::NotExportable`] when the service is not there, is imported, has no `service.exported.interfaces`, does not
    /// provide one of these remotely, or when an override is `null`; [`Error::Closed`] when the admin is gone.
    async fn export_service(
        &self,
        service: &ServiceRef,
        overrides: &Properties,
    ) -> Result<Vec<ExportRegistration>, Error>;

    /// Imports an endpoint: its proxy is registered, and then whoever wanted it is told. A known endpoint is shared and updated.
    ///
    /// Returns a registration, with an error if the provider failed.
    ///
    /// # Errors
    /// [`Error::NoProvider`] when no provider knows one of its configuration types and supports all its intents;
    /// [`Error::Closed`] when the admin is gone.
    async fn import_service(
        &self,
        endpoint: &EndpointDescription,
    ) -> Result<ImportRegistration, Error>;

    /// The exported endpoints, in the order of their export.
    fn exported_services(&self) -> Vec<ExportReference>;

    /// The imported endpoints, in the order of their import.
    fn imported_endpoints(&self) -> Vec<ImportReference>;

    /// The export registrations that are open, then those that failed and that somebody holds.
    fn export_registrations(&self) -> Vec<ExportRegistration>;

    /// The import registrations that are open, then those that failed and that somebody holds.
    fn import_registrations(&self) -> Vec<ImportRegistration>;
}

local_service!(dyn RemoteServiceAdmin, "ferlix.rsa.remoteserviceadmin");

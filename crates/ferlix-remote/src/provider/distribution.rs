//! How a distribution takes part: providers that say what they can do, and the containers that do it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ferlix_core::property::Properties;
use ferlix_core::service::{Caller, Dispatch};

use super::{BoxError, local_service};
use crate::endpoint::EndpointDescription;

/// The identity of a container: what `ecf.endpoint.id.ns` and `ecf.endpoint.id` carry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct ContainerId {
    /// The name space, e.g. `ecf.namespace.xmlrpc`.
    pub namespace: String,
    /// The identity in it, e.g. `http://127.0.0.1:8181/xml-rpc`.
    pub id: String,
}

impl ContainerId {
    /// An identity in a name space.
    pub fn new(namespace: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            id: id.into(),
        }
    }
}

/// As the shell and the debug listener show it: `('namespace', 'id')`.
impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "('{}', '{}')", self.namespace, self.id)
    }
}

/// By this a container reports that one endpoint failed after it was exported or imported. Cheap to clone.
#[derive(Clone)]
pub struct EndpointFailure(Arc<dyn Fn(BoxError) + Send + Sync>);

impl EndpointFailure {
    /// What is called with each report.
    pub fn new(report: impl Fn(BoxError) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    /// The endpoint failed for good; a second report, or one of an endpoint that is withdrawn already, does nothing.
    ///
    /// It can be called from any thread, and waits for nothing: the admin begins to withdraw the endpoint, which gets its
    /// [`ExportContainer::unexport`] or [`ImportContainer::release`] all the same. The registrations have the error from then
    /// on, and an `EXPORT_ERROR` or `IMPORT_ERROR` event tells it.
    pub fn report(&self, error: impl Into<BoxError>) {
        (self.0)(error.into());
    }
}

impl fmt::Debug for EndpointFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointFailure")
    }
}

/// A distribution that exports: the service `ferlix.rsa.exportdistributionprovider`.
///
/// When the service goes, the admin withdraws every endpoint of the provider (each still gets its
/// [`ExportContainer::unexport`]); when one comes, topology managers export what nobody could export before.
#[async_trait]
pub trait ExportProvider: Send + Sync {
    /// The name that the shell shows, e.g. `ecf.xmlrpc.server`.
    fn name(&self) -> &str;

    /// The configuration types by which it exports; the first is used when a service names none.
    fn configurations(&self) -> Vec<String>;

    /// The intents that all its endpoints meet; sent as `remote.intents.supported`.
    fn intents(&self) -> Vec<String>;

    /// Further intents, which some endpoints meet and others do not: [`Self::container`] refuses where one is not met.
    fn conditional_intents(&self) -> Vec<String> {
        Vec::new()
    }

    /// The container for a service to be exported, made or reused.
    ///
    /// `configuration` is one of [`Self::configurations`]; `intents` are those the endpoint must meet, all among
    /// [`Self::intents`] and [`Self::conditional_intents`]; `properties` are the service's with the overrides of the export, among them the
    /// provider's own (`<configuration>.…`).
    ///
    /// # Errors
    /// When no container can be made, or when an intent cannot be met with these properties (say which and why): the
    /// export becomes a failed registration and an `EXPORT_ERROR` event.
    async fn container(
        &self,
        configuration: &str,
        intents: &[String],
        properties: &Properties,
    ) -> Result<Arc<dyn ExportContainer>, BoxError>;

    /// The name of the implementation that the shell shows.
    fn class(&self) -> &'static str {
        std::any::type_name::<Self>()
    }
}

local_service!(dyn ExportProvider, "ferlix.rsa.exportdistributionprovider");

/// What serves exported services at one address: the service `ferlix.rsa.exportcontainer`.
///
/// Its provider registers it as a service while it is open, so that the shell lists it. A container that has nothing
/// more to serve may close; it opens again when [`Self::export`] is called.
#[async_trait]
pub trait ExportContainer: Send + Sync {
    /// The identity that peers see.
    fn id(&self) -> ContainerId;

    /// The configuration type, which is the name of the provider, e.g. `ecf.xmlrpc.server`.
    fn configuration(&self) -> &str;

    /// Starts to serve an object: a call that names `endpoint.remote_service_id()` (unique in the framework) goes to
    /// these interfaces, and only to their methods.
    ///
    /// The exporting bundle's service is `endpoint.service_id()` in this framework.
    ///
    /// # Errors
    /// When it cannot be served; nothing is then left behind.
    async fn export(
        &self,
        endpoint: &EndpointDescription,
        interfaces: Vec<Arc<dyn Dispatch>>,
    ) -> Result<(), BoxError>;

    /// Takes what reports that this endpoint, which was just exported, can be served no more while others can. Nothing by
    /// default: a provider that can serve nothing any more unregisters.
    fn on_failure(&self, endpoint: &EndpointDescription, failure: EndpointFailure) {
        let _ = (endpoint, failure);
    }

    /// Follows a change of the endpoint's properties, e.g. of `osgi.basic.timeout`. Nothing by default.
    ///
    /// # Errors
    /// When the change cannot be followed; the endpoint goes on as before.
    async fn update(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        let _ = endpoint;
        Ok(())
    }

    /// Stops to serve an object; calls in flight may end. Returns when no further call will start.
    ///
    /// # Errors
    /// When something could not be undone; it is logged, the endpoint is gone all the same.
    async fn unexport(&self, endpoint: &EndpointDescription) -> Result<(), BoxError>;

    /// The name of the implementation that the shell shows.
    fn class(&self) -> &'static str {
        std::any::type_name::<Self>()
    }
}

local_service!(dyn ExportContainer, "ferlix.rsa.exportcontainer");

/// A distribution that imports: the service `ferlix.rsa.importdistributionprovider`.
///
/// When the service goes, the admin unregisters every proxy of the provider; when one comes, topology managers import
/// what nobody could import before.
#[async_trait]
pub trait ImportProvider: Send + Sync {
    /// The configuration type of its proxies, e.g. `ecf.xmlrpc.client`; also the name that the shell shows.
    fn name(&self) -> &str;

    /// The configuration types of exporters that it can call, e.g. `ecf.xmlrpc.server`.
    fn configurations(&self) -> Vec<String>;

    /// The intents that all its proxies meet.
    fn intents(&self) -> Vec<String>;

    /// Further intents, which some proxies meet and others do not: [`ImportContainer::import`] refuses where one is not met.
    fn conditional_intents(&self) -> Vec<String> {
        Vec::new()
    }

    /// The container for an endpoint to be imported, made or reused.
    ///
    /// # Errors
    /// When no container can be made: the import becomes a failed registration and an `IMPORT_ERROR` event.
    async fn container(
        &self,
        endpoint: &EndpointDescription,
    ) -> Result<Arc<dyn ImportContainer>, BoxError>;

    /// The name of the implementation that the shell shows.
    fn class(&self) -> &'static str {
        std::any::type_name::<Self>()
    }
}

local_service!(dyn ImportProvider, "ferlix.rsa.importdistributionprovider");

/// What calls out to imported endpoints: the service `ferlix.rsa.importcontainer`.
///
/// Its provider registers it as a service while it is open, so that the shell lists it. An endpoint is imported at most
/// once at a time; a container that has nothing more to call may close, and opens again when [`Self::import`] is called.
#[async_trait]
pub trait ImportContainer: Send + Sync {
    /// The identity of this container (not of the exporter's).
    fn id(&self) -> ContainerId;

    /// The configuration type, which is the name of the provider, e.g. `ecf.xmlrpc.client`.
    fn configuration(&self) -> &str;

    /// Makes the object that calls the endpoint. No connection need be there: a call that cannot reach the exporter says so.
    ///
    /// The admin makes calls end with [`CallError::Gone`](ferlix_core::service::CallError::Gone) once the endpoint is withdrawn; the
    /// provider sets the deadline of each call.
    ///
    /// # Errors
    /// When the endpoint cannot be called, e.g. when its container identity is no address.
    async fn import(&self, endpoint: &EndpointDescription) -> Result<Arc<dyn Caller>, BoxError>;

    /// Takes what reports that this endpoint, which was just imported, is gone for good, whatever a discovery says. Nothing by
    /// default: an exporter that does not answer is failing, and may be well again.
    fn on_failure(&self, endpoint: &EndpointDescription, failure: EndpointFailure) {
        let _ = (endpoint, failure);
    }

    /// Follows a change of the endpoint's properties, e.g. of `osgi.basic.timeout`, in the object made before.
    ///
    /// # Errors
    /// When the change cannot be followed: the admin imports anew.
    async fn update(&self, endpoint: &EndpointDescription) -> Result<(), BoxError>;

    /// Releases what was made for an endpoint; calls in flight may end.
    async fn release(&self, endpoint: &EndpointDescription);

    /// The name of the implementation that the shell shows.
    fn class(&self) -> &'static str {
        std::any::type_name::<Self>()
    }
}

local_service!(dyn ImportContainer, "ferlix.rsa.importcontainer");

//! The bundle `ferlix.rsa.topologymanagers.basic` and its component.

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use ferlix_core::component::ComponentContext;
use ferlix_core::framework::BundleContext;
use ferlix_core::property::Properties;
use ferlix_core::registry::{EventListenerHook, ListenerSet, ServiceEvent};
use ferlix_core::{bundle, component, lifecycle};

use super::Topology;
use crate::admin::{RemoteServiceAdmin, RemoteServiceAdminEvent, RemoteServiceAdminListener};
use crate::endpoint::EndpointDescription;
use crate::provider::{EndpointEvent, EndpointEventListener};

/// The name of the factory.
pub const FACTORY: &str = "basic-topology-manager-factory";
/// The usual name of the instance.
pub const INSTANCE: &str = "basic-topology-manager";

/// Makes the basic topology manager, as instance [`INSTANCE`]; `endpoint.listener.scope` says what it imports.
///
/// # Errors
/// When the bundle is not started or the instance is there already.
pub async fn instantiate(
    context: &BundleContext,
    properties: Properties,
) -> Result<(), ferlix_core::Error> {
    let components = context.components();
    components.instantiate(FACTORY, INSTANCE, properties).await
}

/// The basic topology manager as a component. It is made by whoever wants it, with the scope as a property.
#[component(
    factory = FACTORY,
    provides(dyn EventListenerHook, dyn RemoteServiceAdminListener, dyn EndpointEventListener),
    property("endpoint.listener.scope" = "(ecf.endpoint.id.ns=*)")
)]
struct BasicTopologyManager {
    #[inject]
    admin: Arc<dyn RemoteServiceAdmin>,
    topology: OnceLock<Arc<Topology>>,
}

#[lifecycle]
impl BasicTopologyManager {
    #[validate]
    fn start(&self, context: &ComponentContext) -> Result<(), ferlix_core::Error> {
        let topology = Topology::open(context.bundle(), Arc::clone(&self.admin));
        let _ = self.topology.set(topology?);
        Ok(())
    }

    #[invalidate]
    async fn stop(&self) {
        if let Some(topology) = self.topology.get() {
            topology.close().await;
        }
    }
}

impl EventListenerHook for BasicTopologyManager {
    fn event(&self, event: &ServiceEvent, listeners: &mut ListenerSet) {
        if let Some(topology) = self.topology.get() {
            topology.event(event, listeners);
        }
    }
}

impl RemoteServiceAdminListener for BasicTopologyManager {
    fn remote_admin_event(&self, event: &RemoteServiceAdminEvent) {
        if let Some(topology) = self.topology.get() {
            topology.remote_admin_event(event);
        }
    }
}

#[async_trait]
impl EndpointEventListener for BasicTopologyManager {
    async fn endpoint_changed(&self, event: EndpointEvent) {
        if let Some(topology) = self.topology.get() {
            topology.endpoint_changed(event).await;
        }
    }

    fn refusal(&self, endpoint: &EndpointDescription) -> Option<String> {
        self.topology.get()?.refusal(endpoint)
    }
}

impl fmt::Debug for BasicTopologyManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicTopologyManager")
    }
}

bundle!(
    /// The basic topology manager; it makes no instance by itself.
    pub BUNDLE = "ferlix.rsa.topologymanagers.basic",
    components = [BasicTopologyManager]
);

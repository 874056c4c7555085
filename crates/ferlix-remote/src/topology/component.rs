//! The bundle `ferlix.rsa.topologymanagers.basic` and its component.

use std::fmt;
use std::sync::{Arc, OnceLock};

use ferlix_core::component::ComponentContext;
use ferlix_core::framework::BundleContext;
use ferlix_core::property::Properties;
use ferlix_core::registry::EventListenerHook;
use ferlix_core::{bundle, component, lifecycle};

use super::decision::Everything;
use super::{Topology, TopologyManager};
use crate::admin::{RemoteServiceAdmin, RemoteServiceAdminListener};
use crate::provider::EndpointEventListener;

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
    provides(
        dyn EventListenerHook,
        dyn RemoteServiceAdminListener,
        dyn EndpointEventListener,
        dyn TopologyManager,
    ),
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
        let policy = Arc::new(Everything);
        let topology = Topology::open(context, Arc::clone(&self.admin), policy);
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

/// What every topology manager answers with its `topology`, once it has one.
macro_rules! manager {
    ($name:ident) => {
        impl ferlix_core::registry::EventListenerHook for $name {
            fn event(
                &self,
                event: &ferlix_core::registry::ServiceEvent,
                listeners: &mut ferlix_core::registry::ListenerSet,
            ) {
                if let Some(topology) = self.topology.get() {
                    topology.event(event, listeners);
                }
            }
        }

        impl crate::admin::RemoteServiceAdminListener for $name {
            fn remote_admin_event(&self, event: &crate::admin::RemoteServiceAdminEvent) {
                if let Some(topology) = self.topology.get() {
                    topology.remote_admin_event(event);
                }
            }
        }

        #[async_trait::async_trait]
        impl crate::provider::EndpointEventListener for $name {
            async fn endpoint_changed(&self, event: crate::provider::EndpointEvent) {
                if let Some(topology) = self.topology.get() {
                    topology.endpoint_changed(event).await;
                }
            }

            fn refusal(&self, endpoint: &crate::endpoint::EndpointDescription) -> Option<String> {
                self.topology.get()?.refusal(endpoint)
            }
        }

        impl crate::topology::TopologyManager for $name {
            fn export_refusal(
                &self,
                service: &ferlix_core::registry::ServiceRef,
            ) -> Option<String> {
                self.topology.get()?.export_refusal(service)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}
pub(super) use manager;

manager!(BasicTopologyManager);

bundle!(
    /// The basic topology manager; it makes no instance by itself.
    pub BUNDLE = "ferlix.rsa.topologymanagers.basic",
    components = [BasicTopologyManager]
);

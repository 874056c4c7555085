//! [`Topology`]: a topology manager without its component and apart from its policy.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use ferlix_core::component::ComponentContext;
use ferlix_core::framework::BundleContext;
use ferlix_core::registry::{
    EVENT_LISTENER_HOOK, EventListenerHook, ListenerId, ListenerSet, ServiceEvent,
    ServiceEventKind, ServiceRef,
};
use ferlix_core::service::Service;

use super::advertising::Advertising;
use super::decision::Policy;
use super::exporting::Exporting;
use super::importing::Importing;
use crate::admin::{
    RemoteServiceAdmin, RemoteServiceAdminEvent, RemoteServiceAdminEventKind,
    RemoteServiceAdminListener,
};
use crate::endpoint::EndpointDescription;
use crate::provider::{
    EndpointAdvertiser, EndpointEvent, EndpointEventListener, ExportProvider, ImportProvider,
};
use crate::work::{Runner, locked};

/// Exports, advertises and imports. Registered under its three interfaces it hears of everything it needs.
pub(crate) struct Topology {
    context: BundleContext,
    policy: Arc<dyn Policy>,
    exporting: Arc<Exporting>,
    importing: Arc<Importing>,
    advertising: Arc<Advertising>,
    listeners: Mutex<Vec<ListenerId>>,
}

impl Topology {
    /// A manager for a framework, named as its component. It catches up with what is there already once its hook is registered by the same bundle.
    ///
    /// # Errors
    /// As [`BundleContext::add_service_listener`].
    pub(crate) fn open(
        component: &ComponentContext,
        admin: Arc<dyn RemoteServiceAdmin>,
        policy: Arc<dyn Policy>,
    ) -> Result<Arc<Self>, ferlix_core::Error> {
        let context = component.bundle();
        let runner = Runner::new(context.framework());
        let topology = Arc::new(Self {
            context: context.clone(),
            exporting: Exporting::new(
                context,
                Arc::clone(&admin),
                Arc::clone(&policy),
                runner.clone(),
            ),
            importing: Importing::new(
                Arc::clone(&admin),
                Arc::clone(&policy),
                context.framework().uuid(),
                runner.clone(),
            ),
            advertising: Advertising::new(context, component.name(), admin, runner)?,
            policy,
            listeners: Mutex::default(),
        });
        let listen = |name: &str, heard: fn(&Self, &ServiceEvent)| {
            let this: Weak<Self> = Arc::downgrade(&topology);
            let id = context.add_service_listener(Some(name), None, move |event| {
                if let Some(this) = this.upgrade() {
                    heard(&this, event);
                }
            })?;
            locked(&topology.listeners).push(id);
            Ok::<(), ferlix_core::Error>(())
        };
        listen(
            <dyn ExportProvider as Service>::interface().name,
            |this, event| match event.kind {
                ServiceEventKind::Registered => this.exporting.provider_came(),
                _ => this.exporting.default_may_change(),
            },
        )?;
        listen(
            <dyn ImportProvider as Service>::interface().name,
            |this, event| {
                if event.kind == ServiceEventKind::Registered {
                    this.importing.provider_came();
                }
            },
        )?;
        listen(
            <dyn EndpointAdvertiser as Service>::interface().name,
            |this, event| match event.kind {
                ServiceEventKind::Registered => this.advertising.advertiser_came(&event.reference),
                ServiceEventKind::Unregistering => {
                    this.advertising.advertiser_went(&event.reference);
                }
                _ => {}
            },
        )?;
        listen(EVENT_LISTENER_HOOK, |this, event| {
            let own = event.reference.bundle_id() == this.context.bundle().id();
            if own && event.kind == ServiceEventKind::Registered {
                this.catch_up();
            }
        })?;
        Ok(topology)
    }

    /// Takes over what was there before: exports, discoveries and services that ask to be exported.
    fn catch_up(&self) {
        self.advertising.catch_up();
        self.look_for_services();
    }

    /// Takes in the services that concern the policy.
    fn look_for_services(&self) {
        for service in self.context.references(None, None) {
            if self.policy.concerns(&service.properties()) {
                self.exporting.service_changed(&service);
            }
        }
    }

    /// The policy says something else than before, of services or endpoints.
    pub(crate) fn reconsider(&self) {
        self.exporting.reconsider();
        self.look_for_services();
        self.importing.reconsider(None);
    }

    /// The policy says something else than before of the endpoints of an interface.
    pub(crate) fn reconsider_imports(&self, interface: &str) {
        self.importing.reconsider(Some(interface));
    }

    /// Why the policy keeps a service from being exported.
    pub(crate) fn export_refusal(&self, service: &ServiceRef) -> Option<String> {
        self.exporting.refusal(service)
    }

    /// Withdraws everything that it exported, advertised and imported.
    pub(crate) async fn close(&self) {
        for id in std::mem::take(&mut *locked(&self.listeners)) {
            self.context.remove_listener(id);
        }
        // First those who could call are told, then calls are refused.
        self.advertising.close().await;
        tokio::join!(self.exporting.close(), self.importing.close());
    }
}

impl EventListenerHook for Topology {
    fn event(&self, event: &ServiceEvent, _: &mut ListenerSet) {
        if self.policy.concerns(&event.properties) || self.exporting.knows(event.reference.id()) {
            self.exporting.service_changed(&event.reference);
        }
    }
}

impl RemoteServiceAdminListener for Topology {
    fn remote_admin_event(&self, event: &RemoteServiceAdminEvent) {
        use RemoteServiceAdminEventKind::{
            ExportError, ExportRegistration, ExportUnregistration, ExportUpdate, ImportError,
            ImportUnregistration,
        };
        let Some(endpoint) = &event.endpoint else {
            return;
        };
        match event.kind {
            ExportRegistration | ExportUpdate => self.advertising.exported(endpoint),
            // An error that names an endpoint is the end of one that was there.
            ExportUnregistration | ExportError => self.advertising.withdrawn(endpoint),
            ImportUnregistration | ImportError => {
                self.importing.proxy_changed(&endpoint.shared_id());
            }
            _ => {}
        }
    }
}

#[async_trait::async_trait]
impl EndpointEventListener for Topology {
    async fn endpoint_changed(&self, event: EndpointEvent) {
        self.importing.endpoint_changed(event).await;
    }

    fn refusal(&self, endpoint: &EndpointDescription) -> Option<String> {
        self.importing.refusal(endpoint)
    }
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topology").finish_non_exhaustive()
    }
}

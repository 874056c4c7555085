//! The bundle `ferlix.rsa.topologymanagers.ondemand`: a topology manager that imports only what somebody asks for.
//!
//! Whoever listens for a service asks for it: a component that requires it, a tracker, a stream. That is told by the listener
//! hook; when the last one goes, so does the proxy. Whoever looks a service up asks for it too, which the find hook tells: the
//! look-up itself cannot wait, so the first one finds nothing yet, and the proxy stays while it is used and for a minute after
//! the last look-up. What is exported does not differ from the basic manager.
//!
//! Deliberately absent: those who name no specification, as listings do: they ask for nothing.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use ferlix_core::component::ComponentContext;
use ferlix_core::filter::Filter;
use ferlix_core::framework::BundleContext;
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::{
    EventListenerHook, FindHook, FindRequest, FoundSet, ListenerHook, ListenerId, ListenerInfo,
    ServiceRef,
};
use ferlix_core::{bundle, component, lifecycle};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::decision::{Admitted, Policy};
use super::{Topology, TopologyManager, component::manager};
use crate::admin::{RemoteServiceAdmin, RemoteServiceAdminListener, proxy_properties};
use crate::endpoint::{EndpointDescription, names};
use crate::provider::EndpointEventListener;
use crate::work::locked;

/// The name of the factory.
pub const FACTORY: &str = "ondemand-topology-manager-factory";
/// The usual name of the instance.
pub const INSTANCE: &str = "ondemand-topology-manager";
/// The property that says for how long a look-up is remembered, in seconds (default 60).
pub const LINGER: &str = "topology.ondemand.linger";

/// How often it is looked at least whether a proxy is in use still.
const SHORTEST: Duration = Duration::from_secs(1);
/// The most look-ups that are remembered at a time; further ones ask for nothing.
const LOOK_UPS: usize = 10_000;

/// Makes the topology manager, as instance [`INSTANCE`], with [`LINGER`] and `endpoint.listener.scope`.
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

/// The manager as a component.
#[component(
    factory = FACTORY,
    provides(
        dyn EventListenerHook,
        dyn RemoteServiceAdminListener,
        dyn EndpointEventListener,
        dyn TopologyManager,
        dyn FindHook,
        dyn ListenerHook,
    ),
    property("endpoint.listener.scope" = "(ecf.endpoint.id.ns=*)")
)]
struct OnDemandTopologyManager {
    #[inject]
    admin: Arc<dyn RemoteServiceAdmin>,
    #[property("topology.ondemand.linger", default = 60)]
    linger: u32,
    topology: OnceLock<Arc<Topology>>,
    demand: OnceLock<Arc<Demand>>,
}

#[lifecycle]
impl OnDemandTopologyManager {
    #[validate]
    fn start(&self, context: &ComponentContext) -> Result<(), ferlix_core::Error> {
        let demand = Arc::new_cyclic(|this| Demand {
            this: Weak::clone(this),
            context: context.bundle().clone(),
            linger: Duration::from_secs(self.linger.into()),
            runtime: Handle::current(),
            topology: OnceLock::new(),
            state: Mutex::default(),
        });
        let policy = Arc::clone(&demand) as Arc<dyn Policy>;
        let topology = Topology::open(context, Arc::clone(&self.admin), policy)?;
        let _ = demand.topology.set(Arc::downgrade(&topology));
        let _ = self.demand.set(demand);
        let _ = self.topology.set(topology);
        Ok(())
    }

    #[invalidate]
    async fn stop(&self) {
        if let Some(topology) = self.topology.get() {
            topology.close().await;
        }
    }
}

manager!(OnDemandTopologyManager);

impl FindHook for OnDemandTopologyManager {
    fn find(&self, request: &FindRequest<'_>, _: &mut FoundSet) {
        if let Some(demand) = self.demand.get() {
            demand.looked_up(request);
        }
    }
}

impl ListenerHook for OnDemandTopologyManager {
    fn added(&self, listeners: &[ListenerInfo]) {
        if let Some(demand) = self.demand.get() {
            demand.listeners_changed(listeners, true);
        }
    }

    fn removed(&self, listeners: &[ListenerInfo]) {
        if let Some(demand) = self.demand.get() {
            demand.listeners_changed(listeners, false);
        }
    }
}

bundle!(
    /// The topology manager that imports what is asked for; it makes no instance by itself.
    pub BUNDLE = "ferlix.rsa.topologymanagers.ondemand",
    components = [OnDemandTopologyManager]
);

/// Who asks for what.
struct Demand {
    this: Weak<Self>,
    context: BundleContext,
    linger: Duration,
    runtime: Handle,
    topology: OnceLock<Weak<Topology>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Those who listen, by the specification they want.
    listeners: HashMap<Arc<str>, BTreeMap<ListenerId, ListenerInfo>>,
    /// What was looked up, and until when that counts.
    look_ups: HashMap<Question, Instant>,
}

/// A look-up; equal ones are one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    specification: Arc<str>,
    filter: Option<String>,
}

impl Question {
    fn filter(&self) -> Option<Filter> {
        self.filter.as_ref().and_then(|text| text.parse().ok())
    }
}

impl Demand {
    fn listeners_changed(&self, listeners: &[ListenerInfo], added: bool) {
        let mut changed: Vec<Arc<str>> = Vec::new();
        {
            let mut state = locked(&self.state);
            for listener in listeners {
                let Some(specification) = &listener.specification else {
                    continue;
                };
                if listener.bundle_id == self.context.bundle().id() {
                    continue;
                }
                let wanted = state
                    .listeners
                    .entry(Arc::clone(specification))
                    .or_default();
                match added {
                    true => wanted.insert(listener.id, listener.clone()),
                    false => wanted.remove(&listener.id),
                };
                if wanted.is_empty() {
                    state.listeners.remove(specification);
                }
                if !changed.contains(specification) {
                    changed.push(Arc::clone(specification));
                }
            }
        }
        for specification in changed {
            self.reconsider(&specification);
        }
    }

    fn looked_up(&self, request: &FindRequest<'_>) {
        let Some(specification) = request.specification else {
            return;
        };
        if request.bundle_id == self.context.bundle().id() {
            return;
        }
        let question = Question {
            specification: specification.into(),
            filter: request.filter.map(ToString::to_string),
        };
        let until = Instant::now() + self.linger;
        {
            let mut state = locked(&self.state);
            // Who listens looks once at what is there already: that asks for nothing more.
            let listens = state.listeners.get(specification).is_some_and(|listeners| {
                listeners.values().any(|listener| {
                    listener.bundle_id == request.bundle_id
                        && listener.filter.as_ref() == request.filter
                })
            });
            if listens {
                return;
            }
            if let Some(known) = state.look_ups.get_mut(&question) {
                *known = until;
                return;
            }
            if state.look_ups.len() >= LOOK_UPS {
                return;
            }
            state.look_ups.insert(question.clone(), until);
        }
        self.reconsider(specification);
        self.runtime
            .spawn(forget(Weak::clone(&self.this), question));
    }

    /// When a look-up counts no more; `None` once it is forgotten.
    fn lasts_until(&self, question: &Question) -> Option<Instant> {
        let until = *locked(&self.state).look_ups.get(question)?;
        if Instant::now() < until {
            return Some(until);
        }
        let filter = question.filter();
        let found = self
            .context
            .references(Some(&question.specification), filter.as_ref());
        // Nobody asks, but somebody may be calling still.
        let used = |proxy: &ServiceRef| proxy.is_imported() && !proxy.using_bundles().is_empty();
        if found.iter().any(used) {
            return Some(Instant::now() + self.linger.max(SHORTEST));
        }
        locked(&self.state).look_ups.remove(question);
        self.reconsider(&question.specification);
        None
    }

    fn reconsider(&self, specification: &str) {
        if let Some(topology) = self.topology.get().and_then(Weak::upgrade) {
            topology.reconsider_imports(specification);
        }
    }

    fn is_wanted(&self, endpoint: &EndpointDescription) -> bool {
        let configuration = endpoint.configurations().first().map_or("", String::as_str);
        let mut properties = proxy_properties(endpoint, configuration, endpoint.intents());
        let interfaces = endpoint.interfaces();
        let object_class = interfaces.iter().map(Value::from).collect();
        properties.insert(names::OBJECT_CLASS, Value::List(object_class));
        let matches =
            |filter: Option<&Filter>| filter.is_none_or(|filter| filter.matches(&properties));
        let state = locked(&self.state);
        let listened = interfaces.iter().any(|interface| {
            let listeners = state.listeners.get(interface.as_str());
            listeners.is_some_and(|listeners| {
                listeners
                    .values()
                    .any(|listener| matches(listener.filter.as_ref()))
            })
        });
        listened
            || state.look_ups.keys().any(|question| {
                let mut interfaces = interfaces.iter();
                interfaces.any(|interface| **interface == *question.specification)
                    && matches(question.filter().as_ref())
            })
    }
}

/// Forgets a look-up when it counts no more; a task that only waits.
async fn forget(demand: Weak<Demand>, question: Question) {
    loop {
        let Some(until) = demand
            .upgrade()
            .and_then(|demand| demand.lasts_until(&question))
        else {
            return;
        };
        tokio::time::sleep_until(until).await;
    }
}

impl Policy for Demand {
    fn import(&self, endpoint: &EndpointDescription) -> Result<Admitted, String> {
        if !self.is_wanted(endpoint) {
            return Err(format!(
                "nobody asks for {}",
                endpoint.interfaces().join(" or ")
            ));
        }
        Ok(Admitted {
            endpoint: endpoint.clone(),
            limit: None,
        })
    }
}

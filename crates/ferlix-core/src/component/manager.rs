//! [`ComponentManager`]: the factories and instances of a framework.
//!
//! `bundles.rs` has what a bundle's start, stop and update do to them, `waiting.rs` the instances that wait for their factory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::details;
use super::event::ComponentListeners;
use super::factory::ComponentFactory;
use super::instance::{Instance, Shared, Work};
use super::{
    ComponentEvent, ComponentEvents, ComponentListenerId, ComponentState, FactoryDetails,
    FactoryInfo, InstanceDetails, InstanceInfo,
};
use crate::Error;
use crate::framework::{Activity, BoxError, BundleActivator, BundleContext, BundleDefinition};
use crate::property::Properties;
use crate::service::{Interface, Service};

/// The bundle of the component model; every framework has it.
pub static BUNDLE: BundleDefinition = BundleDefinition {
    symbolic_name: "ferlix.component",
    version: env!("CARGO_PKG_VERSION"),
    location: file!(),
    components: &[],
    activator: Some(|| Box::new(Activator)),
};

/// Registers the component manager as a service.
struct Activator;

#[async_trait]
impl BundleActivator for Activator {
    async fn start(&self, context: &BundleContext) -> Result<(), BoxError> {
        context.register(Arc::new(context.components().clone()), Properties::new())?;
        Ok(())
    }
}

impl Service for ComponentManager {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("ferlix.ipopo.core");
        &INTERFACE
    }
}

/// The factories and instances of a framework. Cheap to clone; also a service, `ferlix.ipopo.core`.
#[derive(Clone)]
pub struct ComponentManager {
    pub(super) tables: Arc<Mutex<Tables>>,
    pub(super) shared: Arc<Shared>,
}

#[derive(Default)]
pub(super) struct Tables {
    pub(super) factories: BTreeMap<&'static str, Registered>,
    pub(super) instances: BTreeMap<Arc<str>, Arc<Instance>>,
    next_id: u64,
    /// What is made whenever its factory is there: factory and properties by instance.
    pub(super) waiting: BTreeMap<Arc<str>, (String, Properties)>,
    /// The instances of bundles that are being updated, in the order in which they were made.
    pub(super) kept: HashMap<u64, Vec<Kept>>,
}

/// An instance that is to be made again.
pub(super) struct Kept {
    pub(super) factory: &'static str,
    pub(super) name: Arc<str>,
    pub(super) given: Properties,
}

#[derive(Clone)]
pub(super) struct Registered {
    pub(super) factory: Arc<ComponentFactory>,
    pub(super) context: BundleContext,
}

impl ComponentManager {
    pub(crate) fn new(activity: Activity, callback_timeout: Duration) -> Self {
        Self {
            tables: Arc::default(),
            shared: Arc::new(Shared {
                activity,
                callback_timeout,
                listeners: Arc::new(ComponentListeners::default()),
            }),
        }
    }

    /// Makes an instance of a factory. Returns when it is VALID, ERRONEOUS, or waiting for a service.
    ///
    /// # Errors
    /// [`Error::Unknown`] for the factory, [`Error::Duplicate`] or [`Error::Specification`] for the name,
    /// [`Error::Singleton`] when the factory makes one instance only and there is one.
    pub async fn instantiate(
        &self,
        factory: &str,
        name: &str,
        properties: Properties,
    ) -> Result<(), Error> {
        let instance = self.place(&mut self.tables(), factory, name, properties)?;
        instance.perform(Work::Start).await;
        Ok(())
    }

    /// Puts an instance in its place; it begins with [`Work::Start`].
    pub(super) fn place(
        &self,
        tables: &mut Tables,
        factory: &str,
        name: &str,
        properties: Properties,
    ) -> Result<Arc<Instance>, Error> {
        check_name(name)?;
        let registered = tables
            .factories
            .get(factory)
            .cloned()
            .ok_or_else(|| unknown_factory(tables, factory))?;
        if let Some(holder) = tables.instances.get(name) {
            let holder = format!(" by an instance of {}", holder.factory.name);
            return Err(Error::Duplicate {
                kind: "instance",
                name: name.to_owned(),
                holder,
            });
        }
        if registered.factory.singleton {
            let mut others = tables.instances.values();
            let same = |one: &&Arc<Instance>| Arc::ptr_eq(&one.factory, &registered.factory);
            if let Some(other) = others.find(same) {
                return Err(Error::Singleton {
                    factory: factory.to_owned(),
                    instance: other.name.to_string(),
                });
            }
        }
        tables.next_id += 1;
        let name: Arc<str> = Arc::from(name);
        let instance = Arc::new(Instance::new(
            tables.next_id,
            Arc::clone(&name),
            registered.factory,
            registered.context,
            Arc::clone(&self.shared),
            properties,
        ));
        tables.instances.insert(name, Arc::clone(&instance));
        Ok(instance)
    }

    /// Ends an instance and waits until it is down.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub async fn kill(&self, name: &str) -> Result<(), Error> {
        let instance = self.find(name)?;
        self.end(&instance).await;
        Ok(())
    }

    /// Tries an ERRONEOUS instance again, with these properties over those it has; returns its state then.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub async fn retry(&self, name: &str, properties: Properties) -> Result<ComponentState, Error> {
        let instance = self.find(name)?;
        instance.perform(|done| Work::Retry(properties, done)).await;
        Ok(instance.seen().state)
    }

    /// Changes properties of an instance: `Live` fields follow in place, a plain field builds it anew. A hidden property is
    /// set by its name with a dot before it.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub async fn reconfigure(
        &self,
        name: &str,
        properties: Properties,
    ) -> Result<ComponentState, Error> {
        self.change(name, properties, false).await
    }

    /// Replaces the properties that were given to an instance: those that are not among the new ones go back to their
    /// defaults, except hidden ones. Else as [`ComponentManager::reconfigure`].
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub async fn configure(
        &self,
        name: &str,
        properties: Properties,
    ) -> Result<ComponentState, Error> {
        self.change(name, properties, true).await
    }

    pub(super) async fn change(
        &self,
        name: &str,
        properties: Properties,
        replace: bool,
    ) -> Result<ComponentState, Error> {
        let instance = self.find(name)?;
        instance
            .perform(|done| Work::Reconfigure {
                properties,
                replace,
                done,
            })
            .await;
        Ok(instance.seen().state)
    }

    /// Calls a function at every component event, until the bundle of the context stops. It runs on the thread that made
    /// the change and should be quick.
    pub fn add_listener(
        &self,
        context: &BundleContext,
        listener: impl Fn(&ComponentEvent) + Send + Sync + 'static,
    ) -> ComponentListenerId {
        let bundle_id = context.bundle().id();
        self.shared.listeners.add(bundle_id, Arc::new(listener))
    }

    /// Removes a listener and returns whether it was there.
    pub fn remove_listener(&self, id: ComponentListenerId) -> bool {
        self.shared.listeners.remove(id)
    }

    /// The component events from now on, as a stream; it is silent once the bundle of the context has stopped.
    #[must_use]
    pub fn events(&self, context: &BundleContext) -> ComponentEvents {
        ComponentEvents::new(&self.shared.listeners, context.bundle().id())
    }

    /// All factories, by name.
    #[must_use]
    pub fn factories(&self) -> Vec<FactoryInfo> {
        let tables = self.tables();
        let info = |(name, registered): (&&'static str, &Registered)| FactoryInfo {
            name,
            bundle_id: registered.context.bundle().id(),
        };
        tables.factories.iter().map(info).collect()
    }

    /// Everything about a factory.
    #[must_use]
    pub fn factory(&self, name: &str) -> Option<FactoryDetails> {
        let Registered { factory, context } = self.tables().factories.get(name)?.clone();
        Some(details::factory(&factory, &context))
    }

    /// All instances, by name.
    #[must_use]
    pub fn instances(&self) -> Vec<InstanceInfo> {
        let instances: Vec<Arc<Instance>> = self.tables().instances.values().cloned().collect();
        let info = |instance: &Arc<Instance>| InstanceInfo {
            name: Arc::clone(&instance.name),
            factory: instance.factory.name,
            state: instance.seen().state,
            bundle_id: instance.bundle.bundle().id(),
        };
        instances.iter().map(info).collect()
    }

    /// Everything about an instance.
    #[must_use]
    pub fn instance(&self, name: &str) -> Option<InstanceDetails> {
        let instance = self.find(name).ok()?;
        Some(details::instance(&instance))
    }

    /// Whether there is an instance of that name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.tables().instances.contains_key(name)
    }

    pub(super) async fn end(&self, instance: &Arc<Instance>) {
        instance.perform(Work::Kill).await;
        let mut tables = self.tables();
        if tables
            .instances
            .get(&instance.name)
            .is_some_and(|one| Arc::ptr_eq(one, instance))
        {
            tables.instances.remove(&instance.name);
        }
    }

    pub(super) fn find(&self, name: &str) -> Result<Arc<Instance>, Error> {
        let tables = self.tables();
        let found = tables.instances.get(name).cloned();
        found.ok_or_else(|| unknown_instance(name))
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown_factory(tables: &Tables, name: &str) -> Error {
    let names: Vec<&str> = tables.factories.keys().copied().collect();
    Error::Unknown {
        kind: "factory",
        name: name.to_owned(),
        hint: format!("; there are: {}", names.join(", ")),
    }
}

pub(super) fn unknown_instance(name: &str) -> Error {
    Error::Unknown {
        kind: "component",
        name: name.to_owned(),
        hint: ": `instances` lists them".to_owned(),
    }
}

pub(super) fn check_name(name: &str) -> Result<(), Error> {
    if name.trim().is_empty() || name.contains(char::is_control) {
        return Err(Error::Specification {
            name: name.to_owned(),
            reason: "an instance name must be printable and not empty",
        });
    }
    Ok(())
}

impl fmt::Debug for ComponentManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.tables();
        f.debug_struct("ComponentManager")
            .field("factories", &tables.factories.len())
            .field("instances", &tables.instances.len())
            .finish_non_exhaustive()
    }
}

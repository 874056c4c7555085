//! [`ComponentManager`]: the factories and instances of a framework.

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
    ComponentEvent, ComponentEventKind, ComponentEvents, ComponentListenerId, ComponentState,
    FactoryDetails, FactoryInfo, InstanceDetails, InstanceInfo, WaitingInfo,
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
    tables: Arc<Mutex<Tables>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Tables {
    factories: BTreeMap<&'static str, Registered>,
    instances: BTreeMap<Arc<str>, Arc<Instance>>,
    next_id: u64,
    /// What is made whenever its factory is there: factory and properties by instance.
    waiting: BTreeMap<Arc<str>, (String, Properties)>,
    /// The instances of bundles that are being updated, in the order in which they were made.
    kept: HashMap<u64, Vec<Kept>>,
}

/// An instance that is to be made again.
struct Kept {
    factory: &'static str,
    name: Arc<str>,
    given: Properties,
}

#[derive(Clone)]
struct Registered {
    factory: Arc<ComponentFactory>,
    context: BundleContext,
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
        check_name(name)?;
        let instance = {
            let mut tables = self.tables();
            let registered = tables
                .factories
                .get(factory)
                .cloned()
                .ok_or_else(|| unknown_factory(&tables, factory))?;
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
            instance
        };
        instance.perform(Work::Start).await;
        Ok(())
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

    /// Makes an instance whenever its factory is there: now, or when the factory comes, and again when it comes back. It
    /// is forgotten by [`ComponentManager::forget`] only; a name that is taken when the factory comes is logged.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when an instance of that name waits already, [`Error::Specification`] for the name; those of
    /// [`ComponentManager::instantiate`] when the factory is there: then the instance is not kept.
    pub async fn instantiate_when_available(
        &self,
        factory: &str,
        name: &str,
        properties: Properties,
    ) -> Result<(), Error> {
        check_name(name)?;
        let there = {
            let mut tables = self.tables();
            if tables.waiting.contains_key(name) {
                return Err(Error::Duplicate {
                    kind: "instance",
                    name: name.to_owned(),
                    holder: " by one that waits for its factory".to_owned(),
                });
            }
            let entry = (factory.to_owned(), properties.clone());
            tables.waiting.insert(Arc::from(name), entry);
            tables.factories.contains_key(factory)
        };
        if !there {
            return Ok(());
        }
        match self.instantiate(factory, name, properties).await {
            // The factory went meanwhile.
            Err(Error::Unknown { .. }) => Ok(()),
            Err(error) => {
                self.tables().waiting.remove(name);
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Changes the properties of an instance that is made whenever its factory is there, and of the instance if there is
    /// one: these replace what was given before.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub async fn update_waiting(&self, name: &str, properties: Properties) -> Result<(), Error> {
        {
            let mut tables = self.tables();
            let waiting = tables.waiting.get_mut(name);
            let (_, given) = waiting.ok_or_else(|| unknown_instance(name))?;
            *given = properties.clone();
        }
        match self.configure(name, properties).await {
            Err(Error::Unknown { .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Makes an instance no more when its factory comes, and ends it if it is there.
    ///
    /// # Errors
    /// [`Error::Unknown`] when it was not made by [`ComponentManager::instantiate_when_available`].
    pub async fn forget(&self, name: &str) -> Result<(), Error> {
        let removed = self.tables().waiting.remove(name);
        removed.ok_or_else(|| unknown_instance(name))?;
        match self.kill(name).await {
            Err(Error::Unknown { .. }) => Ok(()),
            other => other,
        }
    }

    /// The instances that are made whenever their factories are there, by name.
    #[must_use]
    pub fn waiting(&self) -> Vec<WaitingInfo> {
        let tables = self.tables();
        let info =
            |(name, (factory, properties)): (&Arc<str>, &(String, Properties))| WaitingInfo {
                name: Arc::clone(name),
                factory: factory.clone(),
                properties: properties.clone(),
                instantiated: tables.instances.contains_key(name),
            };
        tables.waiting.iter().map(info).collect()
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

    async fn change(
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

    /// Publishes the factories of a bundle that has started, and makes their declared instances.
    pub(crate) async fn add_bundle(&self, context: &BundleContext) {
        let mut declared = Vec::new();
        for make in context.bundle().definition().components {
            let factory = make();
            let name = factory.name;
            if let Some(problem) = factory.problem() {
                tracing::error!(factory = name, "the factory is left out: {problem}");
                continue;
            }
            let factory = Arc::new(factory);
            let taken = {
                let mut tables = self.tables();
                let taken = tables
                    .factories
                    .get(name)
                    .map(|other| other.context.bundle().clone());
                if taken.is_none() {
                    tables.factories.insert(
                        name,
                        Registered {
                            factory: Arc::clone(&factory),
                            context: context.clone(),
                        },
                    );
                }
                taken
            };
            match taken {
                Some(holder) => {
                    tracing::error!(factory = name, %holder, "the factory is left out: its name is taken");
                }
                None => {
                    self.fire_factory(ComponentEventKind::Registered, name, context);
                    let instances = factory.instances.iter();
                    declared.extend(
                        instances.map(|(instance, given)| (name, *instance, given.clone())),
                    );
                }
            }
        }
        // What an update keeps has the properties it had, a declared instance too.
        let kept = self.tables().kept.remove(&context.bundle().id());
        for Kept {
            factory,
            name,
            given,
        } in kept.into_iter().flatten()
        {
            declared.retain(|(_, declared, _)| **declared != *name);
            self.make(factory, &name, given, "the instance was not made again")
                .await;
        }
        for (factory, name, given) in declared {
            self.make(factory, name, given, "the declared instance was not made")
                .await;
        }
        let waiting: Vec<_> = {
            let tables = self.tables();
            let of_bundle = |factory: &str| {
                let registered = tables.factories.get(factory);
                registered.is_some_and(|one| one.context.bundle() == context.bundle())
            };
            let entries = tables.waiting.iter();
            entries
                .filter(|(name, (factory, _))| {
                    of_bundle(factory) && !tables.instances.contains_key(*name)
                })
                .map(|(name, (factory, given))| (factory.clone(), Arc::clone(name), given.clone()))
                .collect()
        };
        for (factory, name, given) in waiting {
            self.make(&factory, &name, given, "the waiting instance was not made")
                .await;
        }
    }

    async fn make(&self, factory: &str, name: &str, given: Properties, failure: &'static str) {
        if let Err(error) = self.instantiate(factory, name, given).await {
            tracing::error!(factory, name, %error, "{failure}");
        }
    }

    fn fire_factory(
        &self,
        kind: ComponentEventKind,
        factory: &'static str,
        context: &BundleContext,
    ) {
        self.shared.listeners.notify(|| ComponentEvent {
            kind,
            factory,
            instance: None,
            bundle_id: context.bundle().id(),
        });
    }

    /// An update of a bundle begins: its instances are to be made again, with their properties, when it has started.
    pub(crate) fn keep_instances(&self, bundle_id: u64) {
        self.tables().kept.insert(bundle_id, Vec::new());
    }

    /// An update of a bundle is over, also when the bundle did not start.
    pub(crate) fn forget_kept(&self, bundle_id: u64) {
        self.tables().kept.remove(&bundle_id);
    }

    /// Takes the factories of a bundle away and ends their instances, the newest first.
    pub(crate) async fn remove_bundle(&self, bundle_id: u64) {
        let (factories, mut instances) = {
            let mut tables = self.tables();
            let factories: Vec<Registered> = tables
                .factories
                .extract_if(.., |_, registered| {
                    registered.context.bundle().id() == bundle_id
                })
                .map(|(_, registered)| registered)
                .collect();
            let of_bundle = |instance: &&Arc<Instance>| instance.bundle.bundle().id() == bundle_id;
            let instances: Vec<Arc<Instance>> = tables
                .instances
                .values()
                .filter(of_bundle)
                .cloned()
                .collect();
            (factories, instances)
        };
        for registered in &factories {
            let name = registered.factory.name;
            self.fire_factory(ComponentEventKind::Unregistered, name, &registered.context);
        }
        instances.sort_by_key(|instance| instance.id);
        {
            let mut tables = self.tables();
            if let Some(kept) = tables.kept.get_mut(&bundle_id) {
                kept.extend(instances.iter().map(|instance| Kept {
                    factory: instance.factory.name,
                    name: Arc::clone(&instance.name),
                    given: Properties::clone(&instance.seen().given),
                }));
            }
        }
        instances.sort_by_key(|instance| std::cmp::Reverse(instance.id));
        for instance in instances {
            self.end(&instance).await;
        }
        self.shared.listeners.remove_bundle(bundle_id);
    }

    async fn end(&self, instance: &Arc<Instance>) {
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

    fn find(&self, name: &str) -> Result<Arc<Instance>, Error> {
        let tables = self.tables();
        let found = tables.instances.get(name).cloned();
        found.ok_or_else(|| unknown_instance(name))
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
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

fn unknown_instance(name: &str) -> Error {
    Error::Unknown {
        kind: "component",
        name: name.to_owned(),
        hint: ": `instances` lists them".to_owned(),
    }
}

fn check_name(name: &str) -> Result<(), Error> {
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

//! [`ComponentManager`]: the factories and instances of a framework.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::factory::{ComponentFactory, DependencyField};
use super::instance::{Instance, Work};
use super::{
    ComponentState, DependencyDetails, DependencyKind, FactoryDetails, FactoryInfo,
    InstanceDetails, InstanceInfo, RequirementDetails,
};
use crate::Error;
use crate::framework::{Activity, BoxError, BundleActivator, BundleContext, BundleDefinition};
use crate::property::{Properties, Value, keys};
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
    activity: Activity,
    callback_timeout: Duration,
}

#[derive(Default)]
struct Tables {
    factories: BTreeMap<&'static str, Registered>,
    instances: BTreeMap<Arc<str>, Arc<Instance>>,
    next_id: u64,
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
            activity,
            callback_timeout,
        }
    }

    /// Makes an instance of a factory. Returns when it is VALID, ERRONEOUS, or waiting for a service.
    ///
    /// # Errors
    /// [`Error::Unknown`] for the factory, [`Error::Duplicate`] or [`Error::Specification`] for the name.
    pub async fn instantiate(
        &self,
        factory: &str,
        name: &str,
        properties: Properties,
    ) -> Result<(), Error> {
        if name.trim().is_empty() || name.contains(char::is_control) {
            return Err(Error::Specification {
                name: name.to_owned(),
                reason: "an instance name must be printable and not empty",
            });
        }
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
            tables.next_id += 1;
            let name: Arc<str> = Arc::from(name);
            let instance = Arc::new(Instance::new(
                tables.next_id,
                Arc::clone(&name),
                registered.factory,
                registered.context,
                self.activity.clone(),
                self.callback_timeout,
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

    /// Changes properties of an instance: `Live` fields follow in place, a plain field builds it anew.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub async fn reconfigure(
        &self,
        name: &str,
        mut properties: Properties,
    ) -> Result<ComponentState, Error> {
        let instance = self.find(name)?;
        properties.remove(keys::INSTANCE_NAME);
        instance
            .perform(|done| Work::Reconfigure(properties, done))
            .await;
        Ok(instance.seen().state)
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
        let mut properties = factory.defaults.clone();
        for value in &factory.values {
            properties.insert_absent(value.key, Value::Null);
        }
        Some(FactoryDetails {
            name: factory.name,
            bundle_id: context.bundle().id(),
            properties,
            provides: factory
                .provides
                .iter()
                .map(|provided| provided.specification)
                .collect(),
            requirements: factory.dependencies.iter().map(requirement).collect(),
        })
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
        let seen = instance.seen();
        let fields = instance
            .factory
            .dependencies
            .iter()
            .zip(seen.bindings.iter().cloned());
        Some(InstanceDetails {
            name: Arc::clone(&instance.name),
            factory: instance.factory.name,
            bundle_id: instance.bundle.bundle().id(),
            state: seen.state,
            cause: seen.cause.clone(),
            service: seen
                .registration
                .as_ref()
                .map(|registration| registration.reference().clone()),
            dependencies: fields
                .map(|(field, (bindings, satisfied))| DependencyDetails {
                    requirement: requirement(field),
                    bindings,
                    satisfied,
                })
                .collect(),
            properties: Arc::clone(&seen.properties),
        })
    }

    /// Publishes the factories of a bundle that has started, and makes their declared instances.
    pub(crate) async fn add_bundle(&self, context: &BundleContext) {
        let mut declared = Vec::new();
        for make in context.bundle().definition().components {
            let factory = make();
            let name = factory.name;
            if let Some((field, error)) = &factory.problem {
                tracing::error!(factory = name, field, %error, "the factory is left out: a filter does not parse");
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
                None => declared.extend(
                    factory
                        .instances
                        .iter()
                        .map(|(instance, given)| (name, *instance, given.clone())),
                ),
            }
        }
        for (factory, name, given) in declared {
            if let Err(error) = self.instantiate(factory, name, given).await {
                tracing::error!(factory, name, %error, "the declared instance was not made");
            }
        }
    }

    /// Takes the factories of a bundle away and ends their instances, the newest first.
    pub(crate) async fn remove_bundle(&self, bundle_id: u64) {
        let mut instances: Vec<Arc<Instance>> = {
            let mut tables = self.tables();
            tables
                .factories
                .retain(|_, registered| registered.context.bundle().id() != bundle_id);
            let of_bundle = |instance: &&Arc<Instance>| instance.bundle.bundle().id() == bundle_id;
            tables
                .instances
                .values()
                .filter(of_bundle)
                .cloned()
                .collect()
        };
        instances.sort_by_key(|instance| std::cmp::Reverse(instance.id));
        for instance in instances {
            self.end(&instance).await;
        }
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
        tables
            .instances
            .get(name)
            .cloned()
            .ok_or_else(|| Error::Unknown {
                kind: "component",
                name: name.to_owned(),
                hint: ": `instances` lists them".to_owned(),
            })
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

fn requirement(field: &DependencyField) -> RequirementDetails {
    let optional = match field.kind {
        DependencyKind::Optional => true,
        DependencyKind::Many => field.minimum == 0,
        DependencyKind::Fixed | DependencyKind::Best => false,
    };
    RequirementDetails {
        field: field.name,
        specification: field.specification,
        filter: field.filter.clone(),
        kind: field.kind,
        optional,
        aggregate: field.kind == DependencyKind::Many,
    }
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

//! What a bundle's start, stop and update do to factories and instances.

use std::sync::Arc;

use super::instance::Instance;
use super::manager::{Kept, Registered};
use super::{ComponentEvent, ComponentEventKind, ComponentManager};
use crate::framework::BundleContext;
use crate::property::Properties;

impl ComponentManager {
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
        self.make_waiting_of(context.bundle()).await;
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
}

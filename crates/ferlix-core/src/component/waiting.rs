//! The instances that are made whenever their factory is there.
//!
//! They stand in a list of their own, from which they go only when they are forgotten. One is made under the lock of the
//! list, with the properties that it has there by then, so no update in between is lost.

use std::sync::Arc;

use super::instance::Work;
use super::manager::{check_name, unknown_instance};
use super::{ComponentManager, WaitingInfo};
use crate::Error;
use crate::framework::Bundle;
use crate::property::Properties;

impl ComponentManager {
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
            let entry = (factory.to_owned(), properties);
            tables.waiting.insert(Arc::from(name), entry);
            tables.factories.contains_key(factory)
        };
        if !there {
            return Ok(());
        }
        match self.make_waiting(name).await {
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

    /// Makes those whose factory is of a bundle and that are not there.
    pub(super) async fn make_waiting_of(&self, bundle: &Bundle) {
        let names: Vec<Arc<str>> = {
            let tables = self.tables();
            let of_bundle = |factory: &str| {
                let registered = tables.factories.get(factory);
                registered.is_some_and(|one| one.context.bundle() == bundle)
            };
            let mut waiting: Vec<_> = tables.waiting.iter().collect();
            waiting.retain(|(name, (factory, _))| {
                of_bundle(factory) && !tables.instances.contains_key(*name)
            });
            waiting
                .into_iter()
                .map(|(name, _)| Arc::clone(name))
                .collect()
        };
        for name in names {
            if let Err(error) = self.make_waiting(&name).await {
                tracing::error!(%name, %error, "the waiting instance was not made");
            }
        }
    }

    /// Makes one, unless it was forgotten meanwhile.
    async fn make_waiting(&self, name: &str) -> Result<(), Error> {
        let instance = {
            let mut tables = self.tables();
            let Some((factory, properties)) = tables.waiting.get(name).cloned() else {
                return Ok(());
            };
            self.place(&mut tables, &factory, name, properties)?
        };
        instance.perform(Work::Start).await;
        Ok(())
    }
}

//! [`Table`]: the configurations in memory. Its lock is held for moments only; nobody else's code runs under it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferlix_core::property::{Properties, Value};

use crate::ConfigError;
use crate::admin::properties::{FACTORY_PID, SERVICE_PID};
use crate::pid::factory_of;

#[derive(Debug, Default)]
pub(crate) struct Table(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    clock: u64,
    by_pid: BTreeMap<Arc<str>, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Tells it from a later configuration of the same PID.
    born: u64,
    factory_pid: Option<Arc<str>>,
    content: Option<Content>,
}

/// The properties of a configuration at one time.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) generation: u64,
    pub(crate) factory_pid: Option<Arc<str>>,
    pub(crate) properties: Arc<Properties>,
}

/// What names one configuration, and its properties.
pub(crate) struct Listed {
    pub(crate) pid: Arc<str>,
    pub(crate) factory_pid: Option<Arc<str>>,
    pub(crate) born: u64,
    pub(crate) properties: Option<Arc<Properties>>,
}

impl Table {
    /// The configuration of a PID, made when there is none.
    pub(crate) fn entry(
        &self,
        pid: &str,
        factory_pid: Option<&str>,
    ) -> Result<(Arc<str>, Option<Arc<str>>, u64), ConfigError> {
        let mut entries = self.lock();
        if let Some((pid, entry)) = entries.by_pid.get_key_value(pid) {
            return Ok((Arc::clone(pid), entry.factory_pid.clone(), entry.born));
        }
        let is_factory = entries
            .by_pid
            .values()
            .any(|entry| entry.factory_pid.as_deref() == Some(pid));
        if is_factory {
            return Err(ConfigError::Factory {
                pid: pid.to_owned(),
            });
        }
        entries.clock += 1;
        let born = entries.clock;
        let pid: Arc<str> = pid.into();
        let factory_pid: Option<Arc<str>> = factory_pid.or_else(|| factory_of(&pid)).map(Arc::from);
        let entry = Entry {
            born,
            factory_pid: factory_pid.clone(),
            content: None,
        };
        entries.by_pid.insert(Arc::clone(&pid), entry);
        Ok((pid, factory_pid, born))
    }

    pub(crate) fn is_alive(&self, pid: &str, born: u64) -> bool {
        let entries = self.lock();
        entries
            .by_pid
            .get(pid)
            .is_some_and(|entry| entry.born == born)
    }

    pub(crate) fn properties(&self, pid: &str, born: u64) -> Option<Arc<Properties>> {
        let entries = self.lock();
        let entry = entries.by_pid.get(pid).filter(|entry| entry.born == born)?;
        entry
            .content
            .as_ref()
            .map(|content| Arc::clone(&content.properties))
    }

    /// What is to be applied; `None` for a configuration without properties, or none.
    pub(crate) fn content(&self, pid: &str) -> Option<Content> {
        self.lock().by_pid.get(pid)?.content.clone()
    }

    /// Takes over properties, as they are in a file, and says whether they are other ones.
    pub(crate) fn set(&self, pid: &str, mut properties: Properties) -> bool {
        let given = properties.remove(FACTORY_PID);
        let given = given.as_ref().and_then(Value::as_str).map(Arc::<str>::from);
        let mut entries = self.lock();
        entries.clock += 1;
        let now = entries.clock;
        let entry = entries.by_pid.entry(pid.into()).or_insert_with(|| Entry {
            born: now,
            factory_pid: factory_of(pid).map(Arc::from),
            content: None,
        });
        if given.is_some() {
            entry.factory_pid = given;
        }
        properties.insert(SERVICE_PID, pid);
        if let Some(factory_pid) = &entry.factory_pid {
            properties.insert(FACTORY_PID, &**factory_pid);
        }
        let same = |content: &Content| *content.properties == properties;
        if entry.content.as_ref().is_some_and(same) {
            return false;
        }
        entry.content = Some(Content {
            generation: now,
            factory_pid: entry.factory_pid.clone(),
            properties: Arc::new(properties),
        });
        true
    }

    /// Removes a configuration and says whether it had properties.
    pub(crate) fn remove(&self, pid: &str) -> bool {
        let removed = self.lock().by_pid.remove(pid);
        removed.is_some_and(|entry| entry.content.is_some())
    }

    /// All configurations, by PID.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let entries = self.lock();
        let listed = entries.by_pid.iter().map(|(pid, entry)| Listed {
            pid: Arc::clone(pid),
            factory_pid: entry.factory_pid.clone(),
            born: entry.born,
            properties: entry
                .content
                .as_ref()
                .map(|content| Arc::clone(&content.properties)),
        });
        listed.collect()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

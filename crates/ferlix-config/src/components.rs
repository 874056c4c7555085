//! [`Components`]: component instances that follow configurations, or are made from them.
//!
//! An instance with the property `service.pid` follows the configuration of that PID: its properties lie over those of the
//! instance. A configuration of the factory PID `ferlix.ipopo.component` makes an instance, once its factory is there.
//! Properties that leave a configuration go back to what the instance had before, or else to the factory's default.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferlix_core::Error;
use ferlix_core::component::ComponentManager;
use ferlix_core::framework::BundleContext;
use ferlix_core::property::{Properties, Value, keys};

use crate::admin::properties::{
    COMPONENT_FACTORY_PID, FACTORY_NAME, FACTORY_PID, RESTART, SERVICE_PID, UPDATE_POLICY,
};
use crate::table::Content;

pub(crate) struct Components {
    context: BundleContext,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Instances with a PID, by name.
    followers: BTreeMap<Arc<str>, Follower>,
    /// Instances without one: they need no second look.
    others: BTreeSet<Arc<str>>,
    /// Instances made from configurations, by PID of the configuration.
    made: BTreeMap<Arc<str>, Made>,
}

#[derive(Clone)]
struct Follower {
    pid: Arc<str>,
    factory: &'static str,
    /// What the instance had before any configuration.
    own: Properties,
    applied: Option<Applied>,
}

#[derive(Clone)]
struct Applied {
    generation: u64,
    properties: Properties,
}

#[derive(Clone)]
struct Made {
    factory: String,
    name: String,
    generation: u64,
    properties: Properties,
    state: MadeState,
    /// What was said of an instance that could not be made, to say it once.
    problem: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MadeState {
    /// The instance is ours.
    Running,
    /// Its factory is not there yet, or its name is taken: tried again by `sweep`.
    Waiting,
}

impl Components {
    pub(crate) fn new(context: BundleContext) -> Self {
        Self {
            context,
            known: Mutex::default(),
        }
    }

    /// Looks which instances came and went, and returns the PIDs to apply.
    pub(crate) fn sweep(&self) -> BTreeSet<Arc<str>> {
        let manager = self.context.components();
        let live: BTreeSet<Arc<str>> = manager
            .instances()
            .into_iter()
            .map(|instance| instance.name)
            .collect();
        let new: Vec<Arc<str>> = {
            let mut known = self.known();
            known.followers.retain(|name, _| live.contains(name));
            known.others.retain(|name| live.contains(name));
            let seen =
                |name: &Arc<str>| known.followers.contains_key(name) || known.others.contains(name);
            live.iter().filter(|name| !seen(name)).cloned().collect()
        };
        let mut marked = BTreeSet::new();
        for name in new {
            let Some(details) = manager.instance(&name) else {
                continue;
            };
            // An empty one, or one that is no text, names nothing.
            let pid = details
                .properties
                .text(SERVICE_PID)
                .filter(|pid| !pid.is_empty());
            let mut known = self.known();
            match pid.map(Arc::<str>::from) {
                None => {
                    known.others.insert(name);
                }
                Some(pid) => {
                    marked.insert(Arc::clone(&pid));
                    let follower = Follower {
                        pid,
                        factory: details.factory,
                        own: Properties::clone(&details.properties),
                        applied: None,
                    };
                    known.followers.insert(name, follower);
                }
            }
        }
        let known = self.known();
        let unmade = known
            .made
            .iter()
            .filter(|(_, made)| made.state == MadeState::Waiting || !live.contains(&*made.name));
        marked.extend(unmade.map(|(pid, _)| Arc::clone(pid)));
        marked
    }

    pub(crate) async fn apply(&self, pid: &Arc<str>, content: Option<&Content>) {
        self.follow(pid, content).await;
        let of_component =
            |content: &&Content| content.factory_pid.as_deref() == Some(COMPONENT_FACTORY_PID);
        match content.filter(of_component) {
            Some(content) => self.make(pid, content).await,
            None => self.unmake(pid).await,
        }
    }

    /// Brings a configuration to the instances that have its PID.
    async fn follow(&self, pid: &str, content: Option<&Content>) {
        let followers: Vec<(Arc<str>, Follower)> = {
            let known = self.known();
            let of_pid = known
                .followers
                .iter()
                .filter(|(_, follower)| *follower.pid == *pid);
            of_pid
                .map(|(name, follower)| (Arc::clone(name), follower.clone()))
                .collect()
        };
        for (name, follower) in followers {
            let generation = content.map(|content| content.generation);
            if generation == follower.applied.as_ref().map(|applied| applied.generation) {
                continue;
            }
            let properties = content
                .map(|content| without_directives(&content.properties))
                .unwrap_or_default();
            if let Some(follower) = self.known().followers.get_mut(&name) {
                follower.applied = generation.map(|generation| Applied {
                    generation,
                    properties: properties.clone(),
                });
            }
            let policy = content.and_then(|content| content.properties.get(UPDATE_POLICY));
            let done = if restarts(&name, policy.or_else(|| follower.own.get(UPDATE_POLICY))) {
                let mut all = follower.own.clone();
                all.merge(&properties);
                all.remove(keys::INSTANCE_NAME);
                self.restart(follower.factory, &name, all).await
            } else {
                let before = follower.applied.map(|applied| applied.properties);
                let back = |key: &str| follower.own.get(key).cloned().unwrap_or_default();
                let changes = changes(&before.unwrap_or_default(), properties, back);
                self.manager().reconfigure(&name, changes).await.map(drop)
            };
            if let Err(error) = done {
                tracing::warn!(component = %name, pid, "the configuration was not applied: {error}");
            }
        }
    }

    /// Makes or changes the instance that a configuration describes.
    async fn make(&self, pid: &Arc<str>, content: &Content) {
        let Some(factory) = content.properties.text(FACTORY_NAME) else {
            tracing::warn!(
                pid = &**pid,
                "the configuration makes no component: it has no {FACTORY_NAME}"
            );
            self.unmake(pid).await;
            return;
        };
        let name = content.properties.text(keys::INSTANCE_NAME).unwrap_or(pid);
        let properties = without_directives(&content.properties);
        let before = self.known().made.get(pid).cloned();
        let same = before
            .as_ref()
            .is_some_and(|made| made.factory == factory && made.name == name);
        if !same {
            self.unmake(pid).await;
        }
        let before = before.filter(|_| same);
        let ours = before
            .as_ref()
            .is_some_and(|made| made.state == MadeState::Running)
            && self.manager().instance(name).is_some();
        let changed = before
            .as_ref()
            .is_none_or(|made| made.generation != content.generation);
        let done = match &before {
            Some(_) if ours && !changed => Ok(()),
            Some(_) if ours && restarts(name, content.properties.get(UPDATE_POLICY)) => {
                self.restart(factory, name, properties.clone()).await
            }
            Some(made) if ours => {
                let back = |key: &str| self.default_of(factory, key);
                let changes = changes(&made.properties, properties.clone(), back);
                self.manager().reconfigure(name, changes).await.map(drop)
            }
            _ => {
                self.manager()
                    .instantiate(factory, name, properties.clone())
                    .await
            }
        };
        let (state, problem) = match done {
            Ok(()) => (MadeState::Running, None),
            Err(error) => {
                let text = error.to_string();
                let said = before.and_then(|made| made.problem);
                if matches!(error, Error::Unknown { .. }) {
                    tracing::debug!(pid = &**pid, "the component waits: {text}");
                } else if said.as_ref() != Some(&text) {
                    tracing::error!(pid = &**pid, "the component was not made: {text}");
                }
                (MadeState::Waiting, Some(text))
            }
        };
        let made = Made {
            factory: factory.to_owned(),
            name: name.to_owned(),
            generation: content.generation,
            properties,
            state,
            problem,
        };
        self.known().made.insert(Arc::clone(pid), made);
    }

    /// Ends the instance that was made from a configuration.
    async fn unmake(&self, pid: &str) {
        let removed = self.known().made.remove(pid);
        if let Some(made) = removed.filter(|made| made.state == MadeState::Running) {
            // It may have been killed by somebody else, or with its bundle.
            let _ = self.manager().kill(&made.name).await;
        }
    }

    /// Ends all instances that were made from configurations.
    pub(crate) async fn end(&self) {
        let pids: Vec<Arc<str>> = self.known().made.keys().cloned().collect();
        for pid in pids {
            self.unmake(&pid).await;
        }
    }

    async fn restart(
        &self,
        factory: &str,
        name: &str,
        properties: Properties,
    ) -> Result<(), Error> {
        self.manager().kill(name).await?;
        self.manager().instantiate(factory, name, properties).await
    }

    /// What an instance of a factory has for a key that nobody gives.
    fn default_of(&self, factory: &str, key: &str) -> Value {
        let declared = self
            .manager()
            .factory(factory)
            .and_then(|factory| factory.properties.get(key).cloned());
        match declared {
            Some(default) => self.context.property(key).unwrap_or(default),
            None => Value::Null,
        }
    }

    fn manager(&self) -> &ComponentManager {
        self.context.components()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The new properties, and for those that are not among them any more what they go back to.
fn changes(before: &Properties, mut now: Properties, back: impl Fn(&str) -> Value) -> Properties {
    for (key, _) in before.iter() {
        if !now.contains(key) {
            now.insert(key, back(key));
        }
    }
    now
}

/// The properties of a configuration that are the component's.
fn without_directives(properties: &Properties) -> Properties {
    let directives = [
        SERVICE_PID,
        FACTORY_PID,
        FACTORY_NAME,
        UPDATE_POLICY,
        keys::INSTANCE_NAME,
    ];
    let mut kept = properties.clone();
    for key in directives {
        kept.remove(key);
    }
    kept
}

/// Whether the policy is to kill the instance and make it again.
fn restarts(name: &str, policy: Option<&Value>) -> bool {
    match policy.map(Value::as_str) {
        None | Some(Some("reconfigure")) => false,
        Some(Some(RESTART)) => true,
        Some(_) => {
            tracing::warn!(
                component = name,
                "{UPDATE_POLICY} is neither reconfigure nor restart: the component is reconfigured"
            );
            false
        }
    }
}

//! [`Components`]: component instances that follow configurations, or are made from them.
//!
//! An instance with the property `service.pid` follows the configuration of that PID: its properties lie over those of the
//! instance, and those that leave the configuration go back to what the instance had before. A configuration of the factory
//! PID `ferlix.ipopo.component` makes an instance whenever its factory is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferlix_core::Error;
use ferlix_core::component::{ComponentEvent, ComponentEventKind, ComponentManager};
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
    /// Followers that are being made again: what is heard of them is our own doing.
    restarting: BTreeSet<Arc<str>>,
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
    /// What was said of an instance that could not be made, to say it once; else the instance is ours, whether its factory
    /// is there or not.
    problem: Option<String>,
}

impl Components {
    pub(crate) fn new(context: BundleContext) -> Self {
        Self {
            context,
            known: Mutex::default(),
        }
    }

    /// Hears of an instance, and returns the PID to apply to it.
    pub(crate) fn hear(&self, event: &ComponentEvent) -> Option<Arc<str>> {
        let name = event.instance.as_ref()?;
        match event.kind {
            ComponentEventKind::Instantiated => self.adopt(name),
            ComponentEventKind::Killed => {
                let mut known = self.known();
                if !known.restarting.contains(name) {
                    known.followers.remove(name);
                }
                None
            }
            _ => None,
        }
    }

    /// Takes in the instances that are there.
    pub(crate) fn adopt_present(&self) {
        for instance in self.manager().instances() {
            self.adopt(&instance.name);
        }
    }

    fn adopt(&self, name: &Arc<str>) -> Option<Arc<str>> {
        let details = self.manager().instance(name)?;
        let pid = details.properties.text(SERVICE_PID);
        // An empty one, or one that is no text, names nothing.
        let pid: Arc<str> = pid.filter(|pid| !pid.is_empty())?.into();
        let mut known = self.known();
        if known.restarting.contains(name) {
            return None;
        }
        let follower = Follower {
            pid: Arc::clone(&pid),
            factory: details.factory,
            own: Properties::clone(&details.properties),
            applied: None,
        };
        known.followers.insert(Arc::clone(name), follower);
        Some(pid)
    }

    /// The PIDs whose instances could not be made: worth another try, as a name may be free by now.
    pub(crate) fn refused(&self) -> Vec<Arc<str>> {
        let known = self.known();
        let refused = known.made.iter().filter(|(_, made)| made.problem.is_some());
        refused.map(|(pid, _)| Arc::clone(pid)).collect()
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
        let before = self.known().made.get(pid).cloned();
        let same = |made: &Made| made.factory == factory && made.name == name;
        let before = before.filter(same);
        if before.is_none() {
            self.unmake(pid).await;
        }
        let manager = self.manager();
        let properties = without_directives(&content.properties);
        let done = match &before {
            Some(made) if made.problem.is_none() => {
                if made.generation == content.generation {
                    return;
                }
                let policy = content.properties.get(UPDATE_POLICY);
                // Somebody may have killed it.
                if !manager.contains(name) || restarts(name, policy) {
                    let _ = manager.forget(name).await;
                    manager
                        .instantiate_when_available(factory, name, properties)
                        .await
                } else {
                    manager.update_waiting(name, properties).await
                }
            }
            _ => {
                manager
                    .instantiate_when_available(factory, name, properties)
                    .await
            }
        };
        let problem = done.err().map(|error| error.to_string());
        let said = before.and_then(|made| made.problem);
        if let Some(problem) = problem
            .as_ref()
            .filter(|problem| said.as_ref() != Some(problem))
        {
            tracing::error!(pid = &**pid, "the component was not made: {problem}");
        }
        let made = Made {
            factory: factory.to_owned(),
            name: name.to_owned(),
            generation: content.generation,
            problem,
        };
        self.known().made.insert(Arc::clone(pid), made);
    }

    /// Ends the instance that was made from a configuration.
    async fn unmake(&self, pid: &str) {
        let removed = self.known().made.remove(pid);
        if let Some(made) = removed.filter(|made| made.problem.is_none()) {
            // Somebody else may have ended it.
            let _ = self.manager().forget(&made.name).await;
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
        name: &Arc<str>,
        properties: Properties,
    ) -> Result<(), Error> {
        self.known().restarting.insert(Arc::clone(name));
        let done = match self.manager().kill(name).await {
            Ok(()) => self.manager().instantiate(factory, name, properties).await,
            Err(error) => Err(error),
        };
        let mut known = self.known();
        known.restarting.remove(name);
        if done.is_err() {
            known.followers.remove(name);
        }
        done
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
        // What a hidden property was is nobody's to know: it keeps what it was given last.
        if !now.contains(key) && !key.starts_with('.') {
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

//! [`ComponentContext`]: what a component may know and do of itself.

use std::fmt;
use std::sync::Arc;

use super::instance::Instance;
use crate::framework::BundleContext;
use crate::property::{Properties, Value};

/// An instance's way to itself: its name, properties and bundle. Cheap to clone.
#[derive(Clone)]
pub struct ComponentContext {
    pub(super) instance: Arc<Instance>,
}

impl ComponentContext {
    /// The name of the instance.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.instance.name
    }

    /// The name of the factory.
    #[must_use]
    pub fn factory(&self) -> &str {
        self.instance.factory.name
    }

    /// The context of the bundle that holds the factory.
    #[must_use]
    pub fn bundle(&self) -> &BundleContext {
        &self.instance.bundle
    }

    /// The properties of the instance now, without the hidden ones.
    #[must_use]
    pub fn properties(&self) -> Arc<Properties> {
        self.instance.seen().properties.clone()
    }

    /// One property of the instance now, also a hidden one.
    #[must_use]
    pub fn property(&self, key: &str) -> Option<Value> {
        let seen = self.instance.seen();
        let found = seen.properties.get(key).or_else(|| seen.hidden.get(key));
        found.cloned()
    }

    /// Sets a property of the instance, and of the services that it provides unless it is a hidden one. Fields keep what
    /// they were built with; filters that name the property follow.
    pub fn set_property(&self, key: &str, value: impl Into<Value>) {
        self.instance.set_property(key, value.into());
    }
}

impl fmt::Debug for ComponentContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "context of component {}", self.name())
    }
}

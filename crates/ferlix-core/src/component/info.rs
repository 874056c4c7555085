//! What the shell and others may know of factories and instances.

use std::sync::Arc;

use super::{ComponentError, ComponentState, DependencyKind};
use crate::filter::Filter;
use crate::property::Properties;
use crate::registry::ServiceRef;

/// One factory, in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FactoryInfo {
    /// Its name.
    pub name: &'static str,
    /// The number of its bundle.
    pub bundle_id: u64,
}

/// Everything about a factory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FactoryDetails {
    /// Its name.
    pub name: &'static str,
    /// The number of its bundle.
    pub bundle_id: u64,
    /// Its properties with their defaults; `Null` for those without.
    pub properties: Properties,
    /// The specifications that an instance provides.
    pub provides: Vec<&'static str>,
    /// What an instance requires.
    pub requirements: Vec<RequirementDetails>,
}

/// One injected field of a factory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequirementDetails {
    /// The field.
    pub field: &'static str,
    /// The specification.
    pub specification: &'static str,
    /// The filter.
    pub filter: Option<Filter>,
    /// The policy.
    pub kind: DependencyKind,
    /// Whether an instance can do without.
    pub optional: bool,
    /// Whether it holds several services.
    pub aggregate: bool,
}

/// One instance, in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstanceInfo {
    /// Its name.
    pub name: Arc<str>,
    /// The name of its factory.
    pub factory: &'static str,
    /// Its state.
    pub state: ComponentState,
    /// The number of the bundle of its factory.
    pub bundle_id: u64,
}

/// Everything about an instance.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InstanceDetails {
    /// Its name.
    pub name: Arc<str>,
    /// The name of its factory.
    pub factory: &'static str,
    /// The number of the bundle of its factory.
    pub bundle_id: u64,
    /// Its state.
    pub state: ComponentState,
    /// Why it is ERRONEOUS.
    pub cause: Option<Arc<ComponentError>>,
    /// The service that it provides.
    pub service: Option<ServiceRef>,
    /// Its injected fields.
    pub dependencies: Vec<DependencyDetails>,
    /// Its properties.
    pub properties: Arc<Properties>,
}

/// One injected field of an instance.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DependencyDetails {
    /// What the factory says of it.
    pub requirement: RequirementDetails,
    /// The services that it has, or would have once the others are there, best first.
    pub bindings: Vec<ServiceRef>,
    /// Whether these are enough.
    pub satisfied: bool,
}

impl InstanceDetails {
    /// The required specifications that are missing, which is why the instance is INVALID.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let unmet = self.dependencies.iter().filter(|one| !one.satisfied);
        unmet.map(|one| one.requirement.specification).collect()
    }
}

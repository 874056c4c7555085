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
    /// Whether there is at most one instance.
    pub singleton: bool,
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
    /// The filter: of an instance the one in force, of a factory the declared one, unless it names properties.
    pub filter: Option<Filter>,
    /// The policy.
    pub kind: DependencyKind,
    /// Whether an instance can do without.
    pub optional: bool,
    /// Whether it holds several services.
    pub aggregate: bool,
    /// How many it needs at least.
    pub minimum: usize,
    /// The property by which a map finds its services; empty for other fields.
    pub key: &'static str,
    /// The specifications that a service must have besides.
    pub also: Vec<&'static str>,
    /// The specifications that a service may have in place of the first.
    pub or: Vec<&'static str>,
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
    /// The service that it provides; the first of several.
    pub service: Option<ServiceRef>,
    /// Every service that it provides now.
    pub services: Vec<ServiceRef>,
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
    /// Why a service that is there is not taken, or none can fit: its filter names a property that is not set, or does not
    /// parse; its factory failed.
    pub problem: Option<String>,
}

/// An instance that is made whenever its factory is there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WaitingInfo {
    /// The name of the instance.
    pub name: Arc<str>,
    /// The name of the factory.
    pub factory: String,
    /// Its properties.
    pub properties: Properties,
    /// Whether there is an instance of that name now.
    pub instantiated: bool,
}

impl RequirementDetails {
    /// The specifications, for people: `a or b`, any of which fits, and `a and c`, which it must have besides.
    #[must_use]
    pub fn specifications(&self) -> String {
        let mut text = self.specification.to_owned();
        for (word, others) in [("or", &self.or), ("and", &self.also)] {
            for other in others {
                text += &format!(" {word} {other}");
            }
        }
        text
    }
}

impl InstanceDetails {
    /// The required specifications that are missing, which is why the instance is INVALID.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let unmet = self.dependencies.iter().filter(|one| !one.satisfied);
        unmet.map(|one| one.requirement.specification).collect()
    }

    /// What the instance waits for, for people: the specification, with the filter if there is one, or what is wrong with it.
    #[must_use]
    pub fn waits_for(&self) -> Vec<String> {
        let unmet = self.dependencies.iter().filter(|one| !one.satisfied);
        let text = |one: &DependencyDetails| {
            let specification = one.requirement.specifications();
            match (&one.problem, &one.requirement.filter) {
                (Some(problem), _) => format!("{specification}: {problem}"),
                (None, Some(filter)) => format!("{specification} {filter}"),
                (None, None) => specification,
            }
        };
        unmet.map(text).collect()
    }
}

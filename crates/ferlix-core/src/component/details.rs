//! Makes what [`info`](super::info) describes, out of factories and instances.

use std::sync::Arc;

use super::factory::{ComponentFactory, DependencyField};
use super::injection::DeclaredFilter;
use super::instance::Instance;
use super::{DependencyDetails, FactoryDetails, InstanceDetails, RequirementDetails};
use crate::framework::BundleContext;
use crate::property::Value;
use crate::registry::ServiceRef;

pub(super) fn factory(factory: &ComponentFactory, context: &BundleContext) -> FactoryDetails {
    let mut properties = factory.defaults.clone();
    for value in &factory.values {
        properties.insert_absent(value.key, Value::Null);
    }
    properties.retain(|key, _| !factory.is_hidden(key));
    FactoryDetails {
        name: factory.name,
        bundle_id: context.bundle().id(),
        properties,
        provides: factory
            .provided()
            .map(|provided| provided.specification)
            .collect(),
        singleton: factory.singleton,
        requirements: factory.dependencies.iter().map(requirement).collect(),
    }
}

pub(super) fn instance(instance: &Instance) -> InstanceDetails {
    let seen = instance.seen();
    let services: Vec<ServiceRef> = seen
        .registrations
        .iter()
        .map(|registration| registration.reference().clone())
        .collect();
    let mut dependencies: Vec<DependencyDetails> = instance
        .factory
        .dependencies
        .iter()
        .zip(seen.bindings.iter().cloned())
        .map(|(field, (bindings, satisfied))| DependencyDetails {
            requirement: requirement(field),
            bindings,
            satisfied,
            problem: None,
        })
        .collect();
    for (index, reference) in &seen.refusals {
        if let Some(dependency) = dependencies.get_mut(*index) {
            dependency.problem = Some(format!("{reference} cannot be had"));
        }
    }
    for (index, filter) in &seen.filters {
        let Some(dependency) = dependencies.get_mut(*index) else {
            continue;
        };
        match filter {
            Ok(filter) => dependency.requirement.filter = filter.clone(),
            Err(problem) => dependency.problem = Some(problem.clone()),
        }
    }
    InstanceDetails {
        name: Arc::clone(&instance.name),
        factory: instance.factory.name,
        bundle_id: instance.bundle.bundle().id(),
        state: seen.state,
        cause: seen.cause.clone(),
        service: services.first().cloned(),
        services,
        dependencies,
        properties: Arc::clone(&seen.properties),
    }
}

fn requirement(field: &DependencyField) -> RequirementDetails {
    let injection = &field.injection;
    RequirementDetails {
        field: injection.field,
        specification: field.specification,
        filter: match &injection.filter {
            DeclaredFilter::Fixed(filter) => Some(filter.clone()),
            DeclaredFilter::None | DeclaredFilter::Variable(_) => None,
        },
        kind: field.kind,
        optional: injection.required(field.kind) == 0,
        aggregate: field.kind.is_aggregate(),
        minimum: injection.required(field.kind),
        key: injection.key,
        also: injection
            .also
            .iter()
            .map(|also| also.specification)
            .collect(),
        or: injection.or.iter().map(|or| or.specification).collect(),
    }
}

//! What the properties of an instance do: fields, filters, and the services' properties follow them.

use std::sync::Arc;
use std::time::Duration;

use super::assembly::{fail, tear_down};
use super::injection::DeclaredFilter;
use super::instance::Instance;
use super::transition::{Core, evaluate};
use super::{ComponentError, ComponentState};
use crate::filter::Filter;
use crate::property::{Properties, Value, keys};

/// The instance property with a filter for each field (a map), in place of the declared one.
pub const REQUIRES_FILTERS: &str = "requires.filters";
/// The instance property with a grace period in seconds for each temporal field (a map), in place of the declared one.
pub const TEMPORAL_TIMEOUTS: &str = "temporal.timeouts";

impl Instance {
    /// What was given, over the framework's properties for declared keys, over the factory's defaults.
    fn effective_properties(&self, given: &Properties) -> Properties {
        let mut properties = self.factory.defaults.clone();
        for key in self.factory.declared_keys() {
            if let Some(value) = self.bundle.property(key) {
                properties.insert(key, value);
            }
        }
        properties.merge(given);
        properties.insert(keys::INSTANCE_NAME, &*self.name);
        properties
    }

    /// Takes over properties that are given later.
    pub(super) fn merge_given(&self, properties: &Properties) {
        Arc::make_mut(&mut self.seen().given).merge(&self.without_protected(properties));
    }

    /// What may be given later: a hidden property only by its name with a dot before it.
    fn without_protected(&self, properties: &Properties) -> Properties {
        let mut kept = Properties::new();
        for (key, value) in properties.iter() {
            let hidden = key
                .strip_prefix('.')
                .filter(|key| self.factory.is_hidden(key));
            match hidden {
                Some(name) => {
                    kept.insert(name, value.clone());
                }
                None if self.factory.is_hidden(key) => {
                    tracing::warn!(component = %self.name, key, "a hidden property is set by its name with a dot before it");
                }
                None => {
                    kept.insert(key, value.clone());
                }
            }
        }
        kept.remove(keys::INSTANCE_NAME);
        kept
    }

    /// Whether others never see a property: it is declared so, or says how the instance is wired.
    fn is_private(&self, key: &str) -> bool {
        self.factory.is_hidden(key)
            || key.eq_ignore_ascii_case(REQUIRES_FILTERS)
            || key.eq_ignore_ascii_case(TEMPORAL_TIMEOUTS)
    }
}

/// Takes over what the instance is configured with, and forgets what an object before set itself.
pub(super) fn configure(instance: &Instance) {
    let given = Arc::clone(&instance.seen().given);
    let configured = Arc::new(instance.effective_properties(&given));
    let mut shown = Arc::clone(&configured);
    let mut hidden = Arc::default();
    if configured.iter().any(|(key, _)| instance.is_private(key)) {
        shown = Arc::new(configured.filtered(|key, _| !instance.is_private(key)));
        hidden = Arc::new(configured.filtered(|key, _| instance.is_private(key)));
    }
    let mut seen = instance.seen();
    seen.properties = shown;
    seen.hidden = hidden;
    seen.configured = configured;
}

/// Takes over new properties: `Live` fields follow in place, a plain one builds the object anew.
pub(super) async fn reconfigure(
    instance: &Arc<Instance>,
    core: &mut Core,
    properties: Properties,
    replace: bool,
) {
    if core.killed {
        return;
    }
    let given = {
        let mut next = Properties::clone(&instance.seen().given);
        if replace {
            next.retain(|key, _| instance.factory.is_hidden(key));
        }
        next.merge(&instance.without_protected(&properties));
        Arc::new(next)
    };
    let next = Arc::new(instance.effective_properties(&given));
    let previous = {
        let mut seen = instance.seen();
        seen.given = given;
        std::mem::replace(&mut seen.configured, Arc::clone(&next))
    };
    if *next == *previous {
        return;
    }
    let changed = |key: &str| next.get(key) != previous.get(key);
    let all = next.iter().chain(previous.iter()).map(|(key, _)| key);
    let mut changed_keys: Vec<&str> = all.filter(|key| changed(key)).collect();
    changed_keys.sort_unstable();
    changed_keys.dedup();
    if changed_keys
        .iter()
        .any(|key| instance.factory.is_fixed_value(key))
    {
        tear_down(instance, core).await;
        // Also when there was no object to tear down.
        configure(instance);
        refilter(instance, core);
        evaluate(instance, core).await;
        return;
    }
    let mut changes = Properties::new();
    let mut removed: Vec<&str> = Vec::new();
    let registrations = {
        let mut seen = instance.seen();
        for key in changed_keys.iter().copied() {
            let private = instance.is_private(key);
            let place = if private {
                &mut seen.hidden
            } else {
                &mut seen.properties
            };
            // What the component set itself stays, unless it was just configured.
            match next.get(key) {
                Some(value) => {
                    Arc::make_mut(place).insert(key, value.clone());
                    if !private {
                        changes.insert(key, value.clone());
                    }
                }
                None => {
                    Arc::make_mut(place).remove(key);
                    if !private {
                        removed.push(key);
                    }
                }
            }
        }
        seen.registrations.clone()
    };
    let mut refused = None;
    let followers = core.built.iter().flat_map(|built| &built.followers);
    for (key, follow) in followers.filter(|(key, _)| changed(key)) {
        let value = next.get(key).cloned().unwrap_or_default();
        if let Err(source) = follow(value) {
            refused = Some(ComponentError::Property {
                key: (*key).to_owned(),
                source,
            });
        }
    }
    for registration in registrations {
        // A service that is on its way out needs no property any more.
        let _ = registration.set_properties(&changes);
        if !removed.is_empty() {
            let _ = registration.remove_properties(&removed);
        }
    }
    if let Some(cause) = refused {
        fail(instance, core, cause).await;
        return;
    }
    if refilter(instance, core) && instance.seen().state != ComponentState::Erroneous {
        evaluate(instance, core).await;
    }
}

/// Gives every field the filter that the properties ask for now, and listens anew where it is another; says whether one is.
pub(super) fn refilter(instance: &Arc<Instance>, core: &mut Core) -> bool {
    let properties = {
        let seen = instance.seen();
        let mut all = Arc::clone(&seen.properties);
        if !seen.hidden.is_empty() {
            Arc::make_mut(&mut all).merge(&seen.hidden);
        }
        all
    };
    let filters = properties.get(REQUIRES_FILTERS);
    let graces = properties.get(TEMPORAL_TIMEOUTS);
    let mut any = false;
    let mut in_force = Vec::new();
    let fields = &instance.factory.dependencies;
    for (index, (dependency, field)) in core.dependencies.iter_mut().zip(fields).enumerate() {
        let name = field.injection.field;
        if let Some(grace) = graces.and_then(|graces| member(graces, name)) {
            dependency.grace = seconds(grace).unwrap_or_else(|| {
                tracing::warn!(component = %instance.name, field = name, value = %grace, "a grace period is a number of seconds above 0");
                field.injection.grace
            });
        }
        let given = filters.and_then(|filters| member(filters, name));
        let filter = match given {
            Some(text) => given_filter(text, &properties),
            None => field.injection.filter.with(&properties),
        };
        if given.is_some() || field.injection.filter.is_variable() {
            in_force.push((index, filter.clone()));
        }
        if dependency.started && filter == dependency.filter {
            continue;
        }
        any = true;
        dependency.stop(instance);
        dependency.filter = filter;
        dependency.start(index, field, instance);
    }
    instance.seen().filters = in_force;
    any
}

fn given_filter(value: &Value, properties: &Properties) -> Result<Option<Filter>, String> {
    let wrong = |reason: String| format!("the filter in {REQUIRES_FILTERS}: {reason}");
    let text = match value {
        Value::Null => "",
        value => value
            .as_str()
            .ok_or_else(|| wrong("it is no text".to_owned()))?,
    };
    let declared = DeclaredFilter::parse(text).map_err(|error| wrong(error.to_string()))?;
    declared.with(properties).map_err(wrong)
}

fn member<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    match map {
        Value::Map(members) => members.get(name),
        _ => None,
    }
}

fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok())?;
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    (!duration.is_zero()).then_some(duration)
}

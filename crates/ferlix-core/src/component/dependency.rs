//! [`Dependency`]: which services an injected field may have, and which it has.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use super::factory::DependencyField;
use super::instance::{Instance, Work};
use super::{DependencyKind, Slot};
use crate::registry::{ListenerId, ServiceEventKind, ServiceRef, Usage};

/// The state of one injected field.
#[derive(Default)]
pub(super) struct Dependency {
    listener: Option<ListenerId>,
    /// Every service that fits, by number.
    candidates: BTreeMap<u64, ServiceRef>,
    /// What the field has, best first.
    pub(super) bound: Vec<Bound>,
}

/// A service that a field has.
pub(super) struct Bound {
    pub(super) reference: ServiceRef,
    _usage: Usage,
}

impl Bound {
    pub(super) fn new(reference: ServiceRef, bundle_id: u64) -> Self {
        let _usage = reference.hold_use(bundle_id);
        Self { reference, _usage }
    }
}

impl Dependency {
    /// Listens for services, then takes in those that are there. What comes in between is seen twice, which does no harm.
    pub(super) fn start(
        &mut self,
        index: usize,
        field: &DependencyField,
        instance: &Arc<Instance>,
    ) {
        let weak: Weak<Instance> = Arc::downgrade(instance);
        let listener = move |event: &crate::registry::ServiceEvent| {
            let Some(instance) = weak.upgrade() else {
                return;
            };
            let departure = event.departure.as_ref();
            let waits = departure.filter(|departure| !departure.origins().contains(&instance.id));
            let hold =
                waits.map(|departure| departure.hold(format!("component {}", instance.name)));
            let modified = event.kind == ServiceEventKind::Modified;
            instance.enqueue(Work::Service {
                dependency: index,
                reference: event.reference.clone(),
                modified,
                hold,
            });
        };
        let added = instance.bundle.add_service_listener(
            Some(field.specification),
            field.filter.clone(),
            listener,
        );
        match added {
            Ok(listener) => self.listener = Some(listener),
            Err(error) => {
                tracing::error!(component = %instance.name, field = field.name, %error, "the field cannot be injected");
            }
        }
        for reference in instance
            .bundle
            .references(Some(field.specification), field.filter.as_ref())
        {
            self.refresh(field, &reference);
        }
    }

    /// Stops listening and forgets everything.
    pub(super) fn stop(&mut self, instance: &Instance) {
        if let Some(listener) = self.listener.take() {
            instance.bundle.remove_listener(listener);
        }
        self.candidates.clear();
    }

    /// Looks at one service as it is now, whatever the event said that brought it here.
    pub(super) fn refresh(&mut self, field: &DependencyField, reference: &ServiceRef) {
        let matches = field
            .filter
            .as_ref()
            .is_none_or(|filter| filter.matches(&reference.properties()));
        if reference.is_registered() && matches && (field.accepts)(reference) {
            self.candidates.insert(reference.id(), reference.clone());
        } else {
            self.candidates.remove(&reference.id());
        }
    }

    /// What the field should have now, best first; `None` when it cannot be satisfied.
    pub(super) fn wanted(&self, field: &DependencyField) -> Option<Vec<ServiceRef>> {
        let kept = || {
            self.bound
                .first()
                .map(|bound| &bound.reference)
                .filter(|one| self.candidates.contains_key(&one.id()))
        };
        let best = || self.candidates.values().min();
        match field.kind {
            DependencyKind::Fixed => kept().or_else(best).map(|one| vec![one.clone()]),
            DependencyKind::Best => best().map(|one| vec![one.clone()]),
            DependencyKind::Optional => Some(kept().or_else(best).into_iter().cloned().collect()),
            DependencyKind::Many => {
                (self.candidates.len() >= field.minimum).then(|| self.candidates())
            }
        }
    }

    /// Every service that fits, best first.
    pub(super) fn candidates(&self) -> Vec<ServiceRef> {
        let mut all: Vec<ServiceRef> = self.candidates.values().cloned().collect();
        all.sort();
        all
    }

    /// Whether the field has exactly these, in this order.
    pub(super) fn has(&self, wanted: &[ServiceRef]) -> bool {
        self.bound.len() == wanted.len()
            && self
                .bound
                .iter()
                .zip(wanted)
                .all(|(bound, wanted)| bound.reference == *wanted)
    }

    /// Takes over what is wanted, in the slot too; returns what is new and what is no more.
    pub(super) fn rebind(
        &mut self,
        wanted: &[ServiceRef],
        slot: &dyn Slot,
        bundle_id: u64,
    ) -> (Vec<ServiceRef>, Vec<Bound>) {
        slot.assign(wanted);
        let mut old: BTreeMap<u64, Bound> = std::mem::take(&mut self.bound)
            .into_iter()
            .map(|bound| (bound.reference.id(), bound))
            .collect();
        let mut added = Vec::new();
        for reference in wanted {
            self.bound
                .push(old.remove(&reference.id()).unwrap_or_else(|| {
                    added.push(reference.clone());
                    Bound::new(reference.clone(), bundle_id)
                }));
        }
        (added, old.into_values().collect())
    }
}

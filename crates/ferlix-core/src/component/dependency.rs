//! [`Dependency`]: which services an injected field may have, and which it has.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::factory::DependencyField;
use super::instance::{Instance, Work};
use super::{DependencyKind, Slot};
use crate::filter::Filter;
use crate::registry::{ListenerId, ServiceEventKind, ServiceRef, Usage};
use crate::service::HealthSubscription;

/// The state of one injected field.
pub(super) struct Dependency {
    /// Whether it was started once.
    pub(super) started: bool,
    listener: Option<ListenerId>,
    /// The filter with the properties as they are; what is wrong with it, so that no service fits.
    pub(super) filter: Result<Option<Filter>, String>,
    candidates: Candidates,
    /// What the field has, best first.
    pub(super) bound: Vec<Bound>,
    /// A bound service changed in a way that the slot should know.
    stale: bool,
    /// The grace period of this instance.
    pub(super) grace: Duration,
    /// When the grace period ends that runs now.
    away_until: Option<Instant>,
    /// Has the instance look again, where the health of the candidates matters: it is what a `Best` follows.
    look_again: Option<Arc<dyn Fn() + Send + Sync>>,
    /// What tells of the health of each candidate that has one.
    health: HashMap<u64, HealthSubscription>,
}

/// The services that fit, kept in order: an event costs the same whatever their number.
#[derive(Default)]
struct Candidates {
    best_first: BTreeMap<(Reverse<i32>, u64), ServiceRef>,
    /// Under which ranking each stands.
    rankings: BTreeMap<u64, i32>,
}

impl Candidates {
    fn insert(&mut self, reference: &ServiceRef) {
        let (id, ranking) = (reference.id(), reference.ranking());
        match self.rankings.insert(id, ranking) {
            Some(before) if before == ranking => return,
            Some(before) => {
                self.best_first.remove(&(Reverse(before), id));
            }
            None => {}
        }
        self.best_first
            .insert((Reverse(ranking), id), reference.clone());
    }

    fn remove(&mut self, id: u64) {
        if let Some(ranking) = self.rankings.remove(&id) {
            self.best_first.remove(&(Reverse(ranking), id));
        }
    }

    fn contains(&self, id: u64) -> bool {
        self.rankings.contains_key(&id)
    }

    fn clear(&mut self) {
        self.best_first.clear();
        self.rankings.clear();
    }
}

/// A service that a field has.
pub(super) struct Bound {
    pub(super) reference: ServiceRef,
    _usage: Usage,
}

impl Bound {
    fn new(reference: ServiceRef, bundle_id: u64) -> Self {
        let _usage = reference.hold_use(bundle_id);
        Self { reference, _usage }
    }
}

impl Dependency {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            started: false,
            listener: None,
            filter: Ok(None),
            candidates: Candidates::default(),
            bound: Vec::new(),
            stale: false,
            grace,
            away_until: None,
            look_again: None,
            health: HashMap::new(),
        }
    }

    /// An empty slot for the field, with the grace period of this instance.
    pub(super) fn slot(&self, field: &DependencyField) -> Box<dyn Slot> {
        if field.kind == DependencyKind::Temporal && self.grace != field.injection.grace {
            return (field.slot)(&field.injection.clone().grace(self.grace));
        }
        (field.slot)(&field.injection)
    }

    /// Listens for services, then takes in those that are there. What comes in between is seen twice, which does no harm.
    pub(super) fn start(
        &mut self,
        index: usize,
        field: &DependencyField,
        instance: &Arc<Instance>,
    ) {
        self.started = true;
        let filter = match &self.filter {
            Ok(filter) => filter.clone(),
            Err(reason) => {
                tracing::warn!(component = %instance.name, field = field.injection.field, "no service fits: {reason}");
                return;
            }
        };
        let weak: Weak<Instance> = Arc::downgrade(instance);
        if field.kind == DependencyKind::Best {
            let weak = Weak::clone(&weak);
            self.look_again = Some(Arc::new(move || {
                if let Some(instance) = weak.upgrade() {
                    instance.enqueue(Work::Evaluate);
                }
            }));
        }
        let listener = move |event: &crate::registry::ServiceEvent| {
            let Some(instance) = weak.upgrade() else {
                return;
            };
            let departure = event.departure.as_ref();
            let waits = departure.filter(|departure| !departure.origins().contains(&instance.id));
            let hold = waits.map(|departure| departure.hold_for(instance.id, &instance.name));
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
            filter.clone(),
            listener,
        );
        match added {
            Ok(listener) => self.listener = Some(listener),
            Err(error) => {
                tracing::error!(component = %instance.name, field = field.injection.field, %error, "the field cannot be injected");
            }
        }
        for reference in instance
            .bundle
            .references(Some(field.specification), filter.as_ref())
        {
            self.refresh(field, &reference);
        }
    }

    /// Stops listening and forgets everything but what is bound.
    pub(super) fn stop(&mut self, instance: &Instance) {
        if let Some(listener) = self.listener.take() {
            instance.bundle.remove_listener(listener);
        }
        self.candidates.clear();
        self.health.clear();
    }

    /// Looks at one service as it is now, whatever the event said that brought it here.
    pub(super) fn refresh(&mut self, field: &DependencyField, reference: &ServiceRef) {
        let matches = match &self.filter {
            Ok(Some(filter)) => filter.matches(&reference.properties()),
            Ok(None) => true,
            Err(_) => false,
        };
        if reference.is_registered() && matches && field.accepts(reference) {
            self.candidates.insert(reference);
            if let (Some(look_again), Some(health)) = (&self.look_again, reference.health()) {
                let follow = || {
                    let look_again = Arc::clone(look_again);
                    health.subscribe(move || look_again())
                };
                self.health.entry(reference.id()).or_insert_with(follow);
            }
        } else {
            self.candidates.remove(reference.id());
            self.health.remove(&reference.id());
        }
        // The key of a map may have changed.
        self.stale |= matches!(field.kind, DependencyKind::Map | DependencyKind::MultiMap);
    }

    /// What the field should have now, best first; `None` when it cannot be satisfied.
    pub(super) fn wanted(&self, field: &DependencyField) -> Option<Vec<ServiceRef>> {
        let kept = || {
            self.bound
                .first()
                .map(|bound| &bound.reference)
                .filter(|one| self.candidates.contains(one.id()) && one.is_registered())
        };
        match field.kind {
            DependencyKind::Fixed => kept()
                .or_else(|| self.best(field))
                .map(|one| vec![one.clone()]),
            DependencyKind::Best => self.best(field).map(|one| vec![one.clone()]),
            DependencyKind::Optional => Some(
                kept()
                    .or_else(|| self.best(field))
                    .into_iter()
                    .cloned()
                    .collect(),
            ),
            DependencyKind::Temporal => match kept().or_else(|| self.best(field)) {
                Some(one) => Some(vec![one.clone()]),
                None => self
                    .away_until
                    .is_some_and(|until| Instant::now() < until)
                    .then(Vec::new),
            },
            DependencyKind::Many
            | DependencyKind::Broadcast
            | DependencyKind::Balanced
            | DependencyKind::Map
            | DependencyKind::MultiMap => {
                let selected = (field.select)(self.candidates(field), &field.injection);
                (selected.len() >= field.injection.required(field.kind)).then_some(selected)
            }
        }
    }

    fn best(&self, field: &DependencyField) -> Option<&ServiceRef> {
        // One that has gone while the instance was at work, and whose event still waits, must not bring it up again: a cycle
        // would never settle.
        let all = self.candidates.best_first.values();
        let mut all = all.filter(|one| one.is_registered());
        // The order first, then the first in it whose peer answers; if none does, the best of them.
        match field.injection.order {
            None => {
                let first = all.next()?;
                match first.is_healthy() {
                    true => Some(first),
                    false => Some(all.find(|one| one.is_healthy()).unwrap_or(first)),
                }
            }
            // Of equal ones `min_by` takes the first, which is the better ranked.
            Some(order) => all.min_by(|one, other| {
                let ailing = (!one.is_healthy()).cmp(&!other.is_healthy());
                ailing.then_with(|| order(one, other))
            }),
        }
    }

    /// Every service that fits, best first.
    pub(super) fn candidates(&self, field: &DependencyField) -> Vec<ServiceRef> {
        let all = self.candidates.best_first.values();
        let mut all: Vec<ServiceRef> = all.filter(|one| one.is_registered()).cloned().collect();
        if let Some(order) = field.injection.order {
            all.sort_by(order);
        }
        all
    }

    /// Whether the field has exactly these, in this order.
    pub(super) fn has(&self, wanted: &[ServiceRef]) -> bool {
        !self.stale
            && self.bound.len() == wanted.len()
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
        self.stale = false;
        let before = std::mem::take(&mut self.bound);
        if before.is_empty() {
            let bind = |reference: &ServiceRef| Bound::new(reference.clone(), bundle_id);
            self.bound = wanted.iter().map(bind).collect();
            return (wanted.to_vec(), Vec::new());
        }
        let mut old: HashMap<u64, Bound> = before
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
        let mut removed: Vec<Bound> = old.into_values().collect();
        removed.sort_unstable_by_key(|bound| bound.reference.id());
        (added, removed)
    }

    /// Begins the grace period of a temporal field whose service went with none in its place, or ends it when one came.
    /// Returns when the one that begins now ends.
    pub(super) fn watch_absence(&mut self, kind: DependencyKind) -> Option<Instant> {
        if kind != DependencyKind::Temporal {
            return None;
        }
        if !self.candidates.best_first.is_empty() {
            self.away_until = None;
            return None;
        }
        if self.away_until.is_some() || self.bound.is_empty() {
            return None;
        }
        self.away_until = Some(Instant::now() + self.grace);
        self.away_until
    }

    /// What a field has no more when its object goes.
    pub(super) fn release(&mut self) -> Vec<Bound> {
        self.away_until = None;
        std::mem::take(&mut self.bound)
    }
}

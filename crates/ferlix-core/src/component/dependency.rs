//! [`Dependency`]: which services an injected field may have, and which it has.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::bound::{Bound, BoundService};
use super::candidates::Candidates;
use super::factory::DependencyField;
use super::instance::{Instance, Work};
use super::{DependencyKind, Slot};
use crate::filter::Filter;
use crate::registry::{ListenerId, ServiceEvent, ServiceEventKind, ServiceRef};
use crate::service::HealthSubscription;

/// The state of one injected field.
pub(super) struct Dependency {
    /// Whether it was started once.
    pub(super) started: bool,
    /// One for each specification.
    listeners: Box<[ListenerId]>,
    /// The filter with the properties as they are; what is wrong with it, so that no service fits.
    pub(super) filter: Result<Option<Filter>, String>,
    candidates: Candidates,
    /// What the field has, best first.
    pub(super) bound: Vec<Bound>,
    /// What was made for a field that is to have it.
    prepared: Vec<Bound>,
    /// The service that could not be had last, and how often in a row that was so.
    pub(super) refused: Option<(ServiceRef, u32)>,
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

impl Dependency {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            started: false,
            listeners: Box::default(),
            filter: Ok(None),
            candidates: Candidates::default(),
            bound: Vec::new(),
            prepared: Vec::new(),
            refused: None,
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
        if field.kind == DependencyKind::Best {
            let weak = Arc::downgrade(instance);
            self.look_again = Some(Arc::new(move || {
                if let Some(instance) = weak.upgrade() {
                    instance.enqueue(Work::Evaluate);
                }
            }));
        }
        let specifications = field.specifications();
        let listeners = specifications.iter().enumerate().filter_map(|(nth, specification)| {
            // A service of several of them is told of once: by the first.
            let earlier = specifications[..nth].to_vec();
            let listener = listener(index, earlier, instance);
            let added =
                instance
                    .bundle
                    .add_service_listener(Some(specification), filter.clone(), listener);
            added
                .inspect_err(|error| tracing::error!(component = %instance.name, field = field.injection.field, %error, "the field cannot be injected"))
                .ok()
        });
        self.listeners = listeners.collect();
        for specification in specifications {
            let references = instance
                .bundle
                .references(Some(specification), filter.as_ref());
            for reference in references {
                self.refresh(field, &reference);
            }
        }
    }

    /// Stops listening and forgets everything but what is bound.
    pub(super) fn stop(&mut self, instance: &Instance) {
        for listener in std::mem::take(&mut self.listeners) {
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
                .map(Bound::reference)
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
        self.candidates.best(field.injection.order)
    }

    /// Every service that fits, best first.
    pub(super) fn candidates(&self, field: &DependencyField) -> Vec<ServiceRef> {
        self.candidates.all(field.injection.order)
    }

    /// Whether the field has exactly these, in this order.
    pub(super) fn has(&self, wanted: &[ServiceRef]) -> bool {
        !self.stale
            && self.bound.len() == wanted.len()
            && self
                .bound
                .iter()
                .zip(wanted)
                .all(|(bound, wanted)| bound.reference() == wanted)
    }

    /// Has made what the field is to have and has not, where something has to be made.
    ///
    /// # Errors
    /// The service that cannot be had.
    pub(super) fn prepare(
        &mut self,
        field: &DependencyField,
        wanted: &[ServiceRef],
        bundle_id: u64,
    ) -> Result<(), ServiceRef> {
        let mut made = wanted
            .iter()
            .filter(|one| Bound::is_made(one, field))
            .peekable();
        if made.peek().is_none() {
            return Ok(());
        }
        let there = self.bound.iter().chain(&self.prepared);
        let there: HashSet<u64> = there.map(|bound| bound.reference().id()).collect();
        for reference in made.filter(|one| !there.contains(&one.id())) {
            match Bound::made(reference, bundle_id, field) {
                Some(bound) => self.prepared.push(bound),
                None => return Err(reference.clone()),
            }
        }
        Ok(())
    }

    /// Does without a service that could not be had, until it changes or is looked at again; says how often in a row.
    pub(super) fn refuse(&mut self, reference: ServiceRef) -> u32 {
        self.candidates.remove(reference.id());
        let before = self.refused.take();
        let attempts = before
            .filter(|(other, _)| *other == reference)
            .map_or(1, |(_, attempts)| attempts.saturating_add(1));
        self.refused = Some((reference, attempts));
        attempts
    }

    /// Hands back what was made and is not wanted now.
    pub(super) fn drop_prepared(&mut self) {
        self.prepared.clear();
    }

    /// Takes over what is wanted, in the slot too; returns what is new and what is no more.
    pub(super) fn rebind(
        &mut self,
        wanted: &[ServiceRef],
        slot: &dyn Slot,
        bundle_id: u64,
    ) -> (Vec<BoundService>, Vec<Bound>) {
        self.stale = false;
        let mut old = by_id(std::mem::take(&mut self.bound));
        let mut prepared = by_id(std::mem::take(&mut self.prepared));
        let mut added = Vec::new();
        for reference in wanted {
            let id = reference.id();
            let kept = (!old.is_empty()).then(|| old.remove(&id)).flatten();
            let bound = kept.unwrap_or_else(|| {
                let prepared = (!prepared.is_empty()).then(|| prepared.remove(&id));
                let prepared = prepared.flatten();
                let bound = prepared.unwrap_or_else(|| Bound::plain(reference, bundle_id));
                added.push(bound.service.clone());
                bound
            });
            self.bound.push(bound);
        }
        let had = |(refused, _): &(ServiceRef, u32)| wanted.contains(refused);
        self.refused = self.refused.take().filter(|refused| !had(refused));
        slot.assign(&mut self.bound.iter().map(|bound| &bound.service));
        let mut removed: Vec<Bound> = old.into_values().collect();
        removed.sort_unstable_by_key(|bound| bound.reference().id());
        (added, removed)
    }

    /// Begins the grace period of a temporal field whose service went with none in its place, or ends it when one came.
    /// Returns when the one that begins now ends.
    pub(super) fn watch_absence(&mut self, kind: DependencyKind) -> Option<Instant> {
        if kind != DependencyKind::Temporal {
            return None;
        }
        if !self.candidates.is_empty() {
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

fn by_id(bound: Vec<Bound>) -> HashMap<u64, Bound> {
    let entry = |bound: Bound| (bound.reference().id(), bound);
    bound.into_iter().map(entry).collect()
}

/// Queues what happened to a service, with a hold on its departure; nothing for one that has an earlier specification.
fn listener(
    dependency: usize,
    earlier: Vec<&'static str>,
    instance: &Arc<Instance>,
) -> impl Fn(&ServiceEvent) + Send + Sync + 'static {
    let weak: Weak<Instance> = Arc::downgrade(instance);
    move |event: &ServiceEvent| {
        let mut specifications = event.reference.specifications().iter();
        if !earlier.is_empty() && specifications.any(|name| earlier.contains(&&**name)) {
            return;
        }
        let Some(instance) = weak.upgrade() else {
            return;
        };
        let departure = event.departure.as_ref();
        let waits = departure.filter(|departure| !departure.origins().contains(&instance.id));
        let hold = waits.map(|departure| departure.hold_for(instance.id, &instance.name));
        let modified = event.kind == ServiceEventKind::Modified;
        instance.enqueue(Work::Service {
            dependency,
            reference: event.reference.clone(),
            modified,
            hold,
        });
    }
}

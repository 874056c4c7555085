//! [`Candidates`]: the services that fit an injected field.

use std::collections::BTreeMap;

use super::injection::ServiceOrder;
use crate::registry::{Place, ServiceRef};

/// The services that fit, kept in order: an event costs the same whatever their number.
#[derive(Default)]
pub(super) struct Candidates {
    best_first: BTreeMap<Place, ServiceRef>,
    /// At which place each stands.
    places: BTreeMap<u64, Place>,
}

impl Candidates {
    pub(super) fn insert(&mut self, reference: &ServiceRef) {
        let place = reference.place();
        match self.places.insert(reference.id(), place) {
            Some(before) if before == place => return,
            Some(before) => {
                self.best_first.remove(&before);
            }
            None => {}
        }
        self.best_first.insert(place, reference.clone());
    }

    pub(super) fn remove(&mut self, id: u64) {
        if let Some(place) = self.places.remove(&id) {
            self.best_first.remove(&place);
        }
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        self.places.contains_key(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.best_first.clear();
        self.places.clear();
    }

    /// The order first, then the first in it whose peer answers; if none does, the best of them.
    pub(super) fn best(&self, order: Option<ServiceOrder>) -> Option<&ServiceRef> {
        let mut all = self.registered();
        match order {
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

    /// All of them, best first.
    pub(super) fn all(&self, order: Option<ServiceOrder>) -> Vec<ServiceRef> {
        let mut all: Vec<ServiceRef> = self.registered().cloned().collect();
        if let Some(order) = order {
            all.sort_by(order);
        }
        all
    }

    /// One that has gone while the instance was at work, and whose event still waits, must not bring it up again: a cycle
    /// would never settle.
    fn registered(&self) -> impl Iterator<Item = &ServiceRef> {
        let all = self.best_first.values();
        all.filter(|one| one.is_registered())
    }
}

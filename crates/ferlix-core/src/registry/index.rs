//! The index: every registered service by number and by specification, best first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::ServiceRef;

/// The place of a service among those of one specification: highest ranking first, then lowest number.
type Place = (Reverse<i32>, u64);

/// Every registered service. Plain data: the store puts it under its lock.
#[derive(Default)]
pub(super) struct Index {
    by_id: BTreeMap<u64, ServiceRef>,
    by_specification: HashMap<Arc<str>, BTreeMap<Place, ServiceRef>>,
}

impl Index {
    pub(super) fn insert(&mut self, service: &ServiceRef) {
        self.by_id.insert(service.id(), service.clone());
        let place = (Reverse(service.ranking()), service.id());
        for name in service.specifications() {
            self.by_specification
                .entry(Arc::clone(name))
                .or_default()
                .insert(place, service.clone());
        }
    }

    pub(super) fn remove(&mut self, service: &ServiceRef) {
        self.by_id.remove(&service.id());
        let place = (Reverse(service.ranking()), service.id());
        for name in service.specifications() {
            if let Some(services) = self.by_specification.get_mut(name) {
                services.remove(&place);
                if services.is_empty() {
                    self.by_specification.remove(name);
                }
            }
        }
    }

    pub(super) fn by_id(&self, id: u64) -> Option<&ServiceRef> {
        self.by_id.get(&id)
    }

    /// The services of a specification, best first.
    pub(super) fn named(&self, specification: &str) -> impl Iterator<Item = &ServiceRef> {
        self.by_specification
            .get(specification)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// All services, by number.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &ServiceRef> {
        self.by_id.values()
    }
}

//! [`Index`]: which handlers an event concerns.
//!
//! Handlers without wildcards are found by topic in a map, so that they cost nothing to events of other topics; the others
//! are gone through. What an event concerns is copied out: no handler runs, and no filter is tried, under the lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ferlix_core::registry::ServiceRef;

use super::interest::Interest;
use super::target::Target;
use crate::Event;

#[derive(Default)]
pub(super) struct Index(RwLock<Tables>);

#[derive(Default)]
struct Tables {
    /// All handlers by service number, also those that are told of nothing.
    targets: BTreeMap<u64, Arc<Target>>,
    literal: HashMap<Box<str>, Vec<Subscription>>,
    pattern: Vec<Subscription>,
}

#[derive(Clone)]
struct Subscription {
    /// The ranking at the time, the highest first, and then the service number.
    rank: (std::cmp::Reverse<i32>, u64),
    interest: Arc<Interest>,
    target: Arc<Target>,
}

impl Index {
    /// Adds a handler; with no interest, it is only known.
    pub(super) fn add(&self, target: &Arc<Target>, interest: Option<Interest>) {
        let reference = target.reference();
        let rank = (std::cmp::Reverse(reference.ranking()), reference.id());
        let mut tables = self.write();
        tables.targets.insert(reference.id(), Arc::clone(target));
        let Some(interest) = interest.map(Arc::new) else {
            return;
        };
        let subscription = Subscription {
            rank,
            interest: Arc::clone(&interest),
            target: Arc::clone(target),
        };
        match interest.literals() {
            None => insert(&mut tables.pattern, subscription),
            Some(mut topics) => {
                topics.sort_unstable();
                topics.dedup();
                for topic in topics {
                    let list = tables.literal.entry(topic.into()).or_default();
                    insert(list, subscription.clone());
                }
            }
        }
    }

    /// Removes a handler and returns it.
    pub(super) fn remove(&self, reference: &ServiceRef) -> Option<Arc<Target>> {
        let mut tables = self.write();
        let target = tables.targets.remove(&reference.id())?;
        let other = |subscription: &Subscription| !Arc::ptr_eq(&subscription.target, &target);
        tables.pattern.retain(other);
        tables.literal.retain(|_, list| {
            list.retain(other);
            !list.is_empty()
        });
        Some(target)
    }

    /// Removes all handlers and returns them.
    pub(super) fn clear(&self) -> Vec<Arc<Target>> {
        let tables = std::mem::take(&mut *self.write());
        tables.targets.into_values().collect()
    }

    /// All handlers.
    pub(super) fn targets(&self) -> Vec<Arc<Target>> {
        self.read().targets.values().cloned().collect()
    }

    /// The handlers that an event concerns, the best ranked first.
    pub(super) fn targets_of(&self, event: &Event) -> Vec<Arc<Target>> {
        let mut found: Vec<Subscription> = Vec::new();
        {
            let tables = self.read();
            if let Some(list) = tables.literal.get(event.topic()) {
                found.extend_from_slice(list);
            }
            let by_topic = found.len();
            let wants =
                |subscription: &&Subscription| subscription.interest.wants_topic(event.topic());
            found.extend(tables.pattern.iter().filter(wants).cloned());
            if by_topic > 0 && found.len() > by_topic {
                found.sort_by_key(|subscription| subscription.rank);
            }
        }
        found
            .into_iter()
            .filter(|subscription| subscription.interest.accepts(event))
            .map(|subscription| subscription.target)
            .collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn insert(list: &mut Vec<Subscription>, subscription: Subscription) {
    let place = list.partition_point(|other| other.rank < subscription.rank);
    list.insert(place, subscription);
}

//! [`Index`]: which handlers an event concerns.
//!
//! Handlers without wildcards are found by topic in a map, so that they cost nothing to events of other topics; the others
//! are gone through. The lists are shared with whoever sends at the time and copied when they change meanwhile: no handler
//! runs, and no pattern or filter is tried, under the lock.

use std::cmp::Reverse;
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
    literal: HashMap<Arc<str>, Subscriptions>,
    pattern: Subscriptions,
}

/// The best ranked first.
type Subscriptions = Arc<Vec<Subscription>>;

#[derive(Clone)]
struct Subscription {
    /// The ranking at the time, the highest first, and then the service number.
    rank: (Reverse<i32>, u64),
    interest: Arc<Interest>,
    target: Arc<Target>,
}

/// The handlers that may want the events of a topic, as they were when it was looked up.
pub(super) struct Subscribers {
    /// The topic, if a handler names it as it is: then it is one that events may have.
    pub(super) topic: Option<Arc<str>>,
    literal: Option<Subscriptions>,
    pattern: Option<Subscriptions>,
}

impl Subscription {
    fn wants(&self, event: &Event) -> bool {
        self.interest.accepts(event)
    }
}

impl Subscribers {
    /// The only handler that an event of the topic may concern, if it wants it: as it mostly is. `None` when there may be more.
    pub(super) fn only(&self, event: &Event) -> Option<Option<&Arc<Target>>> {
        let (Some(list), None) = (&self.literal, &self.pattern) else {
            return None;
        };
        let [only] = list.as_slice() else {
            return None;
        };
        Some(only.wants(event).then_some(&only.target))
    }

    /// The handlers that an event of the topic concerns, the best ranked first.
    pub(super) fn of<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a Arc<Target>> {
        let wants = |subscription: &&Subscription| subscription.interest.wants_topic(event.topic());
        let all = |list: &'a Option<Subscriptions>| list.iter().flat_map(|list| list.iter());
        let mut literal = all(&self.literal).peekable();
        let mut pattern = all(&self.pattern).filter(wants).peekable();
        let by_rank = std::iter::from_fn(move || match (literal.peek(), pattern.peek()) {
            (Some(one), Some(other)) if other.rank < one.rank => pattern.next(),
            (Some(_), _) => literal.next(),
            (None, _) => pattern.next(),
        });
        by_rank
            .filter(|subscription| subscription.wants(event))
            .map(|subscription| &subscription.target)
    }
}

impl Index {
    /// Adds a handler; with no interest, it is only known.
    pub(super) fn add(&self, target: &Arc<Target>, interest: Option<Interest>) {
        let reference = target.reference();
        let rank = (Reverse(reference.ranking()), reference.id());
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
        remove(&mut tables.pattern, &target);
        tables.literal.retain(|_, list| {
            remove(list, &target);
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

    /// The handlers that may want the events of a topic.
    pub(super) fn subscribers(&self, topic: &str) -> Subscribers {
        let tables = self.read();
        let (topic, literal) = tables
            .literal
            .get_key_value(topic)
            .map(|(topic, list)| (Arc::clone(topic), Arc::clone(list)))
            .unzip();
        let pattern = (!tables.pattern.is_empty()).then(|| Arc::clone(&tables.pattern));
        Subscribers {
            topic,
            literal,
            pattern,
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn insert(list: &mut Subscriptions, subscription: Subscription) {
    let list = Arc::make_mut(list);
    let place = list.partition_point(|other| other.rank < subscription.rank);
    list.insert(place, subscription);
}

fn remove(list: &mut Subscriptions, target: &Arc<Target>) {
    let is_it = |subscription: &Subscription| Arc::ptr_eq(&subscription.target, target);
    if list.iter().any(is_it) {
        Arc::make_mut(list).retain(|subscription| !is_it(subscription));
    }
}

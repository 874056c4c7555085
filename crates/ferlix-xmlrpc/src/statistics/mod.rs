//! [`Statistics`]: how many calls there were of each method, how they ended, how long they took and what they weighed.
//!
//! In: both sides of the provider say when a call begins and how it ended. Out: a snapshot for the command `calls` and the
//! text for Prometheus. A call costs a few additions to counters that it finds without a lock; the table of the methods
//! is locked only when a service or a proxy comes.
//!
//! The number of series is bounded: only methods that exist make one. What calls ask for in vain is counted as one, and
//! so is what goes beyond [`MOST_METHODS`].

mod command;
mod method;
mod text;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tracing::Span;

pub(crate) use command::{CallStatistics, XmlRpcCalls};
pub(crate) use method::Running;
pub use method::{LATENCY_BOUNDS, MethodCalls, Outcome};

use self::method::Method;

/// More methods than these, of both directions together, are counted as one.
pub const MOST_METHODS: usize = 4096;
/// The name under which calls of what is not there are counted.
const UNKNOWN: &str = "(unknown)";
/// The name under which methods beyond the limit are counted.
const OTHERS: &str = "(others)";

/// Which way calls go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From a peer to an exported service of ours.
    Exported,
    /// From a proxy of ours to a peer's service.
    Imported,
}

impl Direction {
    /// `exported` or `imported`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Imported => "imported",
        }
    }
}

type Key = (Direction, Arc<str>, Arc<str>);

/// The counters of all methods of one framework, or of one [`Services`](crate::provider::Services).
#[derive(Default)]
pub struct Statistics {
    methods: Mutex<HashMap<Key, Arc<Method>>>,
}

impl Statistics {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The counters of a method, which stay the same while anybody holds them.
    pub(crate) fn method(&self, direction: Direction, service: &str, method: &str) -> Counters {
        let mut methods = self.lock();
        let key = (direction, Arc::from(service), Arc::from(method));
        if let Some(known) = methods.get(&key) {
            return Counters(Arc::clone(known));
        }
        if methods.len() >= MOST_METHODS {
            // Those of services that went make room for those that come.
            methods.retain(|_, method| Arc::strong_count(method) > 1);
        }
        let key = if methods.len() < MOST_METHODS {
            key
        } else {
            (direction, OTHERS.into(), OTHERS.into())
        };
        Counters(Arc::clone(methods.entry(key).or_default()))
    }

    /// The counters of calls to what is not there.
    pub(crate) fn unknown(&self) -> Counters {
        self.method(Direction::Exported, UNKNOWN, UNKNOWN)
    }

    /// What was counted until now, in the order of direction, service and method.
    #[must_use]
    pub fn snapshot(&self) -> Vec<MethodCalls> {
        let methods: Vec<_> = {
            let methods = self.lock();
            methods
                .iter()
                .map(|(key, method)| (key.clone(), Arc::clone(method)))
                .collect()
        };
        let mut calls: Vec<_> = methods
            .into_iter()
            .map(|((direction, service, name), method)| method.read(direction, service, name))
            .collect();
        calls.sort_by(|left, right| left.key().cmp(&right.key()));
        calls
    }

    // A table is whole after every change, so one that a panic left locked can be used on.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Method>>> {
        self.methods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statistics")
            .field("methods", &self.lock().len())
            .finish_non_exhaustive()
    }
}

/// The counters of one method, to count calls with.
#[derive(Clone)]
pub(crate) struct Counters(Arc<Method>);

impl Counters {
    /// A call begins, whose span has a field `outcome`; it ended as [`Outcome::Cancelled`] when it is dropped without
    /// another word.
    pub(crate) fn begin(self, begun: Instant, span: Span) -> Running {
        Running::new(self.0, begun, span)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn calls_are_counted_by_how_they_ended() {
        let statistics = Statistics::new();
        let counters = statistics.method(Direction::Exported, "a.B", "c");
        let begun = Instant::now();
        let first = counters.clone().begin(begun, Span::none());
        let mut second = counters.begin(begun, Span::none());
        assert_eq!(statistics.snapshot()[0].in_flight, 2);
        second.received(10);
        second.sent(7);
        second.end(Outcome::Fault);
        drop(second);
        drop(first);
        let snapshot = statistics.snapshot();
        let [calls] = snapshot.as_slice() else {
            panic!("{snapshot:?}")
        };
        assert_eq!((calls.total(), calls.in_flight), (2, 0));
        assert_eq!(calls.count(Outcome::Fault), 1);
        assert_eq!(calls.count(Outcome::Cancelled), 1);
        assert_eq!(calls.errors(), 2);
        assert_eq!((calls.received, calls.sent), (10, 7));
        assert_eq!(calls.latencies.iter().sum::<u64>(), 2);
        assert!(calls.time < Duration::from_secs(1));
    }

    #[test]
    fn a_table_that_is_full_makes_room_for_what_is_used() {
        let statistics = Statistics::new();
        let kept = statistics.method(Direction::Imported, "kept", "m");
        for index in 0..MOST_METHODS * 2 {
            statistics
                .method(Direction::Imported, "passing", &index.to_string())
                .begin(Instant::now(), Span::none());
        }
        assert!(statistics.lock().len() <= MOST_METHODS);
        kept.clone()
            .begin(Instant::now(), Span::none())
            .end(Outcome::Ok);
        let snapshot = statistics.snapshot();
        let calls = snapshot.iter().find(|calls| &*calls.service == "kept");
        assert_eq!(calls.unwrap().total(), 1);
        let held: Vec<_> = (0..MOST_METHODS + 10)
            .map(|index| statistics.method(Direction::Exported, "held", &index.to_string()))
            .collect();
        for counters in &held {
            counters
                .clone()
                .begin(Instant::now(), Span::none())
                .end(Outcome::Ok);
        }
        let snapshot = statistics.snapshot();
        assert!(snapshot.len() <= MOST_METHODS + 1, "{}", snapshot.len());
        let others = snapshot.iter().find(|calls| &*calls.service == OTHERS);
        assert_eq!(others.unwrap().total(), 11);
    }
}

//! [`Departure`]: waiting until everybody who used a service has let go of it.
//!
//! An UNREGISTERING event carries a departure; whoever must do something before the service can be dropped takes a
//! [`DepartureHold`] with a name, and drops it when done. Holders that wait for this very departure (the component whose callback
//! unregisters) are told by the departure's origins and take none. Two components that go down at once and use each other
//! would wait for each other: [`Waits`] knows who waits for what, and gives up the hold that closes such a circle.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

tokio::task_local! {
    /// The component instances in whose work the current code runs, innermost last.
    pub(crate) static ORIGINS: Arc<[u64]>;
}

/// The instances in whose work the caller runs; empty outside of components.
pub(crate) fn origins() -> Arc<[u64]> {
    ORIGINS.try_with(Arc::clone).unwrap_or_default()
}

/// One thing that is going; clones are the same departure.
#[derive(Clone)]
pub(crate) struct Departure(Arc<Inner>);

struct Inner {
    origins: Arc<[u64]>,
    holders: Mutex<BTreeMap<u64, Holder>>,
    next: AtomicU64,
    changed: Notify,
}

/// Who has to let go.
struct Holder {
    name: Cow<'static, str>,
    /// The component instance, if it is one.
    instance: Option<u64>,
}

impl Departure {
    /// A departure begun by the code that runs now.
    pub(crate) fn begin() -> Self {
        Self(Arc::new(Inner {
            origins: origins(),
            holders: Mutex::default(),
            next: AtomicU64::new(0),
            changed: Notify::new(),
        }))
    }

    /// The instances that wait for this departure: they must not be waited for.
    pub(crate) fn origins(&self) -> &Arc<[u64]> {
        &self.0.origins
    }

    /// Takes a hold; the departure is over when every hold is dropped.
    pub(crate) fn hold(&self, holder: impl Into<Cow<'static, str>>) -> DepartureHold {
        self.held_by(holder.into(), None)
    }

    /// Takes a hold for a component instance.
    pub(crate) fn hold_for(&self, instance: u64, name: &str) -> DepartureHold {
        self.held_by(format!("component {name}").into(), Some(instance))
    }

    fn held_by(&self, name: Cow<'static, str>, instance: Option<u64>) -> DepartureHold {
        let token = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.holders().insert(token, Holder { name, instance });
        DepartureHold {
            departure: self.clone(),
            token,
        }
    }

    /// Waits until all holds are dropped, at most `timeout`.
    ///
    /// # Errors
    /// The names of those who still hold.
    pub(crate) async fn wait(&self, waits: &Waits, timeout: Duration) -> Result<(), String> {
        let _waiting = waits.begin(self);
        let over = async {
            loop {
                let changed = self.0.changed.notified();
                waits.break_circles(self);
                if self.holders().is_empty() {
                    return;
                }
                changed.await;
            }
        };
        match tokio::time::timeout(timeout, over).await {
            Ok(()) => Ok(()),
            Err(_) => {
                let holders = self.holders();
                let names: Vec<&str> = holders.values().map(|holder| &*holder.name).collect();
                Err(names.join(", "))
            }
        }
    }

    /// The instance that waits for this departure, if it is one.
    fn waiter(&self) -> Option<u64> {
        self.0.origins.last().copied()
    }

    /// The instances that hold it, by the numbers of their holds.
    fn holding_instances(&self) -> Vec<(u64, u64)> {
        let holders = self.holders();
        let instances = holders
            .iter()
            .filter_map(|(token, holder)| Some((*token, holder.instance?)));
        instances.collect()
    }

    fn holders(&self) -> MutexGuard<'_, BTreeMap<u64, Holder>> {
        self.0
            .holders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holders = self.holders();
        let names: Vec<&str> = holders.values().map(|holder| &*holder.name).collect();
        f.debug_struct("Departure")
            .field("holders", &names)
            .finish_non_exhaustive()
    }
}

/// Keeps a departure from being over until dropped: whoever unregistered the service waits so long, at most
/// `ferlix.departure_timeout`.
#[derive(Debug)]
pub struct DepartureHold {
    departure: Departure,
    token: u64,
}

impl DepartureHold {
    /// The departure that is held up.
    pub(crate) fn departure(&self) -> &Departure {
        &self.departure
    }
}

impl Drop for DepartureHold {
    fn drop(&mut self) {
        self.departure.holders().remove(&self.token);
        self.departure.0.changed.notify_waiters();
    }
}

/// Which component instances of a framework wait for which departures.
#[derive(Default)]
pub(crate) struct Waits(Mutex<BTreeMap<u64, Vec<Departure>>>);

impl Waits {
    /// Notes who waits for a departure, until the result is dropped.
    fn begin<'a>(&'a self, departure: &'a Departure) -> Waiting<'a> {
        if let Some(waiter) = departure.waiter() {
            self.table()
                .entry(waiter)
                .or_default()
                .push(departure.clone());
        }
        Waiting {
            waits: self,
            departure,
        }
    }

    /// Gives up the holds of instances that wait, over however many others, for the one that waits for this departure:
    /// they go down themselves and will let go when it has.
    fn break_circles(&self, departure: &Departure) {
        let Some(waiter) = departure.waiter() else {
            return;
        };
        let table = self.table();
        for (token, holder) in departure.holding_instances() {
            let mut seen = BTreeSet::new();
            let mut next = vec![holder];
            while let Some(instance) = next.pop() {
                if instance == waiter {
                    departure.holders().remove(&token);
                    break;
                }
                if seen.insert(instance) {
                    let awaited = table.get(&instance).into_iter().flatten();
                    next.extend(
                        awaited
                            .flat_map(Departure::holding_instances)
                            .map(|(_, holder)| holder),
                    );
                }
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<Departure>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody waits for a departure, until dropped.
struct Waiting<'a> {
    waits: &'a Waits,
    departure: &'a Departure,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(waiter) = self.departure.waiter() else {
            return;
        };
        let mut table = self.waits.table();
        if let Some(departures) = table.get_mut(&waiter) {
            departures.retain(|one| !Arc::ptr_eq(&one.0, &self.departure.0));
            if departures.is_empty() {
                table.remove(&waiter);
            }
        }
    }
}

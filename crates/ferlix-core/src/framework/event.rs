//! Bundle and framework events and their listeners.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::Bundle;
use crate::Error;
use crate::registry::ListenerId;

/// What happened to a bundle; the numbers are iPOPO's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BundleEventKind {
    /// It is installed.
    Installed = 1,
    /// It is ACTIVE.
    Started = 2,
    /// It is stopped.
    Stopped = 4,
    /// It was updated.
    Updated = 8,
    /// It is gone.
    Uninstalled = 16,
    /// An update begins.
    UpdateBegin = 32,
    /// An update failed.
    UpdateFailed = 64,
    /// Its activator is about to be started.
    Starting = 128,
    /// Its activator is about to be stopped.
    Stopping = 256,
    /// Its activator has stopped; its services and components are about to go.
    StoppingPreclean = 512,
}

/// What happened to which bundle.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BundleEvent {
    /// What happened.
    pub kind: BundleEventKind,
    /// To which bundle.
    pub bundle: Bundle,
}

/// What happened to the framework; the numbers are OSGi's, where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameworkEventKind {
    /// It is ACTIVE: its bundles were started.
    Started = 1,
    /// A bundle failed to start or to stop, and the framework went on without it.
    Error = 2,
    /// It is stopped: this is the last event.
    Stopped = 64,
    /// It is about to stop its bundles.
    Stopping = 256,
}

/// What happened to the framework.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FrameworkEvent {
    /// What happened.
    pub kind: FrameworkEventKind,
    /// The bundle that failed; else bundle 0.
    pub bundle: Bundle,
    /// Why it failed.
    pub error: Option<Arc<Error>>,
}

/// What listeners may be told; the kinds of listeners are numbered apart, so that one number never names two.
pub(super) trait Event: fmt::Debug {
    const FIRST: u64;
}

impl Event for BundleEvent {
    const FIRST: u64 = 1 << 63;
}

impl Event for FrameworkEvent {
    const FIRST: u64 = 1 << 62;
}

type Callback<E> = Arc<dyn Fn(&E) + Send + Sync>;

/// The listeners of a framework to one kind of event.
pub(super) struct Listeners<E> {
    table: Mutex<Table<E>>,
}

struct Table<E> {
    next: u64,
    listeners: BTreeMap<u64, (u64, Callback<E>)>,
}

impl<E: Event> Default for Listeners<E> {
    fn default() -> Self {
        Self {
            table: Mutex::new(Table {
                next: E::FIRST,
                listeners: BTreeMap::new(),
            }),
        }
    }
}

impl<E: Event> Listeners<E> {
    pub(super) fn add(&self, bundle_id: u64, callback: Callback<E>) -> ListenerId {
        self.with(|table| {
            let id = table.next;
            table.next += 1;
            table.listeners.insert(id, (bundle_id, callback));
            ListenerId(id)
        })
    }

    pub(super) fn remove(&self, id: ListenerId) -> bool {
        let removed = self.with(|table| table.listeners.remove(&id.0));
        removed.is_some()
    }

    pub(super) fn remove_bundle(&self, bundle_id: u64) {
        let removed = self.with(|table| {
            let all = std::mem::take(&mut table.listeners);
            let (removed, kept): (BTreeMap<_, _>, BTreeMap<_, _>) = all
                .into_iter()
                .partition(|(_, (owner, _))| *owner == bundle_id);
            table.listeners = kept;
            removed
        });
        // Their closures are user code's to drop: not under the lock.
        drop(removed);
    }

    /// Tells every listener, in the order in which they were added.
    pub(super) fn notify(&self, event: &E) {
        let listeners: Vec<(u64, Callback<E>)> =
            self.with(|table| table.listeners.values().cloned().collect());
        for (bundle_id, listener) in listeners {
            if catch_unwind(AssertUnwindSafe(|| listener(event))).is_err() {
                tracing::error!(?event, bundle = bundle_id, "a listener panicked");
            }
        }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Table<E>) -> R) -> R {
        act(&mut self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<E: Event> fmt::Debug for Listeners<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} listeners", self.with(|table| table.listeners.len()))
    }
}

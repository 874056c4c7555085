//! Bundle events and their listeners.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::Bundle;
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

type Callback = Arc<dyn Fn(&BundleEvent) + Send + Sync>;

/// The bundle listeners of a framework.
#[derive(Default)]
pub(super) struct BundleListeners {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    listeners: BTreeMap<u64, (u64, Callback)>,
}

/// Bundle listeners are numbered from here, so that one number never names two listeners of different kinds.
const FIRST: u64 = 1 << 63;

impl BundleListeners {
    pub(super) fn add(&self, bundle_id: u64, callback: Callback) -> ListenerId {
        self.with(|table| {
            let id = FIRST + table.next;
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
        let (kept, removed) = self.with(|table| {
            let all = std::mem::take(&mut table.listeners);
            let (removed, kept): (BTreeMap<_, _>, BTreeMap<_, _>) = all
                .into_iter()
                .partition(|(_, (owner, _))| *owner == bundle_id);
            table.listeners = kept;
            (table.listeners.len(), removed)
        });
        tracing::trace!(
            bundle_id,
            kept,
            removed = removed.len(),
            "bundle listeners released"
        );
    }

    /// Tells every listener, in the order in which they were added.
    pub(super) fn notify(&self, kind: BundleEventKind, bundle: &Bundle) {
        let listeners: Vec<Callback> = self.with(|table| {
            table
                .listeners
                .values()
                .map(|(_, callback)| Arc::clone(callback))
                .collect()
        });
        let event = BundleEvent {
            kind,
            bundle: bundle.clone(),
        };
        for listener in listeners {
            if catch_unwind(AssertUnwindSafe(|| listener(&event))).is_err() {
                tracing::error!(?kind, %bundle, "a bundle listener panicked");
            }
        }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Table) -> R) -> R {
        act(&mut self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for BundleListeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bundle listeners",
            self.with(|table| table.listeners.len())
        )
    }
}

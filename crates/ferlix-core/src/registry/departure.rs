//! [`Departure`]: waiting until everybody who used a service has let go of it.
//!
//! An UNREGISTERING event carries a departure; whoever must do something before the service can be dropped takes a
//! [`DepartureHold`] with a name, and drops it when done. Holders that wait for this very departure (the component whose callback
//! unregisters) are told by the departure's origins and take none.

use std::borrow::Cow;
use std::collections::BTreeMap;
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
    ORIGINS
        .try_with(Arc::clone)
        .unwrap_or_else(|_| Arc::from([]))
}

/// One thing that is going; clones are the same departure.
#[derive(Clone)]
pub(crate) struct Departure(Arc<Inner>);

struct Inner {
    origins: Arc<[u64]>,
    holders: Mutex<BTreeMap<u64, Cow<'static, str>>>,
    next: AtomicU64,
    changed: Notify,
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
        let token = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.holders().insert(token, holder.into());
        DepartureHold {
            departure: self.clone(),
            token,
        }
    }

    /// Waits until all holds are dropped, at most `timeout`.
    ///
    /// # Errors
    /// The names of those who still hold.
    pub(crate) async fn wait(&self, timeout: Duration) -> Result<(), String> {
        let over = async {
            loop {
                let changed = self.0.changed.notified();
                if self.holders().is_empty() {
                    return;
                }
                changed.await;
            }
        };
        match tokio::time::timeout(timeout, over).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self
                .holders()
                .values()
                .map(AsRef::as_ref)
                .collect::<Vec<_>>()
                .join(", ")),
        }
    }

    fn holders(&self) -> MutexGuard<'_, BTreeMap<u64, Cow<'static, str>>> {
        self.0
            .holders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Departure")
            .field("holders", &*self.holders())
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

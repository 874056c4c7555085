//! What is pending in a framework, so that [`Framework::settle`](super::Framework::settle) knows when it is still.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts the pieces of work that are pending.
#[derive(Clone, Default)]
pub(crate) struct Activity(Arc<Inner>);

#[derive(Default)]
struct Inner {
    pending: AtomicUsize,
    still: Notify,
}

impl Activity {
    /// Counts one piece of work until the guard is dropped.
    pub(crate) fn begin(&self) -> ActivityGuard {
        self.0.pending.fetch_add(1, Ordering::AcqRel);
        ActivityGuard(Arc::clone(&self.0))
    }

    /// How many pieces of work are pending now.
    pub(crate) fn pending(&self) -> usize {
        self.0.pending.load(Ordering::Acquire)
    }

    /// Waits until nothing is pending.
    pub(crate) async fn settle(&self) {
        loop {
            let still = self.0.still.notified();
            if self.0.pending.load(Ordering::Acquire) == 0 {
                return;
            }
            still.await;
        }
    }
}

/// Work that is pending in a framework: held while it is, so that `settle` waits for it.
#[must_use]
pub struct ActivityGuard(Arc<Inner>);

impl Drop for ActivityGuard {
    fn drop(&mut self) {
        if self.0.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.still.notify_waiters();
        }
    }
}

impl fmt::Debug for ActivityGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ActivityGuard")
    }
}

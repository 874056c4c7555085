//! Running instances: on the thread that caused the work until it yields, then as a task.
//!
//! Work caused by work (a component publishes what another waits for) is put in a queue of the thread and done by the
//! outermost runner, so that a chain of ten thousand components needs no deep stack.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

use super::instance::Instance;

thread_local! {
    /// The instances that wait for the runner of this thread; `None` when none runs.
    static WAITING: RefCell<Option<VecDeque<Arc<Instance>>>> = const { RefCell::new(None) };
}

/// Drives an instance through its queued work.
pub(super) fn run(instance: Arc<Instance>) {
    let nested = WAITING.with_borrow_mut(|waiting| match waiting {
        Some(queue) => {
            queue.push_back(Arc::clone(&instance));
            true
        }
        None => {
            *waiting = Some(VecDeque::new());
            false
        }
    });
    if nested {
        return;
    }
    let _end = EndOfRun;
    let mut next = Some(instance);
    while let Some(instance) = next {
        poll_once(instance);
        next = WAITING.with_borrow_mut(|waiting| waiting.as_mut().and_then(VecDeque::pop_front));
    }
}

/// Clears the thread's queue even if a panic passes through.
struct EndOfRun;

impl Drop for EndOfRun {
    fn drop(&mut self) {
        WAITING.with_borrow_mut(Option::take);
    }
}

/// Polls the driver once here; what is left becomes a task.
fn poll_once(instance: Arc<Instance>) {
    // A change may come from a thread of the user's own: then the framework's runtime is used.
    let Some(handle) = Handle::try_current()
        .ok()
        .or_else(|| instance.bundle.framework().runtime())
    else {
        tracing::error!(component = %instance.name, "no runtime: the framework was never started");
        return;
    };
    let _context = handle.enter();
    let mut driver: Pin<Box<dyn Future<Output = ()> + Send>> =
        Box::pin(super::transition::drive(instance));
    // The waker is none: a task polls again at once, so no wake-up is lost.
    if driver
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        == Poll::Pending
    {
        handle.spawn(driver);
    }
}

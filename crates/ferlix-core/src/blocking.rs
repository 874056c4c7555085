//! [`Blocking`]: a service for code that is not async. `#[remote_service]` makes a type of such methods of each interface.
//!
//! The future of a method is polled on the thread that calls, which sleeps in between. On a thread that is polling a task
//! this would stop whatever else runs there, and often what the call waits for: it is an error instead.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::Handle;

use crate::service::{CallError, RemoteError};

/// A service, and the runtime that it was taken on.
pub struct Blocking<T: ?Sized> {
    service: Arc<T>,
    runtime: Option<Handle>,
}

impl<T: ?Sized> Blocking<T> {
    /// A service for blocking calls. When it is made on a runtime, that one's timers and sockets are there for the methods,
    /// whatever thread calls them.
    #[must_use]
    pub fn new(service: Arc<T>) -> Self {
        Self {
            service,
            runtime: Handle::try_current().ok(),
        }
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &T {
        &self.service
    }
}

/// Waits for what a method returns.
///
/// # Errors
/// [`CallError::WouldBlock`] inside of a task, else the method's.
pub fn wait<R, E: RemoteError>(
    on: &Blocking<impl ?Sized>,
    call: impl Future<Output = Result<R, E>>,
) -> Result<R, E> {
    if is_in_a_task() {
        return Err(CallError::WouldBlock.into());
    }
    let _entered = on.runtime.as_ref().map(Handle::enter);
    let waker = Waker::from(Arc::new(Sleeper(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut call = pin!(call);
    loop {
        match call.as_mut().poll(&mut context) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

impl<T: ?Sized> Clone for Blocking<T> {
    fn clone(&self) -> Self {
        Self {
            service: Arc::clone(&self.service),
            runtime: self.runtime.clone(),
        }
    }
}

impl<T: ?Sized> fmt::Debug for Blocking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}

/// A thread that sleeps until its call goes on.
struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Whether this thread is polling a task of a runtime. The threads of `spawn_blocking` belong to a runtime too, but have no
/// budget of work that ends, as tasks have (128 steps; what is used up here would only make this task yield sooner).
fn is_in_a_task() -> bool {
    const MORE_THAN_A_BUDGET: usize = 256;
    let mut context = Context::from_waker(Waker::noop());
    Handle::try_current().is_ok()
        && (0..MORE_THAN_A_BUDGET).any(|_| {
            let step = pin!(tokio::task::consume_budget());
            step.poll(&mut context).is_pending()
        })
}

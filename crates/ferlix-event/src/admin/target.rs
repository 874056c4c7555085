//! [`Target`]: one handler, its queue of posted events and its counts.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use ferlix_core::registry::ServiceRef;
use futures_util::FutureExt;

use crate::{Event, EventHandler, HandlerStatus};

/// A call of a handler.
type Call<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// How many posted events a task handles before it lets others run.
const BATCH: usize = 64;

/// What every handler is held to.
pub(super) struct Limits {
    pub(super) queue_size: usize,
    pub(super) overflow: Overflow,
    pub(super) timeout: Duration,
}

/// What is dropped when a queue is full.
#[derive(Clone, Copy, Debug)]
pub(super) enum Overflow {
    DropNewest,
    DropOldest,
}

pub(super) struct Target {
    handler: Arc<dyn EventHandler>,
    reference: ServiceRef,
    queue: Mutex<Queue>,
    handled: AtomicU64,
    dropped: AtomicU64,
    panicked: AtomicU64,
    late: AtomicU64,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Event>,
    /// A task is at it.
    draining: bool,
    /// The handler went.
    closed: bool,
    /// Said that it is full.
    complained: bool,
}

impl Target {
    pub(super) fn new(handler: Arc<dyn EventHandler>, reference: ServiceRef) -> Self {
        Self {
            handler,
            reference,
            queue: Mutex::default(),
            handled: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            late: AtomicU64::new(0),
        }
    }

    pub(super) fn reference(&self) -> &ServiceRef {
        &self.reference
    }

    /// Has the handler handle an event; what goes wrong is reported and counted.
    pub(super) async fn call(&self, event: &Event, timeout: Duration) {
        // Most handlers never wait: they are spared the timer, and the caller a large future.
        let begun = std::future::poll_fn(|context| Poll::Ready(self.begin(event, context))).await;
        let result = match begun {
            Ok(None) => Ok(()),
            Ok(Some(call)) => match Box::pin(wait(call, timeout)).await {
                Some(result) => result,
                None => {
                    self.late.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(handler = %self.reference, topic = event.topic(), "the event handler took longer than {timeout:?} and was given up");
                    return;
                }
            },
            Err(panic) => Err(panic),
        };
        match result {
            Ok(()) => {
                self.handled.fetch_add(1, Ordering::Relaxed);
            }
            Err(panic) => self.report(event, panic.as_ref()),
        }
    }

    /// Begins a call and returns what is left of it.
    fn begin<'a>(
        &'a self,
        event: &'a Event,
        context: &mut Context<'_>,
    ) -> std::thread::Result<Option<Call<'a>>> {
        let first = AssertUnwindSafe(|| {
            let mut call = self.handler.handle_event(event);
            call.as_mut().poll(context).is_pending().then_some(call)
        });
        std::panic::catch_unwind(first)
    }

    #[cold]
    fn report(&self, event: &Event, panic: &(dyn Any + Send)) {
        self.panicked.fetch_add(1, Ordering::Relaxed);
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        tracing::error!(handler = %self.reference, topic = event.topic(), "the event handler panicked: {message}");
    }

    /// Queues a posted event; true when the caller has to start a task that drains the queue.
    pub(super) fn queue(&self, event: Event, limits: &Limits) -> bool {
        let mut queue = self.locked();
        if queue.closed {
            return false;
        }
        if queue.waiting.len() >= limits.queue_size {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            if !std::mem::replace(&mut queue.complained, true) {
                tracing::warn!(handler = %self.reference, size = limits.queue_size, "the event handler is too slow: its queue is full, events are dropped");
            }
            if matches!(limits.overflow, Overflow::DropNewest) {
                return false;
            }
            queue.waiting.pop_front();
        }
        queue.waiting.push_back(event);
        !std::mem::replace(&mut queue.draining, true)
    }

    /// Handles what was posted, one event after the other, until there is none.
    pub(super) async fn drain(&self, timeout: Duration) {
        for turn in 1_usize.. {
            let next = {
                let mut queue = self.locked();
                let next = queue.waiting.pop_front();
                if next.is_none() {
                    queue.draining = false;
                    queue.complained = false;
                }
                next
            };
            let Some(event) = next else { return };
            self.call(&event, timeout).await;
            if turn.is_multiple_of(BATCH) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// The handler went: what waits for it is dropped.
    pub(super) fn close(&self) {
        let mut queue = self.locked();
        queue.closed = true;
        queue.waiting.clear();
    }

    pub(super) fn status(&self) -> HandlerStatus {
        HandlerStatus {
            reference: self.reference.clone(),
            handled: self.handled.load(Ordering::Relaxed),
            queued: self.locked().waiting.len(),
            dropped: self.dropped.load(Ordering::Relaxed),
            panicked: self.panicked.load(Ordering::Relaxed),
            late: self.late.load(Ordering::Relaxed),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the rest of a call; `None` when it takes too long.
async fn wait(call: Call<'_>, timeout: Duration) -> Option<std::thread::Result<()>> {
    let guarded = AssertUnwindSafe(call).catch_unwind();
    tokio::time::timeout(timeout, guarded).await.ok()
}

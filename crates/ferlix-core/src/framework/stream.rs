//! [`EventStream`]: events for whoever awaits them instead of being called.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;

/// How many events wait for a slow reader; beyond this the oldest are dropped.
const CAPACITY: usize = 16_384;

/// Events from the moment it was made, in order: of services, bundles or the framework, or of what else tells listeners.
///
/// At most 16,384 events wait for a reader that does not keep up; then the oldest are dropped, counted
/// ([`lost`](Self::lost)) and reported once. Whoever wants to know what there is, not what happened, takes a
/// [`ServiceTracker`](super::ServiceTracker), which loses nothing. It ends when its bundle stops.
#[must_use = "a stream that is dropped listens no more"]
pub struct EventStream<E> {
    queue: Arc<Queue<E>>,
    listening: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl<E> EventStream<E> {
    /// A stream, and the end that a listener owns: the stream ends when that is dropped.
    pub fn channel() -> (EventSender<E>, Self) {
        let queue = Arc::new(Queue(Mutex::new(State {
            events: VecDeque::new(),
            lost: 0,
            ended: false,
            waker: None,
        })));
        let stream = Self {
            queue: Arc::clone(&queue),
            listening: None,
        };
        (EventSender(queue), stream)
    }

    /// The same, and what ends the listening when the stream is dropped.
    pub fn on_drop(mut self, end: impl FnOnce() + Send + Sync + 'static) -> Self {
        self.listening = Some(Box::new(end));
        self
    }

    /// How many events were dropped because they were not read in time.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.queue.state().lost
    }
}

impl<E> Stream for EventStream<E> {
    type Item = E;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<E>> {
        let mut state = self.queue.state();
        if let Some(event) = state.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<E> Drop for EventStream<E> {
    fn drop(&mut self) {
        if let Some(end) = self.listening.take() {
            end();
        }
    }
}

impl<E> fmt::Debug for EventStream<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.queue.state();
        f.debug_struct("EventStream")
            .field("waiting", &state.events.len())
            .field("lost", &state.lost)
            .finish_non_exhaustive()
    }
}

/// What the listener and the stream share.
struct Queue<E>(Mutex<State<E>>);

struct State<E> {
    events: VecDeque<E>,
    lost: u64,
    ended: bool,
    waker: Option<Waker>,
}

impl<E> Queue<E> {
    fn state(&self) -> MutexGuard<'_, State<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of an [`EventStream`] that its listener owns.
pub struct EventSender<E>(Arc<Queue<E>>);

impl<E> EventSender<E> {
    /// Adds an event. It never waits: when too many wait for the reader, the oldest is dropped.
    pub fn send(&self, event: E) {
        let mut state = self.0.state();
        // An old event may be the last to hold what user code wrote: it is dropped after the lock.
        let dropped = if state.events.len() < CAPACITY {
            None
        } else {
            state.lost += 1;
            state.events.pop_front()
        };
        let first_lost = dropped.is_some() && state.lost == 1;
        state.events.push_back(event);
        let waker = state.waker.take();
        drop(state);
        drop(dropped);
        if first_lost {
            tracing::warn!(
                capacity = CAPACITY,
                "an event stream is not read in time: its oldest events are dropped"
            );
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<E> fmt::Debug for EventSender<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSender")
    }
}

impl<E> Drop for EventSender<E> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.ended = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

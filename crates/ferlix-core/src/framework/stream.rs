//! [`EventStream`]: events for whoever awaits them instead of being called.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;

use super::BundleContext;
use crate::registry::ListenerId;

/// How many events wait for a slow reader; beyond this the oldest are dropped.
pub(super) const CAPACITY: usize = 16_384;

/// The service, bundle or framework events from the moment it was made, in order.
///
/// At most 16,384 events wait for a reader that does not keep up; then the oldest are dropped, counted
/// ([`lost`](Self::lost)) and reported once. Whoever wants to know what there is, not what happened, takes a
/// [`ServiceTracker`](super::ServiceTracker), which loses nothing. It ends when its bundle stops.
#[must_use = "a stream that is dropped listens no more"]
pub struct EventStream<E> {
    queue: Arc<Queue<E>>,
    context: BundleContext,
    listener: Option<ListenerId>,
}

impl<E> EventStream<E> {
    pub(super) fn new(context: &BundleContext, queue: Arc<Queue<E>>, listener: ListenerId) -> Self {
        Self {
            queue,
            context: context.clone(),
            listener: Some(listener),
        }
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
        if let Some(listener) = self.listener.take() {
            self.context.remove_listener(listener);
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
pub(super) struct Queue<E>(Mutex<State<E>>);

struct State<E> {
    events: VecDeque<E>,
    lost: u64,
    ended: bool,
    waker: Option<Waker>,
}

impl<E> Queue<E> {
    /// A queue, and the end that the listener's closure owns: when the listener goes, the stream ends.
    pub(super) fn pair() -> (Arc<Self>, Sender<E>) {
        let queue = Arc::new(Self(Mutex::new(State {
            events: VecDeque::new(),
            lost: 0,
            ended: false,
            waker: None,
        })));
        (Arc::clone(&queue), Sender(queue))
    }

    fn state(&self) -> MutexGuard<'_, State<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writing end of a [`Queue`].
pub(super) struct Sender<E>(Arc<Queue<E>>);

impl<E> Sender<E> {
    pub(super) fn send(&self, event: E) {
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

impl<E> Drop for Sender<E> {
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

//! What happens to factories and instances, told to listeners and streams.
//!
//! A listener runs on the thread that made the change, with no lock held, and should be quick; a panic is reported and
//! hurts nobody. A stream keeps the last 1,024 events that were not read; older ones are dropped and counted.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;

/// What happened to a factory or an instance; the numbers are iPOPO's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ComponentEventKind {
    /// A factory is there.
    Registered = 1,
    /// An instance was made; it has not looked for its services yet.
    Instantiated = 2,
    /// An instance is VALID, its services are offered.
    Validated = 3,
    /// An instance went down: its services are withdrawn, its `invalidate` was called.
    Invalidated = 4,
    /// An instance is gone for good.
    Killed = 9,
    /// A factory went; its instances go next.
    Unregistered = 10,
}

/// What happened to which factory or instance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentEvent {
    /// What happened.
    pub kind: ComponentEventKind,
    /// The factory.
    pub factory: &'static str,
    /// The instance; `None` for the two kinds of a factory.
    pub instance: Option<Arc<str>>,
    /// The number of the bundle of the factory.
    pub bundle_id: u64,
}

/// Names a listener of component events, to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ComponentListenerId(u64);

type Callback = Arc<dyn Fn(&ComponentEvent) + Send + Sync>;

/// The listeners of a framework's component events.
#[derive(Default)]
pub(super) struct ComponentListeners {
    count: AtomicUsize,
    table: Mutex<(u64, BTreeMap<u64, (u64, Callback)>)>,
}

impl ComponentListeners {
    pub(super) fn add(&self, bundle_id: u64, callback: Callback) -> ComponentListenerId {
        let mut table = self.table();
        table.0 += 1;
        let id = table.0;
        table.1.insert(id, (bundle_id, callback));
        self.count.store(table.1.len(), Ordering::Release);
        ComponentListenerId(id)
    }

    pub(super) fn remove(&self, id: ComponentListenerId) -> bool {
        let mut table = self.table();
        let removed = table.1.remove(&id.0);
        self.count.store(table.1.len(), Ordering::Release);
        drop(table);
        removed.is_some()
    }

    pub(super) fn remove_bundle(&self, bundle_id: u64) {
        let mut table = self.table();
        let (removed, kept): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut table.1)
            .into_iter()
            .partition(|(_, (owner, _))| *owner == bundle_id);
        table.1 = kept;
        self.count.store(table.1.len(), Ordering::Release);
        drop(table);
        // What listeners own is dropped without the lock.
        drop(removed);
    }

    /// Tells every listener; the event is made only if there is one.
    pub(super) fn notify(&self, make: impl FnOnce() -> ComponentEvent) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let listeners: Vec<Callback> = self
            .table()
            .1
            .values()
            .map(|(_, callback)| Arc::clone(callback))
            .collect();
        let event = make();
        for listener in listeners {
            if catch_unwind(AssertUnwindSafe(|| listener(&event))).is_err() {
                tracing::error!(?event, "a component listener panicked");
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, (u64, Callback)>)> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many events a stream keeps for its reader.
const CAPACITY: usize = 1024;

/// Component events as a [`Stream`]; it never ends, and stops listening when dropped.
pub struct ComponentEvents {
    queue: Arc<Mutex<Queue>>,
    listeners: Weak<ComponentListeners>,
    id: ComponentListenerId,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<ComponentEvent>,
    dropped: u64,
    waker: Option<Waker>,
}

impl ComponentEvents {
    pub(super) fn new(listeners: &Arc<ComponentListeners>, bundle_id: u64) -> Self {
        let queue = Arc::new(Mutex::new(Queue::default()));
        let shared = Arc::clone(&queue);
        let id = listeners.add(
            bundle_id,
            Arc::new(move |event| {
                let waker = {
                    let mut queue = locked(&shared);
                    if queue.events.len() == CAPACITY {
                        queue.events.pop_front();
                        queue.dropped += 1;
                    }
                    queue.events.push_back(event.clone());
                    queue.waker.take()
                };
                if let Some(waker) = waker {
                    waker.wake();
                }
            }),
        );
        Self {
            queue,
            listeners: Arc::downgrade(listeners),
            id,
        }
    }

    /// How many events were dropped because they were not read in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        locked(&self.queue).dropped
    }
}

impl Stream for ComponentEvents {
    type Item = ComponentEvent;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ComponentEvent>> {
        let mut queue = locked(&self.queue);
        match queue.events.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None => {
                queue.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for ComponentEvents {
    fn drop(&mut self) {
        if let Some(listeners) = self.listeners.upgrade() {
            listeners.remove(self.id);
        }
    }
}

impl fmt::Debug for ComponentEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} component events", locked(&self.queue).events.len())
    }
}

fn locked(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What a session tells its consumer, in a queue that never makes the session wait and never grows without bound.
//!
//! A consumer that keeps up gets every change. Behind a slow one, above [`COALESCE_ABOVE`] waiting events, only the
//! latest change of each key, the latest snapshot and the latest state of the connection are kept. Above
//! [`OVERFLOW_ABOVE`] or [`OVERFLOW_BYTES`] the changes are dropped altogether, and when the consumer comes back the
//! session reads the whole range for it. So nothing is lost but steps in between.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::client::KeyValue;
use crate::error::Error;

/// From so many waiting events on, older ones give way to newer ones of the same kind.
pub(crate) const COALESCE_ABOVE: usize = 1024;
/// So many waiting events are dropped for a snapshot.
pub(crate) const OVERFLOW_ABOVE: usize = 65_536;
/// So many waiting bytes are dropped for a snapshot.
pub(crate) const OVERFLOW_BYTES: usize = 64 * 1024 * 1024;

/// What a session tells.
///
/// Keys of the session itself are among them: the consumer knows which they are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The session has a connection, and its watch runs. A [`Snapshot`](Self::Snapshot) follows.
    Connected {
        /// Where etcd is, as `host:port`.
        endpoint: String,
        /// Our own address on the connection.
        local_address: Option<SocketAddr>,
    },
    /// A key went while it was watched.
    Delete {
        /// The key.
        key: Bytes,
        /// The revision of the deletion.
        revision: i64,
    },
    /// The session recovers from something. What was told before is still the latest that is known.
    Disconnected {
        /// What happened.
        reason: Error,
    },
    /// A key was put.
    Put(KeyValue),
    /// Everything that is there, told after each (re)connection: to be compared with what was known.
    Snapshot {
        /// The keys, ascending.
        entries: Vec<KeyValue>,
        /// The revision at which they were read.
        revision: i64,
        /// True for the first one that the consumer gets.
        first: bool,
        /// True if etcd was out of reach or lost data before it, so that keys which are missing may come back because
        /// their owners recover like we do. False if etcd was there all the time: what is missing was deleted.
        after_outage: bool,
    },
}

/// The consumer's end of the queue. It may be dropped; the session lives on without.
pub struct SessionEvents {
    queue: EventQueue,
    had_snapshot: bool,
}

impl SessionEvents {
    /// The next event; `None` when the session is closed. It may be dropped and called again.
    pub async fn recv(&mut self) -> Option<SessionEvent> {
        loop {
            {
                let mut waiting = self.queue.lock();
                if let Some((sequence, event)) = waiting.events.pop_first() {
                    waiting.forget(sequence, &event);
                    drop(waiting);
                    return Some(self.see(event));
                }
                if waiting.closed {
                    return None;
                }
                if waiting.overflowed && !waiting.resync_asked {
                    waiting.resync_asked = true;
                    self.queue.shared.resync.notify_one();
                }
            }
            // An arrival since the look above has left a permit, so none is missed.
            self.queue.shared.arrival.notified().await;
        }
    }

    fn see(&mut self, mut event: SessionEvent) -> SessionEvent {
        if let SessionEvent::Snapshot { first, .. } = &mut event {
            *first = !self.had_snapshot;
            self.had_snapshot = true;
        }
        event
    }
}

impl Drop for SessionEvents {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        waiting.abandoned = true;
        waiting.clear();
    }
}

impl fmt::Debug for SessionEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEvents")
            .field("waiting", &self.queue.lock().events.len())
            .finish_non_exhaustive()
    }
}

/// The session's end of the queue.
#[derive(Clone)]
pub(crate) struct EventQueue {
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    /// Something is there for the consumer.
    arrival: Notify,
    /// The consumer is there for a snapshot, after an overflow.
    resync: Notify,
}

/// Events by the order of their arrival.
#[derive(Default)]
struct Waiting {
    events: BTreeMap<u64, SessionEvent>,
    /// The latest waiting change of each key, from the time that older ones give way until all are taken; else nothing.
    /// Only looked up, never walked.
    latest: HashMap<Bytes, u64>,
    next: u64,
    bytes: usize,
    overflowed: bool,
    resync_asked: bool,
    closed: bool,
    abandoned: bool,
}

impl EventQueue {
    pub(crate) fn new() -> (Self, SessionEvents) {
        let queue = Self {
            shared: Arc::new(Shared {
                waiting: Mutex::default(),
                arrival: Notify::new(),
                resync: Notify::new(),
            }),
        };
        let events = SessionEvents {
            queue: queue.clone(),
            had_snapshot: false,
        };
        (queue, events)
    }

    /// Tells the consumer; never waits.
    pub(crate) fn push(&self, event: SessionEvent) {
        self.lock().add(event);
        self.shared.arrival.notify_one();
    }

    /// Returns when the consumer needs a snapshot because changes were dropped.
    pub(crate) async fn resync_wanted(&self) {
        self.shared.resync.notified().await;
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.shared.arrival.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.shared
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, mut event: SessionEvent) {
        if self.abandoned || self.closed {
            return;
        }
        let key = key_of(&event).cloned();
        if key.is_some() && self.overflowed {
            return;
        }
        if let SessionEvent::Snapshot { after_outage, .. } = &mut event {
            // A snapshot that nobody took is of no use any more, but what it would have said about an outage is.
            *after_outage |= self.remove_where(|old| matches!(old, SessionEvent::Snapshot { .. }));
            self.overflowed = false;
            self.resync_asked = false;
        }
        let is_long = self.events.len() >= COALESCE_ABOVE;
        // A short queue needs no book of its keys, but one that was long keeps it until it is empty.
        let in_book = is_long || !self.latest.is_empty();
        if is_long {
            if self.latest.is_empty() {
                let changes = self.events.iter();
                let keys = changes.filter_map(|(at, event)| Some((key_of(event)?.clone(), *at)));
                self.latest = keys.collect();
            }
            match &key {
                Some(key) => {
                    if let Some(sequence) = self.latest.remove(key)
                        && let Some(old) = self.events.remove(&sequence)
                    {
                        self.bytes -= size_of(&old);
                    }
                }
                None if is_state(&event) => {
                    self.remove_where(is_state);
                }
                None => {}
            }
        }
        let sequence = self.next;
        self.next += 1;
        self.bytes += size_of(&event);
        if let Some(key) = key
            && in_book
        {
            self.latest.insert(key, sequence);
        }
        self.events.insert(sequence, event);
        if self.latest.len() > OVERFLOW_ABOVE || self.bytes > OVERFLOW_BYTES {
            self.overflow();
        }
    }

    /// Takes out the events of a kind; true if one was a snapshot after an outage.
    fn remove_where(&mut self, kind: impl Fn(&SessionEvent) -> bool) -> bool {
        let mut after_an_outage = false;
        self.events.retain(|_, old| {
            let goes = kind(old);
            if goes
                && let SessionEvent::Snapshot {
                    after_outage: true, ..
                } = old
            {
                after_an_outage = true;
            }
            !goes
        });
        after_an_outage
    }

    fn overflow(&mut self) {
        self.events.retain(|_, event| key_of(event).is_none());
        self.latest.clear();
        self.bytes = 0;
        self.overflowed = true;
    }

    fn forget(&mut self, sequence: u64, event: &SessionEvent) {
        self.bytes -= size_of(event);
        if !self.latest.is_empty()
            && let Some(key) = key_of(event)
            && self.latest.get(key) == Some(&sequence)
        {
            self.latest.remove(key);
        }
    }

    fn clear(&mut self) {
        self.events.clear();
        self.latest.clear();
        self.bytes = 0;
    }
}

fn key_of(event: &SessionEvent) -> Option<&Bytes> {
    match event {
        SessionEvent::Put(kv) => Some(&kv.key),
        SessionEvent::Delete { key, .. } => Some(key),
        _ => None,
    }
}

/// What an event of a key weighs; a snapshot is bounded elsewhere, and there is one at most.
fn size_of(event: &SessionEvent) -> usize {
    match event {
        SessionEvent::Put(kv) => kv.key.len() + kv.value.len(),
        SessionEvent::Delete { key, .. } => key.len(),
        _ => 0,
    }
}

fn is_state(event: &SessionEvent) -> bool {
    matches!(
        event,
        SessionEvent::Connected { .. } | SessionEvent::Disconnected { .. }
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn put(key: &str, revision: i64) -> SessionEvent {
        SessionEvent::Put(KeyValue {
            key: Bytes::copy_from_slice(key.as_bytes()),
            value: Bytes::from(vec![0; 100]),
            create_revision: revision,
            mod_revision: revision,
            version: 1,
            lease: 0,
        })
    }

    fn delete(key: &str, revision: i64) -> SessionEvent {
        SessionEvent::Delete {
            key: Bytes::copy_from_slice(key.as_bytes()),
            revision,
        }
    }

    fn snapshot(revision: i64, after_outage: bool) -> SessionEvent {
        SessionEvent::Snapshot {
            entries: Vec::new(),
            revision,
            first: false,
            after_outage,
        }
    }

    /// What is in the queue, as short texts.
    async fn drain(queue: &EventQueue, events: &mut SessionEvents) -> Vec<String> {
        queue.close();
        let mut all = Vec::new();
        while let Some(event) = events.recv().await {
            all.push(match event {
                SessionEvent::Put(kv) => format!("put {:?} {}", kv.key, kv.mod_revision),
                SessionEvent::Delete { key, revision } => format!("delete {key:?} {revision}"),
                SessionEvent::Snapshot {
                    revision,
                    first,
                    after_outage,
                    ..
                } => format!("snapshot {revision} {first} {after_outage}"),
                SessionEvent::Connected { .. } => "connected".into(),
                SessionEvent::Disconnected { .. } => "disconnected".into(),
            });
        }
        all
    }

    #[tokio::test]
    async fn a_short_queue_keeps_every_step_in_order() {
        let (queue, mut events) = EventQueue::new();
        queue.push(snapshot(1, true));
        queue.push(put("a", 2));
        queue.push(delete("a", 3));
        queue.push(put("a", 4));
        assert_eq!(
            drain(&queue, &mut events).await,
            [
                "snapshot 1 true true",
                "put b\"a\" 2",
                "delete b\"a\" 3",
                "put b\"a\" 4"
            ]
        );
    }

    #[tokio::test]
    async fn a_long_queue_keeps_the_latest_of_each_key() {
        let (queue, mut events) = EventQueue::new();
        for revision in 0..100_000 {
            queue.push(put(&format!("k{}", revision % 2000), revision));
        }
        queue.push(delete("k1999", 100_000));
        let left = drain(&queue, &mut events).await;
        assert_eq!(left.len(), 2000);
        assert_eq!(left[0], "put b\"k0\" 98000");
        assert_eq!(left[1999], "delete b\"k1999\" 100000");
    }

    #[tokio::test]
    async fn a_queue_that_becomes_long_knows_what_waited_before() {
        let (queue, mut events) = EventQueue::new();
        let keys = COALESCE_ABOVE as i64 / 2;
        // Short still, so that every step is there; then of each key the latest step gives way to a newer one.
        for revision in 0..6 * keys {
            queue.push(put(&format!("k{}", revision % keys), revision));
        }
        let left = drain(&queue, &mut events).await;
        assert_eq!(left.len() as i64, 2 * keys);
        assert_eq!(left[0], "put b\"k0\" 0");
        assert_eq!(left[keys as usize], format!("put b\"k0\" {}", 5 * keys));
        assert!(queue.lock().latest.is_empty());
    }

    #[tokio::test]
    async fn a_snapshot_replaces_one_that_nobody_took_and_keeps_its_outage() {
        let (queue, mut events) = EventQueue::new();
        queue.push(snapshot(1, true));
        queue.push(put("a", 2));
        queue.push(snapshot(3, false));
        assert_eq!(
            drain(&queue, &mut events).await,
            ["put b\"a\" 2", "snapshot 3 true true"]
        );
    }

    #[tokio::test]
    async fn an_overflow_asks_for_a_snapshot_when_the_consumer_comes_back() {
        let (queue, mut events) = EventQueue::new();
        for number in 0..=OVERFLOW_ABOVE {
            queue.push(put(&format!("k{number}"), 1));
        }
        queue.push(put("after", 2));
        assert_eq!(queue.lock().events.len(), 0);
        let consumer = tokio::spawn(async move {
            let event = events.recv().await;
            (event, events)
        });
        timeout(Duration::from_secs(10), queue.resync_wanted())
            .await
            .unwrap();
        queue.push(snapshot(3, false));
        queue.push(put("k", 4));
        let (event, mut events) = consumer.await.unwrap();
        assert!(matches!(
            event,
            Some(SessionEvent::Snapshot { revision: 3, .. })
        ));
        assert_eq!(drain(&queue, &mut events).await, ["put b\"k\" 4"]);
    }

    #[tokio::test]
    async fn a_queue_without_a_consumer_holds_nothing() {
        let (queue, events) = EventQueue::new();
        queue.push(put("a", 1));
        drop(events);
        queue.push(put("b", 1));
        assert_eq!(queue.lock().events.len(), 0);
    }
}

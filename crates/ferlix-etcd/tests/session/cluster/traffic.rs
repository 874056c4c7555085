//! A stream of changes, and those who follow it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_etcd::{Dial, Session, SessionConfig, SessionEvent, SessionEvents, SessionStatus};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::records::fixed;
use crate::view::{eventually, text};

/// Records of an exporter that never change, so that nobody may ever see them go.
const STABLE: u64 = 5;
/// Records of an exporter that come, change and go.
const CHANGING: u64 = 20;

/// A session that tries the endpoints in this order.
pub(crate) fn start(
    id: &str,
    endpoints: &[String],
    dial: Option<Arc<dyn Dial>>,
    change: impl FnOnce(&mut SessionConfig),
) -> (Session, SessionEvents) {
    let mut client = ferlix_etcd::EtcdConfig::new(endpoints.iter().cloned());
    client.call_timeout = Duration::from_secs(1);
    if let Some(dial) = dial {
        client.dial = dial;
    }
    let mut config = SessionConfig::new(client, id);
    config.top_key = "top".into();
    config.lease_ttl = Duration::from_secs(30);
    config.progress_interval = Duration::from_secs(2);
    config.progress_deadline = Duration::from_secs(1);
    change(&mut config);
    Session::start(config).unwrap()
}

/// The same endpoints, another one first.
pub(crate) fn rotated(endpoints: &[String], by: usize) -> Vec<String> {
    let mut rotated = endpoints.to_vec();
    rotated.rotate_left(by);
    rotated
}

/// A session whose records change all the time.
#[derive(Debug)]
pub(crate) struct Exporter {
    pub(crate) session: Session,
    wished: Arc<Mutex<BTreeMap<String, String>>>,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Exporter {
    pub(crate) async fn start(id: &str, session: Session) -> Self {
        let wished = Arc::new(Mutex::new(BTreeMap::from([(
            format!("top/{id}"),
            id.to_owned(),
        )])));
        for n in 0..STABLE {
            let (name, value) = (format!("stable{n}"), format!("{id} {n}"));
            session.put(&name, fixed(value.clone())).await.unwrap();
            wished
                .lock()
                .unwrap()
                .insert(format!("top/{id}/{name}"), value);
        }
        let (stop, mut stopped) = oneshot::channel();
        let (id, book, writer) = (id.to_owned(), Arc::clone(&wished), session.clone());
        let task = tokio::spawn(async move {
            let mut round = 0_u64;
            while stopped.try_recv().is_err() {
                round += 1;
                // A walk that meets every name with every kind of change.
                let name = format!("n{}", round * 7 % CHANGING);
                let key = format!("top/{id}/{name}");
                if round.is_multiple_of(3) {
                    book.lock().unwrap().remove(&key);
                    writer.remove(&name).await.unwrap();
                } else {
                    let value = format!("{id} {round}");
                    book.lock().unwrap().insert(key, value.clone());
                    writer.put(&name, fixed(value)).await.unwrap();
                }
                sleep(Duration::from_millis(5)).await;
            }
        });
        Self {
            session,
            wished,
            stop: Mutex::new(Some(stop)),
            task: Mutex::new(Some(task)),
        }
    }

    /// Ends the changes and tells what is advertised then.
    pub(crate) async fn finish(&self) -> BTreeMap<String, String> {
        let stop = self.stop.lock().unwrap().take();
        let task = self.task.lock().unwrap().take();
        if let (Some(stop), Some(task)) = (stop, task) {
            stop.send(()).unwrap();
            task.await.unwrap();
        }
        self.wished.lock().unwrap().clone()
    }

    /// Waits until etcd has taken this many more changes than now.
    pub(crate) async fn progress(&self, changes: u64) {
        let begun = done(&self.session.status());
        let what = format!("{} makes progress", self.session.session_id());
        eventually(&what, || {
            (done(&self.session.status()) >= begun + changes).then_some(())
        })
        .await;
    }
}

fn done(status: &SessionStatus) -> u64 {
    status.counts.puts + status.counts.deletes
}

/// What one consumer was told.
#[derive(Debug, Default)]
struct Told {
    known: BTreeMap<String, String>,
    /// Stable records that were seen to go.
    lost: BTreeSet<String>,
}

/// A session that only looks, and keeps what it is told.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) session: Session,
    told: Arc<Mutex<Told>>,
    snapshots: Arc<AtomicU64>,
}

impl Consumer {
    pub(crate) fn start((session, mut events): (Session, SessionEvents)) -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let snapshots = Arc::new(AtomicU64::new(0));
        let (book, count) = (Arc::clone(&told), Arc::clone(&snapshots));
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let mut told = book.lock().unwrap();
                match event {
                    SessionEvent::Put(kv) => told.put(text(&kv.key), text(&kv.value)),
                    SessionEvent::Delete { key, .. } => told.delete(&text(&key)),
                    SessionEvent::Snapshot { entries, .. } => {
                        count.fetch_add(1, Ordering::SeqCst);
                        let before = std::mem::take(&mut told.known);
                        for kv in entries {
                            told.put(text(&kv.key), text(&kv.value));
                        }
                        for key in before.keys() {
                            if !told.known.contains_key(key) {
                                told.delete(key);
                            }
                        }
                    }
                    _ => {}
                }
            }
        });
        Self {
            session,
            told,
            snapshots,
        }
    }

    /// The records of exporters that it knows.
    pub(crate) fn known(&self) -> BTreeMap<String, String> {
        self.told.lock().unwrap().known.clone()
    }

    /// Waits until it has read everything once more.
    pub(crate) async fn snapshot(&self) {
        let before = self.snapshots.load(Ordering::SeqCst);
        eventually("a snapshot", || {
            (self.snapshots.load(Ordering::SeqCst) > before).then_some(())
        })
        .await;
    }

    /// No record that never changed was ever seen to go.
    pub(crate) fn missed_nothing(&self) {
        let told = self.told.lock().unwrap();
        assert!(
            told.lost.is_empty(),
            "{} lost {:?}",
            self.session.session_id(),
            told.lost
        );
    }
}

impl Told {
    fn put(&mut self, key: String, value: String) {
        // Exporters are called e…, consumers c….
        if key.starts_with("top/e") {
            self.known.insert(key, value);
        }
    }

    fn delete(&mut self, key: &str) {
        self.known.remove(key);
        if key.contains("/stable") {
            self.lost.insert(key.to_owned());
        }
    }
}

/// How long an outage lasted, for those who read the output.
pub(crate) fn since(begun: Instant, what: &str) {
    eprintln!("{what}: {:?}", begun.elapsed());
}

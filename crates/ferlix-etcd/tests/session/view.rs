//! A consumer as the discovery provider is one: it keeps what a session told it, and can be waited for.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use ferlix_etcd::{Session, SessionEvent, SessionEvents, SessionState, SessionStatus};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// No test waits longer for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// What one consumer knows.
#[derive(Debug)]
pub(crate) struct View {
    events: SessionEvents,
    /// Key to value.
    pub(crate) known: BTreeMap<String, String>,
    /// One short line for each thing that was told.
    pub(crate) told: Vec<String>,
}

impl View {
    pub(crate) fn new(events: SessionEvents) -> Self {
        Self {
            events,
            known: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    /// Takes one event; false at the end.
    pub(crate) async fn take(&mut self) -> bool {
        let Some(event) = self.events.recv().await else {
            return false;
        };
        match event {
            SessionEvent::Connected { endpoint, .. } => {
                self.told.push(format!("connected {endpoint}"));
            }
            SessionEvent::Disconnected { .. } => self.told.push("disconnected".into()),
            SessionEvent::Put(kv) => {
                let (key, value) = (text(&kv.key), text(&kv.value));
                self.told.push(format!("put {key}"));
                self.known.insert(key, value);
            }
            SessionEvent::Delete { key, .. } => {
                let key = text(&key);
                self.told.push(format!("delete {key}"));
                self.known.remove(&key);
            }
            SessionEvent::Snapshot {
                entries,
                first,
                after_outage,
                ..
            } => {
                self.told.push(format!(
                    "snapshot of {}{}{}",
                    entries.len(),
                    if first { ", first" } else { "" },
                    if after_outage {
                        ", after an outage"
                    } else {
                        ""
                    }
                ));
                let pairs = entries.iter().map(|kv| (text(&kv.key), text(&kv.value)));
                self.known = pairs.collect();
            }
            other => panic!("an event that this test does not know: {other:?}"),
        }
        true
    }

    /// Takes events until this holds.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                assert!(self.take().await, "the session ended before: {what}");
            }
        };
        if timeout(DEADLINE, waiting).await.is_err() {
            panic!("not in time: {what}; told {:#?}", self.told);
        }
    }

    /// Takes events until the last one is this.
    pub(crate) async fn until_told(&mut self, what: &str, last: &str) {
        self.until(what, |view| {
            view.told.last().is_some_and(|told| told == last)
        })
        .await;
    }

    pub(crate) async fn until_known(&mut self, key: &str, value: &str) {
        self.until(&format!("{key} is {value}"), |view| {
            view.known.get(key).is_some_and(|known| known == value)
        })
        .await;
    }

    pub(crate) async fn until_gone(&mut self, key: &str) {
        self.until(&format!("{key} is gone"), |view| {
            !view.known.contains_key(key)
        })
        .await;
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until the status of a session is like this.
pub(crate) async fn status_is(
    session: &Session,
    what: &str,
    holds: impl Fn(&SessionStatus) -> bool,
) -> SessionStatus {
    eventually(what, || {
        let status = session.status();
        holds(&status).then_some(status)
    })
    .await
}

pub(crate) async fn watching(session: &Session) -> SessionStatus {
    status_is(session, "the session watches", |status| {
        status.state == SessionState::Watching
    })
    .await
}

/// Looks again and again until there is something to see.
pub(crate) async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut pause = Duration::from_millis(1);
    let waiting = async {
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    };
    match timeout(DEADLINE, waiting).await {
        Ok(seen) => seen,
        Err(_) => panic!("not in time: {what}"),
    }
}

/// Waits for a future, but not for long by the clock on the wall: where a defect makes somebody work without a pause, paused
/// time stands still, and no deadline in it is ever reached.
pub(crate) async fn without_spinning<F: Future>(wanted: F) -> F::Output {
    let (over, mut is_over) = oneshot::channel();
    let (_waiting, waits) = mpsc::channel::<()>();
    thread::spawn(move || {
        if waits.recv_timeout(DEADLINE / 2) == Err(RecvTimeoutError::Timeout) {
            let _ = over.send(());
        }
    });
    tokio::select! {
        output = wanted => output,
        Ok(()) = &mut is_over => panic!("somebody works without a pause"),
    }
}

//! A session: what we advertise in etcd under one lease, and a view of what everybody advertises, through every fault
//! that ends.
//!
//! In come records to advertise; out come [`SessionEvent`]s: a snapshot of all keys below the top key, then every change.
//! One task per session dials, takes a lease, reads, watches, and begins anew when any of that ends (`task`); it never
//! runs the consumer's code and never waits for it (`events`). The one thing it calls from outside, [`Record::value`], it
//! calls in a task of its own.
//!
//! It does not know what keys and values mean, does not skip the session's own keys, and does not decide how long to hold
//! a key that is missing after an outage: that is for the consumer.

mod backoff;
mod events;
mod keeper;
mod keys;
mod ledger;
mod status;
mod task;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use events::{SessionEvent, SessionEvents};
pub use ledger::{Record, WriteOutcome};
pub use status::{SessionCounts, SessionState, SessionStatus};

use self::keys::Keys;
use self::ledger::Reply;
use self::task::Task;
use crate::config::SessionConfig;
use crate::error::Error;

/// A wish for one key: a record, or its deletion.
struct Command {
    key: String,
    wish: Option<Arc<dyn Record>>,
    reply: Reply,
}

/// The handle of a session; clones are the same session. When the last one is dropped the session closes by itself.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    keys: Keys,
    session_id: String,
    call_timeout: Duration,
    /// Not bounded: each caller adds one and waits for it.
    commands: mpsc::UnboundedSender<Command>,
    closing: CancellationToken,
    status: watch::Receiver<SessionStatus>,
}

impl Session {
    /// Starts a session on the current Tokio runtime. That etcd is away is no error: the session keeps trying until it
    /// is closed. The error is always [`Error::Config`].
    pub fn start(config: SessionConfig) -> Result<(Self, SessionEvents), Error> {
        let keys = Keys::new(&config.top_key, &config.session_id);
        let session_id = config.session_id.clone();
        let call_timeout = config.client.call_timeout;
        let (commands, receiver) = mpsc::unbounded_channel();
        let closing = CancellationToken::new();
        let (task, status, events) = Task::new(config, keys.clone(), receiver, closing.clone())?;
        tokio::spawn(task.run());
        let session = Self {
            inner: Arc::new(Inner {
                keys,
                session_id,
                call_timeout,
                commands,
                closing,
                status,
            }),
        };
        Ok((session, events))
    }

    /// The second segment of our keys.
    pub fn session_id(&self) -> &str {
        &self.inner.session_id
    }

    /// Advertises a record under `<top key>/<session>/<name>`, in place of the one that was there. Returns when etcd has
    /// it, at the latest after the call timeout; the record then stays wished.
    ///
    /// # Errors
    ///
    /// [`Error::Name`] and [`Error::Closed`]; [`Error::RequestTooLarge`] and [`Error::RecordPanicked`], after which the
    /// record is not tried again before the next `put` or the next lease; [`Error::PermissionDenied`] and its kind, after
    /// which it is tried again slowly.
    pub async fn put(&self, name: &str, record: Arc<dyn Record>) -> Result<WriteOutcome, Error> {
        self.write(name, Some(record)).await
    }

    /// Takes a record back. Returns when it is gone from etcd, at the latest after the call timeout; it is then deleted
    /// as soon as etcd can. That there was none is no error. The errors are those of [`put`](Self::put).
    pub async fn remove(&self, name: &str) -> Result<WriteOutcome, Error> {
        self.write(name, None).await
    }

    async fn write(
        &self,
        name: &str,
        wish: Option<Arc<dyn Record>>,
    ) -> Result<WriteOutcome, Error> {
        if name.is_empty() || name.contains(['/', '\0']) {
            return Err(Error::Name {
                name: name.to_owned(),
            });
        }
        let (reply, answer) = oneshot::channel();
        let command = Command {
            key: self.inner.keys.record(name),
            wish,
            reply,
        };
        self.inner
            .commands
            .send(command)
            .map_err(|_| Error::Closed)?;
        match timeout(self.inner.call_timeout, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::Closed),
            Err(_) => Ok(WriteOutcome::Queued),
        }
    }

    /// The session as it is now.
    pub fn status(&self) -> SessionStatus {
        self.inner.status.borrow().clone()
    }

    /// The session as it is, and a way to wait for a change of its state, lease or last error.
    pub fn watch_status(&self) -> watch::Receiver<SessionStatus> {
        self.inner.status.clone()
    }

    /// Deletes the session's keys, revokes its lease and ends it, within the disconnect timeout; where etcd is away, the
    /// lease ends it for the others. Returns when that is done, however often it is called.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        let mut status = self.inner.status.clone();
        // An error is the end of the task, which is as good.
        let _ = status
            .wait_for(|status| status.state == SessionState::Closed)
            .await;
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("session_id", &self.inner.session_id)
            .field("state", &self.inner.status.borrow().state)
            .finish_non_exhaustive()
    }
}

//! What can be seen of a session from outside: its state, since when, where, and what it has counted.
//!
//! Kept in a watch channel: readers never wait for the session. Waiting readers are woken by a change of the state, the
//! lease or the last error, not by every count.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::Error;

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionState {
    /// It was closed.
    Closed,
    /// It opens a connection.
    Connecting,
    /// It has a connection and a lease, and reads what is there.
    Leased,
    /// It was connected, or tried to be, and waits before it tries again.
    Lost,
    /// It sees every change, and what it advertises is in etcd or on its way there.
    Watching,
}

impl SessionState {
    /// The state in one lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Connecting => "connecting",
            Self::Leased => "leased",
            Self::Lost => "lost",
            Self::Watching => "watching",
        }
    }
}

/// What a session has done since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionCounts {
    /// Connection attempts.
    pub attempts: u64,
    /// Connections that came to watch.
    pub connections: u64,
    /// Deletions of own keys that etcd confirmed.
    pub deletes: u64,
    /// Changes that the watch brought.
    pub events: u64,
    /// Leases granted.
    pub leases: u64,
    /// Puts that etcd confirmed.
    pub puts: u64,
    /// Records that etcd refused for good.
    pub refused: u64,
    /// Renewals of the lease that etcd confirmed.
    pub renewals: u64,
    /// Own keys that somebody else deleted or overwrote, and that were put back.
    pub restored: u64,
    /// Reads of the whole range.
    pub resyncs: u64,
    /// Recoveries of a session that had been watching, for whatever reason.
    pub recoveries: u64,
}

/// A session as it is now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionStatus {
    /// How far it is.
    pub state: SessionState,
    /// Since when it is.
    pub since: Instant,
    /// The endpoint in use or tried last, as `host:port`.
    pub endpoint: Option<String>,
    /// Our own address on the connection to etcd: what another machine can most likely reach us by.
    pub local_address: Option<SocketAddr>,
    /// The lease of our keys.
    pub lease_id: Option<i64>,
    /// How long the lease lives without renewal, as granted.
    pub granted_ttl: Option<Duration>,
    /// The latest revision of etcd that was seen.
    pub revision: i64,
    /// The last thing that went wrong; it stays when all is well again.
    pub last_error: Option<Error>,
    /// When that was.
    pub last_error_at: Option<Instant>,
    /// Records that are to be in etcd.
    pub advertised: usize,
    /// Puts and deletions that etcd has not confirmed yet.
    pub pending: usize,
    /// Records that etcd refused for good, by key, until they are put or removed anew or there is another lease.
    pub refused: Arc<BTreeMap<String, Error>>,
    /// What was done so far.
    pub counts: SessionCounts,
}

/// The session's side of its status.
#[derive(Debug)]
pub(crate) struct Status(watch::Sender<SessionStatus>);

impl Status {
    pub(crate) fn new() -> (Self, watch::Receiver<SessionStatus>) {
        let (sender, receiver) = watch::channel(SessionStatus {
            state: SessionState::Connecting,
            since: Instant::now(),
            endpoint: None,
            local_address: None,
            lease_id: None,
            granted_ttl: None,
            revision: 0,
            last_error: None,
            last_error_at: None,
            advertised: 0,
            pending: 0,
            refused: Arc::default(),
            counts: SessionCounts::default(),
        });
        (Self(sender), receiver)
    }

    /// Moves to a state; true if that is a change.
    pub(crate) fn enter(&self, state: SessionState) -> bool {
        self.0.send_if_modified(|status| {
            let changed = status.state != state;
            if changed {
                status.state = state;
                status.since = Instant::now();
            }
            changed
        })
    }

    /// Changes something that waiting readers want to know.
    pub(crate) fn tell(&self, change: impl FnOnce(&mut SessionStatus)) {
        self.0.send_modify(change);
    }

    /// Something went wrong.
    pub(crate) fn blame(&self, error: Error) {
        self.tell(|status| {
            status.last_error = Some(error);
            status.last_error_at = Some(Instant::now());
        });
    }

    /// Changes something that is seen by whoever looks.
    pub(crate) fn note(&self, change: impl FnOnce(&mut SessionStatus)) {
        self.0.send_if_modified(|status| {
            change(status);
            false
        });
    }

    pub(crate) fn revision(&self) -> i64 {
        self.0.borrow().revision
    }

    pub(crate) fn endpoint(&self) -> Option<String> {
        self.0.borrow().endpoint.clone()
    }

    pub(crate) fn state(&self) -> SessionState {
        self.0.borrow().state
    }

    /// How long it has been in this state, if it is.
    pub(crate) fn time_in(&self, state: SessionState) -> Option<Duration> {
        let status = self.0.borrow();
        (status.state == state).then(|| status.since.elapsed())
    }
}

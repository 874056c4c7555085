//! The end of a connection, and the end of the session.

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, info, warn};

use super::{STEADY, Stop, Task};
use crate::error::Error;
use crate::session::events::SessionEvent;
use crate::session::status::SessionState;

impl Task {
    /// Lets go of the connection and of all that was on its way.
    pub(super) fn hang_up(&mut self) {
        self.link = None;
        // Aborted, and what they may still have done is found out by comparing.
        self.operations = JoinSet::new();
        self.ledger.connection_ended(Instant::now());
        self.count_wishes();
    }

    /// Tells what went wrong, and waits before the next attempt.
    pub(super) async fn lost(&mut self, error: Error) -> Result<(), Stop> {
        let watched_for = self.status.time_in(SessionState::Watching);
        self.hang_up();
        if matches!(error, Error::LeaseGone { .. }) {
            self.no_lease();
        }
        self.after_outage |= error.may_be_an_outage();
        // What connects but does not serve is left for the next endpoint; what cannot be reached is skipped anyway.
        let silent = matches!(error, Error::Timeout { .. } | Error::Unavailable { .. });
        if silent
            || (watched_for.is_none()
                && matches!(error, Error::Broken { .. } | Error::StreamEnded { .. }))
        {
            self.connector.move_on();
        }
        if watched_for.is_some_and(|time| time >= STEADY) {
            self.backoff.reset();
        }
        let slowly = error.needs_an_operator();
        let wait = self.backoff.next(Instant::now(), &mut self.jitter, slowly);
        let session_id = self.config.session_id.as_str();
        let reason = error.in_full();
        let retry_ms = wait.as_millis();
        let endpoint = self.status.endpoint();
        let lease = self.lease.map(|id| format!("{id:x}"));
        if watched_for.is_some() {
            warn!(%session_id, state = "lost", endpoint, lease, reason, retry_ms, "DISCONNECTED etcd3 session; it recovers");
            self.warned = true;
        } else if !self.warned {
            warn!(%session_id, state = "lost", endpoint, reason, retry_ms, "no etcd for this session; it keeps trying");
            self.warned = true;
        } else {
            debug!(%session_id, state = "lost", endpoint, reason, retry_ms, "still no etcd for this session");
        }
        if self.told_connected {
            self.told_connected = false;
            self.events.push(SessionEvent::Disconnected {
                reason: error.clone(),
            });
        }
        self.status.enter(SessionState::Lost);
        self.status
            .note(|status| status.counts.recoveries += u64::from(watched_for.is_some()));
        self.status.blame(error);
        self.attend(sleep(wait)).await
    }

    /// Takes everything back, as far as that is possible in time.
    pub(super) async fn farewell(mut self) {
        let deadline = Instant::now() + self.config.disconnect_timeout;
        let client = self.link.take().map(|link| link.client);
        let goodbye = async {
            self.operations.shutdown().await;
            let client = match (client, self.lease) {
                (Some(client), _) => client,
                (None, Some(_)) => self.connector.connect().await?,
                // Nothing of ours can be there.
                (None, None) => return Ok(()),
            };
            let (start, end) = self.keys.records();
            let records = client.delete_range(start.as_bytes(), end.as_bytes()).await;
            let session = client.delete(self.keys.session().as_bytes()).await;
            // It takes with it what could not be deleted.
            match self.lease {
                Some(lease) => client.lease_revoke(lease).await,
                None => records.and(session).map(|_| ()),
            }
        };
        let session_id = self.config.session_id.clone();
        match timeout_at(deadline, goodbye).await {
            Ok(Ok(())) => info!(%session_id, state = "closed", "CLOSED etcd3 session"),
            Ok(Err(error)) => {
                warn!(%session_id, state = "closed", error = error.in_full(), "CLOSED etcd3 session; its lease has to run out by itself");
            }
            Err(_) => {
                warn!(%session_id, state = "closed", "CLOSED etcd3 session; etcd did not answer in time and its lease has to run out by itself");
            }
        }
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            let _ = command.reply.send(Err(Error::Closed));
        }
        self.ledger.close();
        self.events.close();
        self.status.tell(|status| {
            status.lease_id = None;
            status.granted_ttl = None;
            status.advertised = 0;
            status.pending = 0;
            status.refused = self.ledger.refused();
        });
        self.status.enter(SessionState::Closed);
    }
}

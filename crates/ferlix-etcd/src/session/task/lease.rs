//! The lease of the session: taken over, renewed, lost, asked for again.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::{debug, warn};

use super::{Done, Task};
use crate::error::Error;
use crate::session::keeper::{Acquired, Keeper};

impl Task {
    /// Takes over a lease. That etcd would not grant one does not keep us from reading.
    pub(super) fn leased(&mut self, acquired: Acquired) {
        let Some(link) = &mut self.link else {
            return;
        };
        let now = Instant::now();
        let session_id = self.config.session_id.as_str();
        let (keeper, is_new) = match acquired {
            Acquired::Kept(keeper) => (keeper, false),
            Acquired::New(keeper) => (keeper, true),
            Acquired::Refused(error) => {
                if !self.refused_lease {
                    self.refused_lease = true;
                    warn!(%session_id, error = error.in_full(), "etcd grants no lease: nothing can be advertised until it does");
                }
                link.ask_again = Some(now + self.jitter.retry_after(1, true));
                self.no_lease();
                self.status.blame(error);
                return;
            }
        };
        self.refused_lease = false;
        let lease = keeper.lease();
        if let Some(wanted) = self.config.keepalive_interval
            && wanted > lease.ttl / 2
            && !self.warned_interval
        {
            self.warned_interval = true;
            warn!(
                %session_id,
                keepalive_interval_ms = wanted.as_millis(),
                granted_ttl_ms = lease.ttl.as_millis(),
                "the keep-alive interval is more than half of the granted lease time, and is lowered to it"
            );
        }
        debug!(
            %session_id,
            lease = format!("{:x}", lease.id),
            ttl_s = lease.ttl.as_secs(),
            is_new,
            "etcd session has a lease"
        );
        if is_new {
            self.ledger.lease_is_new(now);
        }
        self.lease = Some(lease.id);
        link.keeper = Some(keeper);
        self.count_wishes();
        self.status.tell(|status| {
            status.lease_id = Some(lease.id);
            status.granted_ttl = Some(lease.ttl);
            status.counts.leases += u64::from(is_new);
            status.counts.renewals += 1;
        });
    }

    pub(super) fn no_lease(&mut self) {
        self.lease = None;
        self.status.tell(|status| {
            status.lease_id = None;
            status.granted_ttl = None;
        });
    }

    pub(super) fn renewed(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        result?;
        self.status.note(|status| status.counts.renewals += 1);
        Ok(())
    }

    pub(super) fn ask_for_a_lease(&mut self) {
        if let Some(link) = &mut self.link {
            link.ask_again = None;
            let client = link.client.clone();
            let config = Arc::clone(&self.config);
            self.operations.spawn(async move {
                Done::Leased(Box::new(Keeper::acquire(client, None, &config).await))
            });
        }
    }
}

//! Leases: made, renewed, revoked, expired; the keys that go with them.
//!
//! Time is tokio's, so that a test can pause it, and comes in with each call. Every call first lets go what is overdue, so
//! a lease that has run out is never seen alive, however late the task is that waits for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use super::{LEASE_OVERHEAD, Store};
use crate::{
    embedded::refusal::Refusal,
    proto::etcdserverpb::{
        LeaseGrantRequest, LeaseGrantResponse, LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
    },
};

/// Seconds that a lease lives at least: what etcd gives with its default election timeout.
const MIN_TTL: i64 = 2;

/// Seconds that a lease lives at most, as in etcd.
const MAX_TTL: i64 = 9_000_000_000;

/// All leases.
#[derive(Clone, Debug)]
pub(super) struct Leases {
    by_id: BTreeMap<i64, Lease>,
    /// The same, by when they run out.
    by_deadline: BTreeSet<(Instant, i64)>,
    next_id: i64,
}

#[derive(Clone, Debug)]
struct Lease {
    ttl: i64,
    deadline: Instant,
    keys: BTreeSet<Bytes>,
}

impl Leases {
    pub(super) fn new(first_id: i64) -> Self {
        Self {
            by_id: BTreeMap::new(),
            by_deadline: BTreeSet::new(),
            next_id: first_id,
        }
    }

    pub(super) fn next_id(&self) -> i64 {
        self.next_id
    }

    /// Counts on from another number.
    pub(super) fn go_on_from(&mut self, next_id: i64) {
        self.next_id = next_id;
    }

    pub(super) fn contains(&self, id: i64) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn attach(&mut self, id: i64, key: &Bytes) {
        if let Some(lease) = self.by_id.get_mut(&id) {
            lease.keys.insert(key.clone());
        }
    }

    pub(super) fn detach(&mut self, id: i64, key: &Bytes) {
        if let Some(lease) = self.by_id.get_mut(&id) {
            lease.keys.remove(key);
        }
    }

    fn remove(&mut self, id: i64) -> Option<Lease> {
        let lease = self.by_id.remove(&id)?;
        self.by_deadline.remove(&(lease.deadline, id));
        Some(lease)
    }

    /// A number that no lease has.
    fn choose_id(&mut self) -> i64 {
        loop {
            let id = self.next_id;
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            if id > 0 && !self.contains(id) {
                return id;
            }
        }
    }
}

impl Store {
    /// Answers a `LeaseGrant` request.
    pub(crate) fn grant(
        &mut self,
        request: &LeaseGrantRequest,
        now: Instant,
    ) -> Result<LeaseGrantResponse, Refusal> {
        if request.ttl > MAX_TTL {
            return Err(Refusal::LeaseTtlTooLarge);
        }
        if self.leases.contains(request.id) {
            return Err(Refusal::LeaseExists);
        }
        self.make_room(LEASE_OVERHEAD)?;
        let id = match request.id {
            0 => self.leases.choose_id(),
            id => id,
        };
        let ttl = request.ttl.max(MIN_TTL);
        let lease = Lease {
            ttl,
            deadline: deadline(now, ttl),
            keys: BTreeSet::new(),
        };
        self.leases.by_deadline.insert((lease.deadline, id));
        self.leases.by_id.insert(id, lease);
        self.bytes += LEASE_OVERHEAD;
        Ok(LeaseGrantResponse {
            header: Some(self.header()),
            id,
            ttl,
            error: String::new(),
        })
    }

    /// Ends a lease; its keys are deleted at one revision.
    pub(crate) fn revoke(&mut self, id: i64) -> Result<(), Refusal> {
        let lease = self.leases.remove(id).ok_or(Refusal::LeaseNotFound)?;
        self.bytes -= LEASE_OVERHEAD;
        for key in &lease.keys {
            if let Some(kv) = self.current(key).cloned() {
                self.remove(&kv);
            }
        }
        self.commit();
        Ok(())
    }

    /// Renews a lease: its time to live from now on, 0 if there is no such lease.
    pub(crate) fn renew(&mut self, id: i64, now: Instant) -> i64 {
        let Some(lease) = self.leases.by_id.get_mut(&id) else {
            return 0;
        };
        self.leases.by_deadline.remove(&(lease.deadline, id));
        lease.deadline = deadline(now, lease.ttl);
        self.leases.by_deadline.insert((lease.deadline, id));
        lease.ttl
    }

    /// Answers a `LeaseTimeToLive` request.
    pub(crate) fn time_to_live(
        &self,
        request: &LeaseTimeToLiveRequest,
        now: Instant,
    ) -> LeaseTimeToLiveResponse {
        let mut response = LeaseTimeToLiveResponse {
            header: Some(self.header()),
            id: request.id,
            ttl: -1,
            ..LeaseTimeToLiveResponse::default()
        };
        if let Some(lease) = self.leases.by_id.get(&request.id) {
            let left = lease.deadline.saturating_duration_since(now).as_secs();
            response.ttl = i64::try_from(left).unwrap_or(i64::MAX);
            response.granted_ttl = lease.ttl;
            if request.keys {
                response.keys = lease.keys.iter().cloned().collect();
            }
        }
        response
    }

    /// The numbers of all leases.
    pub(crate) fn lease_ids(&self) -> impl Iterator<Item = i64> {
        self.leases.by_id.keys().copied()
    }

    /// When the next lease runs out.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.leases
            .by_deadline
            .first()
            .map(|(deadline, _)| *deadline)
    }

    /// Ends the leases that have run out, each at a revision of its own.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some((deadline, id)) = self.leases.by_deadline.first().copied() {
            if deadline > now || self.revoke(id).is_err() {
                break;
            }
        }
    }
}

fn deadline(now: Instant, ttl: i64) -> Instant {
    // The longest that is allowed is 285 years; a clock that can not count so far has no better answer than a long time.
    const LONG: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now.checked_add(Duration::from_secs(ttl.unsigned_abs()))
        .unwrap_or(now + LONG)
}

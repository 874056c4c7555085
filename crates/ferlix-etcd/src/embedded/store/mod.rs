//! The state of the server: keys with their history, the log of changes, leases.
//!
//! Everything here is plain data changed by plain calls, under the one lock of the server; time comes in as a parameter.
//! A write goes: check, then [`Store::put`]/[`Store::delete`] (which collect versions at the next revision), then
//! [`Store::commit`]. What was committed lies twice, sharing memory: by key for reads, by revision for watches. Two
//! limits keep it bounded: the oldest history is forgotten beyond a count of revisions, and all of it before a write is
//! refused for want of memory.

mod lease;
mod log;
mod range;
mod txn;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;

use self::{lease::Leases, log::Commit};
pub(crate) use self::{
    log::{Batch, CompactedTo, Interest},
    range::KeyRange,
    txn::{validate_delete, validate_put, validate_range, validate_txn},
};
use super::refusal::Refusal;
use crate::proto::{
    etcdserverpb::{
        DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, ResponseHeader,
    },
    mvccpb::KeyValue,
};

/// What a version takes besides its key and value: the structures around it, in the index and in the log.
const VERSION_OVERHEAD: usize = 256;

/// What a lease takes.
const LEASE_OVERHEAD: usize = 256;

/// How much the store may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of keys, values and what is around them.
    pub(crate) memory: usize,
    /// Revisions that can still be read and watched from.
    pub(crate) history: usize,
}

/// The numbers that the server calls itself by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) cluster: u64,
    pub(crate) member: u64,
    /// Where the numbers of leases start; another one after each start, lest a client take a stranger's lease for its own.
    pub(crate) first_lease: i64,
}

/// All that the server knows.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    identity: Identity,
    limits: Limits,
    /// The latest committed revision. An empty store is at 1.
    revision: i64,
    /// The oldest revision that can be read; -1, as in etcd, while nothing was forgotten.
    compacted: i64,
    /// Versions of each key, oldest first, never empty.
    keys: BTreeMap<Bytes, Vec<Arc<Version>>>,
    /// What happened at each revision from `compacted` on, oldest first.
    log: VecDeque<Commit>,
    /// What the write in progress did so far.
    pending: Vec<Arc<Version>>,
    leases: Leases,
    /// Memory in use, in the terms of [`Limits::memory`].
    bytes: usize,
    /// The last write that needed memory was refused.
    full: bool,
}

/// A key as a revision left it.
#[derive(Debug)]
struct Version {
    /// Of a deleted key only the key and the revision of its deletion.
    kv: KeyValue,
    deleted: bool,
}

impl Version {
    /// The last of `versions` that is not newer than `revision`, unless it is a deletion.
    fn at(versions: &[Arc<Self>], revision: i64) -> Option<&KeyValue> {
        let newer = versions.partition_point(|version| version.kv.mod_revision <= revision);
        let version = versions.get(newer.checked_sub(1)?)?;
        (!version.deleted).then_some(&version.kv)
    }

    fn size(&self) -> usize {
        size_of_put(&self.kv.key, &self.kv.value)
    }
}

fn size_of_put(key: &[u8], value: &[u8]) -> usize {
    VERSION_OVERHEAD + key.len() + value.len()
}

impl Store {
    pub(crate) fn new(identity: Identity, limits: Limits) -> Self {
        Self {
            identity,
            limits,
            revision: 1,
            compacted: -1,
            keys: BTreeMap::new(),
            log: VecDeque::new(),
            pending: Vec::new(),
            leases: Leases::new(identity.first_lease),
            bytes: 0,
            full: false,
        }
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// The identity for a store that takes this one's place: the same server, but no lease number of this one again.
    pub(crate) fn next_identity(&self) -> Identity {
        Identity {
            first_lease: self.leases.next_id(),
            ..self.identity
        }
    }

    /// Becomes what another was, but for the numbers of leases: no client may take a stranger's lease for its own.
    pub(crate) fn go_back_to(&mut self, earlier: &Self) {
        let next_lease = self.leases.next_id();
        self.clone_from(earlier);
        self.leases.go_on_from(next_lease);
    }

    pub(crate) fn revision(&self) -> i64 {
        self.revision
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The last write that needed memory was refused.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Forgets that a write was refused; the next one tries again anyway.
    pub(crate) fn disarm(&mut self) {
        self.full = false;
    }

    /// The header of a whole response.
    pub(crate) fn header(&self) -> ResponseHeader {
        ResponseHeader {
            cluster_id: self.identity.cluster,
            member_id: self.identity.member,
            revision: self.revision,
            raft_term: super::RAFT_TERM,
        }
    }

    /// The header of a response inside a transaction's.
    fn bare_header(&self) -> ResponseHeader {
        ResponseHeader {
            revision: self.reading(),
            ..ResponseHeader::default()
        }
    }

    /// The newest revision that a read in the course of a write sees: its own, once it has changed something.
    fn reading(&self) -> i64 {
        self.revision + i64::from(!self.pending.is_empty())
    }

    /// The newest version of a key, if it is there.
    fn current(&self, key: &[u8]) -> Option<&KeyValue> {
        Version::at(self.keys.get(key)?, i64::MAX)
    }

    /// Refuses a put that keeps what is not there.
    fn check_kept(&self, request: &PutRequest) -> Result<(), Refusal> {
        if (request.ignore_value || request.ignore_lease) && self.current(&request.key).is_none() {
            return Err(Refusal::KeyNotFound);
        }
        Ok(())
    }

    /// Refuses a put under a lease that is not there.
    fn check_lease(&self, request: &PutRequest) -> Result<(), Refusal> {
        if request.lease != 0 && !self.leases.contains(request.lease) {
            return Err(Refusal::LeaseNotFound);
        }
        Ok(())
    }

    /// Answers a Put request.
    pub(crate) fn put(&mut self, request: &PutRequest) -> Result<PutResponse, Refusal> {
        // In this order, unlike in a transaction: so does etcd.
        self.check_lease(request)?;
        self.check_kept(request)?;
        self.make_room(size_of_put(&request.key, &request.value))?;
        let mut response = self.apply_put(request);
        self.commit();
        response.header = Some(self.header());
        Ok(response)
    }

    /// Puts a key, as part of the write in progress, after it was checked.
    fn apply_put(&mut self, request: &PutRequest) -> PutResponse {
        let revision = self.revision + 1;
        let versions = self.keys.get(&request.key);
        let previous = versions.and_then(|versions| Version::at(versions, i64::MAX).cloned());
        // What came in the request is a piece of the connection's buffer; what is kept gets memory of its own.
        let key = match versions.and_then(|versions| versions.first()) {
            Some(version) => version.kv.key.clone(),
            None => Bytes::copy_from_slice(&request.key),
        };
        let mut kv = KeyValue {
            key: key.clone(),
            create_revision: revision,
            mod_revision: revision,
            version: 1,
            value: Bytes::new(),
            lease: request.lease,
        };
        if let Some(previous) = &previous {
            kv.create_revision = previous.create_revision;
            kv.version = previous.version + 1;
            if request.ignore_lease {
                kv.lease = previous.lease;
            }
        }
        kv.value = match &previous {
            Some(previous) if request.ignore_value => previous.value.clone(),
            _ => Bytes::copy_from_slice(&request.value),
        };
        let old_lease = previous.as_ref().map_or(0, |previous| previous.lease);
        if old_lease != kv.lease {
            self.leases.detach(old_lease, &key);
            self.leases.attach(kv.lease, &key);
        }
        self.record(Version { kv, deleted: false });
        PutResponse {
            header: Some(self.bare_header()),
            prev_kv: previous.filter(|_| request.prev_kv),
        }
    }

    /// Answers a `DeleteRange` request.
    pub(crate) fn delete(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let mut response = self.apply_delete(request);
        self.commit();
        response.header = Some(self.header());
        response
    }

    /// Deletes a range, as part of the write in progress.
    fn apply_delete(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let range = KeyRange::new(&request.key, &request.range_end);
        let mut response = DeleteRangeResponse::default();
        let gone: Vec<KeyValue> = self.live(&range, i64::MAX).cloned().collect();
        for kv in &gone {
            self.remove(kv);
            response.deleted += 1;
        }
        if request.prev_kv {
            response.prev_kvs = gone;
        }
        response.header = Some(self.bare_header());
        response
    }

    /// Deletes a key that is there, as part of the write in progress.
    fn remove(&mut self, kv: &KeyValue) {
        self.leases.detach(kv.lease, &kv.key);
        self.record(Version {
            kv: KeyValue {
                key: kv.key.clone(),
                mod_revision: self.revision + 1,
                ..KeyValue::default()
            },
            deleted: true,
        });
    }

    fn record(&mut self, version: Version) {
        self.bytes += version.size();
        let version = Arc::new(version);
        self.keys
            .entry(version.kv.key.clone())
            .or_default()
            .push(Arc::clone(&version));
        self.pending.push(version);
    }

    /// Ends the write in progress. One that changed nothing makes no revision.
    fn commit(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.revision += 1;
        self.log.push_back(Commit {
            revision: self.revision,
            versions: std::mem::take(&mut self.pending),
        });
        if self.log.len() > self.limits.history {
            // Half at once, so that the cost is spread over as many writes.
            let keep = i64::try_from(self.limits.history / 2).unwrap_or(i64::MAX);
            self.forget(self.revision.saturating_sub(keep));
        }
    }

    /// Makes sure that `needed` more bytes fit, at the price of the history if need be.
    fn make_room(&mut self, needed: usize) -> Result<(), Refusal> {
        let fits = |bytes: usize| bytes.saturating_add(needed) <= self.limits.memory;
        if !fits(self.bytes) && self.compacted < self.revision {
            self.forget(self.revision);
        }
        self.full = self.bytes.saturating_add(needed) > self.limits.memory;
        if self.full {
            return Err(Refusal::NoSpace);
        }
        Ok(())
    }

    /// Answers a Compact request: forgets what was superseded before `revision`.
    pub(crate) fn compact(&mut self, revision: i64) -> Result<(), Refusal> {
        if revision > self.revision {
            return Err(Refusal::FutureRevision);
        }
        if revision <= self.compacted {
            return Err(Refusal::Compacted);
        }
        self.forget(revision);
        Ok(())
    }

    /// Makes `revision` the oldest that can be read. Only keys that changed since the last time are looked at.
    fn forget(&mut self, revision: i64) {
        self.compacted = revision;
        let end = self
            .log
            .partition_point(|commit| commit.revision <= revision);
        for commit in self.log.range(..end) {
            for changed in &commit.versions {
                let Some(versions) = self.keys.get_mut(&changed.kv.key) else {
                    continue;
                };
                let readable = versions
                    .partition_point(|version| version.kv.mod_revision <= revision)
                    .saturating_sub(1);
                let forgotten = match versions.get(readable) {
                    // That a key was deleted by then needs no proof: there is nothing older to hide.
                    Some(version) if version.deleted && version.kv.mod_revision <= revision => {
                        readable + 1
                    }
                    _ => readable,
                };
                let freed: usize = versions.drain(..forgotten).map(|old| old.size()).sum();
                self.bytes -= freed;
                if versions.is_empty() {
                    self.keys.remove(&changed.kv.key);
                }
            }
        }
        // The revision itself can still be watched from.
        while self
            .log
            .front()
            .is_some_and(|commit| commit.revision < revision)
        {
            self.log.pop_front();
        }
    }
}

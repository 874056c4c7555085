//! The book of what this session wants in etcd and what etcd has confirmed, one slot a key.
//!
//! It does no input or output. It is told wishes, results of writes, and what was seen in etcd; it answers with the next
//! write to make. For each key one write is on its way at a time, so the order of one key is the order of its wishes;
//! keys do not wait for each other. Whatever is not known to be as wished is due again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::backoff::Jitter;
use crate::error::Error;

/// A key that is put back for the second time within this time waits.
const CALM: Duration = Duration::from_secs(10);

/// What a session advertises under one key.
///
/// It is asked for its bytes each time it is put: after a lost lease the same record is put again and may want to carry
/// a fresh timestamp.
pub trait Record: Send + Sync {
    /// The bytes to put now. It must be quick and must not block.
    fn value(&self) -> Vec<u8>;

    /// Whether the key is deleted before each put, so that watchers see a removal and an addition rather than a change.
    fn replaces(&self) -> bool {
        false
    }
}

impl<F: Fn() -> Vec<u8> + Send + Sync> Record for F {
    fn value(&self) -> Vec<u8> {
        self()
    }
}

/// How far a write has come when the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteOutcome {
    /// etcd did not confirm it within the call timeout. It stays wished, and is done as soon as etcd can.
    Queued,
    /// etcd has it.
    Written {
        /// The revision.
        revision: i64,
    },
}

/// Where a caller waits for its write.
pub(crate) type Reply = oneshot::Sender<Result<WriteOutcome, Error>>;

/// One write to make: a put of the record, or a deletion.
pub(crate) struct Work {
    pub(crate) key: String,
    pub(crate) version: u64,
    pub(crate) wish: Option<Arc<dyn Record>>,
}

/// A write that ended.
pub(crate) struct Finished {
    pub(crate) key: String,
    pub(crate) version: u64,
    pub(crate) result: Result<Written, Error>,
}

/// What etcd confirmed.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) revision: i64,
    /// What was put, and under which lease; nothing for a deletion.
    pub(crate) content: Option<Content>,
}

/// A value and its lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) value: Bytes,
    pub(crate) lease: i64,
}

/// One of our keys as it was seen in etcd; without content it was deleted.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) revision: i64,
    pub(crate) content: Option<Content>,
}

/// What a finished write means for those who count.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Deleted,
    Failed(Error),
    Put,
    Refused(Error),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be written, not before this time.
    Due(Instant, u64),
    /// A write is on its way.
    InFlight,
    /// etcd refused it for good; a new wish or a new lease tries again.
    Refused,
    /// As wished, as far as we know.
    Settled,
}

struct Slot {
    /// The record, or nothing: the key is to be deleted.
    wish: Option<Arc<dyn Record>>,
    version: u64,
    state: State,
    /// The last confirmed put under the present lease, and the connection over which it was confirmed.
    written: Option<(Written, u64)>,
    seen: Option<Seen>,
    failures: u32,
    restored: u32,
    restored_at: Option<Instant>,
    waiters: Vec<(u64, Reply)>,
}

/// All slots.
pub(crate) struct Ledger {
    slots: BTreeMap<String, Slot>,
    /// Keys that were deleted, and at which revision, until the watch has passed it: what it shows of them before that is
    /// no news.
    deleted: BTreeMap<String, i64>,
    due: BTreeSet<(Instant, u64, String)>,
    /// What etcd refused for good, by key. Shared with those who look, and mostly empty.
    refused: Arc<BTreeMap<String, Error>>,
    in_flight: usize,
    advertised: usize,
    sequence: u64,
    /// The number of the present connection.
    round: u64,
    jitter: Jitter,
}

impl Ledger {
    pub(crate) fn new(jitter: Jitter) -> Self {
        Self {
            slots: BTreeMap::new(),
            deleted: BTreeMap::new(),
            due: BTreeSet::new(),
            refused: Arc::default(),
            in_flight: 0,
            advertised: 0,
            sequence: 0,
            round: 0,
            jitter,
        }
    }

    /// How many keys are wished for.
    pub(crate) fn advertised(&self) -> usize {
        self.advertised
    }

    /// How many writes are due or on their way.
    pub(crate) fn pending(&self) -> usize {
        self.due.len() + self.in_flight
    }

    /// How many writes are on their way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// What etcd refused for good and nobody changed since, by key.
    pub(crate) fn refused(&self) -> Arc<BTreeMap<String, Error>> {
        Arc::clone(&self.refused)
    }

    /// When the next write is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// A key is to hold a record, or to be deleted.
    pub(crate) fn wish(
        &mut self,
        key: &str,
        wish: Option<Arc<dyn Record>>,
        reply: Option<Reply>,
        now: Instant,
    ) {
        let (had, has) = (
            self.slots.get(key).is_some_and(|slot| slot.wish.is_some()),
            wish.is_some(),
        );
        self.advertised = self.advertised + usize::from(has) - usize::from(had);
        self.sequence += 1;
        let version = self.sequence;
        let slot = self
            .slots
            .entry(key.to_owned())
            .or_insert_with(|| Slot::new(version));
        slot.wish = wish;
        slot.version = version;
        slot.failures = 0;
        if let Some(reply) = reply {
            slot.waiters.push((version, reply));
        }
        // One that is on its way is followed by another when it comes back with an older version.
        if slot.state != State::InFlight {
            self.make_due(key, now);
        }
    }

    /// The next write, if one is due; it counts as on its way until [`finished`](Self::finished).
    pub(crate) fn next(&mut self, now: Instant) -> Option<Work> {
        if self.next_due()? > now {
            return None;
        }
        let (.., key) = self.due.pop_first()?;
        let slot = self.slots.get_mut(&key)?;
        slot.state = State::InFlight;
        self.in_flight += 1;
        Some(Work {
            version: slot.version,
            wish: slot.wish.clone(),
            key,
        })
    }

    /// A write ended.
    pub(crate) fn finished(&mut self, finished: Finished, now: Instant) -> Verdict {
        let Finished {
            key,
            version,
            result,
        } = finished;
        let round = self.round;
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(slot) = self.slots.get_mut(&key) else {
            return Verdict::Failed(Error::Closed);
        };
        slot.state = State::Settled;
        let superseded = slot.version != version;
        match result {
            Ok(written) => {
                let outcome = WriteOutcome::Written {
                    revision: written.revision,
                };
                slot.answer(version, &Ok(outcome));
                slot.failures = 0;
                let put = written.content.is_some();
                let revision = written.revision;
                slot.written = put.then_some((written, round));
                if superseded {
                    self.make_due(&key, now);
                } else if !put {
                    self.slots.remove(&key);
                    self.deleted.insert(key, revision);
                } else if slot.was_overwritten() {
                    self.restore(&key, now);
                }
                if put { Verdict::Put } else { Verdict::Deleted }
            }
            Err(error) => {
                let for_good = matches!(
                    error,
                    Error::RequestTooLarge { .. } | Error::RecordPanicked { .. }
                );
                if for_good || error.needs_an_operator() {
                    slot.answer(version, &Err(error.clone()));
                }
                slot.failures = slot.failures.saturating_add(1);
                let failures = slot.failures;
                if superseded {
                    self.make_due(&key, now);
                } else if for_good {
                    slot.state = State::Refused;
                    Arc::make_mut(&mut self.refused).insert(key, error.clone());
                    return Verdict::Refused(error);
                } else {
                    let wait = self.jitter.retry_after(failures, error.needs_an_operator());
                    self.make_due(&key, now + wait);
                }
                Verdict::Failed(error)
            }
        }
    }

    /// The connection is gone, and with it the results of what was on its way.
    pub(crate) fn connection_ended(&mut self, now: Instant) {
        self.round += 1;
        self.in_flight = 0;
        let unknown: Vec<String> = self.keys_where(|slot| slot.state == State::InFlight);
        for key in unknown {
            self.make_due(&key, now);
        }
    }

    /// There is a new lease: nothing that was put under the old one counts.
    pub(crate) fn lease_is_new(&mut self, now: Instant) {
        for key in self.keys_where(|_| true) {
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.written = None;
                slot.seen = None;
                slot.failures = 0;
                if slot.state != State::InFlight {
                    self.make_due(&key, now);
                }
            }
        }
    }

    /// All keys of ours that are in etcd, as read at one revision. What is missing or different is due; what we do not
    /// advertise is deleted. Answers how many were missing or different though they had been confirmed.
    pub(crate) fn compare(
        &mut self,
        present: &BTreeMap<String, Seen>,
        revision: i64,
        lease: Option<i64>,
        now: Instant,
    ) -> usize {
        let round = self.round;
        // Revisions may have gone back, so that what was deleted at one says nothing any more.
        self.deleted.clear();
        let mut missing = Vec::new();
        for (key, slot) in &mut self.slots {
            let Some((written, confirmed_in)) = &mut slot.written else {
                continue;
            };
            if slot.state != State::Settled || slot.wish.is_none() {
                continue;
            }
            // Put after the read, over the same connection: the watch will show it.
            if *confirmed_in == round && written.revision > revision {
                continue;
            }
            match present.get(key) {
                Some(seen)
                    if seen.content == written.content
                        && lease == seen.content.as_ref().map(|content| content.lease) =>
                {
                    written.revision = seen.revision;
                    *confirmed_in = round;
                    slot.seen = None;
                }
                _ => missing.push(key.clone()),
            }
        }
        for key in &missing {
            self.make_due(key, now);
        }
        for key in present.keys() {
            if !self.slots.contains_key(key) {
                self.wish(key, None, None, now);
            }
        }
        missing.len()
    }

    /// One of our keys changed in etcd. Answers true if somebody else did it and it is to be put back.
    pub(crate) fn observe(
        &mut self,
        key: &str,
        seen: Seen,
        lease: Option<i64>,
        now: Instant,
    ) -> bool {
        let Some(slot) = self.slots.get_mut(key) else {
            let before = |at: &i64| seen.revision < *at;
            if self.deleted.get(key).is_some_and(before) {
                return false;
            }
            // Under our lease it is a put of ours that was given up for lost and came after all, when its record had been
            // taken back already.
            let ours = |content: Content| Some(content.lease) == lease;
            if seen.content.is_some_and(ours) {
                self.wish(key, None, None, now);
            }
            return false;
        };
        slot.seen = Some(seen);
        if slot.state == State::Settled && slot.wish.is_some() && slot.was_overwritten() {
            self.restore(key, now);
            return true;
        }
        false
    }

    /// The watch, or a read of everything, has shown all changes up to this revision.
    pub(crate) fn passed(&mut self, revision: i64) {
        self.deleted.retain(|_, at| *at > revision);
    }

    /// Nobody will be answered any more.
    pub(crate) fn close(&mut self) {
        for slot in self.slots.values_mut() {
            slot.answer(u64::MAX, &Err(Error::Closed));
        }
        self.slots.clear();
        self.deleted.clear();
        self.due.clear();
        self.refused = Arc::default();
        self.in_flight = 0;
        self.advertised = 0;
    }

    fn keys_where(&self, fits: impl Fn(&Slot) -> bool) -> Vec<String> {
        let fitting = self.slots.iter().filter(|(_, slot)| fits(slot));
        fitting.map(|(key, _)| key.clone()).collect()
    }

    /// Puts a key back at once, or, where somebody keeps at it, later and later.
    fn restore(&mut self, key: &str, now: Instant) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        if slot.restored_at.is_none_or(|last| now > last + CALM) {
            slot.restored = 0;
        }
        let at = match slot.restored {
            0 => now,
            times => now + self.jitter.retry_after(times, false),
        };
        slot.restored = slot.restored.saturating_add(1);
        slot.restored_at = Some(at);
        self.make_due(key, at);
    }

    fn make_due(&mut self, key: &str, at: Instant) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        match slot.state {
            State::Due(old, sequence) => {
                self.due.remove(&(old, sequence, key.to_owned()));
            }
            State::Refused => {
                Arc::make_mut(&mut self.refused).remove(key);
            }
            State::InFlight | State::Settled => {}
        }
        self.sequence += 1;
        slot.state = State::Due(at, self.sequence);
        self.due.insert((at, self.sequence, key.to_owned()));
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("advertised", &self.advertised)
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}

impl Slot {
    fn new(version: u64) -> Self {
        Self {
            wish: None,
            version,
            state: State::Settled,
            written: None,
            seen: None,
            failures: 0,
            restored: 0,
            restored_at: None,
            waiters: Vec::new(),
        }
    }

    /// Answers those who wait for this version or an older one.
    fn answer(&mut self, version: u64, result: &Result<WriteOutcome, Error>) {
        let waiting = std::mem::take(&mut self.waiters);
        for (wanted, reply) in waiting {
            if wanted <= version {
                // The caller may have gone.
                let _ = reply.send(result.clone());
            } else {
                self.waiters.push((wanted, reply));
            }
        }
    }

    /// True if etcd showed something newer than our last put that is not what we put.
    fn was_overwritten(&self) -> bool {
        match (&self.written, &self.seen) {
            (Some((written, _)), Some(seen)) => {
                seen.revision > written.revision && seen.content != written.content
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;

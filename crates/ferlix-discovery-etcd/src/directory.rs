//! [`Directory`]: what lies in etcd, key by key, as far as it makes sense.
//!
//! In go puts, deletions and snapshots as the session tells them; out come [`Change`]s for those who follow endpoints.
//! It decides what a bad record means (nothing new: the last good one of its key stays), which keys are ours (ignored),
//! what a key means that is missing after an outage (it is held for a while: its exporter may be recovering as we are), and
//! for how long all of it is believed while etcd is away. It does no input or output, runs no user code, and asks no clock.
//! That one endpoint may lie under several keys is the business of whoever takes the changes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ferlix_core::error_chain;
use ferlix_remote::endpoint::EndpointDescription;
use tokio::time::Instant;

use crate::record::read;
use crate::{Error, key};

/// So many bad keys are remembered, to be logged once each; more are counted only.
const MAX_BAD_KEYS: usize = 10_000;
/// The longest key that is remembered as a bad one, in bytes.
const MAX_BAD_KEY: usize = 1024;
/// So much of a reason is remembered, in characters.
const REASON: usize = 160;

/// How long what is not seen is believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// What is missing after an outage is held for so long.
    pub(crate) hold: Duration,
    /// Everything goes when etcd has been away for so long; `None` for never.
    pub(crate) stale_after: Option<Duration>,
}

/// What happened to the record of a key.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// It is new, or differs from the one before.
    Put {
        key: Arc<str>,
        endpoint: EndpointDescription,
    },
    /// It went.
    Remove { key: Arc<str> },
}

/// All known records.
#[derive(Debug)]
pub(crate) struct Directory {
    top_key: String,
    own_session: String,
    patience: Patience,
    entries: HashMap<Arc<str>, EndpointDescription>,
    /// How many of them each session put.
    sessions: HashMap<Box<str>, usize>,
    /// Known keys that were missing after an outage, and when they go unless they are put again. Mostly empty, so that an
    /// event costs the same however much is known.
    held: BTreeMap<Arc<str>, Instant>,
    /// The same by time.
    deadlines: BTreeSet<(Instant, Arc<str>)>,
    /// Keys whose present record is bad, and why.
    bad: BTreeMap<Arc<str>, Box<str>>,
    /// How many records were skipped, by kind of error.
    skipped: BTreeMap<&'static str, u64>,
    /// Since when etcd is away. Until it is back no exporter can put its record again, so nothing that is held goes.
    away_since: Option<Instant>,
}

impl Directory {
    /// An empty directory of what is below the top key, but for the keys of our own session.
    pub(crate) fn new(top_key: &str, own_session: &str, patience: Patience) -> Self {
        Self {
            top_key: top_key.to_owned(),
            own_session: own_session.to_owned(),
            patience,
            entries: HashMap::new(),
            sessions: HashMap::new(),
            held: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            bad: BTreeMap::new(),
            skipped: BTreeMap::new(),
            away_since: None,
        }
    }

    /// A key was put, or is there in a snapshot. An empty value is as good as a deletion.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> Option<Change> {
        let Ok(key) = std::str::from_utf8(key) else {
            self.skip(&String::from_utf8_lossy(key), &Error::Key);
            return None;
        };
        if !self.is_of_others(key) {
            return None;
        }
        if value.is_empty() {
            return self.remove(key);
        }
        // Whatever it holds, the key is there.
        self.release(key);
        let endpoint = match read(value) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                self.skip(key, &error);
                return None;
            }
        };
        self.bad.remove(key);
        let key = match self.entries.get_key_value(key) {
            Some((_, known)) if known.properties() == endpoint.properties() => return None,
            Some((key, _)) => Arc::clone(key),
            None => {
                if let Some(session) = self.session(key) {
                    match self.sessions.get_mut(session) {
                        Some(records) => *records += 1,
                        None => drop(self.sessions.insert(session.into(), 1)),
                    }
                }
                key.into()
            }
        };
        self.entries.insert(Arc::clone(&key), endpoint.clone());
        Some(Change::Put { key, endpoint })
    }

    /// A key went while it was watched: it is gone at once, held or not.
    pub(crate) fn delete(&mut self, key: &[u8]) -> Option<Change> {
        self.remove(std::str::from_utf8(key).ok()?)
    }

    /// Every key of a snapshot was [`put`](Self::put); what is not among them is missing. After an outage it is held, and
    /// otherwise it was deleted.
    pub(crate) fn snapshot_is_in<'k>(
        &mut self,
        present: impl IntoIterator<Item = &'k [u8]>,
        after_outage: bool,
        now: Instant,
    ) -> Vec<Change> {
        self.away_since = None;
        let present: HashSet<&[u8]> = present.into_iter().collect();
        self.bad.retain(|key, _| present.contains(key.as_bytes()));
        let keys = self.entries.keys();
        let mut missing: Vec<Arc<str>> = keys
            .filter(|key| !present.contains(key.as_bytes()))
            .cloned()
            .collect();
        // In an order that does not depend on hashes, so that two runs are alike.
        missing.sort_unstable();
        if after_outage && !self.patience.hold.is_zero() {
            let until = now + self.patience.hold;
            if !missing.is_empty() {
                tracing::info!(
                    records = missing.len(),
                    hold_s = self.patience.hold.as_secs_f64(),
                    "HOLDING endpoint records that are missing after an outage: their exporters may put them again"
                );
            }
            for key in missing {
                self.release(&key);
                self.deadlines.insert((until, Arc::clone(&key)));
                self.held.insert(key, until);
            }
            return Vec::new();
        }
        missing.retain(|key| !self.held.contains_key(key));
        self.remove_all(&missing)
    }

    /// The session has lost its connection.
    pub(crate) fn disconnected(&mut self, now: Instant) {
        self.away_since.get_or_insert(now);
    }

    /// When something goes by itself: the next held record, but not while etcd is away; or everything, when etcd has been
    /// away for too long.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        match self.away_since {
            None => self.deadlines.first().map(|(until, _)| *until),
            Some(_) if self.entries.is_empty() => None,
            Some(since) => Some(since + self.patience.stale_after?),
        }
    }

    /// Removes what was held, or believed, long enough.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Change> {
        if self.next_expiry().is_none_or(|next| next > now) {
            return Vec::new();
        }
        let gone: Vec<Arc<str>> = match self.away_since {
            None => {
                let over = self.deadlines.iter();
                let over = over.take_while(|(until, _)| *until <= now);
                over.map(|(_, key)| Arc::clone(key)).collect()
            }
            Some(_) => {
                let mut all: Vec<Arc<str>> = self.entries.keys().cloned().collect();
                all.sort_unstable();
                all
            }
        };
        let reason = match self.away_since {
            None => "their exporters did not put them again",
            Some(_) => "etcd has been away for longer than etcd.stale_after",
        };
        tracing::warn!(records = gone.len(), reason, "EXPIRED endpoint records");
        self.remove_all(&gone)
    }

    /// The endpoints whose records are held, by key.
    pub(crate) fn held_endpoints(&self) -> Vec<(Arc<str>, EndpointDescription)> {
        let held = self.held.keys();
        held.filter_map(|key| Some((Arc::clone(key), self.entries.get(key)?.clone())))
            .collect()
    }

    /// Gives up a record that is held; one that was put meanwhile stays.
    pub(crate) fn give_up(&mut self, key: &str) -> Option<Change> {
        self.held.contains_key(key).then(|| self.remove(key))?
    }

    /// How many records are known.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many of the known records are missing in etcd and only held.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// Until when a record is held, if it is.
    pub(crate) fn held_until(&self, key: &str) -> Option<Instant> {
        self.held.get(key).copied()
    }

    /// The sessions that put the known records.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Who put a record.
    pub(crate) fn session<'k>(&self, key: &'k str) -> Option<&'k str> {
        key::parse(&self.top_key, key).map(|key| key.session)
    }

    /// The endpoint that a key names.
    pub(crate) fn endpoint<'k>(&self, key: &'k str) -> Option<&'k str> {
        key::parse(&self.top_key, key).map(|key| key.endpoint)
    }

    /// One record less of a session.
    fn forget_session(&mut self, key: &str) {
        let Some(parsed) = key::parse(&self.top_key, key) else {
            return;
        };
        if let Some(records) = self.sessions.get_mut(parsed.session) {
            *records -= 1;
            if *records == 0 {
                self.sessions.remove(parsed.session);
            }
        }
    }

    /// Keys whose present record is bad, and why, as far as they are remembered.
    pub(crate) fn bad(&self) -> impl Iterator<Item = (&str, &str)> {
        self.bad.iter().map(|(key, reason)| (&**key, &**reason))
    }

    /// How many records were skipped, by kind of error.
    pub(crate) fn skipped(&self) -> &BTreeMap<&'static str, u64> {
        &self.skipped
    }

    /// Whether a key is that of an endpoint of another session.
    fn is_of_others(&self, key: &str) -> bool {
        key::parse(&self.top_key, key).is_some_and(|key| key.session != self.own_session)
    }

    fn remove(&mut self, key: &str) -> Option<Change> {
        self.bad.remove(key);
        self.release(key);
        let (key, _) = self.entries.remove_entry(key)?;
        self.forget_session(&key);
        Some(Change::Remove { key })
    }

    fn remove_all(&mut self, keys: &[Arc<str>]) -> Vec<Change> {
        keys.iter().filter_map(|key| self.remove(key)).collect()
    }

    /// A key is not held any more.
    fn release(&mut self, key: &str) {
        if let Some((key, until)) = self.held.remove_entry(key) {
            self.deadlines.remove(&(until, key));
        }
    }

    /// Counts a bad record, and logs it unless that key was bad already.
    fn skip(&mut self, key: &str, error: &Error) {
        *self.skipped.entry(error.kind()).or_default() += 1;
        // Other services under the same keys are nothing that anybody has to act on.
        if matches!(error, Error::OtherService { .. }) {
            return;
        }
        let room = self.bad.len() < MAX_BAD_KEYS && key.len() <= MAX_BAD_KEY;
        if !room || self.bad.contains_key(key) {
            return;
        }
        let reason = error_chain(error);
        let kept = self.entries.contains_key(key);
        tracing::warn!(
            key = shorten(key, ENOUGH),
            kind = error.kind(),
            error = shorten(&reason, ENOUGH),
            "a bad endpoint record is skipped{}",
            if kept {
                ", and the last good one of its key is kept"
            } else {
                ""
            }
        );
        self.bad.insert(key.into(), shorten(&reason, REASON).into());
    }
}

/// So much of a text from the network belongs in a log line, in characters.
const ENOUGH: usize = 300;

/// The beginning of a text, and how long the whole is if there is more.
pub(crate) fn shorten(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;

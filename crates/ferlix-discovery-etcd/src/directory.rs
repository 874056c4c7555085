//! [`Directory`]: what lies in etcd, key by key, as far as it makes sense.
//!
//! In go puts, deletions and snapshots as the session tells them; out come [`Change`]s for those who follow endpoints.
//! It decides what a bad record means (nothing new: the last good one of its key stays), which keys are ours (ignored),
//! and what a key means that is missing after an outage (it is held for a while: its exporter may be recovering as we
//! are). It does no input or output, runs no user code, and asks no clock. That one endpoint may lie under several keys
//! is the business of whoever takes the changes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use ferlix_core::error_chain;
use ferlix_remote::endpoint::EndpointDescription;
use tokio::time::Instant;

use crate::record::read;
use crate::{Error, key};

/// So many bad keys are remembered, to be logged once each; more are counted only.
const MAX_BAD_KEYS: usize = 10_000;

/// What happened to the record of a key.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// It is new, or differs from the one before.
    Put {
        key: String,
        endpoint: EndpointDescription,
    },
    /// It went.
    Remove { key: String },
}

/// One known record.
#[derive(Debug)]
struct Entry {
    endpoint: EndpointDescription,
    /// It was missing after an outage, and goes at this time unless it is put again.
    held_until: Option<Instant>,
}

/// A known record, for those who list them.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// Who put it.
    pub(crate) session: String,
    /// The endpoint in it.
    pub(crate) endpoint: EndpointDescription,
    /// Whether it is missing in etcd and only held.
    pub(crate) held: bool,
}

/// All known records.
#[derive(Debug)]
pub(crate) struct Directory {
    top_key: String,
    own_session: String,
    hold: Duration,
    entries: BTreeMap<String, Entry>,
    /// Keys whose present record is bad.
    bad: BTreeSet<String>,
    /// How many records were skipped, by kind of error.
    skipped: BTreeMap<&'static str, u64>,
    /// While etcd is away no exporter can put its record again, so nothing that is held goes.
    connected: bool,
}

impl Directory {
    /// An empty directory of what is below the top key, but for the keys of our own session. What is missing after an
    /// outage is held for `hold`.
    pub(crate) fn new(top_key: &str, own_session: &str, hold: Duration) -> Self {
        Self {
            top_key: top_key.to_owned(),
            own_session: own_session.to_owned(),
            hold,
            entries: BTreeMap::new(),
            bad: BTreeSet::new(),
            skipped: BTreeMap::new(),
            connected: false,
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
        if let Some(entry) = self.entries.get_mut(key) {
            entry.held_until = None;
        }
        let endpoint = match read(value) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                self.skip(key, &error);
                return None;
            }
        };
        self.bad.remove(key);
        let same = |entry: &Entry| entry.endpoint.properties() == endpoint.properties();
        if self.entries.get(key).is_some_and(same) {
            return None;
        }
        let entry = Entry {
            endpoint: endpoint.clone(),
            held_until: None,
        };
        self.entries.insert(key.to_owned(), entry);
        Some(Change::Put {
            key: key.to_owned(),
            endpoint,
        })
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
        self.connected = true;
        let present: HashSet<&[u8]> = present.into_iter().collect();
        self.bad.retain(|key| present.contains(key.as_bytes()));
        let mut gone = Vec::new();
        for (key, entry) in &mut self.entries {
            if present.contains(key.as_bytes()) {
                continue;
            }
            if after_outage && !self.hold.is_zero() {
                entry.held_until = Some(now + self.hold);
            } else if entry.held_until.is_none() {
                gone.push(key.clone());
            }
        }
        self.remove_all(gone)
    }

    /// The session has lost its connection.
    pub(crate) fn disconnected(&mut self) {
        self.connected = false;
    }

    /// When the next held record goes; never while etcd is away.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        if !self.connected {
            return None;
        }
        self.entries
            .values()
            .filter_map(|entry| entry.held_until)
            .min()
    }

    /// Removes what was held long enough.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Change> {
        if !self.connected {
            return Vec::new();
        }
        let over = |entry: &Entry| entry.held_until.is_some_and(|until| until <= now);
        let gone = self.entries.iter().filter(|(_, entry)| over(entry));
        let gone = gone.map(|(key, _)| key.clone()).collect();
        self.remove_all(gone)
    }

    /// All known records, by key.
    pub(crate) fn known(&self) -> Vec<Known> {
        let known = self.entries.iter().map(|(key, entry)| Known {
            session: key::parse(&self.top_key, key)
                .map_or_else(String::new, |key| key.session.to_owned()),
            endpoint: entry.endpoint.clone(),
            held: entry.held_until.is_some(),
        });
        known.collect()
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
        self.entries.remove(key)?;
        Some(Change::Remove {
            key: key.to_owned(),
        })
    }

    fn remove_all(&mut self, keys: Vec<String>) -> Vec<Change> {
        keys.iter().filter_map(|key| self.remove(key)).collect()
    }

    /// Counts a bad record, and logs it unless that key was bad already.
    fn skip(&mut self, key: &str, error: &Error) {
        *self.skipped.entry(error.kind()).or_default() += 1;
        // Other services under the same keys are nothing that anybody has to act on.
        if matches!(error, Error::OtherService { .. }) {
            return;
        }
        if self.bad.len() < MAX_BAD_KEYS && self.bad.insert(key.to_owned()) {
            let kept = self.entries.contains_key(key);
            tracing::warn!(
                key,
                kind = error.kind(),
                "a bad endpoint record is skipped{}: {}",
                if kept {
                    ", and the last good one of its key is kept"
                } else {
                    ""
                },
                error_chain(error)
            );
        }
    }
}

#[cfg(test)]
mod tests;

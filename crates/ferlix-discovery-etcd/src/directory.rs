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
    entries: BTreeMap<String, EndpointDescription>,
    /// Known keys that were missing after an outage, and when they go unless they are put again. Mostly empty, so that an
    /// event costs the same however much is known.
    held: BTreeMap<String, Instant>,
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
            held: BTreeMap::new(),
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
        self.held.remove(key);
        let endpoint = match read(value) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                self.skip(key, &error);
                return None;
            }
        };
        self.bad.remove(key);
        match self.entries.get_mut(key) {
            Some(known) if known.properties() == endpoint.properties() => return None,
            Some(known) => *known = endpoint.clone(),
            None => {
                self.entries.insert(key.to_owned(), endpoint.clone());
            }
        }
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
        let keys = self.entries.keys();
        let missing: Vec<String> = keys
            .filter(|key| !present.contains(key.as_bytes()))
            .cloned()
            .collect();
        if after_outage && !self.hold.is_zero() {
            let until = now + self.hold;
            self.held
                .extend(missing.into_iter().map(|key| (key, until)));
            return Vec::new();
        }
        let gone = missing.iter().filter(|key| !self.held.contains_key(*key));
        let gone: Vec<String> = gone.cloned().collect();
        self.remove_all(&gone)
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
        self.held.values().min().copied()
    }

    /// Removes what was held long enough.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Change> {
        if !self.connected {
            return Vec::new();
        }
        let over = self.held.iter().filter(|(_, until)| **until <= now);
        let gone: Vec<String> = over.map(|(key, _)| key.clone()).collect();
        self.remove_all(&gone)
    }

    /// All known records, by key.
    pub(crate) fn known(&self) -> Vec<Known> {
        let known = self.entries.iter().map(|(key, endpoint)| Known {
            session: key::parse(&self.top_key, key)
                .map_or_else(String::new, |key| key.session.to_owned()),
            endpoint: endpoint.clone(),
            held: self.held.contains_key(key),
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
        self.held.remove(key);
        self.entries.remove(key)?;
        Some(Change::Remove {
            key: key.to_owned(),
        })
    }

    fn remove_all(&mut self, keys: &[String]) -> Vec<Change> {
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
                key = shorten(key),
                kind = error.kind(),
                error = shorten(&error_chain(error)),
                "a bad endpoint record is skipped{}",
                if kept {
                    ", and the last good one of its key is kept"
                } else {
                    ""
                }
            );
        }
    }
}

/// As much of a text from the network as belongs in a log line.
fn shorten(text: &str) -> String {
    const ENOUGH: usize = 300;
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;

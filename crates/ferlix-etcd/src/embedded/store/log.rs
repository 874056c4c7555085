//! The log of changes, for watches.
//!
//! A watch keeps the revision that it wants next and pulls from the log in batches, so a slow one costs no memory: it falls
//! behind, and if the history is forgotten meanwhile it is told so. The log is the same for a replay from the past and
//! for what happens now.

use std::sync::Arc;

use super::{KeyRange, Store, Version};
use crate::proto::mvccpb::{Event, event::EventType};

/// What happened at one revision, in order.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) revision: i64,
    pub(super) versions: Vec<Arc<Version>>,
}

/// What a watch wants to see.
#[derive(Clone, Debug)]
pub(crate) struct Interest {
    pub(crate) range: KeyRange,
    pub(crate) puts: bool,
    pub(crate) deletions: bool,
    /// The key as it was before, too.
    pub(crate) previous: bool,
}

/// A part of the log, as one watch sees it. Revisions are never split.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) events: Vec<Event>,
    /// The revision to go on from.
    pub(crate) next: i64,
    /// How many versions were looked at.
    pub(crate) visited: usize,
}

/// The revision that was asked for is forgotten; this is the oldest that is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CompactedTo(pub(crate) i64);

/// Bytes of events after which a batch ends.
const BATCH_BYTES: usize = 1024 * 1024;

/// Versions looked at after which a batch ends: the lock is held as long.
const BATCH_VERSIONS: usize = 10_000;

impl Store {
    /// What a watch that has everything before `next` is to see next. A batch may be empty and yet not at the end.
    pub(crate) fn events(&self, next: i64, interest: &Interest) -> Result<Batch, CompactedTo> {
        if next < self.compacted {
            return Err(CompactedTo(self.compacted));
        }
        let mut batch = Batch {
            next: next.max(self.revision + 1),
            ..Batch::default()
        };
        let mut bytes = 0;
        let first = self.log.partition_point(|commit| commit.revision < next);
        for commit in self.log.range(first..) {
            if bytes >= BATCH_BYTES || batch.visited >= BATCH_VERSIONS {
                batch.next = commit.revision;
                break;
            }
            batch.visited += commit.versions.len();
            for version in &commit.versions {
                let Some(event) = self.event(version, interest) else {
                    continue;
                };
                bytes += version.size();
                bytes += event.prev_kv.as_ref().map_or(0, |kv| kv.value.len());
                batch.events.push(event);
            }
        }
        Ok(batch)
    }

    fn event(&self, version: &Version, interest: &Interest) -> Option<Event> {
        let wanted = match version.deleted {
            true => interest.deletions,
            false => interest.puts,
        };
        if !wanted || !interest.range.contains(&version.kv.key) {
            return None;
        }
        let before = version.kv.mod_revision - 1;
        let prev_kv = match interest.previous && before >= self.compacted {
            true => self
                .keys
                .get(&version.kv.key)
                .and_then(|versions| Version::at(versions, before))
                .cloned(),
            false => None,
        };
        let kind = match version.deleted {
            true => EventType::Delete,
            false => EventType::Put,
        };
        Some(Event {
            r#type: kind.into(),
            kv: Some(version.kv.clone()),
            prev_kv,
        })
    }
}

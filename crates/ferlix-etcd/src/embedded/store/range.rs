//! Ranges of keys, and reading them at a revision.
//!
//! In: the `key` and `range_end` of a request, by the protocol's conventions. Out: a [`KeyRange`] to test keys against and
//! to walk the index with, and the answers to Range requests. Nothing is changed here.

use std::{cmp::Ordering, ops::Bound};

use bytes::Bytes;

use super::{Store, Version};
use crate::{
    embedded::refusal::Refusal,
    proto::{
        etcdserverpb::{
            RangeRequest, RangeResponse,
            range_request::{SortOrder, SortTarget},
        },
        mvccpb::KeyValue,
    },
};

/// A set of keys that lie side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRange {
    start: Bytes,
    end: End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// The start alone.
    Start,
    /// Everything from the start on.
    Open,
    /// Up to, but without, this key.
    Before(Bytes),
}

impl From<&[u8]> for KeyRange {
    /// Everything from a key on.
    fn from(start: &[u8]) -> Self {
        Self {
            start: Bytes::copy_from_slice(start),
            end: End::Open,
        }
    }
}

impl KeyRange {
    /// By the conventions of the protocol: no end is the one key, a zero byte is "from the key on".
    pub(crate) fn new(key: &Bytes, range_end: &Bytes) -> Self {
        let end = match range_end.as_ref() {
            [] => End::Start,
            [0] => End::Open,
            _ => End::Before(range_end.clone()),
        };
        Self {
            start: key.clone(),
            end,
        }
    }

    /// The same range in memory of its own: what comes in a request is a piece of a buffer that may be far larger.
    pub(crate) fn detached(&self) -> Self {
        Self {
            start: Bytes::copy_from_slice(&self.start),
            end: match &self.end {
                End::Before(end) => End::Before(Bytes::copy_from_slice(end)),
                other => other.clone(),
            },
        }
    }

    /// No key can ever be in it.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(&self.end, End::Before(end) if *end <= self.start)
    }

    /// It takes in everything from its start on.
    pub(super) fn is_open(&self) -> bool {
        self.end == End::Open
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        match &self.end {
            End::Start => *key == *self.start,
            End::Open => *key >= *self.start,
            End::Before(end) => *key >= *self.start && *key < **end,
        }
    }

    /// Bounds for an ordered map; `None` for an empty range, which ordered maps do not accept.
    pub(super) fn bounds(&self) -> Option<(Bound<&[u8]>, Bound<&[u8]>)> {
        if self.is_empty() {
            return None;
        }
        let end = match &self.end {
            End::Start => Bound::Included(self.start.as_ref()),
            End::Open => Bound::Unbounded,
            End::Before(end) => Bound::Excluded(end.as_ref()),
        };
        Some((Bound::Included(self.start.as_ref()), end))
    }
}

impl Store {
    /// The keys of `range` as they were at `revision`, in order.
    pub(crate) fn live<'a>(
        &'a self,
        range: &'a KeyRange,
        revision: i64,
    ) -> impl Iterator<Item = &'a KeyValue> {
        range
            .bounds()
            .into_iter()
            .flat_map(|bounds| self.keys.range::<[u8], _>(bounds))
            .filter_map(move |(_, versions)| Version::at(versions, revision))
    }

    /// Answers a Range request.
    pub(crate) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Refusal> {
        // Less than 0 means now, as 0 does; but not in a transaction. So does etcd.
        self.check_revision(request.revision.max(0))?;
        Ok(self.read(request))
    }

    /// Refuses to read at a revision that is forgotten or yet to come; 0 means now.
    pub(super) fn check_revision(&self, revision: i64) -> Result<(), Refusal> {
        if revision > self.revision {
            return Err(Refusal::FutureRevision);
        }
        if revision != 0 && revision < self.compacted {
            return Err(Refusal::Compacted);
        }
        Ok(())
    }

    /// Answers a Range request that was checked.
    pub(super) fn read(&self, request: &RangeRequest) -> RangeResponse {
        let revision = match request.revision {
            ..=0 => self.reading(),
            revision => revision,
        };
        let range = KeyRange::new(&request.key, &request.range_end);
        let mut response = RangeResponse {
            header: Some(self.bare_header()),
            ..RangeResponse::default()
        };

        let limit = usize::try_from(request.limit)
            .ok()
            .filter(|limit| *limit > 0);
        // Only where the keys are answered as they lie can the walk stop collecting early (it still counts).
        let collected = match limit {
            _ if request.count_only => 0,
            Some(limit) if request.sort_order() == SortOrder::None && !is_bounded(request) => {
                limit.saturating_add(1)
            }
            _ => usize::MAX,
        };
        let mut kvs = Vec::new();
        for kv in self.live(&range, revision) {
            response.count += 1;
            if kvs.len() < collected {
                kvs.push(kv);
            }
        }
        kvs.retain(|kv| is_within_bounds(request, kv));
        sort(request, &mut kvs);
        if let Some(limit) = limit {
            response.more = kvs.len() > limit;
            kvs.truncate(limit);
        }
        response.kvs = kvs
            .into_iter()
            .map(|kv| {
                let mut kv = kv.clone();
                if request.keys_only {
                    kv.value = Bytes::new();
                }
                kv
            })
            .collect();
        response
    }
}

fn is_bounded(request: &RangeRequest) -> bool {
    [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ]
    .iter()
    .any(|bound| *bound != 0)
}

fn is_within_bounds(request: &RangeRequest, kv: &KeyValue) -> bool {
    let within =
        |value: i64, min: i64, max: i64| (min == 0 || value >= min) && (max == 0 || value <= max);
    within(
        kv.mod_revision,
        request.min_mod_revision,
        request.max_mod_revision,
    ) && within(
        kv.create_revision,
        request.min_create_revision,
        request.max_create_revision,
    )
}

/// Sorts keys that lie in ascending order. A target without an order is sorted in ascending order, as etcd does.
fn sort(request: &RangeRequest, kvs: &mut [&KeyValue]) {
    let target = request.sort_target();
    let compare = |a: &&KeyValue, b: &&KeyValue| -> Ordering {
        match target {
            SortTarget::Key => a.key.cmp(&b.key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::Create => a.create_revision.cmp(&b.create_revision),
            SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
            SortTarget::Value => a.value.cmp(&b.value),
        }
    };
    match (request.sort_order(), target) {
        (SortOrder::None | SortOrder::Ascend, SortTarget::Key) => {}
        (SortOrder::None | SortOrder::Ascend, _) => kvs.sort_by(compare),
        (SortOrder::Descend, _) => kvs.sort_by(|a, b| compare(b, a)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(key: &'static str, end: &'static str) -> KeyRange {
        KeyRange::new(&Bytes::from(key), &Bytes::from(end))
    }

    #[test]
    fn the_end_follows_the_protocols_conventions() {
        assert!(range("a", "").contains(b"a"));
        assert!(!range("a", "").contains(b"aa"));
        assert!(range("b", "\0").contains(b"zz"));
        assert!(!range("b", "\0").contains(b"a"));
        assert!(range("a", "c").contains(b"b"));
        assert!(!range("a", "c").contains(b"c"));
        assert!(range("\0", "\0").contains(b"\0"));
    }

    #[test]
    fn a_range_that_ends_before_it_starts_is_empty() {
        assert!(range("b", "a").is_empty());
        assert!(range("b", "b").is_empty());
        assert!(range("b", "a").bounds().is_none());
        assert!(!range("b", "\0").is_empty());
    }
}

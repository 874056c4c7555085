//! [`BestByName`]: the best service of each specification, read without a lock.
//!
//! The index knows as much; this table repeats its first line, so that the most frequent look-up neither waits for whoever
//! changes the registry nor writes where other threads read. Only who holds the index for a change writes here.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;

use super::ServiceRef;
use super::group::Grouped;

/// How many buckets there are: a power of two. With 100,000 specifications a bucket, which is copied when the best of one of
/// its names changes, has about 25.
const BUCKETS: usize = 4096;

/// The best service of each specification.
pub(super) struct BestByName {
    hasher: RandomState,
    buckets: Box<[ArcSwapOption<Vec<Best>>]>,
}

#[derive(Clone)]
struct Best {
    hash: u64,
    name: Arc<str>,
    handles: Arc<Handles>,
}

/// A service, and the references to it that threads get: each group of them counts its own.
struct Handles {
    service: ServiceRef,
    grouped: OnceLock<Box<Grouped<ServiceRef>>>,
}

impl Handles {
    fn own(&self) -> ServiceRef {
        let grouped = self.grouped.get_or_init(Box::default);
        let own = grouped.get(|| Some(self.service.handle()));
        own.unwrap_or(&self.service).clone()
    }
}

impl Default for BestByName {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            buckets: (0..BUCKETS).map(|_| ArcSwapOption::empty()).collect(),
        }
    }
}

impl BestByName {
    /// The best service of a specification.
    pub(super) fn get(&self, name: &str) -> Option<ServiceRef> {
        let hash = self.hasher.hash_one(name);
        let bucket = self.bucket(hash).load();
        Some(find(bucket.as_ref()?, hash, name)?.handles.own())
    }

    /// Does something with the best service of a specification, if there is one.
    pub(super) fn with<R>(&self, name: &str, work: impl FnOnce(&ServiceRef) -> R) -> Option<R> {
        let hash = self.hasher.hash_one(name);
        let bucket = self.bucket(hash).load();
        let found = find(bucket.as_ref()?, hash, name)?;
        Some(work(&found.handles.service))
    }

    /// Notes which service is the best now.
    pub(super) fn set(&self, name: &Arc<str>, service: Option<&ServiceRef>) {
        let hash = self.hasher.hash_one(&**name);
        let bucket = self.bucket(hash);
        let before = bucket.load();
        let before = before.as_ref();
        let known = before.and_then(|bucket| find(bucket, hash, name));
        if known.map(|best| &best.handles.service) == service {
            return;
        }
        let others = before.into_iter().flat_map(|bucket| bucket.iter());
        let others = others.filter(|best| best.hash != hash || *best.name != **name);
        let best = service.map(|service| Best {
            hash,
            name: Arc::clone(name),
            handles: Arc::new(Handles {
                service: service.clone(),
                grouped: OnceLock::new(),
            }),
        });
        let after: Vec<Best> = best.into_iter().chain(others.cloned()).collect();
        bucket.store((!after.is_empty()).then(|| Arc::new(after)));
    }

    fn bucket(&self, hash: u64) -> &ArcSwapOption<Vec<Best>> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "only the lowest bits are wanted"
        )]
        &self.buckets[hash as usize % BUCKETS]
    }
}

fn find<'a>(bucket: &'a [Best], hash: u64, name: &str) -> Option<&'a Best> {
    bucket
        .iter()
        .find(|best| best.hash == hash && *best.name == *name)
}

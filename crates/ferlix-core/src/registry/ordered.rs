//! [`Ordered`]: a sorted map in chunks. A clone is a snapshot that costs nothing: a search or a delivery keeps what it began
//! with, under no lock, and whoever changes the map meanwhile copies the one chunk that it changes.

use std::sync::Arc;

/// How many entries a chunk has at most.
const CHUNK: usize = 32;

/// A sorted map of which a clone is a cheap snapshot.
#[derive(Debug)]
pub(super) struct Ordered<K, V> {
    chunks: Arc<Vec<Chunk<K, V>>>,
    length: usize,
}

/// A part of the map, never empty.
#[derive(Debug)]
struct Chunk<K, V> {
    first: K,
    entries: Arc<Vec<(K, V)>>,
}

impl<K: Copy, V> Clone for Chunk<K, V> {
    fn clone(&self) -> Self {
        Self {
            first: self.first,
            entries: Arc::clone(&self.entries),
        }
    }
}

impl<K, V> Clone for Ordered<K, V> {
    fn clone(&self) -> Self {
        Self {
            chunks: Arc::clone(&self.chunks),
            length: self.length,
        }
    }
}

impl<K, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Self {
            chunks: Arc::default(),
            length: 0,
        }
    }
}

impl<K: Ord + Copy, V: Clone> Ordered<K, V> {
    /// Puts an entry in its place, and returns the value that the key had.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let index = self.chunk_of(&key);
        let chunks = Arc::make_mut(&mut self.chunks);
        let last = index + 1 >= chunks.len();
        let Some(chunk) = chunks.get_mut(index) else {
            chunks.push(Chunk::new(vec![(key, value)], key));
            self.length = 1;
            return None;
        };
        let entries = Arc::make_mut(&mut chunk.entries);
        let place = match entries.binary_search_by(|(other, _)| other.cmp(&key)) {
            Ok(place) => return Some(std::mem::replace(&mut entries[place].1, value)),
            Err(place) => place,
        };
        self.length += 1;
        if entries.len() < CHUNK {
            entries.insert(place, (key, value));
            chunk.first = entries[0].0;
            return None;
        }
        // What grows at its end keeps full chunks.
        let kept = if last && place == CHUNK {
            CHUNK
        } else {
            CHUNK / 2
        };
        let mut rest = entries.split_off(kept);
        if place < kept {
            entries.insert(place, (key, value));
        } else {
            rest.insert(place - kept, (key, value));
        }
        chunk.first = entries[0].0;
        let first = rest[0].0;
        chunks.insert(index + 1, Chunk::new(rest, first));
        None
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let index = self.chunk_of(key);
        let place = self.chunks.get(index)?.place(key)?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let entries = Arc::make_mut(&mut chunks[index].entries);
        let (_, removed) = entries.remove(place);
        self.length -= 1;
        let left = entries.len();
        match entries.first() {
            None => {
                chunks.remove(index);
            }
            Some((first, _)) => {
                chunks[index].first = *first;
                let next = chunks.get(index + 1);
                if next.is_some_and(|next| next.entries.len() + left <= CHUNK / 2) {
                    let next = Arc::unwrap_or_clone(chunks.remove(index + 1).entries);
                    Arc::make_mut(&mut chunks[index].entries).extend(next);
                }
            }
        }
        Some(removed)
    }

    /// The values, in the order of their keys.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        let chunks = self.chunks.iter();
        chunks.flat_map(|chunk| chunk.entries.iter().map(|(_, value)| value))
    }

    /// The value of the lowest key.
    pub(super) fn first(&self) -> Option<&V> {
        let chunk = self.chunks.first()?;
        chunk.entries.first().map(|(_, value)| value)
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The chunk in which a key has its place.
    fn chunk_of(&self, key: &K) -> usize {
        let after = self.chunks.partition_point(|chunk| chunk.first <= *key);
        after.saturating_sub(1)
    }
}

impl<K: Ord, V> Chunk<K, V> {
    fn new(entries: Vec<(K, V)>, first: K) -> Self {
        Self {
            first,
            entries: Arc::new(entries),
        }
    }

    fn place(&self, key: &K) -> Option<usize> {
        let entries = &self.entries;
        entries.binary_search_by(|(other, _)| other.cmp(key)).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn entries(ordered: &Ordered<u16, u32>) -> Vec<u32> {
        assert_eq!(ordered.values().count(), ordered.len());
        assert!(ordered.chunks.iter().all(|chunk| {
            let keys = chunk.entries.iter().map(|(key, _)| key);
            keys.is_sorted() && chunk.entries[0].0 == chunk.first
        }));
        ordered.values().copied().collect()
    }

    proptest! {
        #[test]
        fn it_is_a_map_and_a_snapshot_stays_what_it_was(
            changes in prop::collection::vec((any::<bool>(), 0..400_u16), 1..1500),
            kept in 0..1500_usize,
        ) {
            let (mut ordered, mut model) = (Ordered::default(), BTreeMap::new());
            let mut snapshot = None;
            for (number, (insert, key)) in (0_u32..).zip(changes) {
                if number as usize == kept {
                    snapshot = Some((ordered.clone(), entries(&ordered)));
                }
                if insert {
                    prop_assert_eq!(ordered.insert(key, number), model.insert(key, number));
                } else {
                    prop_assert_eq!(ordered.remove(&key), model.remove(&key));
                }
                prop_assert_eq!(ordered.first(), model.values().next());
                prop_assert_eq!(ordered.is_empty(), model.is_empty());
            }
            prop_assert_eq!(entries(&ordered), model.into_values().collect::<Vec<_>>());
            if let Some((snapshot, then)) = snapshot {
                prop_assert_eq!(entries(&snapshot), then);
            }
        }
    }

    #[test]
    fn what_grows_at_its_end_has_full_chunks() {
        let mut ordered = Ordered::default();
        for number in 0..1000_u16 {
            ordered.insert(number, u32::from(number));
        }
        assert_eq!(ordered.chunks.len(), 1000_usize.div_ceil(CHUNK));
    }
}

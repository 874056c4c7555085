//! [`Properties`]: a small map whose keys keep their case and compare without it.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::{Value, shown};

/// A property map: keys keep the case they came with and compare without it (ASCII), as OSGi asks.
///
/// It is a sorted vector: property maps are small, are read far more often than changed, and are printed in order.
///
/// ```
/// use ferlix_core::property::Properties;
/// let mut properties = Properties::from([("hello.name", "a")]);
/// properties.insert("Hello.Name", "b");
/// assert_eq!(properties.get("HELLO.NAME").unwrap().as_str(), Some("b"));
/// assert_eq!(properties.len(), 1);
/// ```
#[derive(Clone, Default)]
pub struct Properties {
    entries: Vec<(Arc<str>, Stored)>,
}

/// A value of its own, or one that several maps have together.
#[derive(Clone)]
enum Stored {
    Own(Value),
    Shared(Arc<Value>),
}

impl Stored {
    fn value(&self) -> &Value {
        match self {
            Self::Own(value) => value,
            Self::Shared(value) => value,
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Own(value) => value,
            Self::Shared(value) => Arc::unwrap_or_clone(value),
        }
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

impl Properties {
    /// An empty map.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// An empty map with room for so many entries.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            entries: Vec::with_capacity(capacity),
        }
    }

    /// The value of a key, whatever the key's case.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        // Most maps are small and most keys differ in length: going through all is faster than a binary search, which
        // reads the beginnings that keys share. Measured to be no slower on average below this many entries.
        const LARGE: usize = 32;
        if self.entries.len() >= LARGE {
            let index = self.position(key).ok()?;
            return Some(self.entries[index].1.value());
        }
        let same = |other: &str| other == key || other.eq_ignore_ascii_case(key);
        self.entries
            .iter()
            .find(|(other, _)| same(other))
            .map(|(_, stored)| stored.value())
    }

    /// The text of a key, if there is one and it is a string.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// The texts of a "String+" key: empty when absent.
    #[must_use]
    pub fn texts(&self, key: &str) -> Vec<&str> {
        self.get(key).map(Value::strings).unwrap_or_default()
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets a key and returns the value it had. The key's case becomes that of the last one who set it.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, value: impl Into<Value>) -> Option<Value> {
        self.put(key.into(), Stored::Own(value.into()))
            .map(Stored::into_value)
    }

    /// Sets a key to a value that other maps have too.
    pub(crate) fn insert_shared(&mut self, key: Arc<str>, value: Arc<Value>) {
        self.put(key, Stored::Shared(value));
    }

    fn put(&mut self, key: Arc<str>, stored: Stored) -> Option<Stored> {
        match self.position(&key) {
            Ok(index) => Some(std::mem::replace(&mut self.entries[index], (key, stored)).1),
            Err(index) => {
                self.entries.insert(index, (key, stored));
                None
            }
        }
    }

    /// Sets a key unless it is there.
    pub fn insert_absent(&mut self, key: impl Into<Arc<str>>, value: impl Into<Value>) {
        let key = key.into();
        if let Err(index) = self.position(&key) {
            self.entries.insert(index, (key, Stored::Own(value.into())));
        }
    }

    /// Makes a key again what it is in another map: there it must be the same in case, value and presence.
    pub(crate) fn restore(&mut self, key: &str, other: &Self) {
        let Ok(theirs) = other.position(key).map(|index| &other.entries[index]) else {
            self.remove(key);
            return;
        };
        match self.position(key) {
            Ok(index) => self.entries[index] = theirs.clone(),
            Err(index) => self.entries.insert(index, theirs.clone()),
        }
    }

    /// Makes room for that many more entries, and no more.
    pub(crate) fn reserve_exact(&mut self, additional: usize) {
        self.entries.reserve_exact(additional);
    }

    /// Has keys shared with other maps: `share` gives the one to use in a key's place. Says whether that was so for all.
    pub(crate) fn share_keys(&mut self, share: impl Fn(&str) -> Option<Arc<str>>) -> bool {
        let mut all = true;
        for (key, _) in &mut self.entries {
            match share(key) {
                Some(shared) => *key = shared,
                None => all = false,
            }
        }
        all
    }

    /// The keys, as they are shared.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let index = self.position(key).ok()?;
        Some(self.entries.remove(index).1.into_value())
    }

    /// Keeps only the entries for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Value) -> bool) {
        self.entries
            .retain(|(key, stored)| keep(key, stored.value()));
    }

    /// A map of the entries for which `keep` is true.
    #[must_use]
    pub fn filtered(&self, mut keep: impl FnMut(&str, &Value) -> bool) -> Self {
        let kept = self.entries.iter();
        let kept = kept.filter(|(key, stored)| keep(key, stored.value()));
        let entries = kept.cloned().collect();
        Self { entries }
    }

    /// Sets every entry of another map here.
    pub fn merge(&mut self, other: &Properties) {
        for (key, stored) in &other.entries {
            self.put(Arc::clone(key), stored.clone());
        }
    }

    /// This map with every entry of another one set in it, but for the keys that are kept as they are; `None` when that
    /// changes no value.
    pub(crate) fn merged(&self, other: &Properties, kept: &[&str]) -> Option<Self> {
        let mut entries = Vec::with_capacity(self.entries.len() + other.entries.len());
        let mut mine = self.entries.iter().peekable();
        let mut changed = false;
        for (key, stored) in &other.entries {
            let order = loop {
                match mine.peek() {
                    None => break Ordering::Greater,
                    Some(entry) => match compare(&entry.0, key) {
                        Ordering::Less => entries.extend(mine.next().cloned()),
                        order => break order,
                    },
                }
            };
            if kept.iter().any(|kept| kept.eq_ignore_ascii_case(key)) {
                continue;
            }
            let before = order.is_eq().then(|| mine.next()).flatten();
            changed |= before.is_none_or(|(_, before)| before != stored);
            // The key that is there is shared with other maps.
            let same = before.map(|(before, _)| before).filter(|same| *same == key);
            entries.push((Arc::clone(same.unwrap_or(key)), stored.clone()));
        }
        if !changed {
            return None;
        }
        entries.extend(mine.cloned());
        Some(Self { entries })
    }

    /// The entries, ordered by key without regard to case.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries
            .iter()
            .map(|(key, stored)| (&**key, stored.value()))
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.entries
            .binary_search_by(|(other, _)| compare(other, key))
    }
}

/// Orders keys by their lower-case ASCII bytes.
fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    // Keys that are compared often begin alike: that is skipped by the word.
    let (ours, theirs) = (left.as_chunks::<8>().0, right.as_chunks::<8>().0);
    let alike = ours.iter().zip(theirs).take_while(|(one, two)| one == two);
    let alike = 8 * alike.count();
    for (one, two) in left[alike..].iter().zip(&right[alike..]) {
        if one != two {
            let order = one.to_ascii_lowercase().cmp(&two.to_ascii_lowercase());
            if order.is_ne() {
                return order;
            }
        }
    }
    left.len().cmp(&right.len())
}

/// Equal keys without regard to case, and equal values: whoever writes a key in another case changes nothing.
impl PartialEq for Properties {
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.entries.iter().zip(&other.entries);
        self.entries.len() == other.entries.len()
            && pairs.all(|(one, two)| one.1 == two.1 && one.0.eq_ignore_ascii_case(&two.0))
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is printed in one place or another ends in a log.
        let entries = self.iter().map(|(key, value)| (key, shown(key, value)));
        f.debug_map().entries(entries).finish()
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>> FromIterator<(K, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut properties = Self::new();
        for (key, value) in entries {
            properties.insert(key, value);
        }
        properties
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Properties {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>> Extend<(K, V)> for Properties {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_compare_without_case_and_keep_the_last_one() {
        let mut properties = Properties::from([("b", 1), ("A", 2)]);
        assert_eq!(properties.insert("B", 3), Some(Value::Int(1)));
        let keys: Vec<&str> = properties.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["A", "B"]);
        assert_eq!(properties.remove("a"), Some(Value::Int(2)));
        assert!(!properties.contains("A"));
    }

    #[test]
    fn merging_sets_what_is_not_kept_and_says_whether_anything_changed() {
        let properties = Properties::from([("b", 1), ("d", 2), ("f", 3)]);
        let other = Properties::from([("A", 7), ("B", 1), ("D", 5), ("F", 9), ("g", 8)]);
        let merged = properties.merged(&other, &["f", "A"]).unwrap();
        let entries: Vec<(&str, i64)> = merged
            .iter()
            .filter_map(|(key, value)| Some((key, value.as_i64()?)))
            .collect();
        assert_eq!(entries, [("B", 1), ("D", 5), ("f", 3), ("g", 8)]);
        let same = Properties::from([("B", 1), ("f", 9)]);
        assert!(properties.merged(&same, &["f"]).is_none());
        assert!(properties.merged(&Properties::new(), &[]).is_none());
        let mut plain = properties.clone();
        plain.merge(&other);
        assert_eq!(properties.merged(&other, &[]), Some(plain));
    }

    #[test]
    fn a_filtered_map_has_the_entries_that_are_kept() {
        let properties = Properties::from([("b", 1), ("A", 2), ("c", 3)]);
        let odd = properties.filtered(|key, value| key != "b" && *value != Value::Int(0));
        assert_eq!(odd, Properties::from([("A", 2), ("c", 3)]));
    }

    #[test]
    fn absent_insertion_leaves_what_is_there() {
        let mut properties = Properties::from([("key", "kept")]);
        properties.insert_absent("KEY", "lost");
        assert_eq!(properties.text("key"), Some("kept"));
    }
}

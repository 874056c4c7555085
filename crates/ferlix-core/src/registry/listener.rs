//! Service listeners: what they want, and which of them an event concerns.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use super::ServiceEvent;
use super::equality::{integer, text_of};
use super::ordered::Ordered;
use crate::filter::Filter;
use crate::property::{Value, keys};

/// Names a listener, to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub(crate) u64);

/// One service listener: whom it belongs to, what it wants and what to call.
pub(crate) struct Listener {
    pub(crate) id: u64,
    pub(crate) bundle_id: u64,
    pub(crate) specification: Option<Arc<str>>,
    pub(crate) filter: Option<Filter>,
    pub(crate) callback: Box<dyn Fn(&ServiceEvent) + Send + Sync>,
}

/// What a hook may know of a listener.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ListenerInfo {
    /// The listener.
    pub id: ListenerId,
    /// The number of the bundle it belongs to.
    pub bundle_id: u64,
    /// The specification it wants; `None` for all.
    pub specification: Option<Arc<str>>,
    /// The filter on properties.
    pub filter: Option<Filter>,
}

/// The listeners that are about to get an event: a hook may take some away, and cannot add any.
pub struct ListenerSet {
    pub(super) listeners: Vec<Arc<Listener>>,
}

impl ListenerSet {
    /// The listeners, in the order in which they would be called.
    pub fn iter(&self) -> impl Iterator<Item = ListenerInfo> {
        self.listeners.iter().map(|listener| listener.info())
    }

    /// Keeps the event from every listener for which `keep` is false.
    pub fn retain(&mut self, mut keep: impl FnMut(ListenerId) -> bool) {
        self.listeners
            .retain(|listener| keep(ListenerId(listener.id)));
    }
}

impl fmt::Debug for ListenerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// All service listeners by the specification they want, and within one by the value that a property must have. Plain data:
/// the store puts it under its lock.
#[derive(Default)]
pub(super) struct Listeners {
    next: u64,
    all: BTreeMap<u64, Arc<Listener>>,
    any: Table,
    named: HashMap<Arc<str>, Table>,
}

/// Listeners in the order in which they were added.
type Group = Ordered<u64, Arc<Listener>>;

/// The listeners of one specification.
#[derive(Default)]
struct Table {
    /// Those whose filter asks for no value.
    plain: Group,
    /// Those that ask for a value of a property, by the first property they ask for.
    keyed: Vec<Keyed>,
}

/// The listeners that want a property to have a certain value.
struct Keyed {
    key: Box<str>,
    /// They may be more than those whose filter matches, and are never fewer: a number stands in its plain spelling, too.
    by_text: HashMap<Box<str>, Group>,
    /// All of them: for a value of a type that more than one text equals.
    all: Group,
}

/// The listeners that an event may concern, in the order in which they were added; their filters have the last word.
pub(super) enum Concerned {
    None,
    Group(Group),
    Several(Vec<Arc<Listener>>),
}

impl Concerned {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Listener>> {
        let (group, several) = match self {
            Self::None => (None, [].as_slice()),
            Self::Group(group) => (Some(group), [].as_slice()),
            Self::Several(listeners) => (None, listeners.as_slice()),
        };
        group.into_iter().flat_map(Ordered::values).chain(several)
    }
}

impl Listener {
    pub(super) fn info(&self) -> ListenerInfo {
        ListenerInfo {
            id: ListenerId(self.id),
            bundle_id: self.bundle_id,
            specification: self.specification.clone(),
            filter: self.filter.clone(),
        }
    }

    /// The property, and its value as a text, without which the listener wants no event.
    fn wanted_value(&self) -> Option<(&str, &str)> {
        let mut wanted = self.filter.as_ref()?.required_equals();
        // All services of a specification have that specification.
        wanted.find(|(key, _)| {
            self.specification.is_none() || !key.eq_ignore_ascii_case(keys::OBJECT_CLASS)
        })
    }
}

impl Table {
    fn add(&mut self, listener: &Arc<Listener>) {
        let Some((key, text)) = listener.wanted_value() else {
            self.plain.insert(listener.id, Arc::clone(listener));
            return;
        };
        let known = self.keyed.iter().position(|keyed| keyed.is_for(key));
        let place = known.unwrap_or_else(|| {
            self.keyed.push(Keyed {
                key: key.into(),
                by_text: HashMap::new(),
                all: Group::default(),
            });
            self.keyed.len() - 1
        });
        let keyed = &mut self.keyed[place];
        keyed.all.insert(listener.id, Arc::clone(listener));
        for text in spellings(text) {
            let group = keyed.by_text.entry(text).or_default();
            group.insert(listener.id, Arc::clone(listener));
        }
    }

    fn remove(&mut self, listener: &Listener) {
        let Some((key, text)) = listener.wanted_value() else {
            self.plain.remove(&listener.id);
            return;
        };
        let Some(place) = self.keyed.iter().position(|keyed| keyed.is_for(key)) else {
            return;
        };
        let keyed = &mut self.keyed[place];
        keyed.all.remove(&listener.id);
        for text in spellings(text) {
            if let Some(group) = keyed.by_text.get_mut(&text) {
                group.remove(&listener.id);
                if group.is_empty() {
                    keyed.by_text.remove(&text);
                }
            }
        }
        if keyed.all.is_empty() {
            self.keyed.swap_remove(place);
        }
    }

    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.keyed.is_empty()
    }

    fn concerned<'a>(&'a self, event: &ServiceEvent, found: &mut impl FnMut(&'a Group)) {
        if !self.plain.is_empty() {
            found(&self.plain);
        }
        for keyed in &self.keyed {
            let value = event.properties.get(&keyed.key);
            // A listener is also told when what it wanted ends.
            let previous = event.previous.as_ref();
            let previous = previous.and_then(|previous| previous.get(&keyed.key));
            for value in [value, previous.filter(|previous| Some(*previous) != value)] {
                keyed.groups(value.unwrap_or(&Value::Null), found);
            }
        }
    }
}

impl Keyed {
    fn is_for(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
    }

    /// The listeners that may want a property of this value.
    fn groups<'a>(&'a self, value: &Value, found: &mut impl FnMut(&'a Group)) {
        match value {
            Value::Null => {}
            Value::List(values) | Value::Set(values) => {
                for value in values {
                    self.groups(value, found);
                }
            }
            value => match text_of(value) {
                None => found(&self.all),
                Some(text) => {
                    if let Some(group) = self.by_text.get(&*text) {
                        found(group);
                    }
                }
            },
        }
    }
}

/// A text of a filter, and the number that it is in its plain spelling.
fn spellings(text: &str) -> impl Iterator<Item = Box<str>> {
    let number = integer(text).filter(|number| **number != *text);
    [Box::from(text)].into_iter().chain(number)
}

impl Listeners {
    pub(super) fn add(
        &mut self,
        bundle_id: u64,
        specification: Option<Arc<str>>,
        filter: Option<Filter>,
        callback: Box<dyn Fn(&ServiceEvent) + Send + Sync>,
    ) -> Arc<Listener> {
        self.next += 1;
        let id = self.next;
        let listener = Arc::new(Listener {
            id,
            bundle_id,
            specification,
            filter,
            callback,
        });
        match &listener.specification {
            None => self.any.add(&listener),
            Some(name) => match self.named.get_mut(name) {
                Some(table) => table.add(&listener),
                None => {
                    let table = self.named.entry(Arc::clone(name)).or_default();
                    table.add(&listener);
                }
            },
        }
        self.all.insert(id, Arc::clone(&listener));
        listener
    }

    /// All of them, in the order in which they were added.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Listener>> {
        self.all.values()
    }

    pub(super) fn contains(&self, id: ListenerId) -> bool {
        self.all.contains_key(&id.0)
    }

    pub(super) fn remove(&mut self, id: ListenerId) -> Option<Arc<Listener>> {
        let listener = self.all.remove(&id.0)?;
        match &listener.specification {
            None => self.any.remove(&listener),
            Some(name) => {
                if let Some(table) = self.named.get_mut(name) {
                    table.remove(&listener);
                    if table.is_empty() {
                        self.named.remove(name);
                    }
                }
            }
        }
        Some(listener)
    }

    pub(super) fn remove_bundle(&mut self, bundle_id: u64) -> Vec<Arc<Listener>> {
        let of_bundle = |listener: &&Arc<Listener>| listener.bundle_id == bundle_id;
        let ids: Vec<u64> = self
            .all
            .values()
            .filter(of_bundle)
            .map(|listener| listener.id)
            .collect();
        ids.into_iter()
            .filter_map(|id| self.remove(ListenerId(id)))
            .collect()
    }

    /// The listeners that an event may concern.
    pub(super) fn concerned(&self, event: &ServiceEvent) -> Concerned {
        let (mut first, mut others) = (None, Vec::new());
        let mut found = |group| match first {
            None => first = Some(group),
            Some(_) => others.push(group),
        };
        self.any.concerned(event, &mut found);
        for name in event.reference.specifications() {
            if let Some(table) = self.named.get(name) {
                table.concerned(event, &mut found);
            }
        }
        match first {
            None => Concerned::None,
            Some(group) if others.is_empty() => Concerned::Group(group.clone()),
            Some(group) => {
                let groups = [group].into_iter().chain(others);
                let mut all: Vec<_> = groups.flat_map(Ordered::values).cloned().collect();
                all.sort_unstable_by_key(|listener| listener.id);
                all.dedup_by_key(|listener| listener.id);
                Concerned::Several(all)
            }
        }
    }
}

//! Service listeners: what they want, and which of them an event concerns.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use super::ServiceEvent;
use crate::filter::Filter;

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
        self.listeners.iter().map(|listener| ListenerInfo {
            id: ListenerId(listener.id),
            bundle_id: listener.bundle_id,
            specification: listener.specification.clone(),
            filter: listener.filter.clone(),
        })
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

/// All service listeners by the specification they want. Plain data: the store puts it under its lock.
#[derive(Default)]
pub(super) struct Listeners {
    next: u64,
    any: BTreeMap<u64, Arc<Listener>>,
    named: HashMap<Arc<str>, BTreeMap<u64, Arc<Listener>>>,
    places: BTreeMap<u64, Option<Arc<str>>>,
}

impl Listeners {
    pub(super) fn add(
        &mut self,
        bundle_id: u64,
        specification: Option<Arc<str>>,
        filter: Option<Filter>,
        callback: Box<dyn Fn(&ServiceEvent) + Send + Sync>,
    ) -> ListenerId {
        self.next += 1;
        let id = self.next;
        self.places.insert(id, specification.clone());
        let table = match &specification {
            Some(name) => self.named.entry(Arc::clone(name)).or_default(),
            None => &mut self.any,
        };
        table.insert(
            id,
            Arc::new(Listener {
                id,
                bundle_id,
                specification,
                filter,
                callback,
            }),
        );
        ListenerId(id)
    }

    pub(super) fn remove(&mut self, id: ListenerId) -> Option<Arc<Listener>> {
        match self.places.remove(&id.0)? {
            None => self.any.remove(&id.0),
            Some(name) => {
                let table = self.named.get_mut(&name)?;
                let removed = table.remove(&id.0);
                if table.is_empty() {
                    self.named.remove(&name);
                }
                removed
            }
        }
    }

    pub(super) fn remove_bundle(&mut self, bundle_id: u64) -> Vec<Arc<Listener>> {
        let all = self
            .any
            .values()
            .chain(self.named.values().flat_map(BTreeMap::values));
        let ids: Vec<u64> = all
            .filter(|listener| listener.bundle_id == bundle_id)
            .map(|listener| listener.id)
            .collect();
        ids.into_iter()
            .filter_map(|id| self.remove(ListenerId(id)))
            .collect()
    }

    /// The listeners that want one of these specifications, in the order in which they were added.
    pub(super) fn matching(&self, specifications: &[Arc<str>]) -> Vec<Arc<Listener>> {
        let mut found: Vec<Arc<Listener>> = self.any.values().cloned().collect();
        for name in specifications {
            if let Some(table) = self.named.get(name) {
                found.extend(table.values().cloned());
            }
        }
        if specifications.len() > 1 || !self.any.is_empty() {
            found.sort_unstable_by_key(|listener| listener.id);
        }
        found
    }
}

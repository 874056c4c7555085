//! [`Registry`]: the index and the listeners under their locks, and the delivery of events.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::ArcSwap;

use super::index::Index;
use super::listener::Listeners;
use super::reference::{DEPARTING, Entry, GONE, REGISTERED};
use super::{
    Departure, EVENT_LISTENER_HOOK, EventListenerHook, Listener, ListenerId, ListenerSet,
    ServiceEvent, ServiceEventKind, ServiceObject, ServiceRef, check_specification,
};
use crate::Error;
use crate::filter::Filter;
use crate::property::{FromValue, Properties, Value, keys};

/// All services and listeners of one framework.
#[derive(Default)]
pub(crate) struct Registry {
    index: RwLock<Index>,
    listeners: RwLock<Listeners>,
    next_id: AtomicU64,
    revision: AtomicU64,
}

impl Registry {
    /// Registers an object and tells the hooks and listeners.
    pub(crate) fn register(
        &self,
        bundle_id: u64,
        object: ServiceObject,
        mut properties: Properties,
    ) -> Result<ServiceRef, Error> {
        let mut specifications: Vec<Arc<str>> = Vec::new();
        for name in object.specifications() {
            check_specification(name)?;
            if !specifications.iter().any(|other| &**other == name) {
                specifications.push(Arc::from(name));
            }
        }
        if specifications.is_empty() {
            check_specification("")?;
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed) + 1;
        let names: Vec<Value> = specifications
            .iter()
            .map(|name| Value::from(&**name))
            .collect();
        properties.insert(keys::OBJECT_CLASS, Value::List(names));
        properties.insert(keys::SERVICE_ID, Value::Long(number(id)));
        properties.insert(keys::SERVICE_BUNDLE_ID, Value::Long(number(bundle_id)));
        properties.insert(keys::SERVICE_SCOPE, "singleton");
        let ranking = ranking(&properties).unwrap_or(0);
        let service = ServiceRef(Arc::new(Entry {
            id,
            bundle_id,
            specifications: specifications.into(),
            object,
            properties: ArcSwap::from_pointee(properties),
            ranking: ranking.into(),
            presence: REGISTERED.into(),
            users: Mutex::default(),
            events: Mutex::default(),
        }));
        {
            let mut index = self.index_mut();
            index.insert(&service);
            self.queue(&service, ServiceEventKind::Registered, None, None);
        }
        self.deliver(&service);
        Ok(service)
    }

    /// Takes a service out and tells the hooks and listeners; the departure is over when all have let go.
    pub(crate) fn unregister(&self, service: &ServiceRef) -> Result<Departure, Error> {
        let departure = Departure::begin();
        {
            let mut index = self.index_mut();
            let presence = &service.0.presence;
            if presence
                .compare_exchange(REGISTERED, DEPARTING, Ordering::AcqRel, Ordering::Acquire)
                .is_err()
            {
                return Err(Error::Unregistered { id: service.id() });
            }
            index.remove(service);
            self.queue(
                service,
                ServiceEventKind::Unregistering,
                None,
                Some(departure.clone()),
            );
        }
        self.deliver(service);
        Ok(departure)
    }

    /// Changes the properties of a service by `change` and tells the hooks and listeners if anything is different.
    pub(crate) fn change(
        &self,
        service: &ServiceRef,
        change: impl FnOnce(&mut Properties),
    ) -> Result<(), Error> {
        {
            let mut index = self.index_mut();
            if !service.is_registered() {
                return Err(Error::Unregistered { id: service.id() });
            }
            let previous = service.properties();
            let mut next = Properties::clone(&previous);
            change(&mut next);
            for key in keys::REGISTRY_OWNED {
                if let Some(value) = previous.get(key) {
                    next.insert(key, value.clone());
                }
            }
            if next == *previous {
                return Ok(());
            }
            let ranking = match next.get(keys::SERVICE_RANKING) {
                Some(_) => ranking(&next).unwrap_or_else(|| service.ranking()),
                None => 0,
            };
            if ranking == service.ranking() {
                service.0.properties.store(Arc::new(next));
            } else {
                index.remove(service);
                service.0.properties.store(Arc::new(next));
                service.0.ranking.store(ranking, Ordering::Release);
                index.insert(service);
            }
            self.queue(service, ServiceEventKind::Modified, Some(previous), None);
        }
        self.deliver(service);
        Ok(())
    }

    /// The best service of a specification that `accept` takes.
    pub(crate) fn best<R>(
        &self,
        specification: &str,
        mut accept: impl FnMut(&ServiceRef) -> Option<R>,
    ) -> Option<R> {
        self.index().named(specification).find_map(&mut accept)
    }

    /// All services of a specification (or all there are) that match, best first.
    pub(crate) fn find(
        &self,
        specification: Option<&str>,
        filter: Option<&Filter>,
    ) -> Vec<ServiceRef> {
        let matches = |service: &&ServiceRef| {
            filter.is_none_or(|filter| filter.matches(&service.0.properties.load()))
        };
        let index = self.index();
        match specification {
            Some(name) => index.named(name).filter(matches).cloned().collect(),
            None => {
                let mut all: Vec<ServiceRef> = index.all().filter(matches).cloned().collect();
                all.sort();
                all
            }
        }
    }

    pub(crate) fn by_id(&self, id: u64) -> Option<ServiceRef> {
        self.index().by_id(id).cloned()
    }

    /// The services that a bundle registered, newest first.
    pub(crate) fn of_bundle(&self, bundle_id: u64) -> Vec<ServiceRef> {
        self.index()
            .all()
            .rev()
            .filter(|service| service.bundle_id() == bundle_id)
            .cloned()
            .collect()
    }

    /// The services that a bundle uses, by number.
    pub(crate) fn used_by(&self, bundle_id: u64) -> Vec<ServiceRef> {
        self.index()
            .all()
            .filter(|service| service.0.users().contains_key(&bundle_id))
            .cloned()
            .collect()
    }

    /// Forgets what a bundle used, and its listeners.
    pub(crate) fn release_bundle(&self, bundle_id: u64) {
        let removed = self.listeners_mut().remove_bundle(bundle_id);
        // Their closures are user code's to drop: not under the lock.
        drop(removed);
    }

    pub(crate) fn add_listener(
        &self,
        bundle_id: u64,
        specification: Option<&str>,
        filter: Option<Filter>,
        callback: Box<dyn Fn(&ServiceEvent) + Send + Sync>,
    ) -> Result<ListenerId, Error> {
        if let Some(name) = specification {
            check_specification(name)?;
        }
        Ok(self
            .listeners_mut()
            .add(bundle_id, specification.map(Arc::from), filter, callback))
    }

    pub(crate) fn remove_listener(&self, id: ListenerId) -> bool {
        let removed = self.listeners_mut().remove(id);
        removed.is_some()
    }

    /// Puts an event into the service's queue; under the index lock, so that the queue has the order of the changes.
    fn queue(
        &self,
        service: &ServiceRef,
        kind: ServiceEventKind,
        previous: Option<Arc<Properties>>,
        departure: Option<Departure>,
    ) {
        let revision = self.revision.fetch_add(1, Ordering::Relaxed) + 1;
        let hold = departure
            .as_ref()
            .map(|departure| departure.hold("the delivery of the event".to_owned()));
        let event = ServiceEvent {
            kind,
            reference: service.clone(),
            properties: service.properties(),
            previous,
            revision,
            departure,
        };
        service.0.events().waiting.push_back((event, hold));
    }

    /// Delivers the waiting events of a service, unless somebody is at it already (who then delivers these too).
    fn deliver(&self, service: &ServiceRef) {
        loop {
            let (event, hold) = {
                let mut queue = service.0.events();
                if queue.draining {
                    return;
                }
                let Some(next) = queue.waiting.pop_front() else {
                    return;
                };
                queue.draining = true;
                next
            };
            self.dispatch(&event);
            if event.kind == ServiceEventKind::Unregistering {
                service.0.presence.store(GONE, Ordering::Release);
            }
            service.0.events().draining = false;
            drop(hold);
        }
    }

    fn dispatch(&self, event: &ServiceEvent) {
        let mut set = ListenerSet {
            listeners: self.listeners().matching(event.reference.specifications()),
        };
        for hook in self.find(Some(EVENT_LISTENER_HOOK), None) {
            if hook == event.reference {
                continue;
            }
            if let Some(hook) = hook.typed::<dyn EventListenerHook>() {
                let call = catch_unwind(AssertUnwindSafe(|| hook.event(event, &mut set)));
                if call.is_err() {
                    tracing::error!(event = ?event.kind, service = %event.reference, "an event-listener hook panicked");
                }
            }
        }
        for listener in &set.listeners {
            let Some(kind) = wanted(listener, event) else {
                continue;
            };
            let call = catch_unwind(AssertUnwindSafe(|| {
                if kind == event.kind {
                    (listener.callback)(event);
                } else {
                    (listener.callback)(&ServiceEvent {
                        kind,
                        ..event.clone()
                    });
                }
            }));
            if call.is_err() {
                tracing::error!(event = ?event.kind, service = %event.reference, bundle = listener.bundle_id, "a service listener panicked");
            }
        }
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn listeners(&self) -> RwLockReadGuard<'_, Listeners> {
        self.listeners
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn listeners_mut(&self) -> RwLockWriteGuard<'_, Listeners> {
        self.listeners
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kind of event that a listener gets, if it wants this one.
fn wanted(listener: &Listener, event: &ServiceEvent) -> Option<ServiceEventKind> {
    let Some(filter) = &listener.filter else {
        return Some(event.kind);
    };
    if filter.matches(&event.properties) {
        return Some(event.kind);
    }
    let matched_before = event
        .previous
        .as_ref()
        .is_some_and(|previous| filter.matches(previous));
    (event.kind == ServiceEventKind::Modified && matched_before)
        .then_some(ServiceEventKind::ModifiedEndMatch)
}

/// The ranking in a property map, if it is an integer of 32 bits.
fn ranking(properties: &Properties) -> Option<i32> {
    properties
        .get(keys::SERVICE_RANKING)
        .cloned()
        .and_then(|value| i32::from_value(value).ok())
}

/// Identifiers grow by one and never reach the end of `i64`.
fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

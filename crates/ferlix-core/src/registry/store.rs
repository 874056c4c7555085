//! [`Registry`]: the index and the listeners under their locks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::best::BestByName;
use super::departure::Waits;
use super::index::Index;
use super::listener::Listeners;
use super::reference::{DEPARTING, Entry, REGISTERED};
use super::turn::{Guarded, InTurn};
use super::{
    Departure, EVENT_LISTENER_HOOK, FIND_HOOK, FindHook, FindRequest, FoundSet, LISTENER_HOOK,
    Listener, ListenerHook, ListenerId, ListenerInfo, ServiceEvent, ServiceEventKind, ServiceGuard,
    ServiceObject, ServiceRef, ServiceScope, check_specification,
};
use crate::Error;
use crate::filter::Filter;
use crate::property::{FromValue, Properties, Value, keys};
use crate::service::Service;

/// All services and listeners of one framework.
pub(crate) struct Registry {
    index: Guarded<Index>,
    listeners: RwLock<Listeners>,
    next_id: AtomicU64,
    revision: AtomicU64,
    owned: OwnedKeys,
    waits: Waits,
    read: ReadMostly,
}

/// What every look-up reads and few changes write: apart from what each change writes, so that a writer on another core does
/// not take it out of the reader's cache each time.
#[derive(Default)]
#[repr(align(128))]
struct ReadMostly {
    best: BestByName,
    event_hooks: AtomicUsize,
    find_hooks: AtomicUsize,
    listener_hooks: AtomicUsize,
}

/// The keys that the registry sets, and some of their values: shared by all services.
struct OwnedKeys {
    object_class: Arc<str>,
    id: Arc<str>,
    bundle_id: Arc<str>,
    scope: Arc<str>,
    /// The values of `scope`, in the order of the scopes.
    scopes: [Arc<Value>; 3],
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            index: Guarded::new(Index::default()),
            listeners: RwLock::default(),
            next_id: AtomicU64::new(0),
            revision: AtomicU64::new(0),
            owned: OwnedKeys {
                object_class: keys::OBJECT_CLASS.into(),
                id: keys::SERVICE_ID.into(),
                bundle_id: keys::SERVICE_BUNDLE_ID.into(),
                scope: keys::SERVICE_SCOPE.into(),
                scopes: [
                    ServiceScope::Singleton,
                    ServiceScope::Bundle,
                    ServiceScope::Prototype,
                ]
                .map(|scope| Arc::new(scope.as_str().into())),
            },
            waits: Waits::default(),
            read: ReadMostly::default(),
        }
    }
}

impl Registry {
    /// Who waits for which departure.
    pub(super) fn waits(&self) -> &Waits {
        &self.waits
    }

    /// Registers an object and tells the hooks and listeners.
    pub(crate) fn register(
        &self,
        bundle_id: u64,
        object: ServiceObject,
        mut properties: Properties,
    ) -> Result<ServiceRef, Error> {
        let Shared {
            specifications,
            object_class,
            new_keys,
        } = self.share(&object, &mut properties)?;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed) + 1;
        let owned = &self.owned;
        let scope = &owned.scopes[object.scope() as usize];
        properties.reserve_exact(keys::REGISTRY_OWNED.len());
        properties.insert_shared(Arc::clone(&owned.object_class), object_class);
        properties.insert(Arc::clone(&owned.bundle_id), Value::Long(number(bundle_id)));
        properties.insert(Arc::clone(&owned.id), Value::Long(number(id)));
        properties.insert_shared(Arc::clone(&owned.scope), Arc::clone(scope));
        let ranking = ranking(&properties).unwrap_or(0);
        let properties = Arc::new(properties);
        let service = ServiceRef::new(Entry {
            id,
            bundle_id,
            specifications,
            object,
            properties: ArcSwap::new(Arc::clone(&properties)),
            ranking: ranking.into(),
            presence: REGISTERED.into(),
            users: Mutex::default(),
            shares: ArcSwapOption::empty(),
            events: InTurn::new(),
        });
        let delivery = {
            let mut index = self.index_mut();
            index.insert(&service, new_keys);
            self.note_best(&index, &service);
            self.count_hook(&service, |hooks| {
                hooks.fetch_add(1, Ordering::Release);
            });
            self.queue(
                &service,
                ServiceEventKind::Registered,
                properties,
                None,
                None,
            )
        };
        self.deliver(delivery);
        if self.read.listener_hooks.load(Ordering::Acquire) > 0
            && service
                .specifications()
                .iter()
                .any(|name| &**name == LISTENER_HOOK)
        {
            self.tell_of_all_listeners(&service);
        }
        Ok(service)
    }

    /// What an object and its properties share with the services that are there.
    fn share(&self, object: &ServiceObject, properties: &mut Properties) -> Result<Shared, Error> {
        let mut specifications: Vec<Arc<str>> = Vec::with_capacity(1);
        let mut object_class = None;
        let index = self.index();
        for name in object.specifications() {
            if specifications.iter().any(|other| &**other == name) {
                continue;
            }
            specifications.push(match index.shared_name(name) {
                Some((name, class)) => {
                    object_class = Some(class);
                    Arc::clone(name)
                }
                None => {
                    check_specification(name)?;
                    name.into()
                }
            });
        }
        let object_class = match (&*specifications, object_class) {
            ([], _) => {
                check_specification("")?;
                Arc::default()
            }
            ([_], Some(class)) => Arc::clone(class),
            (names, _) => {
                let names = names.iter().map(|name| Value::from(&**name));
                Arc::new(Value::List(names.collect()))
            }
        };
        Ok(Shared {
            specifications: specifications.into(),
            object_class,
            new_keys: !properties.share_keys(|key| index.shared_key(key)),
        })
    }

    /// Repeats what the index says of the best service of each of these specifications.
    fn note_best(&self, index: &Index, service: &ServiceRef) {
        for name in service.specifications() {
            self.read.best.set(name, index.first(name));
        }
    }

    /// Takes a service out and tells the hooks and listeners; the departure is over when all have let go.
    pub(crate) fn unregister(&self, service: &ServiceRef) -> Result<Departure, Error> {
        let departure = Departure::begin();
        let delivery = {
            let mut index = self.index_mut();
            let presence = &service.0.presence;
            if presence
                .compare_exchange(REGISTERED, DEPARTING, Ordering::AcqRel, Ordering::Acquire)
                .is_err()
            {
                return Err(Error::Unregistered { id: service.id() });
            }
            index.remove(service);
            self.note_best(&index, service);
            self.count_hook(service, |hooks| {
                hooks.fetch_sub(1, Ordering::Release);
            });
            self.queue(
                service,
                ServiceEventKind::Unregistering,
                service.properties(),
                None,
                Some(departure.clone()),
            )
        };
        self.deliver(delivery);
        Ok(departure)
    }

    fn count_hook(&self, service: &ServiceRef, count: impl Fn(&AtomicUsize)) {
        for name in service.specifications() {
            match &**name {
                EVENT_LISTENER_HOOK => count(&self.read.event_hooks),
                FIND_HOOK => count(&self.read.find_hooks),
                LISTENER_HOOK => count(&self.read.listener_hooks),
                _ => {}
            }
        }
    }

    /// Gives a service other properties, if `change` makes some of those it has, and tells the hooks and listeners. What the
    /// registry owns must be the same in both.
    pub(crate) fn change(
        &self,
        service: &ServiceRef,
        change: impl FnOnce(&Properties) -> Option<Properties>,
    ) -> Result<(), Error> {
        let delivery = {
            let mut index = self.index_mut();
            if !service.is_registered() {
                return Err(Error::Unregistered { id: service.id() });
            }
            let previous = service.properties();
            let Some(next) = change(&previous) else {
                return Ok(());
            };
            let before = service.ranking();
            let ranking = match next.get(keys::SERVICE_RANKING) {
                Some(_) => ranking(&next).unwrap_or(before),
                None => 0,
            };
            let next = Arc::new(next);
            index.change(service, &previous, &next, ranking, || {
                service.0.properties.store(Arc::clone(&next));
                service.0.ranking.store(ranking, Ordering::Release);
            });
            if ranking != before {
                self.note_best(&index, service);
            }
            let kind = ServiceEventKind::Modified;
            self.queue(service, kind, next, Some(previous), None)
        };
        self.deliver(delivery);
        Ok(())
    }

    /// The best service of a specification that matches and is a `dyn Trait`, as a bundle may see it, counted as a use.
    pub(crate) fn best_guard<T: ?Sized + Service>(
        &self,
        bundle_id: u64,
        filter: Option<&Filter>,
    ) -> Option<ServiceGuard<T>> {
        let name = T::interface().name;
        if self.has_find_hooks() {
            let mut found = self.look_up(bundle_id, Some(name), filter);
            found.retain(ServiceRef::provides::<T>);
            return found.first()?.guard(bundle_id);
        }
        if filter.is_none() {
            // Another trait may have taken the name: then the search goes on.
            let best = self.read.best.with(name, |best| best.guard(bundle_id));
            if let Some(Some(guard)) = best {
                return Some(guard);
            }
        }
        let candidates = self.index().candidates(Some(name), filter);
        candidates
            .best(Some(name), filter, ServiceRef::provides::<T>)?
            .guard(bundle_id)
    }

    /// The best service of a specification that matches, as a bundle may see it.
    pub(crate) fn best(
        &self,
        bundle_id: u64,
        specification: &str,
        filter: Option<&Filter>,
    ) -> Option<ServiceRef> {
        if self.has_find_hooks() {
            let found = self.look_up(bundle_id, Some(specification), filter);
            return found.into_iter().next();
        }
        if filter.is_none() {
            return self.read.best.get(specification);
        }
        let candidates = self.index().candidates(Some(specification), filter);
        candidates.best(Some(specification), filter, |_| true)
    }

    /// All services of a specification (or all there are) that match, best first, as a bundle may see them.
    pub(crate) fn look_up(
        &self,
        bundle_id: u64,
        specification: Option<&str>,
        filter: Option<&Filter>,
    ) -> Vec<ServiceRef> {
        let found = self.find(specification, filter);
        if !self.has_find_hooks() {
            return found;
        }
        let request = FindRequest {
            bundle_id,
            specification,
            filter,
        };
        self.ask_find_hooks(&request, found)
    }

    /// The service of a number, as a bundle may see it.
    pub(crate) fn look_up_id(&self, bundle_id: u64, id: u64) -> Option<ServiceRef> {
        let found = self.index().by_id(id).cloned();
        if !self.has_find_hooks() {
            return found;
        }
        let request = FindRequest {
            bundle_id,
            specification: None,
            filter: None,
        };
        let found = self.ask_find_hooks(&request, found.into_iter().collect());
        found.into_iter().next()
    }

    fn ask_find_hooks(
        &self,
        request: &FindRequest<'_>,
        services: Vec<ServiceRef>,
    ) -> Vec<ServiceRef> {
        let mut found = FoundSet { services };
        for reference in self.find(Some(FIND_HOOK), None) {
            let usage = reference.clone().acquire(reference.bundle_id());
            let hook = usage.and_then(|usage| Some((usage.typed::<dyn FindHook>()?, usage)));
            if let Some((hook, _usage)) = hook {
                let call = catch_unwind(AssertUnwindSafe(|| hook.find(request, &mut found)));
                if call.is_err() {
                    tracing::error!(?request, hook = %reference, "a find hook panicked");
                }
            }
        }
        found.services
    }

    /// All services of a specification (or all there are) that match, best first; no hook is asked.
    pub(super) fn find(
        &self,
        specification: Option<&str>,
        filter: Option<&Filter>,
    ) -> Vec<ServiceRef> {
        let candidates = self.index().candidates(specification, filter);
        candidates.all(specification, filter)
    }

    /// Indexes a property for a bundle, until the bundle stops.
    pub(crate) fn index_property(&self, bundle_id: u64, key: &str) {
        self.index_mut().index_property(bundle_id, key);
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
            .filter(|service| service.use_count(bundle_id) > 0)
            .cloned()
            .collect()
    }

    /// Ends a bundle's uses, and forgets its listeners and indexes.
    pub(crate) fn release_bundle(&self, bundle_id: u64) {
        for service in self.used_by(bundle_id) {
            service.release_user(bundle_id);
        }
        self.index_mut().release_bundle(bundle_id);
        let removed = self.listeners_mut().remove_bundle(bundle_id);
        self.tell_of_listeners(&removed, |hook, listeners| hook.removed(listeners));
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
        let specification = specification.map(Arc::from);
        let added = self
            .listeners_mut()
            .add(bundle_id, specification, filter, callback);
        let id = ListenerId(added.id);
        self.tell_of_listeners(&[added], |hook, listeners| hook.added(listeners));
        Ok(id)
    }

    pub(crate) fn remove_listener(&self, id: ListenerId) -> bool {
        let removed = self.listeners_mut().remove(id);
        let was_there = removed.is_some();
        if let Some(listener) = removed {
            self.tell_of_listeners(&[listener], |hook, listeners| hook.removed(listeners));
        }
        was_there
    }

    /// Tells every listener hook of listeners that came or went.
    fn tell_of_listeners(
        &self,
        listeners: &[Arc<Listener>],
        tell: impl Fn(&dyn ListenerHook, &[ListenerInfo]),
    ) {
        if self.read.listener_hooks.load(Ordering::Acquire) == 0 || listeners.is_empty() {
            return;
        }
        let listeners: Vec<ListenerInfo> =
            listeners.iter().map(|listener| listener.info()).collect();
        for hook in self.find(Some(LISTENER_HOOK), None) {
            call_listener_hook(&hook, |hook| tell(hook, &listeners));
        }
    }

    /// Tells a hook that is new of the listeners that are there.
    fn tell_of_all_listeners(&self, hook: &ServiceRef) {
        let mut listeners: Vec<ListenerInfo> = {
            let all = self.listeners();
            all.all().map(|listener| listener.info()).collect()
        };
        listeners.sort_unstable_by_key(|listener| listener.id);
        call_listener_hook(hook, |hook| hook.added(&listeners));
        // Those that went meanwhile may have been told of before.
        listeners.retain(|listener| !self.listeners().contains(listener.id));
        if !listeners.is_empty() {
            call_listener_hook(hook, |hook| hook.removed(&listeners));
        }
    }

    pub(super) fn next_revision(&self) -> u64 {
        self.revision.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn has_event_hooks(&self) -> bool {
        self.read.event_hooks.load(Ordering::Acquire) > 0
    }

    fn has_find_hooks(&self) -> bool {
        self.read.find_hooks.load(Ordering::Acquire) > 0
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read()
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write()
    }

    pub(super) fn listeners(&self) -> RwLockReadGuard<'_, Listeners> {
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

fn call_listener_hook(reference: &ServiceRef, call: impl FnOnce(&dyn ListenerHook)) {
    let usage = reference.clone().acquire(reference.bundle_id());
    let hook = usage.and_then(|usage| Some((usage.typed::<dyn ListenerHook>()?, usage)));
    if let Some((hook, _usage)) = hook
        && catch_unwind(AssertUnwindSafe(|| call(&*hook))).is_err()
    {
        tracing::error!(hook = %reference, "a listener hook panicked");
    }
}

/// What a new service shares with those that are there.
struct Shared {
    specifications: Box<[Arc<str>]>,
    object_class: Arc<Value>,
    /// The properties have keys that no service had.
    new_keys: bool,
}

impl Drop for Registry {
    fn drop(&mut self) {
        for service in self.index().all() {
            service.forget_guards();
        }
    }
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

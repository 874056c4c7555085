//! [`ServiceRef`]: one registered service, seen from outside.

use std::cmp::{Ordering as Order, Reverse};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::delivery::Delivery;
use super::guard::Share;
use super::turn::InTurn;
use super::usage::Users;
use super::{ServiceObject, ServiceScope};
use crate::property::{Properties, Value, keys};
use crate::service::{Caller, Dispatch, Health, Service};

/// One registered service. Cheap to clone; it says whether the service is still there, and never keeps it registered.
///
/// References order best first: higher ranking, then services of this process before proxies, then lower id.
#[derive(Clone)]
pub struct ServiceRef(pub(super) Arc<Handle>);

/// A way to a service. There are several to the same one, so that threads that look it up do not all count references at the
/// same place.
pub(super) struct Handle {
    entry: Arc<Entry>,
    /// Keeps the counts of two handles that were made one after the other in lines of the cache of their own.
    _apart: [u64; 4],
}

impl Handle {
    fn new(entry: Arc<Entry>) -> Self {
        Self {
            entry,
            _apart: [0; 4],
        }
    }
}

impl Deref for Handle {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.entry
    }
}

/// What the registry knows of one service.
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) bundle_id: u64,
    pub(super) specifications: Box<[Arc<str>]>,
    pub(super) object: ServiceObject,
    pub(super) properties: ArcSwap<Properties>,
    pub(super) ranking: AtomicI32,
    pub(super) presence: AtomicU8,
    pub(super) users: Mutex<Users>,
    /// What the guards of bundles share; changed while the users are locked.
    pub(super) shares: ArcSwapOption<Vec<Arc<Share>>>,
    /// The events that were not told yet.
    pub(super) events: InTurn<Delivery>,
}

/// The place of a service among others, the best first: highest ranking, then local before remote, then lowest number.
pub(crate) type Place = (Reverse<i32>, bool, u64);

/// The values of `Entry::presence`.
pub(super) const REGISTERED: u8 = 0;
/// Out of the registry; the listeners are being told.
pub(super) const DEPARTING: u8 = 1;
/// Gone: it cannot be got any more.
pub(super) const GONE: u8 = 2;

impl ServiceRef {
    pub(super) fn new(entry: Entry) -> Self {
        Self(Arc::new(Handle::new(Arc::new(entry))))
    }

    /// The same service by another handle.
    pub(super) fn handle(&self) -> Self {
        Self(Arc::new(Handle::new(Arc::clone(&self.0.entry))))
    }

    /// The number of the service in its framework, from 1.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The number of the bundle that registered it.
    #[must_use]
    pub fn bundle_id(&self) -> u64 {
        self.0.bundle_id
    }

    /// Its specifications, in the order of registration.
    #[must_use]
    pub fn specifications(&self) -> &[Arc<str>] {
        &self.0.specifications
    }

    /// Its properties now.
    #[must_use]
    pub fn properties(&self) -> Arc<Properties> {
        self.0.properties.load_full()
    }

    /// One of its properties now.
    #[must_use]
    pub fn property(&self, key: &str) -> Option<Value> {
        self.0.properties.load().get(key).cloned()
    }

    /// Its ranking now.
    #[must_use]
    pub fn ranking(&self) -> i32 {
        self.0.ranking.load(Ordering::Acquire)
    }

    /// Its place among others now.
    pub(crate) fn place(&self) -> Place {
        (
            Reverse(self.ranking()),
            self.0.object.is_remote(),
            self.id(),
        )
    }

    /// Whether it is in the registry.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.0.presence.load(Ordering::Acquire) == REGISTERED
    }

    /// Whether it is a proxy for a service in another process.
    #[must_use]
    pub fn is_imported(&self) -> bool {
        self.0.object.is_remote() || self.0.properties.load().contains("service.imported")
    }

    /// What serves its remote interfaces; empty when it has none.
    #[must_use]
    pub fn dispatchers(&self) -> Vec<Arc<dyn Dispatch>> {
        self.0.object.dispatchers()
    }

    /// What calls it in another process.
    pub(crate) fn caller(&self) -> Option<&Arc<dyn Caller>> {
        self.0.object.caller()
    }

    /// Whether its peer answers, if it is in another process and somebody keeps account.
    #[must_use]
    pub fn health(&self) -> Option<&Arc<Health>> {
        self.caller()?.health()
    }

    /// Whether it answers, as far as is known: a local service always does.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.health().is_none_or(|health| health.is_healthy())
    }

    /// For whom it has an object of its own.
    #[must_use]
    pub fn scope(&self) -> ServiceScope {
        self.0.object.scope()
    }

    /// Whether it is registered as `dyn Trait`, without making or counting anything.
    pub(crate) fn provides<T: ?Sized + Service>(&self) -> bool {
        self.0.object.provides::<T>()
    }

    /// The service as `dyn Trait`, without counting a use: for whoever tracks the service by its events. `None` for one whose
    /// object is made for each user.
    pub(crate) fn typed<T: ?Sized + Service>(&self) -> Option<Arc<T>> {
        (self.0.presence.load(Ordering::Acquire) != GONE).then(|| self.0.object.typed())?
    }

    /// The service as `dyn Trait`, also when it is gone: for the callbacks that part with it, which may run later.
    pub(crate) fn typed_to_the_last<T: ?Sized + Service>(&self) -> Option<Arc<T>> {
        self.0.object.typed()
    }
}

impl PartialEq for ServiceRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.entry, &other.0.entry)
    }
}

impl Eq for ServiceRef {}

impl Hash for ServiceRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl PartialOrd for ServiceRef {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl Ord for ServiceRef {
    fn cmp(&self, other: &Self) -> Order {
        self.place().cmp(&other.place())
    }
}

impl fmt::Display for ServiceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self
            .0
            .properties
            .load()
            .get(keys::OBJECT_CLASS)
            .cloned()
            .unwrap_or_default();
        write!(
            f,
            "ServiceReference(ID={}, Bundle={}, Specs={names})",
            self.id(),
            self.bundle_id()
        )
    }
}

impl fmt::Debug for ServiceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

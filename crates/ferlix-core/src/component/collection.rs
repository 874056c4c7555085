//! The handles that hold several services in another form than a list: [`Map`], [`MultiMap`] and [`Broadcast`].
//!
//! Like the other handles they follow in place, are cheap to clone, and reading never waits for a writer.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::join_all;

use super::bound::BoundService;
use super::inject::{DependencyKind, Inject, Slot};
use super::injection::Injection;
use crate::property::FromValue;
use crate::registry::ServiceRef;
use crate::service::Service;

/// What a property must be to find services by: a plain value, or an `Option` of one, whose `None` has the services
/// without that property.
pub trait MapKey: FromValue + Ord + Clone + Send + Sync + 'static {}

impl<K: FromValue + Ord + Clone + Send + Sync + 'static> MapKey for K {}

/// The key of a service; `None` when it has none of that type.
fn key_of<K: MapKey>(reference: &ServiceRef, key: &str) -> Option<K> {
    K::from_value(reference.property(key).unwrap_or_default()).ok()
}

/// A service with its key.
fn entry<K: MapKey, T: ?Sized + Service>(service: &BoundService, key: &str) -> Option<(K, Arc<T>)> {
    Some((key_of(service.reference(), key)?, service.get()?))
}

/// Several services, to all of which a call goes.
pub struct Broadcast<T: ?Sized>(Arc<ArcSwap<Vec<Arc<T>>>>);

impl<T: ?Sized> Broadcast<T> {
    /// Calls every service, the best first, and returns what each returned.
    pub fn each<R>(&self, call: impl FnMut(&T) -> R) -> Vec<R> {
        let mut call = call;
        let services = self.0.load_full();
        services.iter().map(|service| call(service)).collect()
    }

    /// Calls every service at once and waits for all; the results are in the order of the services, the best first.
    ///
    /// Each call keeps its own deadline: one that is late delays the result, not the other calls.
    pub async fn each_async<R, F: Future<Output = R>>(
        &self,
        call: impl FnMut(Arc<T>) -> F,
    ) -> Vec<R> {
        let services: Vec<Arc<T>> = self.0.load().iter().map(Arc::clone).collect();
        join_all(services.into_iter().map(call)).await
    }

    /// How many services there are at this moment.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.load().len()
    }

    /// Whether there is none at this moment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: ?Sized + Service> Slot for Broadcast<T> {
    fn assign(&self, services: &mut dyn Iterator<Item = &BoundService>) {
        let services = services.filter_map(BoundService::get);
        self.0.store(Arc::new(services.collect()));
    }
}

impl<T: ?Sized + Service> Inject for Broadcast<T> {
    type Interface = T;

    const KIND: DependencyKind = DependencyKind::Broadcast;

    fn slot(_: &Injection) -> Box<dyn Slot> {
        Box::new(Self(Arc::default()))
    }

    fn from_slot(slot: &dyn Slot) -> Option<Self> {
        (slot as &dyn Any).downcast_ref::<Self>().cloned()
    }
}

/// The best service for each value of a property.
pub struct Map<K, T: ?Sized>(Arc<ArcSwap<BTreeMap<K, Arc<T>>>>);

impl<K: Ord, T: ?Sized> Map<K, T> {
    /// The service of a key at this moment.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Arc<T>> {
        self.0.load().get(key).map(Arc::clone)
    }

    /// All services by key at this moment.
    #[must_use]
    pub fn load(&self) -> Arc<BTreeMap<K, Arc<T>>> {
        self.0.load_full()
    }

    /// How many there are at this moment.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.load().len()
    }

    /// Whether there is none at this moment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

struct MapSlot<K, T: ?Sized> {
    map: Map<K, T>,
    key: &'static str,
}

impl<K: MapKey, T: ?Sized + Service> Slot for MapSlot<K, T> {
    fn assign(&self, services: &mut dyn Iterator<Item = &BoundService>) {
        let mut map = BTreeMap::new();
        for service in services {
            if let Some((key, service)) = entry(service, self.key) {
                // The best comes first.
                map.entry(key).or_insert(service);
            }
        }
        self.map.0.store(Arc::new(map));
    }
}

impl<K: MapKey, T: ?Sized + Service> Inject for Map<K, T> {
    type Interface = T;

    const KIND: DependencyKind = DependencyKind::Map;

    fn slot(injection: &Injection) -> Box<dyn Slot> {
        Box::new(MapSlot {
            map: Map::<K, T>(Arc::new(ArcSwap::from_pointee(BTreeMap::new()))),
            key: injection.key,
        })
    }

    fn from_slot(slot: &dyn Slot) -> Option<Self> {
        let slot = (slot as &dyn Any).downcast_ref::<MapSlot<K, T>>()?;
        Some(slot.map.clone())
    }

    fn select(mut services: Vec<ServiceRef>, injection: &Injection) -> Vec<ServiceRef> {
        let mut keys = BTreeSet::new();
        services.retain(|reference| {
            key_of::<K>(reference, injection.key).is_some_and(|key| keys.insert(key))
        });
        services
    }
}

/// All services by the value of a property, the best first.
pub struct MultiMap<K, T: ?Sized>(Arc<ArcSwap<BTreeMap<K, Vec<Arc<T>>>>>);

impl<K: Ord, T: ?Sized> MultiMap<K, T> {
    /// The services of a key at this moment.
    #[must_use]
    pub fn get(&self, key: &K) -> Vec<Arc<T>> {
        self.0.load().get(key).cloned().unwrap_or_default()
    }

    /// All services by key at this moment.
    #[must_use]
    pub fn load(&self) -> Arc<BTreeMap<K, Vec<Arc<T>>>> {
        self.0.load_full()
    }
}

struct MultiMapSlot<K, T: ?Sized> {
    map: MultiMap<K, T>,
    key: &'static str,
}

impl<K: MapKey, T: ?Sized + Service> Slot for MultiMapSlot<K, T> {
    fn assign(&self, services: &mut dyn Iterator<Item = &BoundService>) {
        let mut map: BTreeMap<K, Vec<Arc<T>>> = BTreeMap::new();
        for service in services {
            if let Some((key, service)) = entry(service, self.key) {
                map.entry(key).or_default().push(service);
            }
        }
        self.map.0.store(Arc::new(map));
    }
}

impl<K: MapKey, T: ?Sized + Service> Inject for MultiMap<K, T> {
    type Interface = T;

    const KIND: DependencyKind = DependencyKind::MultiMap;

    fn slot(injection: &Injection) -> Box<dyn Slot> {
        Box::new(MultiMapSlot {
            map: MultiMap::<K, T>(Arc::new(ArcSwap::from_pointee(BTreeMap::new()))),
            key: injection.key,
        })
    }

    fn from_slot(slot: &dyn Slot) -> Option<Self> {
        let slot = (slot as &dyn Any).downcast_ref::<MultiMapSlot<K, T>>()?;
        Some(slot.map.clone())
    }

    fn select(mut services: Vec<ServiceRef>, injection: &Injection) -> Vec<ServiceRef> {
        services.retain(|reference| key_of::<K>(reference, injection.key).is_some());
        services
    }
}

impl<T: ?Sized> Clone for Broadcast<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: ?Sized + Service> fmt::Debug for Broadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Broadcast<{}>", T::interface().name)
    }
}

macro_rules! maps {
    ($($name:ident),*) => { $(
        impl<K, T: ?Sized> Clone for $name<K, T> {
            fn clone(&self) -> Self {
                Self(Arc::clone(&self.0))
            }
        }

        impl<K, T: ?Sized + Service> fmt::Debug for $name<K, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "<{}>"), T::interface().name)
            }
        }
    )* };
}

maps!(Map, MultiMap);

//! The handles that follow services and properties in place: [`Best`], [`Opt`], [`Many`] and [`Live`].
//!
//! A handle is cheap to clone, and a clone follows like the original. Reading never blocks and never waits for a writer.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};

use super::bound::BoundService;
use super::inject::{DependencyKind, Inject, Slot};
use super::injection::Injection;
use crate::service::Service;

/// The best ranked service: required, and followed in place while the instance lives on.
pub struct Best<T: ?Sized>(Arc<ArcSwap<Arc<T>>>);

impl<T: ?Sized> Best<T> {
    /// The service at this moment, for a short use: cheaper than [`Best::get`].
    #[must_use]
    pub fn load(&self) -> BestGuard<T> {
        BestGuard(self.0.load())
    }

    /// The service at this moment, to keep.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.load())
    }
}

/// A short use of what a [`Best`] holds.
pub struct BestGuard<T: ?Sized>(Guard<Arc<Arc<T>>>);

impl<T: ?Sized> Deref for BestGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

struct BestSlot<T: ?Sized>(OnceLock<Arc<ArcSwap<Arc<T>>>>);

impl<T: ?Sized + Service> Slot for BestSlot<T> {
    fn assign(&self, services: &mut dyn Iterator<Item = &BoundService>) {
        // With none left the last one stays until the object is dropped, as OSGi's invalidate expects.
        let Some(service) = services.next().and_then(BoundService::get::<T>) else {
            return;
        };
        let service = Arc::new(service);
        self.0
            .get_or_init(|| Arc::new(ArcSwap::new(Arc::clone(&service))))
            .store(service);
    }
}

impl<T: ?Sized + Service> Inject for Best<T> {
    type Interface = T;

    const KIND: DependencyKind = DependencyKind::Best;

    fn slot(_: &Injection) -> Box<dyn Slot> {
        Box::new(BestSlot::<T>(OnceLock::new()))
    }

    fn from_slot(slot: &dyn Slot) -> Option<Self> {
        (slot as &dyn Any)
            .downcast_ref::<BestSlot<T>>()?
            .0
            .get()
            .cloned()
            .map(Self)
    }
}

/// One service or none: it comes and goes in place. The one that is there stays until it goes, whatever else is ranked.
pub struct Opt<T: ?Sized>(Arc<ArcSwapOption<Arc<T>>>);

impl<T: ?Sized> Opt<T> {
    /// The service at this moment.
    #[must_use]
    pub fn get(&self) -> Option<Arc<T>> {
        self.0.load().as_deref().map(Arc::clone)
    }
}

impl<T: ?Sized + Service> Slot for Opt<T> {
    fn assign(&self, services: &mut dyn Iterator<Item = &BoundService>) {
        self.0.store(
            services
                .next()
                .and_then(BoundService::get::<T>)
                .map(Arc::new),
        );
    }
}

impl<T: ?Sized + Service> Inject for Opt<T> {
    type Interface = T;

    const KIND: DependencyKind = DependencyKind::Optional;

    fn slot(_: &Injection) -> Box<dyn Slot> {
        Box::new(Self(Arc::default()))
    }

    fn from_slot(slot: &dyn Slot) -> Option<Self> {
        (slot as &dyn Any).downcast_ref::<Self>().cloned()
    }
}

/// All services, in ranking order, in place.
pub struct Many<T: ?Sized>(Arc<ArcSwap<Vec<Arc<T>>>>);

impl<T: ?Sized> Many<T> {
    /// The services at this moment, best first.
    #[must_use]
    pub fn get(&self) -> Arc<Vec<Arc<T>>> {
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

impl<T: ?Sized + Service> Slot for Many<T> {
    fn assign(&self, services: &mut dyn Iterator<Item = &BoundService>) {
        self.0
            .store(Arc::new(services.filter_map(BoundService::get).collect()));
    }
}

impl<T: ?Sized + Service> Inject for Many<T> {
    type Interface = T;

    const KIND: DependencyKind = DependencyKind::Many;

    fn slot(_: &Injection) -> Box<dyn Slot> {
        Box::new(Self(Arc::default()))
    }

    fn from_slot(slot: &dyn Slot) -> Option<Self> {
        (slot as &dyn Any).downcast_ref::<Self>().cloned()
    }
}

/// A property that follows `reconfigure` in place.
pub struct Live<V>(Arc<ArcSwap<V>>);

impl<V> Live<V> {
    pub(super) fn new(value: V) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(value)))
    }

    pub(super) fn set(&self, value: V) {
        self.0.store(Arc::new(value));
    }
}

impl<V: Clone> Live<V> {
    /// The value at this moment.
    #[must_use]
    pub fn get(&self) -> V {
        V::clone(&self.0.load())
    }
}

impl<V: fmt::Debug> fmt::Debug for Live<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Live").field(&self.0.load()).finish()
    }
}

impl<V> Clone for Live<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

macro_rules! handles {
    ($($name:ident),*) => { $(
        impl<T: ?Sized> Clone for $name<T> {
            fn clone(&self) -> Self {
                Self(Arc::clone(&self.0))
            }
        }

        impl<T: ?Sized + Service> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "<{}>"), T::interface().name)
            }
        }
    )* };
}

handles!(Best, Opt, Many);

impl<T: ?Sized + Service> fmt::Debug for BestGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BestGuard<{}>", T::interface().name)
    }
}

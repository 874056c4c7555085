//! [`ServiceGuard`]: a service that somebody looked up, and the objects that such guards share.
//!
//! A service that has one object for all is looked up far more often than anything else happens to it. So all guards of a
//! bundle share what they hold, an object for each of a few groups of threads: to make a guard is to clone an `Arc` that no
//! other core writes to, and how many guards there are is how often it was cloned. The guards of a service that makes its
//! objects for its users are counted one by one, as all other uses are.

use std::any::{Any, TypeId};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::group::Grouped;
use super::usage::Usage;
use super::{ServiceObject, ServiceRef};
use crate::service::Service;

/// A service that somebody looked up: it counts as a use until dropped, until its bundle stops, or until it is gone.
///
/// Holding it keeps the object alive, not registered: see [`ServiceRef::is_registered`].
pub struct ServiceGuard<T: ?Sized>(Arc<Held<T>>);

/// What a guard holds.
struct Held<T: ?Sized> {
    service: Arc<T>,
    reference: ServiceRef,
    counted: Counted,
}

/// How a use is counted.
enum Counted {
    /// By its guard; true when the uses that share this one have ended.
    Shared(Arc<AtomicBool>),
    /// By itself.
    Single(Usage),
}

impl<T: ?Sized + Service> ServiceGuard<T> {
    /// A use that is counted by itself; `None` when the service is not registered as that trait.
    pub(super) fn single(usage: Usage) -> Option<Self> {
        Some(Self(Arc::new(Held {
            service: usage.typed()?,
            reference: usage.reference().clone(),
            counted: Counted::Single(usage),
        })))
    }
}

impl<T: ?Sized> ServiceGuard<T> {
    /// Which service it is.
    #[must_use]
    pub fn reference(&self) -> &ServiceRef {
        &self.0.reference
    }

    /// Ends the use, as dropping does, and says whether it counted until now: not when its bundle has stopped, or the
    /// service is gone.
    pub fn release(self) -> bool {
        if let Counted::Shared(ended) = &self.0.counted {
            return !ended.load(Ordering::Acquire);
        }
        // Nobody else holds what is counted by itself.
        match Arc::into_inner(self.0).map(|held| held.counted) {
            Some(Counted::Single(mut usage)) => usage.end(),
            _ => false,
        }
    }
}

impl<T: ?Sized> Deref for ServiceGuard<T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.0.service
    }
}

impl<T: ?Sized> fmt::Debug for ServiceGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceGuard")
            .field(self.reference())
            .finish()
    }
}

/// What the guards of one bundle for one trait share.
pub(super) struct Share {
    pub(super) bundle_id: u64,
    interface: TypeId,
    uses: Box<dyn SharedUses>,
}

trait SharedUses: Any + Send + Sync {
    fn count(&self) -> usize;
    fn end(&self);
}

struct Uses<T: ?Sized> {
    held: Grouped<Arc<Held<T>>>,
    /// The bundle stopped, or the service is gone: no guard of these counts any more.
    ended: Arc<AtomicBool>,
}

impl<T: ?Sized + Service> SharedUses for Uses<T> {
    fn count(&self) -> usize {
        // One is the group's own.
        self.held
            .iter()
            .map(|held| Arc::strong_count(held) - 1)
            .sum()
    }

    fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

impl Share {
    pub(super) fn new<T: ?Sized + Service>(bundle_id: u64) -> Self {
        Self {
            bundle_id,
            interface: TypeId::of::<T>(),
            uses: Box::new(Uses::<T> {
                held: Grouped::default(),
                ended: Arc::default(),
            }),
        }
    }

    /// Whether it is for these guards.
    pub(super) fn is_for<T: ?Sized + Service>(&self, bundle_id: u64) -> bool {
        self.bundle_id == bundle_id && self.interface == TypeId::of::<T>()
    }

    /// How many guards there are.
    pub(super) fn count(&self) -> usize {
        self.uses.count()
    }

    /// No guard counts from now on.
    pub(super) fn end(&self) {
        self.uses.end();
    }

    /// One more guard; `None` when they have ended, or the object is not of that trait.
    pub(super) fn guard<T: ?Sized + Service>(
        &self,
        reference: &ServiceRef,
        object: &ServiceObject,
    ) -> Option<ServiceGuard<T>> {
        let uses = (&*self.uses as &dyn Any).downcast_ref::<Uses<T>>()?;
        let held = uses.held.get(|| {
            Some(Arc::new(Held {
                service: object.typed()?,
                reference: reference.clone(),
                counted: Counted::Shared(Arc::clone(&uses.ended)),
            }))
        })?;
        let guard = ServiceGuard(Arc::clone(held));
        let ended = uses.ended.load(Ordering::Acquire);
        (!ended).then_some(guard)
    }
}

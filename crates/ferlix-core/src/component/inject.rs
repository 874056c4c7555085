//! [`Inject`]: what may be the type of an injected field, and the policy it states.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use super::{BoundService, Injection};
use crate::registry::ServiceRef;
use crate::service::Service;

/// How a dependency follows the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DependencyKind {
    /// One service, required, fixed for the life of the object: `Arc<dyn T>`.
    Fixed,
    /// The best ranked service, required, followed in place: `Best<dyn T>`.
    Best,
    /// One service or none, in place: `Opt<dyn T>`.
    Optional,
    /// All services, in ranking order, in place: `Many<dyn T>`.
    Many,
    /// All services, to be called together, in place: `Broadcast<dyn T>`.
    Broadcast,
    /// All services, one of which each call goes to, in place: `Balanced<dyn T>`.
    Balanced,
    /// The best service for each value of a property, in place: `Map<K, dyn T>`.
    Map,
    /// All services by the value of a property, in place: `MultiMap<K, dyn T>`.
    MultiMap,
    /// One service, required, with a grace period in which another may take its place: `Temporal<dyn T>`.
    Temporal,
}

impl DependencyKind {
    /// Whether a field of this kind holds several services.
    #[must_use]
    pub fn is_aggregate(self) -> bool {
        matches!(
            self,
            Self::Many | Self::Broadcast | Self::Balanced | Self::Map | Self::MultiMap
        )
    }
}

/// Holds what is injected into one field; the component model assigns, the field reads.
pub trait Slot: Any + Send + Sync {
    /// Takes over these services, best first.
    fn assign(&self, services: &mut dyn Iterator<Item = &BoundService>);
}

/// The type of an injected field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be injected",
    label = "not a kind of injected field",
    note = "write Arc<dyn T> (required, fixed), Best<dyn T> (required, follows the ranking), Opt<dyn T> (may be absent), Many<dyn T> (all), Broadcast<dyn T> (all, called together), Balanced<dyn T> (one of many for each call), Map<K, dyn T> (by a property) or Temporal<dyn T> (may be away for a while), where dyn T is a service interface"
)]
pub trait Inject: Sized + Send + Sync + 'static {
    /// The service interface.
    type Interface: ?Sized + Service;

    /// The policy.
    const KIND: DependencyKind;

    /// An empty slot.
    fn slot(injection: &Injection) -> Box<dyn Slot>;

    /// Which of the services that fit the field takes; they come and go best first. All of them, unless it says otherwise.
    fn select(services: Vec<ServiceRef>, _: &Injection) -> Vec<ServiceRef> {
        services
    }

    /// The field's value from its slot, after the first assignment.
    fn from_slot(slot: &dyn Slot) -> Option<Self>;
}

/// The slot of an `Arc<dyn T>` field: it is assigned once, before the object is built.
struct Fixed<T: ?Sized>(OnceLock<Arc<T>>);

impl<T: ?Sized + Service> Slot for Fixed<T> {
    fn assign(&self, services: &mut dyn Iterator<Item = &BoundService>) {
        if let Some(service) = services.next().and_then(BoundService::get) {
            let _ = self.0.set(service);
        }
    }
}

impl<T: ?Sized + Service> Inject for Arc<T> {
    type Interface = T;

    const KIND: DependencyKind = DependencyKind::Fixed;

    fn slot(_: &Injection) -> Box<dyn Slot> {
        Box::new(Fixed::<T>(OnceLock::new()))
    }

    fn from_slot(slot: &dyn Slot) -> Option<Self> {
        (slot as &dyn Any)
            .downcast_ref::<Fixed<T>>()?
            .0
            .get()
            .cloned()
    }
}

//! The service registry: who offers what.
//!
//! A bundle registers an object under one or more specifications with properties; others look it up by specification
//! and filter, best ranked first, and listen to what comes, changes and goes. One index stands under one lock; what user
//! code is to see is copied out first, so no listener, hook or service ever runs under it. The best service of each
//! specification and the guards of services are had without that lock (`best.rs`, `guard.rs`). Each event carries the
//! registry's revision; the events of one service are delivered in order, by whoever drains its queue.
//!
//! A service has one object for all, one for each bundle that uses it, or one for each use ([`ServiceScope`]); uses are
//! counted by bundle.
//!
//! Deliberately absent: any knowledge of components or of remote calls.

mod best;
mod delivery;
mod departure;
mod equality;
mod event;
mod group;
mod guard;
mod hook;
mod index;
mod listener;
mod object;
mod ordered;
mod reference;
mod registration;
mod scope;
mod specification;
mod store;
mod turn;
mod usage;

/// The locks of `turn`, which are others in the package `loom`.
mod sync {
    pub(super) use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
}

pub use departure::DepartureHold;
pub use event::{ServiceEvent, ServiceEventKind};
pub use guard::ServiceGuard;
pub use hook::{
    EVENT_LISTENER_HOOK, EventListenerHook, FIND_HOOK, FindHook, FindRequest, FoundSet,
    LISTENER_HOOK, ListenerHook,
};
pub use listener::{ListenerId, ListenerInfo, ListenerSet};
pub use object::ServiceObject;
pub use reference::ServiceRef;
pub use registration::ServiceRegistration;
pub use scope::{ServiceFactory, ServiceScope};
pub use specification::check_specification;
pub use usage::ServiceHold;

pub(crate) use departure::{Departure, DepartureHold as Hold, ORIGINS, origins};
pub(crate) use listener::Listener;
pub(crate) use reference::Place;
pub(crate) use store::Registry;
pub(crate) use usage::Usage;

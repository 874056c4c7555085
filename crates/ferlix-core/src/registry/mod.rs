//! The service registry: who offers what.
//!
//! A bundle registers an object under one or more specifications with properties; others look it up by specification
//! and filter, best ranked first, and listen to what comes, changes and goes. One index stands under one lock; what user
//! code is to see is copied out first, so no listener, hook or service ever runs under it. Each event carries the
//! registry's revision; the events of one service are delivered in order, by whoever drains its queue.
//!
//! Deliberately absent: scopes other than singleton, and any knowledge of components or of remote calls.

mod departure;
mod event;
mod index;
mod listener;
mod object;
mod reference;
mod registration;
mod specification;
mod store;

pub use event::{ServiceEvent, ServiceEventKind};
pub use listener::{EVENT_LISTENER_HOOK, EventListenerHook, ListenerId, ListenerInfo, ListenerSet};
pub use object::ServiceObject;
pub use reference::{ServiceGuard, ServiceRef};
pub use registration::ServiceRegistration;
pub use specification::check_specification;

pub(crate) use departure::{Departure, Hold, ORIGINS};
pub(crate) use listener::Listener;
pub(crate) use reference::Usage;
pub(crate) use store::Registry;

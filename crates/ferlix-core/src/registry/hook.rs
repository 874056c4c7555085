//! Hooks: services that see every service event or every look-up first, and may take away from it; and those that are told
//! who listens.

use std::fmt;

use super::{ListenerInfo, ListenerSet, ServiceEvent, ServiceRef};
use crate::filter::Filter;
use crate::service::{Interface, Service};

/// The specification of [`EventListenerHook`] services.
pub const EVENT_LISTENER_HOOK: &str = "ferlix.internal.hooks.EventListenerHook";
/// The specification of [`FindHook`] services.
pub const FIND_HOOK: &str = "ferlix.internal.hooks.FindHook";
/// The specification of [`ListenerHook`] services.
pub const LISTENER_HOOK: &str = "ferlix.internal.hooks.ListenerHook";

/// Sees every service event, except those about itself, before the listeners do.
///
/// Registered as a service; the best ranked hook is called first. A panic is reported and hurts nobody.
pub trait EventListenerHook: Send + Sync {
    /// Called on the thread that made the change, once it is visible.
    fn event(&self, event: &ServiceEvent, listeners: &mut ListenerSet);
}

impl Service for dyn EventListenerHook {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local(EVENT_LISTENER_HOOK);
        &INTERFACE
    }
}

/// Sees every look-up through a bundle's context and may take services out of its result.
///
/// Registered as a service; the best ranked hook is called first, on the thread that looks up. A panic is reported and
/// hurts nobody. Look-ups cost nothing more while there is no hook. It does not see the events of services: a hook that
/// hides a service from a bundle is an [`EventListenerHook`] too.
pub trait FindHook: Send + Sync {
    /// Called before the one who looks up gets the result. What the hook itself looks up passes through the hooks too.
    fn find(&self, request: &FindRequest<'_>, found: &mut FoundSet);
}

impl Service for dyn FindHook {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local(FIND_HOOK);
        &INTERFACE
    }
}

/// Is told who listens for services.
///
/// Registered as a service, it first gets all listeners that are there, itself not excepted. It is told on the thread that
/// adds or removes, once that is done; a listener may be told of twice, and the number of a removed one never comes again. A
/// panic is reported and hurts nobody.
pub trait ListenerHook: Send + Sync {
    /// These listeners are there.
    fn added(&self, listeners: &[ListenerInfo]);

    /// These listeners are there no more.
    fn removed(&self, listeners: &[ListenerInfo]);
}

impl Service for dyn ListenerHook {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local(LISTENER_HOOK);
        &INTERFACE
    }
}

/// What somebody looks up.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FindRequest<'a> {
    /// The number of the bundle that looks up.
    pub bundle_id: u64,
    /// The specification it wants; `None` for all.
    pub specification: Option<&'a str>,
    /// The filter on properties.
    pub filter: Option<&'a Filter>,
}

/// The services that were found, best first: a hook may take some away, and cannot add any.
pub struct FoundSet {
    pub(super) services: Vec<ServiceRef>,
}

impl FoundSet {
    /// The services, best first.
    pub fn iter(&self) -> impl Iterator<Item = &ServiceRef> {
        self.services.iter()
    }

    /// Hides every service for which `keep` is false.
    pub fn retain(&mut self, keep: impl FnMut(&ServiceRef) -> bool) {
        self.services.retain(keep);
    }
}

impl fmt::Debug for FoundSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

//! [`ServiceEvent`]: what happened to a service.

use std::sync::Arc;

use super::{Departure, DepartureHold, ServiceRef};
use crate::property::Properties;

/// The kind of a service event; the numbers are OSGi's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServiceEventKind {
    /// The service is there now.
    Registered = 1,
    /// Its properties changed, and it matches the listener's filter.
    Modified = 2,
    /// It is out of the registry; it can be used until the listeners have run.
    Unregistering = 4,
    /// Its properties changed, and it matches the listener's filter no longer.
    ModifiedEndMatch = 8,
}

/// What happened to a service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceEvent {
    /// What happened.
    pub kind: ServiceEventKind,
    /// To which service.
    pub reference: ServiceRef,
    /// Its properties at the event; the reference may have newer ones.
    pub properties: Arc<Properties>,
    /// Its properties before, for the two kinds of modification.
    pub previous: Option<Arc<Properties>>,
    /// The registry's revision: it grows with each change of the registry.
    pub revision: u64,
    /// For UNREGISTERING: what to hold while letting go.
    pub(crate) departure: Option<Departure>,
}

impl ServiceEvent {
    /// Delays the end of an UNREGISTERING until the result is dropped: for whoever must do something before the service
    /// can go. `name` is shown when it takes too long. `None` for the other kinds, and for a component in whose own work
    /// the service was unregistered: that work waits for the departure already.
    #[must_use]
    pub fn hold(&self, name: &str) -> Option<DepartureHold> {
        let departure = self.departure.as_ref()?;
        let inside = super::departure::origins();
        let waits = departure.origins().iter().any(|one| inside.contains(one));
        (!waits).then(|| departure.hold(name.to_owned()))
    }
}

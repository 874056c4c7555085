//! The delivery of service events: in order for each service, on the thread that made the change, under no lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::reference::GONE;
use super::{
    Departure, EVENT_LISTENER_HOOK, EventListenerHook, Hold, Listener, ListenerSet, Registry,
    ServiceEvent, ServiceEventKind, ServiceRef,
};
use crate::property::Properties;

/// An event, and what keeps a departure from being over before the event is delivered.
pub(super) type Delivery = (ServiceEvent, Option<Hold>);

impl Registry {
    /// Numbers an event; under the index lock, so that the events of a service have the order of the changes. `None` when
    /// somebody delivers events of that service already, and will deliver this one too; else it is the caller's to deliver.
    pub(super) fn queue(
        &self,
        service: &ServiceRef,
        kind: ServiceEventKind,
        properties: Arc<Properties>,
        previous: Option<Arc<Properties>>,
        departure: Option<Departure>,
    ) -> Option<Delivery> {
        let revision = self.next_revision();
        let hold = departure
            .as_ref()
            .map(|departure| departure.hold("the delivery of the event"));
        let event = ServiceEvent {
            kind,
            reference: service.clone(),
            properties,
            previous,
            revision,
            departure,
        };
        service.0.events.begin((event, hold))
    }

    /// Delivers an event and those of the same service that come in meanwhile.
    pub(super) fn deliver(&self, first: Option<Delivery>) {
        let Some(mut next) = first else {
            return;
        };
        loop {
            let (event, hold) = next;
            self.dispatch(&event);
            if event.kind == ServiceEventKind::Unregistering {
                event.reference.0.presence.store(GONE, Ordering::Release);
                event.reference.release_users();
            }
            drop(hold);
            match event.reference.0.events.next() {
                Some(waiting) => next = waiting,
                None => return,
            }
        }
    }

    fn dispatch(&self, event: &ServiceEvent) {
        let concerned = self.listeners().concerned(event);
        if !self.has_event_hooks() {
            for listener in concerned.iter() {
                tell(listener, event);
            }
            return;
        }
        let wanting = |listener: &&Arc<Listener>| wanted(listener, event).is_some();
        let mut set = ListenerSet {
            listeners: concerned.iter().filter(wanting).cloned().collect(),
        };
        self.call_hooks(event, &mut set);
        for listener in &set.listeners {
            tell(listener, event);
        }
    }

    fn call_hooks(&self, event: &ServiceEvent, set: &mut ListenerSet) {
        for reference in self.find(Some(EVENT_LISTENER_HOOK), None) {
            if reference == event.reference {
                continue;
            }
            let usage = reference.clone().acquire(reference.bundle_id());
            let hook = usage.and_then(|usage| {
                let hook = usage.typed::<dyn EventListenerHook>()?;
                Some((hook, usage))
            });
            if let Some((hook, _usage)) = hook {
                let call = catch_unwind(AssertUnwindSafe(|| hook.event(event, set)));
                if call.is_err() {
                    tracing::error!(event = ?event.kind, service = %event.reference, hook = %reference, "an event-listener hook panicked");
                }
            }
        }
    }
}

/// Calls a listener if it wants the event; a panic is reported.
fn tell(listener: &Listener, event: &ServiceEvent) {
    let Some(kind) = wanted(listener, event) else {
        return;
    };
    let call = catch_unwind(AssertUnwindSafe(|| {
        if kind == event.kind {
            (listener.callback)(event);
        } else {
            (listener.callback)(&ServiceEvent {
                kind,
                ..event.clone()
            });
        }
    }));
    if call.is_err() {
        tracing::error!(event = ?event.kind, service = %event.reference, bundle = listener.bundle_id, "a service listener panicked");
    }
}

/// The kind of event that a listener gets, if it wants this one.
fn wanted(listener: &Listener, event: &ServiceEvent) -> Option<ServiceEventKind> {
    let Some(filter) = &listener.filter else {
        return Some(event.kind);
    };
    if filter.matches(&event.properties) {
        return Some(event.kind);
    }
    let matched_before = event
        .previous
        .as_ref()
        .is_some_and(|previous| filter.matches(previous));
    (event.kind == ServiceEventKind::Modified && matched_before)
        .then_some(ServiceEventKind::ModifiedEndMatch)
}

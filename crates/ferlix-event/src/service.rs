//! The service interfaces: [`EventAdmin`] takes events, [`EventHandler`] is told of them.

use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRef;
use ferlix_core::service;

use crate::{Event, EventError};

/// The specification of [`EventAdmin`].
pub const EVENT_ADMIN: &str = "ferlix.services.eventadmin";
/// The specification of [`EventHandler`].
pub const EVENT_HANDLER: &str = "ferlix.services.eventadmin.handler";

/// Takes events and tells the handlers whose topics and filter fit.
///
/// An event reaches the handlers that are there when it is taken. A handler that panics, or takes longer than
/// `event.timeout`, is reported and counted, and keeps no other from being told.
#[service(EVENT_ADMIN)]
pub trait EventAdmin: Send + Sync {
    /// Sends an event and returns when the handlers have run. They are begun in ranking order; one that waits lets the
    /// next begin. It overtakes what was posted.
    ///
    /// # Errors
    /// [`EventError::Topic`] for a topic that is empty or has control characters, [`EventError::NotRunning`].
    async fn send(&self, topic: &str, properties: Properties) -> Result<(), EventError>;

    /// Queues an event and returns at once. Each handler has a bounded queue of its own and gets its events one after the
    /// other, in the order in which they were posted; see [`properties`](crate::properties) for what happens when it is full.
    ///
    /// # Errors
    /// As [`EventAdmin::send`].
    fn post(&self, topic: &str, properties: Properties) -> Result<(), EventError>;

    /// What became of the events, by handler, the best ranked first.
    fn handlers(&self) -> Vec<HandlerStatus>;
}

/// Is told of events: a service with the properties `event.topics` (a pattern or a list of them, see
/// [`TopicPattern`](crate::TopicPattern)) and `event.filter` (an LDAP filter on the event's properties).
///
/// One that has both must find both to fit; one that has neither is told of every event. One with a pattern or a filter
/// that does not parse is reported and told of none.
#[service(EVENT_HANDLER)]
pub trait EventHandler: Send + Sync {
    /// Handles one event. Calls may overlap: of what was sent with each other and with what was posted; never of what was
    /// posted with each other. Blocking work belongs in `spawn_blocking`.
    async fn handle_event(&self, event: &Event);
}

/// What became of the events of one handler.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandlerStatus {
    /// The handler's service.
    pub reference: ServiceRef,
    /// How many events it has handled.
    pub handled: u64,
    /// How many posted events wait in its queue.
    pub queued: usize,
    /// How many posted events were dropped because its queue was full.
    pub dropped: u64,
    /// How often it panicked.
    pub panicked: u64,
    /// How often it took longer than `event.timeout` and was given up.
    pub late: u64,
}

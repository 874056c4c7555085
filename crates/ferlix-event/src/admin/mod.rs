//! The bundle `ferlix.services.eventadmin`: the event admin as a component.
//!
//! In: events, and handler services that come, change and go. Out: calls of the handlers. Every handler has a queue and
//! counts of its own ([`target`]); which of them an event concerns is looked up in [`index`]. No lock is held while a
//! handler runs.

mod index;
mod interest;
mod target;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use ferlix_core::component::{ComponentContext, ComponentError, Many};
use ferlix_core::framework::Framework;
use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRef;
use ferlix_core::{bundle, component, lifecycle, service_impl};
use tokio::runtime::Handle;

use self::index::{Index, Subscribers};
use self::interest::Interest;
use self::target::{Limits, Overflow, Target};
use crate::topic::check_topic;
use crate::{Event, EventAdmin, EventError, EventHandler, HandlerStatus};

/// The factory of the event admin.
pub const FACTORY: &str = "ferlix-services-eventadmin-factory";
/// The usual name of its instance.
pub const INSTANCE: &str = "ferlix-services-eventadmin";

/// The names of the properties of handlers, of events, and of the component.
pub mod properties {
    /// Of a handler: the pattern or the list of patterns of the topics that it wants.
    /// Of an event: its topic.
    pub const TOPICS: &str = "event.topics";
    /// Of a handler: an LDAP filter on the properties of the events that it wants.
    pub const FILTER: &str = "event.filter";
    /// Of an event: when it was taken, in milliseconds since 1970.
    pub const TIMESTAMP: &str = "event.timestamp";
    /// Of an event: the framework in which it was taken.
    pub const FRAMEWORK_UID: &str = "event.sender.framework.uid";
    /// Of the component: how many posted events may wait for one handler (default 1,000; at least 1).
    pub const QUEUE_SIZE: &str = "event.queue.size";
    /// Of the component: what is dropped when a handler's queue is full, `drop-oldest` (default) or `drop-newest`. Dropped
    /// events are counted, and said once until the queue has been empty again.
    pub const QUEUE_POLICY: &str = "event.queue.policy";
    /// Of the component: how long a handler may take for one event, in milliseconds (default 10,000). A handler that blocks
    /// its thread instead of waiting cannot be given up.
    pub const TIMEOUT: &str = "event.timeout";
}

bundle!(
    /// The bundle of the event admin. It instantiates nothing: [`FACTORY`] makes the service, by the name [`INSTANCE`].
    pub BUNDLE = "ferlix.services.eventadmin",
    components = [Admin],
    activator = None,
);

/// The event admin.
#[component(factory = FACTORY, provides(dyn EventAdmin))]
pub(crate) struct Admin {
    #[inject]
    handlers: Many<dyn EventHandler>,
    #[property(properties::QUEUE_SIZE, default = 1000)]
    queue_size: u32,
    #[property(properties::QUEUE_POLICY, default = "drop-oldest")]
    queue_policy: String,
    #[property(properties::TIMEOUT, default = 10_000)]
    timeout: u32,
    index: Index,
    running: OnceLock<Running>,
    stopped: AtomicBool,
}

/// What is known once the component runs.
struct Running {
    framework: Framework,
    framework_uid: Arc<str>,
    runtime: Handle,
    limits: Limits,
}

#[lifecycle]
impl Admin {
    #[validate]
    fn start(&self, context: &ComponentContext) -> Result<(), ComponentError> {
        let overflow = match self.queue_policy.as_str() {
            "drop-oldest" => Overflow::DropOldest,
            "drop-newest" => Overflow::DropNewest,
            other => {
                return Err(ComponentError::new(format!(
                    "{} is {other:?}: write drop-oldest or drop-newest",
                    properties::QUEUE_POLICY
                )));
            }
        };
        let framework = context.bundle().framework().clone();
        self.running.get_or_init(|| Running {
            framework_uid: framework.uuid().into(),
            framework,
            runtime: Handle::current(),
            limits: Limits {
                queue_size: usize::try_from(self.queue_size)
                    .unwrap_or(usize::MAX)
                    .max(1),
                overflow,
                timeout: Duration::from_millis(self.timeout.into()),
            },
        });
        Ok(())
    }

    #[invalidate]
    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        for target in self.index.clear() {
            target.close();
        }
    }

    #[bind(handlers)]
    fn arrived(&self, handler: &Arc<dyn EventHandler>, reference: &ServiceRef) {
        let target = Target::new(Arc::clone(handler), reference.clone());
        self.index.add(&Arc::new(target), interest_of(reference));
    }

    #[update(handlers)]
    fn changed(&self, reference: &ServiceRef) {
        if let Some(target) = self.index.remove(reference) {
            self.index.add(&target, interest_of(reference));
        }
    }

    #[unbind(handlers)]
    fn left(&self, reference: &ServiceRef) {
        if let Some(target) = self.index.remove(reference) {
            target.close();
        }
    }
}

/// What a handler wants; `None`, and a line in the log, when that cannot be read.
fn interest_of(reference: &ServiceRef) -> Option<Interest> {
    match Interest::read(&reference.properties()) {
        Ok(interest) => Some(interest),
        Err(error) => {
            tracing::warn!(handler = %reference, "the event handler is told of nothing: {error}");
            None
        }
    }
}

impl Admin {
    /// Takes an event, and finds those who may want it.
    fn take(
        &self,
        topic: &str,
        given: Properties,
    ) -> Result<(&Running, Subscribers, Event), EventError> {
        let mut subscribers = self.index.subscribers(topic);
        let topic = match subscribers.topic.take() {
            Some(topic) => topic,
            None => {
                check_topic(topic)?;
                topic.into()
            }
        };
        let running = self.running.get().ok_or(EventError::NotRunning)?;
        if self.stopped.load(Ordering::Acquire) {
            return Err(EventError::NotRunning);
        }
        let event = Event::new(topic, given, &running.framework_uid);
        Ok((running, subscribers, event))
    }
}

#[service_impl]
impl EventAdmin for Admin {
    async fn send(&self, topic: &str, properties: Properties) -> Result<(), EventError> {
        let (running, subscribers, event) = self.take(topic, properties)?;
        let timeout = running.limits.timeout;
        match subscribers.only(&event) {
            Some(None) => {}
            Some(Some(target)) => target.call(&event, timeout).await,
            // Apart, so that the future of the usual case is small.
            None => Box::pin(send_to_all(&subscribers, &event, timeout)).await,
        }
        Ok(())
    }

    fn post(&self, topic: &str, properties: Properties) -> Result<(), EventError> {
        let (running, subscribers, event) = self.take(topic, properties)?;
        for target in subscribers.of(&event) {
            if target.queue(event.clone(), &running.limits) {
                let busy = running.framework.busy();
                let timeout = running.limits.timeout;
                let target = Arc::clone(target);
                running.runtime.spawn(async move {
                    target.drain(timeout).await;
                    drop(busy);
                });
            }
        }
        Ok(())
    }

    fn handlers(&self) -> Vec<HandlerStatus> {
        let mut all: Vec<HandlerStatus> = self
            .index
            .targets()
            .iter()
            .map(|target| target.status())
            .collect();
        all.sort_by(|left, right| left.reference.cmp(&right.reference));
        all
    }
}

/// Begins all calls in turn, then waits for those that have not ended.
async fn send_to_all(subscribers: &Subscribers, event: &Event, timeout: Duration) {
    let mut waiting = Vec::new();
    for target in subscribers.of(event) {
        let mut call = Box::pin(target.call(event, timeout));
        if !begin(call.as_mut()).await {
            waiting.push(call);
        }
    }
    futures_util::future::join_all(waiting).await;
}

/// Polls a call once and says whether it has ended.
async fn begin(mut call: Pin<&mut (impl Future<Output = ()> + ?Sized)>) -> bool {
    std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventAdmin")
            .field("handlers", &self.handlers.len())
            .finish_non_exhaustive()
    }
}

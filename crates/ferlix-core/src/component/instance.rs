//! [`Instance`]: one component instance, its queue of work, and what others may see of it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::factory::ComponentFactory;
use super::transition::Core;
use super::{ComponentError, schedule};
use crate::framework::{Activity, ActivityGuard, BundleContext};
use crate::property::{Properties, Value};
use crate::registry::{Hold, ServiceRef, ServiceRegistration};

/// The state of a component instance; the numbers are iPOPO's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ComponentState {
    /// A required service is missing.
    #[default]
    Invalid = 0,
    /// It is built, validated and published.
    Valid = 1,
    /// It is gone for good.
    Killed = 2,
    /// It is built; its validation is under way.
    Validating = 3,
    /// It failed; the cause says why.
    Erroneous = 4,
}

impl fmt::Display for ComponentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Invalid => "INVALID",
            Self::Valid => "VALID",
            Self::Killed => "KILLED",
            Self::Validating => "VALIDATING",
            Self::Erroneous => "ERRONEOUS",
        })
    }
}

/// One component instance.
pub(super) struct Instance {
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) factory: Arc<ComponentFactory>,
    pub(super) bundle: BundleContext,
    pub(super) callback_timeout: Duration,
    activity: Activity,
    inbox: Mutex<Inbox>,
    /// What only the driver works on; taken out while it runs.
    core: Mutex<Option<Core>>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Inbox {
    work: VecDeque<Work>,
    driver: Option<ActivityGuard>,
}

/// What is to be done with an instance.
pub(super) enum Work {
    /// Begin to listen for the services that it needs.
    Start(Done),
    /// A service that a dependency may want came, changed or went.
    Service {
        dependency: usize,
        reference: ServiceRef,
        modified: bool,
        hold: Option<Hold>,
    },
    /// Take over these properties.
    Reconfigure(Properties, Done),
    /// Try again, with these properties.
    Retry(Properties, Done),
    /// End.
    Kill(Done),
}

/// Told when a piece of work is done.
pub(super) type Done = Option<oneshot::Sender<()>>;

/// What others may see of an instance.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) state: ComponentState,
    pub(super) cause: Option<Arc<ComponentError>>,
    /// What it was configured with, and over it what it set itself.
    pub(super) properties: Arc<Properties>,
    /// What it was configured with alone.
    pub(super) configured: Arc<Properties>,
    pub(super) registration: Option<ServiceRegistration>,
    /// For each dependency, what it has and whether that is enough.
    pub(super) bindings: Vec<(Vec<ServiceRef>, bool)>,
}

impl Instance {
    pub(super) fn new(
        id: u64,
        name: Arc<str>,
        factory: Arc<ComponentFactory>,
        bundle: BundleContext,
        activity: Activity,
        callback_timeout: Duration,
        given: Properties,
    ) -> Self {
        let core = Core::new(&factory, given);
        let seen = Seen {
            bindings: vec![(Vec::new(), false); factory.dependencies.len()],
            ..Seen::default()
        };
        Self {
            id,
            name,
            factory,
            bundle,
            callback_timeout,
            activity,
            inbox: Mutex::default(),
            core: Mutex::new(Some(core)),
            seen: Mutex::new(seen),
        }
    }

    /// What others may see. Held for a moment only: never across user code.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues work and, unless the instance is at work already, does it: on this thread until it yields.
    pub(super) fn enqueue(self: &Arc<Self>, work: Work) {
        {
            let mut inbox = self.inbox();
            inbox.work.push_back(work);
            if inbox.driver.is_some() {
                return;
            }
            inbox.driver = Some(self.activity.begin());
        }
        schedule::run(Arc::clone(self));
    }

    /// Queues work and waits until it is done.
    pub(super) async fn perform(self: &Arc<Self>, make: impl FnOnce(Done) -> Work) {
        let (sender, receiver) = oneshot::channel();
        // Work that its own callback asks for is queued, never waited for.
        if crate::registry::Departure::begin()
            .origins()
            .contains(&self.id)
        {
            self.enqueue(make(None));
            return;
        }
        self.enqueue(make(Some(sender)));
        // An error means that the instance is gone: then there is nothing to wait for.
        let _ = receiver.await;
    }

    /// The next piece of work; `None` ends the driver.
    pub(super) fn next_work(&self) -> Option<Work> {
        let mut inbox = self.inbox();
        let next = inbox.work.pop_front();
        if next.is_none() {
            let guard = inbox.driver.take();
            drop(inbox);
            drop(guard);
        }
        next
    }

    /// Takes the driver's part out.
    pub(super) fn take_core(&self) -> Option<Core> {
        self.core
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Puts the driver's part back.
    pub(super) fn put_core(&self, core: Core) {
        *self.core.lock().unwrap_or_else(PoisonError::into_inner) = Some(core);
    }

    /// Sets one property, here and on the provided service.
    pub(super) fn set_property(&self, key: &str, value: Value) {
        let registration = {
            let mut seen = self.seen();
            let mut properties = Properties::clone(&seen.properties);
            properties.insert(key, value.clone());
            seen.properties = Arc::new(properties);
            seen.registration.clone()
        };
        if let Some(registration) = registration {
            // A service that is on its way out needs no property any more.
            let _ = registration.set_properties(&Properties::from([(key, value)]));
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "component {}", self.name)
    }
}

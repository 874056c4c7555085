//! [`Instance`]: one component instance, its queue of work, and what others may see of it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::event::{ComponentEvent, ComponentEventKind, ComponentListeners};
use super::factory::ComponentFactory;
use super::transition::Core;
use super::{ComponentError, schedule};
use crate::filter::Filter;
use crate::framework::{Activity, ActivityGuard, BundleContext};
use crate::property::{Properties, Value};
use crate::registry::{Hold, ServiceRef, ServiceRegistration, origins};

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

/// What all instances of a framework share.
pub(super) struct Shared {
    pub(super) activity: Activity,
    pub(super) callback_timeout: Duration,
    pub(super) listeners: Arc<ComponentListeners>,
}

/// One component instance.
pub(super) struct Instance {
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) factory: Arc<ComponentFactory>,
    pub(super) bundle: BundleContext,
    pub(super) shared: Arc<Shared>,
    inbox: Mutex<Inbox>,
    /// What only the driver works on; taken out while it runs.
    core: Mutex<Option<Box<Core>>>,
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
    /// Take over these properties, over those that were given before or in place of them.
    Reconfigure {
        properties: Properties,
        replace: bool,
        done: Done,
    },
    /// Look whether something has become possible or impossible: a property changed, a grace period ended.
    Evaluate,
    /// Look at the switches of the services.
    Publish,
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
    /// What it was configured with, and over it what it set itself; without what is hidden.
    pub(super) properties: Arc<Properties>,
    /// What is never shown.
    pub(super) hidden: Arc<Properties>,
    /// What it was configured with alone, the hidden properties too.
    pub(super) configured: Arc<Properties>,
    /// What was given to this instance, for when it is made anew.
    pub(super) given: Arc<Properties>,
    pub(super) registrations: Vec<ServiceRegistration>,
    /// For each dependency, what it has and whether that is enough.
    pub(super) bindings: Vec<(Vec<ServiceRef>, bool)>,
    /// The services that could not be had, by dependency.
    pub(super) refusals: Vec<(usize, ServiceRef)>,
    /// The filters in force, where they are not the declared ones.
    pub(super) filters: Vec<(usize, Result<Option<Filter>, String>)>,
}

impl Instance {
    pub(super) fn new(
        id: u64,
        name: Arc<str>,
        factory: Arc<ComponentFactory>,
        bundle: BundleContext,
        shared: Arc<Shared>,
        given: Properties,
    ) -> Self {
        let core = Core::new(&factory);
        let seen = Seen {
            given: Arc::new(given),
            bindings: vec![(Vec::new(), false); factory.dependencies.len()],
            ..Seen::default()
        };
        Self {
            id,
            name,
            factory,
            bundle,
            shared,
            inbox: Mutex::default(),
            core: Mutex::new(Some(Box::new(core))),
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
            inbox.driver = Some(self.shared.activity.begin());
        }
        schedule::run(Arc::clone(self));
    }

    /// Queues work and waits until it is done.
    pub(super) async fn perform(self: &Arc<Self>, make: impl FnOnce(Done) -> Work) {
        let (sender, receiver) = oneshot::channel();
        // Work that its own callback asks for is queued, never waited for.
        if origins().contains(&self.id) {
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
    pub(super) fn take_core(&self) -> Option<Box<Core>> {
        self.core
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Puts the driver's part back.
    pub(super) fn put_core(&self, core: Box<Core>) {
        *self.core.lock().unwrap_or_else(PoisonError::into_inner) = Some(core);
    }

    /// Sets one property, here and on the provided services.
    pub(super) fn set_property(self: &Arc<Self>, key: &str, value: Value) {
        let registrations = {
            let mut seen = self.seen();
            let hidden = self.factory.is_hidden(key);
            let shown = if hidden {
                &mut seen.hidden
            } else {
                &mut seen.properties
            };
            Arc::make_mut(shown).insert(key, value.clone());
            if hidden {
                Vec::new()
            } else {
                seen.registrations.clone()
            }
        };
        let properties = Properties::from([(key, value)]);
        for registration in registrations {
            // A service that is on its way out needs no property any more.
            let _ = registration.set_properties(&properties);
        }
        if self.factory.has_variable_filters()
            || self.seen().given.contains(super::REQUIRES_FILTERS)
        {
            self.enqueue(Work::Evaluate);
        }
    }

    /// Tells the listeners what happened.
    pub(super) fn fire(&self, kind: ComponentEventKind) {
        self.shared.listeners.notify(|| ComponentEvent {
            kind,
            factory: self.factory.name,
            instance: Some(Arc::clone(&self.name)),
            bundle_id: self.bundle.bundle().id(),
        });
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

//! [`ServiceTracker`]: the services of an interface that match a filter, as they come, change and go.
//!
//! It keeps one level for each service, not a queue of events: what the reader was told, and what is true now. A slow
//! reader therefore gets what is left of many changes, nothing is lost, and the memory is bounded by the services.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::Stream;

use super::BundleContext;
use crate::Error;
use crate::filter::Filter;
use crate::registry::{ListenerId, ServiceEvent, ServiceEventKind, ServiceGuard, ServiceRef};
use crate::service::Service;

/// What a [`ServiceTracker`] tells.
#[non_exhaustive]
pub enum Tracked<T: ?Sized> {
    /// The service is there and matches. The guard counts as a use until dropped.
    Added(ServiceGuard<T>),
    /// Its properties changed, and it still matches.
    Modified(ServiceRef),
    /// It is gone, or matches no longer.
    Removed(ServiceRef),
}

impl<T: ?Sized> Tracked<T> {
    /// Which service it is.
    #[must_use]
    pub fn reference(&self) -> &ServiceRef {
        match self {
            Self::Added(service) => service.reference(),
            Self::Modified(reference) | Self::Removed(reference) => reference,
        }
    }
}

impl<T: ?Sized> fmt::Debug for Tracked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Added(_) => "Added",
            Self::Modified(_) => "Modified",
            Self::Removed(_) => "Removed",
        };
        f.debug_tuple(kind).field(self.reference()).finish()
    }
}

/// A stream of what happens to the services of an interface that match a filter: first those that are there, best
/// first, then what changes. For each service the items are added, any number of times modified, removed, and so on.
///
/// Changes that the reader has not seen yet are one: a service that came and went between two reads is not told of.
/// Dropping the tracker ends it; so does the stop of its bundle.
///
/// ```
/// # use std::sync::Arc;
/// # use ferlix_core::framework::{Framework, Tracked};
/// # use ferlix_core::property::Properties;
/// # use ferlix_core::service::{Interface, Service};
/// use futures_util::StreamExt;
/// # trait Echo: Send + Sync {}
/// # impl Service for dyn Echo {
/// #     fn interface() -> &'static Interface { static I: Interface = Interface::local("example.echo"); &I }
/// # }
/// # struct Plain;
/// # impl Echo for Plain {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ferlix_core::Error> {
/// # let framework = Framework::builder().start().await?;
/// # let context = framework.context();
/// let mut tracker = context.track::<dyn Echo>(None)?;
/// let registration = context.register::<dyn Echo>(Arc::new(Plain), Properties::new())?;
/// assert!(matches!(tracker.next().await, Some(Tracked::Added(_))));
/// registration.unregister().await?;
/// assert!(matches!(tracker.next().await, Some(Tracked::Removed(_))));
/// # framework.stop().await
/// # }
/// ```
#[must_use = "a tracker that is dropped tracks no more"]
pub struct ServiceTracker<T: ?Sized> {
    levels: Arc<Levels>,
    context: BundleContext,
    listener: ListenerId,
    _trait: PhantomData<fn() -> Box<T>>,
}

impl<T: ?Sized + Service> ServiceTracker<T> {
    pub(super) fn new(context: &BundleContext, filter: Option<&Filter>) -> Result<Self, Error> {
        let name = T::interface().name;
        let levels = Arc::new(Levels::default());
        let writer = Writer(Arc::clone(&levels));
        let listener = move |event: &ServiceEvent| writer.0.see(event);
        let listener = context.add_service_listener(Some(name), filter.cloned(), listener)?;
        // What comes in between is seen twice, which does no harm.
        for reference in context.references(Some(name), filter) {
            levels.find(&reference, filter);
        }
        Ok(Self {
            levels,
            context: context.clone(),
            listener,
            _trait: PhantomData,
        })
    }
}

impl<T: ?Sized + Service> Stream for ServiceTracker<T> {
    type Item = Tracked<T>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Tracked<T>>> {
        loop {
            let change = {
                let mut state = self.levels.state();
                match state.next() {
                    Some(change) => change,
                    None if state.ended => return Poll::Ready(None),
                    None => {
                        state.waker = Some(context.waker().clone());
                        return Poll::Pending;
                    }
                }
            };
            match change {
                Change::Modified(reference) => {
                    return Poll::Ready(Some(Tracked::Modified(reference)));
                }
                Change::Removed(reference) => {
                    return Poll::Ready(Some(Tracked::Removed(reference)));
                }
                // A factory's code may run here: not under the lock.
                Change::Added(reference) => match self.context.get(&reference) {
                    Some(service) => return Poll::Ready(Some(Tracked::Added(service))),
                    // It is of another trait, or went meanwhile: the reader was not told of it.
                    None => self.levels.untell(&reference),
                },
            }
        }
    }
}

impl<T: ?Sized> Drop for ServiceTracker<T> {
    fn drop(&mut self) {
        self.context.remove_listener(self.listener);
    }
}

impl<T: ?Sized> fmt::Debug for ServiceTracker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceTracker")
            .field("services", &self.levels.state().services.len())
            .finish_non_exhaustive()
    }
}

enum Change {
    Added(ServiceRef),
    Modified(ServiceRef),
    Removed(ServiceRef),
}

/// What the listener and the tracker share.
#[derive(Default)]
struct Levels(Mutex<State>);

#[derive(Default)]
struct State {
    services: HashMap<u64, Level>,
    /// The services about which there is something to tell, longest waiting first.
    waiting: VecDeque<u64>,
    ended: bool,
    waker: Option<Waker>,
}

/// One service: what is true, and what the reader knows.
struct Level {
    reference: ServiceRef,
    /// Of the last event that was taken in: an older one that comes late says nothing.
    revision: u64,
    there: bool,
    told: bool,
    modified: bool,
    waits: bool,
}

impl Levels {
    fn see(&self, event: &ServiceEvent) {
        let there = matches!(
            event.kind,
            ServiceEventKind::Registered | ServiceEventKind::Modified
        );
        self.change(&event.reference, |level| {
            if event.revision <= level.revision {
                return false;
            }
            level.revision = event.revision;
            level.modified |= event.kind == ServiceEventKind::Modified;
            let changed = level.there != there || there;
            level.there = there;
            changed
        });
    }

    /// Takes in a service that a look-up found, unless an event came first.
    fn find(&self, reference: &ServiceRef, filter: Option<&Filter>) {
        self.change(reference, |level| {
            // An event of the service waits for this lock now, or came before: its word is newer than the look-up's.
            if level.revision > 0 || level.there {
                return false;
            }
            let matches = filter.is_none_or(|filter| filter.matches(&reference.properties()));
            level.there = reference.is_registered() && matches;
            level.there
        });
    }

    fn untell(&self, reference: &ServiceRef) {
        self.change(reference, |level| {
            level.told = false;
            // Unless an event came meanwhile: then the reader looks again.
            level.there &= level.waits;
            false
        });
    }

    /// Changes the level of a service, and has the reader look at it when `change` says so.
    fn change(&self, reference: &ServiceRef, change: impl FnOnce(&mut Level) -> bool) {
        let id = reference.id();
        let mut state = self.state();
        let State {
            services,
            waiting,
            waker,
            ..
        } = &mut *state;
        let level = services.entry(id).or_insert_with(|| Level {
            reference: reference.clone(),
            revision: 0,
            there: false,
            told: false,
            modified: false,
            waits: false,
        });
        if change(level) && !level.waits {
            level.waits = true;
            waiting.push_back(id);
        }
        if !level.there && !level.told && !level.waits {
            services.remove(&id);
        }
        let waker = (!waiting.is_empty()).then(|| waker.take()).flatten();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What to tell the reader next.
    fn next(&mut self) -> Option<Change> {
        while let Some(id) = self.waiting.pop_front() {
            let Some(level) = self.services.get_mut(&id) else {
                continue;
            };
            level.waits = false;
            let modified = std::mem::take(&mut level.modified);
            let (told, there) = (level.told, level.there);
            level.told = there;
            let reference = level.reference.clone();
            if !there {
                self.services.remove(&id);
            }
            match (told, there) {
                (false, true) => return Some(Change::Added(reference)),
                (true, false) => return Some(Change::Removed(reference)),
                (true, true) if modified => return Some(Change::Modified(reference)),
                _ => {}
            }
        }
        None
    }
}

/// The listener's end: when the listener goes, the tracker ends.
struct Writer(Arc<Levels>);

impl Drop for Writer {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.ended = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

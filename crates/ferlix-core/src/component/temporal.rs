//! [`Temporal`]: a required service that may be away for a while.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::ComponentError;
use super::bound::BoundService;
use super::inject::{DependencyKind, Inject, Slot};
use super::injection::Injection;
use crate::service::{CallError, Service};

/// A required service that may be away for a while: when it goes, the instance lives on for a grace period (10 s unless the
/// field or the instance property `temporal.timeouts` says otherwise), in which whoever asks for the service waits. Another
/// one that comes within it takes its place; else those who wait get [`ServiceAbsent`], and the instance is invalidated.
pub struct Temporal<T: ?Sized> {
    state: watch::Receiver<State<T>>,
    grace: Duration,
}

enum State<T: ?Sized> {
    Present(Arc<T>),
    /// Away, awaited until then.
    Away(Instant),
}

impl<T: ?Sized + Service> Temporal<T> {
    /// The service: at once while it is there, else as soon as one comes.
    ///
    /// # Errors
    /// [`ServiceAbsent`] when none came within the grace period, or the component went down.
    pub async fn get(&self) -> Result<Arc<T>, ServiceAbsent> {
        let absent = || ServiceAbsent {
            specification: T::interface().name,
            grace: self.grace,
        };
        let mut state = self.state.clone();
        let until = match &*state.borrow_and_update() {
            State::Present(service) => return Ok(Arc::clone(service)),
            State::Away(until) => *until,
        };
        let present = state.wait_for(|state| matches!(state, State::Present(_)));
        match tokio::time::timeout_at(until, present).await {
            Ok(Ok(state)) => match &*state {
                State::Present(service) => Ok(Arc::clone(service)),
                State::Away(_) => Err(absent()),
            },
            Ok(Err(_)) | Err(_) => Err(absent()),
        }
    }

    /// The service if it is there at this moment.
    #[must_use]
    pub fn try_get(&self) -> Option<Arc<T>> {
        match &*self.state.borrow() {
            State::Present(service) => Some(Arc::clone(service)),
            State::Away(_) => None,
        }
    }
}

/// A service was away, and none came in its place within the grace period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no service {specification} came back within {grace:?}")]
#[non_exhaustive]
pub struct ServiceAbsent {
    /// The specification of the service.
    pub specification: &'static str,
    /// The grace period.
    pub grace: Duration,
}

impl From<ServiceAbsent> for CallError {
    fn from(absent: ServiceAbsent) -> Self {
        Self::Gone {
            service: absent.specification.to_owned(),
        }
    }
}

impl From<ServiceAbsent> for ComponentError {
    fn from(absent: ServiceAbsent) -> Self {
        Self::other(absent)
    }
}

struct TemporalSlot<T: ?Sized> {
    state: watch::Sender<State<T>>,
    grace: Duration,
}

impl<T: ?Sized + Service> Slot for TemporalSlot<T> {
    fn assign(&self, services: &mut dyn Iterator<Item = &BoundService>) {
        let service = services.next().and_then(BoundService::get);
        self.state.send_replace(match service {
            Some(service) => State::Present(service),
            None => State::Away(Instant::now() + self.grace),
        });
    }
}

impl<T: ?Sized + Service> Inject for Temporal<T> {
    type Interface = T;

    const KIND: DependencyKind = DependencyKind::Temporal;

    fn slot(injection: &Injection) -> Box<dyn Slot> {
        let away = State::<T>::Away(Instant::now() + injection.grace);
        Box::new(TemporalSlot {
            state: watch::Sender::new(away),
            grace: injection.grace,
        })
    }

    fn from_slot(slot: &dyn Slot) -> Option<Self> {
        let slot = (slot as &dyn Any).downcast_ref::<TemporalSlot<T>>()?;
        Some(Self {
            state: slot.state.subscribe(),
            grace: slot.grace,
        })
    }
}

impl<T: ?Sized> Clone for Temporal<T> {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            grace: self.grace,
        }
    }
}

impl<T: ?Sized + Service> fmt::Debug for Temporal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Temporal<{}>", T::interface().name)
    }
}

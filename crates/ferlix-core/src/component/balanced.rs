//! [`Balanced`]: one of many services for each call.
//!
//! The field is a view of the interface on a caller that chooses. In flows a call, out go its attempts: to the services
//! whose peers answer, chosen as the field says, and to the failing ones only when no other is left. A call that did not
//! reach its service is made to another one; a call whose answer was lost too, if its method says that it is idempotent.
//!
//! Deliberately absent: sticking to one service, and any probing: whoever made a proxy keeps its health.

use std::any::Any;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::bound::BoundService;
use super::inject::{DependencyKind, Inject, Slot};
use super::injection::Injection;
use crate::registry::ServiceRef;
use crate::service::{Argument, CallError, Caller, Dispatch, Interface, RemoteService, Reply};

/// How long a call of an idempotent method goes on trying once every service has failed it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pauses between its rounds over all services: they double up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// In this time without a call what is known of a latency is worth half: a slow service is asked again now and then.
const HALF_LIFE: Duration = Duration::from_secs(1);

/// How a [`Balanced`] field chooses the service for a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Balance {
    /// In turn.
    #[default]
    RoundRobin,
    /// The one with the fewest calls of this field under way; in turn among equals.
    LeastPending,
    /// The one that is likely to answer first: by the mean time of its recent answers to this field, and the calls under
    /// way. What is known of a service fades with a half-life of one second, so that a slow one is asked again.
    Latency,
}

/// Many services, one of which each call goes to; it is used like the service itself.
///
/// All that match are called, wherever they are: in this process and in others, whatever their rankings. One whose peer
/// fails is left out until it answers again. Of a method marked `#[remote(idempotent)]` no call is lost while any service
/// answers: it is made again elsewhere when its answer does not come, and when all have failed it goes on for ten seconds.
/// A call of another method is made again only if it has certainly not run.
///
/// At least one service is required, or as many as `min` says; with `min = 0` calls fail with [`CallError::Gone`] while
/// there is none. A service in this process is called as a remote one is: its own error type arrives as a fault.
pub struct Balanced<T: ?Sized> {
    view: Arc<T>,
    members: Members,
}

impl<T: ?Sized> Balanced<T> {
    /// The same as an object: to hand on to code that takes an `Arc`.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.view)
    }

    /// How many services there are at this moment, failing ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.load().len()
    }

    /// Whether there is none at this moment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What each service has had of this field, best ranked first.
    #[must_use]
    pub fn loads(&self) -> Vec<Load> {
        let members = self.members.load();
        members.iter().map(|member| member.load()).collect()
    }
}

impl<T: ?Sized> Deref for Balanced<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.view
    }
}

/// What one service has had of a [`Balanced`] field.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Load {
    /// The service.
    pub service: ServiceRef,
    /// How many calls were made to it.
    pub calls: u64,
    /// How many of them gave no answer: the service was not reached, or the answer was lost.
    pub failures: u64,
    /// How many are under way.
    pub pending: usize,
    /// The mean time of its recent answers; `None` before the first.
    pub latency: Option<Duration>,
}

/// The services of a field, shared by its handles and its calls.
type Members = Arc<ArcSwap<Vec<Arc<Member>>>>;

/// One service of a field, and how it has done.
struct Member {
    service: ServiceRef,
    callee: Callee,
    calls: AtomicU64,
    failures: AtomicU64,
    pending: AtomicUsize,
    latency: Mutex<Option<Latency>>,
}

enum Callee {
    Remote(Arc<dyn Caller>),
    Local(Arc<dyn Dispatch>),
}

/// A moving mean of latencies, and when the last came in.
#[derive(Clone, Copy)]
struct Latency {
    mean: Duration,
    at: Instant,
}

impl Latency {
    /// What the mean is worth after a time without answers: 1 at once, half of it after each half-life.
    fn worth(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.at).as_secs_f64();
        (-age / HALF_LIFE.as_secs_f64()).exp2()
    }
}

impl Member {
    /// `None` for a service that cannot be called by values.
    fn new(service: &BoundService, interface: &Interface) -> Option<Self> {
        let callee = match service.caller() {
            Some(caller) => Callee::Remote(Arc::clone(caller)),
            None => {
                let mut dispatchers = service.dispatchers().into_iter();
                Callee::Local(dispatchers.find(|one| one.interface().name == interface.name)?)
            }
        };
        Some(Self {
            service: service.reference().clone(),
            callee,
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            pending: AtomicUsize::new(0),
            latency: Mutex::new(None),
        })
    }

    async fn call(
        &self,
        method: &str,
        arguments: &[Argument<'_>],
        mut reply: Reply<'_>,
    ) -> Result<(), CallError> {
        /// One call fewer under way, also when it is given up.
        struct Pending<'a>(&'a AtomicUsize);
        impl Drop for Pending<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.pending.fetch_add(1, Ordering::Relaxed);
        let _pending = Pending(&self.pending);
        let began = Instant::now();
        let answer = match &self.callee {
            Callee::Remote(caller) => caller.call(method, arguments, reply.again()).await,
            Callee::Local(dispatch) => here(&**dispatch, method, arguments, reply).await,
        };
        match &answer {
            Err(error) if another_may_answer(error, true) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            _ => self.answered_in(began.elapsed()),
        }
        answer
    }

    /// Each answer counts for a fifth of the mean, for more the older the others are.
    fn answered_in(&self, time: Duration) {
        let now = Instant::now();
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        let mean = match &*latency {
            None => time,
            Some(known) => {
                let weight = 0.8 * known.worth(now);
                known.mean.mul_f64(weight) + time.mul_f64(1.0 - weight)
            }
        };
        *latency = Some(Latency { mean, at: now });
    }

    fn known_latency(&self) -> Option<Latency> {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// How long one more call is likely to take, in seconds; nothing for one of which nothing is known.
    fn expected_time(&self, now: Instant) -> f64 {
        let Some(known) = self.known_latency() else {
            return 0.0;
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "there are never so many calls under way"
        )]
        let queue = (self.pending() + 1) as f64;
        known.mean.as_secs_f64() * queue * known.worth(now)
    }

    fn load(&self) -> Load {
        Load {
            service: self.service.clone(),
            calls: self.calls.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            pending: self.pending(),
            latency: self.known_latency().map(|known| known.mean),
        }
    }
}

/// Calls a service in this process as a remote one is called: by values.
async fn here(
    dispatch: &dyn Dispatch,
    method: &str,
    arguments: &[Argument<'_>],
    mut reply: Reply<'_>,
) -> Result<(), CallError> {
    let values = arguments.iter().map(|argument| argument.to_value(method));
    let values = values.collect::<Result<_, _>>()?;
    let result = dispatch.dispatch_values(method, values).await?;
    reply.value(result);
    Ok(())
}

/// Whether a call that failed like this may be made to another service: when it has not run; one that may be repeated also
/// when nobody knows whether it ran.
fn another_may_answer(error: &CallError, idempotent: bool) -> bool {
    match error {
        CallError::Gone { .. } | CallError::Refused { .. } | CallError::Unreachable { .. } => true,
        CallError::Lost { .. } | CallError::Protocol { .. } | CallError::Timeout { .. } => {
            idempotent
        }
        _ => false,
    }
}

/// The caller behind the view.
struct Balancer(Choice);

/// Chooses the services for calls.
struct Choice {
    interface: &'static Interface,
    balance: Balance,
    turn: AtomicUsize,
    members: Members,
}

impl Caller for Balancer {
    fn call<'a>(
        &'a self,
        method: &'a str,
        arguments: &'a [Argument<'a>],
        reply: Reply<'a>,
    ) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.0.call(method, arguments, reply))
    }
}

impl Choice {
    async fn call(
        &self,
        method: &str,
        arguments: &[Argument<'_>],
        mut reply: Reply<'_>,
    ) -> Result<(), CallError> {
        let described = self.interface.method(method);
        let idempotent = described.is_some_and(|method| method.idempotent);
        let mut given_up_at = None;
        let mut pause = PAUSES.0;
        loop {
            let mut failure = CallError::Gone {
                service: self.interface.name.to_owned(),
            };
            let mut tried: Vec<u64> = Vec::new();
            // One turn for a call, however often it is made: else those that fail would disturb the order of the others.
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            while let Some(member) = self.choose(turn, &tried) {
                let error = match member.call(method, arguments, reply.again()).await {
                    Err(error) if another_may_answer(&error, idempotent) => error,
                    answer => return answer,
                };
                tracing::debug!(service = %member.service, method, error = &error as &dyn std::error::Error, "a call is made to another service");
                tried.push(member.service.id());
                // What the last one said of itself, rather than that it went in the meantime.
                if !matches!(error, CallError::Gone { .. }) {
                    failure = error;
                }
            }
            let given_up_at = *given_up_at.get_or_insert_with(|| Instant::now() + PATIENCE);
            if !idempotent || Instant::now() + pause > given_up_at {
                return Err(failure);
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// The service to call: of those that were not tried one whose peer answers, else one whose peer fails.
    fn choose(&self, turn: usize, tried: &[u64]) -> Option<Arc<Member>> {
        let members = self.members.load();
        let untried = |member: &&Arc<Member>| !tried.contains(&member.service.id());
        let healthy: Vec<&Arc<Member>> = members
            .iter()
            .filter(|member| member.service.is_healthy())
            .filter(untried)
            .collect();
        if !healthy.is_empty() {
            return self.choose_of(turn, &healthy);
        }
        let failing: Vec<&Arc<Member>> = members.iter().filter(untried).collect();
        self.choose_of(turn, &failing)
    }

    fn choose_of(&self, turn: usize, members: &[&Arc<Member>]) -> Option<Arc<Member>> {
        if members.is_empty() {
            return None;
        }
        let turn = turn % members.len();
        // Of equals `min_by` takes the first: the one whose turn it is.
        let mut in_turn = members[turn..].iter().chain(&members[..turn]);
        let chosen = match self.balance {
            Balance::RoundRobin => in_turn.next(),
            Balance::LeastPending => in_turn.min_by_key(|member| member.pending()),
            Balance::Latency => {
                let now = Instant::now();
                let times = in_turn.map(|member| (member.expected_time(now), member));
                times
                    .min_by(|(one, _), (other, _)| one.total_cmp(other))
                    .map(|(_, member)| member)
            }
        };
        chosen.map(|member| Arc::clone(member))
    }
}

/// Half to all of a pause, so that callers that failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 512;
    pause / 2 + pause * u32::try_from(random).unwrap_or(0) / 1024
}

struct BalancedSlot<T: ?Sized> {
    interface: &'static Interface,
    members: Members,
    view: Option<Arc<T>>,
}

impl<T: ?Sized + RemoteService> Slot for BalancedSlot<T> {
    fn assign(&self, services: &mut dyn Iterator<Item = &BoundService>) {
        let before = self.members.load();
        let member = |service: &BoundService| {
            // One that stays keeps its account.
            let known = before
                .iter()
                .find(|member| member.service == *service.reference());
            known
                .cloned()
                .or_else(|| Member::new(service, self.interface).map(Arc::new))
        };
        let members: Vec<Arc<Member>> = services.filter_map(member).collect();
        self.members.store(Arc::new(members));
    }
}

impl<T: ?Sized + RemoteService> Inject for Balanced<T> {
    type Interface = T;

    const KIND: DependencyKind = DependencyKind::Balanced;

    fn slot(injection: &Injection) -> Box<dyn Slot> {
        let members = Members::default();
        let choice = Choice {
            interface: T::interface(),
            balance: injection.balance,
            turn: AtomicUsize::new(0),
            members: Arc::clone(&members),
        };
        Box::new(BalancedSlot {
            interface: T::interface(),
            members,
            view: T::from_caller(Arc::new(Balancer(choice))),
        })
    }

    fn from_slot(slot: &dyn Slot) -> Option<Self> {
        let slot = (slot as &dyn Any).downcast_ref::<BalancedSlot<T>>()?;
        Some(Self {
            view: Arc::clone(slot.view.as_ref()?),
            members: Arc::clone(&slot.members),
        })
    }
}

impl<T: ?Sized> Clone for Balanced<T> {
    fn clone(&self) -> Self {
        Self {
            view: Arc::clone(&self.view),
            members: Arc::clone(&self.members),
        }
    }
}

impl<T: ?Sized + RemoteService> fmt::Debug for Balanced<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Balanced<{}>", T::interface().name)
    }
}

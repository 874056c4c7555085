//! [`Health`]: whether the peer behind a proxy answers.
//!
//! In flow the outcomes of calls and probes, out flows one state: healthy or failing, and since when. Whoever chooses
//! among services looks at it once the ranking has put them in order. It is no property of the service: it changes nothing
//! on the wire and makes no service event; who wants to know of a change subscribes.
//!
//! Deliberately absent: when a failing peer is tried again. Whoever made the proxy probes it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use super::CallError;
use crate::error_chain;

/// Whether the peer behind a proxy answers; one for each proxy, shared by all who use it.
///
/// ```
/// use ferlix_core::service::{CallError, Health};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let health = Health::new();
/// let lost = CallError::Unreachable { peer: "http://there:80/".into(), source: "refused".into() };
/// let _ = health.watch(async { Err::<(), _>(lost) }).await;
/// assert!(!health.is_healthy());
/// assert_eq!(health.status().error.as_deref(), Some("cannot reach http://there:80/: refused"));
///
/// // An answer is an answer, if it is a fault.
/// let _ = health.watch(async { Err::<(), _>(CallError::fault("no such guest")) }).await;
/// assert!(health.is_healthy());
/// # }
/// ```
pub struct Health {
    failing: AtomicBool,
    /// Grows with each answer.
    answers: AtomicU64,
    state: Mutex<State>,
    watchers: Arc<Watchers>,
}

struct State {
    since: SystemTime,
    failures: u64,
    error: Option<Arc<str>>,
}

type Watcher = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Watchers(Mutex<(u64, BTreeMap<u64, Watcher>)>);

impl Watchers {
    fn locked(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Watcher>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What [`Health::status`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthStatus {
    /// Whether the peer answered the last time.
    pub healthy: bool,
    /// Since when it is so; for a proxy that never failed, since it was made.
    pub since: SystemTime,
    /// How many calls and probes have failed since the last answer.
    pub failures: u64,
    /// What the last failure was, with its causes, while it fails.
    pub error: Option<Arc<str>>,
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.elapsed().unwrap_or_default().as_secs();
        if self.healthy {
            return write!(f, "healthy since {since} s");
        }
        let failures = self.failures;
        let error = self.error.as_deref().unwrap_or_default();
        write!(f, "failing since {since} s, {failures} times: {error}")
    }
}

/// Told of changes until it is dropped.
#[must_use]
pub struct HealthSubscription {
    watchers: Weak<Watchers>,
    id: u64,
}

impl Health {
    /// Healthy until a call fails.
    #[must_use]
    pub fn new() -> Self {
        Self {
            failing: AtomicBool::new(false),
            answers: AtomicU64::new(0),
            state: Mutex::new(State {
                since: SystemTime::now(),
                failures: 0,
                error: None,
            }),
            watchers: Arc::default(),
        }
    }

    /// Whether the peer answered the last time it was asked.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        !self.failing.load(Ordering::Acquire)
    }

    /// Everything that is known.
    #[must_use]
    pub fn status(&self) -> HealthStatus {
        let state = self.locked();
        HealthStatus {
            healthy: self.is_healthy(),
            since: state.since,
            failures: state.failures,
            error: state.error.clone(),
        }
    }

    /// Waits for a call and takes over how it went; a call that is dropped says nothing.
    ///
    /// [`CallError::Unreachable`] and [`CallError::Lost`] are failures; so is [`CallError::Timeout`], unless the peer
    /// answered another call meanwhile: then only this call is slow. [`CallError::Gone`] and errors in what was to be sent
    /// say nothing of the peer. Everything else is an answer.
    ///
    /// # Errors
    /// The call's.
    pub async fn watch<T>(
        &self,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let answers = self.answers.load(Ordering::Relaxed);
        let result = call.await;
        match &result {
            Err(error @ (CallError::Unreachable { .. } | CallError::Lost { .. })) => {
                self.failed(error);
            }
            Err(error @ CallError::Timeout { .. }) => {
                if self.answers.load(Ordering::Relaxed) == answers {
                    self.failed(error);
                }
            }
            Err(
                CallError::Gone { .. }
                | CallError::InvalidArguments { .. }
                | CallError::Value { .. },
            ) => {}
            _ => self.answered(),
        }
        result
    }

    /// The peer answered.
    fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        if self.is_healthy() {
            return;
        }
        {
            let mut state = self.locked();
            if !self.failing.swap(false, Ordering::AcqRel) {
                return;
            }
            *state = State {
                since: SystemTime::now(),
                failures: 0,
                error: None,
            };
        }
        self.tell();
    }

    fn failed(&self, error: &CallError) {
        let error: Arc<str> = error_chain(error).into();
        {
            let mut state = self.locked();
            state.failures += 1;
            state.error = Some(error);
            if self.failing.swap(true, Ordering::AcqRel) {
                return;
            }
            state.since = SystemTime::now();
        }
        self.tell();
    }

    /// Calls `changed` whenever a healthy peer begins to fail or a failing one answers again, on the thread of the call
    /// that found it out, until the subscription is dropped. What it is then is to be asked: another change may have come.
    pub fn subscribe(&self, changed: impl Fn() + Send + Sync + 'static) -> HealthSubscription {
        let mut watchers = self.watchers.locked();
        watchers.0 += 1;
        let id = watchers.0;
        watchers.1.insert(id, Arc::new(changed));
        HealthSubscription {
            watchers: Arc::downgrade(&self.watchers),
            id,
        }
    }

    fn tell(&self) {
        let watchers: Vec<Watcher> = self.watchers.locked().1.values().cloned().collect();
        watchers.iter().for_each(|changed| changed());
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.status()).finish()
    }
}

impl Drop for HealthSubscription {
    fn drop(&mut self) {
        let Some(watchers) = self.watchers.upgrade() else {
            return;
        };
        // What it captured is user code's to drop: not under the lock.
        let removed = watchers.locked().1.remove(&self.id);
        drop(removed);
    }
}

impl fmt::Debug for HealthSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HealthSubscription").field(&self.id).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    fn timeout() -> CallError {
        CallError::Timeout {
            peer: "there".to_owned(),
            after: Duration::from_secs(1),
        }
    }

    #[tokio::test]
    async fn what_counts_as_a_failure() {
        let health = Health::new();
        let changes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&changes);
        let subscription = health.subscribe(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let fail = async |error: CallError| {
            let _ = health.watch(async { Err::<(), _>(error) }).await;
            (health.is_healthy(), changes.load(Ordering::SeqCst))
        };
        let gone = CallError::Gone {
            service: "s".to_owned(),
        };
        assert_eq!(fail(gone).await, (true, 0));
        assert_eq!(fail(CallError::fault("no")).await, (true, 0));
        assert_eq!(fail(timeout()).await, (false, 1));
        let status = health.status();
        let lost = CallError::Lost {
            peer: "there".to_owned(),
            source: "reset".into(),
        };
        assert_eq!(fail(lost).await, (false, 1));
        assert_eq!(health.status().failures, 2);
        assert_eq!(health.status().since, status.since);
        assert_eq!(health.watch(async { Ok(5) }).await.unwrap(), 5);
        assert!(health.is_healthy() && health.status().error.is_none());
        assert_eq!(changes.load(Ordering::SeqCst), 2);
        drop(subscription);
        assert_eq!(fail(timeout()).await, (false, 2));
    }

    #[tokio::test]
    async fn a_slow_call_says_nothing_while_others_are_answered() {
        let health = Health::new();
        let slow = health.watch(async {
            health.watch(async { Ok(()) }).await?;
            Err::<(), _>(timeout())
        });
        assert!(slow.await.is_err());
        assert!(health.is_healthy());
    }
}

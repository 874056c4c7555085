//! Asynchronous work that is begun from plain functions: in order for each key, without a task where none is needed.
//!
//! Service listeners and hooks are plain functions, but exports and imports are asynchronous. [`Runner`] begins such work on the
//! thread that caused it, and makes a task only when it yields; [`Rounds`] repeats a key's work while it is asked for, and never
//! runs it twice at once; [`Turns`] lets asynchronous callers take turns for a key. All of it counts as pending in the framework.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use ferlix_core::framework::Framework;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedMutexGuard};

/// Takes a lock whose holder cannot leave it broken: every critical section here only moves plain data.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Half to all of a pause, so that those who failed together do not come back together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 512;
    pause / 2 + pause * u32::try_from(random).unwrap_or(0) / 1024
}

/// Begins work.
#[derive(Clone)]
pub(crate) struct Runner {
    framework: Framework,
    runtime: Handle,
}

impl Runner {
    /// A runner on the current runtime.
    pub(crate) fn new(framework: &Framework) -> Self {
        Self {
            framework: framework.clone(),
            runtime: Handle::current(),
        }
    }

    /// Polls the work here and now; a task is made only if it yields. A panic is reported and hurts nobody.
    pub(crate) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut work = Box::pin(self.guarded(work));
        let _entered = self.runtime.enter();
        // A task that takes over polls again at once, so no wake-up can be lost.
        let pending = work
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending();
        if pending {
            self.runtime.spawn(work);
        }
    }

    /// Makes a task of the work: for callers that must not wait even for its first step.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(self.guarded(work));
    }

    /// No async block: that would hold the work twice, as it came and while it runs.
    fn guarded(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let busy = self.framework.busy();
        AssertUnwindSafe(work).catch_unwind().map(move |ended| {
            if ended.is_err() {
                tracing::error!("remote work panicked");
            }
            drop(busy);
        })
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runner")
    }
}

/// The work of many keys, each done in rounds: a request during a round makes one more round.
///
/// A round looks at the state and brings things in line with it; so however many changes come while one runs, one more
/// round is enough, and a slow key holds up no other.
pub(crate) struct Rounds<K> {
    inner: Arc<RoundsInner<K>>,
}

struct RoundsInner<K> {
    runner: Runner,
    /// The keys whose rounds run, and whether one more was asked for. Few at a time, for which no hash is worth its making.
    running: Mutex<BTreeMap<K, bool>>,
    idle: Notify,
}

impl<K: Clone + Ord + Send + 'static> Rounds<K> {
    pub(crate) fn new(runner: Runner) -> Self {
        Self {
            inner: Arc::new(RoundsInner {
                runner,
                running: Mutex::default(),
                idle: Notify::new(),
            }),
        }
    }

    /// Asks for a round, begun on this thread if none runs.
    pub(crate) fn begin<F>(&self, key: K, round: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(work) = self.rounds(key, round) {
            self.inner.runner.begin(work);
        }
    }

    /// Asks for a round, in a task of its own.
    pub(crate) fn spawn<F>(&self, key: K, round: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(work) = self.rounds(key, round) {
            self.inner.runner.spawn(work);
        }
    }

    fn rounds<F>(
        &self,
        key: K,
        round: impl Fn() -> F + Send + 'static,
    ) -> Option<impl Future<Output = ()> + Send + 'static>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        {
            let mut running = locked(&self.inner.running);
            if let Some(again) = running.get_mut(&key) {
                *again = true;
                return None;
            }
            running.insert(key.clone(), false);
        }
        let inner = Arc::clone(&self.inner);
        Some(async move {
            loop {
                let next = round();
                if AssertUnwindSafe(next).catch_unwind().await.is_err() {
                    tracing::error!("a round of remote work panicked");
                }
                let mut running = locked(&inner.running);
                match running.get_mut(&key) {
                    Some(again) if *again => *again = false,
                    _ => {
                        running.remove(&key);
                        break;
                    }
                }
            }
            inner.idle.notify_waiters();
        })
    }

    /// Waits until no round runs.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.inner.idle.notified();
            if locked(&self.inner.running).is_empty() {
                return;
            }
            idle.await;
        }
    }
}

/// Turns by key: whoever has the turn works alone on that key, the others wait in order without holding a thread.
pub(crate) struct Turns<K: Ord> {
    queues: Arc<Mutex<BTreeMap<K, Arc<tokio::sync::Mutex<()>>>>>,
}

impl<K: Ord> Default for Turns<K> {
    fn default() -> Self {
        Self {
            queues: Arc::default(),
        }
    }
}

/// A turn; it ends when dropped.
pub(crate) struct Turn<K: Ord> {
    queues: Arc<Mutex<BTreeMap<K, Arc<tokio::sync::Mutex<()>>>>>,
    key: K,
    guard: Option<OwnedMutexGuard<()>>,
}

impl<K: Clone + Ord> Turns<K> {
    /// Waits for the turn of a key.
    pub(crate) async fn take(&self, key: K) -> Turn<K> {
        let queue = Arc::clone(locked(&self.queues).entry(key.clone()).or_default());
        // Made before the wait, so that it tidies up even if the wait is given up.
        let mut turn = Turn {
            queues: Arc::clone(&self.queues),
            key,
            guard: None,
        };
        turn.guard = Some(queue.lock_owned().await);
        turn
    }
}

impl<K: Ord> Drop for Turn<K> {
    fn drop(&mut self) {
        let mut queues = locked(&self.queues);
        self.guard.take();
        // Whoever waits has a clone of the queue, taken under the lock that is held here.
        if queues
            .get(&self.key)
            .is_some_and(|queue| Arc::strong_count(queue) == 1)
        {
            queues.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn runner() -> (Framework, Runner) {
        let framework = Framework::builder().start().await.unwrap();
        let runner = Runner::new(&framework);
        (framework, runner)
    }

    #[tokio::test]
    async fn work_that_does_not_yield_is_done_at_once() {
        let (framework, runner) = runner().await;
        let steps = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&steps);
        runner.begin(async move {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            counter.fetch_add(1, Ordering::SeqCst);
        });
        assert_eq!(steps.load(Ordering::SeqCst), 1);
        framework.settle().await;
        assert_eq!(steps.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn requests_during_a_round_make_one_more() {
        let (framework, runner) = runner().await;
        let rounds = Rounds::new(runner);
        let (count, go) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let request = || {
            let (count, go) = (Arc::clone(&count), Arc::clone(&go));
            rounds.begin("key", move || {
                let (count, go) = (Arc::clone(&count), Arc::clone(&go));
                async move {
                    if count.fetch_add(1, Ordering::SeqCst) == 0 {
                        go.notified().await;
                    }
                }
            });
        };
        (0..10).for_each(|_| request());
        assert_eq!(count.load(Ordering::SeqCst), 1);
        go.notify_one();
        rounds.idle().await;
        assert_eq!(count.load(Ordering::SeqCst), 2);
        framework.settle().await;
    }

    #[tokio::test]
    async fn a_round_that_panics_ends_only_itself() {
        let (framework, runner) = runner().await;
        let rounds = Rounds::new(runner);
        rounds.begin(1, || async {
            panic!("the round of the test panics on purpose")
        });
        let done = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&done);
        rounds.spawn(1, move || {
            let counter = Arc::clone(&counter);
            async move {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        framework.settle().await;
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn turns_are_taken_in_order_and_forgotten() {
        let turns: Arc<Turns<u8>> = Arc::default();
        let order = Arc::new(Mutex::new(Vec::new()));
        let first = turns.take(1).await;
        let other = turns.take(2).await;
        let waiting: Vec<_> = (0..3)
            .map(|number| {
                let (turns, order) = (Arc::clone(&turns), Arc::clone(&order));
                tokio::spawn(async move {
                    let _turn = turns.take(1).await;
                    locked(&order).push(number);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(locked(&order).is_empty());
        let given_up = turns.take(1);
        assert!(given_up.now_or_never().is_none());
        drop((first, other));
        for task in waiting {
            task.await.unwrap();
        }
        assert_eq!(*locked(&order), [0, 1, 2]);
        assert!(locked(&turns.queues).is_empty());
    }
}

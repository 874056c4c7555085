//! [`ProxyCaller`]: what stands between the views of a proxy and the provider's caller.
//!
//! It keeps the health of the peer: calls tell how it does, and while it fails it is probed. That changes nothing on the
//! wire and no property of the proxy.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use ferlix_core::service::{Argument, CallError, Caller, Health, Reply};
use futures_util::future::{BoxFuture, FutureExt, ready};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::work::jittered;

/// The pauses before probes double up to the last one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// How long a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Calls the endpoint while it is there; once it is withdrawn every call fails at once.
pub(super) struct ProxyCaller {
    this: Weak<Self>,
    service: String,
    gone: AtomicBool,
    caller: RwLock<Arc<dyn Caller>>,
    health: Arc<Health>,
    /// Whether somebody probes.
    probing: AtomicBool,
    /// How many probes there were since the last call that was answered.
    probes: AtomicU32,
}

impl ProxyCaller {
    pub(super) fn new(service: String, caller: Arc<dyn Caller>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            service,
            gone: AtomicBool::new(false),
            caller: RwLock::new(caller),
            health: Arc::new(Health::new()),
            probing: AtomicBool::new(false),
            probes: AtomicU32::new(0),
        })
    }

    /// Every call from now on fails with [`CallError::Gone`]; calls in flight may end.
    pub(super) fn close(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Later calls go to another caller.
    pub(super) fn replace(&self, caller: Arc<dyn Caller>) {
        *self.caller.write().unwrap_or_else(PoisonError::into_inner) = caller;
    }

    fn caller(&self) -> Arc<dyn Caller> {
        Arc::clone(&self.caller.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// After a call: a peer that fails is probed until it answers.
    fn look_after(&self, answered: bool) {
        if self.health.is_healthy() {
            if answered {
                self.probes.store(0, Ordering::Relaxed);
            }
            return;
        }
        if self.is_gone() || self.probing.swap(true, Ordering::AcqRel) {
            return;
        }
        match Handle::try_current() {
            // It only waits and asks: nobody waits for it, and the framework is not busy with it.
            Ok(runtime) => drop(runtime.spawn(probe(Weak::clone(&self.this)))),
            Err(_) => self.probing.store(false, Ordering::Release),
        }
    }
}

/// Probes a failing peer, with growing pauses, until it answers or the proxy goes.
async fn probe(proxy: Weak<ProxyCaller>) {
    loop {
        let pause = match proxy.upgrade() {
            Some(proxy) => {
                let doublings = proxy.probes.fetch_add(1, Ordering::Relaxed).min(16);
                (PAUSES.0 * 2_u32.pow(doublings)).min(PAUSES.1)
            }
            None => return,
        };
        sleep(jittered(pause)).await;
        let Some(proxy) = proxy.upgrade() else { return };
        if !proxy.health.is_healthy() && !proxy.is_gone() {
            let caller = proxy.caller();
            let asked = proxy.health.watch(async {
                let late = |_| CallError::Timeout {
                    peer: proxy.service.clone(),
                    after: PROBE_TIMEOUT,
                };
                timeout(PROBE_TIMEOUT, caller.probe()).await.map_err(late)?
            });
            // The health has taken it over, whatever it is.
            drop(asked.await);
        }
        if proxy.health.is_healthy() || proxy.is_gone() {
            proxy.probing.store(false, Ordering::Release);
            // It may have failed again before the flag fell, and nobody else probes then.
            let fails_again = !proxy.health.is_healthy() && !proxy.is_gone();
            if !fails_again || proxy.probing.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }
}

impl Caller for ProxyCaller {
    fn call<'a>(
        &'a self,
        method: &'a str,
        arguments: &'a [Argument<'a>],
        mut reply: Reply<'a>,
    ) -> BoxFuture<'a, Result<(), CallError>> {
        if self.is_gone() {
            let error = CallError::Gone {
                service: self.service.clone(),
            };
            return ready(Err(error)).boxed();
        }
        let caller = self.caller();
        async move {
            let call = caller.call(method, arguments, reply.again());
            let answer = self.health.watch(call).await;
            self.look_after(answer.is_ok());
            answer
        }
        .boxed()
    }

    fn probe(&self) -> BoxFuture<'static, Result<(), CallError>> {
        self.caller().probe()
    }

    fn health(&self) -> Option<&Arc<Health>> {
        Some(&self.health)
    }
}

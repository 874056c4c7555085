//! [`ProxyCaller`]: what stands between the views of a proxy and the provider's caller.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ferlix_core::property::Value;
use ferlix_core::service::{CallError, Caller};
use futures_util::future::{BoxFuture, FutureExt, ready};

/// Calls the endpoint while it is there; once it is withdrawn every call fails at once.
pub(super) struct ProxyCaller {
    service: String,
    gone: AtomicBool,
    caller: RwLock<Arc<dyn Caller>>,
}

impl ProxyCaller {
    pub(super) fn new(service: &str, caller: Arc<dyn Caller>) -> Self {
        Self {
            service: service.to_owned(),
            gone: AtomicBool::new(false),
            caller: RwLock::new(caller),
        }
    }

    /// Every call from now on fails with [`CallError::Gone`]; calls in flight may end.
    pub(super) fn close(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Later calls go to another caller.
    pub(super) fn replace(&self, caller: Arc<dyn Caller>) {
        *self.caller.write().unwrap_or_else(PoisonError::into_inner) = caller;
    }
}

impl Caller for ProxyCaller {
    fn call(
        &self,
        method: &str,
        arguments: Vec<Value>,
    ) -> BoxFuture<'static, Result<Value, CallError>> {
        if self.gone.load(Ordering::Acquire) {
            let error = CallError::Gone {
                service: self.service.clone(),
            };
            return ready(Err(error)).boxed();
        }
        let caller = Arc::clone(&self.caller.read().unwrap_or_else(PoisonError::into_inner));
        caller.call(method, arguments)
    }
}

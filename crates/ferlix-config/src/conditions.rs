//! [`Conditions`]: lets components wait for a configuration.
//!
//! While a configuration has properties, there is the condition `configuration:<pid>`, offered once the configuration is
//! applied and withdrawn first when it is deleted. A component with `conditions("configuration:its.pid")` is valid only then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferlix_core::component::Condition;
use ferlix_core::framework::BundleContext;
use ferlix_core::registry::ServiceRegistration;

use crate::admin::properties::CONDITION_PREFIX;

pub(crate) struct Conditions {
    context: BundleContext,
    offered: Mutex<BTreeMap<Arc<str>, ServiceRegistration>>,
}

impl Conditions {
    pub(crate) fn new(context: BundleContext) -> Self {
        Self {
            context,
            offered: Mutex::default(),
        }
    }

    /// Offers the condition of a PID, unless it is offered already. One PID is applied by one task at a time.
    pub(crate) fn offer(&self, pid: &Arc<str>) {
        if self.offered().contains_key(pid) {
            return;
        }
        let named = Condition::named(&format!("{CONDITION_PREFIX}{pid}"));
        match self.context.register(Arc::new(Condition), named) {
            Ok(registration) => {
                self.offered().insert(Arc::clone(pid), registration);
            }
            Err(error) => tracing::debug!(pid = &**pid, %error, "the condition is not offered"),
        }
    }

    /// Withdraws the condition of a PID and waits until those that need it are down.
    pub(crate) async fn withdraw(&self, pid: &str) {
        let offered = self.offered().remove(pid);
        if let Some(Err(error)) = match offered {
            Some(registration) => Some(registration.unregister().await),
            None => None,
        } {
            tracing::debug!(pid, %error, "the condition departed late");
        }
    }

    pub(crate) async fn end(&self) {
        let pids: Vec<Arc<str>> = self.offered().keys().cloned().collect();
        for pid in pids {
            self.withdraw(&pid).await;
        }
    }

    fn offered(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, ServiceRegistration>> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

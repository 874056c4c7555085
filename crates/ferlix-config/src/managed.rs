//! [`Managed`]: tells managed services and managed service factories.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ferlix_core::filter::Filter;
use ferlix_core::framework::{BoxError, BundleContext};
use ferlix_core::registry::ServiceRef;
use futures_util::FutureExt;

use crate::admin::properties::SERVICE_PID;
use crate::table::Content;
use crate::{MANAGED_SERVICE, MANAGED_SERVICE_FACTORY, ManagedService, ManagedServiceFactory};

pub(crate) struct Managed {
    context: BundleContext,
    timeout: Duration,
    /// Which generation of a PID's properties a service was told last.
    told: Mutex<BTreeMap<(Arc<str>, u64), u64>>,
}

impl Managed {
    pub(crate) fn new(context: BundleContext, timeout: Duration) -> Self {
        Self {
            context,
            timeout,
            told: Mutex::default(),
        }
    }

    /// A service went.
    pub(crate) fn forget(&self, service_id: u64) {
        self.told().retain(|(_, id), _| *id != service_id);
    }

    pub(crate) async fn apply(&self, pid: &Arc<str>, content: Option<&Content>) {
        match content {
            Some(content) => self.update(pid, content).await,
            None => self.delete(pid).await,
        }
    }

    async fn update(&self, pid: &Arc<str>, content: &Content) {
        for reference in self.with_pid(MANAGED_SERVICE, pid) {
            if self.is_told(pid, &reference, content)
                && let Some(service) = self.context.get::<dyn ManagedService>(&reference)
            {
                let call = service.updated(Some(&content.properties));
                self.guarded(pid, &reference, call).await;
            }
        }
        let Some(factory_pid) = &content.factory_pid else {
            return;
        };
        for reference in self.with_pid(MANAGED_SERVICE_FACTORY, factory_pid) {
            if self.is_told(pid, &reference, content)
                && let Some(service) = self.context.get::<dyn ManagedServiceFactory>(&reference)
            {
                let call = service.updated(pid, &content.properties);
                self.guarded(pid, &reference, call).await;
            }
        }
    }

    /// Tells those who were told of the properties that they are gone.
    async fn delete(&self, pid: &Arc<str>) {
        let ids: Vec<u64> = {
            let told = self.told();
            let of_pid = told.range((Arc::clone(pid), 0)..=(Arc::clone(pid), u64::MAX));
            of_pid.map(|((_, id), _)| *id).collect()
        };
        for id in ids {
            self.told().remove(&(Arc::clone(pid), id));
            let Some(reference) = self.context.reference_by_id(id) else {
                continue;
            };
            if let Some(service) = self.context.get::<dyn ManagedService>(&reference) {
                self.guarded(pid, &reference, service.updated(None)).await;
            }
            if let Some(service) = self.context.get::<dyn ManagedServiceFactory>(&reference) {
                self.guarded(pid, &reference, service.deleted(pid)).await;
            }
        }
    }

    /// The services of a specification with a PID, best first.
    fn with_pid(&self, specification: &str, pid: &str) -> Vec<ServiceRef> {
        let mut found = self
            .context
            .references(Some(specification), Some(&Filter::equal(SERVICE_PID, pid)));
        // A filter compares numbers as numbers; a PID is a text.
        found.retain(|reference| reference.properties().texts(SERVICE_PID).contains(&pid));
        found
    }

    /// Whether the service has to be told now; then it counts as told.
    fn is_told(&self, pid: &Arc<str>, reference: &ServiceRef, content: &Content) -> bool {
        let key = (Arc::clone(pid), reference.id());
        self.told().insert(key, content.generation) != Some(content.generation)
    }

    async fn guarded(
        &self,
        pid: &str,
        service: &ServiceRef,
        call: impl Future<Output = Result<(), BoxError>>,
    ) {
        let guarded = AssertUnwindSafe(call).catch_unwind();
        match tokio::time::timeout(self.timeout, guarded).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => {
                let error = ferlix_core::error_chain(&*error);
                tracing::error!(pid, %service, "the managed service refused its configuration: {error}");
            }
            Ok(Err(_)) => {
                tracing::error!(pid, %service, "the managed service panicked when it was configured");
            }
            Err(_) => {
                let after = self.timeout;
                tracing::error!(pid, %service, "the managed service took longer than {after:?} to be configured and was given up");
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, BTreeMap<(Arc<str>, u64), u64>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

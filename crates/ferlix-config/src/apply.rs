//! [`Applier`]: brings configurations to whom they concern.
//!
//! In: PIDs whose configuration, or whose takers, changed. Out: calls of managed services, changes of component instances.
//! What is applied is what the table holds at that moment, never what a notice said: changes of one PID are applied in order,
//! one after the other, and those that come meanwhile as one. Each PID has a task of its own while there is work for it, so
//! that a slow service delays nobody else's configuration. No lock is held meanwhile.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ferlix_core::framework::BundleContext;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::components::Components;
use crate::conditions::Conditions;
use crate::managed::Managed;
use crate::table::Table;

/// How long a stop waits for what is being applied.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Applier {
    pub(crate) table: Arc<Table>,
    context: BundleContext,
    runtime: Handle,
    tasks: TaskTracker,
    stopped: CancellationToken,
    /// The PIDs at work, and whether there is more to do for them.
    working: Mutex<HashMap<Arc<str>, bool>>,
    pub(crate) managed: Managed,
    pub(crate) components: Components,
    conditions: Conditions,
}

impl Applier {
    /// Of the runtime that this is called on.
    pub(crate) fn new(table: Arc<Table>, context: &BundleContext, timeout: Duration) -> Self {
        Self {
            table,
            context: context.clone(),
            runtime: Handle::current(),
            tasks: TaskTracker::new(),
            stopped: CancellationToken::new(),
            working: Mutex::default(),
            managed: Managed::new(context.clone(), timeout),
            components: Components::new(context.clone()),
            conditions: Conditions::new(context.clone()),
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.is_cancelled()
    }

    /// A configuration, or somebody who takes it, changed.
    pub(crate) fn mark(self: &Arc<Self>, pid: &str) {
        if self.is_stopped() {
            return;
        }
        {
            let mut working = self.working();
            if let Some(again) = working.get_mut(pid) {
                *again = true;
                return;
            }
            working.insert(pid.into(), false);
        }
        let busy = self.context.framework().busy();
        let (this, pid) = (Arc::clone(self), Arc::<str>::from(pid));
        let work = async move {
            while !this.is_stopped() {
                this.apply(&pid).await;
                let mut working = this.working();
                match working.get_mut(&pid) {
                    Some(again) if *again => *again = false,
                    _ => {
                        working.remove(&pid);
                        break;
                    }
                }
            }
            drop(busy);
        };
        self.tasks.spawn_on(work, &self.runtime);
    }

    async fn apply(&self, pid: &Arc<str>) {
        let content = self.table.content(pid);
        if content.is_none() {
            self.conditions.withdraw(pid).await;
        }
        self.managed.apply(pid, content.as_ref()).await;
        self.components.apply(pid, content.as_ref()).await;
        // Last: whoever waits for the configuration finds it applied.
        if content.is_some() {
            self.conditions.offer(pid);
        }
    }

    /// Runs a task until the stop.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stopped.clone();
        let task = async move {
            stopped.run_until_cancelled(task).await;
        };
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// Ends the tasks, and the instances that were made from configurations.
    pub(crate) async fn stop(&self) {
        self.stopped.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                "a configuration is still being applied: the configuration admin stops without waiting longer"
            );
        }
        self.components.end().await;
        self.conditions.end().await;
    }

    fn working(&self) -> MutexGuard<'_, HashMap<Arc<str>, bool>> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Applier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} configurations at work", self.working().len())
    }
}

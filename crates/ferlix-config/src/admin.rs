//! The bundle `ferlix.services.configadmin`: the configuration admin as a component.
//!
//! In: the folder, and notices that services, bundles and components changed. Out: the service `ferlix.configadmin`. The
//! files are read before the service is offered.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ferlix_core::component::{
    ComponentContext, ComponentError, ComponentEvent, ComponentListenerId,
};
use ferlix_core::filter::Filter;
use ferlix_core::framework::BundleContext;
use ferlix_core::registry::{ListenerId, ServiceEvent, ServiceEventKind};
use ferlix_core::{bundle, component, lifecycle, service_impl};
use tokio::time::{Instant, MissedTickBehavior};

use self::properties::{FOLDER, POLL, SERVICE_PID, TIMEOUT};
use crate::apply::Applier;
use crate::folder::Folder;
use crate::keeper::Keeper;
use crate::service::{MANAGED_SERVICE, MANAGED_SERVICE_FACTORY};
use crate::table::{Listed, Table};
use crate::{ConfigError, Configuration, ConfigurationAdmin, pid};

/// The factory of the configuration admin.
pub const FACTORY: &str = "ferlix-configadmin-factory";
/// The usual name of its instance.
pub const INSTANCE: &str = "ferlix-configadmin";

/// The names of the properties of the component, of configurations, and of those who take them.
pub mod properties {
    /// Of the component: the folder of the files (default `./conf`). It is made when a configuration is stored.
    pub const FOLDER: &str = "ferlix.configadmin.folder";
    /// Of the component: how often the folder is looked at, in milliseconds (default 1,000; 0: never).
    pub const POLL: &str = "ferlix.configadmin.poll";
    /// Of the component: how long a managed service may take, in milliseconds (default 30,000).
    pub const TIMEOUT: &str = "ferlix.configadmin.timeout";
    /// Of a configuration: its PID. Of a managed service or a component instance: the PID of the configuration that it
    /// takes. Of a managed service factory: the factory PID.
    pub const SERVICE_PID: &str = "service.pid";
    /// Of a configuration: the PID of its factory. In a file, it need not be there for a PID of the form `factory~name`.
    pub const FACTORY_PID: &str = "service.factoryPid";
    /// The factory PID of configurations from which component instances are made.
    pub const COMPONENT_FACTORY_PID: &str = "ferlix.ipopo.component";
    /// Of a configuration of [`COMPONENT_FACTORY_PID`]: the name of the component factory. The instance has the name that
    /// `instance.name` says, else the PID.
    pub const FACTORY_NAME: &str = "ipopo.factory.name";
    /// Of a configuration, or of an instance that takes one: what a change does to the instance, `reconfigure` (default) or
    /// `restart` (it is killed and made again).
    pub const UPDATE_POLICY: &str = "ipopo.update.policy";
    /// In front of a PID, the name of the condition that is there while the configuration has properties: a component with
    /// `conditions("configuration:its.pid")` waits for it.
    pub const CONDITION_PREFIX: &str = "configuration:";
    /// The value of [`UPDATE_POLICY`] for making the instance again.
    pub const RESTART: &str = "restart";
}

bundle!(
    /// The bundle of the configuration admin. It instantiates nothing: [`FACTORY`] makes the service, by the name
    /// [`INSTANCE`].
    pub BUNDLE = "ferlix.services.configadmin",
    components = [Admin],
    activator = None,
);

/// How often an instance whose name was taken is tried again.
const REFUSED_PERIOD: Duration = Duration::from_secs(1);

#[component(factory = FACTORY, provides(dyn ConfigurationAdmin))]
pub(crate) struct Admin {
    #[property(FOLDER, default = "./conf")]
    folder: String,
    #[property(POLL, default = 1000)]
    poll: u32,
    #[property(TIMEOUT, default = 30_000)]
    timeout: u32,
    keeper: OnceLock<Arc<Keeper>>,
    listeners: Mutex<Listeners>,
}

#[lifecycle]
impl Admin {
    #[validate]
    async fn start(&self, context: &ComponentContext) -> Result<(), ComponentError> {
        let table = Arc::<Table>::default();
        let timeout = Duration::from_millis(self.timeout.into());
        let applier = Arc::new(Applier::new(Arc::clone(&table), context.bundle(), timeout));
        let keeper = Keeper::new(table, Folder::new(&self.folder), applier);
        let keeper = Arc::clone(self.keeper.get_or_init(|| Arc::new(keeper)));
        keeper.scan().await;
        let listeners = listen(context.bundle(), &keeper.applier)?;
        *self.listeners() = Some(listeners);
        tell_present(&keeper.applier);
        let applier = Arc::clone(&keeper.applier);
        keeper.applier.spawn(try_again(applier));
        if self.poll > 0 {
            let period = Duration::from_millis(self.poll.into());
            let applier = Arc::clone(&keeper.applier);
            applier.spawn(watch_folder(keeper, period));
        }
        Ok(())
    }

    #[invalidate]
    async fn stop(&self, context: &ComponentContext) {
        let listeners = self.listeners().take();
        if let Some((services, components)) = listeners {
            for listener in services {
                context.bundle().remove_listener(listener);
            }
            context.bundle().components().remove_listener(components);
        }
        if let Some(keeper) = self.keeper.get() {
            keeper.applier.stop().await;
        }
    }
}

/// Listens for what configurations are applied to.
fn listen(
    context: &BundleContext,
    applier: &Arc<Applier>,
) -> Result<(Vec<ListenerId>, ComponentListenerId), ComponentError> {
    let mut listeners = Vec::new();
    for specification in [MANAGED_SERVICE, MANAGED_SERVICE_FACTORY] {
        let applier = Arc::clone(applier);
        let listener = move |event: &ServiceEvent| match event.kind {
            ServiceEventKind::Unregistering => applier.managed.forget(event.reference.id()),
            _ => mark_taken(&applier, &event.properties.texts(SERVICE_PID)),
        };
        listeners.push(context.add_service_listener(Some(specification), None, listener)?);
    }
    let weak = Arc::downgrade(applier);
    let listener = move |event: &ComponentEvent| {
        if let Some(applier) = weak.upgrade()
            && let Some(pid) = applier.components.hear(event)
        {
            applier.mark(&pid);
        }
    };
    let components = context.components().add_listener(context, listener);
    Ok((listeners, components))
}

/// Marks the configurations that somebody with these PIDs takes.
fn mark_taken(applier: &Arc<Applier>, pids: &[&str]) {
    for listed in applier.table.list() {
        let names = |pid: &str| pids.contains(&pid);
        if listed.properties.is_some()
            && (names(&listed.pid) || listed.factory_pid.as_deref().is_some_and(names))
        {
            applier.mark(&listed.pid);
        }
    }
}

/// Applies what was read to whoever is there already.
fn tell_present(applier: &Arc<Applier>) {
    applier.components.adopt_present();
    for listed in applier.table.list() {
        applier.mark(&listed.pid);
    }
}

/// Tries again, now and then, what could not be made.
async fn try_again(applier: Arc<Applier>) {
    loop {
        tokio::time::sleep(REFUSED_PERIOD).await;
        for pid in applier.components.refused() {
            applier.mark(&pid);
        }
    }
}

async fn watch_folder(keeper: Arc<Keeper>, period: Duration) {
    let mut interval = tokio::time::interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        keeper.scan().await;
    }
}

type Listeners = Option<(Vec<ListenerId>, ComponentListenerId)>;

impl Admin {
    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn keeper(&self) -> Result<&Arc<Keeper>, ConfigError> {
        let keeper = self.keeper.get().ok_or(ConfigError::NotRunning)?;
        if keeper.applier.is_stopped() {
            return Err(ConfigError::NotRunning);
        }
        Ok(keeper)
    }

    fn find(&self, pid: &str, factory_pid: Option<&str>) -> Result<Configuration, ConfigError> {
        pid::check(pid)?;
        let keeper = self.keeper()?;
        let (pid, factory_pid, born) = keeper.table.entry(pid, factory_pid)?;
        Ok(Configuration {
            keeper: Arc::clone(keeper),
            pid,
            factory_pid,
            born,
        })
    }
}

#[service_impl]
impl ConfigurationAdmin for Admin {
    fn configuration(&self, pid: &str) -> Result<Configuration, ConfigError> {
        self.find(pid, None)
    }

    fn create_factory_configuration(
        &self,
        factory_pid: &str,
    ) -> Result<Configuration, ConfigError> {
        let name = uuid::Uuid::new_v4().to_string();
        self.factory_configuration(factory_pid, &name)
    }

    fn factory_configuration(
        &self,
        factory_pid: &str,
        name: &str,
    ) -> Result<Configuration, ConfigError> {
        pid::check(factory_pid)?;
        pid::check(name)?;
        self.find(&format!("{factory_pid}~{name}"), Some(factory_pid))
    }

    fn configurations(&self, filter: Option<&Filter>) -> Vec<Configuration> {
        let Ok(keeper) = self.keeper() else {
            return Vec::new();
        };
        let fits = |listed: &Listed| match (filter, &listed.properties) {
            (None, _) => true,
            (Some(filter), Some(properties)) => filter.matches(properties),
            (Some(_), None) => false,
        };
        let listed = keeper.table.list().into_iter().filter(fits);
        let configurations = listed.map(|listed| Configuration {
            keeper: Arc::clone(keeper),
            pid: listed.pid,
            factory_pid: listed.factory_pid,
            born: listed.born,
        });
        configurations.collect()
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigurationAdmin")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

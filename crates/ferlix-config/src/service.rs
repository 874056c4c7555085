//! The service interfaces, and [`Configuration`]: the handle of one configuration.

use std::fmt;
use std::sync::Arc;

use ferlix_core::filter::Filter;
use ferlix_core::framework::BoxError;
use ferlix_core::property::Properties;
use ferlix_core::service;

use crate::ConfigError;
use crate::keeper::Keeper;

/// The specification of [`ConfigurationAdmin`].
pub const CONFIGURATION_ADMIN: &str = "ferlix.configadmin";
/// The specification of [`ManagedService`].
pub const MANAGED_SERVICE: &str = "ferlix.configadmin.managed";
/// The specification of [`ManagedServiceFactory`].
pub const MANAGED_SERVICE_FACTORY: &str = "ferlix.configadmin.managed.factory";

/// Finds, makes and lists configurations.
///
/// A PID is the name of a file too: it is at most 200 bytes and has no slash, backslash, NUL or other control character, and
/// no dot or blank in front.
#[service(CONFIGURATION_ADMIN)]
pub trait ConfigurationAdmin: Send + Sync {
    /// The configuration of a PID; made, without properties, when there is none. It is stored when it is updated.
    ///
    /// # Errors
    /// [`ConfigError::Pid`], [`ConfigError::Factory`] when the PID is that of a factory, [`ConfigError::NotRunning`].
    fn configuration(&self, pid: &str) -> Result<Configuration, ConfigError>;

    /// A new configuration of a factory PID; its PID is the factory's, a tilde and a random name.
    ///
    /// # Errors
    /// [`ConfigError::Pid`], [`ConfigError::NotRunning`].
    fn create_factory_configuration(&self, factory_pid: &str)
    -> Result<Configuration, ConfigError>;

    /// The configuration `factory~name`; made, without properties, when there is none.
    ///
    /// # Errors
    /// As [`ConfigurationAdmin::create_factory_configuration`].
    fn factory_configuration(
        &self,
        factory_pid: &str,
        name: &str,
    ) -> Result<Configuration, ConfigError>;

    /// The configurations by PID; with a filter, those that have properties and match.
    fn configurations(&self, filter: Option<&Filter>) -> Vec<Configuration>;
}

/// Is told of the configuration whose PID it has as `service.pid` (one, or a list).
///
/// It is told when it is registered and the configuration has properties, and whenever they change: of the newest ones, one
/// call after the other for one PID; changes that came while it was busy are told as one. A call that takes longer than
/// `ferlix.configadmin.timeout` is given up. An error or a panic is logged; it is not told again until the next change.
#[service(MANAGED_SERVICE)]
pub trait ManagedService: Send + Sync {
    /// Takes over the properties; `None` when the configuration was deleted.
    ///
    /// # Errors
    /// Whatever the service does not like.
    async fn updated(&self, properties: Option<&Properties>) -> Result<(), BoxError>;
}

/// Is told of the configurations of the factory PID that it has as `service.pid`; see [`ManagedService`] for when.
#[service(MANAGED_SERVICE_FACTORY)]
pub trait ManagedServiceFactory: Send + Sync {
    /// Takes over the properties of one configuration.
    ///
    /// # Errors
    /// Whatever the service does not like.
    async fn updated(&self, pid: &str, properties: &Properties) -> Result<(), BoxError>;

    /// A configuration was deleted.
    ///
    /// # Errors
    /// Whatever went wrong.
    async fn deleted(&self, pid: &str) -> Result<(), BoxError>;
}

/// The handle of one configuration, until it is deleted. Cheap to clone; two handles of one configuration are equal.
///
/// A change is stored before the method returns, and applied after: [`Framework::settle`] waits for that.
///
/// [`Framework::settle`]: ferlix_core::framework::Framework::settle
#[derive(Clone)]
pub struct Configuration {
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) pid: Arc<str>,
    pub(crate) factory_pid: Option<Arc<str>>,
    pub(crate) born: u64,
}

impl Configuration {
    /// The PID.
    #[must_use]
    pub fn pid(&self) -> &str {
        &self.pid
    }

    /// The PID of its factory.
    #[must_use]
    pub fn factory_pid(&self) -> Option<&str> {
        self.factory_pid.as_deref()
    }

    /// Its properties, with `service.pid` and, of a factory, `service.factoryPid`; `None` before the first update and when
    /// it was deleted.
    #[must_use]
    pub fn properties(&self) -> Option<Arc<Properties>> {
        self.keeper.table.properties(&self.pid, self.born)
    }

    /// Whether it was deleted; another of the same PID may be there.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        !self.keeper.table.is_alive(&self.pid, self.born)
    }

    /// Where its file is, or will be.
    #[must_use]
    pub fn location(&self) -> std::path::PathBuf {
        let name = format!("{}.toml", self.pid);
        self.keeper.folder.path().join(name)
    }

    /// Replaces all properties, except `service.pid` and `service.factoryPid`, which stay as they are. `Null` stands for no
    /// property. A number comes back as the type that its file gives it: an `int` if it fits, else a `long`.
    ///
    /// # Errors
    /// [`ConfigError::Value`], [`ConfigError::Storage`] (then nothing is changed), [`ConfigError::Deleted`],
    /// [`ConfigError::NotRunning`].
    pub async fn update(&self, properties: Properties) -> Result<(), ConfigError> {
        self.keeper.update(self, properties).await
    }

    /// Reads its file again, now.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`], [`ConfigError::Storage`], [`ConfigError::Deleted`], [`ConfigError::NotRunning`].
    pub async fn reload(&self) -> Result<(), ConfigError> {
        self.keeper.reload(self).await
    }

    /// Deletes it and its file.
    ///
    /// # Errors
    /// [`ConfigError::Storage`] when the file stays (the configuration is deleted all the same, until the program starts
    /// again), [`ConfigError::Deleted`], [`ConfigError::NotRunning`].
    pub async fn delete(&self) -> Result<(), ConfigError> {
        self.keeper.delete(self).await
    }
}

impl PartialEq for Configuration {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.keeper, &other.keeper) && self.pid == other.pid && self.born == other.born
    }
}

impl Eq for Configuration {}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configuration")
            .field("pid", &self.pid)
            .field("factory_pid", &self.factory_pid)
            .finish_non_exhaustive()
    }
}

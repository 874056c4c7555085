//! The configuration admin of Ferlix: configurations by PID, kept in TOML files, applied to components and managed services.
//!
//! The public interface is:
//! - [`ConfigurationAdmin`]: the service `ferlix.configadmin`, which finds, makes and lists each [`Configuration`];
//! - [`ManagedService`] and [`ManagedServiceFactory`]: services that are told of the configurations of their PID;
//! - [`properties`]: the names by which a component instance is tied to a configuration, or made from one;
//! - [`BUNDLE`], [`FACTORY`] and [`INSTANCE`]: the component that offers the service; [`SHELL_BUNDLE`]: the `config` commands;
//! - [`ConfigError`].
//!
//! A configuration is changed through its handle, by the shell, or by its file `<pid>.toml`:
//!
//! ```toml
//! # conf/greeter.toml: for every instance with the property service.pid = "greeter"
//! greeting.name = "Ada"
//! "greeting.pause" = 5
//! ```
//!
//! A component that cannot do without names a condition: `conditions("configuration:greeter")`.
//!
//! Files are looked at every `ferlix.configadmin.poll` milliseconds. Polling is used rather than the system's notices of
//! changes because the folder need not exist, may be replaced as a whole (a link, as Kubernetes does) or lie on a network,
//! where notices are lost; a few hundred files cost well under a millisecond.
//!
//! Deliberately absent: bundle locations and visibility of configurations; anything but TOML.

mod admin;
mod apply;
mod codec;
mod command;
mod components;
mod conditions;
mod error;
mod folder;
mod keeper;
mod managed;
mod pid;
mod service;
mod table;

pub use admin::{BUNDLE, FACTORY, INSTANCE, properties};
pub use command::SHELL_BUNDLE;
pub use error::ConfigError;
pub use service::{
    CONFIGURATION_ADMIN, Configuration, ConfigurationAdmin, MANAGED_SERVICE,
    MANAGED_SERVICE_FACTORY, ManagedService, ManagedServiceFactory,
};

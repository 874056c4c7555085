//! The framework of Ferlix: bundles, the service registry, LDAP filters, events, hooks and the component model.
//!
//! The public interface is:
//! - [`framework`]: [`Framework`](framework::Framework), its builder, bundles and their contexts, events, streams, trackers;
//! - [`registry`]: service references, registrations, scopes, service events and listeners, hooks;
//! - [`mod@component`]: factories, instances and the injected handles;
//! - [`mod@service`]: what makes a trait a service, local or remote;
//! - [`mod@filter`]: LDAP filters; [`property`]: values and property maps;
//! - [`command`]: the trait of shell commands and what they print with;
//! - [`mod@file`]: what those share who look at files again and again.
//!
//! Deliberately absent: anything that opens a socket, or a file by itself. No lock is held while user code runs.

// The macros' output names this crate by its name, here too.
#[allow(unused_extern_crates, reason = "only the output of macros uses it")]
extern crate self as ferlix_core;

mod blocking;
mod carried;
pub mod command;
pub mod component;
mod error;
pub mod file;
pub mod filter;
pub mod framework;
mod macro_support;
pub mod property;
pub mod registry;
pub mod service;

pub use error::{Error, error_chain};
pub use ferlix_macros::{
    RemoteError, Structure, bundle, component, lifecycle, remote_service, service, service_impl,
};

/// What the macros' output names; not for direct use.
#[doc(hidden)]
pub mod __private {
    pub use async_trait::async_trait;
    pub use futures_util::future::BoxFuture;

    pub use crate::blocking::{Blocking, wait};
    pub use crate::carried::*;
    pub use crate::macro_support::*;
}

//! What users add: the [`prelude`], the bundle sets in [`bundles`], and the crates under one name. No logic lives here.
//!
#![doc = include_str!("../../../README.md")]

pub mod bundles;
#[doc = include_str!("../../../docs/calls.md")]
pub mod calls {}
#[doc = include_str!("../../../docs/security.md")]
pub mod security {}

/// The examples of `docs/discovery.md`, which run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/discovery.md")]
mod discovery_docs {}

pub use ferlix_config as config;
pub use ferlix_core as core;
#[doc(hidden)]
pub use ferlix_core as __core;
pub use ferlix_core::{
    Error, command, component, error_chain, filter, framework, property, registry, service,
};
pub use ferlix_discovery_etcd as discovery_etcd;
pub use ferlix_event as event;
pub use ferlix_http as http;
pub use ferlix_remote as remote;
pub use ferlix_shell as shell;
pub use ferlix_xmlrpc as xmlrpc;

/// What most programs name: `use ferlix::prelude::*;`.
pub mod prelude {
    pub use ferlix_core::component::{
        Balanced, Best, Broadcast, ComponentContext, ComponentError, ComponentState, Live, Many,
        Map, MultiMap, Opt, Switch, Temporal,
    };
    pub use ferlix_core::filter::Filter;
    pub use ferlix_core::framework::{
        Bundle, BundleActivator, BundleContext, BundleDefinition, Framework,
    };
    pub use ferlix_core::property::{Properties, Value};
    pub use ferlix_core::registry::{ServiceEvent, ServiceRef, ServiceRegistration};
    pub use ferlix_core::service::{CallContext, CallError, RemoteError};
    pub use ferlix_core::{
        RemoteError, Structure, bundle, component, lifecycle, remote_service, service, service_impl,
    };
    pub use std::sync::Arc;
}

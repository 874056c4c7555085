//! Topology managers: who decides what is exported and imported.
//!
//! Each exports services, tells every discovery and every endpoint listener of every export, and imports endpoints in its scope. They look at the
//! state rather than at single events, so nothing depends on who comes first: a service, a provider, a discovery or the
//! manager itself. They differ in their policy: the basic one, here, takes all that asks; [`policy`] goes by rules;
//! [`ondemand`] imports only what somebody asks for. A framework has one of them, or several with scopes of their own. The
//! [`guide`] shows them at work.

mod advertising;
mod basic;
mod component;
mod decision;
mod exporting;
mod importing;
pub mod ondemand;
mod places;
pub mod policy;
mod rule;

use ferlix_core::registry::ServiceRef;

use crate::provider::local_service;

pub use component::{BUNDLE, FACTORY, INSTANCE, instantiate};

use basic::Topology;

/// What a topology manager decided, for whoever explains it: the service `ferlix.rsa.topologymanager`. Why an endpoint is not
/// imported [`EndpointEventListener::refusal`](crate::provider::EndpointEventListener::refusal) says.
pub trait TopologyManager: Send + Sync {
    /// Why its policy keeps a service from being exported, in words; `None` when it does not.
    fn export_refusal(&self, service: &ServiceRef) -> Option<String>;
}

local_service!(dyn TopologyManager, "ferlix.rsa.topologymanager");

/// The topology managers and their rules, with examples.
#[doc = include_str!("../../../../docs/topology.md")]
pub mod guide {}

//! Topology managers: who decides what is exported and imported.
//!
//! The basic one exports every service that asks for it, advertises every export to every discovery, and imports every
//! endpoint in its scope. It looks at the state rather than at single events, so nothing depends on who comes first: a
//! service, a provider, a discovery or the manager itself.

mod advertising;
mod basic;
mod component;
mod exporting;
mod importing;

pub use component::{BUNDLE, FACTORY, INSTANCE, instantiate};

use basic::Topology;

//! The framework: bundles, their life cycle, their contexts, and what happens to them.
//!
//! A program builds a [`Framework`] from [`BundleDefinition`]s; each installed one is a [`Bundle`] whose activator and
//! components act through a [`BundleContext`]. Several frameworks live in one process; there is no global state.
//!
//! Deliberately absent: loading of code at run time (a bundle is a static of the program), start levels.

mod activity;
mod builder;
mod bundle;
mod context;
mod definition;
mod event;
mod lifecycle;
mod objects;
mod signals;
mod stream;
mod system;
mod tracker;

pub use activity::ActivityGuard;
pub use builder::FrameworkBuilder;
pub use bundle::{Bundle, BundleState};
pub use context::BundleContext;
pub use definition::{
    BoxError, BundleActivator, BundleDefinition, BundleParts, BundleSet, IntoBundles,
};
pub use event::{BundleEvent, BundleEventKind, FrameworkEvent, FrameworkEventKind};
pub use objects::ServiceObjects;
pub use signals::stop_signal;
pub use stream::{EventSender, EventStream};
pub use system::Framework;
pub use tracker::{ServiceTracker, Tracked};

pub(crate) use activity::Activity;

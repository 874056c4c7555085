//! The component model: objects that are built when what they need is there.
//!
//! A bundle declares [`ComponentFactory`]s; an instance of one waits until every required service is there, is built with
//! them injected, bound and validated, and offers its own services; when a required one goes it is invalidated and dropped,
//! and built anew when another fits. The type of a field states the policy: `Arc<dyn T>`, [`Best`], [`Opt`], [`Many`], a plain
//! property or [`Live`].
//!
//! Transitions are queued per instance, so its callbacks never overlap: build, bind…, validate, publish; then unpublish,
//! invalidate, unbind…, drop. The first poll of a transition runs on the thread that caused it; a task is made only when
//! it yields. Deliberately absent: any lock held while a callback runs, and handlers that bundles could add.

mod callback;
mod context;
mod dependency;
mod error;
mod factory;
mod fields;
mod handle;
mod info;
mod inject;
mod instance;
mod manager;
mod retry;
mod schedule;
mod transition;

pub use callback::{CallbackFuture, CallbackResult, Callbacks, Lifecycle};
pub use context::ComponentContext;
pub use error::ComponentError;
pub use factory::{Component, ComponentFactory};
pub use fields::{Configured, Fields, Follower};
pub use handle::{Best, BestGuard, Live, Many, Opt};
pub use info::{
    DependencyDetails, FactoryDetails, FactoryInfo, InstanceDetails, InstanceInfo,
    RequirementDetails,
};
pub use inject::{DependencyKind, Inject, Slot};
pub use instance::ComponentState;
pub use manager::{BUNDLE, ComponentManager};
pub use retry::RetryPolicy;

pub(crate) use callback::panic_text;

#[doc(hidden)]
pub use callback::{LifecycleProbe, WithLifecycle, WithoutLifecycle};

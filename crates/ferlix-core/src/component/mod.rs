//! The component model: objects that are built when what they need is there.
//!
//! A bundle declares [`ComponentFactory`]s; an instance of one waits until every required service is there, is built with
//! them injected, bound and validated, and offers its own services; when a required one goes it is invalidated and dropped,
//! and built anew when another fits. The type of a field states the policy: `Arc<dyn T>`, [`Best`], [`Opt`], [`Many`],
//! [`Map`], [`MultiMap`], [`Broadcast`], [`Balanced`], [`Temporal`], [`Switch`], a plain property or [`Live`]. The [`guide`] shows them at
//! work.
//!
//! Transitions are queued per instance, so its callbacks never overlap: build, bind…, validate, publish; then unpublish,
//! invalidate, unbind…, drop. The first poll of a transition runs on the thread that caused it; a task is made only when
//! it yields. Deliberately absent: any lock held while a callback runs, and handlers that bundles could add.

mod assembly;
mod balanced;
mod bound;
mod bundles;
mod callback;
mod candidates;
mod collection;
mod condition;
mod configuration;
mod context;
mod dependency;
mod details;
mod error;
mod event;
mod factory;
mod fields;
mod handle;
mod info;
mod inject;
mod injection;
mod instance;
mod manager;
mod publication;
mod retry;
mod schedule;
mod switch;
mod temporal;
mod transition;
mod waiting;

pub use balanced::{Balance, Balanced, Load};
pub use bound::BoundService;
pub use callback::{CallbackFuture, CallbackResult, Callbacks, FieldCallback, Lifecycle};
pub use collection::{Broadcast, Map, MapKey, MultiMap};
pub use condition::{CONDITION_ID, Condition};
pub use configuration::{REQUIRES_FILTERS, TEMPORAL_TIMEOUTS};
pub use context::ComponentContext;
pub use error::ComponentError;
pub use event::{ComponentEvent, ComponentEventKind, ComponentEvents, ComponentListenerId};
pub use factory::{Component, ComponentFactory};
pub use fields::{Configured, Fields, Follower};
pub use handle::{Best, BestGuard, Live, Many, Opt};
pub use info::{
    DependencyDetails, FactoryDetails, FactoryInfo, InstanceDetails, InstanceInfo,
    RequirementDetails, WaitingInfo,
};
pub use inject::{DependencyKind, Inject, Slot};
pub use injection::{Injection, ServiceOrder};
pub use instance::ComponentState;
pub use manager::{BUNDLE, ComponentManager};
pub use retry::RetryPolicy;
pub use switch::Switch;
pub use temporal::{ServiceAbsent, Temporal};

pub(crate) use callback::panic_text;

#[doc(hidden)]
pub use callback::{LifecycleProbe, WithLifecycle, WithoutLifecycle};

/// How components are written: every kind of field and option, with examples.
#[doc = include_str!("../../../../docs/components.md")]
pub mod guide {}

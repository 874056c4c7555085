//! Endpoint descriptions: what a framework must know of an exported service to call it.
//!
//! An [`EndpointDescription`] is made from properties by the Remote Service Admin (on export) or by a discovery (on
//! import), and is handed around unchanged. [`encode`] and [`decode`] turn it into the flat properties that
//! discoveries exchange. Deliberately absent: any file or wire syntax (EDEF is in [`edef`](crate::edef), JSON in the
//! discovery that uses it).

mod description;
pub(crate) mod excerpt;
pub mod names;
pub(crate) mod scalar;
mod types;
mod version;
mod wire;

pub use description::EndpointDescription;
pub use wire::{MAX_PROPERTIES, MAX_WORDS, WireKind, WireProperty, decode, encode};

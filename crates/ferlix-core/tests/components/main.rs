//! The component model without macros: when instances are built, rebound, dropped, and what happens when they fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod departures;
mod failures;
mod fields;
mod own_properties;
mod support;

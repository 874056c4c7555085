//! The service registry from outside.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod events;
mod hooks;
mod lookups;
mod scopes;
mod services;
mod support;

//! The configuration admin in a framework: its API, its files, managed services, components and shell commands.
//!
//! The cases of iPOPO's own tests carry the names that `docs/ipopo-tests.md` lists.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod components;
mod configurations;
mod files;
mod managed;
mod shell;
mod support;

//! The provider in frameworks, on the embedded etcd.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exchange;
mod instance;
mod outage;
mod refusal;
mod support;

//! Support for tests across processes: real etcd servers, our programs, and iPOPO's, each with its
//! standard streams in the test's hands.
//!
//! In go binaries that `cargo xtask setup` and `cargo build` made; out come running processes that end with
//! the value that stands for them, whatever becomes of the test. Everything here blocks, waits for a
//! condition with a deadline, and panics with all that the process printed when the deadline passes: a test
//! can do nothing with such an error but fail. Nothing sleeps for a guessed time, and nothing here knows
//! Ferlix's own crates.
//!
//! Tests that need [`peers`] are marked `#[ignore = "…"]`, are run by `cargo xtask test`, and are counted
//! by it through [`peers::report`].

pub mod cluster;
pub mod etcd;
pub mod peers;
pub mod program;
pub mod python;
pub mod tutorial;

use std::time::Duration;

pub use cluster::EtcdCluster;
pub use etcd::{EtcdServer, for_every_etcd};
pub use program::{Mark, Program};
pub use python::PythonPeer;
pub use tutorial::Tutorial;

/// How long anything may take that takes milliseconds on an idle machine: 30 s, because test machines are
/// seldom idle.
pub const DEADLINE: Duration = Duration::from_secs(30);

//! `cargo xtask loom`: the registry's locks in every order in which threads can meet.
//!
//! In comes the package `loom`, a workspace of its own; it is built in release mode into `target/loom`, because loom tries
//! thousands of orders. Nothing else is built with it.

use std::path::Path;

use crate::command::{Error, cargo, run as run_command};

/// Runs the models.
///
/// # Errors
/// That of the build, or of a model that failed, which has been printed.
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    run_command(
        cargo(root)
            .args(["test", "--release", "--manifest-path", "loom/Cargo.toml"])
            .arg("--target-dir")
            .arg(root.join("target/loom")),
    )
}

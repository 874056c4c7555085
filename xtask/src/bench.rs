//! Builds the benchmarks in release mode and runs them, one after the other, with the peers they measure
//! against. What is measured, and beside which floor, is in the package `ferlix-benches`.

use std::path::Path;

use crate::command::{Error, cargo, run as run_command};
use crate::peers;

/// Runs the benchmarks named, or all.
///
/// # Errors
/// A peer that could not be had, a build that failed, or a benchmark that could not be measured.
pub(crate) fn run(root: &Path, names: &[String]) -> Result<(), Error> {
    let peers = peers::set_up(root)?;
    run_command(cargo(root).args([
        "build",
        "--release",
        "--package",
        "ferlix-benches",
        "--package",
        "ferlix-examples",
        "--bins",
        "--examples",
    ]))?;
    run_command(
        cargo(root)
            .args([
                "run",
                "--quiet",
                "--release",
                "--package",
                "ferlix-benches",
                "--",
            ])
            .args(names)
            .envs(peers.environment(root)),
    )
}

//! Builds the benchmarks in release mode and runs them, one after the other, with the peers they measure
//! against. What is measured, and beside which floor, is in the package `ferlix-benches`.

use std::path::Path;

use crate::command::{Error, cargo, run as run_command};
use crate::peers;

/// Runs the benchmarks named, or all.
///
/// Without a peer that could not be had, what needs it is skipped by name.
///
/// # Errors
/// A build that failed, or a benchmark that could not be measured.
pub(crate) fn run(root: &Path, names: &[String]) -> Result<(), Error> {
    let peers = peers::set_up(root).unwrap_or_else(|error| {
        eprintln!("{error}");
        peers::find(root)
    });
    run_command(cargo(root).args([
        "build",
        "--release",
        "--package",
        "ferlix-benches",
        "--package",
        "ferlix-examples",
        "--bins",
        // The one whose memory is measured; each takes a while to link.
        "--example",
        "etcd3_xmlrpc_impl",
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

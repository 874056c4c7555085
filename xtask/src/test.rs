//! All tests: those of the crates, those against real peers, and the documentation's.
//!
//! Tests that need a real peer are marked `#[ignore]` with the reason, so that a plain `cargo test`
//! is green on a machine with Rust alone; this task is what runs them. Each adds a line
//! `<etcd version>\t<test>` to a report, and the last line printed here counts them. One that needs more than this
//! machine gives (network namespaces, which are root's) adds `not run\t<test>: <reason>`, and is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use crate::command::{Error, cargo, run as run_command};
use crate::peers::{self, Peers};
use crate::tables;

/// Runs every test.
///
/// # Errors
/// The first part that failed, a peer that could not be had (unless `offline`), or, unless `offline`,
/// that no test ran against a real peer.
pub(crate) fn run(root: &Path, offline: bool) -> Result<(), Error> {
    let peers = if offline {
        peers::find(root)
    } else {
        peers::set_up(root)?
    };
    println!("{peers}");
    clear_reports(root)?;

    let missing = peers.missing();
    let outcome = run_parts(root, &peers, missing.is_empty());
    if !missing.is_empty() {
        println!(
            "offline, and without {}: the tests named above as ignored or skipped did not run",
            missing.join(", ")
        );
    }
    let (counted, not_run) = read_report(root);
    for line in &not_run {
        println!("not run: {line}");
    }
    println!("interop tests run: {}", in_words(&counted));
    outcome?;
    if counted.is_empty() && !offline {
        return Err(Error::Task {
            task: "test",
            message: "not one test ran against a real peer".to_owned(),
        });
    }
    Ok(())
}

/// The programs first, because tests across processes start them; then the tests, and whether those ran
/// that the tables in docs/ name; then the doctests.
fn run_parts(root: &Path, peers: &Peers, with_peers: bool) -> Result<(), Error> {
    run_command(cargo(root).args(["build", "--workspace", "--examples", "--bins"]))?;

    let mut tests = cargo(root);
    let has_nextest = tables::has_nextest(root);
    if has_nextest {
        tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
        if with_peers {
            tests.args(["--run-ignored", "all"]);
        } else {
            // nextest counts the ignored without naming them unless told so.
            tests.args(["--status-level", "skip"]);
        }
    } else {
        tests.args([
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--no-fail-fast",
        ]);
        if with_peers {
            tests.args(["--", "--include-ignored"]);
        }
    }
    run_command(tests.envs(peers.environment(root)))?;
    if has_nextest {
        tables::check_run(root, with_peers)?;
    } else {
        println!(
            "without cargo-nextest: it was not checked that every test ran that docs/ names in its tables"
        );
    }
    run_command(cargo(root).args(["test", "--workspace", "--doc"]))
}

/// Takes away what an earlier run reported.
fn clear_reports(root: &Path) -> Result<(), Error> {
    let folder = peers::folder(root);
    fs::create_dir_all(&folder).map_err(Error::io(format!("make {}", folder.display())))?;
    fs::write(peers::report(root), "").map_err(Error::io("clear target/peers/report"))?;
    let ran = tables::report_path(root);
    match fs::remove_file(&ran) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io(format!("remove {}", ran.display()))(error))
        }
        _ => Ok(()),
    }
}

/// How many different tests ran, per etcd version; and those that this machine cannot run, with the reason.
fn read_report(root: &Path) -> (BTreeMap<String, usize>, Vec<String>) {
    let report = fs::read_to_string(peers::report(root)).unwrap_or_default();
    // A test that was retried reports twice.
    let lines: BTreeSet<&str> = report.lines().collect();
    let mut counted = BTreeMap::new();
    let mut not_run = Vec::new();
    for line in lines {
        match line.split_once('\t') {
            Some(("not run", test)) => not_run.push(test.to_owned()),
            Some((version, _test)) => *counted.entry(version.to_owned()).or_default() += 1,
            None => {}
        }
    }
    (counted, not_run)
}

fn in_words(counted: &BTreeMap<String, usize>) -> String {
    if counted.is_empty() {
        return "none".to_owned();
    }
    let parts: Vec<_> = counted
        .iter()
        .rev()
        .map(|(version, tests)| match version.as_str() {
            "embedded" => format!("{tests} on the embedded etcd"),
            _ => format!("{tests} on etcd {version}"),
        })
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_written_per_version() {
        let counted = BTreeMap::from([
            ("3.4.23".to_owned(), 6),
            ("3.5.1".to_owned(), 7),
            ("embedded".to_owned(), 5),
        ]);
        assert_eq!(
            in_words(&counted),
            "5 on the embedded etcd, 7 on etcd 3.5.1, 6 on etcd 3.4.23"
        );
        assert_eq!(in_words(&BTreeMap::new()), "none");
    }
}

//! Everything a change must pass, in the order in which it fails fastest.
//!
//! The first step that fails ends the run. The time each took is printed at the end, failed or not: the
//! whole has to stay under half an hour on two cores from an empty `target/`.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::command::{Error, cargo, run as run_command};
use crate::{codegen, fuzz, loom, test, tidy};

/// A step's name and what it does.
type Step = (&'static str, fn(&Path) -> Result<(), Error>);

const STEPS: &[Step] = &[
    ("tidy", tidy::run),
    ("format", |root| {
        run_command(cargo(root).args(["fmt", "--all", "--check"]))
    }),
    ("lints", |root| {
        run_command(cargo(root).args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]))
    }),
    ("docs", |root| {
        run_command(
            cargo(root)
                .args(["doc", "--workspace", "--no-deps"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    }),
    ("stubs", |_| {
        codegen::check().map_err(|error| Error::Task {
            task: "codegen --check",
            message: error.to_string(),
        })
    }),
    ("test", |root| test::run(root, false)),
    ("loom", loom::run),
    ("fuzz", |root| fuzz::run(root, None, 20, Some(1))),
    ("demo", |root| run_command(cargo(root).arg("demo"))),
];

/// Runs the steps.
///
/// # Errors
/// That of the step that failed.
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    let started = Instant::now();
    let mut took: Vec<(&str, Duration)> = Vec::new();
    let mut outcome = Ok(());
    for (name, step) in STEPS {
        println!("\n== {name}");
        let started = Instant::now();
        outcome = step(root);
        took.push((name, started.elapsed()));
        if outcome.is_err() {
            break;
        }
    }
    println!("\n== times");
    for (name, time) in &took {
        println!("{name:>8} {:>7.1} s", time.as_secs_f64());
    }
    println!("{:>8} {:>7.1} s", "all", started.elapsed().as_secs_f64());
    outcome
}

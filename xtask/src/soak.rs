//! `cargo xtask soak`: the long runs of tests that draw what happens from a seed, and of load tests.
//!
//! Each is a test of the workspace that runs a few seeds, or for some seconds, by itself; here it runs thousands, or for
//! minutes, optimised, with the real peers where they are. In come names (none for all), a number of seeds, the one seed that
//! failed, or seconds; what the test prints (the faults by kind, the seed that it is at) goes to the terminal. A test that is
//! to be run here reads [`SEEDS`] and [`SEED`], or [`SECONDS`], and stands in [`SOAKS`].

use std::path::Path;

use crate::command::{Error, cargo, run as run_command};
use crate::peers;

/// How many seeds the test runs, from 0 on.
const SEEDS: &str = "FERLIX_TEST_SEEDS";
/// The only seed that it runs.
const SEED: &str = "FERLIX_TEST_SEED";

/// For how long a load test runs.
const SECONDS: &str = "FERLIX_TEST_SECONDS";

/// How all of it is built.
const PROFILE: [&str; 2] = ["--profile", "soak"];

/// How long a run is unless told otherwise.
enum Length {
    Seeds(u64),
    Seconds(u64),
}

/// One long run.
struct Soak {
    name: &'static str,
    /// The package and its test target.
    package: &'static str,
    target: &'static str,
    /// The full name of the test in it.
    test: &'static str,
    length: Length,
}

const SOAKS: &[Soak] = &[
    Soak {
        name: "session",
        package: "ferlix-etcd",
        target: "session",
        test: "simulation::random_faults_leave_everybody_with_the_same",
        length: Length::Seeds(5000),
    },
    Soak {
        name: "calls",
        package: "ferlix-xmlrpc",
        target: "soak",
        test: "every_request_gets_one_answer_and_memory_does_not_grow",
        length: Length::Seconds(600),
    },
    Soak {
        name: "balanced",
        package: "ferlix-tests",
        target: "balanced",
        test: "no_idempotent_call_is_lost_while_exporters_are_killed",
        // A minute: each takes ten seconds.
        length: Length::Seeds(6),
    },
];

/// Runs the soaks named, or all, with so many seeds or with one, and load tests for so many seconds.
///
/// # Errors
/// A name that there is not, one seed for several soaks, a build that failed, or a seed that did; the others are run all
/// the same.
pub(crate) fn run(
    root: &Path,
    names: &[String],
    seeds: Option<u64>,
    seed: Option<u64>,
    seconds: Option<u64>,
) -> Result<(), Error> {
    let chosen = choose(names)?;
    if seed.is_some() && chosen.len() != 1 {
        return Err(error(format!(
            "a seed belongs to one of {}: name it",
            all_names()
        )));
    }
    let environment = peers::find(root).environment(root);
    let mut outcome = Ok(());
    for soak in chosen {
        println!("\n== {}", soak.name);
        if soak.package == "ferlix-tests" {
            // It starts programs of the workspace.
            let build = ["build", "--workspace", "--examples", "--bins"];
            run_command(cargo(root).args(build).args(PROFILE))?;
        }
        let mut test = cargo(root);
        test.args(["test", "--package", soak.package])
            .args(PROFILE)
            .args(["--test", soak.target, "--"])
            .args(["--exact", soak.test, "--include-ignored", "--nocapture"])
            .envs(environment.clone());
        match (&soak.length, seed) {
            (Length::Seconds(usual), _) => test.env(SECONDS, seconds.unwrap_or(*usual).to_string()),
            (Length::Seeds(_), Some(seed)) => test.env(SEED, seed.to_string()),
            (Length::Seeds(usual), None) => test.env(SEEDS, seeds.unwrap_or(*usual).to_string()),
        };
        if let Err(failure) = run_command(&mut test) {
            let again = match soak.length {
                Length::Seeds(_) => "; run the seed it was at again with --seed N",
                Length::Seconds(_) => "",
            };
            println!("{} failed{again}", soak.name);
            outcome = Err(failure);
        }
    }
    outcome
}

fn choose(names: &[String]) -> Result<Vec<&'static Soak>, Error> {
    if names.is_empty() {
        return Ok(SOAKS.iter().collect());
    }
    let find = |name: &String| {
        let found = SOAKS.iter().find(|soak| soak.name == name);
        found.ok_or_else(|| {
            error(format!(
                "there is no soak {name}; there are {}",
                all_names()
            ))
        })
    };
    names.iter().map(find).collect()
}

fn all_names() -> String {
    let names: Vec<_> = SOAKS.iter().map(|soak| soak.name).collect();
    names.join(", ")
}

fn error(message: String) -> Error {
    Error::Task {
        task: "soak",
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soaks_are_chosen_by_name() {
        assert_eq!(choose(&[]).unwrap().len(), SOAKS.len());
        assert_eq!(choose(&["session".to_owned()]).unwrap()[0].name, "session");
        let unknown = choose(&["sesion".to_owned()]).err().unwrap().to_string();
        assert!(
            unknown.contains("sesion") && unknown.contains("session"),
            "{unknown}"
        );
    }
}

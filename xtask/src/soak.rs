//! `cargo xtask soak`: the long runs of tests that draw what happens from a seed.
//!
//! Each is a test of the workspace that runs a few seeds by itself; here it runs thousands, in release mode, with the real
//! peers where they are. In come names (none for all), a number of seeds or the one seed that failed; what the test prints
//! (the faults by kind, the seed that it is at) goes to the terminal. A test that is to be run here reads [`SEEDS`] and
//! [`SEED`] and stands in [`SOAKS`].

use std::path::Path;

use crate::command::{Error, cargo, run as run_command};
use crate::peers;

/// How many seeds the test runs, from 0 on.
const SEEDS: &str = "FERLIX_TEST_SEEDS";
/// The only seed that it runs.
const SEED: &str = "FERLIX_TEST_SEED";

/// One long run.
struct Soak {
    name: &'static str,
    /// The package and its test target.
    package: &'static str,
    target: &'static str,
    /// The full name of the test in it.
    test: &'static str,
    /// How many seeds are run unless told otherwise.
    seeds: u64,
}

const SOAKS: &[Soak] = &[Soak {
    name: "session",
    package: "ferlix-etcd",
    target: "session",
    test: "simulation::random_faults_leave_everybody_with_the_same",
    seeds: 5000,
}];

/// Runs the soaks named, or all, with so many seeds or with one.
///
/// # Errors
/// A name that there is not, one seed for several soaks, a build that failed, or a seed that did; the others are run all
/// the same.
pub(crate) fn run(
    root: &Path,
    names: &[String],
    seeds: Option<u64>,
    seed: Option<u64>,
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
        let mut test = cargo(root);
        test.args(["test", "--release", "--package", soak.package])
            .args(["--test", soak.target, "--"])
            .args(["--exact", soak.test, "--include-ignored", "--nocapture"])
            .envs(environment.clone());
        match seed {
            Some(seed) => test.env(SEED, seed.to_string()),
            None => test.env(SEEDS, seeds.unwrap_or(soak.seeds).to_string()),
        };
        if let Err(failure) = run_command(&mut test) {
            println!(
                "{} failed; run the seed it was at again with: cargo xtask soak {} --seed N",
                soak.name, soak.name
            );
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

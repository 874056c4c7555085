//! The project's own tasks, run as `cargo xtask <task>`.
//!
//! In comes a task's name, out go the exit code and, for `test`, a last line that counts the tests
//! that ran against real peers. Everything a task makes lies under `target/`. No task writes to the
//! source tree but `codegen` (and `fuzz`, a lock file that git ignores), and none needs root: what the
//! machine itself must have (Debian's etcd as the second version) is the business of `.ci/run`.

mod bench;
mod ci;
mod codegen;
mod command;
mod fuzz;
mod loom;
mod peers;
mod soak;
mod tables;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The tasks of the Ferlix workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Runs the benchmarks, all or those named, each beside its floor
    Bench {
        /// The names of the benchmarks; none means all
        names: Vec<String>,
    },
    /// Runs everything a change must pass: format, lints, docs, tidiness, tests, the demo
    Ci,
    /// Generates the etcd stubs that are committed in ferlix-etcd
    Codegen {
        /// Writes nothing, and fails if the committed stubs are not what the generator makes
        #[arg(long)]
        check: bool,
    },
    /// Fuzzes the readers of foreign input, one or all; without a nightly toolchain their corpus runs as plain tests
    Fuzz {
        /// The name of the target; none means all
        target: Option<String>,
        /// How long each target runs
        #[arg(long, default_value_t = 20)]
        seconds: u32,
        /// What libFuzzer draws from, as CI does with 1; none means by chance
        #[arg(long)]
        seed: Option<u32>,
    },
    /// Runs the registry's locks through every order in which threads can meet
    Loom,
    /// Fetches the real peers for the tests (etcd and iPOPO) into target/peers
    Setup,
    /// Runs the tests that draw what happens from a seed, all or those named, with thousands of seeds
    Soak {
        /// The names of the soaks; none means all
        names: Vec<String>,
        /// How many seeds each runs; without it, as many as are usual for it
        #[arg(long, conflicts_with = "seed")]
        seeds: Option<u64>,
        /// Runs this seed only
        #[arg(long)]
        seed: Option<u64>,
        /// How long each load test runs; without it, as long as is usual for it
        #[arg(long)]
        seconds: Option<u64>,
    },
    /// Checks that every test exists that a table in docs/ names; `test` checks that it ran, too
    Tables,
    /// Runs all tests, with the real peers
    Test {
        /// Fetches nothing, and skips by name the tests whose peers are not there
        #[arg(long)]
        offline: bool,
    },
    /// Checks licences, module docs, stray blanks and the borders between the crates
    Tidy,
}

fn main() -> ExitCode {
    let root = command::workspace_root();
    let outcome = match Arguments::parse().task {
        Task::Bench { names } => bench::run(&root, &names),
        Task::Ci => ci::run(&root),
        Task::Codegen { check: false } => codegen::run().map_err(codegen_error),
        Task::Codegen { check: true } => codegen::check().map_err(codegen_error),
        Task::Fuzz {
            target,
            seconds,
            seed,
        } => fuzz::run(&root, target.as_deref(), seconds, seed),
        Task::Loom => loom::run(&root),
        Task::Setup => peers::set_up(&root).map(|peers| println!("{peers}")),
        Task::Soak {
            names,
            seeds,
            seed,
            seconds,
        } => soak::run(&root, &names, seeds, seed, seconds),
        Task::Tables => tables::run(&root),
        Task::Test { offline } => test::run(&root, offline),
        Task::Tidy => tidy::run(&root),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn codegen_error(error: impl std::fmt::Display) -> command::Error {
    command::Error::Task {
        task: "codegen",
        message: error.to_string(),
    }
}

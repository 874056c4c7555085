//! `cargo xtask fuzz`: libFuzzer on the readers of foreign input, for a time each.
//!
//! In come a target (or none for all), seconds and a seed (or none for one by chance). CI gives a seed, so that a change
//! is judged by what it did and not by luck: whoever looks for more leaves it out. libFuzzer needs a nightly toolchain and `cargo-fuzz`; the latter is
//! fetched into `target/fuzz/tools` where it is absent. Without one of them the corpus runs as plain tests, which is
//! said. What libFuzzer learns is kept in `target/fuzz/corpus`; an input that breaks a check goes to
//! `target/fuzz/findings`, beside what the programs print. Nothing is added to the committed corpus: a finding goes there by hand, with the correction.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Error, cargo, run as run_command};

/// The version of `cargo-fuzz` that is fetched.
const CARGO_FUZZ: &str = "0.13.2";

/// What a single input may take: seconds, and MiB of memory.
const LIMITS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=2048"];

/// Fuzzes one target or all of them, each for a number of seconds.
///
/// # Errors
/// No such target; a build that failed; an input that broke a check, which has been printed.
pub(crate) fn run(
    root: &Path,
    target: Option<&str>,
    seconds: u32,
    seed: Option<u32>,
) -> Result<(), Error> {
    let mut targets = targets(root)?;
    if let Some(name) = target {
        if !targets.iter().any(|other| other == name) {
            return Err(error(format!(
                "there is no target {name}; there are {}",
                targets.join(", ")
            )));
        }
        targets.retain(|other| other == name);
    }
    if let Err(reason) = has_tools(root) {
        println!("no fuzzing: {reason}; the corpus runs as plain tests instead");
        return run_command(cargo(root).args([
            "test",
            "--package",
            "ferlix-fuzz-checks",
            "--tests",
        ]));
    }

    // The versions that the workspace itself uses; cargo adds what libFuzzer needs.
    let lock = "Cargo.lock";
    fs::copy(root.join(lock), root.join("fuzz").join(lock))
        .map_err(Error::io("copy Cargo.lock to fuzz"))?;
    let build = folder(root).join("build");
    run_command(
        nightly(root)
            .args(["fuzz", "build", "--target-dir"])
            .arg(&build)
            .args(target),
    )?;
    let programs = build.join(host(root)?).join("release");
    targets
        .iter()
        .try_for_each(|name| fuzz(root, &programs.join(name), name, seconds, seed))
}

fn fuzz(
    root: &Path,
    program: &Path,
    name: &str,
    seconds: u32,
    seed: Option<u32>,
) -> Result<(), Error> {
    println!("fuzzing {name} for {seconds} s");
    let learned = folder(root).join("corpus").join(name);
    let findings = folder(root).join("findings").join(name);
    for folder in [&learned, &findings] {
        fs::create_dir_all(folder).map_err(Error::io(format!("make {}", folder.display())))?;
    }
    // libFuzzer is talkative: what it says is of use when it found something.
    let log = findings.with_extension("log");
    let failed = || Error::io(format!("write {}", log.display()));
    let output = File::create(&log).map_err(failed())?;
    let outcome = run_command(
        Command::new(program)
            .current_dir(root)
            .env("ASAN_OPTIONS", "detect_odr_violation=0")
            .args([&learned, &root.join("fuzz/corpus").join(name)])
            .args(LIMITS)
            .arg(format!("-max_total_time={seconds}"))
            .args(seed.map(|seed| format!("-seed={seed}")))
            .arg(format!("-artifact_prefix={}/", findings.display()))
            .args(["-verbosity=0", "-print_final_stats=1"])
            .stderr(output),
    );
    let said = fs::read(&log).map_err(failed())?;
    let said = String::from_utf8_lossy(&said);
    match outcome {
        Ok(()) => {
            let run = said
                .lines()
                .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
            println!("{} inputs", run.unwrap_or("an unknown number of").trim());
            Ok(())
        }
        Err(source) => {
            println!("{said}");
            Err(error(format!(
                "{name}: {source}; the input lies in {}: put it into fuzz/corpus/{name} with the correction",
                findings.display()
            )))
        }
    }
}

/// The names of the fuzz programs.
fn targets(root: &Path) -> Result<Vec<String>, Error> {
    let folder = root.join("fuzz/fuzz_targets");
    let failed = || Error::io(format!("read {}", folder.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

/// Makes sure that there are a nightly toolchain and `cargo-fuzz`; says what is missing if not.
fn has_tools(root: &Path) -> Result<(), String> {
    if command::output(nightly(root).arg("--version")).is_err() {
        return Err(
            "there is no nightly toolchain (`rustup toolchain install nightly`)".to_owned(),
        );
    }
    if command::output(nightly(root).args(["fuzz", "--version"])).is_ok() {
        return Ok(());
    }
    println!(
        "fetching cargo-fuzz {CARGO_FUZZ} into {}",
        tools(root).display()
    );
    run_command(
        nightly(root)
            .args(["install", "--quiet", "--locked", "cargo-fuzz"])
            .args(["--version", CARGO_FUZZ])
            .arg("--root")
            .arg(tools(root))
            .arg("--target-dir")
            .arg(folder(root).join("install")),
    )
    .map_err(|error| format!("cargo-fuzz cannot be had: {error}"))
}

/// The nightly toolchain's cargo, in `fuzz`, with the fetched tools on its path and nothing of the cargo that runs us.
fn nightly(root: &Path) -> Command {
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "cargo"])
        .current_dir(root.join("fuzz"))
        .env_remove("CARGO")
        .env_remove("RUSTC");
    let own = env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(tools(root).join("bin")).chain(env::split_paths(&own));
    // A folder whose name cannot stand in a path list cannot be found by it either.
    command.env("PATH", env::join_paths(paths).unwrap_or(own));
    command
}

/// The machine's own target, in whose folder cargo-fuzz builds.
fn host(root: &Path) -> Result<OsString, Error> {
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "rustc", "--verbose", "--version"])
        .current_dir(root);
    let answer = command::output(&mut command)?;
    let host = answer.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(OsString::from)
        .ok_or_else(|| error("the nightly rustc does not name its host".to_owned()))
}

fn folder(root: &Path) -> PathBuf {
    root.join("target/fuzz")
}

fn tools(root: &Path) -> PathBuf {
    folder(root).join("tools")
}

fn error(message: String) -> Error {
    Error::Task {
        task: "fuzz",
        message,
    }
}

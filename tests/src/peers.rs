//! Where the real peers are, and the report of the tests that met them.
//!
//! `cargo xtask test` says where by variables of the environment; a test that is run in another way finds
//! the same in `target/peers/env`, which `cargo xtask setup` writes. Nothing is fetched here.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Whether all of them are there, so that what needs one does not panic.
pub fn are_set_up() -> bool {
    const NAMES: [&str; 4] = [
        "FERLIX_TEST_ETCD",
        "FERLIX_TEST_ETCDCTL",
        "FERLIX_TEST_PYTHON",
        "FERLIX_TEST_IPOPO_SRC",
    ];
    // The folder may have been removed after the file that names it was written, or in part.
    NAMES.iter().all(|name| {
        known(name).is_some_and(|paths| env::split_paths(&paths).all(|path| path.exists()))
    })
}

/// Every etcd server's binary found, one of each version.
///
/// # Panics
/// When there is none.
pub fn etcd_binaries() -> Vec<PathBuf> {
    env::split_paths(&needed("FERLIX_TEST_ETCD")).collect()
}

/// An `etcdctl` of version 3.4 or newer.
///
/// # Panics
/// When there is none.
pub fn etcdctl() -> PathBuf {
    needed("FERLIX_TEST_ETCDCTL").into()
}

/// The Python interpreter of the environment that has iPOPO.
///
/// # Panics
/// When there is none.
pub fn python() -> PathBuf {
    needed("FERLIX_TEST_PYTHON").into()
}

/// iPOPO's unpacked source distribution, which has its samples.
///
/// # Panics
/// When there is none.
pub fn ipopo_source() -> PathBuf {
    needed("FERLIX_TEST_IPOPO_SRC").into()
}

/// The folder of the Python drivers, `tests/python`.
pub fn drivers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// A program of the workspace, such as `ferlix`, as built beside the running test.
///
/// # Panics
/// When it was not built.
pub fn workspace_program(name: &str) -> PathBuf {
    built(Path::new(name))
}

/// An example program, as built beside the running test.
///
/// # Panics
/// When it was not built.
pub fn example_program(name: &str) -> PathBuf {
    built(&Path::new("examples").join(name))
}

/// Notes that a test against a real peer ran to its end, for the count that `cargo xtask test` prints.
/// Without a report to write to, does nothing.
///
/// # Panics
/// When the report cannot be written.
pub fn report(etcd_version: &str, test: &str) {
    let Some(path) = known("FERLIX_TEST_REPORT") else {
        return;
    };
    // One write of one short line: tests that end together do not mix their lines.
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(format!("{etcd_version}\t{test}\n").as_bytes()))
        .unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
}

fn needed(name: &str) -> String {
    known(name).unwrap_or_else(|| {
        panic!(
            "{name} is not known: run `cargo xtask test`, or `cargo xtask setup` before this test"
        )
    })
}

fn known(name: &str) -> Option<String> {
    env::var(name).ok().or_else(|| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers/env");
        let text = fs::read_to_string(file).ok()?;
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(str::to_owned)
    })
}

/// Test binaries lie in `<profile>/deps`, programs in `<profile>`.
fn built(name: &Path) -> PathBuf {
    let test = env::current_exe().expect("a running test has a path");
    let path = test
        .ancestors()
        .nth(2)
        .expect("cargo puts tests two folders deep")
        .join(name);
    assert!(
        path.is_file(),
        "{} is not built: run `cargo build --workspace --examples --bins`",
        path.display()
    );
    path
}

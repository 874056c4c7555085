//! Running other programs, and the one error type of the tasks.
//!
//! Programs inherit standard output and error, so that what they print is seen at once; standard
//! input is closed, because no task may wait for a person.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// A program that a task runs ended badly; what is wrong was printed by that program.
    #[error("`{command}` failed: {status}")]
    Failed { command: String, status: ExitStatus },
    /// The file system refused something.
    #[error("cannot {what}: {source}")]
    Io { what: String, source: io::Error },
    /// A real peer could not be had; `message` says which, from where, and what to do.
    #[error("{message}")]
    Peer { message: String },
    /// A program that a task needs is not on this machine, or cannot be run.
    #[error("cannot run `{command}`: {source}")]
    Start { command: String, source: io::Error },
    /// The task itself found something wrong.
    #[error("{task}: {message}")]
    Task { task: &'static str, message: String },
}

impl Error {
    /// Maps an I/O error to what was being done.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// The folder of the workspace's `Cargo.toml`: where cargo says this package lies now, because a checkout
/// that was moved, or that shares its target folder, may run a program that was built elsewhere.
pub(crate) fn workspace_root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().unwrap_or(&own).to_path_buf()
}

/// The cargo that runs this task, called in the workspace's root.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command =
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsStr::new("cargo").to_owned()));
    command.current_dir(root);
    command
}

/// Runs a command to its end.
///
/// # Errors
/// [`Error::Start`] if it cannot be run, [`Error::Failed`] if it ends with anything but success.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|source| Error::Start {
            command: shown(command),
            source,
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Failed {
            command: shown(command),
            status,
        })
    }
}

/// Runs a command to its end and gives what it wrote on standard output; what it writes on standard
/// error is dropped. For questions ("which version are you?") whose failure is an answer.
///
/// # Errors
/// As [`run`].
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::Start {
            command: shown(command),
            source,
        })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::Failed {
            command: shown(command),
            status: output.status,
        })
    }
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let mut line = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        // Writing to a `String` cannot fail.
        let _ = write!(line, " {}", argument.to_string_lossy());
    }
    line
}

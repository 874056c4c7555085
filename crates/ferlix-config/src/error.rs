//! [`ConfigError`]: why a configuration was not read, changed or stored.

use std::path::PathBuf;

/// Why a configuration was not read, changed or stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The configuration was deleted: this handle of it is of no more use (the caller is late).
    #[error("the configuration {pid} was deleted")]
    Deleted {
        /// The PID.
        pid: String,
    },
    /// The PID names a factory, which has configurations but is none (the caller is at fault).
    #[error("{pid} is a factory PID: create a configuration of it, or name one")]
    Factory {
        /// The PID.
        pid: String,
    },
    /// The configuration admin has stopped.
    #[error("the configuration admin is not running")]
    NotRunning,
    /// The name cannot be a PID (the caller is at fault).
    #[error("invalid configuration PID {pid:?}: {reason}")]
    Pid {
        /// The name.
        pid: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file cannot be read or written (the machine is at fault, or whoever set the folder).
    #[error("cannot {action} {}: {source}", path.display())]
    Storage {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not TOML, or holds what no property can hold (its author is at fault).
    #[error("{}:{line}:{column}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1, in characters.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A property has a value that no TOML file can hold (the caller is at fault).
    #[error("property {key} of configuration {pid} cannot be stored: {reason}")]
    Value {
        /// The PID.
        pid: String,
        /// The property.
        key: String,
        /// Why not.
        reason: &'static str,
    },
}

//! The server ends of the benchmarks, as child processes of this same program.
//!
//! A child says on its first line where it listens, serves until it is killed, and reads nothing. It is
//! bound to the cores of the thread that starts it.

use std::net::SocketAddr;
use std::process::Command;

use clap::ValueEnum;
use ferlix_tests::Program;

use crate::cores;
use crate::error::Error;
use crate::http_floor;

/// What a child serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Role {
    /// The bare hyper server.
    HttpFloor,
}

/// The line that a child prints when it serves.
const LISTENING: &str = "listening on ";

/// A serving child, killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a child and waits until it serves.
    pub(crate) fn start(role: Role) -> Result<Self, Error> {
        let value = role.to_possible_value();
        let name = value.as_ref().map_or("", |value| value.get_name());
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--serve", name]);
        let program = Program::start(name, command);
        let line = program.wait_for(LISTENING);
        let address = line
            .strip_prefix(LISTENING)
            .and_then(|address| address.parse().ok())
            .ok_or_else(|| Error::Answer(line.clone()))?;
        Ok(Self { program, address })
    }
}

/// Says where this child listens.
pub(crate) fn announce(address: SocketAddr) {
    println!("{LISTENING}{address}");
}

/// Serves as a child, until killed.
pub(crate) fn serve(role: Role) -> Result<(), Error> {
    let runtime = cores::runtime()?;
    match role {
        Role::HttpFloor => runtime.block_on(http_floor::serve()),
    }
}

//! The benchmarks of Ferlix, each beside its floor: what the same machine does, in the same minute, with
//! the least code that does the same work.
//!
//! `cargo xtask bench [name…]` builds this in release mode and runs it. In come the names of benchmarks, out
//! goes a table for each: medians of [`REPETITIONS`] repetitions, in each of which the floor and what is
//! measured take turns, so that a machine that changes pace changes it for both. The ratio to the floor is
//! the figure to compare between machines and days; it is taken of each pair of turns, before the median. Nothing is judged here, and nothing is stored.

mod calls;
mod child;
mod codec;
mod core;
mod cores;
mod directory;
mod discovery;
mod error;
mod etcd_floor;
mod frameworks;
mod http_floor;
mod load;
mod memory;
mod micro;
mod payload;
mod recovery;
mod remote;
mod steady;
mod table;
mod xmlrpc;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::error::Error;

/// How often each figure is taken; the median counts.
const REPETITIONS: usize = 5;

/// The benchmarks of Ferlix, each beside its floor.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure; nothing named means all
    names: Vec<Benchmark>,
    /// Serves as one end of a benchmark until killed; how this program starts its own children
    #[arg(long, hide = true, conflicts_with = "names")]
    serve: Option<child::Role>,
    /// The etcd of a child that needs one
    #[arg(long, hide = true, requires = "serve")]
    etcd: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Benchmark {
    /// XML-RPC calls per second and their times
    Xmlrpc,
    /// Calls of several sizes, at once and at a steady rate, and how they grow
    Calls,
    /// Documents read and written
    Codec,
    /// The time from a service's export to a component's having its proxy elsewhere
    Discovery,
    /// What it takes to know 10,000 endpoints
    Directory,
    /// The heap of services and components, and the resident memory of idle processes
    Memory,
    /// The time after a restart of etcd until all is advertised and known again
    Recovery,
    /// The registry, look-ups, events and components
    Core,
    /// Exports, imports and refusals of the Remote Service Admin, and what they hold
    Remote,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.serve {
        Some(role) => child::serve(role, arguments.etcd),
        None => measure(&arguments.names),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot measure: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(names: &[Benchmark]) -> Result<(), Error> {
    for benchmark in Benchmark::value_variants() {
        if names.is_empty() || names.contains(benchmark) {
            match benchmark {
                Benchmark::Xmlrpc => xmlrpc::run()?,
                Benchmark::Calls => {
                    calls::run()?;
                    steady::run()?;
                }
                Benchmark::Codec => codec::run()?,
                Benchmark::Discovery => discovery::run()?,
                Benchmark::Directory => directory::run()?,
                Benchmark::Memory => memory::run()?,
                Benchmark::Recovery => recovery::run()?,
                Benchmark::Core => core::run()?,
                Benchmark::Remote => remote::run()?,
            }
        }
    }
    Ok(())
}

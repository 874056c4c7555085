//! The benchmarks of Ferlix, each beside its floor: what the same machine does, in the same minute, with
//! the least code that does the same work.
//!
//! `cargo xtask bench [name…]` builds this in release mode and runs it, each in a minute or so. In come the names of benchmarks, out
//! goes a table for each: medians of `REPETITIONS` repetitions, in each of which the floor and what is
//! measured take turns, so that a machine that changes pace changes it for both. The ratio to the floor is
//! the figure to compare between machines and days; it is taken of each pair of turns, before the median. Nothing is judged here, and nothing is stored.

mod allocations;
mod calls;
mod child;
mod codec;
mod core;
mod cores;
mod counted;
mod directory;
mod discovery;
mod error;
mod etcd_floor;
mod frameworks;
mod growth;
mod http_floor;
mod ipopo;
mod load;
mod memory;
mod micro;
mod payload;
mod rates;
mod recovery;
mod remote;
mod steady;
mod table;
mod thread;
mod xmlrpc;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::error::Error;
use crate::payload::Payload;

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
    /// XML-RPC calls from framework to framework at full rate, and iPOPO's exporter
    Xmlrpc,
    /// Calls with a message of 200 bytes at full rate
    Message,
    /// Calls with a structure of 10 KiB at full rate
    Structure,
    /// Calls with a list of 10,000 numbers at full rate
    Numbers,
    /// The times of calls at half the full rate, also beside bad requests
    Steady,
    /// Calls by one thread, beside a raw TCP echo
    Thread,
    /// Calls of one of 10,000 services, and the memory of idle connections
    Growth,
    /// What a call allocates
    Allocations,
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

/// The program `ferlix-benches`.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    report(match arguments.serve {
        Some(role) => child::serve(role, arguments.etcd),
        None => measure(&arguments.names),
    })
}

/// The program `allocations`; `allocated` says how many allocations there were and of how many bytes, all together.
#[must_use]
pub fn count_allocations(allocated: impl Fn() -> (u64, u64)) -> ExitCode {
    report(allocations::count(&allocated))
}

fn report(outcome: Result<(), Error>) -> ExitCode {
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
                Benchmark::Message => calls::run(Payload::Message)?,
                Benchmark::Structure => calls::run(Payload::Record)?,
                Benchmark::Numbers => calls::run(Payload::Numbers)?,
                Benchmark::Steady => steady::run()?,
                Benchmark::Thread => thread::run()?,
                Benchmark::Growth => growth::run()?,
                Benchmark::Allocations => allocations::run()?,
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

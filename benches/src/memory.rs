//! Memory: what idle processes hold, as the kernel counts it (`VmRSS`), and the heap that a service and a component hold, as
//! dhat counts it in a program of its own (`bin/heap.rs`).
//!
//! The exporter is the tutorial's program as it is run in production, connected to an etcd, its service exported and
//! advertised; iPOPO's is the same in Python.

use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ferlix_tests::{DEADLINE, Program, PythonPeer, peers};

use crate::child::{Role, Server};
use crate::counted::Counted;
use crate::error::Error;
use crate::load::median;
use crate::{REPETITIONS, table};

/// A process is idle when its memory was the same this many times in a row, looked at every [`LOOK`].
const SAME: usize = 20;
const LOOK: Duration = Duration::from_millis(25);

/// Measures and prints the tables.
pub(crate) fn run() -> Result<(), Error> {
    heap()?;
    processes()
}

/// The heap of services and components.
fn heap() -> Result<(), Error> {
    let counted = Counted::by("heap")?;
    let bytes = |what: &str| counted.figure(what);
    let floor = bytes("floor")?;
    let row = |words: &str, what: &str| -> Result<Vec<String>, Error> {
        let bytes = bytes(what)?;
        let ratio = format!("{:.2}", bytes / floor);
        Ok(vec![words.to_owned(), table::thousands(bytes), ratio])
    };
    let rows = [
        row("floor: an `Arc` under its name in a `HashMap`", "floor")?,
        row(
            "a registered service with three properties, of 100,000 (goal: at most 1,024)",
            "service",
        )?,
        row(
            "a component with a dependency, of 10,000 (goal: at most 4,096)",
            "component",
        )?,
        row(
            "a component with a dependency and a service, the service included",
            "offering",
        )?,
    ];
    let headings = ["", "bytes", "of floor"];
    table::print("Heap held by each, as counted by dhat", &headings, &rows);
    Ok(())
}

/// The memory of idle processes.
fn processes() -> Result<(), Error> {
    let etcd = Server::start(Role::Etcd)?;
    let with_ipopo = peers::are_set_up();
    let (mut floor, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        let server = Server::start(Role::HttpFloor)?;
        floor.push(settled(&server.program)?);
        ours.push(settled(&exporter(etcd.address)?)?);
        if with_ipopo {
            theirs.push(ipopo(etcd.address)?);
        }
    }
    let floor = median(floor.into_iter());
    let row = |words: &str, kib: f64| {
        vec![
            words.to_owned(),
            format!("{:.1}", kib / 1024.0),
            format!("{:.2}", kib / floor),
        ]
    };
    let mut rows = vec![
        row("floor: bare hyper server", floor),
        row(
            "our exporter, connected to etcd (goal: at most 12)",
            median(ours.into_iter()),
        ),
    ];
    if with_ipopo {
        rows.push(row(
            "iPOPO's exporter, likewise",
            median(theirs.into_iter()),
        ));
    }
    let headings = ["", "MiB", "of floor"];
    table::print("Resident memory of an idle process", &headings, &rows);
    if !with_ipopo {
        table::skipped("memory of iPOPO's exporter");
    }
    Ok(())
}

/// The tutorial's exporter, its service advertised.
fn exporter(etcd: SocketAddr) -> Result<Program, Error> {
    let program = std::env::current_exe()?.with_file_name("examples/etcd3_xmlrpc_impl");
    if !program.is_file() {
        return Err(Error::Answer(format!(
            "{} is not built: `cargo xtask bench` builds it",
            program.display()
        )));
    }
    let mut command = Command::new(program);
    command
        .arg("--no-console")
        .args(["-D", &format!("etcd.hostname={}", etcd.ip())])
        .args(["-D", &format!("etcd.port={}", etcd.port())])
        .args(["-D", "ferlix.http.port=0"]);
    let program = Program::start("the exporter", command);
    program.wait_for("Etcd3 connected!");
    Ok(program)
}

/// The memory in KiB of iPOPO's exporter.
fn ipopo(etcd: SocketAddr) -> Result<f64, Error> {
    let port = etcd.port().to_string();
    let mut peer = PythonPeer::start("ipopo_exporter.py", &["--etcd-port", &port]);
    peer.event("started");
    let memory = settled(peer.program())?;
    peer.stop();
    Ok(memory)
}

/// The memory in KiB once it no longer changes.
fn settled(program: &Program) -> Result<f64, Error> {
    let deadline = Instant::now() + DEADLINE;
    let mut last = program.resident_kib();
    let mut same = 0;
    while same < SAME {
        if Instant::now() > deadline {
            return Err(Error::Answer(format!(
                "{last} KiB of memory and never still"
            )));
        }
        thread::sleep(LOOK);
        let now = program.resident_kib();
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    Ok(last as f64)
}

/// The resident memory of this process, in octets.
pub(crate) fn resident() -> Result<f64, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kib.map(|kib| kib * 1024.0)
        .ok_or_else(|| Error::Answer("the kernel does not say VmRSS".to_owned()))
}

//! Memory: what idle processes hold, as the kernel counts it (`VmRSS`).

use std::thread;
use std::time::{Duration, Instant};

use ferlix_tests::{DEADLINE, Program};

use crate::child::{Role, Server};
use crate::error::Error;
use crate::load::median;
use crate::{REPETITIONS, table};

/// A process is idle when its memory was the same this many times in a row, looked at every [`LOOK`].
const SAME: usize = 20;
const LOOK: Duration = Duration::from_millis(25);

/// Measures and prints the table.
pub(crate) fn run() -> Result<(), Error> {
    let mut floor = Vec::with_capacity(REPETITIONS);
    for _ in 0..REPETITIONS {
        let server = Server::start(Role::HttpFloor)?;
        floor.push(settled(&server.program)?);
    }
    let floor = median(floor.into_iter());
    table::print(
        "Resident memory of an idle process",
        &["", "MiB", "of floor"],
        &[vec![
            "floor: bare hyper server".to_owned(),
            format!("{:.1}", floor / 1024.0),
            "1.00".to_owned(),
        ]],
    );
    Ok(())
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

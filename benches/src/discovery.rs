//! Discovery: how long it takes from the put of an endpoint description to its being known elsewhere.
//!
//! On a real etcd of its own, of the first version found; its write to disk is most of the time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use ferlix_tests::etcd::Kind;
use ferlix_tests::{EtcdServer, peers};

use crate::error::Error;
use crate::etcd_floor::PutAndWatch;
use crate::load::Figures;
use crate::{REPETITIONS, cores, table};

/// How many are timed in each repetition.
const PUTS: usize = 200;
/// Unmeasured ones before the first repetition.
const WARM_UP: usize = 50;
/// As long as the endpoint description of the tutorial's service, in octets.
const VALUE: usize = 1300;

/// Measures and prints the table.
pub(crate) fn run() -> Result<(), Error> {
    let Some(binary) = peers::etcd_binaries().into_iter().next() else {
        return Err(Error::Answer("no etcd to measure with".to_owned()));
    };
    let etcd = EtcdServer::start(Kind::Real(binary));
    let runtime = cores::runtime()?;
    let value = Bytes::from(vec![b'x'; VALUE]);

    let mut floor = runtime.block_on(PutAndWatch::connect(etcd.port()))?;
    for _ in 0..WARM_UP {
        runtime.block_on(floor.time(&value))?;
    }
    let mut repetitions = Vec::with_capacity(REPETITIONS);
    for _ in 0..REPETITIONS {
        let begin = Instant::now();
        let times = runtime.block_on(async {
            let mut times = Vec::with_capacity(PUTS);
            for _ in 0..PUTS {
                times.push(floor.time(&value).await?);
            }
            Ok::<_, Error>(times)
        })?;
        repetitions.push(Figures::new(times, begin.elapsed())?);
    }

    let medians = Figures::medians(&repetitions);
    let milliseconds = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1e3);
    table::print(
        &format!(
            "Discovery of {VALUE} octets through etcd {}",
            etcd.version()
        ),
        &["", "p50 ms", "of floor", "p99 ms"],
        &[vec![
            "floor: bare put to bare watch".to_owned(),
            milliseconds(medians.p50),
            "1.00".to_owned(),
            milliseconds(medians.p99),
        ]],
    );
    Ok(())
}

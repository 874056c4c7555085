//! Times of what takes nanoseconds: many runs at once, the floor and the subject in turns.
//!
//! What is measured never blocks, so the time that counts is what the thread itself ran: other programs that get their
//! turn in between add nothing.

use std::hint::black_box;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::REPETITIONS;
use crate::error::Error;
use crate::load::median;

/// A batch takes at least this long, so that the clock's own time does not count.
const BATCH: Duration = Duration::from_millis(20);

/// The medians of what was compared, in nanoseconds for each run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    pub(crate) floor: f64,
    pub(crate) subject: f64,
    /// The median of the ratios of the turns.
    pub(crate) ratio: f64,
}

impl Comparison {
    /// Lets a floor and a subject take turns. Each does its work as many times as it is told.
    pub(crate) async fn take(
        mut floor: impl AsyncFnMut(u64) -> Result<(), Error>,
        mut subject: impl AsyncFnMut(u64) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let floor_count = enough(&mut floor).await?;
        let subject_count = enough(&mut subject).await?;
        let mut floors = Vec::with_capacity(REPETITIONS);
        let mut subjects = Vec::with_capacity(REPETITIONS);
        for _ in 0..REPETITIONS {
            floors.push(time(&mut floor, floor_count).await? / floor_count as f64);
            subjects.push(time(&mut subject, subject_count).await? / subject_count as f64);
        }
        Ok(Self::of(&floors, &subjects))
    }

    /// From the times of the turns.
    pub(crate) fn of(floors: &[f64], subjects: &[f64]) -> Self {
        let pairs = floors.iter().zip(subjects);
        Self {
            floor: median(floors.iter().copied()),
            subject: median(subjects.iter().copied()),
            ratio: median(pairs.map(|(floor, subject)| subject / floor)),
        }
    }
}

/// How often the work is done in a batch; this warms up, too.
async fn enough(work: &mut impl AsyncFnMut(u64) -> Result<(), Error>) -> Result<u64, Error> {
    let mut count = 1;
    while time(work, count).await? < BATCH.as_secs_f64() * 1e9 {
        count *= 2;
    }
    Ok(count)
}

/// The time of a batch in nanoseconds.
async fn time(
    work: &mut impl AsyncFnMut(u64) -> Result<(), Error>,
    count: u64,
) -> Result<f64, Error> {
    let begin = now()?;
    work(black_box(count)).await?;
    Ok((now()? - begin).as_secs_f64() * 1e9)
}

/// How long this thread has run.
pub(crate) fn now() -> Result<Duration, Error> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

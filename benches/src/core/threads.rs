//! Two threads on two cores: what they do together beside what one does alone, and readers beside a writer.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use ferlix::prelude::*;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use super::components::{Following, missing, start};
use super::registry::Beside;
use super::report::{Goal, Report};
use super::{ADDER, Adder, NUMBER, One, filter};
use crate::REPETITIONS;
use crate::error::Error;
use crate::micro::Comparison;

/// How many services the look-ups are made among.
const SERVICES: u64 = 100;
/// What one thread may take longer when another works, so that together they do not less than one alone.
const TOGETHER: Goal = Goal::Times(2.0);

/// Work that is done as often as it is told, on any thread.
type Work<'a> = &'a (dyn Fn(u64) + Sync);

pub(super) async fn measure(report: &mut Report) -> Result<(), Error> {
    let (framework, _) = start().await?;
    let followed = framework.context().service::<dyn Following>(None);
    let followed = followed.ok_or_else(missing)?;
    let guarded = |count| {
        black_box(followed.guarded(count));
    };
    let words = "Best::load by two threads, beside one";
    report.row(words, 2, together(&guarded)?, Goal::Times(1.6));
    let owned = |count| {
        black_box(followed.owned(count));
    };
    let words = "Best::get by two threads, beside one";
    report.row(words, 2, together(&owned)?, Goal::None);

    let beside = Beside::start(SERVICES).await?;
    let context = &beside.context;
    let references = |count| {
        for _ in 0..count {
            black_box(context.reference(black_box(ADDER), None));
        }
    };
    let objects = |count| {
        for _ in 0..count {
            black_box(context.service::<dyn Adder>(None));
        }
    };
    let last = filter(&format!("({NUMBER}={})", SERVICES - 1))?;
    let filtered = |count| {
        for _ in 0..count {
            black_box(context.reference(black_box(ADDER), Some(&last)));
        }
    };
    let words = "references by two threads, beside one";
    report.row(words, 2, together(&references)?, TOGETHER);
    let words = "objects by two threads, beside one";
    report.row(words, 2, together(&objects)?, TOGETHER);
    let words = "filtered by two threads, beside one";
    report.row(words, 2, together(&filtered)?, TOGETHER);

    let words = "references beside a writer, beside none";
    report.row(words, 2, beside_writer(context, &references)?, TOGETHER);
    let words = "objects beside a writer, beside none";
    report.row(words, 2, beside_writer(context, &objects)?, TOGETHER);
    let words = "filtered beside a writer, beside none";
    report.row(words, 2, beside_writer(context, &filtered)?, TOGETHER);
    Ok(())
}

/// Two threads beside one.
fn together(work: Work<'_>) -> Result<Comparison, Error> {
    let count = enough(work)?;
    compare(|| time(1, count, work), || time(2, count, work))
}

/// A thread beside another that registers and unregisters without a pause, beside the same alone.
fn beside_writer(context: &BundleContext, work: Work<'_>) -> Result<Comparison, Error> {
    let count = enough(work)?;
    let alone = || time(1, count, work);
    let accompanied = || {
        let over = AtomicBool::new(false);
        let begun = Barrier::new(2);
        thread::scope(|scope| {
            let writer = scope.spawn(|| -> Result<(), Error> {
                pin(1)?;
                let adder: Arc<dyn Adder> = Arc::new(One);
                begun.wait();
                while !over.load(Ordering::Relaxed) {
                    let properties = Properties::from([(NUMBER, -1)]);
                    context
                        .register(Arc::clone(&adder), properties)?
                        .unregister_now()?;
                }
                Ok(())
            });
            begun.wait();
            let time = time(1, count, work);
            over.store(true, Ordering::Relaxed);
            writer.join().map_err(|_| Error::Task)??;
            time
        })
    };
    compare(alone, accompanied)
}

fn compare(
    floor: impl Fn() -> Result<f64, Error>,
    subject: impl Fn() -> Result<f64, Error>,
) -> Result<Comparison, Error> {
    let (mut floors, mut subjects) = (Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        floors.push(floor()?);
        subjects.push(subject()?);
    }
    Ok(Comparison::of(&floors, &subjects))
}

/// How often the work is done so that it takes 20 ms.
fn enough(work: Work<'_>) -> Result<u64, Error> {
    let mut count = 1;
    while time(1, count, work)? * (count as f64) < 20e6 {
        count *= 2;
    }
    Ok(count)
}

/// The nanoseconds that each run takes when so many threads do it at once, each as often as told: of the slowest.
fn time(threads: usize, count: u64, work: Work<'_>) -> Result<f64, Error> {
    let begun = Barrier::new(threads);
    let times = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|core| {
                let begun = &begun;
                scope.spawn(move || -> Result<f64, Error> {
                    let pinned = pin(core);
                    begun.wait();
                    pinned?;
                    let begin = Instant::now();
                    work(black_box(count));
                    Ok(begin.elapsed().as_secs_f64() * 1e9 / count as f64)
                })
            })
            .collect();
        let times = threads.into_iter().map(thread::ScopedJoinHandle::join);
        times
            .map(|time| time.map_err(|_| Error::Task)?)
            .collect::<Result<Vec<f64>, Error>>()
    })?;
    Ok(times.into_iter().fold(0.0, f64::max))
}

/// Binds the calling thread to a core.
fn pin(core: usize) -> Result<(), Error> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

//! Closed-loop load: each caller makes its next call when the last one was answered.
//!
//! The callers begin together, run unmeasured for a while so that connections, allocators and branch
//! predictors are warm, and then for [`MEASURED`]. A single wrong or failed call fails the measurement.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::error::Error;

const WARM_UP: Duration = Duration::from_millis(200);
const MEASURED: Duration = Duration::from_millis(600);

/// One end of one connection.
pub(crate) trait Caller: Send + 'static {
    /// Makes one call and checks its answer.
    fn call(&mut self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// The outcome of one repetition, or the medians of several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Calls a second, of all callers together.
    pub(crate) rate: f64,
    /// The time that half of the calls stayed below.
    pub(crate) p50: Duration,
    /// The time that 99 of 100 calls stayed below.
    pub(crate) p99: Duration,
}

impl Figures {
    /// From the times of single calls, made within `elapsed`.
    pub(crate) fn new(mut times: Vec<Duration>, elapsed: Duration) -> Result<Self, Error> {
        times.sort_unstable();
        let at = |part: usize| {
            // The index of the last call that belongs to the part of a hundred.
            let index = (times.len() * part / 100).min(times.len().saturating_sub(1));
            times.get(index).copied()
        };
        let (Some(p50), Some(p99)) = (at(50), at(99)) else {
            return Err(Error::Answer("not one call ended in time".to_owned()));
        };
        Ok(Self {
            rate: times.len() as f64 / elapsed.as_secs_f64(),
            p50,
            p99,
        })
    }

    /// The median of each figure by itself.
    pub(crate) fn medians(repetitions: &[Self]) -> Self {
        Self {
            rate: median(repetitions.iter().map(|figures| figures.rate)),
            p50: Duration::from_secs_f64(median(
                repetitions.iter().map(|figures| figures.p50.as_secs_f64()),
            )),
            p99: Duration::from_secs_f64(median(
                repetitions.iter().map(|figures| figures.p99.as_secs_f64()),
            )),
        }
    }
}

/// The value in the middle; of an even number, the upper of the two.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Lets all callers call at once for the fixed times.
pub(crate) async fn drive<C: Caller>(callers: Vec<C>) -> Result<Figures, Error> {
    let begin = Arc::new(Barrier::new(callers.len()));
    let mut tasks = JoinSet::new();
    for mut caller in callers {
        let begin = Arc::clone(&begin);
        tasks.spawn(async move {
            repeat(&mut caller, WARM_UP).await?;
            begin.wait().await;
            repeat(&mut caller, MEASURED).await
        });
    }
    let mut times = Vec::new();
    while let Some(outcome) = tasks.join_next().await {
        times.extend(outcome.map_err(|_| Error::Task)??);
    }
    Figures::new(times, MEASURED)
}

async fn repeat<C: Caller>(caller: &mut C, time: Duration) -> Result<Vec<Duration>, Error> {
    let mut times = Vec::with_capacity(1 << 16);
    let end = Instant::now() + time;
    let mut before = Instant::now();
    while before < end {
        caller.call().await?;
        let after = Instant::now();
        // The last one ends after the time, and does not belong to its rate.
        if after < end {
            times.push(after - before);
        }
        before = after;
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_from_the_sorted_times() {
        let times = (1..=100).rev().map(Duration::from_millis).collect();
        let figures = Figures::new(times, Duration::from_secs(2)).unwrap();
        assert_eq!(figures.p50, Duration::from_millis(51));
        assert_eq!(figures.p99, Duration::from_millis(100));
        assert!((figures.rate - 50.0).abs() < 1e-9);
        assert!(Figures::new(Vec::new(), Duration::from_secs(1)).is_err());
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < 1e-9);
        assert!(median(std::iter::empty()).is_nan());
    }
}

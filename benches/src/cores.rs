//! Which cores a measurement runs on.
//!
//! One connection is measured with both ends on one core: on these machines a wake-up across cores costs more
//! than a call and varies by the day. A thread is pinned, everything it starts inherits that: the workers
//! of a runtime built on it, and child processes. A pinned runtime has one worker, because tokio counts the
//! cores it may use.

use std::thread;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tokio::runtime::Runtime;

use crate::error::Error;

/// The core for pinned measurements.
const CORE: usize = 0;

/// Where a measurement runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cores {
    /// On all, as the system likes.
    Free,
    /// All threads and processes on one.
    One,
}

impl Cores {
    /// How tables name it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Free => "free on all cores",
            Self::One => "both ends pinned to one core",
        }
    }

    /// Runs `work` on a thread of its own that is bound as `self` says, with everything it starts.
    pub(crate) fn run<T: Send>(
        self,
        work: impl FnOnce() -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                if self == Self::One {
                    let mut set = CpuSet::new();
                    set.set(CORE)?;
                    // Process 0 means the calling thread alone.
                    sched_setaffinity(Pid::from_raw(0), &set)?;
                }
                work()
            });
            thread.join().map_err(|_| Error::Task)?
        })
    }
}

/// The runtime that programs get from `#[tokio::main]`, for both ends of every measurement.
pub(crate) fn runtime() -> Result<Runtime, Error> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

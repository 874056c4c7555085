//! The counters of one method: written by calls as they end, read by whoever shows them.

use std::array::from_fn;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ferlix_core::service::CallError;
use pin_project_lite::pin_project;
use tracing::Span;

use super::Direction;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// With a result.
    Ok,
    /// With a fault of the service's own.
    Fault,
    /// The call, its arguments or its result do not fit.
    Invalid,
    /// There is no such service, or no such method in its exported interfaces.
    Unknown,
    /// The caller may not, or the peer cannot now.
    Refused,
    /// At its deadline.
    Timeout,
    /// The service panicked.
    Panic,
    /// It was given up before its end: by its caller, or because we stop.
    Cancelled,
    /// The endpoint was withdrawn.
    Gone,
    /// There was no connection.
    Unreachable,
    /// The connection broke.
    Lost,
    /// The peer's answer is none of XML-RPC.
    Protocol,
}

impl Outcome {
    /// All, in the order in which they are counted.
    pub const ALL: [Self; 12] = [
        Self::Ok,
        Self::Fault,
        Self::Invalid,
        Self::Unknown,
        Self::Refused,
        Self::Timeout,
        Self::Panic,
        Self::Cancelled,
        Self::Gone,
        Self::Unreachable,
        Self::Lost,
        Self::Protocol,
    ];

    /// The name in the metrics and in spans.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fault => "fault",
            Self::Invalid => "invalid",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Panic => "panic",
            Self::Cancelled => "cancelled",
            Self::Gone => "gone",
            Self::Unreachable => "unreachable",
            Self::Lost => "lost",
            Self::Protocol => "protocol",
        }
    }
}

impl From<&CallError> for Outcome {
    fn from(error: &CallError) -> Self {
        match error {
            CallError::Gone { .. } => Self::Gone,
            CallError::InvalidArguments { .. } | CallError::Value { .. } => Self::Invalid,
            CallError::Lost { .. } => Self::Lost,
            CallError::Protocol { .. } => Self::Protocol,
            CallError::Refused { .. } => Self::Refused,
            CallError::Timeout { .. } => Self::Timeout,
            CallError::UnknownMethod { .. } => Self::Unknown,
            CallError::Unreachable { .. } => Self::Unreachable,
            // A service's own, and whatever is still to come.
            _ => Self::Fault,
        }
    }
}

/// The upper bounds of the latency histogram; what took longer is in one more bucket behind the last.
pub const LATENCY_BOUNDS: [Duration; 15] = [
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];
const BUCKETS: usize = LATENCY_BOUNDS.len() + 1;

/// The counters. Each is right by itself; a reader may see a call in one and not yet in another.
#[derive(Debug, Default)]
pub(super) struct Method {
    begun: AtomicU64,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    latencies: [AtomicU64; BUCKETS],
    nanoseconds: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Method {
    pub(super) fn read(
        &self,
        direction: Direction,
        service: Arc<str>,
        method: Arc<str>,
    ) -> MethodCalls {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // Those that ended first: a call that ends in between is in flight still.
        let outcomes: [u64; Outcome::ALL.len()] = from_fn(|index| load(&self.outcomes[index]));
        let ended = outcomes.iter().sum();
        MethodCalls {
            direction,
            service,
            method,
            in_flight: load(&self.begun).saturating_sub(ended),
            outcomes,
            latencies: from_fn(|index| load(&self.latencies[index])),
            time: Duration::from_nanos(load(&self.nanoseconds)),
            received: load(&self.received),
            sent: load(&self.sent),
        }
    }
}

/// A call in flight, and its span: what ends the one is written into the other.
pub(crate) struct Running {
    method: Arc<Method>,
    span: Span,
    begun: Instant,
    outcome: Outcome,
    received: u64,
    sent: u64,
}

impl Running {
    pub(super) fn new(method: Arc<Method>, begun: Instant, span: Span) -> Self {
        method.begun.fetch_add(1, Ordering::Relaxed);
        Self {
            method,
            span,
            begun,
            outcome: Outcome::Cancelled,
            received: 0,
            sent: 0,
        }
    }

    /// The span in which its work is done.
    pub(crate) const fn span(&self) -> &Span {
        &self.span
    }

    /// Does its work, in its span.
    pub(crate) const fn within<F>(&self, work: F) -> Within<'_, F> {
        Within {
            span: &self.span,
            work,
        }
    }

    /// So many bytes of a document came.
    pub(crate) const fn received(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }

    /// So many bytes of a document went.
    pub(crate) const fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// How the call ended: it is counted so, and its span says so, when this is dropped.
    pub(crate) const fn end(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

pin_project! {
    /// The work of a call. Unlike tracing's `Instrumented`, it has no span of its own.
    pub(crate) struct Within<'a, F> {
        span: &'a Span,
        #[pin]
        work: F,
    }
}

impl<F: Future> Future for Within<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        this.work.poll(cx)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome.as_str());
        let elapsed = self.begun.elapsed();
        let bucket = LATENCY_BOUNDS.partition_point(|bound| *bound < elapsed);
        let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let method = &*self.method;
        let add = |counter: &AtomicU64, number| counter.fetch_add(number, Ordering::Relaxed);
        add(&method.outcomes[self.outcome as usize], 1);
        add(&method.latencies[bucket], 1);
        add(&method.nanoseconds, nanoseconds);
        add(&method.received, self.received);
        add(&method.sent, self.sent);
    }
}

/// What was counted of one method.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MethodCalls {
    /// Which way the calls went.
    pub direction: Direction,
    /// The interface of an exported service, the specification of an imported one.
    pub service: Arc<str>,
    /// The name on the wire.
    pub method: Arc<str>,
    /// The calls that have not ended.
    pub in_flight: u64,
    /// The calls that ended in under each of [`LATENCY_BOUNDS`] (and above the one before it), and those that took longer.
    pub latencies: [u64; BUCKETS],
    /// The time that the calls took together.
    pub time: Duration,
    /// The bytes of the documents that came.
    pub received: u64,
    /// The bytes of the documents that went.
    pub sent: u64,
    outcomes: [u64; Outcome::ALL.len()],
}

impl MethodCalls {
    pub(super) fn key(&self) -> (Direction, &str, &str) {
        (self.direction, &self.service, &self.method)
    }

    /// The calls that ended so.
    #[must_use]
    pub const fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    /// The calls that ended.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// The calls that ended without a result.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.total() - self.count(Outcome::Ok)
    }

    /// The bound of [`LATENCY_BOUNDS`] under which this share (0 to 1) of the calls ended; `None` when there were none or
    /// when it is beyond the last.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let all: u64 = self.latencies.iter().sum();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts are far below 2^52, and a share of one is a count"
        )]
        let wanted = ((all as f64 * share).ceil() as u64).clamp(1, all.max(1));
        let mut seen = 0;
        let bucket = self.latencies.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        LATENCY_BOUNDS.get(bucket).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_at_their_places() {
        for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
        assert!(LATENCY_BOUNDS.is_sorted());
    }

    #[test]
    fn quantiles_are_the_bounds_above() {
        let method = Method::default();
        let read = || method.read(Direction::Exported, "s".into(), "m".into());
        assert_eq!(read().quantile(0.5), None);
        method.latencies[2].store(98, Ordering::Relaxed);
        method.latencies[7].store(1, Ordering::Relaxed);
        method.latencies[BUCKETS - 1].store(1, Ordering::Relaxed);
        let calls = read();
        assert_eq!(calls.quantile(0.0), Some(LATENCY_BOUNDS[2]));
        assert_eq!(calls.quantile(0.5), Some(LATENCY_BOUNDS[2]));
        assert_eq!(calls.quantile(0.99), Some(LATENCY_BOUNDS[7]));
        assert_eq!(calls.quantile(1.0), None);
    }
}

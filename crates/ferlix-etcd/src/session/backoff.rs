//! How long to wait before the next attempt: doubling from 50 ms, at most 500 ms in the first minute of an outage and 5 s
//! after it, each wait drawn at random between half of that and all of it so that many clients do not come at once.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(50);
const CAP_AT_FIRST: Duration = Duration::from_millis(500);
const CAP_LATER: Duration = Duration::from_secs(5);
const AT_FIRST: Duration = Duration::from_secs(60);

/// A repeatable source of random waits (`SplitMix64`; see Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
#[derive(Clone, Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// From a seed, or from one that differs each time.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(seed.unwrap_or_else(|| RandomState::new().hash_one(0)))
    }

    /// A second source, independent of this one.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between half of a time and all of it.
    fn between_half_and(&mut self, whole: Duration) -> Duration {
        let half = whole / 2;
        let span = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
        half + Duration::from_micros(self.next() % span.saturating_add(1))
    }

    /// The wait before retry number `failures` (counted from 1) of something that is not worth the whole session.
    pub(crate) fn retry_after(&mut self, failures: u32, slowly: bool) -> Duration {
        let whole = if slowly {
            CAP_LATER
        } else {
            doubled(failures).min(CAP_LATER)
        };
        self.between_half_and(whole)
    }
}

/// The waits of one outage.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    since: Option<Instant>,
    failures: u32,
}

impl Backoff {
    /// The wait before the next attempt. `slowly`: nothing but a person can help, so the longest wait is enough.
    pub(crate) fn next(&mut self, now: Instant, jitter: &mut Jitter, slowly: bool) -> Duration {
        let since = *self.since.get_or_insert(now);
        self.failures = self.failures.saturating_add(1);
        let whole = if slowly {
            CAP_LATER
        } else if now.duration_since(since) < AT_FIRST {
            doubled(self.failures).min(CAP_AT_FIRST)
        } else {
            doubled(self.failures).min(CAP_LATER)
        };
        jitter.between_half_and(whole)
    }

    /// The outage is over.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

fn doubled(failures: u32) -> Duration {
    FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_to_the_cap_of_the_first_minute_and_then_to_the_later_one() {
        let mut jitter = Jitter::new(Some(7));
        let mut backoff = Backoff::default();
        let start = Instant::now();
        let first = backoff.next(start, &mut jitter, false);
        assert!(first >= FIRST / 2 && first <= FIRST, "{first:?}");
        for _ in 0..20 {
            let wait = backoff.next(start, &mut jitter, false);
            assert!(wait <= CAP_AT_FIRST, "{wait:?}");
        }
        let wait = backoff.next(start, &mut jitter, false);
        assert!(wait >= CAP_AT_FIRST / 2, "{wait:?}");
        let later = start + AT_FIRST;
        let wait = backoff.next(later, &mut jitter, false);
        assert!(wait >= CAP_LATER / 2 && wait <= CAP_LATER, "{wait:?}");
        backoff.reset();
        assert!(backoff.next(later, &mut jitter, false) <= FIRST);
        assert!(backoff.next(later, &mut jitter, true) >= CAP_LATER / 2);
    }

    #[test]
    fn a_seed_repeats_its_waits() {
        let draw = |seed| {
            let mut jitter = Jitter::new(Some(seed));
            (0..8)
                .map(|n| jitter.retry_after(n, false))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}

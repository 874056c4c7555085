//! [`RetryPolicy`]: when an ERRONEOUS instance is tried again by itself.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// When an ERRONEOUS instance is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryPolicy {
    /// After 100 ms, then twice as long each time up to 30 s, with up to a quarter of jitter.
    #[default]
    BackOff,
    /// After the same time each time.
    Fixed(Duration),
    /// Only by `retry`.
    Off,
}

/// The first pause.
const FIRST: Duration = Duration::from_millis(100);
/// The longest pause.
const CAP: Duration = Duration::from_secs(30);

impl RetryPolicy {
    /// How long to wait before the next attempt; `attempt` counts the failures in a row, from 1.
    ///
    /// The jitter depends on the name alone, so that a run can be repeated.
    pub(super) fn pause(self, name: &str, attempt: u32) -> Option<Duration> {
        match self {
            Self::Off => None,
            Self::Fixed(pause) => Some(pause),
            Self::BackOff => {
                let base = FIRST
                    .saturating_mul(1 << attempt.saturating_sub(1).min(12))
                    .min(CAP);
                let mut hasher = DefaultHasher::new();
                (name, attempt).hash(&mut hasher);
                let jitter = base / 4 * u32::try_from(hasher.finish() % 256).unwrap_or(0) / 256;
                Some(base - jitter)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_cap() {
        let pause = |attempt| RetryPolicy::BackOff.pause("name", attempt).unwrap();
        assert!(pause(1) <= FIRST && pause(1) >= FIRST * 3 / 4);
        assert!(pause(4) > pause(1) * 4);
        assert!(pause(60) <= CAP && pause(60) >= CAP * 3 / 4);
        assert_eq!(RetryPolicy::Off.pause("name", 1), None);
        let fixed = RetryPolicy::Fixed(CAP * 2);
        assert_eq!(fixed.pause("name", 60), Some(CAP * 2));
    }
}

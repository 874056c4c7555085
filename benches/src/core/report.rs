//! The rows of the core's table: each figure with its floor, and what it is held to.

use crate::micro::Comparison;
use crate::table;

/// What a figure is held to, on a quiet machine.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// Nothing: it is there to be looked at.
    None,
    /// At most so many nanoseconds.
    Within(f64),
    /// At most so many nanoseconds for each of so many.
    Each(u64, f64),
    /// At most so many nanoseconds more than the floor.
    Over(f64),
    /// At most so many times the floor.
    Times(f64),
}

impl Goal {
    fn words(self) -> String {
        match self {
            Self::None => "–".to_owned(),
            Self::Within(limit) => format!("≤ {}", duration(limit)),
            Self::Each(_, limit) => format!("≤ {} each", duration(limit)),
            Self::Over(limit) => format!("≤ floor + {}", duration(limit)),
            Self::Times(limit) => format!("≤ {limit} × floor"),
        }
    }

    fn verdict(self, comparison: Comparison) -> &'static str {
        let Comparison {
            floor,
            subject,
            ratio,
        } = comparison;
        let met = match self {
            Self::None => return "",
            Self::Within(limit) => subject <= limit,
            Self::Each(count, limit) => subject / count as f64 <= limit,
            Self::Over(limit) => subject - floor <= limit,
            Self::Times(limit) => ratio <= limit,
        };
        table::verdict(met)
    }
}

/// The rows so far.
#[derive(Default)]
pub(super) struct Report(Vec<Vec<String>>);

impl Report {
    /// Adds a row, for so many of what it is about.
    pub(super) fn row(&mut self, words: &str, size: u64, comparison: Comparison, goal: Goal) {
        self.0.push(vec![
            words.to_owned(),
            table::thousands(size as f64),
            duration(comparison.subject),
            duration(comparison.floor),
            format!("{:.1}", comparison.ratio),
            goal.words(),
            goal.verdict(comparison).to_owned(),
        ]);
    }

    pub(super) fn print(&self) {
        let headings = ["", "beside", "time", "floor", "ratio", "goal", "verdict"];
        let title = "The core, one thread on one core but where it says two";
        table::print(title, &headings, &self.0);
    }
}

/// Nanoseconds in the unit that suits them.
fn duration(nanoseconds: f64) -> String {
    match nanoseconds {
        small if small < 1e3 => format!("{small:.1} ns"),
        middle if middle < 1e6 => format!("{:.2} µs", middle / 1e3),
        large => format!("{:.1} ms", large / 1e6),
    }
}

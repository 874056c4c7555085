//! Tables of what filters match ([`matching`]) and of how they read and print ([`syntax`]); random ones ([`model`]).

mod matching;
mod model;
mod syntax;

use super::Filter;
use crate::property::{Properties, Value};

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Checks a filter on the key `key` against values that match and values that do not.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "the tables read better")]
fn check<const M: usize, const N: usize>(text: &str, matching: [Value; M], other: [Value; N]) {
    let filter = filter(text);
    let test = |value: &Value| filter.matches(&Properties::from([("key", value.clone())]));
    for value in &matching {
        assert!(test(value), "{text} should match {value:?}");
    }
    for value in &other {
        assert!(!test(value), "{text} should not match {value:?}");
    }
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { [$(Value::from($value)),*] };
}

use values;

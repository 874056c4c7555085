//! LDAP filters: parsed, printed, parsed again, and held against properties of every type.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::LazyLock;

use ferlix_core::filter::Filter;
use ferlix_core::property::{DateTime, Properties, Value};
use time::{Date, Time};

/// The longest text that the parser takes: escapes may make what is printed longer than what was read.
const MAXIMUM_LENGTH: usize = 64 * 1024;

/// Maps under the keys that the corpus uses, each with a value of another type.
static SAMPLES: LazyLock<Vec<Properties>> = LazyLock::new(|| {
    let texts = ["", "a", "toto", "5", "true", "a b", "é", "2026-01-02"];
    let numbers = [0, -1, 5, i64::MIN, i64::MAX];
    let floats = [0.0, -0.5, 1.1, f64::NAN, f64::INFINITY, 1e300];
    let values = texts
        .map(Value::from)
        .into_iter()
        .chain(numbers.map(Value::from))
        .chain(floats.map(Value::from))
        .chain([
            Value::Null,
            Value::Bool(true),
            Value::Byte(5),
            Value::Short(-1),
            Value::Int(0),
            Value::Float(1.1),
            Value::Char('é'),
            Value::Bytes(vec![0, 5, 255]),
            Value::DateTime(DateTime::new(Date::MIN, Time::MIDNIGHT)),
            Value::DateTime(DateTime::new(Date::MAX, Time::MIDNIGHT)),
            Value::from(vec!["a", "toto"]),
            Value::Set(vec![Value::Int(5), Value::from("a"), Value::Null]),
            Value::Map(BTreeMap::from([("a".to_owned(), Value::Int(5))])),
        ]);
    let keys = ["a", "B", "key", "objectClass", "service.ranking"];
    let with = |value: Value| keys.map(|key| (key, value.clone())).into_iter().collect();
    values.map(with).chain([Properties::new()]).collect()
});

/// Checks that a filter prints to a text that parses to an equal filter with the same print and hash, that both match
/// the same properties, and that the negation matches the others.
///
/// # Panics
/// When it does not hold.
pub fn filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let negation = filter.negate();
    for properties in SAMPLES.iter() {
        assert_ne!(
            filter.matches(properties),
            negation.matches(properties),
            "{filter} and its negation agree on {properties:?}"
        );
    }

    let printed = filter.to_string();
    if printed.len() > MAXIMUM_LENGTH {
        return;
    }
    let again = Filter::parse(&printed)
        .unwrap_or_else(|error| panic!("{text:?} prints as {printed:?}: {error}"));
    assert_eq!(again, filter, "{text:?} changed when it was printed");
    assert_eq!(again.to_string(), printed);
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    assert_eq!(hasher.hash_one(&again), hasher.hash_one(&filter));
    for properties in SAMPLES.iter() {
        assert_eq!(
            again.matches(properties),
            filter.matches(properties),
            "{text:?} and {printed:?} differ on {properties:?}"
        );
    }
}

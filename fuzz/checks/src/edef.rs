//! EDEF files: the descriptions that are read can be written, and are then read as the same.

use ferlix_core::property::{Properties, Value};
use ferlix_remote::edef::{MAX_BYTES, read, write};
use ferlix_remote::endpoint::names;

/// Written as `long` whatever they were, because peers read them as that.
const LONG: [&str; 5] = [
    names::ENDPOINT_SERVICE_ID,
    names::SERVICE_ID,
    names::ECF_RSVC_ID,
    names::ECF_ENDPOINT_TIMESTAMP,
    names::OSGI_BASIC_TIMEOUT,
];

/// Checks that the descriptions of a document that is read can be written and read again.
///
/// # Panics
/// When it does not hold.
pub fn edef(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let descriptions = match read(text) {
        Ok(descriptions) => descriptions,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let written = write(&descriptions);
    // White space and all: what was just small enough may not be any more.
    if written.len() > MAX_BYTES {
        return;
    }
    let again = read(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
    assert_eq!(again.len(), descriptions.len());
    for (again, first) in again.iter().zip(&descriptions) {
        assert_eq!(again.id(), first.id());
        assert_eq!(again.interfaces(), first.interfaces());
        assert_eq!(again.service_id(), first.service_id());
        assert_same(again.properties(), first.properties());
    }
    assert_eq!(
        write(&again),
        written,
        "the second text differs from the first"
    );
}

fn assert_same(again: &Properties, first: &Properties) {
    assert_eq!(again.len(), first.len(), "{first:?} became {again:?}");
    for ((key, again), (first_key, first)) in again.iter().zip(first.iter()) {
        assert_eq!(key, first_key);
        let as_long = LONG.iter().any(|name| name.eq_ignore_ascii_case(key));
        assert!(
            same(again, first) || (as_long && is_long(again, first)),
            "{key}: {first:?} became {again:?}"
        );
    }
}

fn same(again: &Value, first: &Value) -> bool {
    match (again, first) {
        (Value::List(again), Value::List(first)) | (Value::Set(again), Value::Set(first)) => {
            again.len() == first.len()
                && again
                    .iter()
                    .zip(first)
                    .all(|(again, first)| same(again, first))
        }
        (Value::Double(again), Value::Double(first)) if again.is_nan() => first.is_nan(),
        (Value::Float(again), Value::Float(first)) if again.is_nan() => first.is_nan(),
        (again, first) => again == first,
    }
}

/// Whether it is the number that the first one was, or was the text of.
fn is_long(again: &Value, first: &Value) -> bool {
    let number = match first {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    };
    matches!(again, Value::Long(again) if Some(*again) == number)
}

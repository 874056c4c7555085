//! How long a call may take: the properties and the header that say it.

use std::time::Duration;

use ferlix_core::property::Value;
use http::{HeaderMap, HeaderName};

use crate::headers::values;

/// The header by which a caller tells how long it waits, in milliseconds; ECF's Java client sends it too.
pub(crate) const TIMEOUT_HEADER: HeaderName = HeaderName::from_static("x-osgi-basic-timeout");
/// How long a call may take when nothing says otherwise.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// No wait is longer, whatever a property or a header says.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// `osgi.basic.timeout`: milliseconds, as a number or a text; `None` when absent or no time above zero.
pub(crate) fn from_milliseconds(value: Option<&Value>) -> Option<Duration> {
    let milliseconds = match value? {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_i64()?,
    };
    positive(Duration::from_millis(u64::try_from(milliseconds).ok()?))
}

/// Seconds, as a number (with a fraction or not) or a text; `None` when absent or no time above zero.
pub(crate) fn from_seconds(value: Option<&Value>) -> Option<Duration> {
    let seconds = match value? {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    if seconds.is_nan() {
        return None;
    }
    let bounded = seconds.clamp(0.0, LONGEST.as_secs_f64());
    positive(Duration::from_secs_f64(bounded))
}

/// What the caller's header says; `None` when absent or no time above zero.
pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Duration> {
    let text = values(headers, TIMEOUT_HEADER).next()?.to_str().ok()?;
    positive(Duration::from_millis(text.trim().parse().ok()?))
}

fn positive(timeout: Duration) -> Option<Duration> {
    (!timeout.is_zero()).then(|| timeout.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_from_numbers_and_texts() {
        let milliseconds = |value: Value| from_milliseconds(Some(&value));
        let three = Some(Duration::from_secs(3));
        assert_eq!(milliseconds(Value::Int(3000)), three);
        assert_eq!(milliseconds(Value::Long(3000)), three);
        assert_eq!(milliseconds(Value::from(" 3000 ")), three);
        assert_eq!(milliseconds(Value::Long(i64::MAX)), Some(LONGEST));
        for wrong in [Value::Int(0), Value::Int(-1), Value::from("x"), Value::Null] {
            assert_eq!(milliseconds(wrong), None);
        }
        let seconds = |value: Value| from_seconds(Some(&value));
        assert_eq!(seconds(Value::from("3")), three);
        assert_eq!(
            seconds(Value::Double(0.25)),
            Some(Duration::from_millis(250))
        );
        assert_eq!(seconds(Value::Double(f64::INFINITY)), Some(LONGEST));
        for wrong in [Value::Double(f64::NAN), Value::Int(0), Value::from("-1")] {
            assert_eq!(seconds(wrong), None);
        }
    }

    #[test]
    fn the_header_is_read() {
        let mut headers = HeaderMap::new();
        assert_eq!(from_headers(&headers), None);
        headers.insert(TIMEOUT_HEADER, "250".parse().unwrap());
        assert_eq!(from_headers(&headers), Some(Duration::from_millis(250)));
        headers.insert(TIMEOUT_HEADER, "soon".parse().unwrap());
        assert_eq!(from_headers(&headers), None);
    }
}

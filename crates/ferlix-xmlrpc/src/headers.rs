//! Headers of a message, found by a look at each.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The values of one header, in order. A message has few headers: to compare their names takes less than to hash one.
pub(crate) fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &HeaderValue> {
    let named = headers.iter().filter(move |(other, _)| **other == name);
    named.map(|(_, value)| value)
}

//! LDAP filters: a text such as `(&(objectClass=hello)(service.ranking>=5))` in, parsed once; then for each property
//! map, whether it matches.
//!
//! The grammar is that of OSGi (Core, "Filter Syntax"), the string form of RFC 4515 without extensible matches:
//!
//! | Text | Matches when |
//! |---|---|
//! | `(key=value)` | the property is the value |
//! | `(key=*)` | the property is there and not null |
//! | `(key=a*b*c)` | the property is a string that starts, goes on and ends so |
//! | `(key~=value)` | the same without regard to case and white space; wildcards work too |
//! | `(key>=value)`, `(key<=value)` | the property is at least, at most the value |
//! | `(key>value)`, `(key<value)` | the property is above, below the value (not in OSGi: iPOPO has it) |
//! | `(&(…)(…))`, `(\|(…)(…))`, `(!(…))` | all, at least one, not |
//! | `(*=*)`, `(&)` | always; `(\|)` matches never (RFC 4526) |
//!
//! - White space is allowed around every parenthesis, before and after a key, and after `&`, `|` and `!`. In a value it
//!   counts, as OSGi says: `(key= a)` asks for a space; only values that are compared as numbers, booleans, characters or
//!   dates are trimmed.
//! - A backslash protects what follows: two hexadecimal digits are a byte of UTF-8 (`\66` is `f`, `\c3\a9` is `é`),
//!   anything else is the next character itself (`\*` is `*`). So a letter `a` to `f` or a digit must not be protected
//!   without need: `\ab` is one byte. [`escape`] never does.
//! - Keys compare without case. A key that begins with `&`, `|` or `!` needs a backslash, so that the slip `(!a=b)` is an
//!   error rather than a test of the key `!a`.
//! - Texts beyond 64 KiB and more than 64 nested parentheses are refused.
//!
//! The property's type decides how the value is read; a value that does not read so never matches:
//! - strings byte by byte (their order is that of the code points); booleans without case, where at least and at most
//!   mean equal; single characters;
//! - integers and floats as numbers, exactly, whichever way the value is written (`5`, `05`, `5.0`, `5e0`); a
//!   [`Float`](crate::property::Value::Float) in its own precision; what is not a number never matches;
//! - dates as `2026-01-31T12:00:00`, `20260131T12:00:00` or `2026-01-31 12:00`, without a time at midnight;
//! - a list or set when one of its elements does; bytes when one of them, from 0 to 255, does;
//! - null and maps never (`(key=*)` is true for a map); an absent property never. So `(!(key=x))` matches without `key`.
//!
//! # Where iPOPO differs
//! Filters written for iPOPO mostly mean the same here. On purpose they do not in these points:
//! - `(*=*)` matches everything, as those who write it mean; iPOPO looks for a key named `*` (here `(\*=*)`).
//! - `(key=*)` is true for an empty string, list or map, as in OSGi; iPOPO says false.
//! - Booleans and numbers are compared as such: `(b=true)` and `(n=05)` match; iPOPO compares Python's text of the value
//!   (`True`, `5`). Null never matches; iPOPO lets it match `(n=None)`. A boolean is never above or below another.
//! - `>=` and the like look at each element of a list; iPOPO compares the list with the characters of the value.
//! - White space in a value counts; iPOPO trims it, and loses a protected space at the end.
//! - One operator is one operator: `(a==x)` asks for `=x`, `(a=~x)` for `~x`, `(a<>x)` for below `>x`; iPOPO skips the rest.
//! - `(a=)` asks for the empty string, as in OSGi; iPOPO refuses it. An empty value after another operator is refused.
//! - Text outside the parentheses is refused, a second filter too (iPOPO takes the last); `(|)` matches nothing.
//! - `\66` is a byte in hexadecimal; iPOPO reads `66`. [`escape`] leaves `+ # , ; ' "` alone: they mean nothing in a filter.
//! - A `*` in the text crosses line ends.
//!
//! A filter that stands in the program is written [`filter!`](crate::filter!): the compiler checks it.
//!
//! Deliberately absent: knowledge of services, an index, and templates with placeholders.

mod error;
mod literal;
mod node;
mod operand;
mod parse;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

pub use error::FilterError;
#[doc(hidden)]
pub use literal::{check_literal, checked_literal};

use self::node::{Check, Escaped, Node, Test};
use self::operand::{Comparison, Operand};
use crate::property::Properties;

/// A parsed filter. Cloning shares it.
///
/// It is in normal form: an `&` within an `&` is merged into it, the same with `|`; what is there twice is there once; an
/// `&` or `|` of one filter is that filter; `(!(!x))` is `x`. Two filters are equal when they have the same tests, whatever
/// their order. Printing gives a text that parses to an equal filter, in the order it was written, provided that it
/// stays within the limits.
///
/// ```
/// use ferlix_core::filter::Filter;
/// use ferlix_core::property::Properties;
///
/// let filter: Filter = "(&(objectClass=hello)(service.ranking>=5))".parse()?;
/// let mut properties = Properties::from([("objectClass", "hello")]);
/// assert!(!filter.matches(&properties));
/// properties.insert("Service.Ranking", 7);
/// assert!(filter.matches(&properties));
/// assert_eq!(filter, Filter::parse("(& (service.ranking>=5) (objectClass=hello))")?);
/// # Ok::<(), ferlix_core::filter::FilterError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    root: Arc<Node>,
}

impl Filter {
    /// Parses a text.
    ///
    /// # Errors
    /// When the text is empty, breaks the grammar or passes a limit; the error has the column.
    ///
    /// ```
    /// use ferlix_core::filter::Filter;
    /// let error = Filter::parse("(&(a=1)b=2)").unwrap_err();
    /// assert_eq!(error.to_string(), "column 8: expected '(' or ')', found 'b'");
    /// ```
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(Self::from)
    }

    /// Parses a text; an empty or blank one is no filter, as iPOPO has it.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), but not for a blank text.
    pub fn parse_optional(text: &str) -> Result<Option<Self>, FilterError> {
        match Self::parse(text) {
            Err(FilterError::Empty) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The filter `(key=value)`; both may hold any character. An empty key is not possible: that filter matches nothing.
    ///
    /// ```
    /// use ferlix_core::filter::Filter;
    /// assert_eq!(Filter::equal("endpoint.id", "a*(b)").to_string(), r"(endpoint.id=a\*\(b\))");
    /// ```
    #[must_use]
    pub fn equal(key: &str, value: &str) -> Self {
        if key.is_empty() {
            return Node::nothing().into();
        }
        let operand = Operand::new(Comparison::Equal, value);
        Node::test(key, Check::Compare(Comparison::Equal, operand)).into()
    }

    /// What matches when all of these do: everything when there is none.
    ///
    /// Each level that is added makes the text deeper; [`parse`](Self::parse) refuses more than 64.
    #[must_use]
    pub fn and(filters: &[Self]) -> Self {
        Node::all(filters.iter().map(|filter| (*filter.root).clone())).into()
    }

    /// What matches when at least one of these does: nothing when there is none.
    #[must_use]
    pub fn or(filters: &[Self]) -> Self {
        Node::any(filters.iter().map(|filter| (*filter.root).clone())).into()
    }

    /// What matches when this filter does not.
    #[must_use]
    pub fn negate(&self) -> Self {
        (*self.root).clone().negate().into()
    }

    /// Whether the properties match. Neither parses nor allocates, but for `~=` with wildcards.
    #[must_use]
    pub fn matches(&self, properties: &Properties) -> bool {
        self.root.matches(properties)
    }

    /// The value that `key` (in any case) must equal for this filter to match, if the filter is `(key=value)` or an `&`
    /// that has it: an index by that key need look no further. The property may also be a list that has the value.
    ///
    /// ```
    /// use ferlix_core::filter::Filter;
    /// let filter = Filter::parse("(&(service.id=5)(a=*))")?;
    /// assert_eq!(filter.required_equal("Service.Id"), Some("5"));
    /// assert_eq!(filter.required_equal("a"), None);
    /// # Ok::<(), ferlix_core::filter::FilterError>(())
    /// ```
    #[must_use]
    pub fn required_equal(&self, key: &str) -> Option<&str> {
        self.required_equals()
            .find_map(|(own, text)| own.eq_ignore_ascii_case(key).then_some(text))
    }

    /// The keys and values of which [`required_equal`](Self::required_equal) tells.
    pub(crate) fn required_equals(&self) -> impl Iterator<Item = (&str, &str)> {
        let children = match &*self.root {
            Node::All(children) => &**children,
            other => std::slice::from_ref(other),
        };
        children.iter().filter_map(|child| match child {
            Node::Test(Test {
                key,
                check: Check::Compare(Comparison::Equal, operand),
            }) => Some((&**key, operand.text())),
            _ => None,
        })
    }
}

impl From<Node> for Filter {
    fn from(root: Node) -> Self {
        Self {
            root: Arc::new(root),
        }
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({})", self.root)
    }
}

/// Protects a text with backslashes, so that it stands for itself as a key or as a value of a filter.
///
/// ```
/// use ferlix_core::filter::escape;
/// assert_eq!(escape(r"a*(b\c) "), r"a\*\(b\\c\)\ ");
/// ```
#[must_use]
pub fn escape(text: &str) -> String {
    Escaped(text).to_string()
}

//! [`FilterError`]: where a filter stops making sense and what was expected there.

use std::fmt;

/// Why a text is not a filter: whoever wrote the text is at fault.
///
/// Columns count characters from 1; the column after the last character stands for the end of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// The text is empty or blank.
    #[error("the filter is empty: expected '('")]
    Empty,
    /// A `\xx` sequence of two hexadecimal digits gives bytes that are not UTF-8.
    #[error("column {column}: the bytes of the hexadecimal escapes are not UTF-8")]
    Encoding {
        /// Where the name or the piece of value with the bytes starts.
        column: usize,
    },
    /// The text breaks the grammar.
    #[error("column {column}: expected {expected}, found {}", Found(*.found))]
    Syntax {
        /// Where the unexpected character is.
        column: usize,
        /// What may stand there.
        expected: &'static str,
        /// What stands there; `None` is the end of the text.
        found: Option<char>,
    },
    /// Too many parentheses are open.
    #[error("column {column}: more than {limit} nested parentheses")]
    TooDeep {
        /// Where the parenthesis too many is.
        column: usize,
        /// The limit.
        limit: usize,
    },
    /// The text is too long.
    #[error("the filter has {length} bytes: expected at most {limit}")]
    TooLong {
        /// The length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

impl FilterError {
    /// Where the text stops making sense: a character's number, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        match self {
            Self::Empty | Self::TooLong { .. } => 1,
            Self::Encoding { column }
            | Self::Syntax { column, .. }
            | Self::TooDeep { column, .. } => *column,
        }
    }
}

/// Prints what stands at the column.
struct Found(Option<char>);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(character) => write!(f, "{character:?}"),
            None => f.write_str("the end"),
        }
    }
}

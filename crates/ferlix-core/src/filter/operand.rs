//! The right-hand side of a test: parsed once into every type that a property may have, so that matching neither
//! parses nor allocates. What flows in is the unescaped text of a filter; what comes out is whether a [`Value`] agrees.
//!
//! It knows nothing of keys and of the grammar.

use std::cmp::Ordering;

use time::{Date, Month, Time};

use crate::property::{DateTime, Value};

/// How a property's value (left) stands to the operand (right).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Comparison {
    Approximate,
    AtLeast,
    AtMost,
    Equal,
    Greater,
    Less,
}

impl Comparison {
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Approximate => "~=",
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Equal => "=",
            Self::Greater => ">",
            Self::Less => "<",
        }
    }

    fn admits(self, ordering: Ordering) -> bool {
        match self {
            Self::Approximate | Self::Equal => ordering.is_eq(),
            Self::AtLeast => ordering.is_ge(),
            Self::AtMost => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::Less => ordering.is_lt(),
        }
    }
}

/// A number as its text gives it: an integer stays one, so that no digit of a 64-bit integer is lost.
#[derive(Clone, Copy, Debug)]
enum Number {
    Integer(i64),
    Float(f64),
}

impl Number {
    fn parse(text: &str) -> Option<Self> {
        text.parse()
            .map(Self::Integer)
            .or_else(|_| text.parse().map(Self::Float))
            .ok()
    }

    /// How an integer property stands to this number.
    fn order_of_integer(self, value: i64) -> Option<Ordering> {
        match self {
            Self::Integer(number) => Some(value.cmp(&number)),
            Self::Float(number) => integer_to_float(value, number),
        }
    }

    fn order_of_double(self, value: f64) -> Option<Ordering> {
        match self {
            Self::Integer(number) => integer_to_float(number, value).map(Ordering::reverse),
            Self::Float(number) => value.partial_cmp(&number),
        }
    }

    /// The operand is rounded to the property's precision first: a `float` of 1.1 is what the text `1.1` means.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "the property itself has no more precision"
    )]
    fn order_of_float(self, value: f32) -> Option<Ordering> {
        let number = match self {
            Self::Integer(number) => number as f32,
            Self::Float(number) => number as f32,
        };
        value.partial_cmp(&number)
    }
}

/// Compares exactly, beyond 2^53 too. `None` when the float is not a number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked before"
)]
fn integer_to_float(integer: i64, float: f64) -> Option<Ordering> {
    /// 2^63: the first float that is beyond every `i64`.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        None
    } else if float >= BEYOND {
        Some(Ordering::Less)
    } else if float < -BEYOND {
        Some(Ordering::Greater)
    } else {
        let whole = float.trunc();
        Some(
            integer
                .cmp(&(whole as i64))
                .then_with(|| whole.total_cmp(&float)),
        )
    }
}

/// The operand of a comparison. Two operands are the same when their texts are.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    text: Box<str>,
    /// The text without case and spaces: only for [`Comparison::Approximate`].
    folded: Option<Box<str>>,
    number: Option<Number>,
    boolean: Option<bool>,
    character: Option<char>,
    moment: Option<DateTime>,
}

impl Operand {
    pub(super) fn new(comparison: Comparison, text: &str) -> Self {
        let trimmed = text.trim();
        Self {
            text: text.into(),
            folded: (comparison == Comparison::Approximate).then(|| folded(text)),
            number: Number::parse(trimmed),
            boolean: if trimmed.eq_ignore_ascii_case("true") {
                Some(true)
            } else if trimmed.eq_ignore_ascii_case("false") {
                Some(false)
            } else {
                None
            },
            character: only_character(text).or_else(|| only_character(trimmed)),
            moment: moment(trimmed),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether `value` stands to this operand as `comparison` says.
    pub(super) fn accepts(&self, comparison: Comparison, value: &Value) -> bool {
        match value {
            Value::String(text) => match &self.folded {
                None if comparison == Comparison::Equal => **text == *self.text,
                None => comparison.admits(text.as_str().cmp(&self.text)),
                Some(folded) => folds_to(text, folded),
            },
            Value::Byte(_) | Value::Short(_) | Value::Int(_) | Value::Long(_) => value
                .as_i64()
                .is_some_and(|integer| self.accepts_integer(comparison, integer)),
            // A boolean has no order: at least and at most mean equal, as in OSGi.
            Value::Bool(value) => {
                self.boolean == Some(*value)
                    && !matches!(comparison, Comparison::Greater | Comparison::Less)
            }
            Value::List(values) | Value::Set(values) => {
                values.iter().any(|value| self.accepts(comparison, value))
            }
            Value::Double(value) => self
                .number
                .and_then(|number| number.order_of_double(*value))
                .is_some_and(|ordering| comparison.admits(ordering)),
            Value::Float(value) => self
                .number
                .and_then(|number| number.order_of_float(*value))
                .is_some_and(|ordering| comparison.admits(ordering)),
            Value::Char(value) => match &self.folded {
                Some(folded) => folds_to(value.encode_utf8(&mut [0; 4]), folded),
                None => self
                    .character
                    .is_some_and(|character| comparison.admits(value.cmp(&character))),
            },
            Value::DateTime(value) => self
                .moment
                .is_some_and(|moment| comparison.admits(value.cmp(&moment))),
            Value::Bytes(bytes) => bytes
                .iter()
                .any(|byte| self.accepts_integer(comparison, i64::from(*byte))),
            Value::Null | Value::Map(_) => false,
        }
    }

    fn accepts_integer(&self, comparison: Comparison, value: i64) -> bool {
        self.number
            .and_then(|number| number.order_of_integer(value))
            .is_some_and(|ordering| comparison.admits(ordering))
    }
}

/// The operand of a substring test: the pieces between the wildcards.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// At least two: what the text starts with, what it has in this order, what it ends with.
    pieces: Box<[Box<str>]>,
    /// The pieces without case and spaces: only for an approximate test.
    folded: Option<Box<[Box<str>]>>,
}

impl Pattern {
    /// `pieces` are what stands before, between and after the wildcards: at least two.
    pub(super) fn new(approximate: bool, pieces: Vec<String>) -> Self {
        Self {
            folded: approximate.then(|| pieces.iter().map(|piece| folded(piece)).collect()),
            pieces: pieces.into_iter().map(String::into_boxed_str).collect(),
        }
    }

    pub(super) fn is_approximate(&self) -> bool {
        self.folded.is_some()
    }

    pub(super) fn pieces(&self) -> &[Box<str>] {
        &self.pieces
    }

    /// Whether `value` is a string, or a list or set with a string, that has the pieces.
    pub(super) fn accepts(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => match &self.folded {
                None => has_pieces(text, &self.pieces),
                // Searching in a folded text needs that text; a wildcard with `~=` is rare enough to pay for it.
                Some(pieces) => has_pieces(&folded(text), pieces),
            },
            Value::List(values) | Value::Set(values) => {
                values.iter().any(|value| self.accepts(value))
            }
            _ => false,
        }
    }
}

fn has_pieces(text: &str, pieces: &[Box<str>]) -> bool {
    let [first, middle @ .., last] = pieces else {
        return false;
    };
    let Some(mut rest) = text
        .strip_prefix(&**first)
        .and_then(|rest| rest.strip_suffix(&**last))
    else {
        return false;
    };
    for piece in middle {
        let Some((_, after)) = rest.split_once(&**piece) else {
            return false;
        };
        rest = after;
    }
    true
}

/// Without white space, and with one form for the characters that differ in case only.
fn fold(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|character| !character.is_whitespace())
        .flat_map(|character| character.to_uppercase().flat_map(char::to_lowercase))
}

fn folded(text: &str) -> Box<str> {
    fold(text).collect::<String>().into_boxed_str()
}

fn folds_to(text: &str, folded: &str) -> bool {
    if text.is_ascii() {
        text.bytes()
            .filter(|byte| !char::from(*byte).is_whitespace())
            .map(|byte| byte.to_ascii_lowercase())
            .eq(folded.bytes())
    } else {
        fold(text).eq(folded.chars())
    }
}

fn only_character(text: &str) -> Option<char> {
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

/// Reads `2026-01-31` or `20260131`, with `T` or a space and `h:mm`, `h:mm:ss` or `h:mm:ss.f` after it if need be: the
/// forms of ISO 8601, of XML-RPC and of [`DateTime`]'s own `Display`. Without a time it is midnight.
fn moment(text: &str) -> Option<DateTime> {
    let (date, clock) = text.split_once(['T', 't', ' ']).unwrap_or((text, "0:00"));
    let date = match date.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] if year.len() == 4 => (year, month, day),
        [date] if date.len() == 8 && date.is_ascii() => (&date[..4], &date[4..6], &date[6..]),
        _ => return None,
    };
    let month = Month::try_from(digits::<u8>(date.1)?).ok()?;
    let date = Date::from_calendar_date(digits(date.0)?, month, digits(date.2)?).ok()?;

    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let (hour, minute, second) = match clock.split(':').collect::<Vec<_>>()[..] {
        [hour, minute] => (hour, minute, "0"),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let scale = 9_usize.checked_sub(fraction.len())?;
    let nanosecond = digits::<u32>(fraction)? * 10_u32.pow(u32::try_from(scale).ok()?);
    let time = Time::from_hms_nano(digits(hour)?, digits(minute)?, digits(second)?, nanosecond);
    Some(DateTime::new(date, time.ok()?))
}

/// A number of decimal digits only: no sign.
fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

//! Scalar values as text and back: what travels as a string, and what EDEF and `ferlix.types` name the type of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ferlix_core::property::Value;

/// A scalar type whose values are not plain strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Boolean,
    Byte,
    Char,
    Double,
    Float,
    Int,
    Long,
    Short,
}

impl Scalar {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Boolean,
        Self::Byte,
        Self::Char,
        Self::Double,
        Self::Float,
        Self::Int,
        Self::Long,
        Self::Short,
    ];

    /// The type of a value, if it is one of these.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Bool(_) => Self::Boolean,
            Value::Byte(_) => Self::Byte,
            Value::Char(_) => Self::Char,
            Value::Double(_) => Self::Double,
            Value::Float(_) => Self::Float,
            Value::Int(_) => Self::Int,
            Value::Long(_) => Self::Long,
            Value::Short(_) => Self::Short,
            _ => return None,
        })
    }

    /// Java's name of the primitive type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Byte => "byte",
            Self::Char => "char",
            Self::Double => "double",
            Self::Float => "float",
            Self::Int => "int",
            Self::Long => "long",
            Self::Short => "short",
        }
    }
}

/// The text of a scalar, as Java, Python and we read it back.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Float(number) => float_text(f64::from(*number), &format!("{number:?}")),
        Value::Double(number) => float_text(*number, &format!("{number:?}")),
        // To the second, as `dateTime.iso8601` but with the usual separators.
        Value::DateTime(moment) => format!(
            "{}T{:02}:{:02}:{:02}",
            moment.date(),
            moment.hour(),
            moment.minute(),
            moment.second()
        ),
        other => other.to_string(),
    }
}

/// Java and Python write infinities in words.
fn float_text(number: f64, finite: &str) -> String {
    if number == f64::INFINITY {
        "Infinity".to_owned()
    } else if number == f64::NEG_INFINITY {
        "-Infinity".to_owned()
    } else {
        finite.to_owned()
    }
}

/// Reads a value as a scalar type: a text is parsed, a number is converted if it fits.
pub(crate) fn read(value: &Value, scalar: Scalar) -> Option<Value> {
    let text = value.as_str().map(str::trim);
    Some(match scalar {
        Scalar::Boolean => Value::Bool(match (value, text) {
            (Value::Bool(value), _) => *value,
            (_, Some(text)) if text.eq_ignore_ascii_case("true") || text == "1" => true,
            (_, Some(text)) if text.eq_ignore_ascii_case("false") || text == "0" => false,
            _ => return None,
        }),
        Scalar::Char => {
            let mut characters = value.as_str()?.chars();
            let character = characters.next()?;
            if characters.next().is_some() {
                return None;
            }
            Value::Char(character)
        }
        Scalar::Double => Value::Double(float(value)?),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float that was widened for the wire becomes itself again"
        )]
        Scalar::Float => Value::Float(float(value)? as f32),
        Scalar::Byte => Value::Byte(integer(value)?.try_into().ok()?),
        Scalar::Short => Value::Short(integer(value)?.try_into().ok()?),
        Scalar::Int => Value::Int(integer(value)?.try_into().ok()?),
        Scalar::Long => Value::Long(integer(value)?),
    })
}

fn integer(value: &Value) -> Option<i64> {
    match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => value.as_i64(),
    }
}

/// Rust's parser takes every way in which Java and Python write infinities and no-numbers.
fn float(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => value.as_f64(),
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.trim()).ok()
}

//! [`Value`]: one property or one remote argument.

use std::collections::BTreeMap;
use std::fmt;

/// A date and time without a time zone, as `dateTime.iso8601` of XML-RPC carries it.
pub type DateTime = time::PrimitiveDateTime;

/// One typed value: a service property, an argument or a result of a remote call.
///
/// The numeric types are those of Java, since endpoint descriptions name them; a Rust value becomes the type of the
/// same width. [`Value::Set`] is a list whose order means nothing and that equals another of the same elements in the same order.
///
/// ```
/// use ferlix_core::property::Value;
/// assert_eq!(Value::from(5), Value::Int(5));
/// assert_eq!(Value::from(vec!["a", "b"]).to_string(), "['a', 'b']");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing: `ex:nil` on the wire.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An 8-bit integer.
    Byte(i8),
    /// A 16-bit integer.
    Short(i16),
    /// A 32-bit integer: `int` on the wire.
    Int(i32),
    /// A 64-bit integer: `ex:i8` on the wire.
    Long(i64),
    /// A 32-bit float.
    Float(f32),
    /// A 64-bit float: `double` on the wire.
    Double(f64),
    /// One character.
    Char(char),
    /// A text.
    String(String),
    /// Bytes: base64 on the wire.
    Bytes(Vec<u8>),
    /// A date and time without a zone.
    DateTime(DateTime),
    /// An ordered list, of mixed types if need be.
    List(Vec<Value>),
    /// A list whose order means nothing.
    Set(Vec<Value>),
    /// A structure by name; names are case-sensitive.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// The name of this value's type, for error messages.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Byte(_) => "byte",
            Self::Short(_) => "short",
            Self::Int(_) => "int",
            Self::Long(_) => "long",
            Self::Float(_) => "float",
            Self::Double(_) => "double",
            Self::Char(_) => "char",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::DateTime(_) => "date-time",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Map(_) => "map",
        }
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if this is an integer of any width.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Byte(value) => Some(i64::from(*value)),
            Self::Short(value) => Some(i64::from(*value)),
            Self::Int(value) => Some(i64::from(*value)),
            Self::Long(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if this is an integer or a float of any width.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "an integer property beyond 2^53 is compared as an integer first"
    )]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(f64::from(*value)),
            Self::Double(value) => Some(*value),
            other => other.as_i64().map(|value| value as f64),
        }
    }

    /// The elements, if this is a list or a set.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(values) | Self::Set(values) => Some(values),
            _ => None,
        }
    }

    /// The texts of a "String+" property: one string, or a list or set of strings (other elements are left out).
    ///
    /// ```
    /// # use ferlix_core::property::Value;
    /// assert_eq!(Value::from("a").strings(), ["a"]);
    /// assert_eq!(Value::from(vec!["a", "b"]).strings(), ["a", "b"]);
    /// ```
    #[must_use]
    pub fn strings(&self) -> Vec<&str> {
        match self {
            Self::String(text) => vec![text],
            Self::List(values) | Self::Set(values) => {
                values.iter().filter_map(Self::as_str).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Plain text as the shell shows it: strings bare at the top and quoted inside lists and maps.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Byte(value) => write!(f, "{value}"),
            Self::Short(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Long(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Char(value) => write!(f, "{value}"),
            Self::String(value) => f.write_str(value),
            Self::Bytes(value) => write!(f, "{} bytes", value.len()),
            Self::DateTime(value) => write!(f, "{value}"),
            Self::List(values) => sequence(f, '[', values, ']'),
            Self::Set(values) => sequence(f, '{', values, '}'),
            Self::Map(values) => {
                f.write_str("{")?;
                for (index, (key, value)) in values.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "'{key}': ")?;
                    element(f, value)?;
                }
                f.write_str("}")
            }
        }
    }
}

fn sequence(f: &mut fmt::Formatter<'_>, open: char, values: &[Value], close: char) -> fmt::Result {
    write!(f, "{open}")?;
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        element(f, value)?;
    }
    write!(f, "{close}")
}

fn element(f: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::String(text) => write!(f, "'{text}'"),
        other => write!(f, "{other}"),
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),* $(,)?) => { $(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )* };
}

from! {
    bool => Bool, i8 => Byte, i16 => Short, i32 => Int, i64 => Long, u8 => Short, u16 => Int, u32 => Long,
    f32 => Float, f64 => Double, char => Char, String => String, &str => String, DateTime => DateTime,
    BTreeMap<String, Value> => Map,
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::String(value.clone())
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(values: [T; N]) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

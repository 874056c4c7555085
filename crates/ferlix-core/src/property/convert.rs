//! Between Rust types and [`Value`]: what decides the type on the wire.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};
use std::time::SystemTime;

use super::{DateTime, Value};

/// Why a value could not become the wanted type, or a Rust value could not become a [`Value`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The value has another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What was wanted.
        expected: &'static str,
        /// What was there.
        found: &'static str,
    },
    /// The number does not fit.
    #[error("{number} does not fit {expected}")]
    OutOfRange {
        /// The number, as text.
        number: String,
        /// What was wanted.
        expected: &'static str,
    },
    /// The type is right, and yet it means nothing.
    #[error("{reason}")]
    Invalid {
        /// What is wrong.
        reason: String,
    },
    /// A structure lacks a member.
    #[error("member {name} is missing")]
    Missing {
        /// The member's name.
        name: &'static str,
    },
    /// A member of a structure is wrong.
    #[error("member {name}: {source}")]
    Member {
        /// The member's name.
        name: String,
        /// What is wrong with it.
        source: Box<ValueError>,
    },
}

impl ValueError {
    /// `expected` was wanted where `found` is.
    #[must_use]
    pub fn wrong_type(expected: &'static str, found: &Value) -> Self {
        Self::WrongType {
            expected,
            found: found.type_name(),
        }
    }
}

/// A Rust type that becomes a [`Value`]: the type on the wire is the Rust type's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as an argument or a result",
    note = "use bool, an integer, a float, String, Vec<T>, Option<T>, a map by String, or a struct with #[derive(Structure)]"
)]
pub trait IntoValue {
    /// Whether OSGi's intent `osgi.basic` has the type: booleans, numbers, characters, texts, bytes, structures, and lists,
    /// maps and options of such. Dates, and [`Value`], which can be anything, are beyond it; a structure counts as basic
    /// whatever its members are.
    const BASIC: bool = true;

    /// Converts.
    ///
    /// # Errors
    /// When the value does not fit any wire type (a `u64` beyond `i64`).
    fn into_value(self) -> Result<Value, ValueError>;
}

/// A Rust type that is made from a [`Value`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a property or a remote value",
    note = "use bool, an integer, a float, String, Vec<T>, Option<T>, a map by String, or a struct with #[derive(Structure)]"
)]
pub trait FromValue: Sized {
    /// Converts; integers widen and narrow where they fit, a text that reads as a number or boolean becomes one
    /// (framework properties given on a command line are texts).
    ///
    /// # Errors
    /// When the value has another type or does not fit.
    fn from_value(value: Value) -> Result<Self, ValueError>;
}

impl IntoValue for Value {
    const BASIC: bool = false;

    fn into_value(self) -> Result<Value, ValueError> {
        Ok(self)
    }
}

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        Ok(value)
    }
}

impl IntoValue for () {
    fn into_value(self) -> Result<Value, ValueError> {
        Ok(Value::Null)
    }
}

impl FromValue for () {
    /// Whatever the peer answers to a method that returns nothing is dropped.
    fn from_value(_: Value) -> Result<Self, ValueError> {
        Ok(())
    }
}

macro_rules! plain {
    ($($type:ty),*) => { $(
        impl IntoValue for $type {
            fn into_value(self) -> Result<Value, ValueError> {
                Ok(self.into())
            }
        }
    )* };
}

plain!(
    bool, i8, i16, i32, i64, u8, u16, u32, f32, f64, char, String, &str
);

impl IntoValue for DateTime {
    const BASIC: bool = false;

    fn into_value(self) -> Result<Value, ValueError> {
        Ok(self.into())
    }
}

macro_rules! large {
    ($($type:ty),*) => { $(
        impl IntoValue for $type {
            fn into_value(self) -> Result<Value, ValueError> {
                i64::try_from(self)
                    .map(Value::Long)
                    .map_err(|_| ValueError::OutOfRange { number: self.to_string(), expected: "a 64-bit signed integer" })
            }
        }
    )* };
}

large!(u64, usize, isize);

macro_rules! integers {
    ($($type:ty => $name:literal),* $(,)?) => { $(
        impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self, ValueError> {
                let number = match &value {
                    Value::String(text) => text.trim().parse().ok(),
                    other => other.as_i64(),
                };
                let number: i64 = number.ok_or_else(|| ValueError::wrong_type($name, &value))?;
                Self::try_from(number)
                    .map_err(|_| ValueError::OutOfRange { number: number.to_string(), expected: $name })
            }
        }
    )* };
}

integers! {
    i8 => "an 8-bit integer", i16 => "a 16-bit integer", i32 => "a 32-bit integer", i64 => "a 64-bit integer",
    u8 => "an unsigned 8-bit integer", u16 => "an unsigned 16-bit integer", u32 => "an unsigned 32-bit integer",
    u64 => "an unsigned integer", usize => "an unsigned integer", isize => "an integer",
}

impl FromValue for f64 {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match &value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        }
        .ok_or_else(|| ValueError::wrong_type("a number", &value))
    }
}

impl FromValue for f32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "narrowing a float only loses precision"
    )]
    fn from_value(value: Value) -> Result<Self, ValueError> {
        f64::from_value(value).map(|number| number as f32)
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match &value {
            Value::Bool(value) => Ok(*value),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            other => Err(ValueError::wrong_type("true or false", other)),
        }
    }
}

impl FromValue for char {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        let one = |text: &str| {
            let mut characters = text.chars();
            characters.next().filter(|_| characters.next().is_none())
        };
        match &value {
            Value::Char(value) => Ok(*value),
            Value::String(text) => {
                one(text).ok_or_else(|| ValueError::wrong_type("one character", &value))
            }
            other => Err(ValueError::wrong_type("one character", other)),
        }
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value {
            Value::String(text) => Ok(text),
            Value::Char(character) => Ok(character.to_string()),
            other => Err(ValueError::wrong_type("a string", &other)),
        }
    }
}

impl FromValue for DateTime {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value {
            Value::DateTime(value) => Ok(value),
            other => Err(ValueError::wrong_type("a date and time", &other)),
        }
    }
}

/// UTC, to the second, as the wire has it.
impl IntoValue for SystemTime {
    const BASIC: bool = false;

    fn into_value(self) -> Result<Value, ValueError> {
        let moment = time::OffsetDateTime::from(self);
        Ok(Value::DateTime(DateTime::new(moment.date(), moment.time())))
    }
}

impl FromValue for SystemTime {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        DateTime::from_value(value).map(|moment| moment.assume_utc().into())
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    const BASIC: bool = T::BASIC;

    fn into_value(self) -> Result<Value, ValueError> {
        self.map_or(Ok(Value::Null), IntoValue::into_value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        match value {
            Value::Null => Ok(None),
            other => T::from_value(other).map(Some),
        }
    }
}

/// The elements of a list; `Vec<u8>` is bytes, not a list of numbers.
pub trait Element: Sized {
    /// Makes the value of the whole list.
    ///
    /// # Errors
    /// When an element does not fit.
    fn pack(values: Vec<Self>) -> Result<Value, ValueError>
    where
        Self: IntoValue,
    {
        values
            .into_iter()
            .map(IntoValue::into_value)
            .collect::<Result<_, _>>()
            .map(Value::List)
    }

    /// Reads a whole list.
    ///
    /// # Errors
    /// When the value is no list or an element does not fit.
    fn unpack(value: Value) -> Result<Vec<Self>, ValueError>
    where
        Self: FromValue,
    {
        match value {
            Value::List(values) | Value::Set(values) => {
                values.into_iter().map(FromValue::from_value).collect()
            }
            other => Err(ValueError::wrong_type("a list", &other)),
        }
    }
}

impl Element for u8 {
    fn pack(values: Vec<Self>) -> Result<Value, ValueError> {
        Ok(Value::Bytes(values))
    }

    fn unpack(value: Value) -> Result<Vec<Self>, ValueError> {
        match value {
            Value::Bytes(bytes) => Ok(bytes),
            other => Err(ValueError::wrong_type("bytes", &other)),
        }
    }
}

macro_rules! elements {
    ($($type:ty),*) => { $( impl Element for $type {} )* };
}

elements!(
    Value, bool, i8, i16, i32, i64, u16, u32, u64, usize, isize, f32, f64, char, String, DateTime,
    SystemTime
);

impl<T> Element for Vec<T> {}
impl<T> Element for Option<T> {}
impl<K, T> Element for BTreeMap<K, T> {}
impl<K, T, S> Element for HashMap<K, T, S> {}

impl<T: IntoValue + Element> IntoValue for Vec<T> {
    const BASIC: bool = T::BASIC;

    fn into_value(self) -> Result<Value, ValueError> {
        T::pack(self)
    }
}

impl<T: FromValue + Element> FromValue for Vec<T> {
    fn from_value(value: Value) -> Result<Self, ValueError> {
        T::unpack(value)
    }
}

/// Converts one member and names it in the error.
fn member<T: FromValue>(name: &str, value: Value) -> Result<T, ValueError> {
    T::from_value(value).map_err(|source| ValueError::Member {
        name: name.to_owned(),
        source: Box::new(source),
    })
}

macro_rules! maps {
    ($($map:ident [$($bound:tt)*] [$($extra:ident: $($extra_bound:ident)+)?]),* $(,)?) => { $(
        impl<T: IntoValue $(, $extra)?> IntoValue for $map<String, T $(, $extra)?> {
            const BASIC: bool = T::BASIC;

            fn into_value(self) -> Result<Value, ValueError> {
                let members: Result<BTreeMap<String, Value>, ValueError> =
                    self.into_iter().map(|(name, value)| Ok((name, value.into_value()?))).collect();
                members.map(Value::Map)
            }
        }

        impl<T: FromValue $(, $extra: $($extra_bound +)+)?> FromValue for $map<String, T $(, $extra)?>
        where
            String: $($bound)*,
        {
            fn from_value(value: Value) -> Result<Self, ValueError> {
                match value {
                    Value::Map(members) => members
                        .into_iter()
                        .map(|(name, value)| member(&name, value).map(|value| (name, value)))
                        .collect(),
                    other => Err(ValueError::wrong_type("a map", &other)),
                }
            }
        }
    )* };
}

maps! {
    BTreeMap [Ord] [],
    HashMap [Eq + Hash] [S: BuildHasher Default],
}

/// Takes one member out of a structure; a missing one is `Null`, so that an `Option` member may be left out.
///
/// For the derive of `Structure`.
///
/// # Errors
/// When the member is missing or does not fit.
#[doc(hidden)]
pub fn take_member<T: FromValue>(
    members: &mut BTreeMap<String, Value>,
    name: &'static str,
) -> Result<T, ValueError> {
    match members.remove(name) {
        Some(value) => member(name, value),
        None => T::from_value(Value::Null).map_err(|_| ValueError::Missing { name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rust_type_decides() {
        assert_eq!(5_i32.into_value(), Ok(Value::Int(5)));
        assert_eq!(5_i64.into_value(), Ok(Value::Long(5)));
        assert_eq!(vec![1_u8, 2].into_value(), Ok(Value::Bytes(vec![1, 2])));
        assert_eq!(None::<i32>.into_value(), Ok(Value::Null));
        assert!(matches!(
            u64::MAX.into_value(),
            Err(ValueError::OutOfRange { .. })
        ));
    }

    #[test]
    fn texts_of_a_command_line_become_numbers_and_booleans() {
        assert_eq!(u16::from_value(Value::from("8181")), Ok(8181));
        assert_eq!(bool::from_value(Value::from("TRUE")), Ok(true));
        assert!(i32::from_value(Value::from("x")).is_err());
        assert!(matches!(
            u8::from_value(Value::Int(300)),
            Err(ValueError::OutOfRange { .. })
        ));
    }

    #[test]
    fn members_are_named_in_errors() {
        let map = Value::Map(BTreeMap::from([("a".to_owned(), Value::from("x"))]));
        let error = HashMap::<String, i32>::from_value(map).unwrap_err();
        assert_eq!(
            error.to_string(),
            "member a: expected a 32-bit integer, found string"
        );
    }
}

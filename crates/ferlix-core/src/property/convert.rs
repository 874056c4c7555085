//! Rust types as events, and made of events: what decides the type on the wire.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::time::SystemTime;

use super::tree::{decode_list, encode_list};
use super::{DateTime, Decoder, Encoder, Event, Value, ValueDecoder, ValueEncoder, whole};

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

    /// Something does not belong where it was written or asked for: a conversion by hand has lost its way.
    #[must_use]
    pub fn misplaced(what: &str) -> Self {
        Self::Invalid {
            reason: format!("{what} does not belong here"),
        }
    }

    /// `expected` was wanted where `found` is or begins.
    #[must_use]
    pub fn wrong_event(expected: &'static str, found: &Event<'_>) -> Self {
        Self::WrongType {
            expected,
            found: found.type_name(),
        }
    }
}

/// A Rust type that can be sent: the type on the wire is the Rust type's.
///
/// A type of one's own is sent as one that is known:
///
/// ```
/// use ferlix_core::property::{Encoder, IntoValue, Value, ValueError};
///
/// struct Celsius(f64);
///
/// impl IntoValue for Celsius {
///     fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
///         self.0.encode(encoder)
///     }
/// }
/// assert_eq!(Celsius(1.5).into_value(), Ok(Value::Double(1.5)));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as an argument or a result",
    note = "use bool, an integer, a float, String, Vec<T>, Option<T>, a map by String, or a struct with #[derive(Structure)]"
)]
pub trait IntoValue {
    /// Whether OSGi's intent `osgi.basic` has the type: booleans, numbers, characters, texts, bytes, structures, and lists,
    /// maps and options of such. Dates, and [`Value`], which can be anything, are beyond it; a structure counts as basic
    /// whatever its members are.
    const BASIC: bool = true;

    /// Writes the value: one scalar, list or map.
    ///
    /// # Errors
    /// When the value does not fit any wire type (a `u64` beyond `i64`), or the encoder does not take it.
    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError>;

    /// Converts.
    ///
    /// # Errors
    /// When the value does not fit any wire type.
    fn into_value(self) -> Result<Value, ValueError>
    where
        Self: Sized,
    {
        let mut encoder = ValueEncoder::new();
        self.encode(&mut encoder)?;
        encoder.finish()
    }
}

/// A Rust type that can be received, or read from a property.
///
/// ```
/// use ferlix_core::property::{Decoder, Event, FromValue, Value, ValueError};
///
/// #[derive(Debug, PartialEq)]
/// struct Celsius(f64);
///
/// impl FromValue for Celsius {
///     fn decode<'a>(event: Event<'a>, decoder: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
///         f64::decode(event, decoder).map(Self)
///     }
/// }
/// assert_eq!(Celsius::from_value(Value::Int(2)), Ok(Celsius(2.0)));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a property or a remote value",
    note = "use bool, an integer, a float, String, Vec<T>, Option<T>, a map by String, or a struct with #[derive(Structure)]"
)]
pub trait FromValue: Sized {
    /// Makes it of the value that an event is or begins; integers widen and narrow where they fit, a text that reads as a
    /// number or boolean becomes one (framework properties given on a command line are texts).
    ///
    /// Of what the value holds, all up to its end is read, and nothing behind it. Where that fails in the middle, the rest is
    /// passed over by whoever asked.
    ///
    /// # Errors
    /// When the value has another type or does not fit, or the decoder can read no more.
    fn decode<'a>(event: Event<'a>, decoder: &mut dyn Decoder<'a>) -> Result<Self, ValueError>;

    /// Converts.
    ///
    /// # Errors
    /// When the value has another type or does not fit.
    fn from_value(value: Value) -> Result<Self, ValueError> {
        let (event, mut decoder) = ValueDecoder::new(value);
        Self::decode(event, &mut decoder)
    }
}

/// Behind a reference it is sent as it is.
impl<T: IntoValue + ?Sized> IntoValue for &T {
    const BASIC: bool = T::BASIC;

    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        (**self).encode(encoder)
    }
}

impl IntoValue for () {
    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        encoder.event(Event::Null)
    }
}

impl FromValue for () {
    /// Whatever the peer answers to a method that returns nothing is dropped.
    fn decode<'a>(event: Event<'a>, decoder: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        if event.begins() {
            decoder.leave(decoder.depth().saturating_sub(1))?;
        }
        Ok(())
    }
}

macro_rules! scalars {
    ($($type:ty => $event:ident),* $(,)?) => { $(
        impl IntoValue for $type {
            fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
                encoder.event(Event::$event((*self).into()))
            }
        }
    )* };
}

scalars! {
    bool => Bool, i8 => Byte, i16 => Short, i32 => Int, i64 => Long, u8 => Short, u16 => Int, u32 => Long,
    f32 => Float, f64 => Double, char => Char,
}

macro_rules! large {
    ($($type:ty),*) => { $(
        impl IntoValue for $type {
            fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
                let number = i64::try_from(*self)
                    .map_err(|_| ValueError::OutOfRange { number: self.to_string(), expected: "a 64-bit signed integer" })?;
                encoder.event(Event::Long(number))
            }
        }
    )* };
}

large!(u64, usize, isize);

macro_rules! integers {
    ($($type:ty => $name:literal),* $(,)?) => { $(
        impl FromValue for $type {
            fn decode<'a>(event: Event<'a>, _: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
                let number = match &event {
                    Event::String(text) => text.trim().parse().ok(),
                    other => other.as_i64(),
                };
                let number: i64 = number.ok_or_else(|| ValueError::wrong_event($name, &event))?;
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
    fn decode<'a>(event: Event<'a>, _: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        match &event {
            Event::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        }
        .ok_or_else(|| ValueError::wrong_event("a number", &event))
    }
}

impl FromValue for f32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "narrowing a float only loses precision"
    )]
    fn decode<'a>(event: Event<'a>, decoder: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        f64::decode(event, decoder).map(|number| number as f32)
    }
}

impl FromValue for bool {
    fn decode<'a>(event: Event<'a>, _: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        match &event {
            Event::Bool(value) => Ok(*value),
            Event::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Event::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            other => Err(ValueError::wrong_event("true or false", other)),
        }
    }
}

impl FromValue for char {
    fn decode<'a>(event: Event<'a>, _: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        let one = match &event {
            Event::Char(value) => Some(*value),
            Event::String(text) => {
                let mut characters = text.chars();
                characters.next().filter(|_| characters.next().is_none())
            }
            _ => None,
        };
        one.ok_or_else(|| ValueError::wrong_event("one character", &event))
    }
}

impl IntoValue for str {
    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        encoder.event(Event::String(Cow::Borrowed(self)))
    }
}

impl IntoValue for String {
    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        self.as_str().encode(encoder)
    }
}

impl FromValue for String {
    fn decode<'a>(event: Event<'a>, _: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        match event {
            Event::String(text) => Ok(text.into_owned()),
            Event::Char(character) => Ok(character.to_string()),
            other => Err(ValueError::wrong_event("a string", &other)),
        }
    }
}

impl IntoValue for DateTime {
    const BASIC: bool = false;

    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        encoder.event(Event::DateTime(*self))
    }
}

impl FromValue for DateTime {
    fn decode<'a>(event: Event<'a>, _: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        match event {
            Event::DateTime(value) => Ok(value),
            other => Err(ValueError::wrong_event("a date and time", &other)),
        }
    }
}

/// UTC, to the second, as the wire has it.
impl IntoValue for SystemTime {
    const BASIC: bool = false;

    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        let moment = time::OffsetDateTime::from(*self);
        DateTime::new(moment.date(), moment.time()).encode(encoder)
    }
}

impl FromValue for SystemTime {
    fn decode<'a>(event: Event<'a>, decoder: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        DateTime::decode(event, decoder).map(|moment| moment.assume_utc().into())
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    const BASIC: bool = T::BASIC;

    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        match self {
            Some(value) => value.encode(encoder),
            None => encoder.event(Event::Null),
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn decode<'a>(event: Event<'a>, decoder: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        match event {
            Event::Null => Ok(None),
            other => T::decode(other, decoder).map(Some),
        }
    }
}

/// The elements of a list; `Vec<u8>` is bytes, not a list of numbers.
pub trait Element: Sized {
    /// Writes the whole list.
    ///
    /// # Errors
    /// When an element does not fit.
    fn pack(values: &[Self], encoder: &mut dyn Encoder) -> Result<(), ValueError>
    where
        Self: IntoValue,
    {
        encode_list(Event::List, values, encoder)
    }

    /// Reads the whole list that an event begins.
    ///
    /// # Errors
    /// When no list begins or an element does not fit.
    fn unpack<'a>(event: Event<'a>, decoder: &mut dyn Decoder<'a>) -> Result<Vec<Self>, ValueError>
    where
        Self: FromValue,
    {
        match event {
            Event::List | Event::Set => decode_list(decoder),
            other => Err(ValueError::wrong_event("a list", &other)),
        }
    }
}

impl Element for u8 {
    fn pack(values: &[Self], encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        encoder.event(Event::Bytes(Cow::Borrowed(values)))
    }

    fn unpack<'a>(event: Event<'a>, _: &mut dyn Decoder<'a>) -> Result<Vec<Self>, ValueError> {
        match event {
            Event::Bytes(bytes) => Ok(bytes.into_owned()),
            other => Err(ValueError::wrong_event("bytes", &other)),
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

impl<T: IntoValue + Element> IntoValue for [T] {
    const BASIC: bool = T::BASIC;

    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        T::pack(self, encoder)
    }
}

impl<T: IntoValue + Element> IntoValue for Vec<T> {
    const BASIC: bool = T::BASIC;

    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        T::pack(self, encoder)
    }
}

impl<T: FromValue + Element> FromValue for Vec<T> {
    fn decode<'a>(event: Event<'a>, decoder: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        T::unpack(event, decoder)
    }
}

/// Writes a map, of which the members come in the order of their names: equal maps are equal on the wire.
fn encode_map<'m, T: IntoValue + 'm>(
    members: impl IntoIterator<Item = (&'m String, &'m T)>,
    encoder: &mut dyn Encoder,
) -> Result<(), ValueError> {
    encoder.event(Event::Map)?;
    for (name, value) in members {
        encoder.key(name)?;
        value.encode(encoder)?;
    }
    encoder.event(Event::End)
}

impl<T: IntoValue> IntoValue for BTreeMap<String, T> {
    const BASIC: bool = T::BASIC;

    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        encode_map(self, encoder)
    }
}

impl<T: IntoValue, S> IntoValue for HashMap<String, T, S> {
    const BASIC: bool = T::BASIC;

    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        let mut members: Vec<_> = self.iter().collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        encode_map(members, encoder)
    }
}

/// Reads a map. The last of two equal names wins, as in Python, and of the members that do not fit the first by name is told.
fn decode_map<'a, T: FromValue, M: Default>(
    event: &Event<'a>,
    decoder: &mut dyn Decoder<'a>,
    insert: impl Fn(&mut M, String, T),
) -> Result<M, ValueError> {
    if *event != Event::Map {
        return Err(ValueError::wrong_event("a map", event));
    }
    let mut members = M::default();
    let mut wrong = BTreeMap::new();
    while let Some(name) = decoder.key()? {
        let event = decoder.event()?;
        let name = name.into_owned();
        match whole(event, decoder) {
            Ok(value) => {
                wrong.remove(&name);
                insert(&mut members, name, value);
            }
            Err(error) => {
                wrong.insert(name, Box::new(error));
            }
        }
    }
    match wrong.pop_first() {
        None => Ok(members),
        Some((name, source)) => Err(ValueError::Member { name, source }),
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn decode<'a>(event: Event<'a>, decoder: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        decode_map(&event, decoder, |members: &mut Self, name, value| {
            members.insert(name, value);
        })
    }
}

impl<T: FromValue, S: BuildHasher + Default> FromValue for HashMap<String, T, S> {
    fn decode<'a>(event: Event<'a>, decoder: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        decode_map(&event, decoder, |members: &mut Self, name, value| {
            members.insert(name, value);
        })
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

//! [`Event`], [`Encoder`] and [`Decoder`]: values as they pass, one piece after the other, between a Rust type and whatever
//! holds them: a document of a wire, or a [`Value`].
//!
//! A type writes itself as events into an encoder ([`IntoValue`](super::IntoValue)) and is made of those that a decoder
//! hands out ([`FromValue`](super::FromValue)), so that neither side knows the other and nothing is built in between.
//!
//! Deliberately absent: lengths. No wire of ours has them, and one that a peer names could not be trusted.

use std::borrow::Cow;

use super::{DateTime, FromValue, ValueError};

/// A scalar, the begin of a list or of a map, or the end of one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// An 8-bit integer.
    Byte(i8),
    /// A 16-bit integer.
    Short(i16),
    /// A 32-bit integer.
    Int(i32),
    /// A 64-bit integer.
    Long(i64),
    /// A 32-bit float.
    Float(f32),
    /// A 64-bit float.
    Double(f64),
    /// One character.
    Char(char),
    /// A text, borrowed from where it lies when it lies there as it is.
    String(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// A date and time without a zone.
    DateTime(DateTime),
    /// A list begins: its elements follow, then [`End`](Self::End).
    List,
    /// A list begins whose order means nothing.
    Set,
    /// A map begins: a name and a value in turn follow, then its end.
    Map,
    /// The innermost list or map ends.
    End,
}

impl Event<'_> {
    /// The name of the type of the value that this is or begins, as [`Value::type_name`](super::Value::type_name) has it.
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
            Self::List => "list",
            Self::Set => "set",
            Self::Map => "map",
            Self::End => "end",
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
        reason = "a float was asked for, and none is nearer"
    )]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(f64::from(*value)),
            Self::Double(value) => Some(*value),
            other => other.as_i64().map(|value| value as f64),
        }
    }

    /// Whether a list or a map begins.
    #[must_use]
    pub fn begins(&self) -> bool {
        matches!(self, Self::List | Self::Set | Self::Map)
    }
}

/// Takes values over, event by event.
///
/// An error of the encoder's own (a text that the wire cannot hold) is kept by it, and is more to its owner than the error
/// that is returned for it.
pub trait Encoder {
    /// Takes a scalar, the begin of a list or a map, or the end of it.
    ///
    /// # Errors
    /// When it cannot be written, or does not belong here.
    fn event(&mut self, event: Event<'_>) -> Result<(), ValueError>;

    /// Takes the name of the next member of the map that was begun; its value follows.
    ///
    /// # Errors
    /// When it cannot be written, or does not belong here.
    fn key(&mut self, name: &str) -> Result<(), ValueError>;
}

/// Hands out values, event by event. `'a` is the life of what it reads from.
///
/// What it reads may turn out to be broken: from then on every step fails. The error of that is kept by the decoder, and is
/// more to its owner than the one that is returned.
pub trait Decoder<'a> {
    /// The next value: in a list the next element, or its end; in a map the value of the member whose name was read.
    ///
    /// # Errors
    /// When nothing can be read any more.
    fn event(&mut self) -> Result<Event<'a>, ValueError>;

    /// In a map, the name of the next member; `None` ends the map.
    ///
    /// # Errors
    /// When nothing can be read any more.
    fn key(&mut self) -> Result<Option<Cow<'a, str>>, ValueError>;

    /// How many lists and maps are open.
    fn depth(&self) -> usize;

    /// Passes over what is left of lists and maps, until only so many are open.
    ///
    /// # Errors
    /// When nothing can be read any more.
    fn leave(&mut self, depth: usize) -> Result<(), ValueError>;
}

/// Reads the value that an event begins, and passes over what its type has left of it: whether it fits or not, what stands
/// behind it can be read then.
///
/// # Errors
/// When the value does not fit or nothing can be read any more.
pub fn whole<'a, T: FromValue>(
    event: Event<'a>,
    decoder: &mut dyn Decoder<'a>,
) -> Result<T, ValueError> {
    if !event.begins() {
        return T::decode(event, decoder);
    }
    let outside = decoder.depth().saturating_sub(1);
    let result = T::decode(event, decoder);
    decoder.leave(outside)?;
    result
}

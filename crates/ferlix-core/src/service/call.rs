//! [`Argument`] and [`Reply`]: what a call takes along and where its result goes, without a caller knowing their types.

use std::fmt;

use super::{CallError, wrong_value};
use crate::property::{
    Decoder, Encoder, Event, FromValue, IntoValue, Value, ValueDecoder, ValueError, whole,
};

/// One argument of a call, where it lies.
#[derive(Clone, Copy)]
pub struct Argument<'a> {
    /// The name of the parameter, for errors.
    pub name: &'a str,
    value: &'a (dyn Encode + Sync + 'a),
}

/// [`IntoValue`] of a value whose type is not known.
trait Encode {
    fn encode_it(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError>;
}

impl<T: IntoValue> Encode for T {
    fn encode_it(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        self.encode(encoder)
    }
}

impl<'a> Argument<'a> {
    /// The argument for the parameter of this name.
    pub fn new<T: IntoValue + Sync>(name: &'a str, value: &'a T) -> Self {
        Self { name, value }
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it does not fit any wire type, or the encoder does not take it.
    pub fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        self.value.encode_it(encoder)
    }

    /// It as a value, for a caller that has no wire of its own.
    ///
    /// # Errors
    /// [`CallError::Value`] for this method when it does not fit any wire type.
    pub fn to_value(&self, method: &str) -> Result<Value, CallError> {
        struct Behind<'a>(&'a dyn Encode);
        impl IntoValue for Behind<'_> {
            fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
                self.0.encode_it(encoder)
            }
        }
        let value = Behind(self.value).into_value();
        value.map_err(|source| self.refused(method, source))
    }

    /// The error of a call of this method whose argument cannot be sent.
    #[must_use]
    pub fn refused(&self, method: &str, source: ValueError) -> CallError {
        wrong_value(method, self.name, source)
    }
}

impl fmt::Debug for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Argument")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Where the result of a call goes.
pub struct Reply<'a>(&'a mut (dyn Take + Send + 'a));

/// The result of a call, once it was read.
///
/// ```
/// use ferlix_core::service::{Replied, Reply};
///
/// let mut replied = Replied::<u16>::new();
/// // What a caller does:
/// Reply::new(&mut replied).value("8181");
/// assert_eq!(replied.result("port").unwrap(), 8181);
/// ```
#[derive(Debug)]
pub struct Replied<R> {
    read: Option<Result<R, ValueError>>,
    decode: Decode<R>,
}

type Decode<R> = for<'d> fn(Event<'d>, &mut dyn Decoder<'d>) -> Result<R, ValueError>;

/// A [`Replied`] whose type is not known.
trait Take {
    fn take<'d>(&mut self, event: Event<'d>, decoder: &mut dyn Decoder<'d>);
}

impl<R> Take for Replied<R> {
    fn take<'d>(&mut self, event: Event<'d>, decoder: &mut dyn Decoder<'d>) {
        self.read = Some((self.decode)(event, decoder));
    }
}

impl<R> Replied<R> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self
    where
        R: FromValue,
    {
        Self {
            read: None,
            decode: whole::<R>,
        }
    }

    /// What the method of this name has returned: `Null` when nothing was read.
    ///
    /// # Errors
    /// [`CallError::Value`] when that does not fit.
    pub fn result(self, method: &str) -> Result<R, CallError> {
        let null = || (self.decode)(Event::Null, &mut ValueDecoder::list(Vec::new()));
        self.read
            .unwrap_or_else(null)
            .map_err(|source| wrong_value(method, "result", source))
    }
}

impl<R: FromValue> Default for Replied<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Reply<'a> {
    /// It is kept here.
    pub fn new<R: Send>(replied: &'a mut Replied<R>) -> Self {
        Self(replied)
    }

    /// Reads the result that an event begins; whether it fits is the business of whoever asked for it.
    pub fn decode<'d>(&mut self, event: Event<'d>, decoder: &mut dyn Decoder<'d>) {
        self.0.take(event, decoder);
    }

    /// Takes the result, of a caller that has no wire of its own.
    pub fn value(&mut self, value: impl Into<Value>) {
        let (event, mut decoder) = ValueDecoder::new(value.into());
        self.decode(event, &mut decoder);
    }

    /// The same, for one attempt of several: what is read last counts.
    pub fn again(&mut self) -> Reply<'_> {
        Reply(&mut *self.0)
    }
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

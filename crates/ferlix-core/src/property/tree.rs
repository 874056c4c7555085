//! [`Value`] as a source and as a target of events: what is not known by its type goes the same way as what is.

use std::borrow::Cow;
use std::collections::{BTreeMap, btree_map};
use std::vec;

use super::{Decoder, Encoder, Event, FromValue, IntoValue, Value, ValueError};

impl IntoValue for Value {
    const BASIC: bool = false;

    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        let scalar = match self {
            Self::Null => Event::Null,
            Self::Bool(value) => Event::Bool(*value),
            Self::Byte(value) => Event::Byte(*value),
            Self::Short(value) => Event::Short(*value),
            Self::Int(value) => Event::Int(*value),
            Self::Long(value) => Event::Long(*value),
            Self::Float(value) => Event::Float(*value),
            Self::Double(value) => Event::Double(*value),
            Self::Char(value) => Event::Char(*value),
            Self::String(value) => Event::String(Cow::Borrowed(value)),
            Self::Bytes(value) => Event::Bytes(Cow::Borrowed(value)),
            Self::DateTime(value) => Event::DateTime(*value),
            Self::List(values) => return encode_list(Event::List, values, encoder),
            Self::Set(values) => return encode_list(Event::Set, values, encoder),
            Self::Map(members) => {
                encoder.event(Event::Map)?;
                for (name, value) in members {
                    encoder.key(name)?;
                    value.encode(encoder)?;
                }
                Event::End
            }
        };
        encoder.event(scalar)
    }

    fn into_value(self) -> Result<Value, ValueError> {
        Ok(self)
    }
}

/// Writes a list of values of one type.
pub(super) fn encode_list<T: IntoValue>(
    begin: Event<'_>,
    values: &[T],
    encoder: &mut dyn Encoder,
) -> Result<(), ValueError> {
    encoder.event(begin)?;
    for value in values {
        value.encode(encoder)?;
    }
    encoder.event(Event::End)
}

impl FromValue for Value {
    fn decode<'a>(event: Event<'a>, decoder: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        Ok(match event {
            Event::Null => Self::Null,
            Event::Bool(value) => Self::Bool(value),
            Event::Byte(value) => Self::Byte(value),
            Event::Short(value) => Self::Short(value),
            Event::Int(value) => Self::Int(value),
            Event::Long(value) => Self::Long(value),
            Event::Float(value) => Self::Float(value),
            Event::Double(value) => Self::Double(value),
            Event::Char(value) => Self::Char(value),
            Event::String(value) => Self::String(value.into_owned()),
            Event::Bytes(value) => Self::Bytes(value.into_owned()),
            Event::DateTime(value) => Self::DateTime(value),
            Event::List => Self::List(decode_list(decoder)?),
            Event::Set => Self::Set(decode_list(decoder)?),
            Event::Map => {
                let mut members = BTreeMap::new();
                while let Some(name) = decoder.key()? {
                    let event = decoder.event()?;
                    let value = Self::decode(event, decoder)?;
                    // The last of two equal names wins, as in Python.
                    members.insert(name.into_owned(), value);
                }
                Self::Map(members)
            }
            Event::End => return Err(ValueError::wrong_event("a value", &event)),
        })
    }

    fn from_value(value: Value) -> Result<Self, ValueError> {
        Ok(value)
    }
}

/// Reads the elements of the list that was begun, to its end.
pub(super) fn decode_list<T: FromValue>(
    decoder: &mut dyn Decoder<'_>,
) -> Result<Vec<T>, ValueError> {
    let mut values = Vec::new();
    loop {
        match decoder.event()? {
            Event::End => return Ok(values),
            event => values.push(T::decode(event, decoder)?),
        }
    }
}

/// Builds a [`Value`] of what is written into it.
#[derive(Debug, Default)]
pub struct ValueEncoder {
    open: Vec<Open>,
    done: Option<Value>,
}

/// A list or a map that is being built.
#[derive(Debug)]
enum Open {
    List(Vec<Value>),
    Set(Vec<Value>),
    Map(BTreeMap<String, Value>, Option<String>),
}

impl ValueEncoder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written; `Null` when that was nothing.
    ///
    /// # Errors
    /// When a list or a map was not ended.
    pub fn finish(self) -> Result<Value, ValueError> {
        if !self.open.is_empty() {
            return Err(ValueError::misplaced(
                "the end of the values in a list or a map",
            ));
        }
        Ok(self.done.unwrap_or_default())
    }

    fn put(&mut self, value: Value) -> Result<(), ValueError> {
        match self.open.last_mut() {
            Some(Open::List(values) | Open::Set(values)) => values.push(value),
            Some(Open::Map(members, name)) => {
                let name = name
                    .take()
                    .ok_or_else(|| ValueError::misplaced("a value without a name"))?;
                members.insert(name, value);
            }
            None if self.done.is_none() => self.done = Some(value),
            None => return Err(ValueError::misplaced("a second value")),
        }
        Ok(())
    }
}

impl Encoder for ValueEncoder {
    fn event(&mut self, event: Event<'_>) -> Result<(), ValueError> {
        match event {
            Event::List => self.open.push(Open::List(Vec::new())),
            Event::Set => self.open.push(Open::Set(Vec::new())),
            Event::Map => self.open.push(Open::Map(BTreeMap::new(), None)),
            Event::End => {
                let value = match self.open.pop() {
                    Some(Open::List(values)) => Value::List(values),
                    Some(Open::Set(values)) => Value::Set(values),
                    Some(Open::Map(members, None)) => Value::Map(members),
                    Some(Open::Map(_, Some(_))) => {
                        return Err(ValueError::misplaced("a name without a value"));
                    }
                    None => return Err(ValueError::misplaced("the end of nothing")),
                };
                return self.put(value);
            }
            scalar => {
                let value = Value::decode(scalar, &mut ValueDecoder::list(Vec::new()))?;
                return self.put(value);
            }
        }
        Ok(())
    }

    fn key(&mut self, key: &str) -> Result<(), ValueError> {
        match self.open.last_mut() {
            Some(Open::Map(_, name @ None)) => {
                *name = Some(key.to_owned());
                Ok(())
            }
            _ => Err(ValueError::misplaced("a name")),
        }
    }
}

/// Hands out a [`Value`], or the elements of a list.
#[derive(Debug)]
pub struct ValueDecoder {
    /// What is read outside of any list or map.
    values: vec::IntoIter<Value>,
    open: Vec<Rest>,
}

/// What has not been handed out of a list or a map.
#[derive(Debug)]
enum Rest {
    List(vec::IntoIter<Value>),
    /// With the value of the member whose name was read.
    Map(btree_map::IntoIter<String, Value>, Option<Value>),
}

impl ValueDecoder {
    /// Hands out a value: the event that it begins with, and what hands out the rest.
    #[must_use]
    pub fn new(value: Value) -> (Event<'static>, Self) {
        let mut decoder = Self::list(Vec::new());
        (decoder.begin(value), decoder)
    }

    /// Hands out the elements of a list that was begun, and its end: the arguments of a call.
    #[must_use]
    pub fn list(values: Vec<Value>) -> Self {
        Self {
            values: values.into_iter(),
            open: Vec::new(),
        }
    }

    /// The event that a value begins with; what else there is of it is handed out next.
    fn begin(&mut self, value: Value) -> Event<'static> {
        match value {
            Value::Null => Event::Null,
            Value::Bool(value) => Event::Bool(value),
            Value::Byte(value) => Event::Byte(value),
            Value::Short(value) => Event::Short(value),
            Value::Int(value) => Event::Int(value),
            Value::Long(value) => Event::Long(value),
            Value::Float(value) => Event::Float(value),
            Value::Double(value) => Event::Double(value),
            Value::Char(value) => Event::Char(value),
            Value::String(value) => Event::String(Cow::Owned(value)),
            Value::Bytes(value) => Event::Bytes(Cow::Owned(value)),
            Value::DateTime(value) => Event::DateTime(value),
            Value::List(values) => {
                self.open.push(Rest::List(values.into_iter()));
                Event::List
            }
            Value::Set(values) => {
                self.open.push(Rest::List(values.into_iter()));
                Event::Set
            }
            Value::Map(members) => {
                self.open.push(Rest::Map(members.into_iter(), None));
                Event::Map
            }
        }
    }
}

impl<'a> Decoder<'a> for ValueDecoder {
    fn event(&mut self) -> Result<Event<'a>, ValueError> {
        let value = match self.open.last_mut() {
            None => self.values.next(),
            Some(Rest::List(values)) => {
                let value = values.next();
                if value.is_none() {
                    self.open.pop();
                }
                value
            }
            Some(Rest::Map(_, value)) => {
                let value = value.take();
                Some(value.ok_or_else(|| ValueError::misplaced("a value without a name"))?)
            }
        };
        Ok(value.map_or(Event::End, |value| self.begin(value)))
    }

    fn key(&mut self) -> Result<Option<Cow<'a, str>>, ValueError> {
        let Some(Rest::Map(members, value)) = self.open.last_mut() else {
            return Err(ValueError::misplaced("a name outside of a map"));
        };
        let member = members.next();
        if member.is_none() {
            self.open.pop();
            return Ok(None);
        }
        Ok(member.map(|(name, of_it)| {
            *value = Some(of_it);
            Cow::Owned(name)
        }))
    }

    fn depth(&self) -> usize {
        self.open.len()
    }

    fn leave(&mut self, depth: usize) -> Result<(), ValueError> {
        self.open.truncate(depth);
        Ok(())
    }
}

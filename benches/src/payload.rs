//! What is called: a service with a method for each size of call, and the documents of each, as our own ends write them.

use std::collections::BTreeMap;

use bytes::Bytes;
use dxr::{TryFromValue, TryToValue};
use ferlix::prelude::*;
use ferlix::property::{FromValue, IntoValue};
use ferlix::xmlrpc::codec::{write_call, write_response};

use crate::error::Error;

/// What a call carries there and back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Payload {
    /// A text of 200 bytes.
    Message,
    /// A structure of about 10 KiB.
    Record,
    /// A list of 10,000 numbers.
    Numbers,
}

impl Payload {
    pub(crate) const ALL: [Self; 3] = [Self::Message, Self::Record, Self::Numbers];

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Message => "a message of 200 bytes",
            Self::Record => "a structure of 10 KiB",
            Self::Numbers => "a list of 10,000 numbers",
        }
    }

    /// Where the floor answers it.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Message => "/message",
            Self::Record => "/record",
            Self::Numbers => "/numbers",
        }
    }

    const fn method(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Record => "record",
            Self::Numbers => "numbers",
        }
    }

    /// The argument, which is the result too.
    pub(crate) fn value(self) -> Result<Value, Error> {
        let value = match self {
            Self::Message => Ok(Value::from(message())),
            Self::Record => record().into_value(),
            Self::Numbers => numbers().into_value(),
        };
        value.map_err(|error| Error::Answer(error.to_string()))
    }

    /// The document of a call of the service with this number.
    pub(crate) fn request(self, service: u64) -> Result<Bytes, Error> {
        let method = format!("{service}.{}", self.method());
        let document = write_call(&method, &[self.value()?]);
        document
            .map(Into::into)
            .map_err(|error| Error::Answer(error.to_string()))
    }

    /// The document of its answer.
    pub(crate) fn answer(self) -> Result<Bytes, Error> {
        let document = write_response(&self.value()?);
        document
            .map(Into::into)
            .map_err(|error| Error::Answer(error.to_string()))
    }
}

/// The Rust type of a payload, for both codecs.
pub(crate) trait Typed: FromValue + IntoValue + TryFromValue + TryToValue {}

impl<T: FromValue + IntoValue + TryFromValue + TryToValue> Typed for T {}

pub(crate) fn message() -> String {
    "Hello Impl, this is a message of some length. ".repeat(5)[..200].to_owned()
}

pub(crate) fn numbers() -> Vec<i32> {
    (0..10_000).map(|number| number * 214_013).collect()
}

/// A structure with what structures have: numbers, texts, a list and a map of more.
#[derive(Clone, Debug, PartialEq, Structure, TryFromValue, TryToValue)]
pub(crate) struct Record {
    id: i64,
    name: String,
    active: bool,
    weight: f64,
    tags: Vec<String>,
    parts: Vec<Part>,
    notes: BTreeMap<String, String>,
}

/// A part of a [`Record`].
#[derive(Clone, Debug, PartialEq, Structure, TryFromValue, TryToValue)]
pub(crate) struct Part {
    number: i32,
    name: String,
    size: f64,
    there: bool,
}

pub(crate) fn record() -> Record {
    Record {
        id: 1_000_000,
        name: "a record".to_owned(),
        active: true,
        weight: 12.5,
        tags: (0..10).map(|tag| format!("tag {tag}")).collect(),
        parts: (0..26)
            .map(|number| Part {
                number,
                name: format!("the part with the number {number}"),
                size: f64::from(number) / 3.0,
                there: number % 2 == 0,
            })
            .collect(),
        notes: (0..10)
            .map(|note| (format!("note {note}"), "what is noted".to_owned()))
            .collect(),
    }
}

/// The service: it gives back what it was given.
#[remote_service("ferlix.benches.work")]
pub(crate) trait Work: Send + Sync {
    /// A text.
    async fn message(&self, text: String) -> Result<String, CallError>;
    /// A structure.
    async fn record(&self, record: Record) -> Result<Record, CallError>;
    /// Numbers.
    async fn numbers(&self, numbers: Vec<i32>) -> Result<Vec<i32>, CallError>;
}

/// Gives back what it was given.
#[derive(Debug)]
pub(crate) struct Worker;

#[service_impl]
impl Work for Worker {
    async fn message(&self, text: String) -> Result<String, CallError> {
        Ok(text)
    }

    async fn record(&self, record: Record) -> Result<Record, CallError> {
        Ok(record)
    }

    async fn numbers(&self, numbers: Vec<i32>) -> Result<Vec<i32>, CallError> {
        Ok(numbers)
    }
}

/// Calls the service once with values that were made before, and checks the answer.
#[derive(Clone)]
pub(crate) struct Calls {
    work: std::sync::Arc<dyn Work>,
    payload: Payload,
    message: String,
    record: Record,
    numbers: Vec<i32>,
}

impl Calls {
    pub(crate) fn new(work: std::sync::Arc<dyn Work>, payload: Payload) -> Self {
        Self {
            work,
            payload,
            message: message(),
            record: record(),
            numbers: numbers(),
        }
    }
}

impl crate::load::Caller for Calls {
    async fn call(&mut self) -> Result<(), Error> {
        let same = match self.payload {
            Payload::Message => self.work.message(self.message.clone()).await? == self.message,
            Payload::Record => self.work.record(self.record.clone()).await? == self.record,
            Payload::Numbers => self.work.numbers(self.numbers.clone()).await? == self.numbers,
        };
        same.then_some(())
            .ok_or_else(|| Error::Answer("not what was sent".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payloads_are_as_large_as_they_say() {
        let length = |payload: Payload| payload.request(1).unwrap().len();
        assert_eq!(message().len(), 200);
        assert!(
            (9_000..12_000).contains(&length(Payload::Record)),
            "{}",
            length(Payload::Record)
        );
        assert_eq!(numbers().len(), 10_000);
        assert!(length(Payload::Numbers) > 200_000);
    }
}

//! [`Node`]: any JSON value, read within limits of depth and count.
//!
//! The limits are held while the bytes are read, so that no peer can make a tree of values that is much larger than its
//! record, or nested so deeply that somebody's recursion ends badly.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use ferlix_core::property::Value;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::Error;

/// How deeply a value may be nested.
pub(super) const MAX_DEPTH: usize = 16;

/// How many values one record may hold.
pub(super) const MAX_VALUES: usize = 20_000;

/// What is left of the limits while a record is read.
#[derive(Debug)]
pub(super) struct Budget {
    values: Cell<usize>,
    exceeded: Cell<Option<(&'static str, usize)>>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            values: Cell::new(MAX_VALUES),
            exceeded: Cell::new(None),
        }
    }

    /// The limit that was hit, as what the reader's error stands for.
    pub(super) fn error(&self, error: serde_json::Error) -> Error {
        match self.exceeded.get() {
            Some((what, limit)) => Error::Limit { what, limit },
            None => Error::Json(error),
        }
    }

    pub(super) fn spend<E: serde::de::Error>(&self) -> Result<(), E> {
        match self.values.get().checked_sub(1) {
            Some(left) => {
                self.values.set(left);
                Ok(())
            }
            None => Err(self.exceed("the number of values in a record", MAX_VALUES)),
        }
    }

    pub(super) fn exceed<E: serde::de::Error>(&self, what: &'static str, limit: usize) -> E {
        self.exceeded.set(Some((what, limit)));
        E::custom(format_args!("{what} exceeds the limit of {limit}"))
    }
}

/// Reads one value: integers as [`Value::Long`], other numbers as [`Value::Double`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'b> {
    pub(super) budget: &'b Budget,
    pub(super) depth: usize,
}

impl<'b> Node<'b> {
    pub(super) fn new(budget: &'b Budget) -> Self {
        Self { budget, depth: 0 }
    }

    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self
                .budget
                .exceed("the nesting of values in a record", MAX_DEPTH));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.budget.spend()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Long(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "no peer has integers beyond i64; as a double it is at least near"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Double(value as f64), Value::Long))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Double(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            list.push(element);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut map = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let member = members.next_value_seed(inner)?;
            if map.insert(name, member).is_some() {
                return Err(A::Error::custom("a member of an object is there twice"));
            }
        }
        Ok(Value::Map(map))
    }
}

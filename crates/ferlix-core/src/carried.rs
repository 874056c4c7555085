//! A service's own error as a value and back: what `#[derive(RemoteError)]` writes calls.
//!
//! What an error variant holds may be of any type, and only some cross the wire. Which do is found out by the compiler:
//! [`ByValue`] and [`ByNothing`] have a method of one name, and for a reference to a [`Held`] the first is found first, where
//! the type has it. So a derive needs no attribute for what stays behind: such a variant crosses as a plain fault.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::vec;

use crate::property::{FromValue, IntoValue, Value};
use crate::service::{CallError, RemoteError};

/// The members of the map that carries an error.
const TYPE: &str = "type";
const VARIANT: &str = "variant";
const MEMBERS: &str = "members";

/// What a field of a variant holds.
pub struct Held<T>(Cell<Option<T>>);

impl<T> Held<T> {
    /// Takes it over.
    pub const fn new(field: T) -> Self {
        Self(Cell::new(Some(field)))
    }
}

impl<T> fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

/// A field that can cross.
pub trait ByValue {
    /// It as a value, once.
    fn put(&self) -> Option<Value>;
}

impl<T: IntoValue> ByValue for Held<T> {
    fn put(&self) -> Option<Value> {
        self.0.take()?.into_value().ok()
    }
}

/// Any field.
pub trait ByNothing {
    /// None: it stays behind.
    fn put(&self) -> Option<Value>;
}

impl<T> ByNothing for &Held<T> {
    fn put(&self) -> Option<Value> {
        None
    }
}

/// The type of a field that is to be made.
#[derive(Debug)]
pub struct Wanted<T>(PhantomData<fn() -> T>);

impl<T> Wanted<T> {
    /// Names the type.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "the output of a macro calls it")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// A type that can be made from a value.
pub trait OfValue<T> {
    /// The field.
    fn take(&self, value: Value) -> Option<T>;
}

impl<T: FromValue> OfValue<T> for Wanted<T> {
    fn take(&self, value: Value) -> Option<T> {
        T::from_value(value).ok()
    }
}

/// Any type.
pub trait OfNothing<T> {
    /// None: it has stayed behind.
    fn take(&self, value: Value) -> Option<T>;
}

impl<T> OfNothing<T> for &Wanted<T> {
    fn take(&self, value: Value) -> Option<T> {
        drop(value);
        None
    }
}

/// Puts an error into its fault, when all of its members can cross.
pub fn carrying(
    mut fault: CallError,
    of: &str,
    variant: &str,
    members: impl IntoIterator<Item = Option<Value>>,
) -> CallError {
    let members: Option<Vec<Value>> = members.into_iter().collect();
    if let (CallError::Fault { data, .. }, Some(members)) = (&mut fault, members) {
        let map = BTreeMap::from([
            (TYPE.to_owned(), of.into()),
            (VARIANT.to_owned(), variant.into()),
            (MEMBERS.to_owned(), Value::List(members)),
        ]);
        *data = Some(Value::Map(map));
    }
    fault
}

/// The error that a fault carries; without one that fits, what `From<CallError>` makes.
pub fn carried<E: RemoteError>(
    error: CallError,
    of: &str,
    make: impl FnOnce(&str, &mut vec::IntoIter<Value>) -> Option<E>,
) -> E {
    let CallError::Fault {
        data: Some(Value::Map(data)),
        ..
    } = &error
    else {
        return E::from(error);
    };
    let text = |name| match data.get(name) {
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let made = match (text(TYPE), text(VARIANT), data.get(MEMBERS)) {
        (Some(kind), Some(variant), Some(Value::List(members))) if kind == of => {
            let mut members = members.clone().into_iter();
            make(variant, &mut members).filter(|_| members.len() == 0)
        }
        _ => None,
    };
    made.unwrap_or_else(|| E::from(error))
}

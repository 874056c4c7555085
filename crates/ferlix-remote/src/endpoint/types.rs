//! [`Types`]: the content of `ferlix.types`, which gives Ferlix back the types of what travels as text.
//!
//! It is a list of `name=type` pairs, separated by spaces; in a name, a space, `=` and `%` are percent-encoded. For a list
//! or a set the type is that of its elements.

use std::collections::HashSet;

use ferlix_core::property::{Properties, Value};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::scalar::{self, Scalar};
use super::wire::MAX_PROPERTIES;

/// What is encoded in a name.
const SEPARATORS: &AsciiSet = &CONTROLS.add(b' ').add(b'=').add(b'%');

/// The types of some properties, by key; each key, whatever its case, is there once.
#[derive(Debug, Default)]
pub(super) struct Types(Vec<(String, Scalar)>);

impl Types {
    /// Remembers the type of a property, if there is one to remember.
    pub(super) fn set(&mut self, key: &str, scalar: Option<Scalar>) {
        self.0.extend(scalar.map(|scalar| (key.to_owned(), scalar)));
    }

    /// The text; `None` when there is nothing to say.
    pub(super) fn to_text(&self) -> Option<String> {
        let pairs = self.0.iter();
        let pairs: Vec<String> = pairs
            .map(|(key, scalar)| {
                format!("{}={}", utf8_percent_encode(key, SEPARATORS), scalar.name())
            })
            .collect();
        (!pairs.is_empty()).then(|| pairs.join(" "))
    }

    /// Reads the text; pairs that make no sense are left out, and so are all but the first of a key: a value is converted
    /// once, however often a peer names it. There are no more pairs than there can be properties.
    pub(super) fn parse(text: &str) -> Self {
        let mut seen = HashSet::new();
        let pair = |pair: &str| {
            let (key, name) = pair.split_once('=')?;
            let scalar = Scalar::ALL
                .into_iter()
                .find(|scalar| scalar.name() == name)?;
            let key = percent_decode_str(key).decode_utf8().ok()?;
            Some((key.into_owned(), scalar))
        };
        let pairs = text.split(' ').filter_map(pair);
        let first = pairs.filter(|(key, _)| seen.insert(key.to_ascii_lowercase()));
        Self(first.take(MAX_PROPERTIES).collect())
    }

    /// Gives the properties their types; a value that does not fit its type stays as it is.
    pub(super) fn restore(self, properties: &mut Properties) {
        for (key, scalar) in self.0 {
            let restored = match properties.get(&key) {
                Some(Value::List(elements)) => restore_all(elements, scalar).map(Value::List),
                Some(Value::Set(elements)) => restore_all(elements, scalar).map(Value::Set),
                Some(value @ Value::String(_)) => scalar::read(value, scalar),
                _ => None,
            };
            if let Some(value) = restored {
                properties.insert(key, value);
            }
        }
    }
}

fn restore_all(elements: &[Value], scalar: Scalar) -> Option<Vec<Value>> {
    elements
        .iter()
        .map(|element| scalar::read(element, scalar))
        .collect()
}

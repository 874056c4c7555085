//! The flat properties by which discoveries exchange endpoint descriptions.
//!
//! [`encode`] writes the one form that both iPOPO and Eclipse ECF read; [`decode`] reads everything that either of them
//! writes. A discovery only has to turn [`WireProperty`]s into its own syntax and back.

use std::sync::Arc;

use ferlix_core::property::{Properties, Value};

use super::EndpointDescription;
use super::excerpt::{QUOTED, excerpt};
use super::names;
use super::scalar::{self, Scalar};
use super::types::Types;
use crate::Error;

/// How many properties one description may have; a peer that sends more is refused.
pub const MAX_PROPERTIES: usize = 1_024;
/// How many words a standard property such as `service.intents` may hold; more are refused when reading and writing.
pub const MAX_WORDS: usize = 1_024;

/// The type names that ECF uses for the values of endpoint properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WireKind {
    /// Bytes, as Base64 text.
    Bytes,
    /// One character, as text.
    Char,
    /// A 64-bit float.
    Double,
    /// A 32-bit float.
    Float,
    /// A 32-bit integer.
    Int,
    /// A list of plain values.
    List,
    /// A 64-bit integer.
    Long,
    /// Any other plain value; also what an unknown name stands for.
    Object,
    /// A set, as a list of plain values.
    Set,
    /// A text: also every standard property, and numbers and booleans as we write them.
    String,
}

impl WireKind {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Char => "char",
            Self::Double => "double",
            Self::Float => "float",
            Self::Int => "int",
            Self::List => "list",
            Self::Long => "long",
            Self::Object => "object",
            Self::Set => "set",
            Self::String => "string",
        }
    }

    /// The kind of a name; an unknown one is [`Self::Object`].
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "bytes" => Self::Bytes,
            "char" => Self::Char,
            "double" => Self::Double,
            "float" => Self::Float,
            "int" => Self::Int,
            "list" => Self::List,
            "long" => Self::Long,
            "set" => Self::Set,
            "string" => Self::String,
            _ => Self::Object,
        }
    }
}

/// One property on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct WireProperty {
    /// The key; see [`names::shared`].
    pub name: Arc<str>,
    /// The name of its type.
    pub kind: WireKind,
    /// A plain value. [`encode`] writes strings, booleans, longs, finite doubles, and lists and maps of these; a reader of
    /// JSON gives integers as longs, other numbers as doubles, arrays as lists and objects as maps.
    pub value: Value,
}

impl WireProperty {
    /// A text.
    fn text(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: names::shared(name),
            kind: WireKind::String,
            value: Value::String(value.into()),
        }
    }
}

/// The standard properties that hold several words, joined by one space.
const WORDS: [&str; 7] = [
    names::OBJECT_CLASS,
    names::SERVICE_IMPORTED_CONFIGS,
    names::REMOTE_CONFIGS_SUPPORTED,
    names::REMOTE_INTENTS_SUPPORTED,
    names::SERVICE_INTENTS,
    names::ECF_ENDPOINT_ID_FILTER,
    names::ECF_ASYNC_INTERFACES,
];

/// The standard properties that hold a decimal number.
const NUMBERS: [&str; 3] = [
    names::ENDPOINT_SERVICE_ID,
    names::ECF_RSVC_ID,
    names::ECF_ENDPOINT_TIMESTAMP,
];

/// Writes a description, standard properties first, in the order in which iPOPO writes them.
///
/// Standard properties are texts. Of the others, strings, numbers, booleans and characters are texts too, since that is the
/// only form that reaches all peers; [`names::FERLIX_TYPES`] says what they were. Lists and sets are typed. `null` and
/// keys that never travel are left out.
///
/// # Errors
/// [`Error::MissingProperty`] when a property is missing without which iPOPO's discovery dies (`endpoint.framework.uuid`,
/// `ecf.endpoint.id`, `ecf.endpoint.id.ns`); [`Error::InvalidProperty`] when a word that is to be joined with others
/// contains a space; [`Error::TooLarge`] beyond [`MAX_WORDS`].
pub fn encode(description: &EndpointDescription) -> Result<Vec<WireProperty>, Error> {
    let properties = description.properties();
    let mut written = Vec::with_capacity(properties.len());
    let required =
        |name: &'static str| properties.text(name).ok_or(Error::MissingProperty { name });
    let words = |name: &'static str| joined(name, &properties.texts(name));

    written.push(WireProperty::text(
        names::OBJECT_CLASS,
        words(names::OBJECT_CLASS)?,
    ));
    written.push(WireProperty::text(names::ENDPOINT_ID, description.id()));
    written.push(WireProperty::text(
        names::ENDPOINT_SERVICE_ID,
        description.service_id().to_string(),
    ));
    written.push(WireProperty::text(
        names::ENDPOINT_FRAMEWORK_UUID,
        required(names::ENDPOINT_FRAMEWORK_UUID)?,
    ));
    written.push(WireProperty::text(
        names::SERVICE_IMPORTED_CONFIGS,
        words(names::SERVICE_IMPORTED_CONFIGS)?,
    ));
    written.push(WireProperty::text(
        names::REMOTE_CONFIGS_SUPPORTED,
        joined(
            names::REMOTE_CONFIGS_SUPPORTED,
            &description.remote_configurations(),
        )?,
    ));
    // Always there, for peers that look for it; both of them read an empty text as no intents.
    written.push(WireProperty::text(
        names::REMOTE_INTENTS_SUPPORTED,
        words(names::REMOTE_INTENTS_SUPPORTED)?,
    ));
    if !properties.texts(names::SERVICE_INTENTS).is_empty() {
        written.push(WireProperty::text(
            names::SERVICE_INTENTS,
            words(names::SERVICE_INTENTS)?,
        ));
    }
    written.push(WireProperty::text(
        names::ECF_RSVC_ID,
        description.remote_service_id().to_string(),
    ));
    for name in [names::ECF_ENDPOINT_ID, names::ECF_ENDPOINT_ID_NS] {
        written.push(WireProperty::text(name, required(name)?));
    }
    written.push(WireProperty::text(
        names::ECF_ENDPOINT_TIMESTAMP,
        description.timestamp().to_string(),
    ));
    for name in [
        names::ECF_ENDPOINT_CONNECT_TARGET,
        names::ECF_ENDPOINT_ID_FILTER,
        names::ECF_ENDPOINT_SERVICE_FILTER,
        names::ECF_ASYNC_INTERFACES,
    ] {
        if !properties.texts(name).is_empty() {
            written.push(WireProperty::text(name, words(name)?));
        }
    }
    encode_others(properties, &mut written);
    Ok(written)
}

/// Writes what is no standard property.
fn encode_others(properties: &Properties, written: &mut Vec<WireProperty>) {
    let mut types = Types::default();
    for (key, value) in properties.iter().filter(|(key, _)| travels(key)) {
        let mut push = |kind, value| {
            written.push(WireProperty {
                name: key.into(),
                kind,
                value,
            });
        };
        match value {
            Value::String(text) => push(WireKind::String, Value::from(text)),
            Value::List(elements) | Value::Set(elements) => {
                let kind = match value {
                    Value::Set(_) => WireKind::Set,
                    _ => WireKind::List,
                };
                let (elements, common) = plain_elements(elements);
                push(kind, Value::List(elements));
                types.set(key, common);
            }
            Value::Bytes(bytes) => push(WireKind::Bytes, Value::String(scalar::base64(bytes))),
            other => match Scalar::of(other) {
                Some(scalar) => {
                    push(WireKind::String, Value::String(scalar::text(other)));
                    types.set(key, Some(scalar));
                }
                None => {
                    if let Some(plain) = plain(other) {
                        let kind = match plain {
                            Value::String(_) => WireKind::String,
                            _ => WireKind::Object,
                        };
                        push(kind, plain);
                    }
                }
            },
        }
    }
    if let Some(text) = types.to_text() {
        written.push(WireProperty::text(names::FERLIX_TYPES, text));
    }
}

/// Whether a key travels as a further property.
fn travels(key: &str) -> bool {
    use ferlix_core::property::keys::{SERVICE_BUNDLE_ID, SERVICE_SCOPE};
    !names::is_reserved(key)
        && ![SERVICE_BUNDLE_ID, SERVICE_SCOPE, names::FERLIX_TYPES]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(key))
        && !key.eq_ignore_ascii_case(names::ENDPOINT_PACKAGE_VERSION)
}

/// The elements in their plain form, and the type that all of them had, if it would be lost otherwise.
fn plain_elements(elements: &[Value]) -> (Vec<Value>, Option<Scalar>) {
    let mut kinds = elements.iter().map(Scalar::of);
    let common = kinds
        .next()
        .flatten()
        .filter(|first| kinds.all(|kind| kind == Some(*first)));
    (elements.iter().filter_map(plain).collect(), common)
}

/// A value in the form that JSON can hold; `None` for nothing.
fn plain(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) | Value::String(_) | Value::Long(_) => value.clone(),
        Value::Byte(_) | Value::Short(_) | Value::Int(_) => Value::Long(value.as_i64()?),
        Value::Float(_) | Value::Double(_) => match value.as_f64()? {
            number if number.is_finite() => Value::Double(number),
            _ => Value::String(scalar::text(value)),
        },
        Value::Bytes(bytes) => Value::String(scalar::base64(bytes)),
        Value::List(elements) | Value::Set(elements) => {
            Value::List(elements.iter().filter_map(plain).collect())
        }
        Value::Map(members) => Value::Map(
            members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), plain(value)?)))
                .collect(),
        ),
        other => Value::String(scalar::text(other)),
    })
}

/// Joins words with one space.
fn joined(name: &str, words: &[&str]) -> Result<String, Error> {
    if words.len() > MAX_WORDS {
        return Err(too_many_words());
    }
    match words.iter().find(|word| word.contains(char::is_whitespace)) {
        Some(word) => Err(Error::invalid(
            name,
            format!(
                "{:?} contains a space, which separates the values",
                excerpt(word, QUOTED)
            ),
        )),
        None => Ok(words.join(" ")),
    }
}

/// Reads a description: every type of ECF, iPOPO's texts, and our own with their types restored.
///
/// # Errors
/// [`Error::TooLarge`] beyond [`MAX_PROPERTIES`] or [`MAX_WORDS`]; [`Error::InvalidProperty`] for a value that is not what its type says, a
/// number that is none, or a key given twice (whatever its case); and as for [`EndpointDescription::new`].
pub fn decode(wire: impl IntoIterator<Item = WireProperty>) -> Result<EndpointDescription, Error> {
    let wire = wire.into_iter();
    // One more, which may be added.
    let expected = wire.size_hint().0.min(MAX_PROPERTIES) + 1;
    let mut properties = Properties::with_capacity(expected);
    let mut types = Types::default();
    for (count, property) in wire.enumerate() {
        if count >= MAX_PROPERTIES {
            return Err(Error::TooLarge {
                what: "the number of endpoint properties",
                limit: MAX_PROPERTIES,
            });
        }
        let name = property.name;
        if property.value == Value::Null {
            continue;
        }
        if name.eq_ignore_ascii_case(names::FERLIX_TYPES) {
            types = Types::parse(property.value.as_str().unwrap_or_default());
            continue;
        }
        let value = decode_value(&name, property.kind, property.value)?;
        // Whoever supports no intents sends an empty text, which says what its absence says.
        let is_empty_intents = name.eq_ignore_ascii_case(names::REMOTE_INTENTS_SUPPORTED)
            && value.as_list().is_some_and(<[Value]>::is_empty);
        // iPOPO writes package versions once more under a key that lacks the package.
        if is_empty_intents || name.eq_ignore_ascii_case(names::ENDPOINT_PACKAGE_VERSION) {
            continue;
        }
        if properties.insert(Arc::clone(&name), value).is_some() {
            return Err(Error::invalid(&name, "it is given twice"));
        }
    }
    types.restore(&mut properties);
    EndpointDescription::new(properties)
}

fn too_many_words() -> Error {
    Error::TooLarge {
        what: "the number of words of an endpoint property",
        limit: MAX_WORDS,
    }
}

fn decode_value(name: &str, kind: WireKind, value: Value) -> Result<Value, Error> {
    let is = |standard: &str| standard.eq_ignore_ascii_case(name);
    if WORDS.iter().any(|standard| is(standard)) {
        let words = match value {
            // Mostly there is one.
            Value::String(word) if !word.is_empty() && !word.contains(char::is_whitespace) => {
                Value::List(vec![Value::String(word)])
            }
            Value::String(text) => {
                // One more than allowed is enough to see that there are too many.
                let words = text.split_whitespace().take(MAX_WORDS + 1);
                Value::List(words.map(Value::from).collect())
            }
            other => other,
        };
        return match words.as_list().map_or(0, <[Value]>::len) {
            0..=MAX_WORDS => Ok(words),
            _ => Err(too_many_words()),
        };
    }
    if NUMBERS.iter().any(|standard| is(standard)) {
        return scalar::read(&value, Scalar::Long).ok_or_else(|| {
            let value = value.to_string();
            let value = excerpt(&value, QUOTED);
            Error::invalid(name, format!("{value} is not a number"))
        });
    }
    let read = match kind {
        WireKind::String | WireKind::Object => return Ok(value),
        WireKind::Bytes => value
            .as_str()
            .and_then(scalar::from_base64)
            .map(Value::Bytes),
        WireKind::Char => scalar::read(&value, Scalar::Char),
        WireKind::Double => scalar::read(&value, Scalar::Double),
        WireKind::Float => scalar::read(&value, Scalar::Float),
        WireKind::Int => scalar::read(&value, Scalar::Int),
        WireKind::Long => scalar::read(&value, Scalar::Long),
        WireKind::List => value
            .as_list()
            .map(|elements| Value::List(elements.to_vec())),
        WireKind::Set => value.as_list().map(|elements| {
            // Java's sets have no order: without one here, a set written again would look like a change.
            let mut elements = elements.to_vec();
            elements.sort_by_cached_key(ToString::to_string);
            Value::Set(elements)
        }),
    };
    read.ok_or_else(|| {
        Error::invalid(
            name,
            format!(
                "its type is {} but its value is of type {}",
                kind.name(),
                value.type_name()
            ),
        )
    })
}

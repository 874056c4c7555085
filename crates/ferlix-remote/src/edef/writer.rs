//! Writes EDEF, in the order and with the white space of iPOPO.

use std::fmt::Write;

use ferlix_core::property::{Properties, Value};

use super::NAMESPACE;
use super::kind::Kind;
use crate::endpoint::scalar::{self, Scalar};
use crate::endpoint::{EndpointDescription, names};

/// The properties that come first, in this order; package versions follow the framework's identity.
const FIRST: [&str; 7] = [
    names::OBJECT_CLASS,
    names::REMOTE_CONFIGS_SUPPORTED,
    names::SERVICE_IMPORTED_CONFIGS,
    names::REMOTE_INTENTS_SUPPORTED,
    names::SERVICE_INTENTS,
    names::ENDPOINT_SERVICE_ID,
    names::SERVICE_ID,
];

/// The properties that come after the package versions, in this order; all others follow by name.
const THEN: [&str; 6] = [
    names::ENDPOINT_ID,
    names::SERVICE_IMPORTED,
    names::ECF_ENDPOINT_ID,
    names::ECF_ENDPOINT_ID_NS,
    names::ECF_RSVC_ID,
    names::ECF_ENDPOINT_TIMESTAMP,
];

/// The properties that are always written as `Long`: peers read them as such.
const LONG: [&str; 5] = [
    names::ENDPOINT_SERVICE_ID,
    names::SERVICE_ID,
    names::ECF_RSVC_ID,
    names::ECF_ENDPOINT_TIMESTAMP,
    names::OSGI_BASIC_TIMEOUT,
];

/// Writes descriptions as one XML document, without a line end at its end.
///
/// Lists become arrays. Left out is what has no form in EDEF: `null`, maps, and lists of lists. A character that XML cannot
/// hold becomes U+FFFD. The elements of a list of mixed types are written as strings.
#[must_use]
pub fn write<'a>(descriptions: impl IntoIterator<Item = &'a EndpointDescription>) -> String {
    let mut text = String::from("<?xml version='1.0' encoding='utf-8'?>\n");
    let _ = writeln!(text, "<endpoint-descriptions xmlns=\"{NAMESPACE}\">");
    for description in descriptions {
        text.push_str("\t<endpoint-description>\n");
        for (key, value) in ordered(description.properties()) {
            write_property(&mut text, key, value);
        }
        text.push_str("\t</endpoint-description>\n");
    }
    text.push_str("</endpoint-descriptions>");
    text
}

/// The properties in the order in which they are written.
fn ordered(properties: &Properties) -> Vec<(&str, &Value)> {
    let rank = |key: &str| {
        let place = |list: &[&str]| list.iter().position(|name| name.eq_ignore_ascii_case(key));
        if let Some(place) = place(&FIRST) {
            (0, place)
        } else if key.eq_ignore_ascii_case(names::ENDPOINT_FRAMEWORK_UUID) {
            (1, 0)
        } else if names::is_package_version(key) {
            (1, 1)
        } else if let Some(place) = place(&THEN) {
            (2, place)
        } else {
            (3, 0)
        }
    };
    let mut entries: Vec<(&str, &Value)> = properties.iter().collect();
    entries.sort_by_key(|(key, _)| rank(key));
    entries
}

fn write_property(text: &mut String, key: &str, value: &Value) {
    let bytes: Vec<Value>;
    let (tag, elements) = match value {
        Value::List(elements) => ("array", elements),
        Value::Set(elements) => ("set", elements),
        Value::Bytes(content) => {
            let signed = content
                .iter()
                .map(|byte| Value::Byte(i8::from_ne_bytes([*byte])));
            bytes = signed.collect();
            ("array", &bytes)
        }
        Value::Null | Value::Map(_) => return,
        one => {
            let value = if LONG.iter().any(|name| name.eq_ignore_ascii_case(key)) {
                scalar::read(one, Scalar::Long)
            } else {
                None
            };
            let value = value.as_ref().unwrap_or(one);
            let _ = writeln!(
                text,
                "\t\t<property name=\"{}\" value-type=\"{}\" value=\"{}\" />",
                escape(key, true),
                Kind::of(value).name(),
                escape(&scalar::text(value), true),
            );
            return;
        }
    };
    if elements
        .iter()
        .any(|element| element.as_list().is_some() || !is_scalar(element))
    {
        return;
    }
    let kind = match value {
        Value::Bytes(_) => Kind::BYTES,
        _ => common_kind(elements),
    };
    let _ = writeln!(
        text,
        "\t\t<property name=\"{}\" value-type=\"{}\">\n\t\t\t<{tag}>",
        escape(key, true),
        kind.name(),
    );
    for element in elements {
        let element = escape(&scalar::text(element), false);
        let _ = writeln!(text, "\t\t\t\t<value>{element}</value>");
    }
    let _ = writeln!(text, "\t\t\t</{tag}>\n\t\t</property>");
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Map(_) | Value::Bytes(_))
}

/// The kind that all elements have, else strings.
fn common_kind(elements: &[Value]) -> Kind {
    let mut kinds = elements.iter().map(Kind::of);
    match kinds.next() {
        Some(first) if kinds.all(|kind| kind == first) => first,
        _ => Kind::String,
    }
}

/// Escapes what would be read as markup, and in attributes also what would be read as a plain space.
fn escape(text: &str, attribute: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' if attribute => escaped.push_str("&quot;"),
            '\t' | '\n' if attribute => {
                let _ = write!(escaped, "&#{};", u32::from(character));
            }
            // Readers turn it into a line end everywhere unless it is a reference.
            '\r' => escaped.push_str("&#13;"),
            '\t' | '\n' => escaped.push(character),
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => escaped.push('\u{FFFD}'),
            other => escaped.push(other),
        }
    }
    escaped
}

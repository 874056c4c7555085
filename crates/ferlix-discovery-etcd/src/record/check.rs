//! The check of a record before it is written: what a peer could not stand is refused, with the reason.
//!
//! One bad value from anybody ends the discovery of every iPOPO process, and a property of the wrong shape that of every
//! ECF process. So it is not left to the encoder alone to get this right.

use ferlix_core::property::Value;
use ferlix_remote::endpoint::{MAX_PROPERTIES, WireKind, WireProperty, names};

use super::node::MAX_DEPTH;

/// What must be there as a text that is not empty. Without one of them iPOPO's discovery ends, or ECF does not import.
const REQUIRED: [&str; 10] = [
    names::OBJECT_CLASS,
    names::ENDPOINT_ID,
    names::ENDPOINT_SERVICE_ID,
    names::ENDPOINT_FRAMEWORK_UUID,
    names::SERVICE_IMPORTED_CONFIGS,
    names::REMOTE_CONFIGS_SUPPORTED,
    names::ECF_RSVC_ID,
    names::ECF_ENDPOINT_ID,
    names::ECF_ENDPOINT_ID_NS,
    names::ECF_ENDPOINT_TIMESTAMP,
];

/// What peers read as a decimal number.
const NUMBERS: [&str; 3] = [
    names::ENDPOINT_SERVICE_ID,
    names::ECF_RSVC_ID,
    names::ECF_ENDPOINT_TIMESTAMP,
];

/// Checks the flat properties of an endpoint, and that its identity can be the third segment of a key.
///
/// # Errors
/// The reason, in words.
pub(super) fn check(endpoint_id: &str, properties: &[WireProperty]) -> Result<(), String> {
    if endpoint_id.is_empty() || endpoint_id.contains(['/', '\0']) {
        return Err(format!(
            "{} {endpoint_id:?} cannot be a segment of a key: it must not be empty nor contain a slash or a zero byte",
            names::ENDPOINT_ID
        ));
    }
    if properties.len() > MAX_PROPERTIES {
        return Err(format!("it has more than {MAX_PROPERTIES} properties"));
    }
    for name in REQUIRED {
        let found = properties.iter().find(|property| *property.name == *name);
        let property = found.ok_or_else(|| format!("{name} is missing"))?;
        match &property.value {
            Value::String(text) if property.kind == WireKind::String && !text.trim().is_empty() => {
            }
            _ => return Err(format!("{name} must be a text that is not empty")),
        }
        if NUMBERS.contains(&name)
            && property
                .value
                .as_str()
                .is_none_or(|text| text.parse::<i64>().is_err())
        {
            return Err(format!("{name} must be a decimal number"));
        }
    }
    if find_text(properties, names::ENDPOINT_ID) != Some(endpoint_id) {
        return Err(format!(
            "{} differs from the one in the key",
            names::ENDPOINT_ID
        ));
    }
    let mut seen: Vec<&str> = Vec::with_capacity(properties.len());
    for property in properties {
        let name = &*property.name;
        if name.is_empty() {
            return Err("a property has no name".to_owned());
        }
        if seen.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(format!("property {name} is there twice"));
        }
        seen.push(name);
        check_value(property).map_err(|reason| format!("property {name} {reason}"))?;
    }
    Ok(())
}

fn find_text<'p>(properties: &'p [WireProperty], name: &str) -> Option<&'p str> {
    let found = properties.iter().find(|property| *property.name == *name)?;
    found.value.as_str()
}

/// The JSON form of each type is what ECF casts it to; any other ends its watch.
fn check_value(property: &WireProperty) -> Result<(), String> {
    let fits = match (property.kind, &property.value) {
        (WireKind::String | WireKind::Bytes, value) => value.as_str().is_some(),
        (WireKind::Char, value) => value.as_str().is_some_and(|text| text.chars().count() == 1),
        (WireKind::List | WireKind::Set, value) => matches!(value, Value::List(_)),
        (WireKind::Int, value) => value
            .as_i64()
            .is_some_and(|number| i32::try_from(number).is_ok()),
        (WireKind::Long, value) => value.as_i64().is_some(),
        (WireKind::Double | WireKind::Float, value) => value.as_f64().is_some(),
        (WireKind::Object, _) => true,
        // A type that came to be after this check: nobody knows whether peers stand it.
        _ => false,
    };
    if !fits {
        return Err(format!(
            "is of type {} but holds a {}",
            property.kind.name(),
            property.value.type_name()
        ));
    }
    check_plain(&property.value, 0)
}

/// Only what JSON can hold, and no `null` at any depth.
fn check_plain(value: &Value, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("is nested deeper than {MAX_DEPTH}"));
    }
    match value {
        Value::Bool(_) | Value::Long(_) | Value::String(_) => Ok(()),
        Value::Double(number) if number.is_finite() => Ok(()),
        Value::List(elements) => elements
            .iter()
            .try_for_each(|element| check_plain(element, depth + 1)),
        Value::Map(members) => members
            .values()
            .try_for_each(|member| check_plain(member, depth + 1)),
        other => Err(format!(
            "holds a {}, which JSON has no form for",
            other.type_name()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, value: &str) -> WireProperty {
        property(name, WireKind::String, Value::from(value))
    }

    fn property(name: &str, kind: WireKind, value: Value) -> WireProperty {
        WireProperty {
            name: name.into(),
            kind,
            value,
        }
    }

    fn good() -> Vec<WireProperty> {
        let value = |name: &&str| match *name {
            names::ENDPOINT_ID => "e",
            _ => "1",
        };
        REQUIRED
            .iter()
            .map(|name| text(name, value(name)))
            .collect()
    }

    fn with(property: WireProperty) -> Result<(), String> {
        let mut properties = good();
        properties.push(property);
        check("e", &properties)
    }

    #[test]
    fn what_peers_cannot_stand_is_refused_with_the_reason() {
        assert_eq!(check("e", &good()), Ok(()));
        for (index, name) in REQUIRED.iter().enumerate() {
            let mut without = good();
            without.remove(index);
            assert_eq!(check("e", &without), Err(format!("{name} is missing")));
            let mut empty = good();
            empty[index].value = Value::from(" ");
            assert!(check("e", &empty).unwrap_err().contains(name));
        }
        for name in NUMBERS {
            let mut wrong = good();
            let of = |property: &&mut WireProperty| *property.name == *name;
            wrong.iter_mut().find(of).unwrap().value = Value::from("x");
            assert!(check("e", &wrong).unwrap_err().contains("decimal"));
        }
        assert!(check("a/b", &good()).unwrap_err().contains("segment"));
        assert!(check("", &good()).unwrap_err().contains("segment"));
        assert!(check("other", &good()).unwrap_err().contains("differs"));
    }

    #[test]
    fn a_value_must_have_the_shape_of_its_type() {
        let list = Value::List(vec![Value::from("a")]);
        for (kind, value) in [
            (WireKind::String, Value::Null),
            (WireKind::String, Value::Long(1)),
            (WireKind::Char, Value::from("")),
            (WireKind::Char, Value::from("ab")),
            (WireKind::List, Value::from("a")),
            (WireKind::Set, Value::from("a")),
            (WireKind::Int, Value::Long(1 << 40)),
            (WireKind::Long, Value::from("1")),
            (WireKind::Double, Value::Double(f64::NAN)),
            (WireKind::Double, Value::Double(f64::INFINITY)),
            (WireKind::Object, Value::Null),
            (WireKind::List, Value::List(vec![Value::Null])),
            (WireKind::Object, Value::Bytes(vec![1])),
        ] {
            let refused = with(property("x", kind, value.clone()));
            assert!(refused.is_err(), "{kind:?} {value:?}");
        }
        for (kind, value) in [
            (WireKind::String, Value::from("")),
            (WireKind::Char, Value::from("é")),
            (WireKind::List, list.clone()),
            (WireKind::Set, list.clone()),
            (WireKind::Object, Value::Bool(true)),
            (WireKind::Object, list),
        ] {
            assert_eq!(with(property("x", kind, value.clone())), Ok(()), "{kind:?}");
        }
        assert!(with(text("", "v")).is_err());
        assert!(
            with(text("ENDPOINT.ID", "e"))
                .unwrap_err()
                .contains("twice")
        );
    }

    #[test]
    fn nesting_has_an_end() {
        let mut deep = Value::from("x");
        for _ in 0..=MAX_DEPTH {
            deep = Value::List(vec![deep]);
        }
        let refused = with(property("x", WireKind::Object, deep));
        assert!(refused.unwrap_err().contains("deeper"));
    }
}

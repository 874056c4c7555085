//! The JSON records of endpoint discovery: what is read and may be advertised is written, and is then read as the same.

use ferlix_core::property::{Properties, Value, keys};
use ferlix_discovery_etcd::{Draft, read};
use ferlix_remote::endpoint::{EndpointDescription, names};

/// Checks that the record of an endpoint that is read, unless its description may not be advertised, can be written and
/// read again, and that writing changes nothing any more after the first time.
///
/// # Panics
/// When it does not hold.
pub fn record(data: &[u8]) {
    let endpoint = match read(data) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    // A record of a peer may lack what we insist on in our own.
    let Ok(draft) = Draft::new(&endpoint) else {
        return;
    };
    let (_, again) = written(&draft, &endpoint);
    assert_eq!(again.id(), endpoint.id());
    assert_eq!(again.interfaces(), endpoint.interfaces());
    assert_eq!(again.configurations(), endpoint.configurations());
    assert_eq!(again.framework_uuid(), endpoint.framework_uuid());
    assert_eq!(again.service_id(), endpoint.service_id());
    assert_eq!(again.remote_service_id(), endpoint.remote_service_id());
    assert_eq!(again.timestamp(), endpoint.timestamp());
    assert_eq!(again.container_id(), endpoint.container_id());
    assert_same(again.properties(), endpoint.properties());

    let rewrite = |endpoint: &EndpointDescription| {
        let draft = Draft::new(endpoint);
        let draft = draft.unwrap_or_else(|error| panic!("{endpoint:?}: {error}"));
        written(&draft, endpoint)
    };
    let (second, again) = rewrite(&again);
    let (third, _) = rewrite(&again);
    assert_eq!(third, second);
}

/// The text of a draft, and what is read from it.
fn written(draft: &Draft, endpoint: &EndpointDescription) -> (String, EndpointDescription) {
    let bytes = draft.write("127.0.0.1", endpoint.timestamp());
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match read(&bytes) {
        Ok(again) => (text, again),
        Err(error) => panic!("{text}: {error}"),
    }
}

/// Compares what travels besides the standard properties.
fn assert_same(again: &Properties, first: &Properties) {
    let travels = |key: &str| {
        !names::is_reserved(key)
            && !key.eq_ignore_ascii_case(keys::SERVICE_BUNDLE_ID)
            && !key.eq_ignore_ascii_case(keys::SERVICE_SCOPE)
    };
    for (key, first) in first.iter().filter(|(key, _)| travels(key)) {
        let again = again.get(key).map(form);
        assert_eq!(again, Some(form(first)), "{key}");
    }
}

/// A text that is the same for values that say the same: sets have no order, and nothing is not written.
fn form(value: &Value) -> String {
    match value {
        Value::List(elements) => format!("{:?}", forms(elements)),
        Value::Set(elements) => {
            let mut elements = forms(elements);
            elements.sort();
            format!("set of {elements:?}")
        }
        Value::Map(members) => {
            let members = members.iter().filter(|(_, value)| **value != Value::Null);
            let members: Vec<_> = members.map(|(name, value)| (name, form(value))).collect();
            format!("{members:?}")
        }
        other => format!("{other:?}"),
    }
}

fn forms(values: &[Value]) -> Vec<String> {
    let values = values.iter().filter(|value| **value != Value::Null);
    values.map(form).collect()
}

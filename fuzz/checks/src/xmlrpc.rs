//! XML-RPC documents: what is read can be written, and is then read as the same. A Rust type that is read straight from a
//! document, and written straight into one, is what it is by way of a value.

use std::collections::BTreeMap;
use std::fmt::Debug;

use ferlix_core::Structure;
use ferlix_core::property::{Event, FromValue, IntoValue, Value, whole};
use ferlix_core::service::CallError;
use ferlix_xmlrpc::codec::{
    CodecError, Fault, Limits, Response, Writer, decode_call, decode_response, read_call,
    read_response, write_call, write_fault, write_response,
};

/// For what we wrote ourselves, which may be larger than what was read: a text alone becomes an element.
const UNLIMITED: Limits = Limits {
    bytes: usize::MAX,
    depth: 64,
    elements: usize::MAX,
    text: usize::MAX,
};

/// A type of many types, whose names are those of the corpus.
#[derive(Clone, Debug, PartialEq, Structure)]
struct Many {
    a: Option<i64>,
    #[structure(rename = "k")]
    list: Option<Vec<i32>>,
    name: Option<String>,
    #[structure(rename = "faultCode")]
    code: Option<f64>,
    many: Option<Vec<Many>>,
}

/// Checks the types that a document may hold.
fn typed(data: &[u8]) {
    as_type::<Many>(data);
    as_type::<Vec<Many>>(data);
    as_type::<Vec<i32>>(data);
    as_type::<BTreeMap<String, Option<String>>>(data);
    as_type::<BTreeMap<String, BTreeMap<String, u16>>>(data);
    as_type::<String>(data);
    as_type::<f64>(data);
    as_type::<()>(data);
}

/// The same by way of a value and without one: the first argument of a call, or a result.
fn as_type<T: FromValue + IntoValue + Clone + Debug>(data: &[u8]) {
    let limits = Limits::default();
    let (mut direct, mut refused) = (None, String::new());
    let read = decode_response(data, &limits, |event, decoder| {
        direct = Some(whole::<T>(event, decoder));
    });
    let value = match (read, read_response(data, &limits)) {
        (Ok(None), Ok(Response::Value(value))) => Some(value),
        (Ok(Some(fault)), Ok(Response::Fault(other))) => {
            assert_eq!(format!("{fault:?}"), format!("{other:?}"));
            return;
        }
        (Err(error), Err(other)) => {
            refused = error.to_string();
            assert_eq!(refused, other.to_string());
            None
        }
        (read, other) => panic!("{read:?} and {other:?}"),
    };
    let value = value.or_else(|| {
        direct = None;
        let read = decode_call(data, &limits, |_, arguments| match arguments.event() {
            Ok(Event::End) | Err(_) => {}
            Ok(event) => direct = Some(whole::<T>(event, arguments)),
        });
        match (read, read_call(data, &limits)) {
            (Ok(()), Ok(call)) => call.arguments.into_iter().next(),
            (Err(error), Err(other)) => {
                assert_eq!(error.to_string(), other.to_string());
                None
            }
            (read, other) => panic!("{read:?} and {other:?}, after {refused}"),
        }
    });
    let Some(value) = value else { return };
    let by_value = T::from_value(value);
    // By their texts: a number that is none equals itself there.
    assert_eq!(format!("{direct:?}"), format!("{:?}", Some(&by_value)));
    let Ok(made) = by_value else { return };
    let mut writer = Writer::response();
    let encoded = made.encode(&mut writer);
    let by_value = made.into_value().map(|value| write_response(&value));
    match (writer.finish(), by_value) {
        (Ok(document), Ok(Ok(other))) => assert_eq!(document, other),
        (Err(error), Ok(Err(other))) => assert_eq!(error.to_string(), other.to_string()),
        (document, other) => panic!("{encoded:?}, {document:?} and {other:?}"),
    }
}

/// Checks that a call that is read can be written and read again.
///
/// # Panics
/// When it does not hold.
pub fn xmlrpc_call(data: &[u8]) {
    typed(data);
    let call = match read_call(data, &Limits::default()) {
        Ok(call) => call,
        Err(error) => return refused(&error),
    };
    let written = write_call(&call.method, &call.arguments)
        .unwrap_or_else(|error| panic!("{call:?} cannot be written: {error}"));
    let again = read_call(&written, &UNLIMITED)
        .unwrap_or_else(|error| panic!("{:?}: {error}", String::from_utf8_lossy(&written)));
    assert_eq!(again.method, call.method);
    assert_all_alike(&again.arguments, &call.arguments);
}

/// Checks that a response that is read can be written and read again, and that a fault is an error with its code.
///
/// # Panics
/// When it does not hold.
pub fn xmlrpc_response(data: &[u8]) {
    typed(data);
    let response = match read_response(data, &Limits::default()) {
        Ok(response) => response,
        Err(error) => return refused(&error),
    };
    let written = match &response {
        Response::Value(value) => write_response(value)
            .unwrap_or_else(|error| panic!("{value:?} cannot be written: {error}")),
        Response::Fault(fault) => write_fault(fault),
    };
    let again = read_response(&written, &UNLIMITED)
        .unwrap_or_else(|error| panic!("{:?}: {error}", String::from_utf8_lossy(&written)));
    match (again, response) {
        (Response::Value(again), Response::Value(value)) => assert_alike(&again, &value),
        (Response::Fault(again), Response::Fault(fault)) => {
            assert_eq!((again.code, &again.text), (fault.code, &fault.text));
            match (&again.data, &fault.data) {
                (Some(again), Some(data)) => assert_alike(again, data),
                // Data may nest as deep as a value, and lies deeper in a fault: then it is left out.
                (None, _) => {}
                (again, data) => panic!("{data:?} became {again:?}"),
            }
            let Fault { code, .. } = fault;
            let error = CallError::from(fault);
            assert!(
                matches!(error, CallError::Fault { code: kept, .. } if kept == code),
                "{error:?}"
            );
        }
        (again, response) => panic!("{response:?} became {again:?}"),
    }
}

/// What a peer is told of its document is a text of bounded length, whatever the document.
fn refused(error: &CodecError) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.len() < 2_000, "{text}");
}

fn assert_all_alike(again: &[Value], first: &[Value]) {
    assert_eq!(again.len(), first.len());
    for (again, first) in again.iter().zip(first) {
        assert_alike(again, first);
    }
}

/// The same but for what has no form of its own on the wire: narrow numbers, and fractions of a second.
fn assert_alike(again: &Value, first: &Value) {
    match (again, first) {
        (Value::Int(again), Value::Byte(_) | Value::Short(_)) => {
            assert_eq!(Some(i64::from(*again)), first.as_i64());
        }
        (Value::Double(again), Value::Float(_) | Value::Double(_)) => {
            let first = first.as_f64();
            assert!(
                Some(*again) == first || (again.is_nan() && first.is_some_and(f64::is_nan)),
                "{first:?} became {again}"
            );
        }
        (Value::DateTime(again), Value::DateTime(first)) => {
            let seconds = first.time().as_hms();
            assert_eq!(
                (again.date(), again.time().as_hms()),
                (first.date(), seconds)
            );
        }
        (Value::List(again), Value::List(first)) => assert_all_alike(again, first),
        (Value::Map(again), Value::Map(first)) => {
            assert!(again.keys().eq(first.keys()), "{first:?} became {again:?}");
            for (again, first) in again.values().zip(first.values()) {
                assert_alike(again, first);
            }
        }
        (again, first) => assert_eq!(again, first),
    }
}

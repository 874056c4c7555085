//! XML-RPC documents: what is read can be written, and is then read as the same.

use ferlix_core::property::Value;
use ferlix_core::service::CallError;
use ferlix_xmlrpc::codec::{
    CodecError, Fault, Limits, Response, read_call, read_response, write_call, write_fault,
    write_response,
};

/// For what we wrote ourselves, which may be larger than what was read: a text alone becomes an element.
const UNLIMITED: Limits = Limits {
    bytes: usize::MAX,
    depth: 64,
    elements: usize::MAX,
    text: usize::MAX,
};

/// Checks that a call that is read can be written and read again.
///
/// # Panics
/// When it does not hold.
pub fn xmlrpc_call(data: &[u8]) {
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

//! The codec from outside: documents of the real peers, lenient forms, hostile documents, and properties that hold for
//! every value and every byte sequence.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod documents;
mod hostile;
mod properties;

use std::collections::BTreeMap;
use std::path::Path;

use ferlix_core::property::{DateTime, Value};
use ferlix_xmlrpc::codec::{CodecError, Limits, MethodCall, Response, read_call, read_response};

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(path.join(name)).unwrap()
}

fn call(document: &[u8]) -> Result<MethodCall, CodecError> {
    read_call(document, &Limits::default())
}

fn response(document: &[u8]) -> Result<Response, CodecError> {
    read_response(document, &Limits::default())
}

/// The result whose `value` element holds this.
fn result(inner: &str) -> Result<Value, CodecError> {
    let document = format!(
        "<methodResponse><params><param><value>{inner}</value></param></params></methodResponse>"
    );
    match response(document.as_bytes())? {
        Response::Value(value) => Ok(value),
        Response::Fault(fault) => panic!("a fault: {fault:?}"),
    }
}

fn new_year(clock: (u8, u8, u8)) -> DateTime {
    let date = time::Date::from_calendar_date(2026, time::Month::January, 2).unwrap();
    DateTime::new(
        date,
        time::Time::from_hms(clock.0, clock.1, clock.2).unwrap(),
    )
}

/// What the type fixtures hold.
fn every_type() -> Value {
    Value::List(vec![
        Value::Int(1),
        Value::Int(i32::MIN),
        Value::Bool(true),
        Value::Null,
        Value::Double(3.5),
        Value::from("x"),
        Value::Map(BTreeMap::from([(
            "k".to_owned(),
            Value::List(vec![Value::Int(1), Value::Int(2)]),
        )])),
        Value::Bytes(vec![0, 1]),
        Value::DateTime(new_year((3, 4, 5))),
    ])
}

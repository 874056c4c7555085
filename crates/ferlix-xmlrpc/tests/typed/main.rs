//! Rust types that are read straight from documents and written straight into them: the same values, the same bytes and the
//! same errors as by way of a `Value`, whatever the document.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod alike;
mod calls;
mod errors;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use ferlix_core::Structure;
use ferlix_core::property::{DateTime, FromValue, IntoValue, Value, ValueError, whole};
use ferlix_xmlrpc::codec::{CodecError, Limits, Response, Writer, decode_response, read_response};

#[derive(Clone, Debug, PartialEq, Structure)]
struct Leaf {
    #[structure(rename = "Zed & <co>")]
    zed: Option<i64>,
    name: String,
    flags: Vec<bool>,
    r#type: u8,
}

#[derive(Clone, Debug, PartialEq, Structure)]
struct Tree {
    id: u64,
    small: i16,
    ratio: f64,
    single: f32,
    bytes: Vec<u8>,
    leaf: Leaf,
    trees: Vec<Tree>,
    leaves: BTreeMap<String, Vec<Leaf>>,
    numbers: HashMap<String, Option<i32>>,
    letter: char,
    when: DateTime,
    anything: Value,
}

/// Reads a document both ways.
fn same<T: FromValue + PartialEq + Debug>(document: &[u8]) -> Option<Result<T, ValueError>> {
    let limits = Limits::default();
    let mut direct = None;
    let read = decode_response(document, &limits, |event, decoder| {
        direct = Some(whole::<T>(event, decoder));
    });
    let shown = || String::from_utf8_lossy(document).into_owned();
    match (read, read_response(document, &limits)) {
        (Err(error), Err(other)) => {
            assert_eq!(error.to_string(), other.to_string(), "{}", shown());
            None
        }
        (Ok(None), Ok(Response::Value(value))) => {
            assert_eq!(direct, Some(T::from_value(value)), "{}", shown());
            direct
        }
        (Ok(Some(fault)), Ok(Response::Fault(other))) => {
            assert_eq!(fault, other);
            assert_eq!(direct, None);
            None
        }
        (read, other) => panic!("{read:?} and {other:?} of {}", shown()),
    }
}

fn written(value: &impl IntoValue) -> Result<Vec<u8>, CodecError> {
    let mut writer = Writer::response();
    let encoded = value.encode(&mut writer);
    let finished = writer.finish();
    assert_eq!(encoded.is_ok(), finished.is_ok());
    finished
}

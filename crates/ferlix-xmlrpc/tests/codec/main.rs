//! The codec from outside: documents of the real peers, lenient forms, hostile documents, and properties that hold for
//! every value and every byte sequence.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod documents;
mod hostile;
mod properties;

use std::path::Path;

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

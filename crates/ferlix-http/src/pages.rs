//! The pages that the server itself answers with: short, the same for everybody, and without anything of the inside.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

use crate::body::Body;

/// A page for a status, with one sentence below its name.
fn page(status: StatusCode, sentence: &str) -> Response<Body> {
    let name = status.canonical_reason().unwrap_or("Error");
    let code = status.as_u16();
    let text = format!(
        "<!DOCTYPE html>\n<html><head><title>{code} {name}</title></head>\n\
         <body><h1>{code} {name}</h1><p>{sentence}</p></body></html>\n"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

pub(crate) fn bad_request(sentence: &str) -> Response<Body> {
    page(StatusCode::BAD_REQUEST, sentence)
}

pub(crate) fn no_proxy() -> Response<Body> {
    page(StatusCode::NOT_IMPLEMENTED, "This server is no proxy.")
}

pub(crate) fn not_found() -> Response<Body> {
    page(StatusCode::NOT_FOUND, "There is nothing at this address.")
}

pub(crate) fn too_large(limit: u64) -> Response<Body> {
    page(
        StatusCode::PAYLOAD_TOO_LARGE,
        &format!("The content of a request may have {limit} bytes here."),
    )
}

pub(crate) fn timed_out() -> Response<Body> {
    page(
        StatusCode::REQUEST_TIMEOUT,
        "The request did not arrive in time.",
    )
}

pub(crate) fn stopping() -> Response<Body> {
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "The server is stopping; the request was not completed.",
    )
}

/// The page for an error of a handler: the number is found in the log.
pub(crate) fn failed(error_id: &str) -> Response<Body> {
    page(
        StatusCode::INTERNAL_SERVER_ERROR,
        &format!("The request failed. The log tells more about error {error_id}."),
    )
}

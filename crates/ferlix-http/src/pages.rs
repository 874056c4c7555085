//! The pages that the server itself answers with: short, the same for everybody, and without anything of the inside.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};

use crate::body::Body;

/// A page for a status, with one sentence below its name.
#[cold]
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

pub(crate) fn given_up() -> Response<Body> {
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "The client closed its side, and the answer was not there soon after.",
    )
}

/// The page for an error of a handler: the number is found in the log.
pub(crate) fn failed(error_id: &str) -> Response<Body> {
    page(
        StatusCode::INTERNAL_SERVER_ERROR,
        &format!("The request failed. The log tells more about error {error_id}."),
    )
}

/// Who is unknown is asked who it is, in the ways that there are; where a certificate is the only one, it is refused.
pub(crate) fn unauthenticated(challenges: &[HeaderValue]) -> Response<Body> {
    let status = if challenges.is_empty() {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::UNAUTHORIZED
    };
    let mut response = page(status, "This server answers to those only whom it knows.");
    for challenge in challenges {
        response
            .headers_mut()
            .append(WWW_AUTHENTICATE, challenge.clone());
    }
    response
}

pub(crate) fn too_many(wait: Duration) -> Response<Body> {
    let sentence = "More requests came from this client than it may send.";
    later(page(StatusCode::TOO_MANY_REQUESTS, sentence), wait)
}

pub(crate) fn busy() -> Response<Body> {
    let sentence = "Too many clients are being looked at; the request was not completed.";
    let response = page(StatusCode::SERVICE_UNAVAILABLE, sentence);
    later(response, Duration::from_secs(1))
}

/// Says when to come again, in whole seconds.
fn later(mut response: Response<Body>, wait: Duration) -> Response<Body> {
    let seconds = wait.as_secs_f64().ceil().clamp(1.0, 3600.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 3,600"
    )]
    let seconds = HeaderValue::from(seconds as u16);
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}

//! [`handler`]: what the HTTP service is given to mount.

use std::sync::Arc;

use ferlix_http::{Body, Handler, handler_fn};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};

use super::services::{Origin, Services};
use crate::error::BoxError;

/// Makes the handler that answers POSTs with what the services say.
///
/// Anything but a POST is answered 405, an encoded body 415; a body above the limit of the services is refused before
/// it is read when its length is announced (413).
#[must_use]
pub fn handler(services: Arc<Services>) -> Arc<dyn Handler> {
    handler_fn(move |request| answer(Arc::clone(&services), request))
}

/// The answer to a request, later. The request is taken apart before, so that its parts lie in the future once.
fn answer(
    services: Arc<Services>,
    request: Request<Body>,
) -> impl Future<Output = Result<Response<Body>, BoxError>> {
    let (parts, body) = request.into_parts();
    async move { read_and_call(&services, &parts, body).await }
}

async fn read_and_call(
    services: &Services,
    parts: &Parts,
    body: Body,
) -> Result<Response<Body>, BoxError> {
    if parts.method != Method::POST {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "XML-RPC takes POST only.\n");
        let post = HeaderValue::from_static("POST");
        response.headers_mut().insert(ALLOW, post);
        return Ok(response);
    }
    let encoded = parts
        .headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity");
    if encoded {
        let text = "A content encoding is not read here.\n";
        return Ok(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let (peer, identity) = match body.info() {
        Some(info) => (Some(info.peer()), info.identity().cloned()),
        None => (None, None),
    };
    let limit = u64::try_from(services.limits().bytes).unwrap_or(u64::MAX);
    let document = match body.collect_limited(limit).await {
        Ok(document) => document,
        Err(ferlix_http::BodyError::TooLarge { .. }) => {
            let text = format!("A call may have {limit} bytes.\n");
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        // The connection is broken or was cut off by the server, which has its own answer then.
        Err(error) => return Ok(plain(StatusCode::BAD_REQUEST, format!("{error}\n"))),
    };
    let origin = Origin {
        headers: &parts.headers,
        peer,
        identity: identity.as_ref(),
    };
    let answer = services.answer(origin, &document).await;
    let mut response = Response::new(Body::from(answer));
    let text_xml = HeaderValue::from_static("text/xml");
    response.headers_mut().insert(CONTENT_TYPE, text_xml);
    Ok(response)
}

fn plain(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut response = Response::new(Body::from(text.into()));
    *response.status_mut() = status;
    let text_plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text_plain);
    response
}

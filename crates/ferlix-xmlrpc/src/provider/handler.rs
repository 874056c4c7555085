//! [`handler`]: what the HTTP service is given to mount.

use std::future::ready;
use std::sync::Arc;

use ferlix_http::{Body, Handler, HandlerFuture, RequestInfo};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use super::incoming::{self, Encoding, NoDocument, Packed};
use super::origin::Origin;
use super::services::Services;
use crate::error::BoxError;

/// Makes the handler that answers POSTs with what the services say.
///
/// Anything but a POST is answered 405, an encoding other than gzip 415; a body above the limit of the services is refused
/// before it is read when its length is announced (413). When as many calls run as may, or there is no room for another
/// document, the answer is 503 and the service has not run.
#[must_use]
pub fn handler(services: Arc<Services>) -> Arc<dyn Handler> {
    struct Calls(Arc<Services>);

    impl Handler for Calls {
        fn handle(&self, request: Request<Body>) -> HandlerFuture {
            let (parts, body) = request.into_parts();
            let Parts {
                method, headers, ..
            } = parts;
            if method != Method::POST {
                return Box::pin(ready(Ok(not_allowed())));
            }
            Box::pin(read_and_call(Arc::clone(&self.0), headers, body))
        }
    }

    Arc::new(Calls(services))
}

#[expect(
    clippy::manual_async_fn,
    reason = "an async function would hold its arguments twice: as they came, and where it uses them"
)]
fn read_and_call(
    services: Arc<Services>,
    headers: HeaderMap,
    mut body: Body,
) -> impl Future<Output = Result<Response<Body>, BoxError>> {
    async move {
        let encoding = Encoding::of(&headers);
        if encoding == Encoding::Other {
            let text = "Of all content encodings, gzip is read here.\n";
            return Ok(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
        let options = services.options();
        let limit = options.limits.bytes;
        let mut document = match incoming::collect(&mut body, limit, services.buffer_room()).await {
            Ok(document) => document,
            Err(NoDocument::TooLarge) => return Ok(too_large(limit)),
            Err(NoDocument::NoRoom) => return Ok(busy()),
            // The connection is broken or was cut off by the server, which has its own answer then.
            Err(NoDocument::Broken(error)) => {
                return Ok(plain(StatusCode::BAD_REQUEST, format!("{error}\n")));
            }
        };
        let mut place = services.running_room().enter();
        if !place.grow(1) {
            return Ok(busy());
        }
        if encoding == Encoding::Gzip {
            document = match incoming::unpack(&document, limit) {
                Ok(document) => document.into(),
                Err(Packed::TooLarge) => return Ok(too_large(limit)),
                Err(Packed::Broken) => {
                    return Ok(plain(StatusCode::BAD_REQUEST, "This is no gzip.\n"));
                }
            };
        }
        let info = body.info();
        let origin = Origin {
            headers: &headers,
            peer: info.map(RequestInfo::peer),
            identity: info.and_then(RequestInfo::identity),
        };
        let answer = services.answer(origin, &document).await;
        let text_xml = HeaderValue::from_static("text/xml");
        let packs = options.gzip_from > 0 && answer.len() >= options.gzip_from;
        let mut response = if packs && incoming::takes_gzip(&headers) {
            let mut response = Response::new(Body::from(incoming::pack(&answer)));
            let gzip = HeaderValue::from_static("gzip");
            response.headers_mut().insert(CONTENT_ENCODING, gzip);
            response
        } else {
            Response::new(Body::from(answer))
        };
        response.headers_mut().insert(CONTENT_TYPE, text_xml);
        Ok(response)
    }
}

#[cold]
fn not_allowed() -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "XML-RPC takes POST only.\n");
    let post = HeaderValue::from_static("POST");
    response.headers_mut().insert(ALLOW, post);
    response
}

#[cold]
fn too_large(limit: usize) -> Response<Body> {
    let text = format!("A call may have {limit} bytes.\n");
    plain(StatusCode::PAYLOAD_TOO_LARGE, text)
}

/// As much is being done as may be: the call was not made, and may be made again.
#[cold]
fn busy() -> Response<Body> {
    let mut response = plain(
        StatusCode::SERVICE_UNAVAILABLE,
        "Too many calls: try again.\n",
    );
    let soon = HeaderValue::from_static("1");
    response.headers_mut().insert(RETRY_AFTER, soon);
    response
}

#[cold]
fn plain(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut response = Response::new(Body::from(text.into()));
    *response.status_mut() = status;
    let text_plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text_plain);
    response
}

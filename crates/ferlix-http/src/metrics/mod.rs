//! Metrics: what services and the server itself count, as the text that Prometheus scrapes.
//!
//! In: [`MetricsSource`] services of any bundle, and the server's own counters. Out: the page at `ferlix.http.metrics`, made
//! anew for each request. Deliberately absent: pushing, and a registry of numbers: whoever counts keeps its own counters.

mod counters;
mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ferlix_core::service::{Interface, Service};
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::body::Body;
use crate::error::{BoxError, panic_message};
use crate::handler::{Handler, handler_fn};

pub(crate) use counters::{Counters, Refused};
pub use text::MetricsText;

/// The specification of [`MetricsSource`].
pub const METRICS_SOURCE: &str = "ferlix.http.metrics.source";
/// The content type of the text format, version 0.0.4.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// A service that counts something. While it is registered, every HTTP service shows its numbers.
pub trait MetricsSource: Send + Sync {
    /// Writes the numbers as they are now. Called for each request of the page: read, do not compute.
    fn write(&self, text: &mut MetricsText);
}

impl Service for dyn MetricsSource {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local(METRICS_SOURCE);
        &INTERFACE
    }
}

/// The page: what `own` writes, and then the sources that there are.
pub(crate) fn page(
    own: impl Fn(&mut MetricsText) + Send + Sync + 'static,
    sources: impl Fn() -> Vec<Arc<dyn MetricsSource>> + Send + Sync + 'static,
) -> Arc<dyn Handler> {
    let write = Arc::new(move || {
        let mut text = MetricsText::new();
        own(&mut text);
        for source in sources() {
            let before = text.len();
            // A source that fails costs its own numbers, not those of the others.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| source.write(&mut text))) {
                tracing::error!("{}", panic_message("a source of metrics", &*panic));
                text.truncate(before);
            }
        }
        text.finish()
    });
    handler_fn(move |request: http::Request<Body>| {
        let write = Arc::clone(&write);
        async move {
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                let mut response = Response::new(Body::from("Metrics are read by GET.\n"));
                *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                let get = HeaderValue::from_static("GET, HEAD");
                response.headers_mut().insert(ALLOW, get);
                return Ok::<_, BoxError>(response);
            }
            let mut response = Response::new(Body::from(write()));
            response.headers_mut().insert(CONTENT_TYPE, TEXT);
            Ok(response)
        }
    })
}

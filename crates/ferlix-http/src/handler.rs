//! [`Handler`]: what answers the requests below a mounted path, and the adapters that make one.
//!
//! In: a request whose target was normalised and whose body is limited. Out: a response, or an error that the server
//! turns into a 500 page with a number that is found in the log. A handler that panics does the same and hurts nothing
//! else.

use std::future::{Future, poll_fn};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryFutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower_service::Service as TowerService;

use crate::body::Body;
use crate::error::BoxError;

/// What a handler returns: the response, later.
pub type HandlerFuture = BoxFuture<'static, Result<Response<Body>, BoxError>>;

/// Answers the requests below one path.
///
/// The server sets no deadline for an answer: a handler that waits for something bounds its own wait. The future is
/// polled on the connection's task; blocking work belongs in `spawn_blocking`.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Where it came from is said by [`Body::info`].
    fn handle(&self, request: Request<Body>) -> HandlerFuture;
}

/// Makes a handler of an async function.
///
/// ```
/// use ferlix_http::{Body, BoxError, handler_fn};
/// use http::{Request, Response};
///
/// let hello = handler_fn(async |_: Request<Body>| Ok::<_, BoxError>(Response::new(Body::from("Hello"))));
/// # drop(hello);
/// ```
pub fn handler_fn<F, Fut, E>(function: F) -> Arc<dyn Handler>
where
    F: Fn(Request<Body>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response<Body>, E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    struct Function<F>(F);

    impl<F, Fut, E> Handler for Function<F>
    where
        F: Fn(Request<Body>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Response<Body>, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        fn handle(&self, request: Request<Body>) -> HandlerFuture {
            // No async block: that would hold the function's future twice, before it is awaited and while it is.
            Box::pin((self.0)(request).map_err(Into::into))
        }
    }

    Arc::new(Function(function))
}

/// Makes a handler of a tower service, for example an axum router. It is cloned for each request, as tower asks, and finds
/// a [`RequestInfo`](crate::RequestInfo) in the request's extensions.
pub fn tower_handler<S, B>(service: S) -> Arc<dyn Handler>
where
    S: TowerService<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    struct Tower<S>(S);

    impl<S, B> Handler for Tower<S>
    where
        S: TowerService<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        fn handle(&self, mut request: Request<Body>) -> HandlerFuture {
            if let Some(info) = request.body().info().cloned() {
                request.extensions_mut().insert(info);
            }
            let mut service = self.0.clone();
            Box::pin(async move {
                poll_fn(|cx| service.poll_ready(cx))
                    .await
                    .map_err(Into::into)?;
                let response = service.call(request).await.map_err(Into::into)?;
                Ok(response.map(Body::wrap))
            })
        }
    }

    Arc::new(Tower(service))
}

//! [`Channel`]: one HTTP/2 connection, as the gRPC library wants to send calls over it.
//!
//! That library has a channel of its own, which dials by itself, dials again, queues and balances, each in a layer that every
//! call goes through. All of that is the session's business here, so a call goes straight to the connection.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::USER_AGENT;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::rt::Executor as _;
use hyper_util::rt::TokioIo;
use tonic::body::Body;
use tower_service::Service;

use super::dial::ByteStream;
use super::together::together;

/// Room for a page of a range on its way, so that a long round trip does not stretch the read of many keys.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;

/// Who we are, for etcd's log.
const AGENT: &str = concat!("ferlix-etcd/", env!("CARGO_PKG_VERSION"));

/// An open connection. It closes when the last clone and the last call are dropped.
#[derive(Clone)]
pub(super) struct Channel(SendRequest<Body>);

impl Channel {
    /// Speaks HTTP/2 over a stream. It does not wait for the other end.
    pub(super) async fn open(stream: Box<dyn ByteStream>) -> hyper::Result<Self> {
        let (wire, executor, driver) = together(stream);
        tokio::spawn(driver);
        let mut builder = Builder::new(executor.clone());
        builder
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let (requests, connection) = builder.handshake(TokioIo::new(wire)).await?;
        executor.execute(async {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to etcd ended");
            }
        });
        Ok(Self(requests))
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let agent = HeaderValue::from_static(AGENT);
        request.headers_mut().insert(USER_AGENT, agent);
        Box::pin(self.0.send_request(request))
    }
}

//! Handlers come and go, fail and panic, and the server stops, without hurting anybody else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ferlix_http::{
    Body, BoxError, Handler, HttpError, HttpService as _, MountOptions, RequestInfo, Server,
    handler_fn, tower_handler,
};
use http::{Request, Response};
use http_body_util::Full;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower_service::Service;

use support::{Client, mount, options, server, text, within};

/// A handler that says when it has begun and answers when it may.
struct Gate {
    begun: Notify,
    open: Notify,
}

fn gated() -> (Arc<Gate>, Arc<dyn Handler>) {
    let gate = Arc::new(Gate {
        begun: Notify::new(),
        open: Notify::new(),
    });
    let inner = Arc::clone(&gate);
    let handler = handler_fn(move |_: Request<Body>| {
        let gate = Arc::clone(&inner);
        async move {
            gate.begun.notify_one();
            gate.open.notified().await;
            Ok::<_, BoxError>(Response::new(Body::from("done")))
        }
    });
    (gate, handler)
}

#[tokio::test]
async fn handlers_come_and_go_while_the_server_runs() {
    let server = server(options()).await;
    let mut client = Client::connect(&server).await;
    assert_eq!(client.get("/a").await.status, 404);
    let first = server
        .mount("/a", text("first"), MountOptions::new("test"))
        .unwrap();
    assert_eq!(client.get("/a").await.body, "first");
    mount(&server, "/a/b", text("second"));
    assert_eq!(client.get("/a/b/c").await.body, "second");
    assert_eq!(server.mounts(), ["/a", "/a/b"]);
    assert!(first.unmount());
    assert!(!first.unmount());
    assert_eq!(client.get("/a").await.status, 404);
    assert_eq!(client.get("/a/b/c").await.body, "second");
}

#[tokio::test]
async fn a_request_in_flight_outlives_its_mount() {
    let server = server(options()).await;
    let (gate, handler) = gated();
    mount(&server, "/slow", handler);
    let mut client = Client::connect(&server).await;
    client.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(gate.begun.notified()).await;
    assert!(server.unmount("/slow"));
    assert_eq!(
        Client::connect(&server).await.get("/slow").await.status,
        404
    );
    gate.open.notify_one();
    assert_eq!(client.answer().await.body, "done");
}

#[tokio::test]
async fn errors_and_panics_are_500_with_a_number_and_nothing_else() {
    let server = server(options()).await;
    let failing = handler_fn(async |_: Request<Body>| {
        Err::<Response<Body>, BoxError>("the secret reason".into())
    });
    mount(&server, "/error", failing);
    let early: Arc<dyn Handler> = {
        struct Panics;
        impl Handler for Panics {
            fn handle(&self, _: Request<Body>) -> ferlix_http::HandlerFuture {
                panic!("the secret reason");
            }
        }
        Arc::new(Panics)
    };
    mount(&server, "/early", early);
    let late = handler_fn(async |request: Request<Body>| {
        tokio::task::yield_now().await;
        assert!(request.uri().path().is_empty(), "the secret reason");
        Ok::<_, BoxError>(Response::new(Body::empty()))
    });
    mount(&server, "/late", late);
    let mut client = Client::connect(&server).await;
    let mut numbers = Vec::new();
    for path in ["/error", "/early", "/late"] {
        let answer = client.get(path).await;
        assert_eq!(answer.status, 500);
        assert!(!answer.body.contains("secret"), "{}", answer.body);
        let (_, number) = answer.body.split_once("about error ").unwrap();
        numbers.push(number[..36].to_owned());
    }
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 3, "{numbers:?}");
}

#[tokio::test]
async fn a_broken_stream_ends_the_response_visibly() {
    struct Breaks(bool);
    impl http_body::Body for Breaks {
        type Data = bytes::Bytes;
        type Error = BoxError;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, BoxError>>> {
            let first = !std::mem::replace(&mut self.0, true);
            Poll::Ready(Some(if first {
                Ok(http_body::Frame::data("begun".into()))
            } else {
                Err("broken".into())
            }))
        }
    }
    let server = server(options()).await;
    let breaking = handler_fn(async |_: Request<Body>| {
        Ok::<_, BoxError>(Response::new(Body::wrap(Breaks(false))))
    });
    mount(&server, "/breaks", breaking);
    let mut client = Client::connect(&server).await;
    client.send("GET /breaks HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let rest = client.rest().await;
    assert!(
        !rest.ends_with("0\r\n\r\n"),
        "the end must be missing: {rest}"
    );
}

/// A tower service with a body of its own and one request at a time.
#[derive(Clone, Default)]
struct Counting {
    ready: bool,
}

impl Service<Request<Body>> for Counting {
    type Response = Response<Full<bytes::Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.ready {
            return Poll::Ready(Ok(()));
        }
        self.ready = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        assert!(self.ready, "called before it was ready");
        let info = request.extensions().get::<RequestInfo>().unwrap();
        let answer = format!("tower saw {} at {}", request.uri(), info.mount_path());
        ready(Ok(Response::new(Full::new(answer.into()))))
    }
}

#[tokio::test]
async fn a_tower_service_can_be_mounted() {
    let server = server(options()).await;
    mount(&server, "/tower", tower_handler(Counting::default()));
    let mut client = Client::connect(&server).await;
    for _ in 0..2 {
        assert_eq!(
            client.get("/tower/x?y").await.body,
            "tower saw /tower/x?y at /tower"
        );
    }
}

#[tokio::test]
async fn the_same_handler_may_be_mounted_again() {
    let server = server(options()).await;
    let handler = text("same");
    mount(&server, "/a", Arc::clone(&handler));
    mount(&server, "/a", Arc::clone(&handler));
    mount(&server, "/b", handler);
    let taken = server
        .mount("/a", text("other"), MountOptions::new("other"))
        .unwrap_err();
    assert_eq!(
        taken.to_string(),
        "path /a is taken by test: unmount it or choose another path"
    );
}

#[tokio::test]
async fn a_stop_answers_what_was_read_and_frees_the_port() {
    let server = server(options()).await;
    let address = server.address();
    let (gate, handler) = gated();
    mount(&server, "/slow", handler);
    mount(&server, "/fast", text("fast"));
    let mut idle = Client::connect(&server).await;
    assert_eq!(idle.get("/fast").await.status, 200);
    let mut busy = Client::connect(&server).await;
    busy.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    within(gate.begun.notified()).await;

    let stopping = tokio::spawn(async move {
        server.shutdown().await;
        server
    });
    // The idle connection is closed, the port is free, and the request is not forgotten.
    assert_eq!(idle.rest().await, "");
    let again = TcpListener::bind(address).await.unwrap();
    drop(again);
    gate.open.notify_one();
    let answer = busy.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "done"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(busy.rest().await, "");
    let server = within(stopping).await.unwrap();
    assert_eq!(server.open_connections(), 0);
}

#[tokio::test]
async fn a_stop_answers_503_when_the_time_is_over() {
    let mut options = options();
    options.drain = Duration::from_millis(20);
    let server = server(options).await;
    let (gate, handler) = gated();
    mount(&server, "/slow", handler);
    let mut busy = Client::connect(&server).await;
    busy.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut begun = Client::connect(&server).await;
    begun.send("GET /slow HTT").await;
    within(gate.begun.notified()).await;
    within(server.shutdown()).await;
    assert_eq!(busy.answer().await.status, 503);
    assert_eq!(busy.rest().await, "");
    assert_eq!(begun.rest().await, "");
    assert_eq!(server.open_connections(), 0);
}

#[tokio::test]
async fn dropping_the_server_closes_everything() {
    let server = server(options()).await;
    let address = server.address();
    mount(&server, "/", text("reached"));
    let mut client = Client::connect(&server).await;
    assert_eq!(client.get("/").await.status, 200);
    drop(server);
    assert_eq!(client.rest().await, "");
    within(async {
        while TcpListener::bind(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_taken_port_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = options();
    options.port = taken.local_addr().unwrap().port();
    let error = Server::bind(options.clone()).await.unwrap_err();
    assert!(matches!(error, HttpError::PortTaken { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!(
            "port {} on 127.0.0.1 is taken: choose another with -D ferlix.http.port=… or stop the program that uses it",
            options.port
        )
    );
    options.host = "192.0.2.1".into();
    let error = Server::bind(options).await.unwrap_err();
    assert!(matches!(error, HttpError::Address { .. }), "{error:?}");
}

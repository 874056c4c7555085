//! The caller against peers of every kind: polite, old, slow, broken and hostile ones.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ferlix_core::property::Value;
use ferlix_core::service::{CallError, Caller as _};
use ferlix_xmlrpc::Error;
use ferlix_xmlrpc::client::{Transport, TransportOptions, XmlRpcCaller};
use ferlix_xmlrpc::codec::{Limits, read_call, write_response};
use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// No wait in these tests is longer.
const PATIENCE: Duration = Duration::from_secs(20);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it should have happened by now")
}

/// One connection that a peer accepted.
struct Accepted {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Accepted {
    /// The next request: its head and its body. `None` when the caller closed the connection.
    async fn request(&mut self) -> Option<(String, Vec<u8>)> {
        loop {
            if let Some(end) = self
                .received
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
            {
                let head = String::from_utf8(self.received[..end].to_vec()).unwrap();
                let length: usize = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().unwrap());
                if self.received.len() >= end + 4 + length {
                    let rest = self.received.split_off(end + 4 + length);
                    let body = self.received.split_off(end + 4);
                    self.received = rest;
                    return Some((head, body));
                }
            }
            if self.stream.read_buf(&mut self.received).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // A caller that has gone away is no failure of the peer.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Answers with a result.
    async fn result(&mut self, value: &Value) {
        self.send(answer("HTTP/1.1 200 OK", &write_response(value).unwrap()))
            .await;
    }
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "{status}\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A peer that runs a script for each connection.
struct Peer {
    url: String,
    connections: Arc<AtomicUsize>,
}

impl Peer {
    async fn new<F, Fut>(script: F) -> Self
    where
        F: Fn(Accepted) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/xml-rpc", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(script(Accepted {
                    stream,
                    received: Vec::new(),
                }));
            }
        });
        Self { url, connections }
    }

    /// A peer that sends these bytes to every request and closes.
    async fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::new(move |mut connection| {
            let bytes = bytes.clone();
            async move {
                connection.request().await;
                connection.send(bytes).await;
            }
        })
        .await
    }

    fn caller(&self) -> XmlRpcCaller {
        self.caller_with(&TransportOptions::default())
    }

    fn caller_with(&self, options: &TransportOptions) -> XmlRpcCaller {
        let transport = Transport::new(options).unwrap();
        XmlRpcCaller::new(&transport, &self.url, 3, "org.example.Greeter").unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn greet(caller: &XmlRpcCaller) -> Result<Value, CallError> {
    soon(caller.call_values("greet", vec![Value::from("you")])).await
}

#[tokio::test]
async fn a_call_is_a_post_that_tells_its_deadline() {
    let (requests, mut seen) = mpsc::unbounded_channel();
    let peer = Peer::new(move |mut connection| {
        let requests = requests.clone();
        async move {
            requests.send(connection.request().await.unwrap()).unwrap();
            connection.result(&Value::from("hello")).await;
        }
    })
    .await;
    let caller = peer.caller();
    caller.set_timeout(Duration::from_millis(12_345));
    assert_eq!(greet(&caller).await.unwrap(), Value::from("hello"));
    let (head, body) = soon(seen.recv()).await.unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST /xml-rpc HTTP/1.1"));
    let headers: Vec<&str> = lines.collect();
    assert!(headers.contains(&"content-type: text/xml"), "{head}");
    assert!(headers.contains(&"x-osgi-basic-timeout: 12345"), "{head}");
    assert!(
        headers
            .iter()
            .any(|line| line.starts_with("host: 127.0.0.1:"))
    );
    let call = read_call(&body, &Limits::default()).unwrap();
    assert_eq!(call.method, "3.greet");
    assert_eq!(call.arguments, [Value::from("you")]);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let peer = Peer::new(async |mut connection: Accepted| {
        while connection.request().await.is_some() {
            connection.result(&Value::Int(1)).await;
        }
    })
    .await;
    let caller = peer.caller();
    for _ in 0..5 {
        assert_eq!(greet(&caller).await.unwrap(), Value::Int(1));
    }
    assert_eq!(peer.connections(), 1);
}

/// A peer that answers on every connection and says which one has ended.
async fn peer_that_tells_of_ends() -> (Peer, mpsc::UnboundedReceiver<()>) {
    let (ended, ends) = mpsc::unbounded_channel();
    let peer = Peer::new(move |mut connection| {
        let ended = ended.clone();
        async move {
            while connection.request().await.is_some() {
                connection.result(&Value::Int(1)).await;
            }
            let _ = ended.send(());
        }
    })
    .await;
    (peer, ends)
}

#[tokio::test]
async fn callers_of_one_address_share_its_connections_until_the_last_is_gone() {
    let (peer, mut ends) = peer_that_tells_of_ends().await;
    let transport = Transport::new(&TransportOptions::default()).unwrap();
    let caller = |id| XmlRpcCaller::new(&transport, &peer.url, id, "org.example.Greeter").unwrap();
    let (first, second) = (caller(3), caller(4));
    for caller in [&first, &second, &first] {
        assert_eq!(greet(caller).await.unwrap(), Value::Int(1));
    }
    assert_eq!(peer.connections(), 1);
    let both = tokio::join!(greet(&first), greet(&second));
    assert!(matches!(both, (Ok(_), Ok(_))), "{both:?}");
    assert_eq!(peer.connections(), 2, "each had its own at that time");
    drop(first);
    greet(&second).await.unwrap();
    assert!(ends.try_recv().is_err());
    drop(second);
    soon(ends.recv()).await.unwrap();
    soon(ends.recv()).await.unwrap();
    // The transport can be used on.
    greet(&caller(3)).await.unwrap();
    assert_eq!(peer.connections(), 3);
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_time() {
    let (peer, mut ends) = peer_that_tells_of_ends().await;
    let caller = peer.caller_with(&TransportOptions {
        idle_timeout: Duration::from_millis(50),
        ..TransportOptions::default()
    });
    for connections in 1..=3 {
        greet(&caller).await.unwrap();
        assert_eq!(peer.connections(), connections);
        // Without another call.
        soon(ends.recv()).await.unwrap();
    }
}

#[tokio::test]
async fn old_peers_that_close_are_connected_to_anew() {
    // Once with a length and once without: the end of the connection is then the end of the answer.
    for with_length in [true, false] {
        let peer = Peer::new(move |mut connection| async move {
            connection.request().await.unwrap();
            let body = write_response(&Value::Int(1)).unwrap();
            if with_length {
                connection.send(answer("HTTP/1.0 200 OK", &body)).await;
            } else {
                connection.send("HTTP/1.0 200 OK\r\n\r\n").await;
                connection.send(body).await;
            }
        })
        .await;
        let caller = peer.caller();
        for _ in 0..3 {
            assert_eq!(greet(&caller).await.unwrap(), Value::Int(1));
        }
        assert_eq!(peer.connections(), 3);
    }
}

#[tokio::test]
async fn a_connection_that_closed_while_idle_costs_no_call() {
    let (closed, mut seen) = mpsc::unbounded_channel();
    let peer = Peer::new(move |mut connection| {
        let closed = closed.clone();
        async move {
            connection.request().await.unwrap();
            connection.result(&Value::Int(1)).await;
            drop(connection);
            closed.send(()).unwrap();
        }
    })
    .await;
    let caller = peer.caller();
    for _ in 0..20 {
        assert_eq!(greet(&caller).await.unwrap(), Value::Int(1));
        soon(seen.recv()).await.unwrap();
        // The pool learns of the end of the connection when its task runs: let it, as any pause between calls would.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(peer.connections(), 20);
}

#[tokio::test]
async fn a_fault_is_the_services_own() {
    let fault = ferlix_xmlrpc::codec::write_fault(&ferlix_xmlrpc::codec::Fault {
        code: 1,
        text: "<class 'ValueError'>:asked to fail".to_owned(),
        data: None,
    });
    let peer = Peer::saying(answer("HTTP/1.0 200 OK", &fault)).await;
    match greet(&peer.caller()).await.unwrap_err() {
        CallError::Fault {
            code: 1,
            kind: Some(kind),
            message,
            ..
        } => assert_eq!((&*kind, &*message), ("ValueError", "asked to fail")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn other_answers_are_errors_that_say_what_was_meant() {
    let xml = "content-type: text/xml\r\ncontent-length: 0\r\n";
    for (head, refused, said) in [
        (
            "404 Not Found\r\n",
            true,
            "404 Not Found: nothing is served",
        ),
        (
            "413 Payload Too Large\r\n",
            true,
            "bytes is larger than it takes",
        ),
        ("503 Service Unavailable\r\n", true, "overloaded"),
        ("401 Unauthorized\r\n", true, "401 Unauthorized"),
        ("403 Forbidden\r\n", true, "403 Forbidden"),
        ("500 Internal Server Error\r\n", false, "status 500"),
        ("204 No Content\r\n", false, "status 204"),
        (
            "302 Found\r\nlocation: http://127.0.0.1:1/other\r\n",
            false,
            "to \"http://127.0.0.1:1/other\": redirects are not followed",
        ),
        (
            "200 OK\r\ncontent-encoding: gzip\r\n",
            false,
            "\"gzip\" was not asked for",
        ),
        ("200 OK\r\n", false, "the end of the document"),
    ] {
        let peer = Peer::saying(format!("HTTP/1.1 {head}{xml}\r\n")).await;
        let error = greet(&peer.caller()).await.unwrap_err();
        assert_eq!(
            matches!(error, CallError::Refused { .. }),
            refused,
            "{error:?}"
        );
        assert_eq!(
            matches!(error, CallError::Protocol { .. }),
            !refused,
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.starts_with(&peer.url) && text.contains(said), "{text}");
        assert_eq!(peer.connections(), 1, "{head} was not tried again");
    }
}

#[tokio::test]
async fn a_peer_that_is_silent_runs_into_the_deadline() {
    let (closed, mut seen) = mpsc::unbounded_channel();
    let peer = Peer::new(move |mut connection| {
        let closed = closed.clone();
        async move {
            connection.request().await.unwrap();
            connection
                .send("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n<")
                .await;
            assert!(connection.request().await.is_none());
            closed.send(()).unwrap();
        }
    })
    .await;
    let caller = peer.caller();
    let limit = Duration::from_millis(150);
    caller.set_timeout(limit);
    let begun = Instant::now();
    match greet(&caller).await.unwrap_err() {
        CallError::Timeout { after, peer: named } => {
            assert_eq!((after, named), (limit, peer.url.clone()));
        }
        other => panic!("{other:?}"),
    }
    assert!(begun.elapsed() >= limit);
    soon(seen.recv()).await.expect("the connection is closed");
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_connection() {
    let (events, mut seen) = mpsc::unbounded_channel();
    let peer = Peer::new(move |mut connection| {
        let events = events.clone();
        async move {
            connection.request().await.unwrap();
            events.send("read").unwrap();
            assert!(connection.request().await.is_none());
            events.send("closed").unwrap();
        }
    })
    .await;
    let call = tokio::spawn({
        let caller = peer.caller();
        async move { caller.call_values("greet", vec![]).await }
    });
    assert_eq!(soon(seen.recv()).await, Some("read"));
    call.abort();
    assert_eq!(soon(seen.recv()).await, Some("closed"));
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read() {
    let options = TransportOptions {
        limits: Limits {
            bytes: 1000,
            ..Limits::default()
        },
        ..TransportOptions::default()
    };
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n";
    let peer = Peer::saying(announced).await;
    let error = greet(&peer.caller_with(&options)).await.unwrap_err();
    assert!(
        error.to_string().contains("longer than 1000 bytes"),
        "{error}"
    );

    let endless = Peer::new(async |mut connection: Accepted| {
        connection.request().await.unwrap();
        connection
            .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        let chunk = format!("100\r\n{}\r\n", " ".repeat(256));
        while connection.stream.write_all(chunk.as_bytes()).await.is_ok() {}
    })
    .await;
    let error = greet(&endless.caller_with(&options)).await.unwrap_err();
    assert!(
        error.to_string().contains("longer than 1000 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_may_come_in_pieces() {
    // More than is read at once; and each chunk is a piece of its own.
    let long = Value::from("Howdy ".repeat(50_000));
    let said = long.clone();
    let peer = Peer::new(move |mut connection| {
        let document = write_response(&said).unwrap();
        async move {
            let (first, last) = document.split_at(30);
            connection.request().await.unwrap();
            connection.send(answer("HTTP/1.1 200 OK", &document)).await;

            connection.request().await.unwrap();
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-last\r\n\r\n";
            connection.send(head).await;
            for piece in [first, last] {
                connection.send(format!("{:x}\r\n", piece.len())).await;
                connection.send(piece).await;
                connection.send("\r\n").await;
            }
            connection.send("0\r\nx-last: 1\r\n\r\n").await;
            connection.request().await.unwrap();
            connection.send(answer("HTTP/1.1 200 OK", &document)).await;
        }
    })
    .await;
    let caller = peer.caller();
    for _ in 0..3 {
        assert_eq!(greet(&caller).await.unwrap(), long);
    }
    assert_eq!(peer.connections(), 1);
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/xml-rpc", listener.local_addr().unwrap());
    drop(listener);
    let transport = Transport::new(&TransportOptions::default()).unwrap();
    let caller = XmlRpcCaller::new(&transport, &url, 3, "x").unwrap();
    match greet(&caller).await.unwrap_err() {
        CallError::Unreachable { peer, source } => {
            assert_eq!(peer, url);
            let error: &Error = source.downcast_ref().unwrap();
            assert!(matches!(error, Error::Connect(_)), "{error:?}");
            assert!(error.to_string().contains("refused"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_probe_asks_the_server_and_no_service() {
    let peer = Peer::new(|mut accepted| async move {
        while let Some((head, body)) = accepted.request().await {
            assert!(head.starts_with("GET /xml-rpc HTTP/1.1"), "{head}");
            assert!(body.is_empty());
            accepted
                .send(answer("HTTP/1.1 405 Method Not Allowed", b""))
                .await;
        }
    })
    .await;
    soon(peer.caller().probe()).await.unwrap();
    let stopping = Peer::saying(answer("HTTP/1.1 503 Service Unavailable", b"")).await;
    let error = soon(stopping.caller().probe()).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error}");
    let garbage = Peer::saying("what?\r\n\r\n").await;
    assert!(soon(garbage.caller().probe()).await.is_err());
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_not_sent_again() {
    for sent in ["", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n<met"] {
        let peer = Peer::saying(sent).await;
        let caller = peer.caller();
        match greet(&caller).await.unwrap_err() {
            CallError::Lost { source, .. } => {
                let error: &Error = source.downcast_ref().unwrap();
                assert!(matches!(error, Error::Lost(_)), "{error:?}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(peer.connections(), 1);
    }
}

#[tokio::test]
async fn an_answer_of_garbage_is_a_protocol_error() {
    for garbage in [
        "no HTTP at all\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
    ] {
        let peer = Peer::saying(garbage).await;
        let error = greet(&peer.caller()).await.unwrap_err();
        assert!(matches!(error, CallError::Protocol { .. }), "{error:?}");
    }
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let peer = Peer::saying(long).await;
    let error = greet(&peer.caller()).await.unwrap_err();
    assert!(matches!(error, CallError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn a_closed_caller_is_gone_at_once() {
    let peer = Peer::saying("").await;
    let caller = peer.caller();
    let clone = caller.clone();
    caller.close();
    match greet(&clone).await.unwrap_err() {
        CallError::Gone { service } => assert_eq!(service, "org.example.Greeter"),
        other => panic!("{other:?}"),
    }
    assert_eq!(peer.connections(), 0);
}

#[tokio::test]
async fn an_argument_that_cannot_be_sent_is_the_callers_fault() {
    let peer = Peer::saying("").await;
    let error = soon(peer.caller().call_values("greet", vec![Value::from("a\0")]))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::InvalidArguments { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("argument 1"), "{error}");
    assert_eq!(peer.connections(), 0);
}

#[test]
fn addresses_are_checked() {
    let transport = Transport::new(&TransportOptions::default()).unwrap();
    for (url, said) in [
        ("http://h:8181/xml-rpc", None),
        ("http://[::1]:8181/xml-rpc", None),
        ("https://h/xml-rpc", Some("ecf.xmlrpc.client.tls.ca_file")),
        ("ecftcp://h:3282/server", Some("only http and https")),
        ("/xml-rpc", Some("no URL")),
        ("h:8181", Some("no URL")),
        ("http://user:secret@h/xml-rpc", Some("user name")),
        ("http://h/a b", Some("invalid")),
        ("", Some("")),
    ] {
        let made = XmlRpcCaller::new(&transport, url, 1, "x");
        match (made, said) {
            (Ok(_), None) => {}
            (Err(error), Some(said)) => assert!(error.to_string().contains(said), "{error}"),
            (made, _) => panic!("{url}: {made:?}"),
        }
    }
}

#[test]
fn without_any_runtime_a_call_fails_and_does_not_panic() {
    let transport = Transport::new(&TransportOptions::default()).unwrap();
    let caller = XmlRpcCaller::new(&transport, "http://h/xml-rpc", 1, "x").unwrap();
    let error = caller
        .call_values("m", vec![])
        .now_or_never()
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    let error = caller.probe().now_or_never().unwrap().unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
}

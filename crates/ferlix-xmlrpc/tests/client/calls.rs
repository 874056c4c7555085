//! How a call goes out, and what becomes of one that cannot.

use std::time::Duration;

use ferlix_core::property::Value;
use ferlix_core::service::{CallError, Caller as _};
use ferlix_xmlrpc::Error;
use ferlix_xmlrpc::client::{Transport, TransportOptions, XmlRpcCaller};
use ferlix_xmlrpc::codec::{Limits, read_call};
use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{Peer, answer, greet, soon};

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

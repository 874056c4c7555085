//! What each answer, or none, means for the call.

use std::time::{Duration, Instant};

use ferlix_core::property::Value;
use ferlix_core::service::CallError;
use ferlix_xmlrpc::client::TransportOptions;
use ferlix_xmlrpc::codec::{Limits, write_response};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use super::{Accepted, Peer, answer, greet, soon};

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

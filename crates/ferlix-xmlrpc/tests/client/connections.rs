//! When connections are used again, closed and made anew.

use std::time::Duration;

use ferlix_core::property::Value;
use ferlix_core::service::{CallError, Caller as _};
use ferlix_xmlrpc::client::{Transport, TransportOptions, XmlRpcCaller};
use ferlix_xmlrpc::codec::write_response;
use tokio::sync::mpsc;

use super::{Accepted, Peer, answer, greet, soon};

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

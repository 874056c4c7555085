//! The caller against peers of every kind: polite, old, slow, broken and hostile ones.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod answers;
mod calls;
mod connections;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ferlix_core::property::Value;
use ferlix_core::service::{CallError, Caller as _};
use ferlix_xmlrpc::client::{Transport, TransportOptions, XmlRpcCaller};
use ferlix_xmlrpc::codec::write_response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

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

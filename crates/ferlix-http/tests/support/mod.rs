//! A client that sends exactly the bytes it is told to, and handlers for the tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ferlix_http::{
    Body, BoxError, Handler, HttpService as _, MountOptions, Server, ServerOptions, handler_fn,
};
use http::{Request, Response};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;

/// Nothing in these tests takes this long unless it is broken.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for something that has to happen.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it took too long")
}

/// A response as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) version: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// One connection.
pub(crate) struct Client<T = TcpStream> {
    stream: BufReader<T>,
}

impl Client {
    pub(crate) async fn connect(server: &Server) -> Self {
        Self::on(within(TcpStream::connect(server.address())).await.unwrap())
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub(crate) fn on(stream: T) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }

    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) {
        within(self.stream.get_mut().write_all(text.as_ref()))
            .await
            .unwrap();
        within(self.stream.get_mut().flush()).await.unwrap();
    }

    /// Sends a GET with keep-alive and reads the answer.
    pub(crate) async fn get(&mut self, target: &str) -> Answer {
        self.send(format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await;
        self.answer().await
    }

    pub(crate) async fn post(&mut self, target: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        self.send(head + body).await;
        self.answer().await
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        within(self.stream.read_line(&mut line)).await.unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let start = self.line().await;
        let mut words = start.split(' ');
        let version = words.next().unwrap().to_owned();
        let status = words
            .next()
            .unwrap_or_else(|| panic!("no status in {start:?}"))
            .parse()
            .unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            match line.split_once(':') {
                Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
                None => break,
            }
        }
        let mut answer = Answer {
            status,
            version,
            headers,
            body: String::new(),
        };
        let mut bytes = Vec::new();
        if let Some(length) = answer.header("content-length") {
            bytes.resize(length.parse().unwrap(), 0);
            within(self.stream.read_exact(&mut bytes)).await.unwrap();
        } else if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let length = usize::from_str_radix(&self.line().await, 16).unwrap();
                let mut chunk = vec![0; length];
                within(self.stream.read_exact(&mut chunk)).await.unwrap();
                assert_eq!(self.line().await, "");
                if length == 0 {
                    break;
                }
                bytes.extend(chunk);
            }
        } else if answer.status >= 200 {
            within(self.stream.read_to_end(&mut bytes)).await.unwrap();
        }
        answer.body = String::from_utf8(bytes).unwrap();
        answer
    }

    /// Waits until the server closes; what still comes is returned.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        match within(self.stream.read_to_end(&mut rest)).await {
            Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error}"),
            _ => String::from_utf8(rest).unwrap(),
        }
    }

    pub(crate) async fn close_sending(&mut self) {
        within(self.stream.get_mut().shutdown()).await.unwrap();
    }
}

/// Options for a free port of this machine.
pub(crate) fn options() -> ServerOptions {
    ServerOptions::new("127.0.0.1", 0)
}

pub(crate) async fn server(options: ServerOptions) -> Server {
    Server::bind(options).await.unwrap()
}

/// Answers with a text.
pub(crate) fn text(text: &'static str) -> Arc<dyn Handler> {
    handler_fn(
        move |_: Request<Body>| async move { Ok::<_, BoxError>(Response::new(Body::from(text))) },
    )
}

/// Answers with what it was sent, and says how it was reached.
pub(crate) fn echo() -> Arc<dyn Handler> {
    handler_fn(async |request: Request<Body>| {
        let info = request.body().info().unwrap().clone();
        let method = request.method().clone();
        let body = request.into_body().collect_limited(u64::MAX).await?;
        let response = Response::builder()
            .header("x-method", method.as_str())
            .header("x-mount", info.mount_path())
            .header("x-sub-path", info.sub_path())
            .body(Body::from(body))?;
        Ok::<_, BoxError>(response)
    })
}

pub(crate) fn mount(server: &Server, path: &str, handler: Arc<dyn Handler>) {
    server
        .mount(path, handler, MountOptions::new("test"))
        .unwrap();
}

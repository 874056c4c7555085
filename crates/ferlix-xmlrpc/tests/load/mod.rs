//! Load for a server in this process: sockets that come and go and check every byte of every answer, while services appear and
//! vanish. What both ends count is compared when it is over.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ferlix_core::property::Value;
use ferlix_http::{
    Body, Handler, HandlerFuture, HttpService as _, MountOptions, Server, ServerOptions,
};
use ferlix_xmlrpc::codec::{Limits, Response, read_response, write_call};
use ferlix_xmlrpc::provider::{Services, ServicesOptions, handler};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::echo::Echo;

const SERVICES: u64 = 50;
/// How long an answer may take before the test is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Counts requests and answers on their way to the real handler and back.
struct Counting {
    inner: Arc<dyn Handler>,
    requests: AtomicU64,
    answers: Arc<AtomicU64>,
}

impl Handler for Counting {
    fn handle(&self, request: http::Request<Body>) -> HandlerFuture {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answers = Arc::clone(&self.answers);
        let answer = self.inner.handle(request);
        Box::pin(async move {
            let answer = answer.await;
            answers.fetch_add(1, Ordering::Relaxed);
            answer
        })
    }
}

/// What the clients counted.
#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    echoed: AtomicU64,
    unknown: AtomicU64,
    connections: AtomicU64,
}

/// A generator of numbers that only look random: xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}

/// One client: connections of one to fifty calls, one after the other, until told to stop.
async fn client(number: u64, address: SocketAddr, counts: Arc<Counts>, stop: Arc<AtomicBool>) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ (number + 1));
    let mut buffer = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        counts.connections.fetch_add(1, Ordering::Relaxed);
        let calls = 1 + random.below(50);
        for call in 0..calls {
            let last = call + 1 == calls;
            let service = 1 + random.below(SERVICES);
            let value = Value::from(format!("{number} {call} {}", random.below(1 << 30)));
            let document =
                write_call(&format!("{service}.echo"), std::slice::from_ref(&value)).unwrap();
            let close = if last { "connection: close\r\n" } else { "" };
            let head = format!(
                "POST /xml-rpc HTTP/1.1\r\nhost: x\r\n{close}content-length: {}\r\n\r\n",
                document.len()
            );
            counts.sent.fetch_add(1, Ordering::Relaxed);
            stream
                .write_all(&[head.as_bytes(), &document].concat())
                .await
                .unwrap();
            buffer.clear();
            let answer = timeout(PATIENCE, read_answer(&mut stream, &mut buffer)).await;
            match read_response(answer.expect("an answer"), &Limits::default()).unwrap() {
                Response::Value(answer) => {
                    assert_eq!(answer, value, "the answer to another call");
                    counts.echoed.fetch_add(1, Ordering::Relaxed);
                }
                Response::Fault(fault) => {
                    assert!(fault.text.contains("Unknown service"), "{fault:?}");
                    counts.unknown.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        // Nothing more comes: no request was answered twice.
        buffer.clear();
        let more = timeout(PATIENCE, stream.read_to_end(&mut buffer)).await;
        more.expect("the connection is closed").unwrap();
        assert!(buffer.is_empty(), "{}", buffer.escape_ascii());
    }
}

/// Reads one answer, no byte more, and returns its document.
async fn read_answer<'a>(stream: &mut TcpStream, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    loop {
        let head = buffer.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(head) = head {
            let text = std::str::from_utf8(&buffer[..head]).unwrap();
            assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
            let length: usize = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .unwrap()
                .parse()
                .unwrap();
            let end = head + 4 + length;
            assert!(buffer.len() <= end, "more than one answer");
            if buffer.len() == end {
                return &buffer[head + 4..];
            }
        }
        let read = stream.read_buf(buffer).await.unwrap();
        assert_ne!(read, 0, "closed without an answer");
    }
}

/// A server, and what loads it.
pub(crate) struct Load {
    server: Server,
    services: Arc<Services>,
    counting: Arc<Counting>,
    /// Of the services.
    calls: Arc<AtomicU64>,
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

/// What was counted.
pub(crate) struct Sums {
    pub(crate) sent: u64,
    pub(crate) echoed: u64,
    pub(crate) unknown: u64,
    pub(crate) connections: u64,
}

impl Load {
    /// A server that nobody calls yet.
    pub(crate) async fn new() -> Self {
        let services = Arc::new(Services::new(ServicesOptions::default()));
        let counting = Arc::new(Counting {
            inner: handler(Arc::clone(&services)),
            requests: AtomicU64::new(0),
            answers: Arc::default(),
        });
        let options = ServerOptions::new("127.0.0.1", 0);
        let server = Server::bind(options).await.unwrap();
        let handler = Arc::clone(&counting) as Arc<dyn Handler>;
        server
            .mount("/xml-rpc", handler, MountOptions::new("test"))
            .unwrap();
        Self {
            server,
            services,
            counting,
            calls: Arc::default(),
            counts: Arc::default(),
            stop: Arc::default(),
            tasks: JoinSet::new(),
        }
    }

    /// So many clients call from now on.
    pub(crate) fn begin(&mut self, clients: u64) {
        self.stop = Arc::default();
        for number in 0..clients {
            let (counts, stop) = (Arc::clone(&self.counts), Arc::clone(&self.stop));
            let address = self.server.address();
            self.tasks.spawn(client(number, address, counts, stop));
        }
        let (table, counter) = (Arc::clone(&self.services), Arc::clone(&self.calls));
        let stop = Arc::clone(&self.stop);
        self.tasks.spawn(async move {
            let mut random = Random(1);
            while !stop.load(Ordering::Relaxed) {
                let id = 1 + random.below(SERVICES);
                if !table.remove(id) {
                    let counter = Arc::clone(&counter);
                    let counted = move || {
                        let counter = Arc::clone(&counter);
                        async move {
                            counter.fetch_add(1, Ordering::Relaxed);
                        }
                    };
                    table.insert(id, vec![Arc::new(Echo(counted))], None);
                }
                sleep(Duration::from_millis(1)).await;
            }
            for id in 1..=SERVICES {
                table.remove(id);
            }
        });
    }

    /// The connections that there were until now.
    pub(crate) fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// Fails when a client did.
    pub(crate) fn look(&mut self) {
        if let Some(ended) = self.tasks.try_join_next() {
            ended.unwrap();
            panic!("a client ended");
        }
    }

    /// Waits until every client has its last answer.
    pub(crate) async fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }

    /// Stops the server. Every request must have got exactly one answer.
    pub(crate) async fn stop(self) -> Sums {
        self.server.shutdown().await;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let sums = Sums {
            sent: read(&self.counts.sent),
            echoed: read(&self.counts.echoed),
            unknown: read(&self.counts.unknown),
            connections: read(&self.counts.connections),
        };
        let sent = sums.sent;
        assert_eq!(
            read(&self.counting.requests),
            sent,
            "requests at the server"
        );
        assert_eq!(read(&self.counting.answers), sent, "answers of the server");
        assert_eq!(read(&self.calls), sums.echoed, "calls of the services");
        assert_eq!(sums.echoed + sums.unknown, sent, "answers at the clients");
        assert!(sums.echoed > 0 && sums.unknown > 0);
        sums
    }
}

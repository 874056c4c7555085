//! The load test: calls at full rate over a thousand connections that come and go, while services appear and vanish. Every
//! request gets exactly one answer, which is counted at both ends, and memory does not grow.
//!
//! It runs for [`SECONDS`] (20 by default, as a test; `cargo xtask soak calls` runs it for ten minutes). Its clients are
//! sockets and no HTTP library: they see each byte that the server sends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ferlix_core::property::{Decoder, Encoder, Event, FromValue as _, IntoValue as _, Value};
use ferlix_core::service::{CallError, Dispatch, Interface, Method};
use ferlix_http::Body;
use ferlix_http::{Handler, HandlerFuture, HttpService as _, MountOptions, Server, ServerOptions};
use ferlix_xmlrpc::codec::{Limits, Response, read_response, write_call};
use ferlix_xmlrpc::provider::{Services, ServicesOptions, handler};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long the load lasts, in seconds.
const SECONDS: &str = "FERLIX_TEST_SECONDS";
const CONNECTIONS: u64 = 1000;
const SERVICES: u64 = 50;
/// How long an answer may take before the test is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much memory may grow from the middle of the run to its end. In a short run buffers still come into being there, the more
/// of them the busier the machine is: only a gross leak is seen.
const GROWTH: f64 = 0.01;
const GROWTH_WHEN_SHORT: f64 = 0.25;

static ECHO: Interface = Interface {
    name: "org.example.Echo",
    version: None,
    methods: &[Method::new("echo", &["value"])],
};

/// Says the same, and counts how often.
struct Echo(Arc<AtomicU64>);

/// Writes a result as what the macros make does.
fn written(result: &Value, reply: &mut dyn Encoder) -> Result<(), CallError> {
    let written = result.encode(reply);
    written.map_err(|error| CallError::fault(error.to_string()))
}

impl Dispatch for Echo {
    fn interface(&self) -> &'static Interface {
        &ECHO
    }

    fn dispatch<'a>(
        &self,
        _: &str,
        arguments: &mut dyn Decoder<'_>,
        reply: &'a mut (dyn Encoder + Send),
    ) -> BoxFuture<'a, Result<(), CallError>> {
        let mut arguments = Vec::<Value>::decode(Event::List, arguments).unwrap_or_default();
        let count = Arc::clone(&self.0);
        Box::pin(async move {
            count.fetch_add(1, Ordering::Relaxed);
            written(&arguments.pop().unwrap_or_default(), reply)
        })
    }
}

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
async fn client(
    number: u64,
    address: std::net::SocketAddr,
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
) {
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

/// Resident memory in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

fn median(mut numbers: Vec<u64>) -> f64 {
    numbers.sort_unstable();
    numbers[numbers.len() / 2] as f64
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_gets_one_answer_and_memory_does_not_grow() {
    let seconds = std::env::var(SECONDS).map_or(20, |text| text.parse().unwrap());
    let services = Arc::new(Services::new(ServicesOptions::default()));
    let calls = Arc::new(AtomicU64::new(0));
    let counting = Arc::new(Counting {
        inner: handler(Arc::clone(&services)),
        requests: AtomicU64::new(0),
        answers: Arc::default(),
    });
    let server = Server::bind(ServerOptions::new("127.0.0.1", 0))
        .await
        .unwrap();
    let handler = Arc::clone(&counting) as Arc<dyn Handler>;
    server
        .mount("/xml-rpc", handler, MountOptions::new("test"))
        .unwrap();

    let (counts, stop) = (
        Arc::new(Counts::default()),
        Arc::new(AtomicBool::new(false)),
    );
    let mut tasks = JoinSet::new();
    for number in 0..CONNECTIONS {
        tasks.spawn(client(
            number,
            server.address(),
            Arc::clone(&counts),
            Arc::clone(&stop),
        ));
    }
    let (table, counter, stopped) = (Arc::clone(&services), Arc::clone(&calls), Arc::clone(&stop));
    tasks.spawn(async move {
        let mut random = Random(1);
        while !stopped.load(Ordering::Relaxed) {
            let id = 1 + random.below(SERVICES);
            if !table.remove(id) {
                table.insert(id, vec![Arc::new(Echo(Arc::clone(&counter)))], None);
            }
            sleep(Duration::from_millis(1)).await;
        }
    });

    let (begun, length) = (Instant::now(), Duration::from_secs(seconds));
    let (mut middle, mut end) = (Vec::new(), Vec::new());
    while begun.elapsed() < length {
        let part = begun.elapsed().as_secs_f64() / length.as_secs_f64();
        if (0.5..0.6).contains(&part) {
            middle.push(resident());
        } else if part >= 0.9 {
            end.push(resident());
        }
        sleep(Duration::from_millis(50)).await;
        if let Some(ended) = tasks.try_join_next() {
            ended.unwrap();
            panic!("a client ended");
        }
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    server.shutdown().await;

    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let sent = read(&counts.sent);
    let (echoed, unknown) = (read(&counts.echoed), read(&counts.unknown));
    let (middle, end) = (median(middle), median(end));
    let growth = end / middle - 1.0;
    println!(
        "{sent} calls ({:.0}/s) on {} connections: {echoed} echoed, {unknown} for no service; memory {:.1} MiB, {:+.2} %",
        sent as f64 / length.as_secs_f64(),
        read(&counts.connections),
        end / 1024.0,
        growth * 100.0
    );
    assert_eq!(read(&counting.requests), sent, "requests at the server");
    assert_eq!(read(&counting.answers), sent, "answers of the server");
    assert_eq!(read(&calls), echoed, "calls of the services");
    assert_eq!(echoed + unknown, sent, "answers at the clients");
    assert!(echoed > 0 && unknown > 0);
    let allowed = if seconds < 300 {
        GROWTH_WHEN_SHORT
    } else {
        GROWTH
    };
    assert!(growth < allowed, "{growth}");
}

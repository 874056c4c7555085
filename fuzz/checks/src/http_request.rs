//! HTTP requests: whatever a client sends to the real listener, each request that was read is answered, and the server lives.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ferlix_http::{
    Body, Handler, HandlerFuture, HttpService as _, MountOptions, Server, ServerOptions,
};
use ferlix_xmlrpc::provider::{Services, ServicesOptions, handler};
use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// How long one connection may last: far beyond what any needs.
const PATIENCE: Duration = Duration::from_secs(15);
/// A good request is sent after this many others.
const EVERY: usize = 16;
const GOOD: &[u8] =
    b"POST /xml-rpc HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 62\r\n\r\n\
    <methodCall><methodName>1.x</methodName><params/></methodCall>";

/// Checks that a connection with this input ends, and that each request that was read whole was answered.
///
/// # Panics
/// When it does not hold.
pub fn http_request(data: &[u8]) {
    static LISTENER: OnceLock<Listener> = OnceLock::new();
    let listener = LISTENER.get_or_init(Listener::start);
    let before = listener.handled.load(Ordering::SeqCst);
    let (answer, whole) = listener.exchange(data);
    let handled = listener.handled.load(Ordering::SeqCst) - before;
    if whole {
        let answers = answer.windows(7).filter(|text| text == b"HTTP/1.").count();
        assert!(
            answers >= handled,
            "{handled} handled: {}",
            answer.escape_ascii()
        );
        let failed = answer.windows(5).any(|text| text == b" 500 ");
        assert!(!failed, "{}", answer.escape_ascii());
    }
    let inputs = listener.inputs.fetch_add(1, Ordering::SeqCst);
    if inputs.is_multiple_of(EVERY) {
        let (answer, _) = listener.exchange(GOOD);
        assert!(
            answer.starts_with(b"HTTP/1.1 200 "),
            "{}",
            answer.escape_ascii()
        );
    }
}

/// The XML-RPC server behind a port of this machine, for as long as the process lives.
struct Listener {
    runtime: Runtime,
    address: SocketAddr,
    handled: Arc<AtomicUsize>,
    inputs: AtomicUsize,
    _server: Server,
}

/// Counts the requests that were read whole.
struct Counting(Arc<dyn Handler>, Arc<AtomicUsize>);

impl Handler for Counting {
    fn handle(&self, request: Request<Body>) -> HandlerFuture {
        let handled = Arc::clone(&self.1);
        let answer = self.0.handle(request);
        Box::pin(async move {
            let answer = answer.await;
            // A body that breaks off is answered 400 by the handler, and cannot be answered by the server.
            let whole = answer
                .as_ref()
                .is_ok_and(|answer| answer.status() != StatusCode::BAD_REQUEST);
            handled.fetch_add(usize::from(whole), Ordering::SeqCst);
            answer
        })
    }
}

impl Listener {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let handled = Arc::new(AtomicUsize::new(0));
        let server = runtime.block_on(async {
            let server = Server::bind(ServerOptions::new("127.0.0.1", 0)).await;
            let server = server.expect("a port is free");
            let services = Arc::new(Services::new(ServicesOptions::default()));
            let counting = Counting(handler(services), Arc::clone(&handled));
            let mounted = server.mount("/xml-rpc", Arc::new(counting), MountOptions::new("fuzz"));
            mounted.expect("the path is free");
            server
        });
        Self {
            address: server.address(),
            runtime,
            handled,
            inputs: AtomicUsize::new(0),
            _server: server,
        }
    }

    /// What comes back for some bytes until the server closes, and whether all of it could be read.
    fn exchange(&self, data: &[u8]) -> (Vec<u8>, bool) {
        let exchange = async {
            let stream = TcpStream::connect(self.address)
                .await
                .expect("the server listens");
            let (mut from, mut to) = stream.into_split();
            let send = async {
                // The server may close before it has all; that is its right.
                drop(to.write_all(data).await);
                drop(to.shutdown().await);
            };
            let mut answer = Vec::new();
            let ((), read) = tokio::join!(send, from.read_to_end(&mut answer));
            (answer, read.is_ok())
        };
        self.runtime
            .block_on(async { timeout(PATIENCE, exchange).await })
            .expect("the connection ends")
    }
}

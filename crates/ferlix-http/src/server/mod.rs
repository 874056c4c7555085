//! The HTTP server: listens, accepts, and takes requests to mounted handlers.
//!
//! In: connections. Out: calls of the handlers in the routing table. One task accepts; each connection has one task of its
//! own, on which its handlers run too. What is shared is read without a lock: the routing table by an atomic load, the
//! stage of the server by another.
//!
//! Deliberately absent: components and services (they are in `component`), HTTP/2, and any deadline for handlers.

mod accept;
mod activity;
mod connection;
mod dispatch;
mod incoming;
mod io;
mod options;
mod routes;
mod stage;
mod watchdog;

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use activity::Connection;
pub(crate) use dispatch::InFlight;
pub(crate) use incoming::IncomingBody;
pub use options::{ServerOptions, TlsFiles};
pub(crate) use routes::Entry;

use self::routes::Routes;
use self::stage::{Stage, Stages};
use self::watchdog::TimeLimits;
use crate::error::HttpError;
use crate::handler::Handler;
use crate::metrics::{Counters, MetricsText};
use crate::reload::Reloaded;
use crate::security::Guard;
use crate::service::{HttpService, Mount, MountOptions};

/// After the drain: how long the answers to what was given up may take to be sent.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the connections of one server share.
struct Shared {
    routes: Arc<Routes>,
    http: hyper::server::conn::http1::Builder,
    tls: Option<Reloaded<tokio_rustls::TlsAcceptor>>,
    guard: Option<Arc<Guard>>,
    counters: Arc<Counters>,
    limits: TimeLimits,
    stages: Stages,
}

impl Shared {
    fn new(options: &ServerOptions) -> Result<Self, HttpError> {
        let mut http = hyper::server::conn::http1::Builder::new();
        // The time limits are the watchdog's, also that of a client that closes its sending side after the request (see `io`).
        http.header_read_timeout(None)
            .max_header_size(options.max_header_size);
        let routes = Routes::new(options.case_sensitive_paths, options.max_body_size);
        let may_show_certificates = options
            .tls
            .as_ref()
            .is_some_and(|files| files.client_authorities.is_some());
        let counters = Arc::new(Counters::default());
        Ok(Self {
            guard: Guard::new(&options.security, may_show_certificates, &counters)?,
            counters,
            routes: Arc::new(routes),
            http,
            tls: options.tls.as_ref().map(crate::tls::acceptor).transpose()?,
            limits: TimeLimits {
                head: options.header_timeout.min(options.socket_timeout),
                pause: options.socket_timeout,
            },
            stages: Stages::new(),
        })
    }

    /// Whether there are files that may change.
    fn has_files(&self) -> bool {
        self.tls.is_some() || self.guard.as_ref().is_some_and(|guard| guard.has_files())
    }

    /// Looks at the files. Not to be called on a task.
    fn refresh(&self) {
        if let Some(tls) = &self.tls {
            tls.refresh();
        }
        if let Some(guard) = &self.guard {
            guard.refresh();
        }
    }
}

/// A running HTTP server. Dropping it cuts its connections; [`shutdown`](Self::shutdown) first is the polite way.
///
/// ```
/// use ferlix_http::{Body, BoxError, HttpService as _, MountOptions, Server, ServerOptions, handler_fn};
/// use http::{Request, Response};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ferlix_http::HttpError> {
/// let server = Server::bind(ServerOptions::new("127.0.0.1", 0)).await?;
/// let hello = handler_fn(async |_: Request<Body>| Ok::<_, BoxError>(Response::new(Body::from("Hello"))));
/// server.mount("/hello", hello, MountOptions::new("example"))?;
/// println!("http://{}/hello", server.address());
/// server.shutdown().await;
/// # Ok(()) }
/// ```
pub struct Server {
    shared: Arc<Shared>,
    host: String,
    address: SocketAddr,
    drain: Duration,
    stop_accepting: CancellationToken,
    accepting: TaskTracker,
    connections: TaskTracker,
}

impl Server {
    /// Listens, and begins to accept connections on the current runtime.
    ///
    /// # Errors
    /// [`HttpError`] when the address cannot be listened on, or a certificate or key cannot be used.
    pub async fn bind(options: ServerOptions) -> Result<Self, HttpError> {
        let shared = Arc::new(Shared::new(&options)?);
        let refused = |source: std::io::Error| {
            let (host, port) = (options.host.clone(), options.port);
            match source.kind() {
                ErrorKind::AddrInUse => HttpError::PortTaken { host, port, source },
                ErrorKind::PermissionDenied => HttpError::PortForbidden { host, port, source },
                _ => HttpError::Address { host, port, source },
            }
        };
        let listener = TcpListener::bind((options.host.as_str(), options.port))
            .await
            .map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;

        let server = Self {
            shared,
            host: options.host,
            address,
            drain: options.drain,
            stop_accepting: CancellationToken::new(),
            accepting: TaskTracker::new(),
            connections: TaskTracker::new(),
        };
        server.accept(listener, options.max_connections);
        server.watch(options.reload_interval);
        Ok(server)
    }

    fn accept(&self, listener: TcpListener, max_connections: usize) {
        let permits = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
        let shared = Arc::clone(&self.shared);
        let connections = self.connections.clone();
        let stop = self.stop_accepting.clone();
        self.accepting.spawn(async move {
            let serve = |stream, peer, permit| {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    connection::serve(stream, peer, shared).await;
                    drop(permit);
                });
            };
            accept::accept_loop(listener, permits, stop, serve).await;
        });
    }

    /// Looks at the files every now and then, if there are any, until the server stops.
    fn watch(&self, interval: Duration) {
        if !self.shared.has_files() {
            return;
        }
        let shared = Arc::downgrade(&self.shared);
        let stop = self.stop_accepting.clone();
        self.accepting.spawn(async move {
            let watching = async {
                loop {
                    sleep(interval).await;
                    let Some(shared) = shared.upgrade() else {
                        return;
                    };
                    // It fails when the runtime ends only.
                    drop(spawn_blocking(move || shared.refresh()).await);
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = watching => {}
            }
        });
    }

    /// Stops: the port is free at once, connections close when they are idle, and the requests that were read have the
    /// drain time to be answered. Those that are not done then are answered 503.
    pub async fn shutdown(&self) {
        self.stop_accepting.cancel();
        self.accepting.close();
        self.accepting.wait().await;
        self.connections.close();
        let waits = [
            (Stage::Draining, self.drain),
            (Stage::Refusing, FAREWELL),
            (Stage::Closed, FAREWELL),
        ];
        for (stage, wait) in waits {
            self.shared.stages.advance(stage);
            if timeout(wait, self.connections.wait()).await.is_ok() {
                return;
            }
            let open = self.connections.len();
            tracing::warn!(open, "connections are not done after {wait:?} of {stage:?}");
        }
    }

    /// What writes the server's own numbers.
    pub(crate) fn metrics(&self) -> impl Fn(&mut MetricsText) + Send + Sync + use<> {
        let counters = Arc::clone(&self.shared.counters);
        let connections = self.connections.clone();
        move |text| counters.write(connections.len(), text)
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.connections.len()
    }
}

impl HttpService for Server {
    fn mount(
        &self,
        path: &str,
        handler: Arc<dyn Handler>,
        options: MountOptions,
    ) -> Result<Mount, HttpError> {
        if self.shared.stages.now() != Stage::Open {
            return Err(HttpError::NotRunning);
        }
        self.shared.routes.mount(path, handler, options)
    }

    fn unmount(&self, path: &str) -> bool {
        self.shared.routes.unmount(path)
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn is_secure(&self) -> bool {
        self.shared.tls.is_some()
    }

    fn mounts(&self) -> Vec<String> {
        self.shared.routes.paths()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop_accepting.cancel();
        self.shared.stages.advance(Stage::Closed);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("secure", &self.is_secure())
            .field("mounts", &self.mounts())
            .finish_non_exhaustive()
    }
}

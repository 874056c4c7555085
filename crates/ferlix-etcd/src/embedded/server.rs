//! Connections, and which service a call is for.
//!
//! In: connections from the listener and from memory. Each is served by the gRPC library until the peer closes it, the
//! server stops, or [`Connections::close_all`] cuts it, which the peer sees as a reset. There is no TLS and no
//! authentication: this server is for one machine.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{
    Status,
    body::Body,
    codegen::{BoxFuture, Service, http},
    transport::{Server, server::Connected},
};

use super::{service::Services, shared::Shared};
use crate::proto::etcdserverpb::{
    auth_server::AuthServer, cluster_server::ClusterServer, kv_server::KvServer,
    lease_server::LeaseServer, maintenance_server::MaintenanceServer, watch_server::WatchServer,
};

/// Connections at one time; more wait until others are closed.
const MAX_CONNECTIONS: usize = 1_024;

/// Calls and streams at one time on one connection.
const MAX_STREAMS: u32 = 1_024;

/// Bytes of a request's message, of which etcd leaves 512 KiB to what is around the request proper.
const MAX_MESSAGE_BYTES: usize = super::MAX_REQUEST_BYTES + 512 * 1024;

/// A peer that says nothing for so long is asked whether it is there…
const PING_INTERVAL: Duration = Duration::from_secs(60);

/// … and has so long to answer.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a failed accept (no more file descriptors, mostly) is waited out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A stream of bytes of any kind.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Where connections go in, and how all of them are cut.
#[derive(Debug)]
pub(super) struct Connections {
    accepted: mpsc::Sender<io::Result<Connection>>,
    permits: Arc<Semaphore>,
    /// Cut when the current connections are; replaced then.
    current: Mutex<CancellationToken>,
}

impl Connections {
    /// Starts to serve what is [`add`](Self::add)ed. The future ends when the server was told to stop and every
    /// connection is closed.
    pub(super) fn serve(shared: &Arc<Shared>) -> (Arc<Self>, impl Future<Output = ()> + use<>) {
        let (accepted, incoming) = mpsc::channel(1);
        let connections = Arc::new(Self {
            accepted,
            permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            current: Mutex::new(CancellationToken::new()),
        });
        let serving = Server::builder()
            .max_concurrent_streams(MAX_STREAMS)
            .http2_keepalive_interval(Some(PING_INTERVAL))
            .http2_keepalive_timeout(Some(PING_TIMEOUT))
            .serve_with_incoming_shutdown(
                Router::new(&Services::new(Arc::clone(shared))),
                ReceiverStream::new(incoming),
                shared.stop.clone().cancelled_owned(),
            );
        let serving = async move {
            if let Err(error) = serving.await {
                tracing::warn!(%error, "the embedded etcd has stopped serving");
            }
        };
        (connections, serving)
    }

    /// Serves one more connection, once there is room for it.
    pub(super) async fn add(&self, io: impl Io + 'static) -> io::Result<()> {
        let stopped =
            || io::Error::new(io::ErrorKind::NotConnected, "the embedded etcd has stopped");
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| stopped())?;
        let cut = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let connection = Connection {
            io: Box::new(io),
            cut: Box::pin(cut.cancelled_owned()),
            _permit: permit,
        };
        self.accepted
            .send(Ok(connection))
            .await
            .map_err(|_| stopped())
    }

    /// Cuts every connection there is; new ones are served.
    pub(super) fn close_all(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *current).cancel();
    }

    /// Serves what comes to `listener` until the server stops.
    pub(super) async fn accept(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    // Small messages both ways; a socket that refuses the option still works.
                    let _ = stream.set_nodelay(true);
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return,
                        added = self.add(stream) => if added.is_err() { return },
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the embedded etcd could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// A connection that can be cut from outside.
pub(super) struct Connection {
    io: Box<dyn Io>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _permit: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) -> Self::ConnectInfo {}
}

/// Takes a call to its service by the first part of its path.
#[derive(Clone, Debug)]
struct Router {
    kv: KvServer<Services>,
    watch: WatchServer<Services>,
    lease: LeaseServer<Services>,
    cluster: ClusterServer<Services>,
    maintenance: MaintenanceServer<Services>,
    auth: AuthServer<Services>,
}

impl Router {
    fn new(services: &Services) -> Self {
        Self {
            kv: KvServer::new(services.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES),
            watch: WatchServer::new(services.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES),
            lease: LeaseServer::new(services.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES),
            cluster: ClusterServer::new(services.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
            maintenance: MaintenanceServer::new(services.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
            auth: AuthServer::new(services.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES),
        }
    }
}

impl Service<http::Request<Body>> for Router {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match request.uri().path().split('/').nth(1) {
            Some("etcdserverpb.KV") => self.kv.call(request),
            Some("etcdserverpb.Watch") => self.watch.call(request),
            Some("etcdserverpb.Lease") => self.lease.call(request),
            Some("etcdserverpb.Cluster") => self.cluster.call(request),
            Some("etcdserverpb.Maintenance") => self.maintenance.call(request),
            Some("etcdserverpb.Auth") => self.auth.call(request),
            _ => Box::pin(async {
                Ok(Status::unimplemented("the embedded etcd has no such service").into_http())
            }),
        }
    }
}

//! [`Pool`]: the connections to one address, which its callers share.
//!
//! A call takes a connection that is idle or makes one. When its answer was read, or is not wanted any more, the connection is idle
//! again, if it is still good. One that was idle for too long is closed, and all are when the last caller is gone.
//!
//! It is our own because hyper-util's, which keeps the connections to all addresses in one table, took a fifth of the time of a
//! call. Connections are made by its connector still. Deliberately absent: HTTP/2, and a bound on connections: a server has one.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};
use tower_service::Service as _;

use super::connector::Connector;
use crate::error::Error;

/// What of an answer's head is taken: only the status and the length matter.
const HEAD: usize = 64 * 1024;

/// The connections to one address.
pub(super) struct Pool {
    address: Uri,
    connector: Connector,
    idle_timeout: Duration,
    idle: Mutex<Idle>,
}

type Connection = SendRequest<Full<Bytes>>;

#[derive(Default)]
struct Idle {
    /// Since when, the latest last.
    connections: Vec<(Connection, Instant)>,
    /// A task closes those that are idle for too long.
    watched: bool,
}

impl Pool {
    /// An empty pool; of the address, the scheme and the authority count.
    pub(super) fn new(address: Uri, connector: Connector, idle_timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            address,
            connector,
            idle_timeout,
            idle: Mutex::default(),
        })
    }

    /// Sends a request, which names its host, and waits for the head of the answer. The connection is lent until the body was
    /// read or dropped.
    ///
    /// # Errors
    /// [`Error::Connect`] when the request did not reach the peer, [`Error::Http`] when its answer is none, [`Error::Lost`] when
    /// the connection broke.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Lent, Response<Incoming>), Error> {
        loop {
            let (mut connection, is_new) = match self.take() {
                Some(connection) => (connection, false),
                // On the heap, so that other calls do not take the room of this one.
                None => (Box::pin(self.connect()).await?, true),
            };
            match connection.ready().await {
                Ok(()) => {}
                Err(error) if is_new => return Err(Error::Connect(error.into())),
                Err(_) => continue,
            }
            match connection.try_send_request(request).await {
                Ok(response) => {
                    let lent = Lent {
                        connection: Some(connection),
                        pool: Arc::clone(self),
                    };
                    return Ok((lent, response));
                }
                Err(mut error) => match error.take_message() {
                    // The peer closed an idle connection, and not a byte was written yet.
                    Some(unsent) if !is_new => request = unsent,
                    _ => return Err(failed(error.into_error())),
                },
            }
        }
    }

    /// A connection that was idle for a short time only.
    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle();
        while let Some((connection, since)) = idle.connections.pop() {
            if since.elapsed() >= self.idle_timeout {
                idle.connections.clear();
            } else if !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let mut connector = self.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx))
            .await
            .map_err(Error::Connect)?;
        let stream = connector.call(self.address.clone()).await;
        let stream = stream.map_err(Error::Connect)?;
        let (sender, connection) = Builder::new()
            .max_buf_size(HEAD)
            .handshake(stream)
            .await
            .map_err(|error| Error::Connect(error.into()))?;
        tokio::spawn(async move {
            // Whoever has sent something hears of it, too.
            if let Err(error) = connection.await {
                tracing::debug!("a connection ended: {error}");
            }
        });
        Ok(sender)
    }

    fn put_back(self: &Arc<Self>, connection: Connection) {
        let mut idle = self.idle();
        idle.connections.push((connection, Instant::now()));
        if idle.watched {
            return;
        }
        // Without a runtime, the next call that has one sees to it.
        if let Ok(runtime) = Handle::try_current() {
            idle.watched = true;
            runtime.spawn(watch(Watch(Arc::downgrade(self)), self.idle_timeout));
        }
    }

    /// Closes what is idle for too long; `false` when nothing is idle.
    fn close_old(&self) -> bool {
        let mut idle = self.idle();
        idle.connections.retain(|(connection, since)| {
            since.elapsed() < self.idle_timeout && !connection.is_closed()
        });
        !idle.connections.is_empty()
    }

    // It is whole after every change, so one that a panic left locked can be used on.
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks after the idle connections of a pool, for as long as there are any.
async fn watch(watch: Watch, idle_timeout: Duration) {
    loop {
        sleep(idle_timeout).await;
        let pool = watch.0.upgrade();
        if !pool.is_some_and(|pool| pool.close_old()) {
            return;
        }
    }
}

/// A pool that is looked after, until this is dropped: at its end, or with the runtime.
struct Watch(Weak<Pool>);

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(pool) = self.0.upgrade() {
            pool.idle().watched = false;
        }
    }
}

/// A connection that goes back when this is dropped. It is to live longer than the body of the answer: one whose body was dropped
/// before its end is closed, or read to the end if that has come.
pub(super) struct Lent {
    connection: Option<Connection>,
    pool: Arc<Pool>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !connection.is_closed()
        {
            self.pool.put_back(connection);
        }
    }
}

fn failed(error: hyper::Error) -> Error {
    if error.is_parse() {
        Error::Http(error.into())
    } else {
        Error::Lost(error.into())
    }
}

//! The task of one connection: runs HTTP on it, closes it when its client is overdue, and when the server stops.

use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::Shared;
use super::activity::{Connection, Phase};
use super::dispatch::Dispatcher;
use super::io::Io;
use super::stage::Stage;
use super::watchdog::{Overdue, Watchdog};
use crate::error::Causes;
use crate::tls::is_handshake;

/// How long a last message to a client that is being cut may take.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// As good as never: when no wait is bounded, the timer is set this far.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

const HEAD_TIMED_OUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const PLAIN_ON_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\
    content-type: text/plain\r\ncontent-length: 32\r\n\r\nThis port speaks HTTPS: use it.\n";

type Http<T> = hyper::server::conn::http1::Connection<TokioIo<Io<T>>, Dispatcher>;

/// Serves a connection that was just accepted, until it ends.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let Some(tls) = &shared.tls else {
        return serve_stream(stream, peer, false, shared).await;
    };
    let handshake = async {
        if is_handshake(&stream).await? {
            tls.accept(stream).await.map(Some)
        } else {
            // Somebody who speaks plain HTTP is told so, instead of being left with an alert it cannot read.
            say(stream, PLAIN_ON_TLS).await;
            Ok(None)
        }
    };
    let handshake = tokio::select! {
        biased;
        // Nothing was asked yet: there is nothing to drain.
        () = shared.stages.reached(Stage::Draining) => return,
        handshake = timeout(shared.limits.head, handshake) => handshake,
    };
    match handshake {
        Ok(Ok(Some(stream))) => serve_stream(stream, peer, true, Arc::clone(&shared)).await,
        Ok(Ok(None)) => tracing::debug!(%peer, "plain HTTP came to the HTTPS port"),
        Ok(Err(error)) => tracing::debug!(%peer, "TLS handshake failed: {error}"),
        Err(_) => tracing::debug!(%peer, "TLS handshake timed out"),
    }
}

/// Serves HTTP on a stream, until it ends.
pub(super) async fn serve_stream<T>(stream: T, peer: SocketAddr, secure: bool, shared: Arc<Shared>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = Arc::new(Connection::new(peer, secure, shared.limits.pause));
    let io = TokioIo::new(Io::new(stream, Arc::clone(&connection)));
    let dispatcher = Dispatcher::new(Arc::clone(&shared), Arc::clone(&connection));
    let mut driver = Driver {
        http: shared.http.serve_connection(io, dispatcher),
        watchdog: Watchdog::new(shared.limits, &connection),
        connection,
        stage: Stage::Open,
    };

    let mut timer_set = Instant::now() + shared.limits.head;
    let mut timer = pin!(sleep_until(timer_set));
    let mut moved = pin!(shared.stages.moved());
    let mut listening = false;
    let end = poll_fn(|cx| {
        // The future is polled when it is new only: it keeps the waker of this task, and polling it takes a lock.
        if !listening || driver.stage != shared.stages.now() {
            while moved.as_mut().poll(cx).is_ready() {
                moved.set(shared.stages.moved());
            }
            listening = true;
            if let ControlFlow::Break(end) = driver.advance(shared.stages.now()) {
                return Poll::Ready(end);
            }
        }
        loop {
            if let Poll::Ready(result) = Pin::new(&mut driver.http).poll(cx) {
                return Poll::Ready(End::Done(result));
            }
            let (deadline, overdue) = driver
                .watchdog
                .look(&driver.connection)
                .map_or((None, None), |(deadline, overdue)| {
                    (Some(deadline), Some(overdue))
                });
            // A deadline beyond the timer's is looked at when the timer fires: most move on and on.
            if let Some(deadline) = deadline.filter(|deadline| *deadline < timer_set) {
                timer_set = deadline;
                timer.as_mut().reset(timer_set);
            }
            ready!(timer.as_mut().poll(cx));
            let now = Instant::now();
            match overdue {
                Some(overdue) if deadline.is_some_and(|deadline| deadline <= now) => {
                    if let ControlFlow::Break(end) = driver.overdue(overdue) {
                        return Poll::Ready(end);
                    }
                    timer_set = now + LAST_WORDS;
                }
                _ => timer_set = deadline.unwrap_or(now + FAR),
            }
            timer.as_mut().reset(timer_set);
        }
    })
    .await;

    match end {
        End::Done(Ok(())) => {}
        End::Done(Err(error)) => tracing::debug!(%peer, "connection ended: {}", Causes(&error)),
        End::Cut(reason) => tracing::debug!(%peer, "connection cut: {reason}"),
        End::HeadTimedOut => {
            tracing::debug!(%peer, "connection cut: the header of a request did not arrive in time");
            say(driver.http.into_parts().io.into_inner(), HEAD_TIMED_OUT).await;
        }
    }
}

/// How a connection ended.
enum End {
    Done(hyper::Result<()>),
    Cut(&'static str),
    HeadTimedOut,
}

struct Driver<T: AsyncRead + AsyncWrite + Unpin> {
    http: Http<T>,
    connection: Arc<Connection>,
    watchdog: Watchdog,
    stage: Stage,
}

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Driver<T> {
    /// Follows the server to a stage.
    fn advance(&mut self, stage: Stage) -> ControlFlow<End> {
        self.stage = stage;
        match stage {
            Stage::Open => {}
            Stage::Draining => Pin::new(&mut self.http).graceful_shutdown(),
            Stage::Refusing => {
                Pin::new(&mut self.http).graceful_shutdown();
                // A request that was not read whole is nobody's.
                if self.connection.phase() != Phase::Busy {
                    return ControlFlow::Break(End::Cut("the server stops"));
                }
            }
            Stage::Closed => return ControlFlow::Break(End::Cut("the server is closed")),
        }
        ControlFlow::Continue(())
    }

    fn overdue(&mut self, overdue: Overdue) -> ControlFlow<End> {
        match overdue {
            Overdue::Body => {
                self.connection.body_timed_out();
                ControlFlow::Continue(())
            }
            Overdue::Head => ControlFlow::Break(End::HeadTimedOut),
            Overdue::Request => ControlFlow::Break(End::Cut("no request came")),
            Overdue::Write => ControlFlow::Break(End::Cut("the client does not read")),
            Overdue::Linger => ControlFlow::Break(End::Cut("the client does not stop sending")),
        }
    }
}

/// Sends something to a client whose connection ends, as far as it takes it.
async fn say<T: AsyncWrite + Unpin>(mut stream: T, text: &[u8]) {
    let said = timeout(LAST_WORDS, async {
        stream.write_all(text).await?;
        stream.shutdown().await
    });
    if let Ok(Err(error)) = said.await {
        tracing::debug!("the client is gone: {error}");
    }
}

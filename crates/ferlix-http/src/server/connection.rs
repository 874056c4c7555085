//! The task of one connection: runs HTTP on it, closes it when its client is overdue, and when the server stops.

use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ferlix_core::service::Identity;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::Shared;
use super::activity::{Connection, Phase};
use super::dispatch::Dispatcher;
use super::io::Io;
use super::stage::Stage;
use super::watchdog::{Overdue, Watchdog};
use crate::error::Causes;
use crate::reload::Reloaded;
use crate::security::identity_of;
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
    match shared.tls.as_ref().map(Reloaded::load) {
        None => serve_stream(stream, peer, false, None, shared).await,
        // On the heap, so that plain connections do not take the room that TLS needs.
        Some(tls) => Box::pin(serve_tls(stream, peer, &tls, shared)).await,
    }
}

async fn serve_tls(stream: TcpStream, peer: SocketAddr, tls: &TlsAcceptor, shared: Arc<Shared>) {
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
        Ok(Ok(Some(stream))) => {
            let shown = stream.get_ref().1.peer_certificates();
            let identity = shown.and_then(|chain| chain.first()).map(identity_of);
            serve_stream(stream, peer, true, identity, Arc::clone(&shared)).await;
        }
        Ok(Ok(None)) => tracing::debug!(%peer, "plain HTTP came to the HTTPS port"),
        Ok(Err(error)) => tracing::debug!(%peer, "TLS handshake failed: {error}"),
        Err(_) => tracing::debug!(%peer, "TLS handshake timed out"),
    }
}

/// Serves HTTP on a stream, until it ends.
pub(super) async fn serve_stream<T>(
    stream: T,
    peer: SocketAddr,
    secure: bool,
    identity: Option<Arc<Identity>>,
    shared: Arc<Shared>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = Arc::new(Connection::new(peer, secure, identity, shared.limits.pause));
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
    let mut timer_waits = false;
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
                timer_waits = false;
            }
            // As above: it is polled once after it was set, and when it is due.
            if timer_waits && !timer.is_elapsed() {
                return Poll::Pending;
            }
            timer_waits = timer.as_mut().poll(cx).is_pending();
            if timer_waits {
                return Poll::Pending;
            }
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
            Overdue::Answer => {
                self.connection.give_up();
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

#[cfg(test)]
mod tests {
    //! On streams in memory, with a clock that goes on by itself when everybody waits.

    use http::{Request, Response};
    use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
    use tokio::task::JoinHandle;

    use super::*;
    use crate::body::Body;
    use crate::error::BoxError;
    use crate::handler::handler_fn;
    use crate::server::ServerOptions;
    use crate::service::MountOptions;

    /// A served connection: limits of 30 s for a head and 60 s for a pause; a handler that reads and one that writes much.
    fn connection() -> (DuplexStream, JoinHandle<()>, Arc<Shared>) {
        let shared = Arc::new(Shared::new(&ServerOptions::new("localhost", 0)).unwrap());
        let reads = handler_fn(async |request: Request<Body>| {
            let body = request.into_body().collect_limited(1000).await?;
            Ok::<_, BoxError>(Response::new(Body::from(body)))
        });
        let writes = handler_fn(async |_: Request<Body>| {
            Ok::<_, BoxError>(Response::new(Body::from(vec![b'x'; 1_000_000])))
        });
        let waits = handler_fn(async |_: Request<Body>| {
            tokio::time::sleep(Duration::from_secs(600)).await;
            Ok::<_, BoxError>(Response::new(Body::from("patience")))
        });
        for (path, handler) in [("/reads", reads), ("/writes", writes), ("/waits", waits)] {
            shared
                .routes
                .mount(path, handler, MountOptions::new("test"))
                .unwrap();
        }
        let (client, server) = duplex(4096);
        let peer = ([127, 0, 0, 1], 1).into();
        let task = tokio::spawn(serve_stream(server, peer, false, None, Arc::clone(&shared)));
        (client, task, shared)
    }

    /// Sends text and reads until the server closes; also how many seconds that took.
    async fn exchange(mut client: DuplexStream, text: &str) -> (String, u64) {
        let begun = Instant::now();
        client.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        (answer, begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_cut() {
        let (client, task, _shared) = connection();
        assert_eq!(exchange(client, "").await, (String::new(), 30));
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_header_is_answered_408() {
        let (client, task, _shared) = connection();
        let (answer, seconds) = exchange(client, "POST /reads HTTP/1.1\r\nho").await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert_eq!(seconds, 30);
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_that_trickles_is_answered_408() {
        let (mut client, task, _shared) = connection();
        let begun = Instant::now();
        let mut answer = Vec::new();
        let mut letters = b"POST /reads HTTP/1.1\r\nx: "
            .iter()
            .chain(std::iter::repeat(&b'x'));
        while answer.is_empty() {
            client.write_all(&[*letters.next().unwrap()]).await.unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
            let mut buffer = [0; 100];
            if let Ok(Ok(read)) = timeout(Duration::from_millis(1), client.read(&mut buffer)).await
            {
                answer.extend(&buffer[..read]);
            }
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 408 "),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        assert!(
            (29..=32).contains(&begun.elapsed().as_secs()),
            "{:?}",
            begun.elapsed()
        );
        drop(client);
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_answered_408() {
        let (client, task, _shared) = connection();
        let text = "POST /reads HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab";
        let (answer, seconds) = exchange(client, text).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        // And 2 s in which the client could have read the answer.
        assert!((60..=62).contains(&seconds), "{seconds}");
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed() {
        let (client, task, _shared) = connection();
        let (answer, seconds) = exchange(client, "GET /reads HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(seconds, 60);
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_handler_is_nobodys_fault() {
        let (client, task, _shared) = connection();
        let text = "GET /waits HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let (answer, seconds) = exchange(client, text).await;
        assert!(answer.ends_with("patience"), "{answer}");
        assert_eq!(seconds, 600);
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_is_given_up_when_its_client_has_closed_its_side_for_long() {
        let (mut client, task, _shared) = connection();
        let begun = Instant::now();
        client
            .write_all(b"GET /waits HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        client.shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert_eq!(begun.elapsed().as_secs(), 2);
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_of_a_client_that_closed_its_side_behind_it() {
        for (length, status) in [(5, 200), (6, 408)] {
            let (mut client, task, _shared) = connection();
            let begun = Instant::now();
            let text =
                format!("POST /reads HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\nabcde");
            client.write_all(text.as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
            assert_eq!(answer.ends_with("\r\n\r\nabcde"), status == 200, "{answer}");
            assert!(begun.elapsed().as_secs() <= 1, "{:?}", begun.elapsed());
            drop(client);
            task.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_gone_ends_its_handler() {
        let (mut client, task, _shared) = connection();
        let begun = Instant::now();
        client
            .write_all(b"GET /waits HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        tokio::task::yield_now().await;
        drop(client);
        task.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_cut() {
        let (mut client, task, _shared) = connection();
        let begun = Instant::now();
        client
            .write_all(b"GET /writes HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        task.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 60);
        let mut some = Vec::new();
        client.read_to_end(&mut some).await.unwrap();
        assert!(some.len() <= 4096, "{}", some.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_stops_sending_is_cut() {
        let (mut client, task, _shared) = connection();
        let head = "POST /reads HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 13];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413 ");
        let begun = Instant::now();
        while client.write_all(b"more").await.is_ok() {
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert!(
            (1..=3).contains(&begun.elapsed().as_secs()),
            "{:?}",
            begun.elapsed()
        );
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_cuts_what_was_not_read_and_answers_what_was() {
        let (fresh, first, shared) = connection();
        let (mut busy, second, other) = connection();
        busy.write_all(b"GET /waits HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        tokio::task::yield_now().await;
        for shared in [&shared, &other] {
            shared.stages.advance(Stage::Draining);
            tokio::task::yield_now().await;
            shared.stages.advance(Stage::Refusing);
        }
        assert_eq!(exchange(fresh, "").await, (String::new(), 0));
        let (answer, seconds) = exchange(busy, "").await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert_eq!(seconds, 0);
        first.await.unwrap();
        second.await.unwrap();
    }
}

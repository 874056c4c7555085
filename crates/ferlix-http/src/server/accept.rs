//! The loop that accepts connections: it ends when it is told to, and for nothing else.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The first wait after an error, doubled for each that follows.
const FIRST_WAIT: Duration = Duration::from_millis(5);
/// The longest wait after an error (too many open files, mostly).
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// The same complaint is logged once in this time.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(60);

/// Where connections come from: a listening socket, or a test.
pub(super) trait Accept: Send + 'static {
    /// Waits for the next connection.
    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        Self::accept(self).await
    }
}

/// Accepts until `stop`; `serve` is given each connection and the permit it holds while it lives.
pub(super) async fn accept_loop<A: Accept>(
    mut listener: A,
    connections: Arc<Semaphore>,
    stop: CancellationToken,
    serve: impl Fn(TcpStream, SocketAddr, OwnedSemaphorePermit),
) {
    let accepting = async {
        let mut wait = FIRST_WAIT;
        let mut full = Complaint::default();
        let mut failing = Complaint::default();
        loop {
            if connections.available_permits() == 0 && full.is_due() {
                tracing::warn!(
                    "as many connections as allowed are open: others wait until one closes"
                );
            }
            let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    wait = FIRST_WAIT;
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%peer, "the connection was gone at once: {error}");
                        continue;
                    }
                    serve(stream, peer, permit);
                }
                // The client gave up before it was accepted.
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if failing.is_due() {
                        tracing::warn!("cannot accept connections for now: {error}");
                    }
                    sleep(jittered(wait)).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = accepting => {}
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// Between half of the wait and all of it, so that servers that failed together do not retry together.
fn jittered(wait: Duration) -> Duration {
    let random = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    wait / 2 + wait * random / 510
}

/// A complaint that is logged now and then only.
#[derive(Default)]
struct Complaint {
    last: Option<Instant>,
}

impl Complaint {
    fn is_due(&mut self) -> bool {
        let due = self
            .last
            .is_none_or(|last| last.elapsed() >= COMPLAINT_PAUSE);
        if due {
            self.last = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Fails as told, then accepts.
    struct Failing {
        errors: VecDeque<io::Error>,
        listener: TcpListener,
    }

    impl Accept for Failing {
        async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
            match self.errors.pop_front() {
                Some(error) => Err(error),
                None => self.listener.accept().await,
            }
        }
    }

    #[tokio::test]
    async fn errors_do_not_end_the_loop() {
        const TOO_MANY_OPEN_FILES: i32 = 24;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let errors = [
            io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES),
            io::ErrorKind::ConnectionAborted.into(),
            io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES),
        ];
        let failing = Failing {
            errors: errors.into(),
            listener,
        };
        let stop = CancellationToken::new();
        let served = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&served);
        let told = stop.clone();
        let accepting = accept_loop(
            failing,
            Arc::new(Semaphore::new(8)),
            stop,
            move |_, _, _| {
                count.fetch_add(1, Ordering::SeqCst);
                told.cancel();
            },
        );
        let client = TcpStream::connect(address);
        let both = async { tokio::join!(accepting, client) };
        let ((), client) = tokio::time::timeout(Duration::from_secs(10), both)
            .await
            .unwrap();
        client.unwrap();
        assert_eq!(served.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn waits_are_spread_over_half_of_them() {
        for _ in 0..100 {
            let wait = jittered(Duration::from_millis(100));
            assert!((50..=100).contains(&wait.as_millis()), "{wait:?}");
        }
    }
}

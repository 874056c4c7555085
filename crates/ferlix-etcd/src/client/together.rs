//! Everything of a connection in one task, which writes once each time that it wakes.
//!
//! The gRPC library makes several tasks of a connection and two more of each call, and writes a call in three pieces. Each
//! piece is a packet that wakes etcd, and each task may wake another thread. So [`Executor`] takes its tasks for [`Driver`],
//! which polls those that were woken until all of them wait, and only then sends what they wrote to the [`Wire`].
//!
//! A flush of the wire is done at once therefore, before its bytes are sent: an error of that comes with the next read.
//! Deliberately absent: any knowledge of what is written.

use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf, split};

use super::dial::ByteStream;

/// Above so many bytes that are not sent, whoever writes waits.
const MOST: usize = 64 * 1024;
/// So often the futures are polled again, because one woke another, before other tasks have their turn.
const ROUNDS: usize = 16;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The parts of one connection.
pub(super) fn together(stream: Box<dyn ByteStream>) -> (Wire, Executor, Driver) {
    let (read, write) = split(stream);
    let shared = Arc::new(Shared {
        state: Mutex::default(),
    });
    let wire = Wire {
        read,
        shared: Arc::clone(&shared),
    };
    let driver = Driver {
        waker: Waker::from(Arc::clone(&shared)),
        shared: Arc::clone(&shared),
        work: FuturesUnordered::new(),
        sender: Some(Sender {
            write,
            bytes: Vec::new(),
            sent: 0,
        }),
    };
    (wire, Executor(Arc::new(Door(shared))), driver)
}

struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The driver's task, while it waits and nothing woke it yet.
    task: Option<Waker>,
    /// Something woke the driver while it was at work.
    woken: bool,
    /// What the driver has still to take over.
    work: Vec<Work>,
    /// No more work comes.
    complete: bool,
    /// What was written and is not sent.
    written: Vec<u8>,
    /// No more is written.
    finished: bool,
    /// Nothing can be sent any more.
    broken: bool,
    /// Why, until the reader has it.
    error: Option<io::Error>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl State {
    /// Whether there is something to poll.
    fn is_woken(&self) -> bool {
        self.woken || !self.work.is_empty()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and has the driver look at it.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let task = {
            let mut state = self.lock();
            change(&mut state);
            state.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.change(|state| state.woken = true);
    }
}

/// Takes tasks for the driver. When the last clone is dropped, the driver ends with the last of them.
#[derive(Clone)]
pub(super) struct Executor(Arc<Door>);

/// Where work comes in.
struct Door(Arc<Shared>);

impl<W: Future<Output = ()> + Send + 'static> hyper::rt::Executor<W> for Executor {
    fn execute(&self, work: W) {
        let work = Box::pin(work);
        self.0.0.change(|state| state.work.push(work));
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.0.change(|state| state.complete = true);
    }
}

/// The byte stream as its user sees it: reads are those of the stream, writes are kept for the driver.
pub(super) struct Wire {
    read: ReadHalf<Box<dyn ByteStream>>,
    shared: Arc<Shared>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.read).poll_read(cx, buffer);
        if read.is_pending() {
            let mut state = self.shared.lock();
            if let Some(error) = state.error.take() {
                return Poll::Ready(Err(error));
            }
            match &mut state.reader {
                Some(reader) => reader.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut taken = Poll::Pending;
        self.shared.change(|state| {
            if state.broken {
                taken = Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                return;
            }
            if state.written.len() >= MOST {
                state.writer = Some(cx.waker().clone());
                return;
            }
            let before = state.written.len();
            for slice in slices {
                state.written.extend_from_slice(slice);
            }
            taken = Poll::Ready(Ok(state.written.len() - before));
        });
        taken
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.change(|state| state.finished = true);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.change(|state| state.finished = true);
    }
}

/// Sends what was written.
struct Sender {
    write: WriteHalf<Box<dyn ByteStream>>,
    bytes: Vec<u8>,
    sent: usize,
}

impl Sender {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut write = Pin::new(&mut self.write);
        while self.sent < self.bytes.len() {
            match ready!(write.as_mut().poll_write(cx, &self.bytes[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        ready!(write.poll_flush(cx))?;
        self.sent = 0;
        if self.bytes.capacity() > MOST {
            self.bytes = Vec::new();
        } else {
            self.bytes.clear();
        }
        Poll::Ready(Ok(()))
    }
}

/// The one task of a connection.
pub(super) struct Driver {
    shared: Arc<Shared>,
    /// What wakes the driver, unless it is at work.
    waker: Waker,
    work: FuturesUnordered<Work>,
    /// Nothing when the stream is closed.
    sender: Option<Sender>,
}

impl Driver {
    /// Sends what was written, as far as the stream takes it.
    fn send(&mut self, cx: &mut Context<'_>) {
        while let Some(sender) = &mut self.sender {
            let (finished, is_last) = {
                let mut state = self.shared.lock();
                if sender.bytes.is_empty() {
                    mem::swap(&mut sender.bytes, &mut state.written);
                }
                (state.finished, state.written.is_empty())
            };
            if sender.bytes.is_empty() && !finished {
                return;
            }
            match sender.poll_send(cx) {
                Poll::Ready(Ok(())) if finished && is_last => {
                    // Whoever wrote has gone: nobody wants to know.
                    let _ = Pin::new(&mut sender.write).poll_shutdown(cx);
                    self.sender = None;
                }
                Poll::Ready(Ok(())) => {
                    let writer = self.shared.lock().writer.take();
                    wake(writer);
                }
                Poll::Ready(Err(error)) => {
                    self.sender = None;
                    let (reader, writer) = {
                        let mut state = self.shared.lock();
                        state.broken = true;
                        state.error = Some(error);
                        (state.reader.take(), state.writer.take())
                    };
                    wake(reader);
                    wake(writer);
                }
                // Whoever wrote has gone, and with it whoever could wait for the rest: a peer that takes nothing holds up no end.
                Poll::Pending if finished => self.sender = None,
                Poll::Pending => return,
            }
        }
    }

    /// Whether there is nothing to do before something wakes the driver.
    fn is_idle(&self, state: &State) -> bool {
        let is_free = |sender: &Sender| sender.bytes.is_empty();
        let may_send = self.sender.as_ref().is_some_and(is_free) && !state.written.is_empty();
        !state.is_woken() && !may_send
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        for _ in 0..ROUNDS {
            {
                let mut state = this.shared.lock();
                state.task = None;
                state.woken = false;
                this.work.extend(state.work.drain(..));
            }
            let mut own = Context::from_waker(&this.waker);
            while let Poll::Ready(Some(())) = this.work.poll_next_unpin(&mut own) {}
            if this.shared.lock().is_woken() {
                continue;
            }
            this.send(cx);
            let mut state = this.shared.lock();
            if this.is_idle(&state) {
                if state.complete && this.work.is_empty() && this.sender.is_none() {
                    return Poll::Ready(());
                }
                state.task = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        this.send(cx);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::rt::Executor as _;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::sync::oneshot;
    use tokio::task::yield_now;
    use tokio::time::timeout;

    use super::*;

    /// A stream that counts what is written to it.
    struct Counted<S> {
        stream: S,
        writes: Arc<Mutex<Vec<usize>>>,
    }

    impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_read(cx, buffer)
        }
    }

    impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
            if let Poll::Ready(Ok(count)) = written {
                self.writes.lock().unwrap().push(count);
            }
            written
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(cx)
        }
    }

    #[tokio::test]
    async fn what_several_tasks_write_in_one_turn_is_one_write() {
        let (near, mut far) = duplex(1024);
        let writes = Arc::default();
        let (mut wire, executor, driver) = together(Box::new(Counted {
            stream: near,
            writes: Arc::clone(&writes),
        }));
        let driver = tokio::spawn(driver);
        let (go, gone) = oneshot::channel::<()>();
        let (next, then) = oneshot::channel::<()>();
        executor.execute(Box::pin(async move {
            then.await.unwrap();
            wire.write_all(b"two").await.unwrap();
            wire.flush().await.unwrap();
            wire.write_all(b"three").await.unwrap();
        }));
        executor.execute(Box::pin(async move {
            gone.await.unwrap();
            next.send(()).unwrap();
        }));
        drop(executor);
        yield_now().await;
        go.send(()).unwrap();
        let mut all = Vec::new();
        far.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"twothree");
        assert_eq!(*writes.lock().unwrap(), [8]);
        driver.await.unwrap();
    }

    #[tokio::test]
    async fn more_than_the_stream_takes_waits_and_arrives_in_order() {
        let (near, mut far) = duplex(1000);
        let (mut wire, executor, driver) = together(Box::new(near));
        tokio::spawn(driver);
        let bytes: Vec<u8> = (0..5 * MOST).map(|number| number as u8).collect();
        let sent = bytes.clone();
        let writing = tokio::spawn(async move {
            for piece in sent.chunks(777) {
                wire.write_all(piece).await.unwrap();
            }
            wire
        });
        let mut received = vec![0; bytes.len()];
        far.read_exact(&mut received).await.unwrap();
        assert!(received == bytes);
        drop((writing.await.unwrap(), executor));
        assert_eq!(far.read(&mut received).await.unwrap(), 0, "it is closed");
    }

    #[tokio::test]
    async fn who_reads_learns_that_nothing_can_be_written() {
        let (near, far) = duplex(10);
        let (mut wire, _executor, driver) = together(Box::new(Counted {
            stream: tokio::io::join(Silent, near),
            writes: Arc::default(),
        }));
        tokio::spawn(driver);
        drop(far);
        wire.write_all(b"lost").await.unwrap();
        let read = timeout(Duration::from_secs(10), wire.read_u8()).await;
        let error = read.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        wire.write_all(b"lost").await.unwrap_err();
    }

    /// Never says anything.
    struct Silent;

    impl AsyncRead for Silent {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
}

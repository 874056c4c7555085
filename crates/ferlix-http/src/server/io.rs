//! [`Io`]: a socket, or the TLS stream on it, that tells the connection what moves and what is stuck.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::{Connection, Phase};

/// How much of what a client still sends is thrown away before the connection is cut.
const LINGER_BYTES: usize = 32 * 1024 * 1024;

/// A stream that keeps the connection's state up to date.
#[derive(Debug)]
pub(super) struct Io<T> {
    stream: T,
    connection: Arc<Connection>,
    write_closed: bool,
    thrown_away: usize,
    /// The client's end was read and kept back.
    end_kept: bool,
}

impl<T> Io<T> {
    pub(super) const fn new(stream: T, connection: Arc<Connection>) -> Self {
        Self {
            stream,
            connection,
            write_closed: false,
            thrown_away: 0,
            end_kept: false,
        }
    }

    fn wrote(&self, result: &Poll<io::Result<usize>>, cx: &Context<'_>) {
        if self.end_kept {
            // The answer is on its way: the connection is looked at again, and its end then read.
            cx.waker().wake_by_ref();
        }
        match result {
            Poll::Ready(Ok(1..)) => self.connection.wrote(),
            Poll::Ready(_) => {}
            Poll::Pending => self.connection.write_blocked(true),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Io<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let bytes = buffer.filled().len() - before;
        if bytes > 0 {
            self.connection.read(bytes);
        } else if buffer.remaining() > 0 && self.connection.end_of_stream() {
            // The HTTP library would drop the handler at once. A client that has only closed its sending side is answered,
            // if that does not take long: the watchdog sees to it. The end is read again behind the answer.
            self.end_kept = true;
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Io<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(&result, cx);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(&result, cx);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        // A plain socket never blocks here; a TLS stream does when the socket is full.
        self.connection.write_blocked(result.is_pending());
        result
    }

    /// Closes our side. A client that is sending still is read until it ends, because closing a socket with unread bytes
    /// in it makes the system throw away the response that is on its way. The watchdog bounds the time.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.write_closed {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.write_closed = true;
            if !self.connection.is_unread() {
                return Poll::Ready(Ok(()));
            }
            self.connection.enter(Phase::Lingering);
        }
        if self.connection.phase() != Phase::Lingering {
            return Poll::Ready(Ok(()));
        }
        let mut scratch = [0; 4096];
        while self.thrown_away < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    self.thrown_away += buffer.filled().len();
                }
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

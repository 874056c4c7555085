//! [`IncomingBody`]: the body of a request as the client sends it, cut off at the limit and when it is overdue.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::activity::{Connection, Verdict};
use crate::body::BodyError;
use crate::request::RequestInfo;

/// The body of a request, also when it has none.
pub(crate) struct IncomingBody {
    body: Incoming,
    info: RequestInfo,
    read: u64,
    done: bool,
}

impl IncomingBody {
    pub(super) const fn new(body: Incoming, info: RequestInfo) -> Self {
        Self {
            body,
            info,
            read: 0,
            done: false,
        }
    }

    pub(crate) const fn info(&self) -> &RequestInfo {
        &self.info
    }

    fn connection(&self) -> &Connection {
        self.info.connection()
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                self.connection().await_body(cx.waker());
                if self.connection().verdict() == Verdict::TimedOut {
                    self.connection().body_unread();
                    return self.fail(BodyError::TimedOut {
                        after: self.connection().pause(),
                    });
                }
                return Poll::Pending;
            }
        };
        match frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                self.read = self.read.saturating_add(length);
                let limit = self.info.max_body_size();
                if self.read > limit {
                    self.connection().body_unread();
                    self.connection().body_too_large();
                    return self.fail(BodyError::TooLarge { limit });
                }
                if self.body.is_end_stream() {
                    self.connection().body_done();
                } else {
                    self.connection().body_unread();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                self.connection().body_unread();
                self.fail(BodyError::Incomplete(error.into()))
            }
            None => {
                self.done = true;
                self.connection().body_done();
                Poll::Ready(None)
            }
        }
    }

    /// The error ends the body.
    #[cold]
    fn fail<T>(&mut self, error: BodyError) -> Poll<Option<Result<T, BodyError>>> {
        self.done = true;
        Poll::Ready(Some(Err(error)))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.done || self.body.is_end_stream()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        if self.done {
            SizeHint::with_exact(0)
        } else {
            self.body.size_hint()
        }
    }
}

impl Drop for IncomingBody {
    fn drop(&mut self) {
        // Nobody waits any more. A body that was read to its end stays done.
        if !self.is_end_stream() {
            self.connection().body_unread();
        }
    }
}

//! [`Body`]: the content of a request or a response.
//!
//! In: what a client sends, within the limit of the mount it is for, or what a handler answers with: nothing, bytes,
//! or any `http_body::Body`. Out: an `http_body::Body` of [`Bytes`].
//!
//! Deliberately absent: encodings (gzip) and the framing of HTTP, which the server does.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;

use crate::error::BoxError;
use crate::request::RequestInfo;
use crate::server::{InFlight, IncomingBody};

/// Growing a buffer for a body begins with this much at most, whatever length the client announced.
const FIRST_CAPACITY: u64 = 64 * 1024;

/// Why a body could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The connection broke, or the framing was wrong (the client is at fault).
    #[error("the client did not send the whole body: {0}")]
    Incomplete(#[source] BoxError),
    /// The source of the body failed.
    #[error("the body failed: {0}")]
    Source(#[source] BoxError),
    /// The client sent too slowly.
    #[error("the body did not arrive in time: nothing came for {after:?}, or too little over all")]
    TimedOut {
        /// The longest pause that is allowed.
        after: Duration,
    },
    /// The body is larger than allowed.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

/// The content of a request or a response.
///
/// ```
/// use ferlix_http::Body;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let body = Body::from("some text");
/// assert_eq!(body.collect_limited(1024).await.unwrap(), "some text");
/// # });
/// ```
pub struct Body {
    content: Content,
    /// Of a response: tells the connection that it is written, when the server drops the body.
    in_flight: Option<InFlight>,
}

enum Content {
    Empty,
    Full(Bytes),
    /// Of a request, with where it came from: in its extensions, that would be allocated for it.
    Incoming(IncomingBody),
    Stream(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BoxError> + Send>>),
}

impl Body {
    /// No content.
    #[must_use]
    pub const fn empty() -> Self {
        Self::of(Content::Empty)
    }

    /// The content of another body, sent as it comes.
    pub fn wrap<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::of(Content::Stream(Box::pin(body.map_err(Into::into))))
    }

    /// The body of a request.
    pub(crate) const fn of_request(body: IncomingBody) -> Self {
        Self::of(Content::Incoming(body))
    }

    const fn of(content: Content) -> Self {
        Self {
            content,
            in_flight: None,
        }
    }

    /// Where the request came from and where it was routed to: there for every body that the server gave to a handler.
    #[must_use]
    pub const fn info(&self) -> Option<&RequestInfo> {
        match &self.content {
            Content::Incoming(body) => Some(body.info()),
            _ => None,
        }
    }

    /// Marks the body as that of the response to the request in flight.
    pub(crate) fn answers(&mut self, in_flight: InFlight) {
        self.in_flight = Some(in_flight);
    }

    /// Reads the whole content into memory; trailers are dropped. Content that came in one piece is not copied.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] beyond `limit` bytes, else what broke the body.
    pub async fn collect_limited(mut self, limit: u64) -> Result<Bytes, BodyError> {
        if http_body::Body::size_hint(&self).lower() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        let mut first: Option<Bytes> = None;
        let mut joined: Option<BytesMut> = None;
        let mut length: u64 = 0;
        while let Some(frame) = self.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            length = length.saturating_add(data.len() as u64);
            if length > limit {
                return Err(BodyError::TooLarge { limit });
            }
            match (&mut joined, first.take()) {
                (Some(joined), _) => joined.extend_from_slice(&data),
                (None, None) => first = Some(data),
                (None, Some(start)) => {
                    let rest = http_body::Body::size_hint(&self)
                        .lower()
                        .min(FIRST_CAPACITY);
                    let capacity = start.len() + data.len() + usize::try_from(rest).unwrap_or(0);
                    let mut buffer = BytesMut::with_capacity(capacity);
                    buffer.extend_from_slice(&start);
                    buffer.extend_from_slice(&data);
                    joined = Some(buffer);
                }
            }
        }
        Ok(joined.map(BytesMut::freeze).or(first).unwrap_or_default())
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::empty()
        } else {
            Self::of(Content::Full(bytes))
        }
    }
}

macro_rules! from {
    ($($type:ty),*) => { $(
        impl From<$type> for Body {
            fn from(content: $type) -> Self {
                Bytes::from(content).into()
            }
        }
    )* };
}

from!(&'static str, &'static [u8], String, Vec<u8>);

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.content {
            Content::Empty => Poll::Ready(None),
            Content::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.content = Content::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Content::Incoming(body) => body.poll_frame(cx),
            Content::Stream(body) => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Source)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Full(_) => false,
            Content::Incoming(body) => body.is_end_stream(),
            Content::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Incoming(body) => body.size_hint(),
            Content::Stream(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Content::Empty => f.write_str("Body(empty)"),
            Content::Full(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Content::Incoming(_) => f.write_str("Body(incoming)"),
            Content::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use http_body::Body as _;

    use super::*;

    /// A body of several pieces.
    struct Pieces(VecDeque<Result<Bytes, BoxError>>);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(self.0.pop_front().map(|piece| piece.map(Frame::data)))
        }
    }

    fn pieces<const N: usize>(pieces: [&'static str; N]) -> Body {
        Body::wrap(Pieces(
            pieces.into_iter().map(|piece| Ok(piece.into())).collect(),
        ))
    }

    #[tokio::test]
    async fn pieces_are_joined_in_order() {
        assert_eq!(pieces([]).collect_limited(0).await.unwrap(), "");
        assert_eq!(pieces(["one"]).collect_limited(3).await.unwrap(), "one");
        assert_eq!(
            pieces(["one", "", " two", " three"])
                .collect_limited(13)
                .await
                .unwrap(),
            "one two three"
        );
    }

    #[tokio::test]
    async fn one_byte_above_the_limit_is_too_large() {
        for body in [Body::from("12345"), pieces(["123", "45"])] {
            let error = body.collect_limited(4).await.unwrap_err();
            assert!(matches!(error, BodyError::TooLarge { limit: 4 }), "{error}");
        }
    }

    #[tokio::test]
    async fn the_error_of_a_stream_is_kept() {
        let stream = Pieces([Ok("a".into()), Err("lost".into())].into());
        let error = Body::wrap(stream).collect_limited(10).await.unwrap_err();
        assert_eq!(error.to_string(), "the body failed: lost");
    }

    #[test]
    fn known_lengths_are_exact() {
        assert_eq!(Body::from("abc").size_hint().exact(), Some(3));
        assert_eq!(Body::from("").size_hint().exact(), Some(0));
        assert!(Body::from("").is_end_stream());
        assert!(!Body::from("abc").is_end_stream());
    }
}

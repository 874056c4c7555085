//! The document of a request: collected within limits, and unpacked when it came compressed.
//!
//! One that arrives in one piece is used where it lies. What arrives in pieces is put together in memory, and how much of
//! that there is at once, over all requests, is bounded by a [`Room`]: otherwise a thousand slow senders of large documents would
//! fill the memory without a single call.

use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use ferlix_http::{Body, BodyError};
use flate2::Compression;
use flate2::read::{GzEncoder, MultiGzDecoder};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt as _;

use crate::headers::values;

/// How much of something there may be at once.
#[derive(Debug)]
pub(super) struct Room {
    taken: AtomicUsize,
    size: usize,
}

impl Room {
    pub(super) const fn new(size: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            size,
        }
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// A place for nothing yet.
    pub(super) const fn enter(&self) -> Place<'_> {
        Place {
            room: self,
            taken: 0,
        }
    }
}

/// What one takes of a room, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    room: &'a Room,
    taken: usize,
}

impl Place<'_> {
    /// Takes more; `false` when there is no room for it.
    #[must_use]
    pub(super) fn grow(&mut self, by: usize) -> bool {
        let before = self.room.taken.fetch_add(by, Ordering::Relaxed);
        self.taken += by;
        before.saturating_add(by) <= self.room.size
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

/// Why there is no document.
pub(super) enum NoDocument {
    /// It is larger than a call may be.
    TooLarge,
    /// There is no room for it now.
    NoRoom,
    /// It did not come whole.
    Broken(BodyError),
}

/// Reads the body of a request.
pub(super) async fn collect(
    body: &mut Body,
    limit: usize,
    room: &Room,
) -> Result<Bytes, NoDocument> {
    if body.size_hint().lower() > limit as u64 {
        return Err(NoDocument::TooLarge);
    }
    let Some(first) = piece(body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > limit {
        return Err(NoDocument::TooLarge);
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let mut place = room.enter();
    let mut whole = BytesMut::new();
    let mut next = Some(first);
    while let Some(piece_) = next {
        if whole.len() + piece_.len() > limit {
            return Err(NoDocument::TooLarge);
        }
        if !place.grow(piece_.len()) {
            return Err(NoDocument::NoRoom);
        }
        whole.extend_from_slice(&piece_);
        next = piece(body).await?;
    }
    Ok(whole.freeze())
}

async fn piece(body: &mut Body) -> Result<Option<Bytes>, NoDocument> {
    while let Some(frame) = body.frame().await {
        match frame {
            // Trailers are nothing to us.
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Err(BodyError::TooLarge { .. }) => return Err(NoDocument::TooLarge),
            Err(error) => return Err(NoDocument::Broken(error)),
        }
    }
    Ok(None)
}

/// How a document is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Gzip,
    Other,
}

impl Encoding {
    /// By the header of a message.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut encodings = values(headers, CONTENT_ENCODING);
        match (
            encodings.next().map(HeaderValue::as_bytes),
            encodings.next(),
        ) {
            (None, _) => Self::Plain,
            (Some(one), None) if one.eq_ignore_ascii_case(b"identity") => Self::Plain,
            (Some(one), None)
                if one.eq_ignore_ascii_case(b"gzip") || one.eq_ignore_ascii_case(b"x-gzip") =>
            {
                Self::Gzip
            }
            _ => Self::Other,
        }
    }
}

/// Whether the sender of a request takes an answer that is compressed by gzip.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT_ENCODING).iter().any(|value| {
        value.to_str().is_ok_and(|list| {
            list.split(',').any(|one| {
                let (name, weight) = one.split_once(';').unwrap_or((one, ""));
                let refused = weight
                    .trim()
                    .strip_prefix("q=")
                    .is_some_and(|weight| weight.trim().parse() == Ok(0.0));
                name.trim().eq_ignore_ascii_case("gzip") && !refused
            })
        })
    })
}

/// Why a compressed document cannot be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    TooLarge,
    Broken,
}

/// Unpacks a document, which may have so many bytes then: what is beyond is not made.
pub(crate) fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>, Packed> {
    let mut document = Vec::new();
    MultiGzDecoder::new(packed)
        .take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1))
        .read_to_end(&mut document)
        .map_err(|_| Packed::Broken)?;
    if document.len() > limit {
        return Err(Packed::TooLarge);
    }
    Ok(document)
}

/// Packs a document, fast rather than small.
pub(super) fn pack(document: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(document.len() / 4);
    let read = GzEncoder::new(document, Compression::fast()).read_to_end(&mut packed);
    debug_assert!(read.is_ok(), "memory can be read");
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_within_the_limit() {
        let bomb = pack(&vec![b'a'; 1 << 20]);
        assert!(bomb.len() < 10_000);
        assert_eq!(unpack(&bomb, 1 << 20).unwrap().len(), 1 << 20);
        assert_eq!(unpack(&bomb, (1 << 20) - 1), Err(Packed::TooLarge));
        assert_eq!(
            unpack(&bomb[..bomb.len() - 1], 1 << 20),
            Err(Packed::Broken)
        );
        assert_eq!(unpack(b"<xml>", 100), Err(Packed::Broken));
        let twice = [pack(b"ab"), pack(b"cd")].concat();
        assert_eq!(unpack(&twice, 4).unwrap(), b"abcd");
    }

    #[test]
    fn who_takes_gzip_says_so() {
        let takes = |value: &'static str| {
            takes_gzip(&HeaderMap::from_iter([(
                ACCEPT_ENCODING,
                HeaderValue::from_static(value),
            )]))
        };
        for value in ["gzip", "deflate, GZIP;q=0.5", "gzip;q=1"] {
            assert!(takes(value), "{value}");
        }
        for value in ["", "deflate", "gzip;q=0", "gzip; q=0.0", "xgzip", "*"] {
            assert!(!takes(value), "{value}");
        }
    }

    #[test]
    fn a_room_is_left_as_it_was_found() {
        let room = Room::new(3);
        let mut first = room.enter();
        assert!(first.grow(1) && first.grow(2) && !first.grow(1));
        assert_eq!(room.taken(), 4);
        drop(first);
        assert_eq!(room.taken(), 0);
    }
}

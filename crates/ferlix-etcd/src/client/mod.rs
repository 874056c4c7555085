//! A thin typed client of one etcd connection: ranges in pages, puts, deletions, leases, watches.
//!
//! A call goes out with a deadline and, where a user is configured, with a token that is renewed when etcd no longer
//! takes it. What comes back is checked and told in our own types. A connection that ended stays ended: reconnecting,
//! and everything that has to be done after it, is the business of the [session](crate::Session).

mod address;
mod channel;
mod connector;
mod dial;
mod lease;
mod together;
mod token;
mod watch;

use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::Uri;
use prost::Message as _;
use tokio::time::timeout;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

pub(crate) use connector::Connector;
pub use dial::{ByteStream, Dial, DialFuture, Dialed, TcpDial};
pub use lease::{KeepAlive, Lease};
pub use watch::{Event, WatchMessage, WatchStream};

use self::address::Address;
use self::channel::Channel;
use self::token::Token;
use crate::config::EtcdConfig;
use crate::error::{Error, NO_IDENTITY_HINT};
use crate::proto::etcdserverpb::kv_client::KvClient;
use crate::proto::etcdserverpb::{
    DeleteRangeRequest, PutRequest, RangeRequest, RangeResponse, ResponseHeader,
};
use crate::proto::mvccpb;

/// The most that one read of a whole range may hold in memory, in bytes of keys and values.
const MAX_RANGE_BYTES: usize = 512 * 1024 * 1024;

/// One key as etcd has it. Key and value share the memory of the message that they came in: copy what is kept for long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyValue {
    /// The key.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
    /// The revision at which the key came to be.
    pub create_revision: i64,
    /// The revision at which it was last put.
    pub mod_revision: i64,
    /// How often it was put since it came to be.
    pub version: i64,
    /// The lease that it goes with; 0 for none.
    pub lease: i64,
}

impl From<mvccpb::KeyValue> for KeyValue {
    fn from(kv: mvccpb::KeyValue) -> Self {
        Self {
            key: kv.key,
            value: kv.value,
            create_revision: kv.create_revision,
            mod_revision: kv.mod_revision,
            version: kv.version,
            lease: kv.lease,
        }
    }
}

/// All keys of a range, as they were at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Range {
    /// The keys, ascending.
    pub entries: Vec<KeyValue>,
    /// The revision.
    pub revision: i64,
}

/// One connection to one etcd endpoint. Cheap to clone; it closes when the last clone and the last stream are dropped.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    channel: Channel,
    /// What requests carry as their scheme and authority.
    origin: Uri,
    endpoint: String,
    local_address: Option<SocketAddr>,
    /// What to say when the connection breaks without a reason.
    hint: &'static str,
    config: Arc<EtcdConfig>,
    token: Token,
}

impl Client {
    /// Opens a connection to the first endpoint that answers, and logs in where a user is configured.
    pub async fn connect(config: EtcdConfig) -> Result<Self, Error> {
        Connector::new(config)?.connect().await
    }

    fn new(
        channel: Channel,
        address: &Address,
        local_address: Option<SocketAddr>,
        config: Arc<EtcdConfig>,
    ) -> Result<Self, Error> {
        let without_identity = address.tls
            && config
                .tls
                .as_ref()
                .is_some_and(|tls| tls.identity.is_none());
        Ok(Self {
            inner: Arc::new(Inner {
                channel,
                origin: address.origin()?,
                endpoint: address.to_string(),
                local_address,
                hint: if without_identity {
                    NO_IDENTITY_HINT
                } else {
                    ""
                },
                config,
                token: Token::default(),
            }),
        })
    }

    /// Where etcd is, as `host:port`.
    pub fn endpoint(&self) -> &str {
        &self.inner.endpoint
    }

    /// Our own address on the connection.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.inner.local_address
    }

    /// Reads `[start, end)` in pages, all at one revision.
    pub async fn range(&self, start: &[u8], end: &[u8]) -> Result<Range, Error> {
        const CALL: &str = "a range";
        let mut entries: Vec<KeyValue> = Vec::new();
        let mut revision = 0;
        let mut bytes = 0;
        let mut limit = i64::from(self.inner.config.page_size);
        let mut from = Bytes::copy_from_slice(start);
        let end = Bytes::copy_from_slice(end);
        loop {
            let page = match self.page(from.clone(), end.clone(), limit, revision).await {
                // Fewer keys fit; one that does not fit alone never will.
                Err(Error::ReplyTooLarge { .. }) if limit > 1 => {
                    limit = (limit / 4).max(1);
                    continue;
                }
                other => other?,
            };
            if revision == 0 {
                revision = header_revision(CALL, page.header)?;
            }
            let more = page.more;
            for kv in page.kvs {
                let too_low = match entries.last() {
                    Some(last) => kv.key <= last.key,
                    None => kv.key < from,
                };
                if too_low || kv.key >= end {
                    return Err(Error::Protocol {
                        call: CALL,
                        what: "a key out of the range or out of order",
                    });
                }
                bytes += kv.key.len() + kv.value.len();
                if bytes > MAX_RANGE_BYTES {
                    return Err(Error::Limit {
                        what: "bytes in one range",
                        limit: MAX_RANGE_BYTES,
                    });
                }
                entries.push(kv.into());
            }
            match entries.last() {
                Some(last) if more => {
                    let mut next = last.key.to_vec();
                    next.push(0);
                    if from == next {
                        return Err(Error::Protocol {
                            call: CALL,
                            what: "an empty page that is not the last",
                        });
                    }
                    from = next.into();
                }
                None if more => {
                    return Err(Error::Protocol {
                        call: CALL,
                        what: "an empty page that is not the last",
                    });
                }
                _ => return Ok(Range { entries, revision }),
            }
        }
    }

    async fn page(
        &self,
        key: Bytes,
        range_end: Bytes,
        limit: i64,
        revision: i64,
    ) -> Result<RangeResponse, Error> {
        let request = RangeRequest {
            key,
            range_end,
            limit,
            revision,
            ..RangeRequest::default()
        };
        self.call("a range", request, |client, request| async move {
            client.kv().range(request).await
        })
        .await
    }

    /// Puts one key; `lease` 0 is none. Answers with the revision.
    pub async fn put(&self, key: &[u8], value: Bytes, lease: i64) -> Result<i64, Error> {
        const CALL: &str = "a put";
        let size = value.len();
        let request = PutRequest {
            key: Bytes::copy_from_slice(key),
            value,
            lease,
            ..PutRequest::default()
        };
        let length = request.encoded_len();
        let answer = self
            .call(CALL, request, |client, request| async move {
                client.kv().put(request).await
            })
            .await
            .map_err(|error| match error {
                Error::LeaseGone { .. } => Error::LeaseGone { lease },
                Error::RequestTooLarge { message } => too_large(key, size, &message),
                // Servers in Rust say it of what they were sent, and how long that was.
                Error::ReplyTooLarge { message, .. }
                    if message.contains(&format!("found {length} bytes")) =>
                {
                    too_large(key, size, &message)
                }
                other => no_answer_to_a_write(CALL, other),
            })?;
        header_revision(CALL, answer.header)
    }

    /// Deletes one key, if it is there. Answers with the revision.
    pub async fn delete(&self, key: &[u8]) -> Result<i64, Error> {
        self.delete_request(key, &[]).await
    }

    /// Deletes `[start, end)`. Answers with the revision.
    pub async fn delete_range(&self, start: &[u8], end: &[u8]) -> Result<i64, Error> {
        self.delete_request(start, end).await
    }

    async fn delete_request(&self, key: &[u8], range_end: &[u8]) -> Result<i64, Error> {
        const CALL: &str = "a deletion";
        let request = DeleteRangeRequest {
            key: Bytes::copy_from_slice(key),
            range_end: Bytes::copy_from_slice(range_end),
            ..DeleteRangeRequest::default()
        };
        let answer = self
            .call(CALL, request, |client, request| async move {
                client.kv().delete_range(request).await
            })
            .await
            .map_err(|error| no_answer_to_a_write(CALL, error))?;
        header_revision(CALL, answer.header)
    }

    fn kv(&self) -> KvClient<Channel> {
        KvClient::with_origin(self.inner.channel.clone(), self.inner.origin.clone())
            .max_decoding_message_size(self.inner.config.max_message_size)
    }

    /// One call with a deadline; once more with a new token when etcd no longer takes the old one.
    async fn call<Q, A, S, F>(&self, call: &'static str, message: Q, send: S) -> Result<A, Error>
    where
        Q: Clone,
        S: Fn(Self, Request<Q>) -> F,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let limit = self.inner.config.call_timeout;
        // Pinned where it is made: it is large, and the timeout would move it.
        let attempt = pin!(async {
            let token = self.inner.token.current();
            let first = send(self.clone(), self.request(message.clone())).await;
            match first {
                Err(status) if self.wants_a_new_token(&status) => {
                    self.renew_token(token).await?;
                    let second = send(self.clone(), self.request(message.clone())).await;
                    second.map_err(|status| self.said(call, status))
                }
                other => other.map_err(|status| self.said(call, status)),
            }
        });
        match timeout(limit, attempt).await {
            Ok(answer) => answer.map(Response::into_inner),
            Err(_) => Err(Error::Timeout {
                call,
                endpoint: self.inner.endpoint.clone(),
                after: limit,
            }),
        }
    }

    /// Adds what every request carries.
    fn request<Q>(&self, message: Q) -> Request<Q> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        if self.inner.config.require_leader {
            metadata.insert("hasleader", MetadataValue::from_static("true"));
        }
        if let Some(token) = self.inner.token.current() {
            metadata.insert("token", token.value);
        }
        request
    }

    fn said(&self, call: &'static str, status: Status) -> Error {
        Error::from_status(call, &self.inner.endpoint, self.inner.hint, status)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.inner.endpoint)
            .field("local_address", &self.inner.local_address)
            .finish_non_exhaustive()
    }
}

fn too_large(key: &[u8], size: usize, message: &str) -> Error {
    let key = String::from_utf8_lossy(key);
    Error::RequestTooLarge {
        message: format!("the value of {size} bytes for the key {key}: {message}"),
    }
}

/// An answer to a write says little: one that is too large is none, and no larger limit would make it one.
fn no_answer_to_a_write(call: &'static str, error: Error) -> Error {
    match error {
        Error::ReplyTooLarge { .. } => Error::Protocol {
            call,
            what: "an answer larger than any to a write",
        },
        other => other,
    }
}

fn header_revision(call: &'static str, header: Option<ResponseHeader>) -> Result<i64, Error> {
    match header {
        Some(header) => checked_revision(call, header.revision),
        None => Err(Error::Protocol {
            call,
            what: "no header",
        }),
    }
}

/// What a watch can go on from: one without a successor is as wrong as one below zero.
fn checked_revision(call: &'static str, revision: i64) -> Result<i64, Error> {
    if (0..i64::MAX).contains(&revision) {
        return Ok(revision);
    }
    Err(Error::Protocol {
        call,
        what: "a revision that cannot be",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_that_nothing_can_follow_is_refused() {
        let read = |revision| {
            let header = ResponseHeader {
                revision,
                ..ResponseHeader::default()
            };
            header_revision("a range", Some(header)).ok()
        };
        assert_eq!(read(1), Some(1));
        assert_eq!(read(i64::MAX - 1), Some(i64::MAX - 1));
        assert_eq!(read(i64::MAX), None);
        assert_eq!(read(-1), None);
        assert!(header_revision("a range", None).is_err());
    }
}

//! A watch of one range: the changes from a revision on, and a way to ask whether the other end still lives.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{Client, KeyValue, checked_revision};
use crate::error::Error;
use crate::proto::etcdserverpb::watch_client::WatchClient;
use crate::proto::etcdserverpb::watch_request::RequestUnion;
use crate::proto::etcdserverpb::{
    WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};
use crate::proto::mvccpb;
use crate::proto::mvccpb::event::EventType;

const WATCH: &str = "watch";
/// In what etcd says when the user may not read the range.
const DENIED: &str = "permission denied";

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A key went, by a request or with its lease.
    Delete {
        /// The key.
        key: Bytes,
        /// The revision of the deletion.
        revision: i64,
    },
    /// A key was put.
    Put(KeyValue),
}

impl Event {
    /// The revision of the change.
    pub(crate) fn revision(&self) -> i64 {
        match self {
            Self::Put(kv) => kv.mod_revision,
            Self::Delete { revision, .. } => *revision,
        }
    }
}

/// What a watch brings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchMessage {
    /// Changes, in order.
    Events {
        /// The changes.
        events: Vec<Event>,
        /// The revision of etcd when they were sent.
        revision: i64,
    },
    /// A sign of life.
    Progress {
        /// The revision of etcd.
        revision: i64,
    },
}

/// An open watch of one range.
#[derive(Debug)]
pub struct WatchStream {
    requests: mpsc::Sender<WatchRequest>,
    answers: Streaming<WatchResponse>,
    client: Client,
}

impl Client {
    /// Watches `[start, end)` from this revision on; returns when etcd has agreed to.
    pub async fn watch(
        &self,
        start: &[u8],
        end: &[u8],
        revision: i64,
    ) -> Result<WatchStream, Error> {
        let limit = self.inner.config.call_timeout;
        let opened = timeout(limit, async {
            let token = self.inner.token.current();
            match self.open_watch(start, end, revision).await {
                Err(Error::WatchCanceled { reason }) if self.may_be_the_token(&reason) => {
                    self.renew_token(token).await?;
                    self.open_watch(start, end, revision).await
                }
                other => other,
            }
        });
        let opened = opened.await.unwrap_or_else(|_| {
            Err(Error::Timeout {
                call: WATCH,
                endpoint: self.inner.endpoint.clone(),
                after: limit,
            })
        });
        opened.map_err(|error| match error {
            Error::WatchCanceled { reason } if reason.contains(DENIED) => Error::PermissionDenied {
                call: WATCH,
                reason,
            },
            other => other,
        })
    }

    /// A token that is no longer good does not fail the call: the watch is made and cancelled in one answer, which some
    /// versions of etcd explain as a want of permission.
    fn may_be_the_token(&self, reason: &str) -> bool {
        let words = [
            DENIED,
            "invalid auth token",
            "auth store is old",
            "user name is empty",
        ];
        self.inner.config.credentials.is_some() && words.iter().any(|word| reason.contains(word))
    }

    async fn open_watch(
        &self,
        start: &[u8],
        end: &[u8],
        revision: i64,
    ) -> Result<WatchStream, Error> {
        let (requests, receiver) = mpsc::channel(2);
        let create = WatchCreateRequest {
            key: Bytes::copy_from_slice(start),
            range_end: Bytes::copy_from_slice(end),
            start_revision: revision,
            progress_notify: true,
            // Each change stands for itself, so a revision may come in pieces, each of a size that is accepted.
            fragment: true,
            ..WatchCreateRequest::default()
        };
        requests
            .try_send(asking(RequestUnion::CreateRequest(create)))
            .map_err(|_| Error::stream_ended(WATCH))?;
        let (channel, origin) = (self.inner.channel.clone(), self.inner.origin.clone());
        let answers = WatchClient::with_origin(channel, origin)
            .max_decoding_message_size(self.inner.config.max_message_size)
            .watch(self.request(ReceiverStream::new(receiver)))
            .await
            .map_err(|status| self.said(WATCH, status))?
            .into_inner();
        let mut stream = WatchStream {
            requests,
            answers,
            client: self.clone(),
        };
        let first = stream.response().await?;
        if !first.created || !first.events.is_empty() {
            return Err(Error::Protocol {
                call: WATCH,
                what: "changes before the watch was made",
            });
        }
        Ok(stream)
    }
}

impl WatchStream {
    /// The next changes or sign of life. It may be dropped and called again.
    pub async fn next(&mut self) -> Result<WatchMessage, Error> {
        let response = self.response().await?;
        let revision = response.header.map_or(0, |header| header.revision);
        let revision = checked_revision(WATCH, revision)?;
        if response.events.is_empty() {
            return Ok(WatchMessage::Progress { revision });
        }
        let events = response
            .events
            .into_iter()
            .map(read_event)
            .collect::<Result<_, _>>()?;
        Ok(WatchMessage::Events { events, revision })
    }

    /// Asks for a sign of life; it comes as [`WatchMessage::Progress`].
    pub fn ask_for_progress(&self) -> Result<(), Error> {
        self.requests
            .try_send(asking(RequestUnion::ProgressRequest(
                WatchProgressRequest {},
            )))
            .map_err(|_| Error::stream_ended(WATCH))
    }

    async fn response(&mut self) -> Result<WatchResponse, Error> {
        let response = self
            .answers
            .message()
            .await
            .map_err(|status| self.client.said(WATCH, status))?
            .ok_or_else(|| Error::stream_ended(WATCH))?;
        // A compacted history is told with an empty reason, so the revision is looked at first.
        if response.compact_revision != 0 {
            return Err(Error::Compacted {
                revision: response.compact_revision,
            });
        }
        if response.canceled {
            return Err(Error::WatchCanceled {
                reason: response.cancel_reason,
            });
        }
        Ok(response)
    }
}

fn asking(request: RequestUnion) -> WatchRequest {
    WatchRequest {
        request_union: Some(request),
    }
}

fn read_event(event: mvccpb::Event) -> Result<Event, Error> {
    let kind = EventType::try_from(event.r#type);
    let event = match (kind, event.kv) {
        (Ok(EventType::Put), Some(kv)) => Event::Put(kv.into()),
        (Ok(EventType::Delete), Some(kv)) => Event::Delete {
            key: kv.key,
            revision: kv.mod_revision,
        },
        _ => {
            return Err(Error::Protocol {
                call: WATCH,
                what: "a change without a key or of an unknown kind",
            });
        }
    };
    checked_revision(WATCH, event.revision())?;
    Ok(event)
}

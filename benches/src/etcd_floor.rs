//! The floor of discovery: puts and watches on a real etcd, with nothing between them and gRPC.
//!
//! etcd does for it what it does for two frameworks: the put is under a lease, and both ends watch, since each discovers what
//! others advertise.
//!
//! The few messages needed are written out here, with the field numbers of etcd's v3 protocol and only the
//! fields used, so that nothing of `ferlix-etcd` is measured along.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::PathAndQuery;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Streaming};
use tonic_prost::ProstCodec;

use crate::error::Error;

const PREFIX: &str = "floor/";
/// What follows every key that begins with the prefix.
const PREFIX_END: &str = "floor0";
/// How long the lease lives without a renewal, in seconds: longer than a measurement takes.
const LEASE: i64 = 3600;

#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
    #[prost(int64, tag = "3")]
    lease: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct DeleteRangeRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LeaseGrantRequest {
    #[prost(int64, tag = "1")]
    ttl: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LeaseGrantResponse {
    #[prost(int64, tag = "2")]
    id: i64,
}

/// An answer of which nothing is looked at.
#[derive(Clone, PartialEq, prost::Message)]
struct Done {}

#[derive(Clone, PartialEq, prost::Message)]
struct WatchRequest {
    #[prost(message, optional, tag = "1")]
    create: Option<WatchCreateRequest>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WatchCreateRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    range_end: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WatchResponse {
    #[prost(bool, tag = "3")]
    created: bool,
    #[prost(message, repeated, tag = "11")]
    events: Vec<Event>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Event {
    #[prost(message, optional, tag = "2")]
    entry: Option<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct KeyValue {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    value: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RangeRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    range_end: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RangeResponse {
    #[prost(message, repeated, tag = "2")]
    entries: Vec<KeyValue>,
}

/// Connects, reads everything below a top key in one answer, and parses each value as JSON. Returns how many there were.
pub(crate) async fn read_and_parse(port: u16, top_key: &str) -> Result<usize, Error> {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.tcp_nodelay(true);
    let mut client = Grpc::new(endpoint.connect().await?).max_decoding_message_size(usize::MAX);
    client.ready().await?;
    let request = RangeRequest {
        key: Bytes::from(format!("{top_key}/")),
        range_end: Bytes::from(format!("{top_key}0")),
    };
    let path = PathAndQuery::from_static("/etcdserverpb.KV/Range");
    let codec = ProstCodec::<_, RangeResponse>::default();
    let answer = client.unary(Request::new(request), path, codec).await?;
    let mut count = 0;
    for entry in &answer.get_ref().entries {
        let record: serde_json::Value = serde_json::from_slice(&entry.value)?;
        count += usize::from(record.get("properties").is_some());
    }
    Ok(count)
}

/// Two connections with a running watch each, as two frameworks have them; over one of them keys come and go, under a lease.
#[derive(Debug)]
pub(crate) struct PutAndWatch {
    put: Grpc<Channel>,
    lease: i64,
    own: Streaming<WatchResponse>,
    /// What the other end saw, and when.
    events: mpsc::UnboundedReceiver<Result<(Instant, KeyValue), Error>>,
    count: u64,
}

impl PutAndWatch {
    /// Connects both, the other end on a runtime of its own, and waits until the lease and the watches are there.
    pub(crate) async fn connect(port: u16, other_end: &Handle) -> Result<Self, Error> {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.tcp_nodelay(true);
        let mut put = Grpc::new(endpoint.connect().await?);
        let request = LeaseGrantRequest { ttl: LEASE };
        let lease: LeaseGrantResponse =
            call(&mut put, "/etcdserverpb.Lease/LeaseGrant", request).await?;
        let watching = other_end.spawn(async move {
            let mut connection = Grpc::new(endpoint.connect().await?);
            watch(&mut connection).await
        });
        let mut watching = watching.await.map_err(|_| Error::Task)??;
        let (sender, events) = mpsc::unbounded_channel();
        other_end.spawn(async move {
            loop {
                let seen = next(&mut watching).await;
                let seen = seen.map(|entry| (Instant::now(), entry));
                let failed = seen.is_err();
                if sender.send(seen).is_err() || failed {
                    return;
                }
            }
        });
        Ok(Self {
            own: watch(&mut put).await?,
            events,
            put,
            lease: lease.id,
            count: 0,
        })
    }

    /// Puts `value` under a new key. Returns the time from before the put to the other connection's event of it.
    pub(crate) async fn time(&mut self, value: &Bytes) -> Result<Duration, Error> {
        self.count += 1;
        let key = Bytes::from(format!("{PREFIX}{}", self.count));
        let request = PutRequest {
            key: key.clone(),
            value: value.clone(),
            lease: self.lease,
        };
        let begin = Instant::now();
        let put = call::<_, Done>(&mut self.put, "/etcdserverpb.KV/Put", request);
        let (_, (seen, entry)) = tokio::try_join!(put, seen(&mut self.events))?;
        if entry.key != key || entry.value != *value {
            return Err(Error::Answer(format!("{entry:?} to a put")));
        }
        next(&mut self.own).await?;
        Ok(seen - begin)
    }

    /// Deletes the key that was put last.
    pub(crate) async fn delete(&mut self) -> Result<(), Error> {
        let key = Bytes::from(format!("{PREFIX}{}", self.count));
        let request = DeleteRangeRequest { key };
        call::<_, Done>(&mut self.put, "/etcdserverpb.KV/DeleteRange", request).await?;
        next(&mut self.own).await?;
        seen(&mut self.events).await?;
        Ok(())
    }
}

/// Opens a watch of the prefix, and waits until it is there.
async fn watch(connection: &mut Grpc<Channel>) -> Result<Streaming<WatchResponse>, Error> {
    connection.ready().await?;
    let create = WatchRequest {
        create: Some(WatchCreateRequest {
            key: PREFIX.into(),
            range_end: PREFIX_END.into(),
        }),
    };
    // The request stream stays open: etcd ends a watch with it.
    let requests = tokio_stream::iter([create]).chain(tokio_stream::pending());
    let path = PathAndQuery::from_static("/etcdserverpb.Watch/Watch");
    let codec = ProstCodec::<WatchRequest, _>::default();
    let answered = connection.streaming(Request::new(requests), path, codec);
    let mut events: Streaming<WatchResponse> = answered.await?.into_inner();
    match events.message().await? {
        Some(response) if response.created => Ok(events),
        other => Err(Error::Answer(format!("{other:?} to a new watch"))),
    }
}

/// What the other end saw next, and when.
async fn seen(
    events: &mut mpsc::UnboundedReceiver<Result<(Instant, KeyValue), Error>>,
) -> Result<(Instant, KeyValue), Error> {
    events.recv().await.ok_or(Error::Task)?
}

/// The entry of the next event.
async fn next(events: &mut Streaming<WatchResponse>) -> Result<KeyValue, Error> {
    let response = events.message().await?;
    let entry = response.and_then(|response| response.events.into_iter().next()?.entry);
    entry.ok_or_else(|| Error::Answer("a watch without an event".to_owned()))
}

/// One call.
async fn call<Q, A>(
    connection: &mut Grpc<Channel>,
    path: &'static str,
    request: Q,
) -> Result<A, Error>
where
    Q: prost::Message + 'static,
    A: prost::Message + Default + 'static,
{
    connection.ready().await?;
    let path = PathAndQuery::from_static(path);
    let answered = connection.unary(Request::new(request), path, ProstCodec::default());
    Ok(answered.await?.into_inner())
}

//! The floor of discovery: one put and one watch on a real etcd, with nothing between them and gRPC.
//!
//! The few messages needed are written out here, with the field numbers of etcd's v3 protocol and only the
//! fields used, so that nothing of `ferlix-etcd` is measured along.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::PathAndQuery;
use tokio_stream::StreamExt as _;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Streaming};
use tonic_prost::ProstCodec;

use crate::error::Error;

const PREFIX: &str = "floor/";
/// What follows every key that begins with the prefix.
const PREFIX_END: &str = "floor0";

#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PutResponse {}

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

/// A connection that puts, and another with a running watch, as two processes would have.
#[derive(Debug)]
pub(crate) struct PutAndWatch {
    put: Grpc<Channel>,
    events: Streaming<WatchResponse>,
    count: u64,
}

impl PutAndWatch {
    /// Connects both, and waits until the watch is there.
    pub(crate) async fn connect(port: u16) -> Result<Self, Error> {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.tcp_nodelay(true);
        let mut watch = Grpc::new(endpoint.connect().await?);
        watch.ready().await?;
        let create = WatchRequest {
            create: Some(WatchCreateRequest {
                key: PREFIX.into(),
                range_end: PREFIX_END.into(),
            }),
        };
        // The request stream stays open: etcd ends a watch with it.
        let requests = tokio_stream::iter([create]).chain(tokio_stream::pending());
        let path = PathAndQuery::from_static("/etcdserverpb.Watch/Watch");
        let mut events: Streaming<WatchResponse> = watch
            .streaming(
                Request::new(requests),
                path,
                ProstCodec::<WatchRequest, _>::default(),
            )
            .await?
            .into_inner();
        match events.message().await? {
            Some(response) if response.created => {}
            other => return Err(Error::Answer(format!("{other:?} to a new watch"))),
        }
        Ok(Self {
            put: Grpc::new(endpoint.connect().await?),
            events,
            count: 0,
        })
    }

    /// Puts `value` under a new key. Returns the time from before the put to the watch's event of it.
    pub(crate) async fn time(&mut self, value: &Bytes) -> Result<Duration, Error> {
        self.count += 1;
        let key = Bytes::from(format!("{PREFIX}{}", self.count));
        let request = PutRequest {
            key: key.clone(),
            value: value.clone(),
        };
        let path = PathAndQuery::from_static("/etcdserverpb.KV/Put");
        let begin = Instant::now();
        let put = async {
            self.put.ready().await?;
            let codec = ProstCodec::<_, PutResponse>::default();
            let answered = self.put.unary(Request::new(request), path, codec);
            answered.await.map_err(Error::from)
        };
        let seen = async {
            let response = self.events.message().await?;
            Ok::<_, Error>((begin.elapsed(), response))
        };
        let (_, (time, response)) = tokio::try_join!(put, seen)?;
        let entry = response.and_then(|response| response.events.into_iter().next()?.entry);
        match entry {
            Some(entry) if entry.key == key && entry.value == *value => Ok(time),
            other => Err(Error::Answer(format!("{other:?} to a put"))),
        }
    }
}

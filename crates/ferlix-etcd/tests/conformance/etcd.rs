//! A connection to the server under test, with short ways to say what cases say often.

use std::{net::SocketAddr, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};

use crate::proto::{
    etcdserverpb::{
        CompactionRequest, DeleteRangeRequest, DeleteRangeResponse, LeaseGrantRequest,
        LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseLeasesRequest, LeaseRevokeRequest,
        LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, PutRequest, PutResponse, RangeRequest,
        RangeResponse, RequestOp, ResponseHeader, StatusRequest, TxnRequest, TxnResponse,
        WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
        auth_client::AuthClient, cluster_client::ClusterClient, kv_client::KvClient,
        lease_client::LeaseClient, maintenance_client::MaintenanceClient, request_op::Request,
        watch_client::WatchClient, watch_request::RequestUnion,
    },
    mvccpb::{Event, KeyValue, event::EventType},
};

/// How long anything may take that is to happen at all, on a machine that has much else to do.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The end of a range that takes in everything from its key on.
pub(crate) const ON: &str = "\0";

/// Every service of one server, over one connection.
#[derive(Clone, Debug)]
pub(crate) struct Etcd {
    channel: Channel,
}

/// Fails if it takes longer than [`DEADLINE`].
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match timeout(DEADLINE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what} did not come within {DEADLINE:?}"),
    }
}

impl Etcd {
    pub(crate) async fn try_connect(address: SocketAddr) -> Result<Self, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        Ok(Self::new(endpoint.timeout(DEADLINE).connect().await?))
    }

    pub(crate) fn new(channel: Channel) -> Self {
        Self { channel }
    }

    pub(crate) fn kv(&self) -> KvClient<Channel> {
        // A case reads more than a client should.
        KvClient::new(self.channel.clone()).max_decoding_message_size(64 * 1024 * 1024)
    }

    pub(crate) fn leases(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel.clone())
    }

    pub(crate) fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel.clone())
    }

    pub(crate) fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel.clone())
    }

    pub(crate) fn auth(&self) -> AuthClient<Channel> {
        AuthClient::new(self.channel.clone())
    }

    /// What the server says its version is.
    pub(crate) async fn version(&self) -> Result<String, Status> {
        let status = self.maintenance().status(StatusRequest {}).await?;
        Ok(status.into_inner().version)
    }

    /// Deletes every key and lease.
    pub(crate) async fn empty(&self) {
        self.delete("\0", ON).await;
        let leases = self.leases().lease_leases(LeaseLeasesRequest {}).await;
        for lease in leases.unwrap().into_inner().leases {
            self.revoke(lease.id).await.unwrap();
        }
    }

    pub(crate) async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Status> {
        Ok(self.kv().range(request).await?.into_inner())
    }

    /// One key, as it is now.
    pub(crate) async fn get(&self, key: &str) -> Option<KeyValue> {
        let mut kvs = self.range(range(key, "")).await.unwrap().kvs;
        assert!(kvs.len() <= 1);
        kvs.pop()
    }

    /// The keys of a range, as they are now.
    pub(crate) async fn keys(&self, key: &str, end: &str) -> Vec<String> {
        keys(&self.range(range(key, end)).await.unwrap().kvs)
    }

    pub(crate) async fn revision(&self) -> i64 {
        revision(&self.range(range("none", "")).await.unwrap().header)
    }

    pub(crate) async fn try_put(&self, request: PutRequest) -> Result<PutResponse, Status> {
        Ok(self.kv().put(request).await?.into_inner())
    }

    /// Puts a key; answers the revision.
    pub(crate) async fn put(&self, key: &str, value: &str) -> i64 {
        revision(&self.try_put(put(key, value)).await.unwrap().header)
    }

    /// Puts a key under a lease.
    pub(crate) async fn put_leased(&self, key: &str, lease: i64) -> i64 {
        let request = PutRequest {
            lease,
            ..put(key, "leased")
        };
        revision(&self.try_put(request).await.unwrap().header)
    }

    pub(crate) async fn delete(&self, key: &str, end: &str) -> DeleteRangeResponse {
        let request = delete(key, end);
        self.kv().delete_range(request).await.unwrap().into_inner()
    }

    pub(crate) async fn txn(&self, request: TxnRequest) -> Result<TxnResponse, Status> {
        Ok(self.kv().txn(request).await?.into_inner())
    }

    pub(crate) async fn compact(&self, revision: i64) -> Result<i64, Status> {
        let request = CompactionRequest {
            revision,
            physical: true,
        };
        let response = self.kv().compact(request).await?.into_inner();
        Ok(crate::etcd::revision(&response.header))
    }

    /// Makes a lease; answers its number.
    pub(crate) async fn grant(&self, ttl: i64) -> i64 {
        let request = LeaseGrantRequest { ttl, id: 0 };
        let granted = self.leases().lease_grant(request).await.unwrap();
        granted.into_inner().id
    }

    pub(crate) async fn revoke(&self, id: i64) -> Result<i64, Status> {
        let response = self
            .leases()
            .lease_revoke(LeaseRevokeRequest { id })
            .await?;
        Ok(revision(&response.into_inner().header))
    }

    /// What is known of a lease, with its keys in order.
    pub(crate) async fn time_to_live(&self, id: i64) -> LeaseTimeToLiveResponse {
        let request = LeaseTimeToLiveRequest { id, keys: true };
        let response = self.leases().lease_time_to_live(request).await.unwrap();
        let mut response = response.into_inner();
        response.keys.sort();
        response
    }

    /// Renews a lease once, over a stream of its own.
    pub(crate) async fn keep_alive(&self, id: i64) -> LeaseKeepAliveResponse {
        let (sender, requests) = mpsc::unbounded_channel();
        sender.send(LeaseKeepAliveRequest { id }).unwrap();
        let requests = UnboundedReceiverStream::new(requests);
        let responses = self.leases().lease_keep_alive(requests).await.unwrap();
        let mut responses = responses.into_inner();
        soon("a renewal", responses.message())
            .await
            .unwrap()
            .unwrap()
    }

    /// Opens a stream of watches with a first request: etcd does not answer before there is one.
    pub(crate) async fn watches(&self, first: WatchCreateRequest) -> Watches {
        let (sender, requests) = mpsc::unbounded_channel();
        sender
            .send(watch_request(RequestUnion::CreateRequest(first)))
            .unwrap();
        let mut client = WatchClient::new(self.channel.clone());
        let responses = client.watch(UnboundedReceiverStream::new(requests));
        let responses = soon("a stream of watches", responses).await.unwrap();
        Watches {
            sender: Some(sender),
            responses: responses.into_inner(),
        }
    }

    /// Opens a stream with one watch and reads that it was made.
    pub(crate) async fn watch(&self, request: WatchCreateRequest) -> Watches {
        let mut watches = self.watches(request).await;
        let created = watches.next().await;
        assert!(created.created && !created.canceled, "{created:?}");
        watches
    }
}

/// A stream of watches.
#[derive(Debug)]
pub(crate) struct Watches {
    sender: Option<mpsc::UnboundedSender<WatchRequest>>,
    responses: Streaming<WatchResponse>,
}

impl Watches {
    fn send(&self, request: RequestUnion) {
        let sender = self.sender.as_ref().unwrap();
        sender.send(watch_request(request)).unwrap();
    }

    pub(crate) fn create(&self, request: WatchCreateRequest) {
        self.send(RequestUnion::CreateRequest(request));
    }

    pub(crate) fn cancel(&self, watch_id: i64) {
        self.send(RequestUnion::CancelRequest(WatchCancelRequest { watch_id }));
    }

    pub(crate) fn request_progress(&self) {
        self.send(RequestUnion::ProgressRequest(WatchProgressRequest {}));
    }

    /// Says that there will be no more requests.
    pub(crate) fn end_requests(&mut self) {
        self.sender = None;
    }

    pub(crate) async fn try_next(&mut self) -> Result<Option<WatchResponse>, Status> {
        soon("a response of the watch", self.responses.message()).await
    }

    /// Waits as long as that, for cases in paused time.
    pub(crate) async fn next_within(&mut self, limit: Duration) -> WatchResponse {
        let response = timeout(limit, self.responses.message()).await;
        response.expect("a response of the watch").unwrap().unwrap()
    }

    pub(crate) async fn next(&mut self) -> WatchResponse {
        self.try_next().await.unwrap().unwrap()
    }

    /// Reads events until there are so many.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < count {
            let response = self.next().await;
            assert!(!response.canceled, "{response:?}");
            events.extend(response.events);
        }
        assert_eq!(events.len(), count, "{events:?}");
        events
    }
}

fn watch_request(request: RequestUnion) -> WatchRequest {
    WatchRequest {
        request_union: Some(request),
    }
}

fn bytes(text: &str) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(text.as_bytes())
}

pub(crate) fn range(key: &str, end: &str) -> RangeRequest {
    RangeRequest {
        key: bytes(key),
        range_end: bytes(end),
        ..RangeRequest::default()
    }
}

pub(crate) fn put(key: &str, value: &str) -> PutRequest {
    PutRequest {
        key: bytes(key),
        value: bytes(value),
        ..PutRequest::default()
    }
}

pub(crate) fn delete(key: &str, end: &str) -> DeleteRangeRequest {
    DeleteRangeRequest {
        key: bytes(key),
        range_end: bytes(end),
        prev_kv: false,
    }
}

pub(crate) fn watch(key: &str, end: &str) -> WatchCreateRequest {
    WatchCreateRequest {
        key: bytes(key),
        range_end: bytes(end),
        ..WatchCreateRequest::default()
    }
}

/// Operations for a transaction.
pub(crate) fn operations(requests: impl IntoIterator<Item = Request>) -> Vec<RequestOp> {
    requests
        .into_iter()
        .map(|request| RequestOp {
            request: Some(request),
        })
        .collect()
}

pub(crate) fn revision(header: &Option<ResponseHeader>) -> i64 {
    header.as_ref().unwrap().revision
}

pub(crate) fn keys(kvs: &[KeyValue]) -> Vec<String> {
    kvs.iter().map(key).collect()
}

pub(crate) fn key(kv: &KeyValue) -> String {
    String::from_utf8(kv.key.to_vec()).unwrap()
}

pub(crate) fn value(kv: &KeyValue) -> String {
    String::from_utf8(kv.value.to_vec()).unwrap()
}

/// Events in short: `+key=value@revision` and `-key@revision`.
pub(crate) fn told(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let kv = event.kv.as_ref().unwrap();
            match event.r#type() {
                EventType::Put => format!("+{}={}@{}", key(kv), value(kv), kv.mod_revision),
                EventType::Delete => format!("-{}@{}", key(kv), kv.mod_revision),
            }
        })
        .collect()
}

/// Fails unless a request was refused in just this way.
#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    message: &str,
) {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), status.message()), (code, message));
}

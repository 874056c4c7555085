//! What only the embedded server does: its limits, its hooks for tests, connections in memory, paused time.

use std::{
    future::{Ready, ready},
    io,
    task::{Context, Poll},
    time::Duration,
};

use ferlix_etcd::embedded::{EmbeddedEtcd, EmbeddedEtcdBuilder};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    net::TcpStream,
    time::Instant,
};
use tonic::{
    Code,
    codegen::Service,
    transport::{Endpoint, Uri},
};

use crate::{
    etcd::{Etcd, ON, assert_refused, put, range, revision, soon, told, watch},
    proto::etcdserverpb::{
        AlarmRequest, AlarmType, RangeRequest, StatusRequest, StatusResponse, WatchCreateRequest,
        alarm_request::AlarmAction,
    },
};

/// Gives the gRPC library the one stream that there is.
struct Once(Option<DuplexStream>);

impl Service<Uri> for Once {
    type Response = TokioIo<DuplexStream>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.take().map(TokioIo::new);
        ready(stream.ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}

async fn connect(server: &EmbeddedEtcd) -> Etcd {
    let stream = server.connect().await.unwrap();
    let channel = Endpoint::from_static("http://memory")
        .connect_with_connector(Once(Some(stream)))
        .await
        .unwrap();
    Etcd::new(channel)
}

async fn start(builder: EmbeddedEtcdBuilder) -> (EmbeddedEtcd, Etcd) {
    let server = builder.in_memory();
    let etcd = connect(&server).await;
    (server, etcd)
}

async fn status(etcd: &Etcd) -> StatusResponse {
    let status = etcd.maintenance().status(StatusRequest {}).await.unwrap();
    status.into_inner()
}

#[tokio::test]
async fn history_is_forgotten_beyond_its_cap() {
    let (_server, etcd) = start(EmbeddedEtcd::builder().history(10)).await;
    let mut latest = 0;
    for n in 0..50 {
        latest = etcd.put("a", &n.to_string()).await;
        etcd.put(&format!("k{n}"), "").await;
    }
    let at = |revision| {
        etcd.range(RangeRequest {
            revision,
            ..range("a", "")
        })
    };
    at(latest - 3).await.unwrap();
    let message = "etcdserver: mvcc: required revision has been compacted";
    assert_refused(at(latest - 12).await, Code::OutOfRange, message);
    assert_eq!(etcd.keys("\0", ON).await.len(), 51);
    assert_eq!(etcd.get("a").await.unwrap().version, 50);
}

#[tokio::test]
async fn history_goes_before_a_write_is_refused() {
    let limit = 1_000_000;
    let (_server, etcd) = start(EmbeddedEtcd::builder().memory_limit(limit)).await;
    let value = "x".repeat(100_000);
    for _ in 0..50 {
        etcd.put("a", &value).await;
        assert!(status(&etcd).await.db_size <= i64::try_from(limit).unwrap());
    }
    assert_eq!(etcd.get("a").await.unwrap().version, 50);
}

#[tokio::test]
async fn a_full_store_refuses_until_there_is_room() {
    let (_server, etcd) = start(EmbeddedEtcd::builder().memory_limit(1_000_000)).await;
    let value = "x".repeat(400_000);
    etcd.put("a", &value).await;
    etcd.put("b", &value).await;
    let before = etcd.revision().await;
    let full = "etcdserver: mvcc: database space exceeded";
    assert_refused(
        etcd.try_put(put("c", &value)).await,
        Code::ResourceExhausted,
        full,
    );
    assert_eq!(etcd.revision().await, before);
    let alarms = || async {
        let response = etcd.maintenance().alarm(AlarmRequest::default()).await;
        response.unwrap().into_inner().alarms
    };
    let raised = alarms().await;
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0].alarm(), AlarmType::Nospace);
    assert_eq!(status(&etcd).await.errors.len(), 1);
    // What needs no room is done, and room ends the alarm.
    assert_eq!(etcd.get("a").await.unwrap().value.len(), value.len());
    etcd.delete("a", "").await;
    etcd.put("c", &value).await;
    assert!(alarms().await.is_empty());
    assert!(status(&etcd).await.errors.is_empty());
    // Disarming by hand is for `etcdctl alarm disarm`.
    etcd.try_put(put("d", &value)).await.unwrap_err();
    let disarm = AlarmRequest {
        action: AlarmAction::Deactivate.into(),
        ..AlarmRequest::default()
    };
    etcd.maintenance().alarm(disarm).await.unwrap();
    assert!(alarms().await.is_empty());
}

#[tokio::test]
async fn leases_take_room_too() {
    let (_server, etcd) = start(EmbeddedEtcd::builder().memory_limit(10_000)).await;
    let mut granted = 0;
    loop {
        let request = crate::proto::etcdserverpb::LeaseGrantRequest { ttl: 60, id: 0 };
        match etcd.leases().lease_grant(request).await {
            Ok(_) => granted += 1,
            Err(status) => break assert_eq!(status.code(), Code::ResourceExhausted),
        }
    }
    assert!((10..100).contains(&granted), "{granted}");
}

#[tokio::test]
async fn a_watch_that_is_not_read_costs_no_memory() {
    let limit = 8 * 1024 * 1024;
    let (_server, etcd) = start(EmbeddedEtcd::builder().memory_limit(limit)).await;
    let mut watches = etcd.watch(watch("a", "")).await;
    let value = "x".repeat(500_000);
    for _ in 0..100 {
        etcd.put("a", &value).await;
    }
    assert!(status(&etcd).await.db_size <= i64::try_from(limit).unwrap());
    // What was on its way comes; then the watch hears that it has missed something.
    let mut told = 0;
    let canceled = loop {
        let response = watches.next().await;
        if response.canceled {
            break response;
        }
        told += response.events.len();
    };
    assert!(told < 100, "{told}");
    assert!(canceled.compact_revision > 1, "{canceled:?}");
}

#[tokio::test]
async fn a_long_replay_can_be_cancelled() {
    let (_server, etcd) = start(EmbeddedEtcd::builder()).await;
    let value = "x".repeat(500_000);
    for _ in 0..100 {
        etcd.put("a", &value).await;
    }
    let mut watches = etcd
        .watch(WatchCreateRequest {
            start_revision: 2,
            ..watch("a", "")
        })
        .await;
    assert!(!watches.next().await.events.is_empty());
    watches.cancel(0);
    let mut told = 0;
    loop {
        let response = watches.next().await;
        told += response.events.len();
        if response.canceled {
            break;
        }
    }
    assert!(told < 50, "{told}");
}

#[tokio::test]
async fn watches_on_a_stream_are_bounded() {
    let (_server, etcd) = start(EmbeddedEtcd::builder()).await;
    let mut watches = etcd.watch(watch("a", "")).await;
    for _ in 0..4_095 {
        watches.create(watch("a", ""));
        assert!(!watches.next().await.canceled);
    }
    watches.create(watch("a", ""));
    let refused = watches.next().await;
    assert!(refused.canceled && refused.created, "{refused:?}");
    assert_eq!(refused.cancel_reason, "too many watches on this stream");
    watches.cancel(17);
    assert!(watches.next().await.canceled);
    watches.create(watch("a", ""));
    assert!(!watches.next().await.canceled);
}

#[tokio::test(start_paused = true)]
async fn leases_run_out_in_paused_time() {
    let (server, etcd) = start(EmbeddedEtcd::builder()).await;
    let began = Instant::now();
    let long = etcd.grant(7_200).await;
    etcd.put_leased("long", long).await;
    let short = etcd.grant(3_600).await;
    etcd.put_leased("short", short).await;
    let mut watches = etcd.watch(watch("\0", ON)).await;
    for (key, seconds) in [("short", 3_600), ("long", 7_200)] {
        let events = loop {
            // An hour of paused time is longer than the deadline of a case.
            let response = watches.next_within(Duration::from_secs(4_000)).await;
            if !response.events.is_empty() {
                break told(&response.events);
            }
        };
        assert_eq!(events, [format!("-{key}@{}", server.store().revision())]);
        let elapsed = began.elapsed().as_secs();
        assert!((seconds..seconds + 2).contains(&elapsed), "{key} {elapsed}");
    }
    assert_eq!(server.store().leases(), [0_i64; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_has_run_out_is_never_seen_alive() {
    let (_server, etcd) = start(EmbeddedEtcd::builder()).await;
    let lease = etcd.grant(10).await;
    etcd.put_leased("a", lease).await;
    tokio::time::advance(Duration::from_millis(9_900)).await;
    assert_eq!(etcd.time_to_live(lease).await.ttl, 0);
    assert!(etcd.get("a").await.is_some());
    tokio::time::advance(Duration::from_millis(200)).await;
    assert_eq!(etcd.get("a").await, None);
    assert_eq!(etcd.keep_alive(lease).await.ttl, 0);
}

#[tokio::test]
async fn the_store_can_be_looked_at() {
    let (server, etcd) = start(EmbeddedEtcd::builder()).await;
    let store = server.store();
    assert_eq!((store.revision(), store.entries(b"")), (1, Vec::new()));
    etcd.put("top/a", "1").await;
    etcd.put("top/b", "2").await;
    etcd.put("top0", "3").await;
    let lease = etcd.grant(60).await;
    let entry = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
    assert_eq!(
        store.entries(b"top/"),
        [entry("top/a", "1"), entry("top/b", "2")]
    );
    assert_eq!(store.entries(b"").len(), 3);
    assert_eq!(store.leases(), [lease]);
    assert_eq!(store.revision(), 4);
}

#[tokio::test]
async fn the_store_can_be_tampered_with() {
    let (server, etcd) = start(EmbeddedEtcd::builder()).await;
    let store = server.store();
    let lease = etcd.grant(60).await;
    let put = etcd.put_leased("a", lease).await;
    let mut watches = etcd.watch(watch("a", "")).await;
    store.revoke_leases();
    assert_eq!(told(&watches.events(1).await), [format!("-a@{}", put + 1)]);
    assert!(store.leases().is_empty());

    store.compact();
    let request = RangeRequest {
        revision: put,
        ..range("a", "")
    };
    assert_eq!(
        etcd.range(request).await.unwrap_err().code(),
        Code::OutOfRange
    );

    store.cancel_watches();
    let canceled = watches.next().await;
    assert!(
        canceled.canceled && canceled.compact_revision == 0,
        "{canceled:?}"
    );
    // The stream is as good as before.
    watches.create(watch("a", ""));
    assert!(watches.next().await.created);
    let now = etcd.put("a", "1").await;
    assert_eq!(told(&watches.events(1).await), [format!("+a=1@{now}")]);
}

#[tokio::test]
async fn connections_can_be_cut() {
    let (server, etcd) = start(EmbeddedEtcd::builder()).await;
    etcd.put("a", "1").await;
    let mut watches = etcd.watch(watch("a", "")).await;
    server.store().drop_connections();
    watches.try_next().await.unwrap_err();
    etcd.try_put(put("a", "2")).await.unwrap_err();
    assert_eq!(connect(&server).await.get("a").await.unwrap().value, "1");
}

#[tokio::test]
async fn a_wiped_server_begins_anew() {
    let (server, etcd) = start(EmbeddedEtcd::builder()).await;
    let lease = etcd.grant(60).await;
    etcd.put_leased("a", lease).await;
    let mut watches = etcd.watch(watch("a", "")).await;
    server.store().wipe();
    watches.try_next().await.unwrap_err();
    let etcd = connect(&server).await;
    assert_eq!(etcd.revision().await, 1);
    assert_eq!(etcd.get("a").await, None);
    assert_eq!(etcd.keep_alive(lease).await.ttl, 0);
    // Nobody may take a new lease for the old one.
    assert_ne!(etcd.grant(60).await, lease);
    let mut watches = etcd.watch(watch("a", "")).await;
    assert_eq!(etcd.put("a", "2").await, 2);
    assert_eq!(told(&watches.events(1).await), ["+a=2@2"]);
}

#[tokio::test]
async fn a_shutdown_ends_streams_and_frees_the_address() {
    let server = EmbeddedEtcd::bind(([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let address = server.local_addr();
    let etcd = Etcd::try_connect(address).await.unwrap();
    let mut watches = etcd.watch(watch("a", "")).await;
    let taken = EmbeddedEtcd::bind(address).await.unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    soon("the end of the server", server.shutdown()).await;
    assert_refused(
        watches.try_next().await,
        Code::Unavailable,
        "etcdserver: server stopped",
    );
    let again = EmbeddedEtcd::bind(address).await.unwrap();
    assert_eq!(again.local_addr(), address);
}

#[tokio::test]
async fn dropping_the_server_stops_it() {
    let (server, etcd) = start(EmbeddedEtcd::builder()).await;
    let store = server.store();
    let mut watches = etcd.watch(watch("a", "")).await;
    drop(server);
    watches.try_next().await.unwrap_err();
    etcd.try_put(put("a", "1")).await.unwrap_err();
    assert_eq!(store.revision(), 1);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_numbers() {
    let mut seen = Vec::new();
    for seed in [1, 1, 2] {
        let (_server, etcd) = start(EmbeddedEtcd::builder().seed(seed)).await;
        let header = status(&etcd).await.header.unwrap();
        let lease = etcd.grant(60).await;
        seen.push((header.cluster_id, header.member_id, lease));
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0].2, seen[2].2);
}

#[tokio::test]
async fn what_is_not_grpc_does_no_harm() {
    let server = EmbeddedEtcd::bind(([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    for garbage in [
        &b"GET /version HTTP/1.1\r\nHost: etcd\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        &[0; 4_096],
    ] {
        let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let mut answer = Vec::new();
        // Closed or reset, whichever comes first.
        let _ = soon("the end of the connection", stream.read_to_end(&mut answer)).await;
    }
    let etcd = Etcd::try_connect(server.local_addr()).await.unwrap();
    etcd.put("a", "1").await;
}

#[tokio::test]
async fn what_is_not_served_is_said_to_be() {
    let (server, _) = start(EmbeddedEtcd::builder()).await;
    let channel = Endpoint::from_static("http://memory")
        .connect_with_connector(Once(Some(server.connect().await.unwrap())))
        .await
        .unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    for path in [
        "/etcdserverpb.Auth/UserAdd",
        "/etcdserverpb.Nothing/AtAll",
        "/v3lockpb.Lock/Lock",
    ] {
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<StatusRequest, StatusResponse>::default();
        let path = tonic::codegen::http::uri::PathAndQuery::from_static(path);
        let answer = client
            .unary(tonic::Request::new(StatusRequest {}), path, codec)
            .await;
        assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
    }
}

#[tokio::test]
async fn many_clients_write_at_once() {
    let (server, first) = start(EmbeddedEtcd::builder()).await;
    let mut watches = first.watch(watch("k", "l")).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let etcd = connect(&server).await;
        writers.spawn(async move {
            for n in 0..100 {
                etcd.put(&format!("k{writer}"), &n.to_string()).await;
            }
        });
    }
    let events = watches.events(800).await;
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    // Every revision once, in order.
    for (expected, event) in (2..).zip(&events) {
        assert_eq!(event.kv.as_ref().unwrap().mod_revision, expected);
    }
    assert_eq!(revision(&status(&first).await.header), 801);
}

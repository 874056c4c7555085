//! Leases.

use std::time::Duration;

use tokio::time::Instant;
use tonic::Code;

use crate::{
    cases,
    etcd::{Etcd, ON, assert_refused, put, revision, soon, told, watch},
    proto::etcdserverpb::{LeaseGrantRequest, LeaseLeasesRequest, PutRequest},
};

cases![
    a_lease_gets_a_number_and_a_time,
    a_number_may_be_chosen,
    a_number_is_taken_once,
    the_time_is_at_least_two_seconds,
    the_time_is_bounded,
    leases_are_listed,
    a_put_needs_its_lease,
    a_lease_knows_its_keys,
    revoking_deletes_the_keys_at_one_revision,
    revoking_nothing_makes_no_revision,
    unknown_leases_are_said_to_be,
    a_renewed_lease_lives_on,
    a_lease_that_is_not_renewed_runs_out,
    several_leases_share_a_stream,
];

async fn grant(etcd: &Etcd, ttl: i64, id: i64) -> Result<(i64, i64), tonic::Status> {
    let response = etcd
        .leases()
        .lease_grant(LeaseGrantRequest { ttl, id })
        .await?
        .into_inner();
    assert_eq!(response.error, "");
    Ok((response.id, response.ttl))
}

async fn a_lease_gets_a_number_and_a_time(etcd: Etcd) {
    let before = etcd.revision().await;
    let (first, ttl) = grant(&etcd, 60, 0).await.unwrap();
    let (second, _) = grant(&etcd, 60, 0).await.unwrap();
    assert!(first > 0 && second > 0 && first != second);
    assert_eq!(ttl, 60);
    let response = etcd.time_to_live(first).await;
    assert_eq!((response.id, response.granted_ttl), (first, 60));
    assert!((58..=60).contains(&response.ttl), "{response:?}");
    assert_eq!(revision(&response.header), before);
}

async fn a_number_may_be_chosen(etcd: Etcd) {
    assert_eq!(grant(&etcd, 30, 77).await.unwrap(), (77, 30));
    assert_eq!(grant(&etcd, 30, -5).await.unwrap(), (-5, 30));
}

async fn a_number_is_taken_once(etcd: Etcd) {
    grant(&etcd, 30, 77).await.unwrap();
    assert_refused(
        grant(&etcd, 30, 77).await,
        Code::FailedPrecondition,
        "etcdserver: lease already exists",
    );
    etcd.revoke(77).await.unwrap();
    grant(&etcd, 30, 77).await.unwrap();
}

async fn the_time_is_at_least_two_seconds(etcd: Etcd) {
    for ttl in [1, 0, -7] {
        let (id, granted) = grant(&etcd, ttl, 0).await.unwrap();
        assert_eq!(granted, 2, "asked for {ttl}");
        etcd.revoke(id).await.unwrap();
    }
}

async fn the_time_is_bounded(etcd: Etcd) {
    assert_eq!(
        grant(&etcd, 9_000_000_000, 78).await.unwrap().1,
        9_000_000_000
    );
    assert_refused(
        grant(&etcd, 9_000_000_001, 0).await,
        Code::OutOfRange,
        "etcdserver: too large lease TTL",
    );
}

async fn leases_are_listed(etcd: Etcd) {
    for id in [33, 11, 22] {
        grant(&etcd, 60, id).await.unwrap();
    }
    let response = etcd.leases().lease_leases(LeaseLeasesRequest {}).await;
    let leases = response.unwrap().into_inner().leases;
    let mut ids: Vec<i64> = leases.iter().map(|lease| lease.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [11, 22, 33]);
}

async fn a_put_needs_its_lease(etcd: Etcd) {
    let request = PutRequest {
        lease: 4711,
        ..put("a", "1")
    };
    assert_refused(
        etcd.try_put(request).await,
        Code::NotFound,
        "etcdserver: requested lease not found",
    );
    assert_eq!(etcd.get("a").await, None);
}

async fn a_lease_knows_its_keys(etcd: Etcd) {
    let lease = etcd.grant(60).await;
    let other = etcd.grant(60).await;
    for key in ["a", "b", "c", "d"] {
        etcd.put_leased(key, lease).await;
    }
    assert_eq!(etcd.get("a").await.unwrap().lease, lease);
    // A put under another lease, or none, moves the key; a deletion takes it out.
    etcd.put_leased("b", other).await;
    etcd.put("c", "").await;
    etcd.delete("d", "").await;
    assert_eq!(etcd.time_to_live(lease).await.keys, ["a"]);
    assert_eq!(etcd.time_to_live(other).await.keys, ["b"]);
    etcd.revoke(lease).await.unwrap();
    assert_eq!(etcd.keys("\0", ON).await, ["b", "c"]);
}

async fn revoking_deletes_the_keys_at_one_revision(etcd: Etcd) {
    let lease = etcd.grant(60).await;
    for key in ["b", "a", "c"] {
        etcd.put_leased(key, lease).await;
    }
    let before = etcd.put("kept", "").await;
    let mut watches = etcd.watch(watch("\0", ON)).await;
    assert_eq!(etcd.revoke(lease).await.unwrap(), before + 1);
    let response = watches.next().await;
    let now = before + 1;
    assert_eq!(
        told(&response.events),
        [
            format!("-a@{now}"),
            format!("-b@{now}"),
            format!("-c@{now}")
        ]
    );
    assert_eq!(etcd.keys("\0", ON).await, ["kept"]);
    assert_eq!(etcd.revision().await, now);
}

async fn revoking_nothing_makes_no_revision(etcd: Etcd) {
    let before = etcd.revision().await;
    let lease = etcd.grant(60).await;
    assert_eq!(etcd.revoke(lease).await.unwrap(), before);
    assert_eq!(etcd.revision().await, before);
}

async fn unknown_leases_are_said_to_be(etcd: Etcd) {
    let message = "etcdserver: requested lease not found";
    assert_refused(etcd.revoke(4711).await, Code::NotFound, message);
    let response = etcd.keep_alive(4711).await;
    assert_eq!((response.id, response.ttl), (4711, 0));
    let response = etcd.time_to_live(4711).await;
    assert_eq!(
        (response.id, response.ttl, response.granted_ttl),
        (4711, -1, 0)
    );
}

async fn a_renewed_lease_lives_on(etcd: Etcd) {
    let start = Instant::now();
    let lease = etcd.grant(3).await;
    etcd.put_leased("renewed", lease).await;
    let abandoned = etcd.grant(4).await;
    etcd.put_leased("abandoned", abandoned).await;
    let mut watches = etcd.watch(watch("abandoned", "")).await;
    // The lease that nobody renews is the clock: when its key goes, the other would have gone, too.
    let gone = soon("an expiry", async {
        loop {
            let response = etcd.keep_alive(lease).await;
            assert_eq!((response.id, response.ttl), (lease, 3));
            tokio::select! {
                response = watches.next() => break response,
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
        }
    })
    .await;
    assert_eq!(gone.events.len(), 1);
    assert!(start.elapsed() >= Duration::from_secs(4));
    assert!(etcd.get("renewed").await.is_some());
    assert!(etcd.time_to_live(lease).await.ttl >= 1);
}

async fn a_lease_that_is_not_renewed_runs_out(etcd: Etcd) {
    let lease = etcd.grant(2).await;
    for key in ["b", "a"] {
        etcd.put_leased(key, lease).await;
    }
    let before = etcd.revision().await;
    let mut watches = etcd.watch(watch("\0", ON)).await;
    let response = watches.next().await;
    let now = before + 1;
    assert_eq!(
        told(&response.events),
        [format!("-a@{now}"), format!("-b@{now}")]
    );
    assert_eq!(etcd.keys("\0", ON).await, [""; 0]);
    assert_eq!(etcd.keep_alive(lease).await.ttl, 0);
    assert_eq!(etcd.time_to_live(lease).await.ttl, -1);
}

async fn several_leases_share_a_stream(etcd: Etcd) {
    use crate::proto::etcdserverpb::LeaseKeepAliveRequest;

    let ids = [grant(&etcd, 40, 41).await.unwrap().0, 4711, 41];
    let requests = tokio_stream::iter(ids.map(|id| LeaseKeepAliveRequest { id }));
    let responses = etcd.leases().lease_keep_alive(requests).await.unwrap();
    let mut responses = responses.into_inner();
    let mut seen = Vec::new();
    // The requests end, and so, once all are answered, does the stream.
    while let Some(response) = soon("a renewal", responses.message()).await.unwrap() {
        seen.push((response.id, response.ttl));
    }
    assert_eq!(seen, [(41, 40), (4711, 0), (41, 40)]);
}

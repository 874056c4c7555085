//! Compact.

use tonic::Code;

use crate::{
    cases,
    etcd::{Etcd, ON, assert_refused, keys, range, value},
    proto::etcdserverpb::RangeRequest,
};

const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";
const FUTURE: &str = "etcdserver: mvcc: required revision is a future revision";

cases![
    what_is_older_is_gone,
    what_is_current_stays,
    deleted_keys_are_gone,
    the_same_history_goes_once,
    the_future_can_not_be_compacted,
    a_key_lives_on_after_its_history_is_gone,
];

async fn read_at(etcd: &Etcd, at: i64) -> Result<Vec<String>, tonic::Status> {
    let request = RangeRequest {
        revision: at,
        ..range("\0", ON)
    };
    Ok(keys(&etcd.range(request).await?.kvs))
}

async fn what_is_older_is_gone(etcd: Etcd) {
    let first = etcd.put("a", "1").await;
    let second = etcd.put("b", "2").await;
    let third = etcd.put("a", "3").await;
    assert_eq!(etcd.compact(second).await.unwrap(), third);
    assert_refused(read_at(&etcd, first).await, Code::OutOfRange, COMPACTED);
    assert_eq!(read_at(&etcd, second).await.unwrap(), ["a", "b"]);
    assert_eq!(read_at(&etcd, third).await.unwrap(), ["a", "b"]);
}

async fn what_is_current_stays(etcd: Etcd) {
    let created = etcd.put("a", "1").await;
    etcd.put("a", "2").await;
    let now = etcd.put("b", "3").await;
    etcd.compact(now).await.unwrap();
    let kv = etcd.get("a").await.unwrap();
    assert_eq!((value(&kv).as_str(), kv.version), ("2", 2));
    assert_eq!(kv.create_revision, created);
}

async fn deleted_keys_are_gone(etcd: Etcd) {
    etcd.put("a", "1").await;
    etcd.delete("a", "").await;
    let now = etcd.put("b", "").await;
    etcd.compact(now).await.unwrap();
    assert_eq!(read_at(&etcd, now).await.unwrap(), ["b"]);
    let again = etcd.put("a", "2").await;
    let kv = etcd.get("a").await.unwrap();
    assert_eq!((kv.create_revision, kv.version), (again, 1));
}

async fn the_same_history_goes_once(etcd: Etcd) {
    etcd.put("a", "1").await;
    let now = etcd.put("a", "2").await;
    etcd.compact(now).await.unwrap();
    for revision in [now, now - 1, 0, -1] {
        assert_refused(etcd.compact(revision).await, Code::OutOfRange, COMPACTED);
    }
}

async fn the_future_can_not_be_compacted(etcd: Etcd) {
    let now = etcd.put("a", "1").await;
    assert_refused(etcd.compact(now + 1).await, Code::OutOfRange, FUTURE);
}

async fn a_key_lives_on_after_its_history_is_gone(etcd: Etcd) {
    let mut latest = 0;
    for round in 0..5 {
        latest = etcd.put("a", &round.to_string()).await;
        etcd.put("b", "").await;
        etcd.delete("b", "").await;
        etcd.compact(latest).await.unwrap();
    }
    let kv = etcd.get("a").await.unwrap();
    assert_eq!((kv.version, kv.mod_revision), (5, latest));
    assert_eq!(read_at(&etcd, latest + 1).await.unwrap(), ["a", "b"]);
    assert_eq!(read_at(&etcd, latest + 2).await.unwrap(), ["a"]);
}

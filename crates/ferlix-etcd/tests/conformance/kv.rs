//! `Put` and `DeleteRange`.

use tonic::Code;

use crate::{
    cases,
    etcd::{Etcd, ON, assert_refused, delete, keys, put, range, revision, value},
    proto::{
        etcdserverpb::{DeleteRangeRequest, PutRequest},
        mvccpb::KeyValue,
    },
};

cases![
    a_put_makes_a_revision,
    puts_of_a_key_are_counted,
    a_deleted_key_begins_anew,
    the_previous_key_is_answered_if_asked_for,
    a_value_is_kept,
    a_lease_is_kept,
    what_is_kept_must_be_there,
    what_is_kept_must_not_be_given,
    empty_keys_are_refused,
    empty_values_are_values,
    keys_are_any_bytes,
    deletions_are_counted,
    ranges_are_deleted_by_the_same_conventions,
    what_was_deleted_is_answered_if_asked_for,
    deleting_nothing_makes_no_revision,
    large_requests_are_refused,
];

async fn a_put_makes_a_revision(etcd: Etcd) {
    let before = etcd.revision().await;
    assert_eq!(etcd.put("a", "1").await, before + 1);
    assert_eq!(etcd.put("b", "2").await, before + 2);
    let expected = KeyValue {
        key: "b".into(),
        create_revision: before + 2,
        mod_revision: before + 2,
        version: 1,
        value: "2".into(),
        lease: 0,
    };
    assert_eq!(etcd.get("b").await, Some(expected));
    assert_eq!(etcd.revision().await, before + 2);
}

async fn puts_of_a_key_are_counted(etcd: Etcd) {
    let first = etcd.put("a", "1").await;
    etcd.put("other", "").await;
    let second = etcd.put("a", "2").await;
    let kv = etcd.get("a").await.unwrap();
    assert_eq!(
        (kv.create_revision, kv.mod_revision, kv.version),
        (first, second, 2)
    );
}

async fn a_deleted_key_begins_anew(etcd: Etcd) {
    etcd.put("a", "1").await;
    etcd.put("a", "2").await;
    etcd.delete("a", "").await;
    assert_eq!(etcd.get("a").await, None);
    let again = etcd.put("a", "3").await;
    let kv = etcd.get("a").await.unwrap();
    assert_eq!((kv.create_revision, kv.version), (again, 1));
}

async fn the_previous_key_is_answered_if_asked_for(etcd: Etcd) {
    let request = PutRequest {
        prev_kv: true,
        ..put("a", "1")
    };
    assert_eq!(etcd.try_put(request.clone()).await.unwrap().prev_kv, None);
    let previous = etcd.try_put(request).await.unwrap().prev_kv.unwrap();
    assert_eq!((value(&previous).as_str(), previous.version), ("1", 1));
    assert_eq!(etcd.try_put(put("a", "2")).await.unwrap().prev_kv, None);
}

async fn a_value_is_kept(etcd: Etcd) {
    let lease = etcd.grant(60).await;
    etcd.put("a", "kept").await;
    let request = PutRequest {
        ignore_value: true,
        lease,
        ..put("a", "")
    };
    etcd.try_put(request).await.unwrap();
    let kv = etcd.get("a").await.unwrap();
    assert_eq!(
        (value(&kv).as_str(), kv.lease, kv.version),
        ("kept", lease, 2)
    );
}

async fn a_lease_is_kept(etcd: Etcd) {
    let lease = etcd.grant(60).await;
    etcd.put_leased("a", lease).await;
    let request = PutRequest {
        ignore_lease: true,
        ..put("a", "new")
    };
    etcd.try_put(request).await.unwrap();
    let kv = etcd.get("a").await.unwrap();
    assert_eq!((value(&kv).as_str(), kv.lease), ("new", lease));
    assert_eq!(etcd.time_to_live(lease).await.keys, ["a"]);
}

async fn what_is_kept_must_be_there(etcd: Etcd) {
    let before = etcd.revision().await;
    let requests = [
        PutRequest {
            ignore_value: true,
            ..put("a", "")
        },
        PutRequest {
            ignore_lease: true,
            ..put("a", "1")
        },
    ];
    for request in requests {
        let answer = etcd.try_put(request).await;
        assert_refused(answer, Code::InvalidArgument, "etcdserver: key not found");
    }
    assert_eq!(etcd.revision().await, before);
}

async fn what_is_kept_must_not_be_given(etcd: Etcd) {
    etcd.put("a", "1").await;
    let answer = etcd
        .try_put(PutRequest {
            ignore_value: true,
            ..put("a", "2")
        })
        .await;
    assert_refused(
        answer,
        Code::InvalidArgument,
        "etcdserver: value is provided",
    );
    let answer = etcd
        .try_put(PutRequest {
            ignore_lease: true,
            lease: 5,
            ..put("a", "2")
        })
        .await;
    assert_refused(
        answer,
        Code::InvalidArgument,
        "etcdserver: lease is provided",
    );
}

async fn empty_keys_are_refused(etcd: Etcd) {
    let code = Code::InvalidArgument;
    let message = "etcdserver: key is not provided";
    assert_refused(etcd.try_put(put("", "1")).await, code, message);
    assert_refused(etcd.range(range("", "b")).await, code, message);
    let deleted = etcd.kv().delete_range(delete("", ON)).await;
    assert_refused(deleted, code, message);
}

async fn empty_values_are_values(etcd: Etcd) {
    etcd.put("a", "").await;
    assert_eq!(etcd.get("a").await.unwrap().value, "");
}

async fn keys_are_any_bytes(etcd: Etcd) {
    let key: Vec<u8> = (0..=255).collect();
    let request = PutRequest {
        key: key.clone().into(),
        value: key.clone().into(),
        ..PutRequest::default()
    };
    etcd.try_put(request).await.unwrap();
    let kvs = etcd.range(range("\0", ON)).await.unwrap().kvs;
    assert_eq!(kvs.len(), 1);
    assert_eq!((&kvs[0].key[..], &kvs[0].value[..]), (&key[..], &key[..]));
}

async fn deletions_are_counted(etcd: Etcd) {
    for key in ["a", "b", "c"] {
        etcd.put(key, "").await;
    }
    let before = etcd.revision().await;
    let response = etcd.delete("a", "c").await;
    assert_eq!(response.deleted, 2);
    assert_eq!(revision(&response.header), before + 1);
    assert!(response.prev_kvs.is_empty());
    assert_eq!(etcd.keys("\0", ON).await, ["c"]);
}

async fn ranges_are_deleted_by_the_same_conventions(etcd: Etcd) {
    for key in ["a", "a1", "b", "c", "d"] {
        etcd.put(key, "").await;
    }
    assert_eq!(etcd.delete("a", "").await.deleted, 1);
    assert_eq!(etcd.delete("c", "a").await.deleted, 0);
    assert_eq!(etcd.delete("c", ON).await.deleted, 2);
    assert_eq!(etcd.delete("a", "b").await.deleted, 1);
    assert_eq!(etcd.keys("\0", ON).await, ["b"]);
}

async fn what_was_deleted_is_answered_if_asked_for(etcd: Etcd) {
    etcd.put("a", "1").await;
    etcd.put("b", "2").await;
    let request = DeleteRangeRequest {
        prev_kv: true,
        ..delete("a", ON)
    };
    let response = etcd.kv().delete_range(request).await.unwrap().into_inner();
    assert_eq!(keys(&response.prev_kvs), ["a", "b"]);
    assert_eq!(response.prev_kvs[1].value, "2");
}

async fn deleting_nothing_makes_no_revision(etcd: Etcd) {
    let before = etcd.revision().await;
    let response = etcd.delete("a", "").await;
    assert_eq!(response.deleted, 0);
    assert_eq!(revision(&response.header), before);
    assert_eq!(etcd.revision().await, before);
}

async fn large_requests_are_refused(etcd: Etcd) {
    let fits = "x".repeat(1_572_864 - 1_000);
    etcd.put("a", &fits).await;
    let answer = etcd.try_put(put("a", &"x".repeat(1_572_864))).await;
    assert_refused(
        answer,
        Code::InvalidArgument,
        "etcdserver: request is too large",
    );
    // Beyond that, even the message is not read; how that is said is the gRPC library's.
    let answer = etcd.try_put(put("a", &"x".repeat(4 * 1024 * 1024))).await;
    answer.unwrap_err();
    assert_eq!(etcd.get("a").await.unwrap().value, fits);
}

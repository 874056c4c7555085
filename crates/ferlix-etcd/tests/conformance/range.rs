//! Range.

use tonic::Code;

use crate::{
    cases,
    etcd::{Etcd, ON, assert_refused, keys, range, revision},
    proto::etcdserverpb::{
        RangeRequest,
        range_request::{SortOrder, SortTarget},
    },
};

cases![
    ends_follow_the_conventions,
    limits_cut_and_say_so,
    keys_only_and_count_only,
    targets_sort,
    a_target_without_an_order_sorts_ascending,
    limits_cut_what_is_sorted,
    bounds_leave_out,
    limits_cut_what_is_within_bounds,
    the_past_can_be_read,
    the_future_can_not_be_read,
];

async fn ends_follow_the_conventions(etcd: Etcd) {
    for key in ["a", "a/1", "a/2", "a0", "b", "c"] {
        etcd.put(key, "").await;
    }
    assert_eq!(etcd.keys("a", "").await, ["a"]);
    assert_eq!(etcd.keys("none", "").await, [""; 0]);
    assert_eq!(etcd.keys("a/", "a0").await, ["a/1", "a/2"]);
    assert_eq!(etcd.keys("a", "b").await, ["a", "a/1", "a/2", "a0"]);
    assert_eq!(etcd.keys("a0", ON).await, ["a0", "b", "c"]);
    assert_eq!(
        etcd.keys("\0", ON).await,
        ["a", "a/1", "a/2", "a0", "b", "c"]
    );
    assert_eq!(etcd.keys("b", "a").await, [""; 0]);
    assert_eq!(etcd.keys("b", "b").await, [""; 0]);
}

async fn limits_cut_and_say_so(etcd: Etcd) {
    for key in ["a", "b", "c"] {
        etcd.put(key, "").await;
    }
    for (limit, expected, more) in [
        (0, 3, false),
        (1, 1, true),
        (2, 2, true),
        (3, 3, false),
        (9, 3, false),
    ] {
        let request = RangeRequest {
            limit,
            ..range("\0", ON)
        };
        let response = etcd.range(request).await.unwrap();
        assert_eq!(response.kvs.len(), expected, "limit {limit}");
        assert_eq!((response.more, response.count), (more, 3), "limit {limit}");
    }
}

async fn keys_only_and_count_only(etcd: Etcd) {
    etcd.put("a", "1").await;
    etcd.put("b", "2").await;
    let request = RangeRequest {
        keys_only: true,
        ..range("\0", ON)
    };
    let response = etcd.range(request).await.unwrap();
    assert_eq!(keys(&response.kvs), ["a", "b"]);
    assert!(response.kvs.iter().all(|kv| kv.value.is_empty()));
    let request = RangeRequest {
        count_only: true,
        limit: 1,
        ..range("\0", ON)
    };
    let response = etcd.range(request).await.unwrap();
    assert_eq!((response.kvs.len(), response.count), (0, 2));
    assert!(!response.more);
}

/// Four keys that every target puts in another order.
async fn sortable(etcd: &Etcd) {
    for (key, value) in [
        ("b", "x"),
        ("a", "x"),
        ("d", "x"),
        ("c", "x"),
        ("d", "x"),
        ("d", "4"),
        ("b", "x"),
        ("b", "x"),
        ("b", "1"),
        ("c", "3"),
    ] {
        etcd.put(key, value).await;
    }
    // a: created 2nd, 1 put; b: 1st, 4 puts; c: 4th, 2 puts; d: 3rd, 3 puts. Last put: a, d, b, c.
    // Values: b 1, c 3, d 4, a x.
}

async fn sorted(etcd: &Etcd, order: SortOrder, target: SortTarget) -> String {
    let request = RangeRequest {
        sort_order: order.into(),
        sort_target: target.into(),
        ..range("\0", ON)
    };
    keys(&etcd.range(request).await.unwrap().kvs).concat()
}

async fn targets_sort(etcd: Etcd) {
    sortable(&etcd).await;
    for (target, expected) in [
        (SortTarget::Key, "abcd"),
        (SortTarget::Version, "acdb"),
        (SortTarget::Create, "badc"),
        (SortTarget::Mod, "adbc"),
        (SortTarget::Value, "bcda"),
    ] {
        assert_eq!(
            sorted(&etcd, SortOrder::Ascend, target).await,
            expected,
            "{target:?}"
        );
        let reversed: String = expected.chars().rev().collect();
        assert_eq!(
            sorted(&etcd, SortOrder::Descend, target).await,
            reversed,
            "{target:?}"
        );
    }
}

async fn a_target_without_an_order_sorts_ascending(etcd: Etcd) {
    sortable(&etcd).await;
    assert_eq!(
        sorted(&etcd, SortOrder::None, SortTarget::Key).await,
        "abcd"
    );
    assert_eq!(
        sorted(&etcd, SortOrder::None, SortTarget::Mod).await,
        "adbc"
    );
}

async fn limits_cut_what_is_sorted(etcd: Etcd) {
    sortable(&etcd).await;
    let mut request = RangeRequest {
        sort_order: SortOrder::Descend.into(),
        sort_target: SortTarget::Mod.into(),
        limit: 2,
        ..range("\0", ON)
    };
    let response = etcd.range(request.clone()).await.unwrap();
    assert_eq!(keys(&response.kvs), ["c", "b"]);
    assert_eq!((response.more, response.count), (true, 4));
    // Without an order, one key more than the limit is read by key, and those are sorted.
    request.sort_order = SortOrder::None.into();
    let response = etcd.range(request).await.unwrap();
    assert_eq!(keys(&response.kvs), ["a", "b"]);
    assert!(response.more);
}

async fn bounds_leave_out(etcd: Etcd) {
    let first = etcd.put("a", "").await;
    let second = etcd.put("b", "").await;
    let third = etcd.put("c", "").await;
    let fourth = etcd.put("a", "").await;
    // Created: a first, b second, c third. Last put: b second, c third, a fourth.
    let with = |set: fn(&mut RangeRequest, i64), revision| {
        let mut request = range("\0", ON);
        set(&mut request, revision);
        request
    };
    for (request, expected) in [
        (with(|r, n| r.min_mod_revision = n, third), "ac"),
        (with(|r, n| r.max_mod_revision = n, third), "bc"),
        (with(|r, n| r.min_create_revision = n, second), "bc"),
        (with(|r, n| r.max_create_revision = n, first), "a"),
        (with(|r, n| r.min_mod_revision = n, fourth + 1), ""),
    ] {
        let response = etcd.range(request).await.unwrap();
        assert_eq!(keys(&response.kvs).concat(), expected);
        assert_eq!(response.count, 3);
    }
}

async fn limits_cut_what_is_within_bounds(etcd: Etcd) {
    etcd.put("a", "").await;
    let second = etcd.put("b", "").await;
    etcd.put("c", "").await;
    let request = RangeRequest {
        min_mod_revision: second,
        limit: 1,
        ..range("\0", ON)
    };
    let response = etcd.range(request).await.unwrap();
    assert_eq!(keys(&response.kvs), ["b"]);
    assert!(response.more);
}

async fn the_past_can_be_read(etcd: Etcd) {
    let first = etcd.put("a", "1").await;
    let second = etcd.put("b", "2").await;
    let third = etcd.put("a", "3").await;
    etcd.delete("\0", ON).await;
    let now = etcd.put("c", "4").await;
    for (at, expected) in [
        (first - 1, vec![]),
        (first, vec!["a=1"]),
        (second, vec!["a=1", "b=2"]),
        (third, vec!["a=3", "b=2"]),
        (third + 1, vec![]),
        (now, vec!["c=4"]),
        (-1, vec!["c=4"]),
    ] {
        let request = RangeRequest {
            revision: at,
            ..range("\0", ON)
        };
        let response = etcd.range(request).await.unwrap();
        let kvs: Vec<String> = response
            .kvs
            .iter()
            .map(|kv| format!("{}={}", crate::etcd::key(kv), crate::etcd::value(kv)))
            .collect();
        assert_eq!(kvs, expected, "revision {at}");
        // The header is of now, whatever was read.
        assert_eq!(revision(&response.header), now);
    }
}

async fn the_future_can_not_be_read(etcd: Etcd) {
    let now = etcd.revision().await;
    let request = RangeRequest {
        revision: now + 1,
        ..range("\0", ON)
    };
    assert_refused(
        etcd.range(request).await,
        Code::OutOfRange,
        "etcdserver: mvcc: required revision is a future revision",
    );
}

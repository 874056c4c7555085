//! Txn.

use tonic::Code;

use crate::{
    cases,
    etcd::{Etcd, ON, assert_refused, delete, keys, operations, put, range, revision},
    proto::etcdserverpb::{
        Compare, PutRequest, RangeRequest, TxnRequest, TxnResponse,
        compare::{CompareResult, CompareTarget, TargetUnion},
        request_op::Request,
        response_op::Response,
    },
};

cases![
    without_conditions_the_first_list_is_done,
    all_is_done_at_one_revision,
    each_target_is_compared,
    each_comparison_compares,
    what_is_not_there_compares_as_zero,
    what_is_not_there_has_no_value,
    a_condition_on_a_range_holds_for_every_key,
    one_condition_that_fails_is_enough,
    a_transaction_sees_its_own_writes,
    reading_makes_no_revision,
    deleting_nothing_makes_no_revision,
    responses_carry_the_revision,
    nested_conditions_see_the_store_as_it_was,
    nested_transactions_share_the_revision,
    a_key_is_put_once,
    what_is_put_is_not_deleted,
    either_list_may_put_the_same_key,
    a_nested_transaction_may_delete_what_an_earlier_one_put,
    too_many_operations_are_refused,
    nested_operations_count_on,
    empty_keys_are_refused,
    what_is_refused_leaves_nothing_behind,
    only_the_list_that_is_done_is_checked,
];

fn compare(key: &str, result: CompareResult, given: TargetUnion) -> Compare {
    let target = match given {
        TargetUnion::Version(_) => CompareTarget::Version,
        TargetUnion::CreateRevision(_) => CompareTarget::Create,
        TargetUnion::ModRevision(_) => CompareTarget::Mod,
        TargetUnion::Value(_) => CompareTarget::Value,
        TargetUnion::Lease(_) => CompareTarget::Lease,
    };
    Compare {
        result: result.into(),
        target: target.into(),
        key: bytes::Bytes::copy_from_slice(key.as_bytes()),
        target_union: Some(given),
        range_end: bytes::Bytes::new(),
    }
}

fn puts<const N: usize>(pairs: [(&str, &str); N]) -> Vec<Request> {
    pairs
        .iter()
        .map(|(key, value)| Request::RequestPut(put(key, value)))
        .collect()
}

fn done(requests: impl IntoIterator<Item = Request>) -> TxnRequest {
    TxnRequest {
        success: operations(requests),
        ..TxnRequest::default()
    }
}

async fn holds(etcd: &Etcd, condition: Compare) -> bool {
    let request = TxnRequest {
        compare: vec![condition],
        ..TxnRequest::default()
    };
    etcd.txn(request).await.unwrap().succeeded
}

async fn without_conditions_the_first_list_is_done(etcd: Etcd) {
    let request = TxnRequest {
        success: operations(puts([("a", "1")])),
        failure: operations(puts([("b", "2")])),
        ..TxnRequest::default()
    };
    assert!(etcd.txn(request).await.unwrap().succeeded);
    assert_eq!(etcd.keys("\0", ON).await, ["a"]);
}

async fn all_is_done_at_one_revision(etcd: Etcd) {
    let before = etcd.put("old", "").await;
    let mut requests = puts([("a", "1"), ("b", "2")]);
    requests.push(Request::RequestDeleteRange(delete("old", "")));
    let response = etcd.txn(done(requests)).await.unwrap();
    assert_eq!(revision(&response.header), before + 1);
    assert_eq!(response.responses.len(), 3);
    for key in ["a", "b"] {
        let kv = etcd.get(key).await.unwrap();
        assert_eq!(
            (kv.mod_revision, kv.create_revision),
            (before + 1, before + 1)
        );
    }
    assert_eq!(etcd.get("old").await, None);
    assert_eq!(etcd.revision().await, before + 1);
}

async fn each_target_is_compared(etcd: Etcd) {
    let lease = etcd.grant(60).await;
    let created = etcd.put("a", "0").await;
    let changed = etcd.put_leased("a", lease).await;
    for given in [
        TargetUnion::Version(2),
        TargetUnion::CreateRevision(created),
        TargetUnion::ModRevision(changed),
        TargetUnion::Value("leased".into()),
        TargetUnion::Lease(lease),
    ] {
        let said = format!("{given:?}");
        assert!(
            holds(&etcd, compare("a", CompareResult::Equal, given.clone())).await,
            "{said}"
        );
        assert!(
            !holds(&etcd, compare("a", CompareResult::NotEqual, given)).await,
            "{said}"
        );
    }
}

async fn each_comparison_compares(etcd: Etcd) {
    etcd.put("a", "m").await;
    for (given, less, equal, greater) in [
        ("l", false, false, true),
        ("m", false, true, false),
        ("n", true, false, false),
        ("", false, false, true),
        ("mm", true, false, false),
    ] {
        for (result, expected) in [
            (CompareResult::Less, less),
            (CompareResult::Equal, equal),
            (CompareResult::Greater, greater),
            (CompareResult::NotEqual, !equal),
        ] {
            let value = TargetUnion::Value(given.into());
            assert_eq!(
                holds(&etcd, compare("a", result, value)).await,
                expected,
                "m {result:?} {given:?}"
            );
        }
    }
}

async fn what_is_not_there_compares_as_zero(etcd: Etcd) {
    for given in [
        TargetUnion::Version(0),
        TargetUnion::CreateRevision(0),
        TargetUnion::ModRevision(0),
        TargetUnion::Lease(0),
    ] {
        let said = format!("{given:?}");
        assert!(
            holds(&etcd, compare("a", CompareResult::Equal, given.clone())).await,
            "{said}"
        );
        assert!(
            !holds(&etcd, compare("a", CompareResult::Greater, given)).await,
            "{said}"
        );
    }
}

async fn what_is_not_there_has_no_value(etcd: Etcd) {
    for result in [
        CompareResult::Equal,
        CompareResult::NotEqual,
        CompareResult::Less,
        CompareResult::Greater,
    ] {
        let value = TargetUnion::Value("".into());
        assert!(!holds(&etcd, compare("a", result, value)).await);
    }
}

async fn a_condition_on_a_range_holds_for_every_key(etcd: Etcd) {
    etcd.put("a", "").await;
    etcd.put("b", "").await;
    let condition = Compare {
        range_end: "c".into(),
        ..compare("a", CompareResult::Equal, TargetUnion::Version(1))
    };
    assert!(holds(&etcd, condition.clone()).await);
    etcd.put("b", "").await;
    assert!(!holds(&etcd, condition.clone()).await);
    etcd.delete("a", ON).await;
    let nothing = Compare {
        target_union: Some(TargetUnion::Version(0)),
        ..condition
    };
    assert!(holds(&etcd, nothing).await);
}

async fn one_condition_that_fails_is_enough(etcd: Etcd) {
    etcd.put("a", "1").await;
    let request = TxnRequest {
        compare: vec![
            compare("a", CompareResult::Equal, TargetUnion::Version(1)),
            compare("a", CompareResult::Equal, TargetUnion::Version(2)),
        ],
        success: operations(puts([("b", "success")])),
        failure: operations(puts([("b", "failure")])),
    };
    assert!(!etcd.txn(request).await.unwrap().succeeded);
    assert_eq!(etcd.get("b").await.unwrap().value, "failure");
}

async fn a_transaction_sees_its_own_writes(etcd: Etcd) {
    let before = etcd.put("a", "0").await;
    let response = etcd
        .txn(done([
            Request::RequestRange(range("a", "")),
            Request::RequestPut(PutRequest {
                prev_kv: true,
                ..put("a", "1")
            }),
            Request::RequestRange(range("a", "")),
            Request::RequestRange(RangeRequest {
                revision: before,
                ..range("a", "")
            }),
        ]))
        .await
        .unwrap();
    let values: Vec<_> = response
        .responses
        .iter()
        .map(|response| match response.response.as_ref().unwrap() {
            Response::ResponseRange(response) => response.kvs[0].value.clone(),
            Response::ResponsePut(response) => response.prev_kv.clone().unwrap().value,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(values, ["0", "0", "1", "0"]);
}

async fn reading_makes_no_revision(etcd: Etcd) {
    let before = etcd.put("a", "").await;
    let request = done([Request::RequestRange(range("a", ""))]);
    let response = etcd.txn(request).await.unwrap();
    assert_eq!(revision(&response.header), before);
    assert_eq!(etcd.revision().await, before);
}

async fn deleting_nothing_makes_no_revision(etcd: Etcd) {
    let before = etcd.put("a", "").await;
    let request = done([Request::RequestDeleteRange(delete("b", ON))]);
    let response = etcd.txn(request).await.unwrap();
    assert_eq!(revision(&response.header), before);
    assert_eq!(etcd.revision().await, before);
}

/// The revisions in the headers of the responses inside a transaction's.
fn inner_revisions(response: &TxnResponse) -> Vec<i64> {
    response
        .responses
        .iter()
        .map(|response| match response.response.as_ref().unwrap() {
            Response::ResponseRange(response) => revision(&response.header),
            Response::ResponsePut(response) => revision(&response.header),
            Response::ResponseDeleteRange(response) => revision(&response.header),
            Response::ResponseTxn(response) => revision(&response.header),
        })
        .collect()
}

async fn responses_carry_the_revision(etcd: Etcd) {
    let before = etcd.put("a", "").await;
    let response = etcd
        .txn(done([
            Request::RequestRange(range("a", "")),
            Request::RequestDeleteRange(delete("none", "")),
            Request::RequestPut(put("b", "")),
            Request::RequestRange(range("a", "")),
            Request::RequestDeleteRange(delete("a", "")),
        ]))
        .await
        .unwrap();
    let now = before + 1;
    assert_eq!(revision(&response.header), now);
    assert_eq!(inner_revisions(&response), [before, before, now, now, now]);
}

async fn nested_conditions_see_the_store_as_it_was(etcd: Etcd) {
    let nested = TxnRequest {
        compare: vec![compare("a", CompareResult::Equal, TargetUnion::Version(0))],
        success: operations(puts([("b", "was not there")])),
        failure: operations(puts([("b", "was there")])),
    };
    let mut requests = puts([("a", "1")]);
    requests.push(Request::RequestTxn(nested));
    etcd.txn(done(requests)).await.unwrap();
    assert_eq!(etcd.get("b").await.unwrap().value, "was not there");
}

async fn nested_transactions_share_the_revision(etcd: Etcd) {
    let before = etcd.revision().await;
    let nested = done(puts([("b", "")]));
    let mut requests = puts([("a", "")]);
    requests.push(Request::RequestTxn(nested));
    let response = etcd.txn(done(requests)).await.unwrap();
    assert_eq!(revision(&response.header), before + 1);
    assert_eq!(etcd.get("b").await.unwrap().mod_revision, before + 1);
    let Some(Response::ResponseTxn(nested)) = &response.responses[1].response else {
        panic!("{response:?}");
    };
    assert!(nested.succeeded);
    assert_eq!(inner_revisions(nested), [before + 1]);
}

async fn refused_as_duplicate(etcd: &Etcd, request: TxnRequest) {
    let before = etcd.revision().await;
    assert_refused(
        etcd.txn(request).await,
        Code::InvalidArgument,
        "etcdserver: duplicate key given in txn request",
    );
    assert_eq!(etcd.revision().await, before);
}

async fn a_key_is_put_once(etcd: Etcd) {
    refused_as_duplicate(&etcd, done(puts([("a", "1"), ("a", "2")]))).await;
    // Even in the list that would not be done, and even if it is nested.
    let request = TxnRequest {
        failure: operations(puts([("a", "1"), ("a", "2")])),
        ..TxnRequest::default()
    };
    refused_as_duplicate(&etcd, request).await;
    let mut requests = puts([("a", "1")]);
    requests.push(Request::RequestTxn(done(puts([("a", "2")]))));
    refused_as_duplicate(&etcd, done(requests)).await;
    let twice = [1, 2].map(|_| Request::RequestTxn(done(puts([("a", "2")]))));
    refused_as_duplicate(&etcd, done(twice)).await;
}

async fn what_is_put_is_not_deleted(etcd: Etcd) {
    for (key, end) in [("b", ""), ("a", "c")] {
        let put_first = [
            Request::RequestPut(put("b", "1")),
            Request::RequestDeleteRange(delete(key, end)),
        ];
        refused_as_duplicate(&etcd, done(put_first.clone())).await;
        let mut deleted_first = put_first;
        deleted_first.reverse();
        refused_as_duplicate(&etcd, done(deleted_first)).await;
        let nested = [
            Request::RequestTxn(done(puts([("b", "1")]))),
            Request::RequestDeleteRange(delete(key, end)),
        ];
        refused_as_duplicate(&etcd, done(nested)).await;
    }
    let apart = [
        Request::RequestPut(put("c", "1")),
        Request::RequestDeleteRange(delete("a", "c")),
        Request::RequestDeleteRange(delete("b", "")),
    ];
    etcd.txn(done(apart)).await.unwrap();
}

async fn either_list_may_put_the_same_key(etcd: Etcd) {
    let nested = TxnRequest {
        compare: Vec::new(),
        success: operations(puts([("a", "success")])),
        failure: operations(puts([("a", "failure")])),
    };
    let request = TxnRequest {
        failure: operations(puts([("b", "")])),
        ..done([
            Request::RequestTxn(nested),
            Request::RequestPut(put("b", "")),
        ])
    };
    etcd.txn(request).await.unwrap();
    assert_eq!(etcd.get("a").await.unwrap().value, "success");
}

async fn a_nested_transaction_may_delete_what_an_earlier_one_put(etcd: Etcd) {
    let before = etcd.put("a", "0").await;
    let request = done([
        Request::RequestTxn(done(puts([("a", "1")]))),
        Request::RequestTxn(done([Request::RequestDeleteRange(delete("a", ""))])),
    ]);
    etcd.txn(request).await.unwrap();
    assert_eq!(etcd.get("a").await, None);
    assert_eq!(etcd.revision().await, before + 1);
    let mut watches = etcd
        .watch(crate::proto::etcdserverpb::WatchCreateRequest {
            start_revision: before + 1,
            ..crate::etcd::watch("a", "")
        })
        .await;
    let now = before + 1;
    assert_eq!(
        crate::etcd::told(&watches.events(2).await),
        [format!("+a=1@{now}"), format!("-a@{now}")]
    );
}

fn many(count: usize) -> Vec<Request> {
    (0..count)
        .map(|n| Request::RequestPut(put(&format!("k{n:04}"), "")))
        .collect()
}

async fn too_many_operations_are_refused(etcd: Etcd) {
    etcd.txn(done(many(128))).await.unwrap();
    assert_eq!(etcd.keys("\0", ON).await.len(), 128);
    let message = "etcdserver: too many operations in txn request";
    let answer = etcd.txn(done(many(129))).await;
    assert_refused(answer, Code::InvalidArgument, message);
    let conditions = TxnRequest {
        compare: vec![compare("a", CompareResult::Equal, TargetUnion::Version(0)); 129],
        ..TxnRequest::default()
    };
    let answer = etcd.txn(conditions).await;
    assert_refused(answer, Code::InvalidArgument, message);
}

async fn nested_operations_count_on(etcd: Etcd) {
    let nested = |count| done([Request::RequestTxn(done(many(count)))]);
    etcd.txn(nested(127)).await.unwrap();
    assert_refused(
        etcd.txn(nested(128)).await,
        Code::InvalidArgument,
        "etcdserver: too many operations in txn request",
    );
}

async fn empty_keys_are_refused(etcd: Etcd) {
    let message = "etcdserver: key is not provided";
    for request in [
        done(puts([("", "1")])),
        done([Request::RequestRange(range("", ON))]),
        done([Request::RequestDeleteRange(delete("", ON))]),
        done([Request::RequestTxn(done(puts([("", "1")])))]),
        TxnRequest {
            compare: vec![compare("", CompareResult::Equal, TargetUnion::Version(0))],
            ..TxnRequest::default()
        },
    ] {
        assert_refused(etcd.txn(request).await, Code::InvalidArgument, message);
    }
}

async fn what_is_refused_leaves_nothing_behind(etcd: Etcd) {
    let before = etcd.put("kept", "").await;
    let write = [
        Request::RequestPut(put("a", "1")),
        Request::RequestDeleteRange(delete("kept", "")),
    ];
    let after = |last| done(write.clone().into_iter().chain([last]));
    let no_lease = after(Request::RequestPut(PutRequest {
        lease: 4711,
        ..put("b", "1")
    }));
    assert_refused(
        etcd.txn(no_lease).await,
        Code::NotFound,
        "etcdserver: requested lease not found",
    );
    let no_key = after(Request::RequestPut(PutRequest {
        ignore_value: true,
        ..put("b", "")
    }));
    assert_refused(
        etcd.txn(no_key).await,
        Code::InvalidArgument,
        "etcdserver: key not found",
    );
    let future = after(Request::RequestRange(RangeRequest {
        revision: before + 1,
        ..range("a", "")
    }));
    assert_refused(
        etcd.txn(future).await,
        Code::OutOfRange,
        "etcdserver: mvcc: required revision is a future revision",
    );
    assert_eq!(etcd.keys("\0", ON).await, ["kept"]);
    assert_eq!(etcd.revision().await, before);
}

async fn only_the_list_that_is_done_is_checked(etcd: Etcd) {
    let request = TxnRequest {
        failure: operations([Request::RequestPut(PutRequest {
            lease: 4711,
            ..put("b", "1")
        })]),
        ..done([Request::RequestRange(range("a", ""))])
    };
    let response = etcd.txn(request).await.unwrap();
    let Some(Response::ResponseRange(read)) = &response.responses[0].response else {
        panic!("{response:?}");
    };
    assert_eq!(keys(&read.kvs), [""; 0]);
}

//! Watches.

use crate::{
    cases,
    etcd::{Etcd, ON, delete, operations, put, revision, told, value, watch},
    proto::etcdserverpb::{
        TxnRequest, WatchCreateRequest, request_op::Request, watch_create_request::FilterType,
    },
};

cases![
    a_watch_is_created_at_the_current_revision,
    changes_are_told,
    ranges_follow_the_conventions,
    the_past_is_told_first,
    replay_goes_on_to_now,
    the_future_is_waited_for,
    a_revision_comes_in_one_response,
    puts_are_left_out,
    deletions_are_left_out,
    the_previous_key_is_told_if_asked_for,
    numbers_are_given_from_zero,
    a_number_may_be_chosen,
    a_number_is_taken_once_on_a_stream,
    an_empty_range_is_not_watched,
    an_empty_key_watches_all_with_an_open_end,
    watches_share_a_stream,
    a_cancelled_watch_is_silent,
    cancelling_nothing_is_not_answered,
    a_compacted_revision_ends_the_watch,
    the_compacted_revision_itself_is_told,
    what_was_before_the_compacted_revision_is_not_told,
    compaction_does_not_disturb_a_watch_that_has_everything,
    progress_is_told_when_asked_for,
    progress_is_told_from_time_to_time,
    watches_outlive_the_last_request,
    large_revisions_are_split_if_asked_for,
];

async fn a_watch_is_created_at_the_current_revision(etcd: Etcd) {
    let now = etcd.put("a", "1").await;
    let mut watches = etcd.watches(watch("a", "")).await;
    let created = watches.next().await;
    assert!(created.created && !created.canceled);
    assert_eq!((created.watch_id, revision(&created.header)), (0, now));
    assert_eq!(created.cancel_reason, "");
    assert!(created.events.is_empty());
    let header = created.header.unwrap();
    assert!(header.cluster_id != 0 && header.member_id != 0);
}

async fn changes_are_told(etcd: Etcd) {
    etcd.put("a", "before").await;
    let mut watches = etcd.watch(watch("a", "")).await;
    let first = etcd.put("a", "1").await;
    let response = watches.next().await;
    assert_eq!(revision(&response.header), first);
    assert!(!response.created && !response.canceled);
    assert_eq!(told(&response.events), [format!("+a=1@{first}")]);
    let put = response.events[0].kv.clone().unwrap();
    assert_eq!((put.create_revision, put.version), (first - 1, 2));
    assert_eq!(response.events[0].prev_kv, None);

    etcd.put("b", "other").await;
    etcd.delete("a", "").await;
    let response = watches.next().await;
    let deleted = first + 2;
    assert_eq!(revision(&response.header), deleted);
    assert_eq!(told(&response.events), [format!("-a@{deleted}")]);
    let gone = response.events[0].kv.clone().unwrap();
    assert_eq!((gone.create_revision, gone.version, gone.lease), (0, 0, 0));
    assert!(gone.value.is_empty());
}

async fn ranges_follow_the_conventions(etcd: Etcd) {
    let start = etcd.revision().await + 1;
    for key in ["a", "a1", "b", "c"] {
        etcd.put(key, "").await;
    }
    for (key, end, expected) in [
        ("a", "", vec!["a"]),
        ("a", "b", vec!["a", "a1"]),
        ("b", ON, vec!["b", "c"]),
        ("\0", ON, vec!["a", "a1", "b", "c"]),
    ] {
        let mut watches = etcd.watch(from(start, key, end)).await;
        let events = watches.events(expected.len()).await;
        let keys: Vec<_> = events
            .iter()
            .map(|event| crate::etcd::key(event.kv.as_ref().unwrap()))
            .collect();
        assert_eq!(keys, expected);
    }
}

fn from(start_revision: i64, key: &str, end: &str) -> WatchCreateRequest {
    WatchCreateRequest {
        start_revision,
        ..watch(key, end)
    }
}

async fn the_past_is_told_first(etcd: Etcd) {
    let first = etcd.put("a", "1").await;
    etcd.put("a", "2").await;
    etcd.delete("a", "").await;
    let mut watches = etcd.watch(from(first + 1, "a", "")).await;
    assert_eq!(
        told(&watches.events(2).await),
        [format!("+a=2@{}", first + 1), format!("-a@{}", first + 2)]
    );
}

async fn replay_goes_on_to_now(etcd: Etcd) {
    let first = etcd.put("a", "0").await;
    for n in 1..1_500 {
        etcd.put("a", &n.to_string()).await;
    }
    let mut watches = etcd.watch(from(first, "a", "")).await;
    let writer = etcd.clone();
    let writing = tokio::spawn(async move {
        for n in 1_500..2_000 {
            writer.put("a", &n.to_string()).await;
        }
    });
    let events = watches.events(2_000).await;
    writing.await.unwrap();
    for (n, event) in (0..).zip(&events) {
        let kv = event.kv.as_ref().unwrap();
        assert_eq!((value(kv), kv.mod_revision), (n.to_string(), first + n));
    }
}

async fn the_future_is_waited_for(etcd: Etcd) {
    let now = etcd.put("a", "0").await;
    let mut watches = etcd.watch(from(now + 3, "a", "")).await;
    for n in 1..=4 {
        etcd.put("a", &n.to_string()).await;
    }
    assert_eq!(
        told(&watches.events(2).await),
        [format!("+a=3@{}", now + 3), format!("+a=4@{}", now + 4)]
    );
}

async fn a_revision_comes_in_one_response(etcd: Etcd) {
    let before = etcd.put("old", "").await;
    let mut watches = etcd.watch(watch("\0", ON)).await;
    let request = TxnRequest {
        success: operations([
            Request::RequestPut(put("b", "2")),
            Request::RequestPut(put("a", "1")),
            Request::RequestDeleteRange(delete("old", "")),
        ]),
        ..TxnRequest::default()
    };
    etcd.txn(request).await.unwrap();
    let response = watches.next().await;
    let now = before + 1;
    // In the order of the operations, not of the keys.
    assert_eq!(
        told(&response.events),
        [
            format!("+b=2@{now}"),
            format!("+a=1@{now}"),
            format!("-old@{now}")
        ]
    );
}

/// Two puts and a deletion, as a watch with a filter sees them.
async fn filtered(etcd: &Etcd, filter: FilterType) -> (i64, Vec<String>) {
    let mut watches = etcd
        .watch(WatchCreateRequest {
            filters: vec![filter.into()],
            ..watch("a", "")
        })
        .await;
    let first = etcd.put("a", "1").await;
    etcd.delete("a", "").await;
    etcd.put("a", "2").await;
    etcd.delete("a", "").await;
    (first, told(&watches.events(2).await))
}

async fn puts_are_left_out(etcd: Etcd) {
    let (first, events) = filtered(&etcd, FilterType::Noput).await;
    assert_eq!(
        events,
        [format!("-a@{}", first + 1), format!("-a@{}", first + 3)]
    );
}

async fn deletions_are_left_out(etcd: Etcd) {
    let (first, events) = filtered(&etcd, FilterType::Nodelete).await;
    assert_eq!(
        events,
        [format!("+a=1@{first}"), format!("+a=2@{}", first + 2)]
    );
}

async fn the_previous_key_is_told_if_asked_for(etcd: Etcd) {
    let mut watches = etcd
        .watch(WatchCreateRequest {
            prev_kv: true,
            ..watch("a", "")
        })
        .await;
    etcd.put("a", "1").await;
    etcd.put("a", "2").await;
    etcd.delete("a", "").await;
    let events = watches.events(3).await;
    let previous: Vec<_> = events
        .iter()
        .map(|event| event.prev_kv.as_ref().map(value))
        .collect();
    assert_eq!(previous, [None, Some("1".into()), Some("2".into())]);
    assert_eq!(events[2].prev_kv.as_ref().unwrap().version, 2);
}

async fn numbers_are_given_from_zero(etcd: Etcd) {
    let mut watches = etcd.watches(watch("a", "")).await;
    watches.create(watch("b", ""));
    watches.create(watch("c", ""));
    for expected in 0..3 {
        assert_eq!(watches.next().await.watch_id, expected);
    }
}

async fn a_number_may_be_chosen(etcd: Etcd) {
    let chosen = WatchCreateRequest {
        watch_id: 1,
        ..watch("a", "")
    };
    let mut watches = etcd.watches(chosen).await;
    assert_eq!(watches.next().await.watch_id, 1);
    // What is given goes round what was chosen.
    for expected in [0, 2, 3] {
        watches.create(watch("b", ""));
        assert_eq!(watches.next().await.watch_id, expected);
    }
    let now = etcd.put("a", "1").await;
    let response = watches.next().await;
    assert_eq!(response.watch_id, 1);
    assert_eq!(told(&response.events), [format!("+a=1@{now}")]);
}

async fn a_number_is_taken_once_on_a_stream(etcd: Etcd) {
    let chosen = WatchCreateRequest {
        watch_id: 7,
        ..watch("a", "")
    };
    let mut watches = etcd.watch(chosen.clone()).await;
    watches.create(chosen.clone());
    let refused = watches.next().await;
    assert!(refused.created && refused.canceled, "{refused:?}");
    assert_eq!(refused.watch_id, -1);
    assert_eq!(
        refused.cancel_reason,
        "mvcc: duplicate watch ID provided on the WatchStream"
    );
    // Neither the first watch nor another stream minds.
    let now = etcd.put("a", "1").await;
    assert_eq!(told(&watches.events(1).await), [format!("+a=1@{now}")]);
    etcd.watch(chosen).await;
}

async fn an_empty_range_is_not_watched(etcd: Etcd) {
    for (key, end) in [("b", "a"), ("b", "b")] {
        let mut watches = etcd.watches(watch(key, end)).await;
        let refused = watches.next().await;
        assert!(refused.created && refused.canceled, "{refused:?}");
        assert_eq!(refused.watch_id, -1);
        assert_eq!(refused.cancel_reason, "mvcc: watcher range is empty");
    }
}

async fn an_empty_key_watches_all_with_an_open_end(etcd: Etcd) {
    let mut watches = etcd.watch(watch("", ON)).await;
    let now = etcd.put("a", "1").await;
    assert_eq!(told(&watches.events(1).await), [format!("+a=1@{now}")]);
}

async fn watches_share_a_stream(etcd: Etcd) {
    let mut watches = etcd.watch(watch("a", "")).await;
    watches.create(watch("b", ""));
    watches.create(watch("a", "c"));
    for _ in 0..2 {
        assert!(watches.next().await.created);
    }
    etcd.put("a", "1").await;
    etcd.put("b", "2").await;
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let response = watches.next().await;
        for event in &response.events {
            let key = crate::etcd::key(event.kv.as_ref().unwrap());
            seen.push(format!("{}{key}", response.watch_id));
        }
    }
    seen.sort();
    assert_eq!(seen, ["0a", "1b", "2a", "2b"]);
}

async fn a_cancelled_watch_is_silent(etcd: Etcd) {
    let mut watches = etcd.watch(watch("a", "")).await;
    watches.create(watch("a", ""));
    assert_eq!(watches.next().await.watch_id, 1);
    watches.cancel(0);
    let canceled = watches.next().await;
    assert!(canceled.canceled && !canceled.created, "{canceled:?}");
    assert_eq!((canceled.watch_id, canceled.compact_revision), (0, 0));
    assert_eq!(canceled.cancel_reason, "");
    assert_eq!(revision(&canceled.header), etcd.revision().await);
    for value in ["1", "2"] {
        etcd.put("a", value).await;
        let response = watches.next().await;
        assert_eq!((response.watch_id, response.events.len()), (1, 1));
    }
}

async fn cancelling_nothing_is_not_answered(etcd: Etcd) {
    let mut watches = etcd.watch(watch("a", "")).await;
    watches.cancel(5);
    watches.create(watch("b", ""));
    let next = watches.next().await;
    assert!(next.created && next.watch_id == 1, "{next:?}");
}

async fn a_compacted_revision_ends_the_watch(etcd: Etcd) {
    let first = etcd.put("a", "1").await;
    etcd.put("a", "2").await;
    let now = etcd.put("a", "3").await;
    etcd.compact(now).await.unwrap();
    let mut watches = etcd.watches(from(first, "a", "")).await;
    let created = watches.next().await;
    assert!(created.created && !created.canceled, "{created:?}");
    let canceled = watches.next().await;
    assert!(canceled.canceled && !canceled.created, "{canceled:?}");
    assert_eq!(canceled.compact_revision, now);
    assert_eq!(canceled.watch_id, created.watch_id);
    assert_eq!(canceled.cancel_reason, "");
    assert_eq!(revision(&canceled.header), 0);
    assert!(canceled.events.is_empty());
    // The stream goes on.
    watches.create(from(now, "a", ""));
    assert!(watches.next().await.created);
    assert_eq!(told(&watches.events(1).await), [format!("+a=3@{now}")]);
}

async fn the_compacted_revision_itself_is_told(etcd: Etcd) {
    etcd.put("a", "1").await;
    let second = etcd.put("a", "2").await;
    let third = etcd.put("b", "3").await;
    etcd.compact(second).await.unwrap();
    let mut watches = etcd.watch(from(second, "\0", ON)).await;
    assert_eq!(
        told(&watches.events(2).await),
        [format!("+a=2@{second}"), format!("+b=3@{third}")]
    );
}

async fn what_was_before_the_compacted_revision_is_not_told(etcd: Etcd) {
    etcd.put("a", "1").await;
    let second = etcd.put("a", "2").await;
    etcd.put("a", "3").await;
    etcd.compact(second).await.unwrap();
    let mut watches = etcd
        .watch(WatchCreateRequest {
            prev_kv: true,
            ..from(second, "a", "")
        })
        .await;
    let events = watches.events(2).await;
    assert_eq!(events[0].prev_kv, None);
    assert_eq!(value(events[1].prev_kv.as_ref().unwrap()), "2");
}

async fn compaction_does_not_disturb_a_watch_that_has_everything(etcd: Etcd) {
    let mut watches = etcd.watch(watch("a", "")).await;
    let now = etcd.put("a", "1").await;
    assert_eq!(watches.events(1).await.len(), 1);
    etcd.compact(now).await.unwrap();
    etcd.put("a", "2").await;
    assert_eq!(
        told(&watches.events(1).await),
        [format!("+a=2@{}", now + 1)]
    );
}

async fn progress_is_told_when_asked_for(etcd: Etcd) {
    let mut watches = etcd.watch(watch("a", "")).await;
    let now = etcd.put("b", "1").await;
    watches.request_progress();
    let progress = watches.next().await;
    assert_eq!((progress.watch_id, revision(&progress.header)), (-1, now));
    assert!(progress.events.is_empty() && !progress.created && !progress.canceled);
}

async fn progress_is_told_from_time_to_time(etcd: Etcd) {
    let now = etcd.put("b", "1").await;
    let mut watches = etcd
        .watch(WatchCreateRequest {
            progress_notify: true,
            ..watch("a", "")
        })
        .await;
    for _ in 0..2 {
        let progress = watches.next().await;
        assert_eq!((progress.watch_id, revision(&progress.header)), (0, now));
        assert!(progress.events.is_empty());
    }
}

async fn watches_outlive_the_last_request(etcd: Etcd) {
    let mut watches = etcd.watch(watch("a", "")).await;
    watches.end_requests();
    // What is read after the end of the requests was sent after it.
    etcd.get("a").await;
    let now = etcd.put("a", "1").await;
    assert_eq!(told(&watches.events(1).await), [format!("+a=1@{now}")]);
}

async fn large_revisions_are_split_if_asked_for(etcd: Etcd) {
    let large = "x".repeat(1_000_000);
    let before = etcd.put("a", &large).await;
    etcd.put("b", &large).await;
    etcd.put("c", &large).await;
    let mut watches = etcd
        .watch(WatchCreateRequest {
            prev_kv: true,
            fragment: true,
            ..watch("\0", ON)
        })
        .await;
    etcd.delete("\0", ON).await;
    let mut events = Vec::new();
    let mut parts = 0;
    loop {
        let response = watches.next().await;
        events.extend(response.events);
        parts += 1;
        if !response.fragment {
            break;
        }
    }
    let now = before + 3;
    assert_eq!(
        told(&events),
        [
            format!("-a@{now}"),
            format!("-b@{now}"),
            format!("-c@{now}")
        ]
    );
    assert!(parts > 1);
    assert!(
        events
            .iter()
            .all(|event| event.prev_kv.as_ref().unwrap().value.len() == large.len())
    );
}

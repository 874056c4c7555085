//! What a ledger does with wishes, and with what etcd says of them.

use super::*;

const LEASE: i64 = 7;

fn ledger() -> Ledger {
    Ledger::new(Jitter::new(Some(1)))
}

fn record(text: &'static str) -> Option<Arc<dyn Record>> {
    Some(Arc::new(move || text.as_bytes().to_vec()))
}

fn content(text: &str) -> Option<Content> {
    Some(Content {
        value: Bytes::copy_from_slice(text.as_bytes()),
        lease: LEASE,
    })
}

/// Does the next write as etcd would.
fn confirm(ledger: &mut Ledger, revision: i64, now: Instant) -> String {
    let work = ledger.next(now).expect("a write is due");
    let content = work.wish.map(|record| Content {
        value: record.value().into(),
        lease: LEASE,
    });
    let key = work.key.clone();
    ledger.finished(
        Finished {
            key: work.key,
            version: work.version,
            result: Ok(Written { revision, content }),
        },
        now,
    );
    key
}

#[tokio::test(start_paused = true)]
async fn a_wish_during_a_write_is_written_after_it() {
    let now = Instant::now();
    let mut ledger = ledger();
    let (first, mut first_answer) = oneshot::channel();
    let (second, mut second_answer) = oneshot::channel();
    ledger.wish("k", record("one"), Some(first), now);
    let work = ledger.next(now).unwrap();
    ledger.wish("k", record("two"), Some(second), now);
    assert!(ledger.next(now).is_none(), "one at a time for a key");
    ledger.finished(
        Finished {
            key: work.key,
            version: work.version,
            result: Ok(Written {
                revision: 5,
                content: content("one"),
            }),
        },
        now,
    );
    assert!(matches!(
        first_answer.try_recv(),
        Ok(Ok(WriteOutcome::Written { revision: 5 }))
    ));
    second_answer.try_recv().unwrap_err();
    confirm(&mut ledger, 6, now);
    assert!(matches!(
        second_answer.try_recv(),
        Ok(Ok(WriteOutcome::Written { revision: 6 }))
    ));
    assert_eq!(ledger.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_deleted_or_overwrote_is_put_back_and_our_own_echo_is_not() {
    let now = Instant::now();
    let mut ledger = ledger();
    ledger.wish("k", record("v"), None, now);
    confirm(&mut ledger, 5, now);
    let echo = Seen {
        revision: 5,
        content: content("v"),
    };
    assert!(!ledger.observe("k", echo, Some(LEASE), now));
    let deleted = Seen {
        revision: 6,
        content: None,
    };
    assert!(ledger.observe("k", deleted, Some(LEASE), now));
    confirm(&mut ledger, 7, now);
    let other = Seen {
        revision: 8,
        content: content("other"),
    };
    assert!(ledger.observe("k", other, Some(LEASE), now));
    assert!(ledger.next(now).is_none(), "the second time it waits");
    let wait = ledger.next_due().unwrap() - now;
    assert!(wait <= Duration::from_millis(50), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_seen_before_the_result_of_our_put_counts() {
    let now = Instant::now();
    let mut ledger = ledger();
    ledger.wish("k", record("v"), None, now);
    let work = ledger.next(now).unwrap();
    let deleted = Seen {
        revision: 6,
        content: None,
    };
    assert!(!ledger.observe("k", deleted, Some(LEASE), now));
    ledger.finished(
        Finished {
            key: work.key,
            version: work.version,
            result: Ok(Written {
                revision: 5,
                content: content("v"),
            }),
        },
        now,
    );
    assert_eq!(ledger.pending(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_makes_due_what_is_missing_and_deletes_what_is_not_ours_any_more() {
    let now = Instant::now();
    let mut ledger = ledger();
    for key in ["a", "b", "c"] {
        ledger.wish(key, record("v"), None, now);
        confirm(&mut ledger, 50, now);
    }
    ledger.connection_ended(now);
    let seen = |text| Seen {
        revision: 3,
        content: content(text),
    };
    // The revision went backwards: that a confirmed one is higher proves nothing.
    let present = BTreeMap::from([
        ("a".to_owned(), seen("v")),
        ("b".to_owned(), seen("older")),
        ("x".to_owned(), seen("v")),
    ]);
    assert_eq!(ledger.compare(&present, 4, Some(LEASE), now), 2);
    let mut due = Vec::new();
    while let Some(work) = ledger.next(now) {
        due.push((work.key, work.wish.is_some()));
    }
    assert_eq!(
        due,
        [
            ("b".to_owned(), true),
            ("c".to_owned(), true),
            ("x".to_owned(), false)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_put_that_is_newer_than_the_snapshot_is_not_missed() {
    let now = Instant::now();
    let mut ledger = ledger();
    ledger.connection_ended(now);
    ledger.wish("k", record("v"), None, now);
    confirm(&mut ledger, 9, now);
    assert_eq!(ledger.compare(&BTreeMap::new(), 8, Some(LEASE), now), 0);
    assert_eq!(ledger.compare(&BTreeMap::new(), 9, Some(LEASE), now), 1);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_too_large_fails_alone_and_a_new_lease_tries_it_again() {
    let now = Instant::now();
    let mut ledger = ledger();
    let (reply, mut answer) = oneshot::channel();
    ledger.wish("k", record("v"), Some(reply), now);
    let work = ledger.next(now).unwrap();
    let verdict = ledger.finished(
        Finished {
            key: work.key,
            version: work.version,
            result: Err(Error::RequestTooLarge {
                message: "no".into(),
            }),
        },
        now,
    );
    assert!(matches!(verdict, Verdict::Refused(_)));
    assert!(matches!(
        answer.try_recv(),
        Ok(Err(Error::RequestTooLarge { .. }))
    ));
    assert_eq!(ledger.pending(), 0);
    assert!(ledger.refused().contains_key("k"));
    ledger.lease_is_new(now);
    assert_eq!(ledger.pending(), 1);
    assert!(ledger.refused().is_empty(), "it may be taken now");
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_makes_what_was_on_its_way_due_again() {
    let now = Instant::now();
    let mut ledger = ledger();
    ledger.wish("k", record("v"), None, now);
    ledger.next(now).unwrap();
    ledger.connection_ended(now);
    assert_eq!((ledger.in_flight(), ledger.pending()), (0, 1));
    ledger.wish("k", None, None, now);
    assert_eq!(ledger.advertised(), 0);
    confirm(&mut ledger, 4, now);
    assert_eq!(ledger.pending(), 0);
    assert!(ledger.slots.is_empty(), "nothing is left of a deleted key");
}

#[tokio::test(start_paused = true)]
async fn a_put_that_comes_after_its_record_was_taken_back_is_deleted() {
    let now = Instant::now();
    let mut ledger = ledger();
    let seen = |lease| Seen {
        revision: 9,
        content: Some(Content {
            value: Bytes::from_static(b"v"),
            lease,
        }),
    };
    ledger.observe("k", seen(LEASE + 1), Some(LEASE), now);
    assert_eq!(ledger.pending(), 0, "that is somebody else's");
    ledger.observe("k", seen(LEASE), Some(LEASE), now);
    let work = ledger.next(now).unwrap();
    assert!(work.wish.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_echo_of_a_put_that_was_taken_back_is_no_news() {
    let now = Instant::now();
    let mut ledger = ledger();
    let seen = |revision| Seen {
        revision,
        content: content("v"),
    };
    ledger.wish("k", record("v"), None, now);
    confirm(&mut ledger, 5, now);
    ledger.wish("k", None, None, now);
    confirm(&mut ledger, 6, now);
    ledger.observe("k", seen(5), Some(LEASE), now);
    assert_eq!(ledger.pending(), 0);
    // One that etcd took after the deletion is: it was given up for lost.
    ledger.observe("k", seen(7), Some(LEASE), now);
    assert_eq!(confirm(&mut ledger, 8, now), "k");
    ledger.passed(8);
    assert!(ledger.deleted.is_empty());
}

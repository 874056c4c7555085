//! Sessions on real etcd processes that stand still for a moment, are full, or have forgotten their history.

use std::time::Duration;

use ferlix_etcd::{Client, Error, SessionState, WriteOutcome};
use tokio::time::Instant;

use crate::process::{Etcd, binaries, ran};
use crate::records::{Counting, fixed};
use crate::view::{eventually, status_is, text, watching};

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn an_etcd_that_stands_still_for_less_than_the_lease_gets_nothing_again() {
    for binary in binaries() {
        let etcd = Etcd::start(&binary);
        let (a, mut view) = etcd.session_with("a", |config| {
            config.progress_interval = Duration::from_secs(1);
            config.progress_deadline = Duration::from_secs(1);
        });
        let record = Counting::new("one");
        watching(&a).await;
        a.put("one", record.clone()).await.unwrap();
        view.until_known("top/a/one", "one 1").await;
        let before = a.status();
        etcd.freeze(true);
        let stopped = Instant::now();
        let lost = status_is(&a, "the silence is noticed", |status| {
            status.state == SessionState::Lost
        })
        .await;
        assert!(
            matches!(lost.last_error, Some(Error::Timeout { call: "watch", .. })),
            "{:?}",
            lost.last_error
        );
        assert!(
            stopped.elapsed() < Duration::from_secs(5),
            "{:?}",
            stopped.elapsed()
        );
        etcd.freeze(false);
        let after = watching(&a).await;
        assert_eq!(after.lease_id, before.lease_id);
        assert_eq!(after.counts.puts, before.counts.puts);
        assert_eq!(record.asked(), 1);
        view.until("a snapshot", |view| {
            view.told
                .last()
                .is_some_and(|told| told.starts_with("snapshot of 2"))
        })
        .await;
        ran(
            &binary,
            "an_etcd_that_stands_still_for_less_than_the_lease_gets_nothing_again",
        );
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn an_etcd_that_becomes_full_keeps_what_it_has_and_takes_the_rest_when_there_is_room() {
    for binary in binaries() {
        let etcd = Etcd::start_with(&binary, "http", &["--quota-backend-bytes=4000000"]);
        let (a, mut view) = etcd.session_with("a", |config| {
            config.lease_ttl = Duration::from_secs(5);
        });
        watching(&a).await;
        a.put("before", fixed("1")).await.unwrap();
        let filler = etcd.client().await;
        let filled = fill(&filler, "fill").await;
        assert!(matches!(filled, Error::NoSpace { .. }), "{filled:?}");

        let full = Instant::now();
        assert_eq!(
            a.put("during", fixed("1")).await.unwrap(),
            WriteOutcome::Queued
        );
        let status = status_is(
            &a,
            "it says why, and its lease outlives its time",
            |status| {
                matches!(status.last_error, Some(Error::NoSpace { .. }))
                    && full.elapsed() > status.granted_ttl.unwrap()
            },
        )
        .await;
        assert_eq!(status.state, SessionState::Watching);
        assert_eq!((status.pending, status.counts.recoveries), (1, 0));
        // It sees changes, too.
        filler.delete_range(b"fill/", b"fill0").await.unwrap();
        a.remove("before").await.unwrap();
        view.until_gone("top/a/before").await;

        let revision = filler.range(b"x", b"y").await.unwrap().revision.to_string();
        for arguments in [
            &["compaction", "--physical", &revision][..],
            &["defrag"],
            &["alarm", "disarm"],
        ] {
            etcd.etcdctl(&[&etcd.endpoint()], arguments);
        }
        view.until_known("top/a/during", "1").await;
        assert_eq!(a.status().counts.leases, 1);
        ran(
            &binary,
            "an_etcd_that_becomes_full_keeps_what_it_has_and_takes_the_rest_when_there_is_room",
        );
    }
}

/// Puts large values below a key until etcd refuses one.
pub(crate) async fn fill(client: &Client, below: &str) -> Error {
    for n in 0..100 {
        let name = format!("{below}/{n}");
        let value = vec![b'x'; 500_000].into();
        if let Err(error) = client.put(name.as_bytes(), value, 0).await {
            return error;
        }
    }
    panic!("it is never full");
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_history_that_is_forgotten_between_two_pages_or_before_a_watch_begins_the_read_anew() {
    for binary in binaries() {
        let etcd = Etcd::start(&binary);
        let other = etcd.client().await;
        for n in 0..30 {
            let key = format!("top/o/{n:02}");
            other.put(key.as_bytes(), "v".into(), 0).await.unwrap();
        }
        let compact = async || {
            let revision = other.put(b"top/o/changes", "v".into(), 0).await.unwrap();
            etcd.etcdctl(&[&etcd.endpoint()], &["compaction", &revision.to_string()]);
        };
        compact().await;
        let told = match other.watch(b"top/", b"top0", 2).await {
            Ok(mut watch) => watch.next().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(
            matches!(told, Error::Compacted { revision } if revision > 2),
            "{told:?}"
        );

        // One page for each key, so that a compaction meets a read sooner or later.
        let (a, mut view) = etcd.session_with("a", |config| config.client.page_size = 1);
        let begun = Instant::now();
        while !matches!(a.status().last_error, Some(Error::Compacted { .. })) {
            assert!(
                begun.elapsed() < crate::view::DEADLINE,
                "no read met a compaction"
            );
            compact().await;
            if a.status().state == SessionState::Watching {
                // It came through: once more, over a new connection.
                let lease = a.status().lease_id.unwrap();
                other.lease_revoke(lease).await.unwrap();
            }
        }
        watching(&a).await;
        a.put("one", fixed("1")).await.unwrap();
        view.until("all is known", |view| view.known.len() == 33)
            .await;
        ran(
            &binary,
            "a_history_that_is_forgotten_between_two_pages_or_before_a_watch_begins_the_read_anew",
        );
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn own_keys_that_somebody_overwrites_are_put_back() {
    for binary in binaries() {
        let etcd = Etcd::start(&binary);
        let (a, mut view) = etcd.session("a");
        watching(&a).await;
        a.put("one", Counting::new("one")).await.unwrap();
        view.until_known("top/a/one", "one 1").await;
        let other = etcd.client().await;
        other.put(b"top/a/one", "theirs".into(), 0).await.unwrap();
        view.until_known("top/a/one", "theirs").await;
        view.until_known("top/a/one", "one 2").await;
        let range = other.range(b"top/a/", b"top/a0").await.unwrap();
        let status = a.status();
        assert_eq!(text(&range.entries[0].value), "one 2");
        assert_eq!(Some(range.entries[0].lease), status.lease_id);
        assert_eq!((status.counts.restored, status.counts.recoveries), (1, 0));
        ran(&binary, "own_keys_that_somebody_overwrites_are_put_back");
    }
}

/// A thousand records that come and go leave nothing, in etcd or in the session.
#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_thousand_records_that_come_and_go_leave_nothing() {
    for binary in binaries() {
        let etcd = Etcd::start(&binary);
        let (a, _) = etcd.session("a");
        let (b, mut view) = etcd.session("b");
        watching(&b).await;
        for n in 0..1000 {
            let name = format!("n{}", n % 10);
            a.put(&name, fixed(n.to_string())).await.unwrap();
            a.remove(&name).await.unwrap();
        }
        let status = eventually("all is written", || {
            let status = a.status();
            (status.pending == 0).then_some(status)
        })
        .await;
        assert_eq!(
            (status.advertised, status.counts.puts, status.counts.deletes),
            (0, 1001, 1000)
        );
        // Who is slow sees fewer steps, and the same in the end.
        view.until("all is seen", |view| {
            view.told
                .last()
                .is_some_and(|told| told == "delete top/a/n9")
                && view.known.len() == 2
        })
        .await;
        let known: Vec<_> = view.known.keys().map(String::as_str).collect();
        assert_eq!(known, ["top/a", "top/b"]);
        ran(&binary, "a_thousand_records_that_come_and_go_leave_nothing");
    }
}

//! Sessions on real etcd processes, one fault after the other.

use std::net::IpAddr;
use std::time::Duration;

use ferlix_etcd::{Error, SessionState, WriteOutcome};
use tokio::time::Instant;

use crate::process::{Etcd, binaries, ran};
use crate::real_limits::fill;
use crate::records::{Counting, fixed};
use crate::view::{status_is, watching};

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn what_one_advertises_the_other_sees_until_it_is_taken_back() {
    for binary in binaries() {
        let etcd = Etcd::start(&binary);
        let (a, _) = etcd.session("a");
        let (b, mut view) = etcd.session("b");
        let status = watching(&a).await;
        watching(&b).await;
        assert_eq!(
            status.local_address.map(|address| address.ip()),
            Some(IpAddr::from([127, 0, 0, 1]))
        );
        let put = a.put("one", fixed("1")).await.unwrap();
        assert!(matches!(put, WriteOutcome::Written { .. }), "{put:?}");
        view.until_known("top/a/one", "1").await;
        a.remove("one").await.unwrap();
        view.until_gone("top/a/one").await;
        a.close().await;
        view.until_gone("top/a").await;
        b.close().await;
        let left = etcd.client().await.range(b"top/", b"top0").await.unwrap();
        assert!(left.entries.is_empty(), "{left:?}");
        ran(
            &binary,
            "what_one_advertises_the_other_sees_until_it_is_taken_back",
        );
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn an_etcd_that_is_away_at_the_start_is_waited_for() {
    for binary in binaries() {
        let mut etcd = Etcd::not_started(&binary, "http", &[]);
        let (a, mut view) = etcd.session("a");
        assert_eq!(
            a.put("one", fixed("1")).await.unwrap(),
            WriteOutcome::Queued
        );
        etcd.start_again();
        view.until_known("top/a/one", "1").await;
        ran(&binary, "an_etcd_that_is_away_at_the_start_is_waited_for");
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_restart_with_its_data_keeps_lease_and_keys() {
    for binary in binaries() {
        let mut etcd = Etcd::start(&binary);
        let (a, _) = etcd.session("a");
        let (b, mut view) = etcd.session("b");
        let record = Counting::new("one");
        watching(&a).await;
        a.put("one", record.clone()).await.unwrap();
        view.until_known("top/a/one", "one 1").await;
        let before = a.status();
        etcd.kill();
        for session in [&a, &b] {
            status_is(session, "etcd is missed", |status| {
                status.state != SessionState::Watching
            })
            .await;
        }
        assert_eq!(view.known["top/a/one"], "one 1");
        let put = a.put("two", fixed("2")).await.unwrap();
        assert_eq!(put, WriteOutcome::Queued);
        etcd.start_again();
        etcd.client().await;
        let answers = Instant::now();
        view.until_known("top/a/two", "2").await;
        eprintln!(
            "{}: exact again {:?} after etcd answers",
            binary.display(),
            answers.elapsed()
        );
        let after = watching(&a).await;
        assert_eq!(after.lease_id, before.lease_id);
        assert_eq!(record.asked(), 1);
        assert_eq!(view.known["top/a/one"], "one 1");
        assert!(!view.told.contains(&"delete top/a/one".to_owned()));
        ran(&binary, "a_restart_with_its_data_keeps_lease_and_keys");
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_wiped_etcd_gets_everything_again_with_fresh_values() {
    for binary in binaries() {
        let mut etcd = Etcd::start(&binary);
        let (a, _) = etcd.session("a");
        let (_b, mut view) = etcd.session("b");
        watching(&a).await;
        let records: Vec<_> = (0..100).map(|n| Counting::new(format!("{n}"))).collect();
        for (n, record) in records.iter().enumerate() {
            a.put(&format!("r{n}"), record.clone()).await.unwrap();
        }
        view.until_known("top/a/r99", "99 1").await;
        etcd.restart_wiped();
        view.until("all is there again", |view| {
            (0..100).all(|n| {
                let value = view.known.get(&format!("top/a/r{n}"));
                value.is_some_and(|value| *value == format!("{n} 2"))
            })
        })
        .await;
        let status = status_is(&a, "all is written", |status| status.pending == 0).await;
        assert_eq!(status.counts.leases, 2);
        let told = view.told.join("\n");
        assert!(told.contains(", after an outage"), "{told}");
        ran(
            &binary,
            "a_wiped_etcd_gets_everything_again_with_fresh_values",
        );
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn an_older_backup_is_brought_up_to_date() {
    for binary in binaries() {
        let mut etcd = Etcd::start(&binary);
        let (a, _) = etcd.session("a");
        let (b, mut view) = etcd.session("b");
        watching(&a).await;
        watching(&b).await;
        a.put("stays", fixed("1")).await.unwrap();
        a.put("changes", fixed("1")).await.unwrap();
        a.put("goes", fixed("1")).await.unwrap();
        etcd.backup();
        etcd.client().await;
        a.put("changes", fixed("2")).await.unwrap();
        a.put("comes", fixed("1")).await.unwrap();
        a.remove("goes").await.unwrap();
        view.until_gone("top/a/goes").await;
        view.until_known("top/a/comes", "1").await;
        view.until_known("top/a/changes", "2").await;
        let newer = a.status().revision;
        etcd.restart_from_backup();
        status_is(&a, "the older state is brought up to date", |status| {
            status.counts.recoveries >= 2
                && status.state == SessionState::Watching
                && status.pending == 0
        })
        .await;
        let range = etcd
            .client()
            .await
            .range(b"top/a/", b"top/a0")
            .await
            .unwrap();
        let keys: Vec<_> = range
            .entries
            .iter()
            .map(|kv| (crate::view::text(&kv.key), crate::view::text(&kv.value)))
            .collect();
        let expected = [("changes", "2"), ("comes", "1"), ("stays", "1")];
        let expected = expected.map(|(name, value)| (format!("top/a/{name}"), value.to_owned()));
        assert_eq!(keys, expected);
        assert!(range.revision <= newer + 10, "{} {newer}", range.revision);
        view.until("b sees the same", |view| {
            view.known
                .get("top/a/comes")
                .is_some_and(|value| value == "1")
                && view
                    .known
                    .get("top/a/changes")
                    .is_some_and(|value| value == "2")
                && !view.known.contains_key("top/a/goes")
        })
        .await;
        ran(&binary, "an_older_backup_is_brought_up_to_date");
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_lease_that_somebody_revokes_is_replaced() {
    for binary in binaries() {
        let etcd = Etcd::start(&binary);
        let (a, mut view) = etcd.session("a");
        watching(&a).await;
        a.put("one", Counting::new("one")).await.unwrap();
        view.until_known("top/a/one", "one 1").await;
        let before = a.status().lease_id.unwrap();
        etcd.client().await.lease_revoke(before).await.unwrap();
        view.until_gone("top/a/one").await;
        view.until("it is back", |view| view.known.contains_key("top/a/one"))
            .await;
        let status = status_is(&a, "all is written", |status| {
            status.pending == 0 && status.state == SessionState::Watching
        })
        .await;
        assert_ne!(status.lease_id, Some(before));
        ran(&binary, "a_lease_that_somebody_revokes_is_replaced");
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn own_keys_that_somebody_deletes_are_put_back() {
    for binary in binaries() {
        let etcd = Etcd::start(&binary);
        let (a, mut view) = etcd.session("a");
        watching(&a).await;
        a.put("one", Counting::new("one")).await.unwrap();
        view.until_known("top/a/one", "one 1").await;
        let other = etcd.client().await;
        other.delete_range(b"top/", b"top0").await.unwrap();
        view.until_gone("top/a/one").await;
        view.until_known("top/a/one", "one 2").await;
        view.until_known("top/a", "a").await;
        assert_eq!(a.status().counts.recoveries, 0);
        ran(&binary, "own_keys_that_somebody_deletes_are_put_back");
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn an_etcd_that_stands_still_for_longer_than_the_lease_gets_everything_again() {
    for binary in binaries() {
        let etcd = Etcd::start(&binary);
        let (a, mut view) = etcd.session_with("a", |config| {
            config.lease_ttl = Duration::from_secs(2);
        });
        watching(&a).await;
        a.put("one", Counting::new("one")).await.unwrap();
        view.until_known("top/a/one", "one 1").await;
        let before = a.status();
        etcd.freeze(true);
        let stopped = Instant::now();
        status_is(&a, "it is lost for longer than the lease", |status| {
            status.state != SessionState::Watching
                && stopped.elapsed() > before.granted_ttl.unwrap() * 2
        })
        .await;
        assert_eq!(view.known["top/a/one"], "one 1");
        etcd.freeze(false);
        view.until("a fresh value is there", |view| {
            let value = view.known.get("top/a/one");
            value.is_some_and(|value| value != "one 1")
        })
        .await;
        let after = watching(&a).await;
        assert_ne!(after.lease_id, before.lease_id);
        ran(
            &binary,
            "an_etcd_that_stands_still_for_longer_than_the_lease_gets_everything_again",
        );
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_dead_first_endpoint_is_skipped_and_a_dying_one_left() {
    for binary in binaries() {
        let dead = Etcd::not_started(&binary, "http", &[]);
        let mut first = Etcd::start(&binary);
        let second = Etcd::start(&binary);
        first.client().await;
        second.client().await;
        let (a, _view) = first.session_with("a", |config| {
            let endpoints = [dead.endpoint(), first.endpoint(), second.endpoint()];
            config.client.endpoints = endpoints.into();
        });
        let status = watching(&a).await;
        assert_eq!(status.endpoint, Some(first.endpoint()));
        a.put("one", fixed("1")).await.unwrap();
        first.kill();
        status_is(&a, "it goes on at the second", |status| {
            status.endpoint == Some(second.endpoint())
                && status.state == SessionState::Watching
                && status.pending == 0
        })
        .await;
        let there = second
            .client()
            .await
            .range(b"top/a/", b"top/a0")
            .await
            .unwrap();
        assert_eq!(there.entries.len(), 1);
        ran(
            &binary,
            "a_dead_first_endpoint_is_skipped_and_a_dying_one_left",
        );
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn more_than_a_message_holds_is_read() {
    for binary in binaries() {
        let etcd = Etcd::start(&binary);
        let client = etcd.client().await;
        for n in 0..12 {
            let name = format!("top/o/{n:02}");
            client
                .put(name.as_bytes(), vec![b'x'; 1_000_000].into(), 0)
                .await
                .unwrap();
        }
        let (a, mut view) = etcd.session_with("a", |config| {
            config.client.max_message_size = 4_000_000;
        });
        view.until("all is known", |view| view.known.len() >= 12)
            .await;
        assert!(view.told[1].starts_with("snapshot of 1"), "{:?}", view.told);
        let large = a.put("large", fixed("x".repeat(2_000_000))).await;
        assert!(
            matches!(large, Err(Error::RequestTooLarge { .. })),
            "{large:?}"
        );
        assert_eq!(a.status().counts.recoveries, 0);
        ran(&binary, "more_than_a_message_holds_is_read");
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_full_etcd_is_read_though_it_grants_no_lease() {
    for binary in binaries() {
        let etcd = Etcd::start_with(&binary, "http", &["--quota-backend-bytes=4000000"]);
        let client = etcd.client().await;
        let full = fill(&client, "top/o").await;
        assert!(
            full.to_string().contains("database space exceeded"),
            "{full}"
        );
        let (a, mut view) = etcd.session("a");
        view.until("what is there is known", |view| {
            view.known.contains_key("top/o/0")
        })
        .await;
        let status = status_is(&a, "it says why it cannot write", |status| {
            status.state == SessionState::Watching && status.last_error.is_some()
        })
        .await;
        assert_eq!(status.lease_id, None);
        assert_eq!(status.pending, 1);
        // It sees changes, too.
        client.delete(b"top/o/0").await.unwrap();
        view.until_gone("top/o/0").await;
        a.close().await;
        ran(&binary, "a_full_etcd_is_read_though_it_grants_no_lease");
    }
}

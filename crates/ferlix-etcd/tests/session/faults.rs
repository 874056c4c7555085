//! Sessions on the embedded etcd, one fault after the other, in paused time.

use std::sync::Arc;
use std::time::Duration;

use ferlix_etcd::{Error, Session, SessionConfig, SessionState, WriteOutcome};
use tokio::time::{Instant, sleep};

use crate::memory::{Network, compact_until};
use crate::records::{Counting, fixed};
use crate::view::{View, eventually, status_is, text, watching, without_spinning};

/// Two sessions, `a` with a record `one`, and what `b` sees of it.
async fn pair(network: &Network) -> (Session, Session, View, Arc<Counting>) {
    let (a, _) = network.session("a");
    let (b, mut view) = network.session("b");
    watching(&a).await;
    watching(&b).await;
    let record = Counting::new("one");
    let put = a.put("one", record.clone()).await.unwrap();
    assert!(matches!(put, WriteOutcome::Written { .. }), "{put:?}");
    view.until_known("top/a/one", "one 1").await;
    (a, b, view, record)
}

/// Lets paused time run until the lease was renewed so often.
async fn renewals(session: &Session, count: u64) {
    for wanted in 1..=count {
        status_is(session, "the lease is renewed", |status| {
            status.counts.renewals >= wanted
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_advertises_the_other_sees_until_it_is_taken_back() {
    let (network, store) = Network::with_etcd();
    let (a, b, mut view, _) = pair(&network).await;
    assert_eq!(view.known["top/a"], "a");
    a.put("one", fixed("other")).await.unwrap();
    view.until_known("top/a/one", "other").await;
    a.remove("one").await.unwrap();
    view.until_gone("top/a/one").await;

    a.put("two", fixed("2")).await.unwrap();
    let status = a.status();
    assert_eq!((status.advertised, status.pending), (1, 0));
    a.close().await;
    view.until_gone("top/a").await;
    assert!(!view.known.contains_key("top/a/two"));
    assert_eq!(a.status().state, SessionState::Closed);
    assert!(matches!(a.put("x", fixed("")).await, Err(Error::Closed)));
    b.close().await;
    assert!(store.entries(b"").is_empty(), "{:?}", store.entries(b""));
    assert!(store.leases().is_empty());
    while view.take().await {}
}

#[tokio::test(start_paused = true)]
async fn an_etcd_that_is_away_at_the_start_is_waited_for() {
    let network = Network::default();
    let (a, mut view) = network.session("a");
    let started = Instant::now();
    let put = a.put("one", fixed("1")).await.unwrap();
    assert_eq!(put, WriteOutcome::Queued);
    assert!(started.elapsed() <= Duration::from_secs(4));
    let status = a.status();
    assert!(
        matches!(status.last_error, Some(Error::Connect { .. })),
        "{:?}",
        status.last_error
    );
    assert_eq!(status.pending, 2, "the record and the session's own key");
    assert!(
        status.counts.attempts >= 6,
        "the wait is capped at half a second: {:?}",
        status.counts
    );
    network.start("etcd");
    view.until_known("top/a/one", "1").await;
    assert_eq!(
        view.told[..2],
        [
            "connected etcd:2379",
            "snapshot of 0, first, after an outage"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_keeps_the_lease_and_puts_nothing() {
    let (network, store) = Network::with_etcd();
    let (a, b, mut view, record) = pair(&network).await;
    let before = a.status();
    let leases = store.leases();
    store.drop_connections();
    status_is(&a, "a has recovered", |status| {
        status.counts.resyncs == 2 && status.state == SessionState::Watching
    })
    .await;
    watching(&b).await;
    view.until_told("b has recovered", "snapshot of 3, after an outage")
        .await;
    let after = a.status();
    assert_eq!(after.lease_id, before.lease_id);
    assert_eq!(store.leases(), leases);
    assert_eq!(after.counts.puts, before.counts.puts);
    assert_eq!(record.asked(), 1);
    assert_eq!(view.known["top/a/one"], "one 1");
}

#[tokio::test(start_paused = true)]
async fn a_wiped_etcd_gets_everything_again_with_fresh_values() {
    let (network, store) = Network::with_etcd();
    let (a, b, mut view, record) = pair(&network).await;
    let before = a.status();
    assert!(before.revision > 1);
    store.wipe();
    view.until_known("top/a/one", "one 2").await;
    view.until("both sessions are there", |view| {
        view.known.contains_key("top/a") && view.known.contains_key("top/b")
    })
    .await;
    assert_ne!(a.status().lease_id, before.lease_id);
    assert_eq!(record.asked(), 2);
    assert!(view.told.contains(&"disconnected".to_owned()));
    assert_eq!(b.status().counts.recoveries, 1);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_lease_is_replaced() {
    let (network, store) = Network::with_etcd();
    let (a, _b, mut view, record) = pair(&network).await;
    let before = a.status().lease_id;
    let mut status = a.watch_status();
    let revoked = Instant::now();
    store.revoke_leases();
    let lost = without_spinning(status.wait_for(|status| status.state == SessionState::Lost)).await;
    assert_eq!(lost.unwrap().lease_id, None, "it is not asked for again");
    view.until_gone("top/a/one").await;
    without_spinning(view.until("it is there again, with a fresh value", |view| {
        view.known
            .get("top/a/one")
            .is_some_and(|value| value != "one 1")
    }))
    .await;
    // The deleted keys tell it, long before the next renewal.
    assert!(revoked.elapsed() < Duration::from_secs(1));
    let status = status_is(&a, "all is written", |status| status.pending == 0).await;
    assert_ne!(status.lease_id, before);
    assert_eq!(status.counts.leases, 2);
    assert_eq!(view.known["top/a/one"], format!("one {}", record.asked()));
}

#[tokio::test(start_paused = true)]
async fn own_keys_that_somebody_deletes_or_overwrites_are_put_back() {
    let (network, _store) = Network::with_etcd();
    let (a, _b, mut view, _) = pair(&network).await;
    let other = network.client().await;
    other.delete(b"top/a/one").await.unwrap();
    view.until_gone("top/a/one").await;
    view.until_known("top/a/one", "one 2").await;
    other.put(b"top/a/one", "mine".into(), 0).await.unwrap();
    view.until_known("top/a/one", "mine").await;
    view.until_known("top/a/one", "one 3").await;
    other.delete(b"top/a").await.unwrap();
    view.until_gone("top/a").await;
    view.until_known("top/a", "a").await;
    status_is(&a, "three were put back", |status| {
        status.counts.restored == 3 && status.pending == 0
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_fight_over_a_key_slows_down() {
    let (network, store) = Network::with_etcd();
    let (a, _b, mut view, record) = pair(&network).await;
    let other = network.client().await;
    let begun = Instant::now();
    for round in 2..=12 {
        other.delete(b"top/a/one").await.unwrap();
        view.until_known("top/a/one", &format!("one {round}")).await;
    }
    assert!(
        begun.elapsed() > Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(record.asked(), 12);
    assert_eq!(a.status().counts.recoveries, 0);
    assert_eq!(store.entries(b"top/a/").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_watch_is_begun_anew() {
    let (network, store) = Network::with_etcd();
    let (a, b, mut view, _) = pair(&network).await;
    store.cancel_watches();
    status_is(&b, "b has recovered", |status| {
        status.counts.resyncs == 2 && status.state == SessionState::Watching
    })
    .await;
    a.put("two", fixed("2")).await.unwrap();
    view.until_known("top/a/two", "2").await;
}

#[tokio::test(start_paused = true)]
async fn a_compaction_between_two_pages_begins_the_read_anew() {
    let (network, store) = Network::with_etcd();
    let other = network.client().await;
    for key in 0..50 {
        let name = format!("top/o/{key:02}");
        other.put(name.as_bytes(), "v".into(), 0).await.unwrap();
    }
    let (session, events) = network.session_with("a", |config| config.client.page_size = 1);
    let mut view = View::new(events);
    compact_until(&other, &store, || session.status().counts.attempts >= 3).await;
    assert!(
        matches!(session.status().last_error, Some(Error::Compacted { .. })),
        "{:?}",
        session.status().last_error
    );
    view.until("all is known", |view| view.known.len() >= 51)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_etcd_is_left_for_the_next_endpoint() {
    let (network, _) = Network::with_etcd();
    let second = network.start("second");
    let (session, events) = network.session_with("a", |config| {
        config.client = network.config(&["etcd", "second"]);
    });
    let mut view = View::new(events);
    watching(&session).await;
    assert_eq!(session.status().endpoint.unwrap(), "etcd:2379");
    session.put("one", fixed("1")).await.unwrap();
    let frozen = Instant::now();
    network.freeze("etcd", true);
    status_is(&session, "it watches the second", |status| {
        status.endpoint.as_deref() == Some("second:2379")
            && status.state == SessionState::Watching
            && status.pending == 0
    })
    .await;
    // The next renewal is due within 10 s, and its answer within 3 s.
    assert!(
        frozen.elapsed() < Duration::from_secs(15),
        "{:?}",
        frozen.elapsed()
    );
    assert_eq!(second.entries(b"top/a/one").len(), 1);
    view.until("it was told", |view| {
        view.told.contains(&"connected second:2379".to_owned())
    })
    .await;
    // Sticky: that the first is back is no reason to go back.
    network.freeze("etcd", false);
    second.drop_connections();
    status_is(&session, "it is back", |status| {
        status.counts.resyncs == 3 && status.state == SessionState::Watching
    })
    .await;
    assert_eq!(session.status().endpoint.unwrap(), "second:2379");
}

/// What a session says of an etcd that falls silent, and after which time.
async fn notices_silence(
    network: &Network,
    change: impl FnOnce(&mut SessionConfig),
) -> (Error, Duration) {
    let (session, _events) = network.session_with("a", change);
    watching(&session).await;
    let frozen = Instant::now();
    network.freeze("etcd", true);
    let lost = status_is(&session, "it is lost", |status| {
        status.state == SessionState::Lost
    })
    .await;
    let time = frozen.elapsed();
    network.freeze("etcd", false);
    let back = watching(&session).await;
    assert_eq!(back.counts.leases, 1);
    (lost.last_error.unwrap(), time)
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_noticed_by_its_progress() {
    let (network, _) = Network::with_etcd();
    let (error, time) = notices_silence(&network, |config| {
        // So long that no renewal can be what notices.
        config.lease_ttl = Duration::from_secs(3600);
    })
    .await;
    assert!(matches!(error, Error::Timeout { call: "watch", .. }));
    assert!(time <= Duration::from_secs(14), "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_without_an_answer_is_noticed() {
    const CALL: &str = "lease keep-alive";
    for lease in [5, 30].map(Duration::from_secs) {
        let (network, _) = Network::with_etcd();
        let (error, time) = notices_silence(&network, |config| {
            config.lease_ttl = lease;
            // So long that no watch can be what notices.
            config.progress_interval = Duration::from_secs(3600);
        })
        .await;
        assert!(matches!(error, Error::Timeout { call: CALL, .. }));
        // It is asked for after a third of the lease, and has at most another: the last one is left to recover in.
        assert!(time < lease * 7 / 10, "{time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_steady_watch_ends_an_outage_and_a_brief_one_is_part_of_it() {
    let (network, store) = Network::with_etcd();
    let (session, _events) = network.session_with("a", |_| {});
    let again = async |connections: u64| {
        let lost = Instant::now();
        store.drop_connections();
        status_is(&session, "it is watching again", |status| {
            status.state == SessionState::Watching && status.counts.connections == connections
        })
        .await;
        lost.elapsed()
    };
    watching(&session).await;
    let first = again(2).await;
    assert!(first < Duration::from_millis(100), "{first:?}");
    let mut waits = Vec::new();
    for connections in 3..13 {
        waits.push(again(connections).await);
    }
    assert!(waits[9] > Duration::from_millis(240), "{waits:?}");
    sleep(Duration::from_secs(60)).await;
    let next = again(13).await;
    assert!(next < Duration::from_millis(100), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_first_endpoint_is_skipped() {
    let (network, _) = Network::with_etcd();
    let (session, _events) = network.session_with("a", |config| {
        config.client = network.config(&["nowhere", "etcd"]);
    });
    let status = watching(&session).await;
    assert_eq!(status.endpoint.unwrap(), "etcd:2379");
    assert_eq!(status.counts.attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_hour_changes_nothing() {
    let (network, _) = Network::with_etcd();
    let (a, _b, view, _) = pair(&network).await;
    let before = a.status();
    // A renewal each 10 s.
    renewals(&a, 361).await;
    let after = a.status();
    assert!(before.since.elapsed() > Duration::from_secs(3590));
    assert_eq!(after.since, before.since);
    assert_eq!(after.counts.attempts, 1);
    assert_eq!(after.lease_id, before.lease_id);
    assert_eq!(view.known["top/a/one"], "one 1");
}

#[tokio::test(start_paused = true)]
async fn a_long_keep_alive_interval_is_lowered() {
    let (network, _) = Network::with_etcd();
    let (session, _events) = network.session_with("a", |config| {
        config.keepalive_interval = Some(Duration::from_secs(29));
    });
    let begun = watching(&session).await.since;
    renewals(&session, 6).await;
    let per_renewal = begun.elapsed() / 5;
    assert!(
        per_renewal > Duration::from_secs(14) && per_renewal < Duration::from_secs(16),
        "{per_renewal:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_bad_record_hurts_nobody_else() {
    let (network, _) = Network::with_etcd();
    let (a, _b, mut view, _) = pair(&network).await;
    let large = a.put("large", fixed("x".repeat(2_000_000))).await;
    assert!(
        matches!(large, Err(Error::RequestTooLarge { .. })),
        "{large:?}"
    );
    let panicking = a
        .put(
            "panicking",
            Arc::new(|| -> Vec<u8> { panic!("on purpose") }),
        )
        .await;
    assert!(
        matches!(panicking, Err(Error::RecordPanicked { .. })),
        "{panicking:?}"
    );
    for name in ["", "a/b", "\0"] {
        let named = a.put(name, fixed("")).await;
        assert!(matches!(named, Err(Error::Name { .. })), "{named:?}");
    }
    a.put("large", fixed("small")).await.unwrap();
    view.until_known("top/a/large", "small").await;
    let status = a.status();
    assert_eq!((status.counts.refused, status.counts.recoveries), (2, 0));
    a.remove("panicking").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn keys_of_an_earlier_life_are_deleted_and_those_of_others_are_not() {
    let (network, store) = Network::with_etcd();
    let client = network.client().await;
    for key in ["top/a/old", "top/a2/x", "top2/a/x", "top/other/x"] {
        client.put(key.as_bytes(), "v".into(), 0).await.unwrap();
    }
    let (a, view) = network.session("a");
    a.put("new", fixed("v")).await.unwrap();
    let left = eventually("the old key is gone", || {
        let keys: Vec<_> = store
            .entries(b"")
            .iter()
            .map(|(key, _)| text(key))
            .collect();
        (!keys.contains(&"top/a/old".to_owned())).then_some(keys)
    })
    .await;
    assert_eq!(
        left,
        ["top/a", "top/a/new", "top/a2/x", "top/other/x", "top2/a/x"]
    );
    assert!(view.known.is_empty(), "nothing was taken yet");
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_cannot_work_is_refused_at_once() {
    let network = Network::default();
    for endpoints in [vec![], vec!["a:b"], vec!["https://a"]] {
        let mut config = ferlix_etcd::SessionConfig::new(network.config(&endpoints), "s");
        config.top_key = "top".into();
        let error = Session::start(config).unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error:?}");
    }
}

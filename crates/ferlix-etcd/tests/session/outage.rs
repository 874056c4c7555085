//! What a consumer is told of the time of an outage, and what it is not: on the embedded etcd, in paused time.

use ferlix_etcd::embedded::EmbeddedEtcd;
use ferlix_etcd::{Error, Session};

use crate::memory::{Direction, Network, compact_until};
use crate::records::fixed;
use crate::view::{View, status_is, watching};

/// A consumer `b` with a way to etcd of its own, which knows `one` and `stays` of `a`.
async fn follower(network: &Network) -> (Session, Session, View) {
    network.alias("other", "etcd");
    let (a, _) = network.session("a");
    let (b, events) = network.session_with("b", |config| {
        config.client = network.config(&["other"]);
    });
    let mut view = View::new(events);
    a.put("one", fixed("1")).await.unwrap();
    a.put("stays", fixed("before")).await.unwrap();
    view.until_known("top/a/one", "1").await;
    view.until_known("top/a/stays", "before").await;
    (a, b, view)
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_during_an_outage_is_told_apart_from_what_was_lost() {
    let (network, _store) = Network::with_etcd();
    let (a, _b, mut view) = follower(&network).await;
    network.refuse("other", true);
    network.lose("other", Direction::Answers);
    a.remove("one").await.unwrap();
    a.put("brief", fixed("2")).await.unwrap();
    // So much that the watch needs several messages for what comes before the snapshot.
    for letter in ["x", "y", "z"] {
        a.put("stays", fixed(letter.repeat(1_100_000)))
            .await
            .unwrap();
    }
    a.remove("brief").await.unwrap();
    a.put("stays", fixed("after")).await.unwrap();
    view.until_told("b has lost etcd", "disconnected").await;
    network.refuse("other", false);
    view.until("the deletions are told", |view| {
        view.told.ends_with(&[
            "snapshot of 3, after an outage".into(),
            "delete top/a/one".into(),
            "delete top/a/brief".into(),
        ])
    })
    .await;
    assert_eq!(view.known["top/a/stays"], "after");
    // What comes after it is told as ever.
    a.put("next", fixed("3")).await.unwrap();
    a.remove("stays").await.unwrap();
    view.until_gone("top/a/stays").await;
    assert_eq!(view.known["top/a/next"], "3");
}

#[tokio::test(start_paused = true)]
async fn what_went_with_a_lease_during_an_outage_may_come_back() {
    let (network, store) = Network::with_etcd();
    let (_a, _b, mut view) = follower(&network).await;
    for host in ["etcd", "other"] {
        network.refuse(host, true);
        network.lose(host, Direction::Answers);
        network.lose(host, Direction::Requests);
    }
    store.revoke_leases();
    view.until_told("b has lost etcd", "disconnected").await;
    let before = view.told.len();
    let is_told = |view: &View, what: &str| view.told[before..].iter().any(|told| told == what);
    network.refuse("other", false);
    view.until("b is back before a", |view| is_told(view, "put top/b"))
        .await;
    network.refuse("etcd", false);
    view.until("a is back", |view| {
        is_told(view, "put top/a/one") && is_told(view, "put top/a/stays")
    })
    .await;
    assert!(is_told(&view, "snapshot of 0, after an outage"));
    let deleted = view.told.iter().any(|told| told.starts_with("delete"));
    assert!(!deleted, "{:#?}", view.told);
}

#[tokio::test(start_paused = true)]
async fn a_history_that_is_gone_is_not_asked_for_twice() {
    let (network, store) = Network::with_etcd();
    let (a, b, mut view) = follower(&network).await;
    network.refuse("other", true);
    network.lose("other", Direction::Answers);
    a.remove("one").await.unwrap();
    a.put("stays", fixed("after")).await.unwrap();
    store.compact();
    view.until_told("b has lost etcd", "disconnected").await;
    network.refuse("other", false);
    view.until_known("top/a/stays", "after").await;
    let before = watching(&b).await.counts.recoveries;
    a.put("next", fixed("3")).await.unwrap();
    view.until_known("top/a/next", "3").await;
    a.put("last", fixed("4")).await.unwrap();
    view.until_known("top/a/last", "4").await;
    assert!(
        b.status().counts.recoveries <= before + 1,
        "{:#?}",
        view.told
    );
    let deleted = view.told.iter().any(|told| told.starts_with("delete"));
    assert!(
        !deleted,
        "of what was compacted nothing is known: {:#?}",
        view.told
    );
}

#[tokio::test(start_paused = true)]
async fn a_history_that_is_forgotten_while_it_is_read_is_not_asked_for() {
    let (network, store) = Network::with_etcd();
    let (session, events) = network.session_with("b", |config| config.client.page_size = 1);
    let mut view = View::new(events);
    let other = network.client().await;
    for key in 0..50 {
        let name = format!("top/o/{key:02}");
        other.put(name.as_bytes(), "v".into(), 0).await.unwrap();
    }
    view.until("all is known", |view| view.known.len() == 51)
        .await;
    store.drop_connections();
    let other = network.client().await;
    // As it is in the midst of its fifty pages.
    compact_until(&other, &store, || {
        matches!(session.status().last_error, Some(Error::Compacted { .. }))
    })
    .await;
    let attempts = session.status().counts.attempts;
    view.until_known("top/o/changes", "v").await;
    other.put(b"top/o/next", "n".into(), 0).await.unwrap();
    view.until_known("top/o/next", "n").await;
    assert_eq!(
        session.status().counts.attempts,
        attempts + 1,
        "{:#?}",
        view.told
    );
}

#[tokio::test(start_paused = true)]
async fn an_older_etcd_that_is_met_without_an_outage_may_lack_what_comes_back() {
    let (network, store) = Network::with_etcd();
    // A consumer that sleeps until it has to be given a snapshot, for which the session connects anew.
    let (session, events) = network.session_with("b", |_| {});
    session.put("early", fixed("1")).await.unwrap();
    let backup = store.backup();
    session.put("late", fixed("2")).await.unwrap();
    let mut view = View::new(events);
    view.until("it has begun", |view| !view.known.is_empty())
        .await;
    let other = network.client().await;
    let large = bytes::Bytes::from(vec![b'x'; 1_400_000]);
    for key in 0..60 {
        let name = format!("top/o/{key:02}");
        other.put(name.as_bytes(), large.clone(), 0).await.unwrap();
    }
    status_is(&session, "all changes have arrived", |status| {
        status.counts.events >= 60
    })
    .await;
    // The name leads to an older etcd by then; the connection to the newer one lives on.
    network.alias("newer", "etcd");
    network
        .start_with("etcd", EmbeddedEtcd::builder().seed(2))
        .restore(&backup);
    view.until("there is a snapshot", |view| {
        view.told
            .iter()
            .filter(|told| told.contains("snapshot"))
            .count()
            == 2
    })
    .await;
    assert_eq!(
        view.told.last().unwrap(),
        "snapshot of 2, after an outage",
        "{:#?}",
        view.told
    );
    // Its lease is there, too, but not all that it put under it.
    view.until_known("top/b/late", "2").await;
    let counts = session.status().counts;
    assert_eq!((counts.recoveries, counts.leases), (0, 1));
    assert!(!view.told.contains(&"disconnected".to_owned()));
    let connected = |told: &&String| told.starts_with("connected");
    assert_eq!(view.told.iter().filter(connected).count(), 1);
}

//! An etcd without room for what is written, and a consumer that does not take what it is told, in paused time.

use std::time::Duration;

use ferlix_etcd::embedded::EmbeddedEtcd;
use ferlix_etcd::{Client, Error, SessionState, WriteOutcome};
use tokio::time::Instant;

use crate::memory::Network;
use crate::records::fixed;
use crate::view::{View, status_is, watching};

#[tokio::test(start_paused = true)]
async fn a_consumer_that_sleeps_delays_only_itself() {
    let (network, _) = Network::with_etcd();
    let (session, events) = network.session_with("a", |_| {});
    let watching_since = watching(&session).await.since;
    let other = network.client().await;
    for round in 0..20 {
        for key in 0..100 {
            let name = format!("top/o/{key}");
            other
                .put(name.as_bytes(), format!("{round}").into(), 0)
                .await
                .unwrap();
        }
    }
    other.delete(b"top/o/7").await.unwrap();
    status_is(&session, "all changes have arrived", |status| {
        status.counts.events >= 2001
    })
    .await;
    assert_eq!(session.status().since, watching_since);
    let mut view = View::new(events);
    view.until_told("all is known", "delete top/o/7").await;
    assert!(view.told.len() < 1300, "{}", view.told.len());
    let values: Vec<_> = view.known.range("top/o/".to_owned()..).collect();
    assert_eq!(values.len(), 99);
    assert!(values.iter().all(|(_, value)| *value == "19"));
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_sleeps_through_an_overflow_gets_a_snapshot() {
    let (network, _) = Network::with_etcd();
    let (session, events) = network.session_with("a", |_| {});
    watching(&session).await;
    let other = network.client().await;
    let large = bytes::Bytes::from(vec![b'x'; 1_400_000]);
    for key in 0..60 {
        let name = format!("top/o/{key:02}");
        other.put(name.as_bytes(), large.clone(), 0).await.unwrap();
    }
    other.delete(b"top/o/07").await.unwrap();
    status_is(&session, "all changes have arrived", |status| {
        status.counts.events >= 61
    })
    .await;
    let mut view = View::new(events);
    view.until_told("all is known", "snapshot of 60").await;
    assert!(!view.known.contains_key("top/o/07"));
    assert!(view.known.contains_key("top/o/59"));
    other.put(b"top/o/07", "back".into(), 0).await.unwrap();
    view.until_known("top/o/07", "back").await;
    assert!(!view.told.contains(&"disconnected".to_owned()));
    assert_eq!(session.status().counts.recoveries, 0);
}

/// Puts values of a size until etcd has no room for one more. The first is `top/o/<size>/0`.
pub(crate) async fn fill(client: &Client, below: &str, size: usize) {
    let mut filled = 0;
    let full = loop {
        let name = format!("{below}/{size}/{filled}");
        match client
            .put(name.as_bytes(), vec![b'x'; size].into(), 0)
            .await
        {
            Ok(_) => filled += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::NoSpace { .. }), "{full:?}");
}

#[tokio::test(start_paused = true)]
async fn an_etcd_that_is_full_is_read_and_written_when_there_is_room() {
    let network = Network::default();
    let store = network.start_with("etcd", EmbeddedEtcd::builder().memory_limit(4_000_000));
    let other = network.client().await;
    fill(&other, "top/o", 1_000_000).await;
    let (a, mut view) = network.session("a");
    assert_eq!(
        a.put("one", fixed("x".repeat(1_000_000))).await.unwrap(),
        WriteOutcome::Queued
    );
    view.until("what is there is known", |view| {
        view.known.contains_key("top/o/1000000/0")
    })
    .await;
    other.delete(b"top/o/1000000/0").await.unwrap();
    view.until("the record is written", |view| {
        view.known.contains_key("top/a/one")
    })
    .await;
    assert_eq!(a.status().counts.recoveries, 0);
    assert!(store.entries(b"top/a").len() == 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_failed_is_tried_again_with_nothing_else_to_do() {
    let network = Network::default();
    network.start_with("etcd", EmbeddedEtcd::builder().memory_limit(4_000_000));
    let (a, events) = network.session_with("a", |config| {
        config.lease_ttl = Duration::from_secs(3600);
        config.progress_interval = Duration::from_secs(3600);
    });
    let mut view = View::new(events);
    watching(&a).await;
    let other = network.client().await;
    fill(&other, "elsewhere", 1_000_000).await;
    let queued = a.put("one", fixed("x".repeat(1_000_000))).await;
    assert_eq!(queued.unwrap(), WriteOutcome::Queued);
    let begun = Instant::now();
    // Nobody tells the session.
    other.delete(b"elsewhere/1000000/0").await.unwrap();
    view.until("the record is written", |view| {
        view.known.contains_key("top/a/one")
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(6));
}

/// Paused time goes on only when there is nothing to do: whoever looks again and again at what cannot be sent yet stops it.
#[tokio::test(start_paused = true)]
async fn more_writes_than_may_be_on_their_way_wait_without_spinning() {
    let (network, store) = Network::with_etcd();
    let (a, mut view) = network.session("a");
    watching(&a).await;
    network.freeze("etcd", true);
    let names: Vec<String> = (0..100).map(|number| format!("n{number}")).collect();
    let puts = names.iter().map(|name| a.put(name, fixed("1")));
    for queued in futures_util::future::join_all(puts).await {
        assert_eq!(queued.unwrap(), WriteOutcome::Queued);
    }
    network.freeze("etcd", false);
    view.until("all are written", |view| view.known.len() == 101)
        .await;
    assert_eq!(store.entries(b"top/a/").len(), 100);
}

#[tokio::test(start_paused = true)]
async fn an_etcd_that_grants_no_lease_is_read_and_asked_again() {
    let network = Network::default();
    network.start_with("etcd", EmbeddedEtcd::builder().memory_limit(1_000_000));
    let other = network.client().await;
    for size in [100_000, 1000, 0] {
        fill(&other, "top/o", size).await;
    }
    let (a, mut view) = network.session("a");
    assert_eq!(
        a.put("one", fixed("1")).await.unwrap(),
        WriteOutcome::Queued
    );
    view.until("what is there is known", |view| {
        view.known.contains_key("top/o/100000/0")
    })
    .await;
    let status = a.status();
    assert_eq!(
        (status.state, status.lease_id),
        (SessionState::Watching, None)
    );
    assert!(
        matches!(status.last_error, Some(Error::NoSpace { .. })),
        "{:?}",
        status.last_error
    );
    let room = Instant::now();
    other.delete(b"top/o/100000/0").await.unwrap();
    view.until_gone("top/o/100000/0").await;
    view.until_known("top/a/one", "1").await;
    assert!(
        room.elapsed() <= Duration::from_secs(6),
        "{:?}",
        room.elapsed()
    );
    let counts = a.status().counts;
    assert_eq!((counts.leases, counts.recoveries), (1, 0));
}

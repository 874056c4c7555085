//! The client by itself, on the embedded etcd.

use std::time::Duration;

use ferlix_etcd::{Client, Error, Event, WatchMessage};

use crate::memory::Network;
use crate::view::text;

#[tokio::test(start_paused = true)]
async fn a_range_is_read_in_pages_at_one_revision() {
    let (network, store) = Network::with_etcd();
    let mut config = network.config(&["etcd"]);
    config.page_size = 3;
    let client = Client::connect(config).await.unwrap();
    for number in 0..10 {
        client
            .put(format!("k/{number}").as_bytes(), "v".into(), 0)
            .await
            .unwrap();
    }
    client.put(b"k0", "outside".into(), 0).await.unwrap();
    let range = client.range(b"k/", b"k0").await.unwrap();
    let keys: Vec<_> = range.entries.iter().map(|kv| text(&kv.key)).collect();
    let expected: Vec<_> = (0..10).map(|number| format!("k/{number}")).collect();
    assert_eq!(keys, expected);
    assert_eq!(range.revision, store.revision());
    let none = client.range(b"x/", b"x0").await.unwrap();
    assert!(none.entries.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_read_in_pages_is_not_torn_by_changes_between_them() {
    let (network, store) = Network::with_etcd();
    let mut config = network.config(&["etcd"]);
    config.page_size = 1;
    let reader = Client::connect(config).await.unwrap();
    let writer = network.client().await;
    for key in ["k/a", "k/m1", "k/m2", "k/m3", "k/m4", "k/m5"] {
        writer.put(key.as_bytes(), "v".into(), 0).await.unwrap();
    }
    // At every revision there is the first key, or the last, or both.
    let changes = tokio::spawn(async move {
        loop {
            for (comes, goes) in [(b"k/z", b"k/a"), (b"k/a", b"k/z")] {
                writer.put(comes, "v".into(), 0).await.unwrap();
                writer.delete(goes).await.unwrap();
            }
        }
    });
    for _ in 0..100 {
        let before = store.revision();
        let range = reader.range(b"k/", b"k0").await.unwrap();
        assert!(
            store.revision() > before + 1,
            "there were changes meanwhile"
        );
        assert!(range.entries.len() > 5, "{:?}", range.entries);
    }
    changes.abort();
}

#[tokio::test(start_paused = true)]
async fn pages_shrink_until_they_fit_into_a_message() {
    let (network, _) = Network::with_etcd();
    let mut config = network.config(&["etcd"]);
    config.max_message_size = 100_000;
    let client = Client::connect(config).await.unwrap();
    for number in 0..20 {
        client
            .put(
                format!("k/{number:02}").as_bytes(),
                vec![b'x'; 40_000].into(),
                0,
            )
            .await
            .unwrap();
    }
    let range = client.range(b"k/", b"k0").await.unwrap();
    assert_eq!(range.entries.len(), 20);
    client
        .put(b"k/10", vec![b'x'; 200_000].into(), 0)
        .await
        .unwrap();
    let error = client.range(b"k/", b"k0").await.unwrap_err();
    assert!(matches!(error, Error::ReplyTooLarge { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_changes_progress_and_compaction() {
    let (network, store) = Network::with_etcd();
    let client = network.client().await;
    let first = client.put(b"k/a", "1".into(), 0).await.unwrap();
    let mut watch = client.watch(b"k/", b"k0", first).await.unwrap();
    client.delete(b"k/a").await.unwrap();
    client.put(b"other", "1".into(), 0).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        match watch.next().await.unwrap() {
            WatchMessage::Events { events, .. } => seen.extend(events),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(&seen[0], Event::Put(kv) if kv.mod_revision == first));
    assert!(
        matches!(&seen[1], Event::Delete { key, revision } if key == "k/a" && *revision == first + 1)
    );
    watch.ask_for_progress().unwrap();
    let progress = watch.next().await.unwrap();
    assert_eq!(
        progress,
        WatchMessage::Progress {
            revision: store.revision()
        }
    );
    store.compact();
    // Some servers tell it with the first answer, some with the second.
    let compacted = match client.watch(b"k/", b"k0", 1).await {
        Ok(mut watch) => watch.next().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(
        matches!(compacted, Error::Compacted { revision } if revision > 1),
        "{compacted:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn leases_are_renewed_by_answers_and_gone_when_they_are_gone() {
    let (network, _) = Network::with_etcd();
    let client = network.client().await;
    let lease = client
        .lease_grant(Duration::from_millis(4500))
        .await
        .unwrap();
    assert_eq!(lease.ttl, Duration::from_secs(5));
    let (mut stream, renewed) = client.keep_alive(lease.id).await.unwrap();
    assert_eq!(renewed, lease);
    stream.renew().unwrap();
    assert_eq!(stream.answer().await.unwrap(), lease);
    client.lease_revoke(lease.id).await.unwrap();
    client.lease_revoke(lease.id).await.unwrap();
    stream.renew().unwrap();
    let gone = stream.answer().await.unwrap_err();
    assert!(matches!(gone, Error::LeaseGone { lease: id } if id == lease.id));
    let error = client.put(b"k", "v".into(), lease.id).await.unwrap_err();
    assert!(matches!(error, Error::LeaseGone { lease: id } if id == lease.id));
    let error = client.keep_alive(12345).await.unwrap_err();
    assert!(matches!(error, Error::LeaseGone { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_to_a_silent_etcd_ends_in_time() {
    let (network, _) = Network::with_etcd();
    let client = network.client().await;
    network.freeze("etcd", true);
    let begun = tokio::time::Instant::now();
    let error = client.put(b"k", "v".into(), 0).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert_eq!(begun.elapsed().as_secs(), 3);
    let error = client.watch(b"k", b"l", 1).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

//! How a session ends: on the embedded etcd, in paused time.

use std::time::Duration;

use ferlix_etcd::SessionState;
use tokio::time::Instant;

use crate::memory::Network;
use crate::records::fixed;
use crate::view::{status_is, watching};

#[tokio::test(start_paused = true)]
async fn a_close_without_an_etcd_does_not_take_long() {
    let (network, _) = Network::with_etcd();
    let (a, _view) = network.session("a");
    watching(&a).await;
    network.freeze("etcd", true);
    let begun = Instant::now();
    a.close().await;
    assert!(begun.elapsed() <= Duration::from_millis(5100));

    let (b, _view) = network.session_with("b", |config| {
        config.client = network.config(&["nowhere"]);
    });
    let begun = Instant::now();
    b.close().await;
    assert!(begun.elapsed() <= Duration::from_millis(100));
    b.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_close_between_two_attempts_connects_once_more_to_take_the_keys_back() {
    let (network, store) = Network::with_etcd();
    let (a, _view) = network.session("a");
    a.put("one", fixed("1")).await.unwrap();
    network.refuse("etcd", true);
    store.drop_connections();
    status_is(&a, "it is lost", |status| {
        status.state == SessionState::Lost
    })
    .await;
    network.refuse("etcd", false);
    a.close().await;
    assert!(store.entries(b"").is_empty());
    assert!(store.leases().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_last_handle_is_dropped_takes_its_keys_with_it() {
    let (network, store) = Network::with_etcd();
    let (a, mut view) = network.session("a");
    a.put("one", fixed("1")).await.unwrap();
    drop(a);
    while view.take().await {}
    assert!(store.entries(b"").is_empty());
}

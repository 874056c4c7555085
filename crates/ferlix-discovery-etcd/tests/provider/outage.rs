//! What is known and advertised while etcd is away, and after it.

use std::sync::Arc;
use std::time::Duration;

use ferlix_core::component::ComponentState;
use ferlix_core::property::Properties;
use ferlix_core::service::{Argument, CallError, Caller, Health, Reply};
use ferlix_discovery_etcd::{Draft, read, settings};
use ferlix_etcd::EtcdConfig;
use ferlix_etcd::embedded::EmbeddedEtcd;
use ferlix_remote::provider::EndpointEventKind;
use futures_util::future::BoxFuture;

use crate::support::{Node, TOP, bound_again, endpoint, etcd, stranger, within};

#[tokio::test]
async fn without_etcd_it_starts_and_works_when_etcd_comes() {
    let address = etcd().await.local_addr();
    let exporter = Node::at(address).await;
    let mut importer = Node::at(address).await;
    assert_eq!(exporter.state(), ComponentState::Valid);
    let begun = std::time::Instant::now();
    exporter
        .advertiser()
        .advertise(&endpoint("e1", "one"))
        .await
        .unwrap();
    exporter
        .advertiser()
        .advertise(&endpoint("e2", "one"))
        .await
        .unwrap();
    exporter
        .advertiser()
        .unadvertise(&endpoint("e2", "one"))
        .await
        .unwrap();
    // Nobody waits for an etcd that is away: each of them would for the time that a call may take.
    assert!(begun.elapsed() < EtcdConfig::default().call_timeout);
    let etcd = bound_again(address).await;
    let event = importer.event().await;
    assert_eq!(
        (event.kind, event.endpoint.id()),
        (EndpointEventKind::Added, "e1")
    );
    assert!(
        etcd.store()
            .entries(b"")
            .iter()
            .all(|(key, _)| !key.ends_with(b"/e2"))
    );
}

#[tokio::test]
async fn what_was_discovered_stays_without_etcd_unless_it_gets_stale() {
    let mut etcd = etcd().await;
    let address = etcd.local_addr();
    let exporter = Node::new(&etcd).await;
    let mut patient = Node::new(&etcd).await;
    let mut impatient = Node::without_instance(&etcd).await;
    const STALE: Duration = Duration::from_millis(300);
    let given = Properties::from([(settings::STALE_AFTER, STALE.as_secs_f64())]);
    ferlix_discovery_etcd::instantiate(&impatient.framework.context(), given)
        .await
        .unwrap();
    let hello = endpoint("e1", "one");
    exporter.advertiser().advertise(&hello).await.unwrap();
    assert_eq!(patient.event().await.kind, EndpointEventKind::Added);
    assert_eq!(impatient.event().await.kind, EndpointEventKind::Added);

    let stopped = std::time::Instant::now();
    etcd.shutdown().await;
    assert_eq!(impatient.event().await.kind, EndpointEventKind::Removed);
    assert!(stopped.elapsed() >= STALE, "{:?}", stopped.elapsed());
    assert_eq!(impatient.status().discovered, 0);
    assert_eq!(patient.status().discovered, 1);
    let shown = patient.run("etcd", &[]).await;
    assert!(shown.contains("; what was discovered stays\n"), "{shown}");
    assert_eq!(patient.discovered()[0].state, "etcd is away");

    // With an empty etcd it comes back as soon as its exporter has put it again.
    etcd = within(async {
        loop {
            match EmbeddedEtcd::bind(address).await {
                Ok(etcd) => return etcd,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    assert_eq!(impatient.event().await.kind, EndpointEventKind::Added);
    // The patient one is told of nothing until it changes.
    exporter
        .advertiser()
        .update(&endpoint("e1", "two"))
        .await
        .unwrap();
    assert_eq!(patient.event().await.kind, EndpointEventKind::Modified);
    drop(etcd);
}

#[tokio::test]
async fn a_lost_lease_brings_fresh_stamps_and_no_event() {
    let etcd = etcd().await;
    let exporter = Node::new(&etcd).await;
    let mut importer = Node::new(&etcd).await;
    exporter
        .advertiser()
        .advertise(&endpoint("e1", "one"))
        .await
        .unwrap();
    let first = importer.event().await.endpoint.timestamp();
    // As if the server had been restarted with an empty disk: everything is gone at once, without a word.
    etcd.store().wipe();
    let key = format!("{TOP}/{}/e1", exporter.session_id());
    let again = within(async {
        loop {
            let entries = etcd.store().entries(key.as_bytes());
            if let Some((_, value)) = entries.first() {
                return read(value).unwrap();
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(again.timestamp() > first);
    // It was held for the importer, which hears of the next change only.
    within(async {
        while importer.run("etcd", &[]).await.contains("(1 held)") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    exporter
        .advertiser()
        .update(&endpoint("e1", "two"))
        .await
        .unwrap();
    let event = importer.event().await;
    assert_eq!(event.kind, EndpointEventKind::Modified);
    assert_eq!(event.endpoint.properties().text("content"), Some("two"));
}

/// Stands for the proxy of an endpoint.
struct Proxy(Arc<Health>);

impl Caller for Proxy {
    fn call<'a>(
        &'a self,
        _: &'a str,
        _: &'a [Argument<'a>],
        _: Reply<'a>,
    ) -> BoxFuture<'a, Result<(), CallError>> {
        let health = Arc::clone(&self.0);
        Box::pin(async move {
            let refused = CallError::Unreachable {
                peer: "the exporter".to_owned(),
                source: "connection refused".into(),
            };
            health.watch(async { Err(refused) }).await
        })
    }

    fn health(&self) -> Option<&Arc<Health>> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn what_is_held_goes_when_calls_to_it_fail() {
    let etcd = etcd().await;
    // It is held for the half minute of the lease.
    let mut importer = Node::new(&etcd).await;
    let client = stranger(&etcd).await;
    for id in ["dead", "alive"] {
        let record = Draft::new(&endpoint(id, "one")).unwrap().write("h", 1);
        let key = format!("{TOP}/gone/{id}");
        client.put(key.as_bytes(), record.into(), 0).await.unwrap();
        assert_eq!(importer.event().await.endpoint.id(), id);
    }
    let context = importer.framework.context();
    let proxies = ["dead", "alive"].map(|id| {
        let proxy = Arc::new(Proxy(Arc::default()));
        let properties = Properties::from([("endpoint.id", id), ("service.imported", "true")]);
        let names = vec!["org.example.Hello".to_owned()];
        context
            .register_remote(names, Arc::clone(&proxy) as Arc<dyn Caller>, properties)
            .unwrap();
        proxy
    });
    etcd.store().wipe();
    importer
        .wait_for(|importer| importer.status().held == 2)
        .await;
    proxies[0].call_values("any", Vec::new()).await.unwrap_err();
    let event = importer.event().await;
    assert_eq!(
        (event.kind, event.endpoint.id()),
        (EndpointEventKind::Removed, "dead")
    );
    assert_eq!(importer.status().held, 1, "the other one is held on");
}

#[tokio::test]
async fn what_does_not_come_back_after_an_outage_goes_after_the_hold() {
    const HOLD: Duration = Duration::from_millis(700);
    let etcd = etcd().await;
    let mut importer = Node::without_instance(&etcd).await;
    let given = Properties::from([(settings::RESYNC_HOLD, HOLD.as_secs_f64())]);
    ferlix_discovery_etcd::instantiate(&importer.framework.context(), given)
        .await
        .unwrap();
    let client = stranger(&etcd).await;
    let minute = Duration::from_secs(60);
    let lease = client.lease_grant(minute).await.unwrap().id;
    let record = Draft::new(&endpoint("e1", "one")).unwrap().write("h", 1);
    let key = format!("{TOP}/gone-for-good/e1");
    client
        .put(key.as_bytes(), record.into(), lease)
        .await
        .unwrap();
    assert_eq!(importer.event().await.kind, EndpointEventKind::Added);

    let wiped = std::time::Instant::now();
    etcd.store().wipe();
    assert_eq!(importer.event().await.kind, EndpointEventKind::Removed);
    assert!(wiped.elapsed() >= HOLD, "{:?}", wiped.elapsed());
}

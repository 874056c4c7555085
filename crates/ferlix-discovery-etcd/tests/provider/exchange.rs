//! What one framework advertises and others discover: keys and values, order, and no more events than changes.

use std::time::Duration;

use ferlix_core::property::Properties;
use ferlix_discovery_etcd::{Draft, FACTORY, INSTANCE, read, settings};
use ferlix_remote::provider::EndpointEventKind;

use crate::support::{Node, TOP, endpoint, etcd, stranger, within};

#[tokio::test]
async fn what_one_advertises_the_other_discovers() {
    let etcd = etcd().await;
    let (exporter, mut importer) = (Node::new(&etcd).await, Node::new(&etcd).await);
    let hello = endpoint("e1", "one");
    exporter.advertiser().advertise(&hello).await.unwrap();
    let event = importer.event().await;
    assert_eq!(event.kind, EndpointEventKind::Added);
    assert!(event.endpoint.same_content(&hello));
    let first = event.endpoint.timestamp();

    exporter
        .advertiser()
        .update(&endpoint("e1", "two"))
        .await
        .unwrap();
    let event = importer.event().await;
    assert_eq!(event.kind, EndpointEventKind::Modified);
    assert_eq!(event.endpoint.properties().text("content"), Some("two"));
    assert!(event.endpoint.timestamp() > first);

    // A repetition is no event: the next one that is told is the departure.
    exporter
        .advertiser()
        .update(&endpoint("e1", "two"))
        .await
        .unwrap();
    exporter.advertiser().unadvertise(&hello).await.unwrap();
    let event = importer.event().await;
    assert_eq!(event.kind, EndpointEventKind::Removed);
    exporter.advertiser().unadvertise(&hello).await.unwrap();
    exporter.stop().await;
    importer.stop().await;
}

#[tokio::test]
async fn keys_and_values_are_what_peers_expect() {
    let etcd = etcd().await;
    let exporter = Node::new(&etcd).await;
    exporter
        .advertiser()
        .advertise(&endpoint("e1", "one"))
        .await
        .unwrap();
    let session = exporter.session_id();
    uuid::Uuid::parse_str(&session).unwrap();
    let entries = within(async {
        loop {
            let entries = etcd.store().entries(TOP.as_bytes());
            if entries.len() == 2 {
                return entries;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(entries[0].0, format!("{TOP}/{session}").into_bytes());
    assert_eq!(entries[0].1, session.as_bytes());
    assert_eq!(entries[1].0, format!("{TOP}/{session}/e1").into_bytes());
    assert!(
        read(&entries[1].1)
            .unwrap()
            .same_content(&endpoint("e1", "one"))
    );
    let text = String::from_utf8(entries[1].1.clone()).unwrap();
    assert!(
        text.contains(r#""location":"ecfosgirsvc://127.0.0.1:32565/osgirsvc_e1""#),
        "{text}"
    );

    exporter.stop().await;
    assert_eq!(etcd.store().entries(b""), [], "a clean stop leaves nothing");
    assert_eq!(etcd.store().leases(), [0_i64; 0]);
}

#[tokio::test]
async fn a_late_listener_is_told_of_everything() {
    let etcd = etcd().await;
    let exporter = Node::new(&etcd).await;
    exporter
        .advertiser()
        .advertise(&endpoint("e1", "one"))
        .await
        .unwrap();
    let mut importer = Node::new(&etcd).await;
    assert_eq!(importer.event().await.endpoint.id(), "e1");
    let mut late = importer.listen("(content=one)");
    assert_eq!(within(late.recv()).await.unwrap().endpoint.id(), "e1");
}

#[tokio::test]
async fn an_endpoint_of_two_sessions_goes_with_the_last() {
    let etcd = etcd().await;
    let mut importer = Node::new(&etcd).await;
    let (one, two) = (Node::new(&etcd).await, Node::new(&etcd).await);
    let same = endpoint("e1", "one");
    one.advertiser().advertise(&same).await.unwrap();
    two.advertiser().advertise(&same).await.unwrap();
    assert_eq!(importer.event().await.kind, EndpointEventKind::Added);
    let second = two.session_id();
    importer
        .wait_for(|importer| {
            let mut known = importer.discovered().into_iter();
            known.any(|record| record.exporter == second)
        })
        .await;
    one.advertiser().unadvertise(&same).await.unwrap();
    two.advertiser()
        .advertise(&endpoint("e2", "one"))
        .await
        .unwrap();
    let event = importer.event().await;
    assert_eq!(
        (event.kind, event.endpoint.id()),
        (EndpointEventKind::Added, "e2")
    );
    two.advertiser().unadvertise(&same).await.unwrap();
    let event = importer.event().await;
    assert_eq!(
        (event.kind, event.endpoint.id()),
        (EndpointEventKind::Removed, "e1")
    );
}

#[tokio::test]
async fn a_thousand_pairs_leave_nothing() {
    let etcd = etcd().await;
    let exporter = Node::new(&etcd).await;
    let mut importer = Node::new(&etcd).await;
    let advertiser = exporter.advertiser();
    for round in 0..1000 {
        let endpoint = endpoint(&format!("e{}", round % 10), "one");
        advertiser.advertise(&endpoint).await.unwrap();
        advertiser.unadvertise(&endpoint).await.unwrap();
    }
    advertiser
        .advertise(&endpoint("last", "one"))
        .await
        .unwrap();
    let mut present = std::collections::BTreeSet::new();
    while !present.contains("last") {
        let event = importer.event().await;
        let id = event.endpoint.id().to_owned();
        match event.kind {
            EndpointEventKind::Added => assert!(present.insert(id)),
            EndpointEventKind::Removed => assert!(present.remove(&id)),
            other => panic!("{other}"),
        }
    }
    // Listeners hear of each endpoint in order, but not of one before the other.
    while present.len() > 1 {
        let event = importer.event().await;
        assert_eq!(event.kind, EndpointEventKind::Removed);
        assert!(present.remove(event.endpoint.id()));
    }
    assert_eq!(
        etcd.store().entries(b"").len(),
        3,
        "two sessions and the last endpoint"
    );
}

#[tokio::test]
async fn in_replace_mode_a_change_is_a_removal_and_an_addition() {
    let etcd = etcd().await;
    let exporter = Node::without_instance(&etcd).await;
    let given = Properties::from([(settings::UPDATE_MODE, "replace")]);
    ferlix_discovery_etcd::instantiate(&exporter.framework.context(), given)
        .await
        .unwrap();
    let mut importer = Node::new(&etcd).await;
    let advertiser = exporter.advertiser();
    let mut told = async || {
        let event = importer.event().await;
        let content = event.endpoint.properties().text("content").unwrap_or("?");
        format!("{} {content}", event.kind)
    };
    advertiser.advertise(&endpoint("e1", "one")).await.unwrap();
    assert_eq!(told().await, "ADDED one");
    for (before, after) in [("one", "two"), ("two", "three")] {
        // What says nothing new is not even written.
        let puts = exporter.status().session.counts.puts;
        advertiser.update(&endpoint("e1", before)).await.unwrap();
        assert_eq!(exporter.status().session.counts.puts, puts);
        advertiser.update(&endpoint("e1", after)).await.unwrap();
        assert_eq!(told().await, format!("REMOVED {before}"));
        assert_eq!(told().await, format!("ADDED {after}"));
    }
    let first = etcd.store().entries(TOP.as_bytes());
    let location = |entries: &[(Vec<u8>, Vec<u8>)]| {
        let record = entries.iter().find(|(key, _)| key.ends_with(b"/e1"));
        let value: serde_json::Value = serde_json::from_slice(&record.unwrap().1).unwrap();
        value["location"].clone()
    };
    advertiser.update(&endpoint("e1", "four")).await.unwrap();
    assert_eq!(told().await, "REMOVED three");
    assert_eq!(told().await, "ADDED four");
    let second = etcd.store().entries(TOP.as_bytes());
    assert_eq!(location(&first), location(&second), "for its whole life");
    advertiser
        .unadvertise(&endpoint("e1", "four"))
        .await
        .unwrap();
    assert_eq!(told().await, "REMOVED four");
}

#[tokio::test]
async fn two_instances_in_one_framework_see_each_other() {
    let etcd = etcd().await;
    let mut node = Node::new(&etcd).await;
    let context = node.framework.context();
    context
        .components()
        .instantiate(FACTORY, "second", Properties::new())
        .await
        .unwrap();
    let first = node.advertiser();
    first.advertise(&endpoint("e1", "one")).await.unwrap();
    assert_eq!(node.event().await.endpoint.id(), "e1");
    let shown = node.run("etcd", &[]).await;
    assert!(
        shown.contains(INSTANCE) && shown.contains("second\n"),
        "{shown}"
    );
}

#[tokio::test]
async fn thousands_of_endpoints_of_five_hundred_sessions_are_known_exactly() {
    const SESSIONS: usize = 500;
    // What is not optimised takes its time; the benchmarks check the same ten thousand.
    const EACH: usize = if cfg!(debug_assertions) { 4 } else { 20 };
    let etcd = etcd().await;
    let client = stranger(&etcd).await;
    let lease = client.lease_grant(Duration::from_secs(600)).await.unwrap();
    let key = |number: usize| format!("{TOP}/s{}/e{number}", number % SESSIONS);
    let value = |number: usize, content: &str| {
        let endpoint = endpoint(&format!("e{number}"), content);
        Draft::new(&endpoint).unwrap().write("h", 1)
    };
    let put = async |number: usize, content: &str| {
        let value = value(number, content).into();
        client
            .put(key(number).as_bytes(), value, lease.id)
            .await
            .unwrap();
    };
    for number in 0..SESSIONS * EACH {
        put(number, "one").await;
    }
    let importer = Node::new(&etcd).await;
    importer
        .wait_for(|importer| importer.status().discovered == SESSIONS * EACH)
        .await;
    assert_eq!(importer.status().sessions, SESSIONS);
    // Many changes at once, some undone again.
    for number in (0..SESSIONS * EACH).step_by(10) {
        put(number, "two").await;
        if number % 20 == 0 {
            client.delete(key(number).as_bytes()).await.unwrap();
        }
    }
    let expected: Vec<(String, String)> = (0..SESSIONS * EACH)
        .filter(|number| number % 20 != 0)
        .map(|number| {
            let content = if number % 10 == 0 { "two" } else { "one" };
            (key(number), content.to_owned())
        })
        .collect();
    let expected: std::collections::BTreeMap<_, _> = expected.into_iter().collect();
    let known = |importer: &Node| {
        let content = |record: &ferlix_remote::provider::DiscoveredEndpoint| {
            let properties = record.endpoint.properties();
            properties.text("content").unwrap().to_owned()
        };
        let known = importer.discovered();
        let known = known
            .iter()
            .map(|record| (record.key.to_string(), content(record)));
        known.collect::<std::collections::BTreeMap<_, _>>()
    };
    importer
        .wait_for(|importer| {
            importer.status().discovered == expected.len() && known(importer) == expected
        })
        .await;
    assert_eq!(importer.status().session.counts.resyncs, 1);
}

#[tokio::test]
async fn a_slow_listener_holds_up_neither_the_session_nor_others() {
    let etcd = etcd().await;
    let exporter = Node::new(&etcd).await;
    let mut importer = Node::without_instance(&etcd).await;
    let stuck = importer.listen_without_end("(content=one)");
    let given = Properties::from([(settings::LEASE_TTL, 2)]);
    ferlix_discovery_etcd::instantiate(&importer.framework.context(), given)
        .await
        .unwrap();
    exporter
        .advertiser()
        .advertise(&endpoint("e1", "one"))
        .await
        .unwrap();
    within(stuck.notified()).await;
    assert_eq!(importer.event().await.endpoint.id(), "e1");
    // For longer than its lease would live without renewals, the session is the same and others are told.
    let started = std::time::Instant::now();
    let mut round = 0;
    while started.elapsed() < Duration::from_millis(2500) {
        round += 1;
        let next = endpoint(&format!("more{round}"), "one");
        exporter.advertiser().advertise(&next).await.unwrap();
        assert_eq!(importer.event().await.endpoint.id(), next.id());
    }
    let shown = importer.run("etcd", &[]).await;
    assert!(shown.contains("recoveries 0, leases 1,"), "{shown}");
}

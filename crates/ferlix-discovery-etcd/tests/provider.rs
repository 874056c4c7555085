//! The provider in frameworks, on the embedded etcd.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use ferlix_core::component::ComponentState;
use ferlix_core::property::{Properties, Value};
use ferlix_core::service::{CallError, Caller, Health};
use ferlix_discovery_etcd::{Draft, FACTORY, INSTANCE, read, settings, status};
use ferlix_etcd::embedded::EmbeddedEtcd;
use ferlix_remote::provider::EndpointEventKind;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use support::{Node, TOP, endpoint, etcd, within};

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
async fn the_callback_runs_once_at_the_first_connection() {
    let etcd = etcd().await;
    let node = Node::without_instance(&etcd).await;
    let (sender, connected) = oneshot::channel();
    let context = node.framework.context();
    ferlix_discovery_etcd::instantiate(&context, Properties::new())
        .on_connected(move |session| sender.send(session.session_id().to_owned()).unwrap())
        .await
        .unwrap();
    let session = within(connected).await.unwrap();
    assert_eq!(session, node.session_id());
    let duplicate = ferlix_discovery_etcd::instantiate(&context, Properties::new()).await;
    assert!(matches!(
        duplicate,
        Err(ferlix_core::Error::Duplicate { .. })
    ));
}

#[tokio::test]
async fn a_callback_that_panics_hurts_nobody() {
    let etcd = etcd().await;
    let mut node = Node::without_instance(&etcd).await;
    ferlix_discovery_etcd::instantiate(&node.framework.context(), Properties::new())
        .on_connected(|_| panic!("on purpose"))
        .await
        .unwrap();
    let other = Node::new(&etcd).await;
    other
        .advertiser()
        .advertise(&endpoint("e1", "one"))
        .await
        .unwrap();
    assert_eq!(node.event().await.endpoint.id(), "e1");
}

#[tokio::test]
async fn without_etcd_it_starts_and_works_when_etcd_comes() {
    let address = etcd().await.local_addr();
    let exporter = Node::at(address).await;
    let mut importer = Node::at(address).await;
    assert_eq!(exporter.state(), ComponentState::Valid);
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
    let etcd = within(async {
        loop {
            match EmbeddedEtcd::bind(address).await {
                Ok(etcd) => return etcd,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    let event = importer.event().await;
    assert_eq!(
        (event.kind, event.endpoint.id()),
        (EndpointEventKind::Added, "e1")
    );
    assert!(
        etcd.store()
            .entries(b"")
            .iter()
            .all(|(key, _)| !key.ends_with(b"e2"))
    );
}

#[tokio::test]
async fn a_good_record_is_seen_beside_bad_ones_and_in_spite_of_them() {
    let etcd = etcd().await;
    let mut importer = Node::new(&etcd).await;
    let client = ferlix_etcd::Client::connect(ferlix_etcd::EtcdConfig::new([etcd
        .local_addr()
        .to_string()]))
    .await
    .unwrap();
    let lease = client
        .lease_grant(Duration::from_secs(60))
        .await
        .unwrap()
        .id;
    let put = async |key: String, value: Vec<u8>| {
        client
            .put(key.as_bytes(), value.into(), lease)
            .await
            .unwrap();
    };
    for index in 0..1000 {
        let bad = [&b"{"[..], b"null", br#"{"properties":[]}"#, b"\xff"][index % 4];
        put(format!("{TOP}/other/bad{index}"), bad.to_vec()).await;
    }
    let good = Draft::new(&endpoint("good", "one")).unwrap().write("h", 5);
    put(format!("{TOP}/not-a-uuid/whatever"), good).await;
    let event = importer.event().await;
    assert_eq!(
        (event.kind, event.endpoint.id()),
        (EndpointEventKind::Added, "good")
    );
    // Known by its key, though the key names another endpoint; a bad record in its place changes nothing.
    put(format!("{TOP}/not-a-uuid/whatever"), b"{".to_vec()).await;
    client
        .delete(format!("{TOP}/not-a-uuid/whatever").as_bytes())
        .await
        .unwrap();
    assert_eq!(importer.event().await.kind, EndpointEventKind::Removed);
    let shown = importer.run("etcd", &[]).await;
    assert!(
        shown.contains("Skipped    : endpoint 250, json 751; bad now, 20 shown:"),
        "{shown}"
    );
    let line = format!("{TOP}/other/bad0: not the JSON of an endpoint: EOF");
    assert!(shown.contains(&line), "{shown}");
    // One that comes later finds them all in its first look, and the good one among them.
    let good = Draft::new(&endpoint("good", "one")).unwrap().write("h", 6);
    put(format!("{TOP}/other/good"), good).await;
    let mut late = Node::new(&etcd).await;
    assert_eq!(late.event().await.endpoint.id(), "good");
    assert_eq!(late.status().skipped.values().sum::<u64>(), 1000);
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
async fn what_a_peer_could_not_stand_is_not_written() {
    let etcd = etcd().await;
    let exporter = Node::new(&etcd).await;
    let mut properties = endpoint("e1", "one").properties().clone();
    properties.remove("ecf.endpoint.id");
    let bad = ferlix_remote::endpoint::EndpointDescription::new(properties).unwrap();
    let error = exporter.advertiser().advertise(&bad).await.unwrap_err();
    assert!(error.to_string().contains("ecf.endpoint.id"), "{error}");
    exporter
        .advertiser()
        .advertise(&endpoint("e2", "one"))
        .await
        .unwrap();
    let keys = etcd.store().entries(TOP.as_bytes());
    assert!(keys.iter().all(|(key, _)| !key.ends_with(b"/e1")));
}

#[tokio::test]
async fn a_wrong_property_is_said_and_can_be_put_right() {
    let etcd = etcd().await;
    let node = Node::without_instance(&etcd).await;
    let context = node.framework.context();
    let given = Properties::from([
        (settings::LEASE_TTL, Value::from("soon")),
        (settings::USER, "root".into()),
        (settings::PASSWORD, "geheim".into()),
    ]);
    ferlix_discovery_etcd::instantiate(&context, given)
        .await
        .unwrap();
    assert_eq!(node.state(), ComponentState::Erroneous);
    let cause = context
        .components()
        .instance(INSTANCE)
        .unwrap()
        .cause
        .unwrap();
    assert!(cause.to_string().contains("etcd.lease_ttl"), "{cause}");
    let shown = format!(
        "{:?}",
        context.components().instance(INSTANCE).unwrap().properties
    );
    assert!(!shown.contains("geheim"), "{shown}");

    let right = Properties::from([(settings::LEASE_TTL, "5")]);
    let components = context.components();
    let state = components.retry(INSTANCE, right).await.unwrap();
    assert_eq!(state, ComponentState::Erroneous, "the password was dropped");
    let again = Properties::from([(settings::PASSWORD, "geheim")]);
    let state = components.retry(INSTANCE, again).await.unwrap();
    assert_eq!(state, ComponentState::Valid);
    let shown = format!("{:?}", components.instance(INSTANCE).unwrap().properties);
    assert!(!shown.contains("geheim"), "{shown}");
    components.kill(INSTANCE).await.unwrap();
}

#[tokio::test]
async fn a_password_shows_neither_in_the_instance_nor_in_the_service() {
    let etcd = etcd().await;
    let node = Node::without_instance(&etcd).await;
    let given = Properties::from([
        (settings::USER, Value::from("root")),
        (settings::PASSWORD, "geheim".into()),
    ]);
    let context = node.framework.context();
    ferlix_discovery_etcd::instantiate(&context, given)
        .await
        .unwrap();
    let details = context.components().instance(INSTANCE).unwrap();
    let service = details.service.clone().unwrap();
    let shown = format!("{:?} {:?}", details.properties, service.properties());
    assert!(
        shown.contains("etcd.user") && !shown.contains("geheim"),
        "{shown}"
    );
    context.components().kill(INSTANCE).await.unwrap();
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
async fn commands_show_state_and_endpoints() {
    let etcd = etcd().await;
    let exporter = Node::new(&etcd).await;
    let mut importer = Node::new(&etcd).await;
    for id in ["e1", "e2"] {
        exporter
            .advertiser()
            .advertise(&endpoint(id, id))
            .await
            .unwrap();
        importer.event().await;
    }
    let shown = importer.run("etcd", &[]).await;
    for part in [
        "State      : watching since ".to_owned(),
        format!("Session    : {}", importer.session_id()),
        format!("Endpoint   : {}", etcd.local_addr()),
        "Last error : none".to_owned(),
        "Discovered : 2 from 1 sessions (0 held)".to_owned(),
        "Skipped    : none".to_owned(),
    ] {
        assert!(shown.contains(&part), "{part}\n{shown}");
    }
    let known = importer.discovered();
    let known: Vec<_> = known
        .iter()
        .map(|record| (record.endpoint.id(), &*record.exporter, &*record.state))
        .collect();
    let session = exporter.session_id();
    assert_eq!(
        known,
        [("e1", &*session, "present"), ("e2", &*session, "present")]
    );

    let property = importer.advertiser_property("etcd.state");
    assert_eq!(property, Some(Value::from("watching")));
    importer
        .wait_for(|importer| {
            importer.advertiser_property(status::DISCOVERED) == Some(Value::Long(2))
        })
        .await;
    exporter
        .wait_for(|exporter| {
            exporter.advertiser_property(status::ADVERTISED) == Some(Value::Long(2))
        })
        .await;
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
async fn a_record_that_is_too_large_or_wrong_is_refused_with_the_reason() {
    let etcd = etcd().await;
    let exporter = Node::new(&etcd).await;
    let mut importer = Node::new(&etcd).await;
    let advertiser = exporter.advertiser();
    let large = endpoint("large", &"x".repeat(2 * 1024 * 1024));
    for _ in 0..2 {
        let error = advertiser.advertise(&large).await.unwrap_err().to_string();
        assert!(
            error.contains("endpoint large") && error.contains("its record has 209"),
            "{error}"
        );
    }
    let mut properties = endpoint("wrong", "one").properties().clone();
    properties.remove("ecf.endpoint.id");
    let wrong = ferlix_remote::endpoint::EndpointDescription::new(properties).unwrap();
    advertiser.advertise(&wrong).await.unwrap_err();
    let shown = exporter.run("etcd", &[]).await;
    for part in [
        "Refused    : 2\n",
        "large: its record has 209",
        "wrong: endpoint property ecf.endpoint.id is missing",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    // Others are not affected, and what is put right is written.
    advertiser.advertise(&endpoint("e1", "one")).await.unwrap();
    assert_eq!(importer.event().await.endpoint.id(), "e1");
    advertiser
        .update(&endpoint("large", "small"))
        .await
        .unwrap();
    assert_eq!(importer.event().await.endpoint.id(), "large");
    advertiser.unadvertise(&wrong).await.unwrap();
    assert_eq!(exporter.status().refused.len(), 0);
}

#[tokio::test]
async fn thousands_of_endpoints_of_five_hundred_sessions_are_known_exactly() {
    const SESSIONS: usize = 500;
    // What is not optimised takes its time; the benchmarks check the same ten thousand.
    const EACH: usize = if cfg!(debug_assertions) { 4 } else { 20 };
    let etcd = etcd().await;
    let config = ferlix_etcd::EtcdConfig::new([etcd.local_addr().to_string()]);
    let client = ferlix_etcd::Client::connect(config).await.unwrap();
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

/// Stands for the proxy of an endpoint.
struct Proxy(Arc<Health>);

impl Caller for Proxy {
    fn call(&self, _: &str, _: Vec<Value>) -> BoxFuture<'static, Result<Value, CallError>> {
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
    let config = ferlix_etcd::EtcdConfig::new([etcd.local_addr().to_string()]);
    let client = ferlix_etcd::Client::connect(config).await.unwrap();
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
    proxies[0].call("any", Vec::new()).await.unwrap_err();
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
    let client = ferlix_etcd::Client::connect(ferlix_etcd::EtcdConfig::new([etcd
        .local_addr()
        .to_string()]))
    .await
    .unwrap();
    let lease = client
        .lease_grant(Duration::from_secs(60))
        .await
        .unwrap()
        .id;
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

//! Records that are skipped or refused, and what is said of them.

use std::time::Duration;

use ferlix_discovery_etcd::Draft;
use ferlix_remote::provider::EndpointEventKind;

use crate::support::{Node, TOP, bound_again, endpoint, etcd, stranger};

#[tokio::test]
async fn a_good_record_is_seen_beside_bad_ones_and_in_spite_of_them() {
    let etcd = etcd().await;
    let mut importer = Node::new(&etcd).await;
    let client = stranger(&etcd).await;
    let minute = Duration::from_secs(60);
    let lease = client.lease_grant(minute).await.unwrap().id;
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
async fn a_record_that_is_refused_only_when_etcd_comes_is_listed_until_it_is_put_right() {
    let address = etcd().await.local_addr();
    let exporter = Node::at(address).await;
    let advertiser = exporter.advertiser();
    let large = endpoint("large", &"x".repeat(2 * 1024 * 1024));
    advertiser.advertise(&large).await.unwrap();
    assert!(exporter.status().refused.is_empty());
    let _etcd = bound_again(address).await;
    let refused = |exporter: &Node| exporter.status().refused.len() == 1;
    exporter.wait_for(refused).await;
    let shown = exporter.run("etcd", &[]).await;
    for part in ["Refused    : 1\n", "large: ", "the value of 209"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    advertiser
        .update(&endpoint("large", "small"))
        .await
        .unwrap();
    assert!(exporter.status().refused.is_empty());
}

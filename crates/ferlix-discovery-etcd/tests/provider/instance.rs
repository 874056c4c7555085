//! The component: its properties, what is called at its first connection, and what it shows of itself.

use ferlix_core::component::ComponentState;
use ferlix_core::property::{Properties, Value};
use ferlix_discovery_etcd::{INSTANCE, settings, status};
use tokio::sync::oneshot;

use crate::support::{Node, endpoint, etcd, within};

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

//! Instances that follow the configuration of their PID.

use std::sync::Arc;

use ferlix_core::component::ComponentState;
use ferlix_core::filter::Filter;
use ferlix_core::property::{Properties, Value};

use super::Basic;
use crate::support::{House, Managed, until};

#[tokio::test]
async fn an_instance_with_a_pid_follows_its_configuration() {
    let house = House::new().await;
    house.install().await;
    let name = |wanted: &str| house.property("with-pid", "name") == Some(Value::from(wanted));
    assert!(name("default"));
    let configuration = house.configuration("test.pid");
    configuration
        .update([("name", "configured")].into())
        .await
        .unwrap();
    until("it is configured", || name("configured")).await;
    configuration.update([("other", 1)].into()).await.unwrap();
    house.settle().await;
    assert!(name("default"), "what leaves the configuration goes back");
    configuration
        .update([("name", "again")].into())
        .await
        .unwrap();
    house.settle().await;
    assert!(name("again"));
    configuration.delete().await.unwrap();
    house.settle().await;
    assert!(name("default"));
    // The PID is its own, not the configuration's.
    assert_eq!(
        house.property("with-pid", "service.pid"),
        Some(Value::from("test.pid"))
    );
    assert_eq!(house.property("with-pid", "service.factoryPid"), None);
    house.stop().await;
}

#[tokio::test]
async fn an_instance_that_comes_after_its_configuration_gets_it_and_keeps_what_it_was_given() {
    let house = House::new().await;
    house.install().await;
    let configuration = house.configuration("own.pid");
    configuration
        .update([("name", "configured")].into())
        .await
        .unwrap();
    let given = Properties::from([("service.pid", "own.pid"), ("name", "given")]);
    let components = house.context.components();
    components
        .instantiate("test.basic", "late", given)
        .await
        .unwrap();
    until("it is configured", || {
        house.name_of("late").as_deref() == Some("configured")
    })
    .await;
    configuration.delete().await.unwrap();
    house.settle().await;
    assert_eq!(house.name_of("late").as_deref(), Some("given"));
    // The service can still be found by the PID that the instance was given.
    let filter = Filter::parse("(service.pid=own.pid)").unwrap();
    assert!(house.context.service::<dyn Basic>(Some(&filter)).is_some());
    house.stop().await;
}

#[tokio::test]
async fn an_instance_can_ask_to_be_restarted() {
    let house = House::new().await;
    house.install().await;
    let given = Properties::from([
        ("service.pid", "own.pid"),
        ("ipopo.update.policy", "restart"),
    ]);
    let components = house.context.components();
    components
        .instantiate("test.basic", "one", given)
        .await
        .unwrap();
    let before = house.basic("one").unwrap();
    let configuration = house.configuration("own.pid");
    configuration
        .update([("name", "configured")].into())
        .await
        .unwrap();
    until("it is configured", || {
        house.name_of("one").as_deref() == Some("configured")
    })
    .await;
    assert_ne!(house.basic("one").unwrap().1, before.1);
    configuration
        .update([("name", "again")].into())
        .await
        .unwrap();
    house.settle().await;
    assert_eq!(house.name_of("one").as_deref(), Some("again"));
    configuration.delete().await.unwrap();
    house.settle().await;
    assert_eq!(house.name_of("one").as_deref(), Some("default"));
    house.stop().await;
}

#[tokio::test]
async fn an_empty_pid_follows_nothing() {
    let house = House::new().await;
    house.install().await;
    for pid in ["None", "null"] {
        house
            .configuration(pid)
            .update([("name", "hijacked")].into())
            .await
            .unwrap();
    }
    house.settle().await;
    assert_eq!(
        house.property("without-pid", "name"),
        Some(Value::from("default"))
    );
    house.stop().await;
}

#[tokio::test]
async fn a_killed_instance_is_let_go() {
    let house = House::new().await;
    house.install().await;
    let components = house.context.components();
    let configuration = house.configuration("own.pid");
    let given = Properties::from([("service.pid", "own.pid")]);
    components
        .instantiate("test.basic", "one", given)
        .await
        .unwrap();
    configuration
        .update([("name", "configured")].into())
        .await
        .unwrap();
    until("it is configured", || {
        house.name_of("one").as_deref() == Some("configured")
    })
    .await;
    components.kill("one").await.unwrap();
    configuration
        .update([("name", "again")].into())
        .await
        .unwrap();
    house.settle().await;
    assert!(!house.is_there("one"));
    let weak = Arc::downgrade(&house.admin());
    house.stop().await;
    assert!(
        weak.upgrade().is_none(),
        "nothing keeps the admin after the stop"
    );
}

#[tokio::test]
async fn a_component_can_wait_for_its_configuration() {
    let house = House::new().await;
    house.install().await;
    assert!(house.basic("gated").is_none());
    let configuration = house.configuration("test.gated");
    configuration
        .update([("name", "configured")].into())
        .await
        .unwrap();
    house.settle().await;
    let first = house.basic("gated").unwrap();
    assert_eq!(first.0, "configured");
    configuration
        .update([("name", "changed")].into())
        .await
        .unwrap();
    house.settle().await;
    let second = house.basic("gated").unwrap();
    assert_eq!(second.0, "changed");
    assert_ne!(first.1, second.1, "a plain field means another object");
    configuration.update([("extra", 1)].into()).await.unwrap();
    house.settle().await;
    assert_eq!(
        house.name_of("gated").as_deref(),
        Some("default"),
        "it still has a configuration"
    );
    configuration.delete().await.unwrap();
    house.settle().await;
    assert!(house.basic("gated").is_none());
    assert!(house.is_there("gated"));
    house.stop().await;
}

#[tokio::test]
async fn a_hidden_property_is_configured_by_its_name_with_a_dot() {
    let house = House::new().await;
    house.install().await;
    let configuration = house.configuration("test.hidden");
    configuration
        .update([("secret", "from-configuration")].into())
        .await
        .unwrap();
    house.settle().await;
    assert_eq!(house.name_of("hidden").as_deref(), Some("declared"));
    configuration
        .update([(".secret", "rotated")].into())
        .await
        .unwrap();
    house.settle().await;
    assert_eq!(house.name_of("hidden").as_deref(), Some("rotated"));
    // It keeps what it was given last.
    configuration.update([("other", 1)].into()).await.unwrap();
    house.settle().await;
    assert_eq!(house.name_of("hidden").as_deref(), Some("rotated"));
    for key in ["secret", ".secret"] {
        assert_eq!(house.property("hidden", key), None, "{key}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_configuration_may_be_updated_while_a_component_validates() {
    let house = House::new().await;
    house.install().await;
    let managed = Arc::new(Managed::default());
    house.manage(&managed, "test.updated");
    let components = house.context.components();
    let valid = || components.instance("one").map(|one| one.state) == Some(ComponentState::Valid);
    components
        .instantiate("test.updating", "one", Properties::new())
        .await
        .unwrap();
    house.settle().await;
    assert!(valid());
    assert_eq!(managed.take(), [7]);
    house.configuration("test.updated").delete().await.unwrap();
    components.kill("one").await.unwrap();
    house.settle().await;
    managed.take();
    // The same, made from a configuration.
    let configuration = house
        .admin()
        .create_factory_configuration("ferlix.ipopo.component")
        .unwrap();
    let described = [
        ("ipopo.factory.name", "test.updating"),
        ("instance.name", "one"),
    ];
    configuration.update(described.into()).await.unwrap();
    house.settle().await;
    assert!(valid());
    assert_eq!(managed.take(), [7]);
    house.stop().await;
}

//! Components that are made from configurations.

use ferlix_config::{BUNDLE, INSTANCE};
use ferlix_core::filter::Filter;
use ferlix_core::property::Properties;

use super::Basic;
use crate::support::{House, until};

#[tokio::test]
async fn a_configuration_makes_a_component_and_its_deletion_ends_it() {
    let house = House::new().await;
    house.install().await;
    let configuration = house
        .make(&[("instance.name", "one"), ("name", "hello")])
        .await;
    assert_eq!(house.name_of("one").as_deref(), Some("hello"));
    configuration.delete().await.unwrap();
    house.settle().await;
    assert!(!house.is_there("one"));
    assert!(house.basic("one").is_none());
    house.stop().await;
}

#[tokio::test]
async fn without_a_name_the_component_is_called_by_the_pid() {
    let house = House::new().await;
    house.install().await;
    let configuration = house.make(&[]).await;
    assert_eq!(
        house.name_of(configuration.pid()).as_deref(),
        Some("default")
    );
    house.stop().await;
}

#[tokio::test]
async fn without_a_factory_there_is_no_component() {
    let house = House::new().await;
    house.install().await;
    let configuration = house.make(&[("instance.name", "one")]).await;
    assert!(house.is_there("one"));
    configuration
        .update([("instance.name", "one")].into())
        .await
        .unwrap();
    house.settle().await;
    assert!(
        !house.is_there("one"),
        "an update without the factory's name ends it"
    );
    house.stop().await;
}

#[tokio::test]
async fn an_update_changes_the_component_in_place() {
    let house = House::new().await;
    house.install().await;
    let configuration = house
        .make(&[("instance.name", "one"), ("name", "hello")])
        .await;
    let before = house.basic("one").unwrap();
    house
        .describe(
            &configuration,
            &[("instance.name", "one"), ("name", "world")],
        )
        .await;
    assert_eq!(house.basic("one"), Some(("world".to_owned(), before.1)));
    let filter = Filter::parse("(&(instance.name=one)(name=world))").unwrap();
    assert!(house.context.service::<dyn Basic>(Some(&filter)).is_some());
    // The directives are not the component's.
    for key in ["ipopo.factory.name", "service.factoryPid", "service.pid"] {
        assert_eq!(house.property("one", key), None, "{key}");
    }
    // What leaves the configuration goes back to the default.
    house
        .describe(&configuration, &[("instance.name", "one")])
        .await;
    assert_eq!(house.basic("one"), Some(("default".to_owned(), before.1)));
    house.stop().await;
}

#[tokio::test]
async fn the_policy_restart_makes_another_object() {
    let house = House::new().await;
    house.install().await;
    let given = |name| {
        [
            ("instance.name", "one"),
            ("ipopo.update.policy", "restart"),
            ("name", name),
        ]
    };
    let configuration = house.make(&given("hello")).await;
    let before = house.basic("one").unwrap();
    assert_eq!(house.property("one", "ipopo.update.policy"), None);
    house.describe(&configuration, &given("world")).await;
    let after = house.basic("one").unwrap();
    assert_eq!(after.0, "world");
    assert_ne!(after.1, before.1);
    house.stop().await;
}

#[tokio::test]
async fn another_instance_name_moves_the_component() {
    let house = House::new().await;
    house.install().await;
    let configuration = house.make(&[("instance.name", "one")]).await;
    house
        .describe(&configuration, &[("instance.name", "two")])
        .await;
    assert!(!house.is_there("one"));
    assert!(house.is_there("two"));
    house.stop().await;
}

#[tokio::test]
async fn a_component_that_somebody_killed_comes_back_with_the_next_update() {
    let house = House::new().await;
    house.install().await;
    let configuration = house
        .make(&[("instance.name", "one"), ("name", "hello")])
        .await;
    house.context.components().kill("one").await.unwrap();
    house
        .describe(
            &configuration,
            &[("instance.name", "one"), ("name", "world")],
        )
        .await;
    assert_eq!(house.name_of("one").as_deref(), Some("world"));
    house.stop().await;
}

#[tokio::test]
async fn a_name_that_is_taken_is_left_to_its_holder() {
    let house = House::new().await;
    house.install().await;
    let first = house
        .make(&[("instance.name", "dup"), ("name", "first")])
        .await;
    let second = house
        .make(&[("instance.name", "dup"), ("name", "second")])
        .await;
    assert_eq!(house.name_of("dup").as_deref(), Some("first"));
    house
        .describe(&second, &[("instance.name", "dup"), ("name", "changed")])
        .await;
    assert_eq!(house.name_of("dup").as_deref(), Some("first"));
    second.delete().await.unwrap();
    house.settle().await;
    assert_eq!(house.name_of("dup").as_deref(), Some("first"));
    house
        .describe(&first, &[("instance.name", "dup"), ("name", "still")])
        .await;
    assert_eq!(house.name_of("dup").as_deref(), Some("still"));
    first.delete().await.unwrap();
    house.settle().await;
    assert!(!house.is_there("dup"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_updates_the_last_one_stays() {
    let house = House::new().await;
    house.install().await;
    let configuration = house.make(&[("instance.name", "one"), ("name", "0")]).await;
    for number in 1..=50 {
        let properties = Properties::from([
            ("ipopo.factory.name", "test.basic".to_owned()),
            ("instance.name", "one".to_owned()),
            ("name", number.to_string()),
        ]);
        configuration.update(properties).await.unwrap();
    }
    house.settle().await;
    assert_eq!(house.name_of("one").as_deref(), Some("50"));
    configuration.delete().await.unwrap();
    house.settle().await;
    assert!(!house.is_there("one"));
    house.stop().await;
}

#[tokio::test]
async fn a_component_waits_for_its_factory_and_comes_back_with_it() {
    let house = House::new().await;
    let configuration = house
        .make(&[("instance.name", "one"), ("name", "hello")])
        .await;
    assert!(!house.is_there("one"));
    let bundle = house.install().await;
    until("it is made", || {
        house.name_of("one").as_deref() == Some("hello")
    })
    .await;
    bundle.stop().await.unwrap();
    assert!(!house.is_there("one"));
    // What is removed meanwhile has its default when the factory is back.
    house
        .describe(&configuration, &[("instance.name", "one")])
        .await;
    assert!(!house.is_there("one"));
    bundle.start().await.unwrap();
    until("it is made again", || {
        house.name_of("one").as_deref() == Some("default")
    })
    .await;
    configuration.delete().await.unwrap();
    house.settle().await;
    assert!(!house.is_there("one"));
    house.stop().await;
}

#[tokio::test]
async fn made_components_end_with_the_admin_and_come_back_with_it() {
    let mut house = House::new().await;
    house.install().await;
    house
        .make(&[("instance.name", "one"), ("name", "stored")])
        .await;
    house.context.components().kill(INSTANCE).await.unwrap();
    assert!(!house.is_there("one"));
    house.start_admin().await;
    until("it is made from its file", || {
        house.name_of("one").as_deref() == Some("stored")
    })
    .await;
    house = house.again().await;
    house.install().await;
    until("it is made in another framework", || {
        house.name_of("one").as_deref() == Some("stored")
    })
    .await;
    let admin = house
        .framework
        .bundle_by_name(BUNDLE.symbolic_name)
        .unwrap();
    admin.stop().await.unwrap();
    assert!(!house.is_there("one"));
    house.stop().await;
}

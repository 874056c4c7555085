//! The topology manager that imports what is asked for.

use std::time::Duration;

use ferlix_core::component::ComponentState;
use ferlix_core::property::{Properties, Value};
use ferlix_remote::topology::ondemand;

use crate::policies::House;
use crate::support::{Hello, exported, register_hello};

#[tokio::test]
async fn only_what_a_component_or_listener_asks_for_is_imported() {
    let house = House::new(ondemand::FACTORY, Properties::new()).await;
    let e1 = house.put("e1", &[]);
    let other = ("objectClass", Value::from(["org.example.other.IOther"]));
    let far = house.put("o1", &[other.clone(), ("zone", "north".into())]);
    let wrong = house.put("o2", &[other]);
    assert!(house.imported().await.is_empty());
    assert_eq!(house.why(&e1), "nobody asks for org.example.IHello");
    // A component does.
    let components = house.framework.components();
    components
        .instantiate("guest", "g", Properties::new())
        .await
        .unwrap();
    assert_eq!(house.imported().await, ["e1"]);
    assert_eq!(
        components.instance("g").unwrap().state,
        ComponentState::Valid
    );
    components
        .instantiate("far-guest", "f", Properties::new())
        .await
        .unwrap();
    assert_eq!(house.imported().await, ["e1", "o1"], "its filter counts");
    assert_eq!(
        house.why(&wrong),
        "nobody asks for org.example.other.IOther"
    );
    assert_eq!(house.why(&far), "");
    // What comes later is asked for already.
    house.put("e2", &[]);
    assert_eq!(house.imported().await, ["e1", "o1", "e2"]);
    // With the last who asks it goes.
    components.kill("g").await.unwrap();
    assert_eq!(house.imported().await, ["o1"]);
    // A listener does, too.
    let listener = house
        .context
        .add_service_listener(Some("org.example.IHello"), None, |_| {})
        .unwrap();
    assert_eq!(house.imported().await, ["o1", "e1", "e2"]);
    house.context.remove_listener(listener);
    assert_eq!(house.imported().await, ["o1"]);
    // One that wants everything asks for nothing.
    house
        .context
        .add_service_listener(None, None, |_| {})
        .unwrap();
    assert_eq!(house.imported().await, ["o1"]);
    // Exports are as with the basic manager.
    register_hello(&house.context, exported());
    house.framework.settle().await;
    assert_eq!(house.discovery.endpoints().len(), 1);
}

#[tokio::test]
async fn those_who_asked_before_the_manager_came_are_heard() {
    let house = House::new(ondemand::FACTORY, Properties::new()).await;
    let components = house.framework.components();
    components.kill("manager").await.unwrap();
    components
        .instantiate("guest", "g", Properties::new())
        .await
        .unwrap();
    house.put("e1", &[]);
    assert!(house.imported().await.is_empty());
    components
        .instantiate(ondemand::FACTORY, "manager", Properties::new())
        .await
        .unwrap();
    assert_eq!(house.imported().await, ["e1"]);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_asks_for_a_minute_and_for_as_long_as_it_is_used() {
    let house = House::new(ondemand::FACTORY, [(ondemand::LINGER, 60)]).await;
    house.put("e1", &[]);
    house.put("e2", &[("zone", "north".into())]);
    let north = "(zone=north)".parse().unwrap();
    let look_up = || house.context.service::<dyn Hello>(Some(&north));
    assert!(look_up().is_none(), "it cannot wait for the import");
    house.framework.settle().await;
    let guard = look_up().unwrap();
    assert_eq!(house.imported().await, ["e2"]);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(house.imported().await, ["e2"], "it is used");
    drop(guard);
    tokio::time::sleep(Duration::from_secs(130)).await;
    assert!(house.imported().await.is_empty());
    // Listings ask for nothing.
    assert!(
        house
            .context
            .references(None, None)
            .iter()
            .all(|one| !one.is_imported())
    );
    assert!(house.imported().await.is_empty());
}

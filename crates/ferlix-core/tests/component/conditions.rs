//! Components that wait for a named condition.

use std::sync::Arc;

use ferlix_core::component::Condition;
use ferlix_core::{bundle, component};

use crate::support::Stage;

#[component(
    factory = "careful-factory",
    instance = "careful",
    conditions("database.ready", "clock.set")
)]
struct Careful {}

bundle!(CAREFUL = "test.careful", components = [Careful]);

#[tokio::test]
async fn a_component_waits_for_its_conditions() {
    let stage = Stage::new(&[&CAREFUL]).await;
    let context = stage.framework.context();
    let set = |name| {
        context
            .register(Arc::new(Condition), Condition::named(name))
            .unwrap()
    };
    let details = || stage.framework.components().instance("careful").unwrap();
    assert_eq!(
        details().waits_for(),
        [
            "ferlix.condition (condition.id=database.ready)",
            "ferlix.condition (condition.id=clock.set)"
        ]
    );
    let database = set("database.ready");
    assert!(!stage.valid("careful"));
    assert_eq!(
        details().waits_for(),
        ["ferlix.condition (condition.id=clock.set)"]
    );
    set("another");
    assert!(!stage.valid("careful"));
    set("clock.set");
    assert!(stage.valid("careful"));
    database.unregister().await.unwrap();
    assert!(!stage.valid("careful"));
}

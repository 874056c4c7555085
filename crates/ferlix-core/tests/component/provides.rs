//! Provided services: several of them, switches, and the callbacks when they come and go.

use std::sync::Arc;

use ferlix_core::component::{ComponentContext, ComponentState, Switch};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRef;
use ferlix_core::{bundle, component, lifecycle, service, service_impl};

use crate::support::{Echo, Journal, Stage, Translator};

/// Turns the services of the component that offers it.
#[service("test.lever")]
trait Lever: Send + Sync {
    fn turn(&self, echo: bool);
}

#[component(
    factory = "offering-factory",
    provides(dyn Echo, dyn Translator),
    provides(dyn Lever),
    property("colour" = "red"),
)]
struct Offering {
    #[inject]
    journal: Arc<dyn Journal>,
    #[switch(dyn Echo, off)]
    echo: Switch,
    #[property("refuse", default = false)]
    refuse: bool,
}

#[service_impl]
impl Echo for Offering {
    fn name(&self) -> String {
        "offering".to_owned()
    }
}

#[service_impl]
impl Translator for Offering {
    fn language(&self) -> String {
        "offering".to_owned()
    }
}

#[service_impl]
impl Lever for Offering {
    fn turn(&self, echo: bool) {
        self.echo.set(echo);
    }
}

#[lifecycle]
impl Offering {
    #[validate]
    fn start(&self, context: &ComponentContext) {
        context.set_property("port", 8080);
        self.journal.write("validate".to_owned());
    }

    #[invalidate]
    fn stop(&self) {
        self.journal.write("invalidate".to_owned());
    }

    #[post_registration]
    fn registered(&self, reference: &ServiceRef) -> Result<(), &'static str> {
        let there = reference.is_registered();
        self.journal.write(format!(
            "registered {} {there}",
            reference.specifications()[0]
        ));
        (!self.refuse).then_some(()).ok_or("refused")
    }

    #[post_unregistration]
    fn unregistered(&self, reference: &ServiceRef) {
        let there = reference.is_registered();
        self.journal.write(format!(
            "unregistered {} {there}",
            reference.specifications()[0]
        ));
    }
}

bundle!(OFFERING = "test.offering", components = [Offering]);

#[tokio::test]
async fn each_provides_is_a_service_of_its_own() {
    let stage = Stage::new(&[&OFFERING]).await;
    stage.make("offering-factory", "o", Properties::new()).await;
    let details = stage.framework.components().instance("o").unwrap();
    assert_eq!(details.services.len(), 1, "the other one is off");
    stage
        .framework
        .context()
        .service::<dyn Lever>(None)
        .unwrap()
        .turn(true);
    let details = stage.framework.components().instance("o").unwrap();
    let names: Vec<Vec<&str>> = details
        .services
        .iter()
        .map(|service| {
            service
                .specifications()
                .iter()
                .map(|name| &**name)
                .collect()
        })
        .collect();
    assert_eq!(
        names,
        [vec!["test.echo", "test.translator"], vec!["test.lever"]]
    );
    for service in &details.services {
        assert_eq!(service.property("instance.name"), Some(Value::from("o")));
        assert_eq!(service.property("colour"), Some(Value::from("red")));
        assert_eq!(service.property("port"), Some(Value::from(8080)));
    }
    let changed = Properties::from([("colour", "blue"), ("size", "5")]);
    stage
        .framework
        .components()
        .reconfigure("o", changed)
        .await
        .unwrap();
    for service in &details.services {
        assert_eq!(service.property("colour"), Some(Value::from("blue")));
        assert_eq!(service.property("size"), Some(Value::from("5")));
    }
    stage
        .framework
        .components()
        .configure("o", Properties::new())
        .await
        .unwrap();
    for service in &details.services {
        assert_eq!(service.property("colour"), Some(Value::from("red")));
        assert_eq!(
            service.property("size"),
            None,
            "what is given no more is gone"
        );
    }
}

#[tokio::test]
async fn a_switch_turns_its_service_on_and_off_with_callbacks() {
    let stage = Stage::new(&[&OFFERING]).await;
    stage.make("offering-factory", "o", Properties::new()).await;
    assert_eq!(stage.lines(), ["validate", "registered test.lever true"]);
    assert_eq!(stage.count("test.echo"), 0);
    let lever = stage
        .framework
        .context()
        .service::<dyn Lever>(None)
        .unwrap();
    lever.turn(true);
    assert_eq!(
        stage.count("test.echo"),
        1,
        "it is there when the call returns"
    );
    assert_eq!(stage.lines(), ["registered test.echo true"]);
    lever.turn(true);
    assert!(stage.lines().is_empty());
    lever.turn(false);
    assert_eq!(stage.count("test.echo"), 0);
    assert_eq!(stage.lines(), ["unregistered test.echo false"]);
    lever.turn(true);
    stage.lines();
    stage.framework.components().kill("o").await.unwrap();
    assert_eq!(
        stage.lines(),
        [
            "unregistered test.lever false",
            "unregistered test.echo false",
            "invalidate"
        ]
    );
    // The switch of an object that is gone does nothing.
    lever.turn(false);
    lever.turn(true);
    assert_eq!(stage.count("test.echo"), 0);
}

#[tokio::test]
async fn an_error_after_registration_makes_the_instance_erroneous() {
    let stage = Stage::new(&[&OFFERING]).await;
    stage
        .make(
            "offering-factory",
            "o",
            Properties::from([("refuse", true)]),
        )
        .await;
    assert_eq!(stage.state("o"), ComponentState::Erroneous);
    assert_eq!(stage.count("test.lever"), 0);
    let cause = stage
        .framework
        .components()
        .instance("o")
        .unwrap()
        .cause
        .unwrap();
    assert_eq!(cause.to_string(), "post_registration: refused");
}

#[component(factory = "stray-factory", provides(dyn Echo))]
struct Stray {
    #[switch(dyn Translator)]
    other: Switch,
}

#[service_impl]
impl Echo for Stray {
    fn name(&self) -> String {
        self.other.is_on().to_string()
    }
}

bundle!(STRAY = "test.stray", components = [Stray]);

#[tokio::test]
async fn a_switch_of_a_service_that_is_not_provided_is_refused_with_the_factory() {
    let stage = Stage::new(&[&STRAY]).await;
    assert!(
        stage
            .framework
            .components()
            .factory("stray-factory")
            .is_none()
    );
}

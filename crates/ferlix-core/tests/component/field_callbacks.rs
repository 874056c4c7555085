//! Callbacks of fields: their order, and what they are told.

use std::sync::Arc;

use ferlix_core::component::{ComponentState, Many, Opt};
use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRef;
use ferlix_core::{bundle, component, lifecycle};

use crate::support::{Echo, Journal, Stage};

#[component(factory = "listener-factory", retry = "off")]
struct Listener {
    #[inject]
    journal: Arc<dyn Journal>,
    #[inject]
    one: Opt<dyn Echo>,
    #[inject]
    all: Many<dyn Echo>,
    #[property("refuse", default = "")]
    refuse: String,
}

#[lifecycle]
impl Listener {
    #[bind(one)]
    fn one_came(&self, echo: &Arc<dyn Echo>) {
        self.journal.write(format!("bind one {}", echo.name()));
    }

    #[bind(all)]
    fn came(&self, echo: &Arc<dyn Echo>) -> Result<(), &'static str> {
        self.journal.write(format!("bind all {}", echo.name()));
        (self.refuse != "bind").then_some(()).ok_or("refused")
    }

    #[update(all)]
    fn changed(&self, reference: &ServiceRef) {
        let colour = reference.property("colour").unwrap_or_default();
        self.journal.write(format!("update all {colour}"));
    }

    #[unbind(one)]
    fn one_went(&self, echo: &Arc<dyn Echo>) {
        let left = self.one.get().map(|one| one.name()).unwrap_or_default();
        self.journal
            .write(format!("unbind one {}, left {left:?}", echo.name()));
    }

    #[unbind(all)]
    fn went(&self, echo: &Arc<dyn Echo>) -> Result<(), &'static str> {
        self.journal.write(format!(
            "unbind all {}, left {}",
            echo.name(),
            self.all.len()
        ));
        (self.refuse != "unbind").then_some(()).ok_or("refused")
    }

    #[validate]
    fn start(&self) {
        self.journal.write("validate".to_owned());
    }

    #[invalidate]
    fn stop(&self) {
        self.journal.write("invalidate".to_owned());
    }
}

/// Is told of services only while it is valid.
#[component(factory = "calm-factory")]
struct Calm {
    #[inject]
    journal: Arc<dyn Journal>,
    #[inject(filter = "(main=true)")]
    _main: Arc<dyn Echo>,
    #[inject(filter = "(!(main=*))")]
    others: Many<dyn Echo>,
}

#[lifecycle]
impl Calm {
    #[validate]
    fn start(&self) {
        let count = self.others.len();
        self.journal.write(format!("validate with {count}"));
    }

    #[bind(others, if_valid)]
    fn came(&self, echo: &Arc<dyn Echo>) {
        self.journal.write(format!("bind {}", echo.name()));
    }

    #[update(others, if_valid)]
    fn changed(&self, echo: &Arc<dyn Echo>) {
        self.journal.write(format!("update {}", echo.name()));
    }

    #[unbind(others, if_valid)]
    fn went(&self, echo: &Arc<dyn Echo>, reference: &ServiceRef) {
        let there = reference.is_registered();
        self.journal
            .write(format!("unbind {} {there}", echo.name()));
    }
}

bundle!(LISTENER = "test.listener", components = [Listener, Calm]);

#[tokio::test]
async fn callbacks_may_be_for_a_valid_component_only() {
    let stage = Stage::new(&[&LISTENER]).await;
    let red = || Properties::from([("colour", "red")]);
    stage.make("calm-factory", "c", Properties::new()).await;
    let first = stage.echo("a", Properties::new());
    first.set_properties(&red()).unwrap();
    first.unregister().await.unwrap();
    let early = stage.echo("b", Properties::new());
    assert!(stage.lines().is_empty(), "it is not valid yet");
    let main = stage.echo("m", Properties::from([("main", true)]));
    assert_eq!(stage.lines(), ["validate with 1"]);
    let late = stage.echo("c", Properties::new());
    early.set_properties(&red()).unwrap();
    late.unregister().await.unwrap();
    assert_eq!(stage.lines(), ["bind c", "update b", "unbind c false"]);
    main.unregister().await.unwrap();
    early.unregister().await.unwrap();
    assert!(stage.lines().is_empty(), "it is not valid any more");
}

#[tokio::test]
async fn callbacks_of_fields_come_in_order_and_before_validation() {
    let stage = Stage::new(&[&LISTENER]).await;
    let first = stage.echo("a", Properties::new());
    stage.make("listener-factory", "l", Properties::new()).await;
    assert_eq!(stage.lines(), ["bind one a", "bind all a", "validate"]);
    let second = stage.echo("b", Properties::new());
    second
        .set_properties(&Properties::from([("colour", "red")]))
        .unwrap();
    assert_eq!(stage.lines(), ["bind all b", "update all red"]);
    first.unregister().await.unwrap();
    assert_eq!(
        stage.lines(),
        [
            "unbind one a, left \"b\"",
            "bind one b",
            "unbind all a, left 1"
        ]
    );
    stage.framework.components().kill("l").await.unwrap();
    assert_eq!(
        stage.lines(),
        [
            "invalidate",
            "unbind one b, left \"b\"",
            "unbind all b, left 1"
        ],
        "the fields keep what they had until the object is dropped"
    );
}

#[tokio::test]
async fn an_error_in_bind_makes_the_instance_erroneous_and_one_in_unbind_is_logged() {
    let stage = Stage::new(&[&LISTENER]).await;
    stage
        .make(
            "listener-factory",
            "l",
            Properties::from([("refuse", "bind")]),
        )
        .await;
    assert!(stage.valid("l"));
    let echo = stage.echo("a", Properties::new());
    assert_eq!(stage.state("l"), ComponentState::Erroneous);
    echo.unregister().await.unwrap();
    let components = stage.framework.components();
    let state = components
        .retry("l", Properties::from([("refuse", "unbind")]))
        .await
        .unwrap();
    assert_eq!(state, ComponentState::Valid);
    let echo = stage.echo("b", Properties::new());
    stage.lines();
    components.kill("l").await.unwrap();
    assert_eq!(
        stage.lines(),
        [
            "invalidate",
            "unbind one b, left \"b\"",
            "unbind all b, left 1"
        ]
    );
    echo.unregister().await.unwrap();
}

//! Filters that name properties of the component.

use std::sync::Arc;

use ferlix_core::component::{ComponentContext, Live, Opt};
use ferlix_core::property::Properties;
use ferlix_core::{bundle, component, lifecycle, service, service_impl};

use crate::support::{Echo, Journal, Stage, map};

/// Changes a property of its component.
#[service("test.tuner")]
trait Tuner: Send + Sync {
    fn tune(&self, colour: &str);
}

#[component(factory = "variable-factory", provides(dyn Tuner))]
struct Variable {
    #[inject]
    journal: Arc<dyn Journal>,
    #[inject(filter = "(&(colour={wanted})(size>=3))")]
    echo: Arc<dyn Echo>,
    #[inject(filter = "(colour={second})")]
    other: Opt<dyn Echo>,
    #[property("wanted")]
    wanted: Live<Option<String>>,
    context: std::sync::OnceLock<ComponentContext>,
}

#[service_impl]
impl Tuner for Variable {
    fn tune(&self, colour: &str) {
        self.context.get().unwrap().set_property("second", colour);
    }
}

#[lifecycle]
impl Variable {
    #[validate]
    fn start(&self, context: &ComponentContext) {
        let _ = self.context.set(context.clone());
        let wanted = self.wanted.get().unwrap_or_default();
        self.journal
            .write(format!("validate {} {wanted}", self.echo.name()));
    }

    #[bind(other)]
    fn came(&self, echo: &Arc<dyn Echo>) {
        self.journal.write(format!("bind {}", echo.name()));
    }

    #[unbind(other)]
    fn went(&self, echo: &Arc<dyn Echo>) {
        self.journal.write(format!("unbind {}", echo.name()));
    }

    #[invalidate]
    fn stop(&self) {
        let left = self.other.get().map(|echo| echo.name()).unwrap_or_default();
        self.journal.write(format!("invalidate {left}"));
    }
}

bundle!(VARIABLE = "test.variable", components = [Variable]);

impl Stage {
    fn coloured(&self, name: &'static str, colour: &str) {
        let colour = ferlix_core::property::Value::from(colour);
        self.echo(
            name,
            Properties::from([("colour", colour), ("size", 5.into())]),
        );
    }
}

#[tokio::test]
async fn a_filter_follows_the_properties_it_names() {
    let stage = Stage::new(&[&VARIABLE]).await;
    let components = stage.framework.components();
    stage.coloured("r", "red");
    stage.coloured("b", "blue");
    stage.make("variable-factory", "v", Properties::new()).await;
    let details = components.instance("v").unwrap();
    assert_eq!(
        details.waits_for(),
        ["test.echo: its filter needs the property wanted"]
    );
    let wanted = |colour: &str| Properties::from([("wanted", colour)]);
    components.reconfigure("v", wanted("red")).await.unwrap();
    assert_eq!(stage.lines(), ["validate r red"]);
    let details = components.instance("v").unwrap();
    let filter = details.dependencies[1].requirement.filter.as_ref().unwrap();
    assert_eq!(filter.to_string(), "(&(colour=red)(size>=3))");
    // The same value again changes nothing; another one finds another service.
    components.reconfigure("v", wanted("red")).await.unwrap();
    assert!(stage.lines().is_empty());
    components.reconfigure("v", wanted("blue")).await.unwrap();
    assert_eq!(stage.lines(), ["invalidate ", "validate b blue"]);
    components.reconfigure("v", wanted("green")).await.unwrap();
    assert!(!stage.valid("v"));
    // Late: the service that fits comes after the change.
    stage.coloured("g", "green");
    assert_eq!(stage.lines(), ["invalidate ", "validate g green"]);
    components.configure("v", Properties::new()).await.unwrap();
    assert!(
        !stage.valid("v"),
        "a property that is gone leaves no filter"
    );
}

#[tokio::test]
async fn a_value_cannot_change_the_meaning_of_a_filter() {
    let stage = Stage::new(&[&VARIABLE]).await;
    stage.coloured("r", "red");
    for hostile in ["*", "red)(size=5", "*)(|(a=*", "(", "\\"] {
        stage
            .make(
                "variable-factory",
                hostile,
                Properties::from([("wanted", hostile)]),
            )
            .await;
        assert!(!stage.valid(hostile), "{hostile}");
    }
    stage.coloured("odd", "*)(|(a=*");
    assert!(stage.valid("*)(|(a=*"), "it is compared as it is");
}

#[tokio::test]
async fn what_a_component_sets_itself_moves_its_filters() {
    let stage = Stage::new(&[&VARIABLE]).await;
    stage.coloured("r", "red");
    stage.coloured("b", "blue");
    let given = Properties::from([("wanted", "red"), ("second", "blue")]);
    stage.make("variable-factory", "v", given).await;
    assert_eq!(stage.lines(), ["bind b", "validate r red"]);
    let tuner = stage
        .framework
        .context()
        .service::<dyn Tuner>(None)
        .unwrap();
    tuner.tune("red");
    assert_eq!(stage.lines(), ["unbind b", "bind r"]);
    tuner.tune("nothing");
    assert_eq!(stage.lines(), ["unbind r"]);
    assert!(stage.valid("v"));
}

#[tokio::test]
async fn a_filter_given_to_one_instance_may_name_properties_too() {
    let stage = Stage::new(&[&VARIABLE]).await;
    stage.echo("tiny", Properties::from([("kind", "red")]));
    let mut given = Properties::from([("wanted", "red")]);
    given.insert("requires.filters", map(&[("echo", "(kind={wanted})")]));
    stage.make("variable-factory", "v", given).await;
    assert_eq!(stage.lines(), ["validate tiny red"]);
}

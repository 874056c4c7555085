//! Requirements: cycles, aggregates, callbacks that fail, and the filters of one instance.

use std::sync::Arc;

use ferlix_core::component::{ComponentState, Many, Opt};
use ferlix_core::property::Properties;
use ferlix_core::{bundle, component, lifecycle, service_impl};

use crate::support::{Echo, Journal, Stage, Translator, map};

/// Offers an echo, and takes a translator if there is one.
#[component(factory = "left-factory", provides(dyn Echo))]
struct Left {
    #[inject]
    other: Opt<dyn Translator>,
}

#[service_impl]
impl Echo for Left {
    fn name(&self) -> String {
        format!("left with {}", self.other.get().is_some())
    }
}

/// Offers a translator, and needs an echo.
#[component(factory = "right-factory", provides(dyn Translator))]
struct Right {
    #[inject]
    other: Arc<dyn Echo>,
}

#[service_impl]
impl Translator for Right {
    fn language(&self) -> String {
        format!("right of {}", self.other.name())
    }
}

#[component(factory = "gathering-factory")]
struct Gathering {
    #[inject]
    journal: Arc<dyn Journal>,
    #[inject(min = 2)]
    all: Many<dyn Echo>,
}

#[lifecycle]
impl Gathering {
    #[validate]
    fn start(&self) {
        let names: Vec<String> = self.all.get().iter().map(|echo| echo.name()).collect();
        self.journal.write(names.join(" "));
    }
}

#[component(factory = "filtered-factory")]
struct Filtered {
    #[inject(filter = "(colour=red)")]
    echo: Opt<dyn Echo>,
    #[inject]
    journal: Arc<dyn Journal>,
}

#[lifecycle]
impl Filtered {
    #[bind(echo)]
    fn came(&self, echo: &Arc<dyn Echo>) {
        self.journal.write(format!("bind {}", echo.name()));
    }

    #[unbind(echo)]
    fn went(&self, echo: &Arc<dyn Echo>) {
        self.journal.write(format!("unbind {}", echo.name()));
    }
}

#[component(factory = "panicking-factory", retry = "off")]
struct Panicking {
    #[inject]
    echo: Opt<dyn Echo>,
}

#[lifecycle]
impl Panicking {
    #[bind(echo)]
    fn came(&self) {
        panic!("no echo wanted");
    }

    #[invalidate]
    fn stop(&self) {
        assert!(self.echo.get().is_none(), "still bound");
    }
}

bundle!(
    REQUIRING = "test.requiring",
    components = [Left, Right, Gathering, Filtered, Panicking]
);

impl Stage {
    fn languages(&self) -> Vec<String> {
        let all = self.framework.context().services::<dyn Translator>(None);
        all.iter().map(|one| one.language()).collect()
    }
}

#[tokio::test]
async fn a_cycle_with_an_optional_side_settles_whichever_comes_first() {
    for order in [["left", "right"], ["right", "left"]] {
        let stage = Stage::new(&[&REQUIRING]).await;
        for side in order {
            stage
                .make(&format!("{side}-factory"), side, Properties::new())
                .await;
        }
        assert!(stage.valid("left") && stage.valid("right"));
        assert_eq!(stage.languages(), ["right of left with true"]);
        // Breaking it from either side ends in the state that the rest allows.
        let components = stage.framework.components();
        components.kill("right").await.unwrap();
        assert!(stage.valid("left"));
        stage
            .make("right-factory", "right", Properties::new())
            .await;
        components.kill("left").await.unwrap();
        assert_eq!(stage.state("right"), ComponentState::Invalid);
        stage.make("left-factory", "left", Properties::new()).await;
        assert_eq!(stage.languages(), ["right of left with true"]);
    }
}

#[tokio::test]
async fn a_cycle_of_required_services_waits_and_says_for_what() {
    #[component(factory = "egg-factory", provides(dyn Echo))]
    struct Egg {
        #[inject]
        hen: Arc<dyn Translator>,
    }

    #[service_impl]
    impl Echo for Egg {
        fn name(&self) -> String {
            self.hen.language()
        }
    }

    bundle!(EGG = "test.egg", components = [Egg]);
    let stage = Stage::new(&[&REQUIRING, &EGG]).await;
    stage.make("egg-factory", "egg", Properties::new()).await;
    stage.make("right-factory", "hen", Properties::new()).await;
    let components = stage.framework.components();
    assert_eq!(
        components.instance("egg").unwrap().missing(),
        ["test.translator"]
    );
    assert_eq!(components.instance("hen").unwrap().missing(), ["test.echo"]);
    // Another hen breaks it, and its going brings it back… to a cycle that feeds itself no more.
    let echo = stage.echo("other", Properties::new());
    assert!(stage.valid("egg") && stage.valid("hen"));
    stage.framework.stop().await.unwrap();
    drop(echo);
}

#[tokio::test]
async fn an_aggregate_waits_for_its_minimum_early_or_late() {
    let stage = Stage::new(&[&REQUIRING]).await;
    let first = stage.echo("a", Properties::new());
    stage
        .make("gathering-factory", "early", Properties::new())
        .await;
    assert!(!stage.valid("early"));
    let second = stage.echo("b", Properties::new());
    stage
        .make("gathering-factory", "late", Properties::new())
        .await;
    assert_eq!(stage.lines(), ["a b", "a b"]);
    let third = stage.echo("c", Properties::new());
    second.unregister().await.unwrap();
    assert!(stage.valid("early") && stage.valid("late"));
    assert!(
        stage.lines().is_empty(),
        "still enough: the objects live on"
    );
    third.unregister().await.unwrap();
    assert!(!stage.valid("early") && !stage.valid("late"));
    stage.echo("d", Properties::new());
    assert_eq!(stage.lines(), ["a d", "a d"]);
    first.unregister().await.unwrap();
}

#[tokio::test]
async fn the_filters_of_one_instance_replace_the_declared_ones_also_later() {
    let stage = Stage::new(&[&REQUIRING]).await;
    let colour = |colour: &'static str| Properties::from([("colour", colour)]);
    stage.echo("r", colour("red"));
    stage.echo("g", colour("green"));
    stage.echo("b", colour("blue"));
    let given = |filter| Properties::from([("requires.filters", map(&[("echo", filter)]))]);
    stage
        .make("filtered-factory", "declared", Properties::new())
        .await;
    stage
        .make("filtered-factory", "given", given("(colour=green)"))
        .await;
    assert_eq!(stage.lines(), ["bind r", "bind g"]);
    let components = stage.framework.components();
    let filter = |name: &str| {
        let details = components.instance(name).unwrap();
        assert!(
            !details.properties.contains("requires.filters"),
            "it is how the instance is wired"
        );
        details.dependencies[0]
            .requirement
            .filter
            .as_ref()
            .unwrap()
            .to_string()
    };
    assert_eq!(filter("declared"), "(colour=red)");
    assert_eq!(filter("given"), "(colour=green)");
    components
        .reconfigure("given", given("(colour=blue)"))
        .await
        .unwrap();
    assert_eq!(stage.lines(), ["unbind g", "bind b"], "in place");
    assert_eq!(filter("given"), "(colour=blue)");
    components
        .reconfigure("given", given("(colour="))
        .await
        .unwrap();
    let details = components.instance("given").unwrap();
    let problem = details.dependencies[0].problem.clone().unwrap();
    assert!(
        problem.starts_with("the filter in requires.filters: column"),
        "{problem}"
    );
    assert_eq!(
        stage.lines(),
        ["unbind b"],
        "a filter that does not parse lets nothing through"
    );
    components
        .configure("given", Properties::new())
        .await
        .unwrap();
    assert_eq!(stage.lines(), ["bind r"]);
    assert_eq!(filter("given"), "(colour=red)");
}

#[tokio::test]
async fn a_callback_that_panics_hurts_only_its_component() {
    let stage = Stage::new(&[&REQUIRING]).await;
    stage
        .make("panicking-factory", "p", Properties::new())
        .await;
    stage.make("filtered-factory", "f", Properties::new()).await;
    stage.echo("r", Properties::from([("colour", "red")]));
    assert_eq!(stage.state("p"), ComponentState::Erroneous);
    let cause = stage
        .framework
        .components()
        .instance("p")
        .unwrap()
        .cause
        .unwrap();
    assert_eq!(cause.to_string(), "bind panicked: no echo wanted");
    assert_eq!(stage.lines(), ["bind r"]);
    stage.framework.components().kill("p").await.unwrap();
}

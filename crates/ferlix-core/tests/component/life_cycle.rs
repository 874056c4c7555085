//! Instances from instantiate to kill, singletons, errors, and what a bundle's update keeps.

use std::sync::Arc;
use std::time::Duration;

use ferlix_core::Error;
use ferlix_core::component::{ComponentContext, ComponentState};
use ferlix_core::framework::{BoxError, BundleActivator, BundleContext};
use ferlix_core::property::{Properties, Value};
use ferlix_core::{bundle, component, lifecycle, service_impl};

use crate::support::{Echo, Journal, Stage};

#[component(factory = "single-factory", singleton, provides(dyn Echo))]
struct Single {}

#[service_impl]
impl Echo for Single {
    fn name(&self) -> String {
        "single".to_owned()
    }
}

#[component(factory = "declared-factory", instance = "declared", provides(dyn Echo))]
struct Declared {
    #[property("word", default = "default")]
    word: String,
}

#[service_impl]
impl Echo for Declared {
    fn name(&self) -> String {
        self.word.clone()
    }
}

#[component(factory = "choosy-factory", retry = "off")]
struct Choosy {
    #[inject]
    journal: Arc<dyn Journal>,
    #[property("good", default = false)]
    good: bool,
}

#[lifecycle]
impl Choosy {
    #[validate]
    fn start(&self, context: &ComponentContext) -> Result<(), String> {
        self.journal.write(format!("validate {}", context.name()));
        self.good.then_some(()).ok_or_else(|| "not good".to_owned())
    }

    #[invalidate]
    fn stop(&self) {
        self.journal.write("invalidate".to_owned());
    }
}

#[component(factory = "patient-factory", retry = "fixed(3s)")]
struct Patient {
    #[inject]
    journal: Arc<dyn Journal>,
}

#[lifecycle]
impl Patient {
    #[validate]
    fn start(&self) -> Result<(), &'static str> {
        self.journal.write("try".to_owned());
        Err("never")
    }
}

bundle!(
    LIVES = "test.lives",
    components = [Single, Declared, Choosy, Patient]
);

impl Stage {
    fn echoes(&self) -> Vec<String> {
        let echoes = self.framework.context().services::<dyn Echo>(None);
        let mut names: Vec<String> = echoes.iter().map(|echo| echo.name()).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn an_instance_is_made_and_killed_with_its_service() {
    let stage = Stage::new(&[&LIVES]).await;
    let components = stage.framework.components();
    assert_eq!(stage.echoes(), ["default"]);
    components.kill("declared").await.unwrap();
    assert!(stage.echoes().is_empty());
    assert!(components.instance("declared").is_none());
    assert!(matches!(
        components.kill("declared").await,
        Err(Error::Unknown { .. })
    ));
    stage
        .make(
            "declared-factory",
            "declared",
            Properties::from([("word", "again")]),
        )
        .await;
    assert_eq!(stage.echoes(), ["again"]);
}

#[tokio::test]
async fn there_is_one_instance_of_a_singleton() {
    let stage = Stage::new(&[&LIVES]).await;
    let components = stage.framework.components();
    assert!(components.factory("single-factory").unwrap().singleton);
    stage.make("single-factory", "one", Properties::new()).await;
    let second = components
        .instantiate("single-factory", "two", Properties::new())
        .await;
    assert_eq!(
        second.unwrap_err().to_string(),
        "the factory 'single-factory' makes one instance only: one is there"
    );
    components.kill("one").await.unwrap();
    stage.make("single-factory", "two", Properties::new()).await;
    assert!(stage.valid("two"));
}

#[tokio::test]
async fn a_failed_validation_is_undone_and_retried_with_new_properties() {
    let stage = Stage::new(&[&LIVES]).await;
    let components = stage.framework.components();
    stage.make("choosy-factory", "c", Properties::new()).await;
    assert_eq!(stage.state("c"), ComponentState::Erroneous);
    assert_eq!(stage.lines(), ["validate c", "invalidate"]);
    let cause = components.instance("c").unwrap().cause.unwrap();
    assert_eq!(cause.to_string(), "validate: not good");
    let state = components.retry("c", Properties::new()).await.unwrap();
    assert_eq!(state, ComponentState::Erroneous);
    let state = components
        .retry("c", Properties::from([("good", true)]))
        .await
        .unwrap();
    assert_eq!(state, ComponentState::Valid);
    assert!(components.instance("c").unwrap().cause.is_none());
    stage.lines();
    let state = components
        .retry("c", Properties::from([("good", false)]))
        .await
        .unwrap();
    assert_eq!(
        state,
        ComponentState::Valid,
        "only an ERRONEOUS one is tried again"
    );
    assert!(stage.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fixed_retry_comes_after_the_same_time_each_time() {
    let stage = Stage::new(&[&LIVES]).await;
    stage.make("patient-factory", "p", Properties::new()).await;
    assert_eq!(stage.lines(), ["try"]);
    // Time is virtual: it passes only while there is nothing to do.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(2_900)).await;
        assert!(stage.lines().is_empty());
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(stage.lines(), ["try"]);
    }
    stage.framework.components().kill("p").await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(stage.lines().is_empty(), "a killed one is tried no more");
}

#[tokio::test]
async fn a_property_set_on_a_killed_component_hurts_nobody() {
    let stage = Stage::new(&[&LIVES]).await;
    let components = stage.framework.components();
    let service = components.instance("declared").unwrap().service.unwrap();
    components.kill("declared").await.unwrap();
    let gone = components
        .reconfigure("declared", Properties::from([("word", "x")]))
        .await;
    assert!(matches!(gone, Err(Error::Unknown { .. })));
    assert_eq!(service.property("word"), Some(Value::from("default")));
}

#[tokio::test]
async fn an_update_makes_the_instances_again_with_their_properties() {
    let stage = Stage::new(&[&LIVES]).await;
    let components = stage.framework.components();
    stage
        .make(
            "declared-factory",
            "mine",
            Properties::from([("word", "mine")]),
        )
        .await;
    components
        .reconfigure("declared", Properties::from([("word", "changed")]))
        .await
        .unwrap();
    assert_eq!(stage.echoes(), ["changed", "mine"]);
    let bundle = stage
        .framework
        .bundles()
        .into_iter()
        .find(|bundle| bundle.symbolic_name() == "test.lives")
        .unwrap();
    bundle.update().await.unwrap();
    assert_eq!(stage.echoes(), ["changed", "mine"]);
    bundle.stop().await.unwrap();
    assert!(stage.echoes().is_empty());
    bundle.start().await.unwrap();
    assert_eq!(
        stage.echoes(),
        ["default"],
        "a stop forgets what was made by hand"
    );
}

#[derive(Default)]
struct Activator;

#[async_trait::async_trait]
impl BundleActivator for Activator {
    async fn start(&self, context: &BundleContext) -> Result<(), BoxError> {
        let journal = context.service::<dyn Journal>(None).ok_or("no journal")?;
        journal.write("activator".to_owned());
        Ok(())
    }
}

#[component(factory = "boot-factory", instance = "boot")]
struct Boot {
    #[inject]
    journal: Arc<dyn Journal>,
}

#[lifecycle]
impl Boot {
    #[validate]
    fn start(&self) {
        self.journal.write("validate".to_owned());
    }
}

bundle!(
    BOOT = "test.boot",
    components = [Boot],
    activator = Activator
);

#[tokio::test]
async fn components_are_made_after_their_bundle_s_activator_and_not_in_a_stopped_framework() {
    let stage = Stage::new(&[&BOOT]).await;
    assert_eq!(stage.lines(), ["activator", "validate"]);
    stage.framework.stop().await.unwrap();
    let components = stage.framework.components();
    assert!(components.factory("boot-factory").is_none());
    let made = components
        .instantiate("boot-factory", "late", Properties::new())
        .await;
    assert!(matches!(
        made,
        Err(Error::Unknown {
            kind: "factory",
            ..
        })
    ));
}

//! Instances that are made whenever their factory is there.

use ferlix_core::Error;
use ferlix_core::component::ComponentManager;
use ferlix_core::property::Properties;
use ferlix_core::{bundle, component, service_impl};

use crate::support::{Echo, Stage};

#[component(factory = "late-factory", provides(dyn Echo))]
struct Late {
    #[property("word", default = "default")]
    word: String,
}

#[service_impl]
impl Echo for Late {
    fn name(&self) -> String {
        self.word.clone()
    }
}

bundle!(LATE = "test.late", components = [Late]);

fn word(word: &str) -> Properties {
    Properties::from([("word", word)])
}

async fn wait_for(
    components: &ComponentManager,
    name: &str,
    given: Properties,
) -> Result<(), Error> {
    components
        .instantiate_when_available("late-factory", name, given)
        .await
}

impl Stage {
    fn words(&self) -> Vec<String> {
        let echoes = self.framework.context().services::<dyn Echo>(None);
        echoes.iter().map(|echo| echo.name()).collect()
    }
}

#[tokio::test]
async fn it_comes_with_the_factory_and_survives_its_leaving() {
    let stage = Stage::new(&[]).await;
    let components = stage.framework.components();
    wait_for(components, "w", word("one")).await.unwrap();
    let info = &components.waiting()[0];
    assert_eq!(
        (&*info.name, &*info.factory, info.instantiated),
        ("w", "late-factory", false)
    );
    let bundle = stage.framework.install(&LATE).unwrap();
    for _ in 0..3 {
        bundle.start().await.unwrap();
        assert_eq!(stage.words(), ["one"]);
        assert!(components.waiting()[0].instantiated);
        bundle.stop().await.unwrap();
        assert!(stage.words().is_empty());
        assert!(!components.waiting()[0].instantiated);
    }
    bundle.start().await.unwrap();
    bundle.update().await.unwrap();
    assert_eq!(stage.words(), ["one"]);
    components.forget("w").await.unwrap();
    assert!(stage.words().is_empty() && components.waiting().is_empty());
    bundle.update().await.unwrap();
    assert!(stage.words().is_empty());
    assert!(matches!(
        components.forget("w").await,
        Err(Error::Unknown { .. })
    ));
}

#[tokio::test]
async fn it_comes_at_once_when_the_factory_is_there_and_comes_back_after_a_kill_with_it() {
    let stage = Stage::new(&[&LATE]).await;
    let components = stage.framework.components();
    wait_for(components, "w", word("one")).await.unwrap();
    assert_eq!(stage.words(), ["one"]);
    components.kill("w").await.unwrap();
    assert!(stage.words().is_empty());
    let bundle = stage
        .framework
        .bundles()
        .into_iter()
        .find(|bundle| bundle.symbolic_name() == "test.late")
        .unwrap();
    bundle.update().await.unwrap();
    assert_eq!(stage.words(), ["one"]);
}

#[tokio::test]
async fn a_name_waits_once_and_one_that_is_taken_is_told() {
    let stage = Stage::new(&[]).await;
    let components = stage.framework.components();
    wait_for(components, "w", word("one")).await.unwrap();
    let again = wait_for(components, "w", word("two")).await;
    assert!(matches!(again, Err(Error::Duplicate { .. })));
    assert!(matches!(
        wait_for(components, " ", word("x")).await,
        Err(Error::Specification { .. })
    ));
    stage
        .framework
        .install(&LATE)
        .unwrap()
        .start()
        .await
        .unwrap();
    stage.make("late-factory", "mine", word("mine")).await;
    let taken = wait_for(components, "mine", word("two")).await;
    assert!(matches!(taken, Err(Error::Duplicate { .. })));
    assert_eq!(
        components.waiting().len(),
        1,
        "what was refused does not wait"
    );
    assert_eq!(stage.words(), ["one", "mine"]);
}

#[tokio::test]
async fn an_update_of_what_waits_reaches_the_instance_too() {
    let stage = Stage::new(&[]).await;
    let components = stage.framework.components();
    wait_for(components, "w", word("one")).await.unwrap();
    components.update_waiting("w", word("two")).await.unwrap();
    let bundle = stage.framework.install(&LATE).unwrap();
    bundle.start().await.unwrap();
    assert_eq!(stage.words(), ["two"]);
    components
        .update_waiting("w", Properties::new())
        .await
        .unwrap();
    assert_eq!(
        stage.words(),
        ["default"],
        "what is given no more goes back to its default"
    );
    bundle.stop().await.unwrap();
    bundle.start().await.unwrap();
    assert_eq!(stage.words(), ["default"]);
    let unknown = components.update_waiting("x", Properties::new()).await;
    assert!(matches!(unknown, Err(Error::Unknown { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_while_it_is_made_is_not_lost() {
    let stage = Stage::new(&[&LATE]).await;
    for _ in 0..200 {
        let components = stage.framework.components().clone();
        let update = tokio::spawn(async move {
            while let Err(Error::Unknown { .. }) = components.update_waiting("w", word("two")).await
            {
                tokio::task::yield_now().await;
            }
        });
        let components = stage.framework.components();
        wait_for(components, "w", word("one")).await.unwrap();
        update.await.unwrap();
        stage.framework.settle().await;
        assert_eq!(stage.words(), ["two"]);
        components.forget("w").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_forgotten_while_it_is_made_does_not_stay() {
    let stage = Stage::new(&[&LATE]).await;
    for _ in 0..200 {
        let components = stage.framework.components().clone();
        let forget = tokio::spawn(async move {
            while let Err(Error::Unknown { .. }) = components.forget("w").await {
                tokio::task::yield_now().await;
            }
        });
        let components = stage.framework.components();
        wait_for(components, "w", word("one")).await.unwrap();
        forget.await.unwrap();
        stage.framework.settle().await;
        assert!(stage.words().is_empty() && components.waiting().is_empty());
    }
}

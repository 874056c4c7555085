//! Services that go: who waits for whom where components need each other.

use std::sync::Arc;

use ferlix_core::component::{
    Best, Component, ComponentError, ComponentFactory, ComponentState, Fields, Opt,
};
use ferlix_core::framework::{BundleDefinition, Framework};
use ferlix_core::property::Properties;
use ferlix_core::service::{Interface, Service};

use crate::support::{Lines, Log, Part};

/// A link of a chain: needs the part of the one before and is the part of the next.
struct Link;

impl Part for Link {
    fn name(&self) -> String {
        "link".into()
    }
}

impl Component for Link {
    fn factory() -> ComponentFactory {
        ComponentFactory::of::<Self>("link-factory")
            .provides::<Self, dyn Part>(|this| this)
            .value::<u32>("link", None)
            .inject::<Arc<dyn Log>>("log", "", 0)
    }

    fn build(fields: &mut Fields) -> Result<Self, ComponentError> {
        fields.injected::<Arc<dyn Log>>("log")?;
        fields.property::<u32>("link")?;
        Ok(Self)
    }
}

/// Needs any part, and offers a log: so a log that comes makes links, which make it.
struct Echo;

impl Log for Echo {
    fn add(&self, _: String) {}
}

impl Component for Echo {
    fn factory() -> ComponentFactory {
        ComponentFactory::of::<Self>("echo-factory")
            .provides::<Self, dyn Log>(|this| this)
            .inject::<Best<dyn Part>>("part", "", 0)
    }

    fn build(fields: &mut Fields) -> Result<Self, ComponentError> {
        fields.injected::<Best<dyn Part>>("part")?;
        Ok(Self)
    }
}

static CHAIN: BundleDefinition = BundleDefinition {
    symbolic_name: "test.chain",
    version: "0.0.0",
    location: file!(),
    components: &[Link::factory, Echo::factory],
    activator: None,
};

#[tokio::test]
async fn cycles_settle_and_a_departure_waits_for_all_who_let_go() {
    let framework = Framework::builder().install(&CHAIN).start().await.unwrap();
    let context = framework.context();
    for number in 0..500_u32 {
        let given = Properties::from([("link", number)]);
        framework
            .components()
            .instantiate("link-factory", &format!("link-{number}"), given)
            .await
            .unwrap();
    }
    framework
        .components()
        .instantiate("echo-factory", "echo", Properties::new())
        .await
        .unwrap();
    let log: Arc<dyn Log> = Arc::new(Lines::default());
    let registration = context
        .register(log, Properties::from([("service.ranking", 1)]))
        .unwrap();
    framework.settle().await;
    assert_eq!(context.references(Some("test.part"), None).len(), 500);
    assert!(
        framework
            .components()
            .instances()
            .iter()
            .all(|one| one.state == ComponentState::Valid)
    );
    registration.unregister().await.unwrap();
    framework.settle().await;
    // Fixed fields let go of the first log and are built anew on the echo's, as long as a part keeps the echo alive.
    let states: Vec<_> = framework
        .components()
        .instances()
        .iter()
        .map(|one| one.state)
        .collect();
    assert!(
        states
            .iter()
            .all(|state| matches!(state, ComponentState::Valid | ComponentState::Invalid)),
        "{states:?}"
    );
    framework.stop().await.unwrap();
    assert!(context.references(None, None).is_empty());
}

trait Left: Send + Sync {}

impl Service for dyn Left {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.left");
        &INTERFACE
    }
}

trait Right: Send + Sync {}

impl Service for dyn Right {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.right");
        &INTERFACE
    }
}

/// Needs the log, and takes a right one if it is there.
struct LeftHalf;

impl Left for LeftHalf {}

impl Component for LeftHalf {
    fn factory() -> ComponentFactory {
        ComponentFactory::of::<Self>("left-factory")
            .instance("left")
            .provides::<Self, dyn Left>(|this| this)
            .inject::<Arc<dyn Log>>("log", "", 0)
            .inject::<Opt<dyn Right>>("right", "", 0)
    }

    fn build(_: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self)
    }
}

/// Needs the log and a left one.
struct RightHalf;

impl Right for RightHalf {}

impl Component for RightHalf {
    fn factory() -> ComponentFactory {
        ComponentFactory::of::<Self>("right-factory")
            .instance("right")
            .provides::<Self, dyn Right>(|this| this)
            .inject::<Arc<dyn Log>>("log", "", 0)
            .inject::<Arc<dyn Left>>("left", "", 0)
    }

    fn build(_: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self)
    }
}

/// Offers the log, so that both halves hear in one go that it departs.
struct Logger;

impl Log for Logger {
    fn add(&self, _: String) {}
}

impl Component for Logger {
    fn factory() -> ComponentFactory {
        ComponentFactory::of::<Self>("logger-factory")
            .instance("logger")
            .provides::<Self, dyn Log>(|this| this)
    }

    fn build(_: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self)
    }
}

static HALVES: BundleDefinition = BundleDefinition {
    symbolic_name: "test.halves",
    version: "0.0.0",
    location: file!(),
    components: &[LeftHalf::factory, RightHalf::factory, Logger::factory],
    activator: None,
};

#[tokio::test(start_paused = true)]
async fn two_that_use_each_other_go_down_at_once_without_waiting_for_each_other() {
    let framework = Framework::builder().install(&HALVES).start().await.unwrap();
    framework.settle().await;
    let states = || -> Vec<ComponentState> {
        let instances = framework.components().instances();
        instances.iter().map(|one| one.state).collect()
    };
    assert_eq!(states(), [ComponentState::Valid; 3]);
    let begin = tokio::time::Instant::now();
    framework.components().kill("logger").await.unwrap();
    framework.settle().await;
    // Time is virtual: any of it that passed was waited for in vain.
    assert_eq!(begin.elapsed(), std::time::Duration::ZERO);
    assert_eq!(states(), [ComponentState::Invalid; 2]);
    framework.stop().await.unwrap();
}

//! Components that fail to come up, or take too long.

use std::sync::atomic::{AtomicU32, Ordering};

use ferlix_core::component::{
    Callbacks, Component, ComponentContext, ComponentError, ComponentFactory, ComponentState,
    Fields, RetryPolicy,
};
use ferlix_core::framework::{BundleDefinition, Framework};

static ATTEMPTS: AtomicU32 = AtomicU32::new(0);

/// Fails to validate until the third attempt.
struct Stubborn;

impl Component for Stubborn {
    fn factory() -> ComponentFactory {
        let callbacks = Callbacks::<Self> {
            validate: Some(|_, _| {
                Box::pin(async {
                    match ATTEMPTS.fetch_add(1, Ordering::SeqCst) {
                        0 => Err("not yet".into()),
                        1 => panic!("still not"),
                        _ => Ok(()),
                    }
                })
            }),
            ..Callbacks::default()
        };
        ComponentFactory::of::<Self>("stubborn-factory")
            .instance("stubborn")
            .callbacks(callbacks)
    }

    fn build(_: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self)
    }
}

/// Never comes up, and is not retried by itself; its validation outlasts the deadline.
struct Sleeper;

impl Component for Sleeper {
    fn factory() -> ComponentFactory {
        let callbacks = Callbacks::<Self> {
            validate: Some(|_, _: ComponentContext| Box::pin(std::future::pending())),
            ..Callbacks::default()
        };
        ComponentFactory::of::<Self>("sleeper-factory")
            .instance("sleeper")
            .retry(RetryPolicy::Off)
            .callbacks(callbacks)
    }

    fn build(_: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self)
    }
}

static FAILING: BundleDefinition = BundleDefinition {
    symbolic_name: "test.failing",
    version: "0.0.0",
    location: file!(),
    components: &[Stubborn::factory, Sleeper::factory],
    activator: None,
};

#[tokio::test(start_paused = true)]
async fn failures_are_shown_and_retried_with_back_off() {
    let framework = Framework::builder()
        .property("ferlix.callback_timeout", 2_000)
        .install(&FAILING)
        .start()
        .await
        .unwrap();
    let components = framework.components();
    let sleeper = components.instance("sleeper").unwrap();
    assert_eq!(sleeper.state, ComponentState::Erroneous);
    assert_eq!(
        sleeper.cause.unwrap().to_string(),
        "validate took longer than 2s and was dropped"
    );
    // Time is virtual: the pauses pass as soon as nothing else is to be done.
    let valid = async {
        while components.instance("stubborn").unwrap().state != ComponentState::Valid {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), valid)
        .await
        .unwrap();
    assert_eq!(ATTEMPTS.load(Ordering::SeqCst), 3);
    assert_eq!(
        components.instance("sleeper").unwrap().state,
        ComponentState::Erroneous
    );
    framework.stop().await.unwrap();
    assert!(components.instances().is_empty());
}

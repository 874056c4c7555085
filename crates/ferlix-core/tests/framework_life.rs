//! The life of bundles and of the framework: what is refused, what is repeated, what a stop leaves behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ferlix_core::Error;
use ferlix_core::framework::{
    BoxError, Bundle, BundleActivator, BundleContext, BundleDefinition, BundleEvent,
    BundleEventKind, BundleState, Framework,
};
use ferlix_core::property::Properties;
use ferlix_core::registry::{ServiceEvent, ServiceEventKind};
use ferlix_core::service::{Interface, Service};

trait Thing: Send + Sync {}

impl Service for dyn Thing {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.thing");
        &INTERFACE
    }
}

struct Something;

impl Thing for Something {}

/// Registers a thing; does to itself and to its framework what the framework property `do` says.
struct Activator;

#[async_trait::async_trait]
impl BundleActivator for Activator {
    async fn start(&self, context: &BundleContext) -> Result<(), BoxError> {
        let thing: Arc<dyn Thing> = Arc::new(Something);
        context.register(thing, Properties::new())?;
        match context.property("do").as_ref().and_then(|how| how.as_str()) {
            Some("start again") => context.bundle().start().await.map_err(Into::into),
            Some("stop the framework") => {
                let framework = context.framework().clone();
                tokio::spawn(async move { framework.stop().await });
                tokio::task::yield_now().await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn stop(&self, context: &BundleContext) -> Result<(), BoxError> {
        match context.property("do").as_ref().and_then(|how| how.as_str()) {
            Some("stop again") => context.bundle().stop().await.map_err(Into::into),
            Some("fail to stop") => Err("told to fail".into()),
            _ => Ok(()),
        }
    }
}

static THING: BundleDefinition = BundleDefinition {
    symbolic_name: "test.thing-bundle",
    version: "1.2.3",
    location: file!(),
    components: &[],
    activator: Some(|| Box::new(Activator)),
};

static PLAIN: BundleDefinition = BundleDefinition {
    symbolic_name: "test.plain",
    version: "0.0.0",
    location: file!(),
    components: &[],
    activator: None,
};

async fn told_to(how: &str) -> (Framework, Bundle) {
    let framework = Framework::builder()
        .property("do", how)
        .install(&THING)
        .install(&PLAIN)
        .start()
        .await
        .unwrap();
    let bundle = framework.bundle_by_name("test.thing-bundle").unwrap();
    (framework, bundle)
}

#[tokio::test]
async fn bundle_0_is_the_framework() {
    let framework = Framework::builder().build().unwrap();
    let system = framework.bundle(0).unwrap();
    assert_eq!(system, framework.system_bundle());
    assert_eq!(system.symbolic_name(), "ferlix.framework");
    assert_eq!(
        framework.bundle_by_name("ferlix.framework").unwrap(),
        system
    );
    assert_eq!(framework.state(), BundleState::Resolved);
    system.start().await.unwrap();
    assert_eq!(framework.state(), BundleState::Active);
    let refused = system.uninstall().await;
    assert!(
        matches!(refused, Err(Error::BundleState { .. })),
        "{refused:?}"
    );
    assert_eq!(framework.state(), BundleState::Active, "it runs on");
    system.stop().await.unwrap();
    system.stop().await.unwrap();
    assert_eq!(framework.state(), BundleState::Resolved);
    assert!(framework.bundle(99).is_none());
}

#[tokio::test]
async fn a_bundle_that_starts_or_stops_itself_again_is_refused_or_left_alone() {
    let (framework, bundle) = told_to("start again").await;
    assert_eq!(
        bundle.state(),
        BundleState::Resolved,
        "its activator failed"
    );
    let error = bundle.start().await.unwrap_err();
    assert!(
        ferlix_core::error_chain(&error).contains("STARTING"),
        "{error:?}"
    );
    framework.stop().await.unwrap();

    let (framework, bundle) = told_to("stop again").await;
    bundle.stop().await.unwrap();
    assert_eq!(bundle.state(), BundleState::Resolved);
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn an_activator_may_have_the_framework_stopped_while_it_starts() {
    let (framework, bundle) = told_to("stop the framework").await;
    framework.wait_for_stop().await.unwrap();
    assert_eq!(framework.state(), BundleState::Resolved);
    assert!(framework.context().references(None, None).is_empty());
    let started = bundle.start().await;
    assert!(
        matches!(started, Err(Error::NotRunning { .. })),
        "{started:?}"
    );
}

#[tokio::test]
async fn an_uninstalled_bundle_has_nothing_and_can_do_nothing() {
    let (framework, bundle) = told_to("nothing").await;
    let context = bundle.context();
    let service = framework.context().reference("test.thing", None).unwrap();
    assert_eq!(bundle.registered_services(), std::slice::from_ref(&service));
    let other = framework.context();
    let used = other.get::<dyn Thing>(&service).unwrap();
    bundle.uninstall().await.unwrap();
    assert_eq!(bundle.state(), BundleState::Uninstalled);
    assert!(bundle.registered_services().is_empty());
    assert!(bundle.used_services().is_empty());
    assert!(!service.is_registered());
    assert!(!used.release(), "the use ended with the service");
    assert!(framework.bundle(bundle.id()).is_none());
    assert_eq!(
        (bundle.version(), bundle.symbolic_name()),
        ("1.2.3", "test.thing-bundle")
    );
    let thing: Arc<dyn Thing> = Arc::new(Something);
    let attempts = [
        context.register(thing, Properties::new()).map(drop),
        bundle.start().await,
        bundle.update().await,
        bundle.uninstall().await,
    ];
    for attempt in attempts {
        assert!(
            matches!(attempt, Err(Error::BundleState { .. })),
            "{attempt:?}"
        );
    }
    let again = framework.install(&THING).unwrap();
    assert!(again.id() > bundle.id(), "numbers are not used again");
    again.start().await.unwrap();
    assert!(framework.context().reference("test.thing", None).is_some());
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn an_update_of_a_stopped_bundle_leaves_it_stopped_and_a_failed_one_says_so() {
    let (framework, bundle) = told_to("fail to stop").await;
    let kinds: Arc<Mutex<Vec<BundleEventKind>>> = Arc::default();
    let heard = Arc::clone(&kinds);
    framework
        .context()
        .add_bundle_listener(move |event: &BundleEvent| heard.lock().unwrap().push(event.kind));
    let taken = || std::mem::take(&mut *kinds.lock().unwrap());
    let failed = bundle.update().await;
    assert!(matches!(failed, Err(Error::Activator { .. })), "{failed:?}");
    assert_eq!(bundle.state(), BundleState::Resolved);
    let story = taken();
    assert_eq!(story.first(), Some(&BundleEventKind::UpdateBegin));
    assert_eq!(story.last(), Some(&BundleEventKind::UpdateFailed));
    bundle.update().await.unwrap();
    assert_eq!(bundle.state(), BundleState::Resolved);
    assert_eq!(
        taken(),
        [BundleEventKind::UpdateBegin, BundleEventKind::Updated]
    );
}

#[tokio::test]
async fn a_stop_ends_what_the_bundle_used_and_heard() {
    let (framework, bundle) = told_to("nothing").await;
    let plain = framework.bundle_by_name("test.plain").unwrap();
    let context = plain.context();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    context
        .add_service_listener(None, None, move |_: &ServiceEvent| {
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
    let counted = Arc::clone(&calls);
    context.add_bundle_listener(move |_: &BundleEvent| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let service = context.reference("test.thing", None).unwrap();
    let uses = [context.get::<dyn Thing>(&service), context.get(&service)];
    assert_eq!(plain.used_services(), std::slice::from_ref(&service));
    assert_eq!(service.use_count(plain.id()), 2);
    plain.stop().await.unwrap();
    assert!(plain.used_services().is_empty());
    let before = calls.load(Ordering::Relaxed);
    bundle.stop().await.unwrap();
    assert_eq!(
        calls.load(Ordering::Relaxed),
        before,
        "its listeners are gone"
    );
    drop(uses);
    assert_eq!(service.use_count(plain.id()), 0);
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn properties_are_preset_and_read_without_case() {
    let framework = Framework::builder()
        .property("answer", 42)
        .property("Framework.Uid", 7)
        .start()
        .await
        .unwrap();
    assert_eq!(framework.property("ANSWER").unwrap().as_i64(), Some(42));
    assert_eq!(
        framework.context().property("answer").unwrap().as_i64(),
        Some(42)
    );
    assert_eq!(framework.uuid(), "7", "whatever it was, it is text");
    assert!(
        framework.property("PATH").is_none(),
        "the environment is not read"
    );
    let other = Framework::builder().build().unwrap();
    assert_ne!(other.uuid(), framework.uuid());
    assert_eq!(other.uuid().len(), 36);
}

#[tokio::test]
async fn a_departing_service_is_seen_by_listeners_before_its_bundle_has_stopped() {
    let (framework, bundle) = told_to("nothing").await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let owner = bundle.clone();
    framework
        .context()
        .add_service_listener(Some("test.thing"), None, move |event: &ServiceEvent| {
            log.lock().unwrap().push((event.kind, owner.state()));
        })
        .unwrap();
    bundle.stop().await.unwrap();
    let expected = [(ServiceEventKind::Unregistering, BundleState::Stopping)];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_stop_may_give_up_and_wait_again() {
    let framework = Framework::builder().start().await.unwrap();
    let moment = std::time::Duration::from_secs(1);
    let early = tokio::time::timeout(moment, framework.wait_for_stop()).await;
    assert!(early.is_err(), "it runs");
    framework.stop().await.unwrap();
    framework.wait_for_stop().await.unwrap();
}

#[tokio::test]
async fn what_a_bundle_registered_is_told_apart_from_what_others_did() {
    let (framework, bundle) = told_to("nothing").await;
    let thing: Arc<dyn Thing> = Arc::new(Something);
    let context = framework.bundle_by_name("test.plain").unwrap().context();
    let other = context.register(thing, Properties::new()).unwrap();
    let own = bundle.registered_services();
    assert_eq!(own.len(), 1);
    assert_ne!(own[0], *other.reference());
    assert_eq!(
        context.bundle().registered_services(),
        [other.reference().clone()]
    );
    assert_eq!(
        framework
            .context()
            .references(Some("test.thing"), None)
            .len(),
        2
    );
}

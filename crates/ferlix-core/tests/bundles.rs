//! Bundles: order of states and events, activators that fail, the catalogue, and the end of the framework.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use ferlix_core::Error;
use ferlix_core::framework::{
    BoxError, BundleActivator, BundleContext, BundleDefinition, BundleEvent, BundleState, Framework,
};
use ferlix_core::property::Properties;
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

/// Registers a service and forgets it; refuses to start or stop when a framework property says so.
struct Activator;

#[async_trait::async_trait]
impl BundleActivator for Activator {
    async fn start(&self, context: &BundleContext) -> Result<(), BoxError> {
        let thing: Arc<dyn Thing> = Arc::new(Something);
        context.register(thing, Properties::new())?;
        match context.property("fail") {
            Some(how) if how.as_str() == Some("start") => Err("told to fail".into()),
            Some(how) if how.as_str() == Some("panic") => panic!("told to panic"),
            _ => Ok(()),
        }
    }

    async fn stop(&self, context: &BundleContext) -> Result<(), BoxError> {
        match context.property("fail") {
            Some(how) if how.as_str() == Some("stop") => Err("told to fail".into()),
            _ => Ok(()),
        }
    }
}

static ACTIVE: BundleDefinition = BundleDefinition {
    symbolic_name: "test.active",
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

fn log_events(framework: &Framework) -> Arc<Mutex<Vec<String>>> {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let lines = Arc::clone(&log);
    framework
        .context()
        .add_bundle_listener(move |event: &BundleEvent| {
            lines.lock().unwrap().push(format!(
                "{} {:?} {}",
                event.bundle.id(),
                event.kind,
                event.bundle.state()
            ));
        });
    log
}

fn taken(log: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

#[tokio::test]
async fn events_come_in_order_and_a_stop_releases_what_was_forgotten() {
    let framework = Framework::builder().start().await.unwrap();
    let log = log_events(&framework);
    let bundle = framework.install(&ACTIVE).unwrap();
    assert_eq!(
        framework.install(&ACTIVE).unwrap(),
        bundle,
        "the second time it is the same bundle"
    );
    assert_eq!(bundle.state(), BundleState::Resolved);
    bundle.start().await.unwrap();
    bundle.start().await.unwrap();
    assert_eq!(bundle.registered_services().len(), 1);
    bundle.stop().await.unwrap();
    bundle.stop().await.unwrap();
    assert!(bundle.registered_services().is_empty());
    bundle.start().await.unwrap();
    bundle.update().await.unwrap();
    bundle.uninstall().await.unwrap();
    assert!(framework.bundle_by_name("test.active").is_none());
    assert!(matches!(
        bundle.start().await,
        Err(Error::BundleState { .. })
    ));
    let expected = [
        "2 Installed RESOLVED",
        "2 Starting STARTING",
        "2 Started ACTIVE",
        "2 Stopping STOPPING",
        "2 StoppingPreclean STOPPING",
        "2 Stopped RESOLVED",
        "2 Starting STARTING",
        "2 Started ACTIVE",
        "2 UpdateBegin ACTIVE",
        "2 Stopping STOPPING",
        "2 StoppingPreclean STOPPING",
        "2 Stopped RESOLVED",
        "2 Starting STARTING",
        "2 Started ACTIVE",
        "2 Updated ACTIVE",
        "2 Stopping STOPPING",
        "2 StoppingPreclean STOPPING",
        "2 Stopped RESOLVED",
        "2 Uninstalled UNINSTALLED",
    ];
    assert_eq!(taken(&log), expected);
}

#[tokio::test]
async fn a_failing_activator_leaves_the_bundle_as_it_was() {
    for how in ["start", "panic"] {
        let framework = Framework::builder()
            .property("fail", how)
            .install(&ACTIVE)
            .start()
            .await
            .unwrap();
        assert_eq!(
            framework.state(),
            BundleState::Active,
            "the framework runs all the same"
        );
        let bundle = framework.bundle_by_name("test.active").unwrap();
        assert_eq!(bundle.state(), BundleState::Resolved);
        let error = bundle.start().await.unwrap_err();
        assert!(matches!(error, Error::Activator { .. }), "{error}");
        assert!(bundle.registered_services().is_empty());
    }
    let framework = Framework::builder()
        .property("fail", "stop")
        .install(&ACTIVE)
        .start()
        .await
        .unwrap();
    let bundle = framework.bundle_by_name("test.active").unwrap();
    assert!(matches!(bundle.stop().await, Err(Error::Activator { .. })));
    assert_eq!(
        bundle.state(),
        BundleState::Resolved,
        "it is stopped all the same"
    );
    assert!(bundle.registered_services().is_empty());
}

#[tokio::test]
async fn the_framework_stops_its_bundles_backwards_and_can_start_again() {
    let framework = Framework::builder()
        .install(&ACTIVE)
        .install(&PLAIN)
        .build()
        .unwrap();
    assert!(matches!(
        framework.bundle(2).unwrap().start().await,
        Err(Error::NotRunning { .. })
    ));
    let log = log_events(&framework);
    framework.start().await.unwrap();
    framework.start().await.unwrap();
    let names: Vec<&str> = framework
        .bundles()
        .iter()
        .map(ferlix_core::framework::Bundle::symbolic_name)
        .collect();
    assert_eq!(
        names,
        [
            "ferlix.framework",
            "ferlix.component",
            "test.active",
            "test.plain"
        ]
    );
    taken(&log);
    let waiter = framework.clone();
    let waiting = tokio::spawn(async move { waiter.wait_for_stop().await });
    framework.stop().await.unwrap();
    waiting.await.unwrap().unwrap();
    let stopped: Vec<String> = taken(&log)
        .into_iter()
        .filter(|line| line.contains("Stopped"))
        .collect();
    assert_eq!(
        stopped,
        [
            "3 Stopped RESOLVED",
            "2 Stopped RESOLVED",
            "1 Stopped RESOLVED",
            "0 Stopped RESOLVED"
        ]
    );
    framework.start().await.unwrap();
    assert_eq!(framework.bundle(2).unwrap().state(), BundleState::Active);
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn bundles_are_installed_by_name_from_the_catalogue() {
    let framework = Framework::builder()
        .catalogue(&[&PLAIN, &ACTIVE])
        .start()
        .await
        .unwrap();
    let bundle = framework.install_by_name("test.plain").unwrap();
    assert_eq!(bundle.to_string(), "Bundle(ID=2, Name=test.plain)");
    let error = framework.install_by_name("test.nothing").unwrap_err();
    let expected = "there is no bundle 'test.nothing' in the catalogue of this program; there are: test.plain, test.active";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn two_frameworks_live_side_by_side() {
    let one = Framework::builder().install(&ACTIVE).start().await.unwrap();
    let other = Framework::builder()
        .property("framework.uid", "other")
        .start()
        .await
        .unwrap();
    assert_eq!(other.uuid(), "other");
    assert_eq!(
        other.property("org.osgi.framework.uuid").unwrap().as_str(),
        Some("other")
    );
    assert!(one.context().reference("test.thing", None).is_some());
    assert!(other.context().reference("test.thing", None).is_none());
    other.stop().await.unwrap();
    assert_eq!(one.state(), BundleState::Active);
}

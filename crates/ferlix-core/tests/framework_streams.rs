//! Streams: service, bundle and framework events, and the tracker that follows services.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use ferlix_core::Error;
use ferlix_core::filter::Filter;
use ferlix_core::framework::{
    BoxError, BundleActivator, BundleContext, BundleDefinition, BundleEventKind, Framework,
    FrameworkEvent, FrameworkEventKind, ServiceTracker, Tracked,
};
use ferlix_core::property::Properties;
use ferlix_core::registry::{ServiceEventKind, ServiceRegistration};
use ferlix_core::service::{Interface, Service};
use futures_util::{FutureExt, StreamExt};

trait Thing: Send + Sync {}

impl Service for dyn Thing {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.thing");
        &INTERFACE
    }
}

/// Another trait that takes the same name.
trait Impostor: Send + Sync {}

impl Service for dyn Impostor {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.thing");
        &INTERFACE
    }
}

struct Something;

impl Thing for Something {}
impl Impostor for Something {}

/// Fails to start or to stop, as the framework property `fail` says.
struct Fails;

#[async_trait::async_trait]
impl BundleActivator for Fails {
    async fn start(&self, context: &BundleContext) -> Result<(), BoxError> {
        fail(context, "start")
    }

    async fn stop(&self, context: &BundleContext) -> Result<(), BoxError> {
        fail(context, "stop")
    }
}

fn fail(context: &BundleContext, when: &str) -> Result<(), BoxError> {
    match context.property("fail") {
        Some(how) if how.as_str() == Some(when) => Err("told to fail".into()),
        _ => Ok(()),
    }
}

static FAILS: BundleDefinition = BundleDefinition {
    symbolic_name: "test.fails",
    version: "0.0.0",
    location: file!(),
    components: &[],
    activator: Some(|| Box::new(Fails)),
};

async fn started() -> (Framework, BundleContext) {
    let framework = Framework::builder().install(&FAILS).start().await.unwrap();
    let context = framework.bundle_by_name("test.fails").unwrap().context();
    (framework, context)
}

fn thing(context: &BundleContext, ranking: i32) -> ServiceRegistration {
    let thing: Arc<dyn Thing> = Arc::new(Something);
    let properties = Properties::from([("service.ranking", ranking), ("size", 1)]);
    context.register(thing, properties).unwrap()
}

/// What the tracker tells now, without waiting: of each service its ranking, by which the tests know it.
fn told(tracker: &mut ServiceTracker<dyn Thing>) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(Some(item)) = tracker.next().now_or_never() {
        let kind = match item {
            Tracked::Added(_) => "+",
            Tracked::Modified(_) => "~",
            Tracked::Removed(_) => "-",
            _ => "?",
        };
        told.push(format!("{kind}{}", item.reference().ranking()));
    }
    told
}

fn size(size: i32) -> Properties {
    Properties::from([("size", size)])
}

#[tokio::test]
async fn a_tracker_starts_with_what_is_there_and_follows_it() {
    let (framework, context) = started().await;
    let (one, two) = (thing(&context, 1), thing(&context, 2));
    let filter = Filter::parse("(size=1)").unwrap();
    let mut tracker = framework
        .context()
        .track::<dyn Thing>(Some(&filter))
        .unwrap();
    assert_eq!(told(&mut tracker), ["+2", "+1"], "best first");
    one.set_properties(&Properties::from([("color", "red")]))
        .unwrap();
    assert_eq!(told(&mut tracker), ["~1"]);
    two.set_properties(&size(2)).unwrap();
    assert_eq!(told(&mut tracker), ["-2"]);
    two.set_properties(&Properties::from([("color", "red")]))
        .unwrap();
    assert!(told(&mut tracker).is_empty());
    two.set_properties(&size(1)).unwrap();
    one.unregister().await.unwrap();
    assert_eq!(told(&mut tracker), ["+2", "-1"]);
    framework.stop().await.unwrap();
    assert_eq!(told(&mut tracker), ["-2"]);
    assert!(tracker.next().await.is_none(), "it ends with its bundle");
}

#[tokio::test]
async fn a_tracker_tells_a_slow_reader_what_is_left_of_many_changes() {
    let (_framework, context) = started().await;
    let mut tracker = context.track::<dyn Thing>(None).unwrap();
    let stays = thing(&context, 1);
    thing(&context, 2).unregister().await.unwrap();
    for number in 2..1_000 {
        stays.set_properties(&size(number)).unwrap();
    }
    assert_eq!(told(&mut tracker), ["+1"], "the other came and went unseen");
    let filter = Filter::parse("(size=1)").unwrap();
    let mut small = context.track::<dyn Thing>(Some(&filter)).unwrap();
    stays.set_properties(&size(1)).unwrap();
    assert_eq!(told(&mut small), ["+1"]);
    stays.set_properties(&size(2)).unwrap();
    stays.set_properties(&size(1)).unwrap();
    assert_eq!(told(&mut small), ["~1"], "it went and came back unseen");
    assert_eq!(told(&mut tracker), ["~1"]);
    stays.set_properties(&size(3)).unwrap();
    stays.unregister().await.unwrap();
    assert_eq!(told(&mut small), ["-1"]);
    assert_eq!(told(&mut tracker), ["-1"]);
    assert!(
        format!("{tracker:?}").contains("services: 0"),
        "it keeps nothing"
    );
}

#[tokio::test]
async fn what_a_tracker_gives_counts_as_a_use_and_other_traits_are_left_out() {
    let (framework, context) = started().await;
    let impostor: Arc<dyn Impostor> = Arc::new(Something);
    let impostor = context.register(impostor, Properties::new()).unwrap();
    let registration = thing(&context, 0);
    let mut tracker = framework.context().track::<dyn Thing>(None).unwrap();
    let Some(Tracked::Added(service)) = tracker.next().await else {
        panic!("the service is there");
    };
    assert_eq!(service.reference(), registration.reference());
    assert_eq!(registration.reference().using_bundles(), [0]);
    drop(service);
    assert!(registration.reference().using_bundles().is_empty());
    impostor.set_properties(&size(7)).unwrap();
    impostor.unregister().await.unwrap();
    assert!(told(&mut tracker).is_empty());
}

#[tokio::test]
async fn a_reader_that_waits_is_woken() {
    let (framework, context) = started().await;
    let mut tracker = framework.context().track::<dyn Thing>(None).unwrap();
    let mut events = framework
        .context()
        .service_events(Some("test.thing"), None)
        .unwrap();
    let reader = tokio::spawn(async move {
        let item = tracker.next().await.map(|item| item.reference().ranking());
        let event = events.next().await.map(|event| event.kind);
        (
            item,
            event,
            tracker.next().await.is_some(),
            tracker.next().await.is_none(),
        )
    });
    tokio::task::yield_now().await;
    let registration = thing(&context, 9);
    tokio::task::yield_now().await;
    registration.unregister().await.unwrap();
    tokio::task::yield_now().await;
    framework.stop().await.unwrap();
    let read = reader.await.unwrap();
    assert_eq!(
        read,
        (Some(9), Some(ServiceEventKind::Registered), true, true)
    );
}

#[test]
fn a_tracker_agrees_with_the_registry_whatever_two_threads_do() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (framework, context) = runtime.block_on(started());
    let filter = Filter::parse("(size=1)").unwrap();
    let mut tracker = framework
        .context()
        .track::<dyn Thing>(Some(&filter))
        .unwrap();
    let workers: Vec<_> = (0..2)
        .map(|seed| {
            let context = context.clone();
            std::thread::spawn(move || {
                for turn in 0..400 {
                    let registration = thing(&context, 0);
                    registration.set_properties(&size(turn % 3)).unwrap();
                    if (turn + seed) % 4 != 0 {
                        registration.unregister_now().unwrap();
                    }
                }
            })
        })
        .collect();
    let mut known = std::collections::BTreeSet::new();
    let mut read = |tracker: &mut ServiceTracker<dyn Thing>| {
        while let Some(Some(item)) = tracker.next().now_or_never() {
            let id = item.reference().id();
            match item {
                Tracked::Added(_) => assert!(known.insert(id), "{id} is added once"),
                Tracked::Removed(_) => assert!(known.remove(&id), "{id} was there"),
                _ => assert!(known.contains(&id), "{id} is there"),
            }
        }
        known.len()
    };
    while workers.iter().any(|worker| !worker.is_finished()) {
        read(&mut tracker);
        std::thread::yield_now();
    }
    for worker in workers {
        worker.join().unwrap();
    }
    let there = context.references(Some("test.thing"), Some(&filter)).len();
    assert!(there > 0);
    assert_eq!(read(&mut tracker), there);
}

#[tokio::test]
async fn bundle_events_come_as_a_stream_and_end_with_the_bundle() {
    let (framework, context) = started().await;
    let mut events = framework.context().bundle_events();
    let mut own = context.bundle_events();
    context.bundle().stop().await.unwrap();
    let mut kinds = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        assert_eq!(event.bundle, *context.bundle());
        kinds.push(event.kind);
    }
    let expected = [
        BundleEventKind::Stopping,
        BundleEventKind::StoppingPreclean,
        BundleEventKind::Stopped,
    ];
    assert_eq!(kinds, expected);
    let mut heard = 0;
    while own.next().await.is_some() {
        heard += 1;
    }
    assert_eq!(heard, 2, "its listeners were gone before it was stopped");
    assert_eq!(own.lost(), 0);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_drops_its_oldest_events_and_counts_them() {
    let (_framework, context) = started().await;
    let mut events = context.service_events(None, None).unwrap();
    let registration = thing(&context, 0);
    let last = 16_384 + 10;
    for number in 0..last {
        registration.set_properties(&size(-number)).unwrap();
    }
    assert_eq!(events.lost(), 11);
    let first = events.next().await.unwrap();
    assert_eq!(first.properties.get("size").unwrap().as_i64(), Some(-10));
}

type Story = Arc<Mutex<Vec<(FrameworkEventKind, u64, String)>>>;

fn listen(framework: &Framework) -> Story {
    let story = Story::default();
    let told = Arc::clone(&story);
    framework
        .context()
        .add_framework_listener(|_: &FrameworkEvent| panic!("on purpose"));
    framework
        .context()
        .add_framework_listener(move |event: &FrameworkEvent| {
            let error = event.error.as_ref().map(|error| {
                assert!(matches!(**error, Error::Activator { .. }));
                ferlix_core::error_chain(&**error)
            });
            let line = (event.kind, event.bundle.id(), error.unwrap_or_default());
            told.lock().unwrap().push(line);
        });
    story
}

#[tokio::test]
async fn the_framework_tells_when_it_starts_and_stops_and_which_bundle_failed() {
    for (how, place) in [("start", 0), ("stop", 2)] {
        let framework = Framework::builder()
            .property("fail", how)
            .install(&FAILS)
            .build()
            .unwrap();
        let story = listen(&framework);
        let mut stream = framework.context().framework_events();
        framework.start().await.unwrap();
        framework.stop().await.unwrap();
        let mut story = std::mem::take(&mut *story.lock().unwrap());
        let (kind, bundle, error) = story.remove(place);
        assert_eq!((kind, bundle), (FrameworkEventKind::Error, 2));
        assert!(error.contains("told to fail"), "{error}");
        let kinds: Vec<_> = story
            .iter()
            .map(|(kind, bundle, _)| (*kind, *bundle))
            .collect();
        let expected = [
            (FrameworkEventKind::Started, 0),
            (FrameworkEventKind::Stopping, 0),
            (FrameworkEventKind::Stopped, 0),
        ];
        assert_eq!(kinds, expected);
        let mut heard = 0;
        while stream.next().await.is_some() {
            heard += 1;
        }
        assert_eq!(heard, 4);
    }
}

//! The directory of a discovery: who is told what, in which order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRegistration;
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::{
    EndpointDirectory, EndpointEvent, EndpointEventKind, EndpointEventListener, SCOPE,
};
use proptest::prelude::*;
use tokio::sync::Notify;

use crate::support::{Log, endpoint, wait_for};

/// Writes what it is told to a log; waits before each event while it is slow.
#[derive(Default)]
struct Listener {
    log: Log,
    slow: AtomicBool,
    go: Notify,
    panics: AtomicBool,
    /// What it would believe to be there.
    known: Mutex<Vec<(String, Option<String>)>>,
}

#[async_trait]
impl EndpointEventListener for Listener {
    async fn endpoint_changed(&self, event: EndpointEvent) {
        let value = event.endpoint.properties().text("value").map(str::to_owned);
        let shown = value.as_deref().unwrap_or("-");
        self.log.add(format!(
            "{} {} {shown} {}",
            event.kind,
            event.endpoint.id(),
            event.scope
        ));
        {
            let mut known = self.known.lock().unwrap();
            known.retain(|(id, _)| id != event.endpoint.id());
            if matches!(
                event.kind,
                EndpointEventKind::Added | EndpointEventKind::Modified
            ) {
                known.push((event.endpoint.id().to_owned(), value));
            }
        }
        if self.slow.load(Ordering::SeqCst) {
            self.go.notified().await;
        }
        assert!(
            !self.panics.load(Ordering::SeqCst),
            "the listener of the test panics on purpose"
        );
    }
}

fn register(
    context: &BundleContext,
    scope: impl Into<Value>,
) -> (Arc<Listener>, ServiceRegistration) {
    let listener = Arc::new(Listener::default());
    let properties = Properties::from([(SCOPE, scope.into())]);
    let registration = context
        .register::<dyn EndpointEventListener>(listener.clone(), properties)
        .unwrap();
    (listener, registration)
}

fn described(id: &str, value: &str, time: i64) -> EndpointDescription {
    endpoint(
        id,
        "x",
        &[
            ("value", Value::from(value)),
            ("ecf.endpoint.ts", Value::Long(time)),
        ],
    )
}

async fn directory() -> (Framework, EndpointDirectory) {
    let framework = Framework::builder().start().await.unwrap();
    let directory = EndpointDirectory::open(&framework.context(), "test").unwrap();
    (framework, directory)
}

const ALL: &str = "(endpoint.id=*)";

#[tokio::test]
async fn a_listener_is_told_what_came_changed_and_went() {
    let (framework, directory) = directory().await;
    let (listener, _) = register(&framework.context(), ALL);
    let told = async || {
        framework.settle().await;
        listener.log.take()
    };
    directory.put("k1", described("e1", "a", 1));
    assert_eq!(told().await, ["ADDED e1 a (endpoint.id=*)"]);
    directory.put("k1", described("e1", "b", 2));
    assert_eq!(told().await, ["MODIFIED e1 b (endpoint.id=*)"]);
    directory.put("k1", described("e1", "b", 3));
    assert_eq!(told().await, [""; 0], "the time stamp alone is no change");
    assert_eq!(directory.get("k1").unwrap().timestamp(), 3);
    directory.put("k1", described("e2", "c", 4));
    let mut both = told().await;
    both.sort();
    assert_eq!(
        both,
        ["ADDED e2 c (endpoint.id=*)", "REMOVED e1 b (endpoint.id=*)"]
    );
    assert!(directory.remove("k1"));
    assert!(!directory.remove("k1"));
    assert_eq!(told().await, ["REMOVED e2 c (endpoint.id=*)"]);
}

#[tokio::test]
async fn an_endpoint_stays_while_one_key_has_it() {
    let (framework, directory) = directory().await;
    let (listener, _) = register(&framework.context(), ALL);
    directory.put("k1", described("e1", "a", 1));
    directory.put("k2", described("e1", "b", 1));
    framework.settle().await;
    listener.log.take();
    directory.remove("k2");
    framework.settle().await;
    assert_eq!(listener.log.take(), ["MODIFIED e1 a (endpoint.id=*)"]);
    directory.remove("k1");
    framework.settle().await;
    assert_eq!(listener.log.take(), ["REMOVED e1 a (endpoint.id=*)"]);
    assert!(directory.is_empty());
}

#[tokio::test]
async fn a_late_listener_is_told_everything_in_its_scope() {
    let (framework, directory) = directory().await;
    directory.put("k1", described("e1", "a", 1));
    directory.put("k2", described("e2", "b", 1));
    let (one, _) = register(&framework.context(), ["(nothing=*)", "(value=b)", ALL]);
    let (none, _) = register(&framework.context(), Vec::<String>::new());
    let (bad, _) = register(&framework.context(), "((");
    framework.settle().await;
    let mut told = one.log.take();
    told.sort();
    assert_eq!(told, ["ADDED e1 a (endpoint.id=*)", "ADDED e2 b (value=b)"]);
    assert_eq!((none.log.take().len(), bad.log.take().len()), (0, 0));
}

#[tokio::test]
async fn scopes_that_cease_to_match_and_change_are_followed() {
    let (framework, directory) = directory().await;
    let (listener, registration) = register(&framework.context(), "(value=a)");
    let told = async || {
        framework.settle().await;
        listener.log.take()
    };
    directory.put("k1", described("e1", "a", 1));
    assert_eq!(told().await, ["ADDED e1 a (value=a)"]);
    directory.put("k1", described("e1", "b", 2));
    assert_eq!(told().await, ["MODIFIED_ENDMATCH e1 b (value=a)"]);
    directory.put("k1", described("e1", "c", 3));
    assert_eq!(told().await, [""; 0]);
    directory.put("k1", described("e1", "a", 4));
    assert_eq!(told().await, ["ADDED e1 a (value=a)"]);
    directory.put("k2", described("e2", "b", 1));
    registration
        .set_properties(&Properties::from([(
            SCOPE,
            Value::from(["(value=a)", "(value=b)"]),
        )]))
        .unwrap();
    assert_eq!(told().await, ["ADDED e2 b (value=b)"]);
    directory.remove("k1");
    assert_eq!(told().await, ["REMOVED e1 a (value=a)"]);
    registration.unregister().await.unwrap();
    directory.remove("k2");
    assert_eq!(told().await, [""; 0]);
}

#[tokio::test]
async fn without_a_scope_nothing_is_told_and_the_first_filter_that_matches_is_passed() {
    let (framework, directory) = directory().await;
    let context = framework.context();
    let none = [
        Value::List(Vec::new()),
        Value::from(""),
        Value::from("no filter"),
        Value::from(5),
    ]
    .map(|scope| register(&context, scope).0);
    let without = Arc::new(Listener::default());
    context
        .register::<dyn EndpointEventListener>(without.clone(), Properties::new())
        .unwrap();
    let several = Value::Set(vec![
        "(value=other)".into(),
        "no filter".into(),
        "(endpoint.id=e*)".into(),
        "(value=a)".into(),
    ]);
    let (first, _) = register(&context, several);
    directory.put("k", described("e1", "a", 1));
    directory.put("k", described("e1", "b", 2));
    directory.remove("k");
    framework.settle().await;
    let told = first.log.take();
    // What changes before the listener is told is told once.
    assert!(
        told.iter().all(|line| line.ends_with(" (endpoint.id=e*)")),
        "{told:?}"
    );
    directory.put("k", described("e1", "a", 3));
    framework.settle().await;
    directory.put("k", described("e1", "other", 4));
    framework.settle().await;
    directory.remove("k");
    framework.settle().await;
    assert_eq!(
        first.log.take(),
        [
            "ADDED e1 a (endpoint.id=e*)",
            "MODIFIED e1 other (value=other)",
            "REMOVED e1 other (value=other)"
        ]
    );
    for silent in none.iter().chain([&without]) {
        assert_eq!(silent.log.take(), [""; 0]);
    }
}

#[tokio::test]
async fn a_slow_listener_delays_only_itself_and_misses_only_what_is_past() {
    let (framework, directory) = directory().await;
    let (slow, _) = register(&framework.context(), ALL);
    let (quick, _) = register(&framework.context(), ALL);
    slow.slow.store(true, Ordering::SeqCst);
    directory.put("k1", described("e1", "0", 0));
    wait_for(|| slow.known.lock().unwrap().len() == 1).await;
    for round in 1..=200 {
        directory.put("k1", described("e1", &round.to_string(), round));
    }
    directory.put("k2", described("e2", "x", 0));
    wait_for(|| {
        quick
            .known
            .lock()
            .unwrap()
            .contains(&("e1".to_owned(), Some("200".to_owned())))
    })
    .await;
    wait_for(|| slow.known.lock().unwrap().len() == 2).await;
    slow.slow.store(false, Ordering::SeqCst);
    slow.go.notify_waiters();
    framework.settle().await;
    let told = slow.log.take();
    let last = told.iter().rfind(|line| line.contains("e1"));
    assert_eq!(last.unwrap(), "MODIFIED e1 200 (endpoint.id=*)");
    assert!(told.len() < 10, "what is past is told once: {}", told.len());
}

#[tokio::test]
async fn a_removal_is_never_swallowed() {
    let (framework, directory) = directory().await;
    let (listener, _) = register(&framework.context(), ALL);
    listener.slow.store(true, Ordering::SeqCst);
    directory.put("k1", described("e1", "a", 1));
    wait_for(|| listener.known.lock().unwrap().len() == 1).await;
    directory.remove("k1");
    directory.put("k1", described("e1", "a", 1));
    listener.slow.store(false, Ordering::SeqCst);
    listener.go.notify_waiters();
    framework.settle().await;
    assert_eq!(
        listener.log.take(),
        [
            "ADDED e1 a (endpoint.id=*)",
            "REMOVED e1 a (endpoint.id=*)",
            "ADDED e1 a (endpoint.id=*)"
        ]
    );
}

#[tokio::test]
async fn a_listener_that_panics_is_told_on() {
    let (framework, directory) = directory().await;
    let (listener, _) = register(&framework.context(), ALL);
    listener.panics.store(true, Ordering::SeqCst);
    directory.put("k1", described("e1", "a", 1));
    framework.settle().await;
    directory.put("k1", described("e1", "b", 2));
    framework.settle().await;
    assert_eq!(
        listener.log.take(),
        [
            "ADDED e1 a (endpoint.id=*)",
            "MODIFIED e1 b (endpoint.id=*)"
        ]
    );
}

#[tokio::test]
async fn a_discovery_that_ends_takes_back_what_it_told() {
    let (framework, directory) = directory().await;
    let (listener, _) = register(&framework.context(), ALL);
    directory.put("k1", described("e1", "a", 1));
    framework.settle().await;
    directory.close().await;
    assert_eq!(
        listener.log.take(),
        ["ADDED e1 a (endpoint.id=*)", "REMOVED e1 a (endpoint.id=*)"]
    );
    let (late, _) = register(&framework.context(), ALL);
    framework.settle().await;
    assert_eq!(late.log.take(), [""; 0]);
}

proptest! {
    /// Whatever comes in whatever order: in the end each listener knows what the records say, and nothing else.
    #[test]
    fn listeners_end_up_knowing_the_records(steps in prop::collection::vec((0..4_u8, 0..3_u8, 0..3_u8, any::<bool>()), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (framework, directory) = directory().await;
            let (early, _) = register(&framework.context(), "(|(value=v0)(value=v1))");
            for (time, (key, id, value, settle)) in steps.iter().enumerate() {
                let key = format!("k{key}");
                if *value == 2 && *id == 0 {
                    directory.remove(&key);
                } else {
                    let time = i64::try_from(time).unwrap();
                    directory.put(key.as_str(), described(&format!("e{id}"), &format!("v{value}"), time));
                }
                if *settle {
                    framework.settle().await;
                }
            }
            let (late, _) = register(&framework.context(), "(|(value=v0)(value=v1))");
            framework.settle().await;
            let mut known = early.known.lock().unwrap().clone();
            known.sort();
            let mut known_late = late.known.lock().unwrap().clone();
            known_late.sort();
            assert_eq!(known, known_late);
            let recorded = |entry: &(String, Option<String>)| {
                directory.discovered().iter().any(|record| {
                    let endpoint = &record.endpoint;
                    endpoint.id() == entry.0 && endpoint.properties().text("value") == entry.1.as_deref()
                })
            };
            assert!(known.iter().all(recorded), "{known:?}");
        });
    }
}

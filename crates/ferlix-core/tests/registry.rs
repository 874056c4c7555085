//! The service registry from outside: order, properties, events, hooks, departures.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use ferlix_core::Error;
use ferlix_core::filter::Filter;
use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::{
    EventListenerHook, FindHook, FindRequest, FoundSet, ListenerHook, ListenerInfo, ListenerSet,
    ServiceEvent, ServiceEventKind, ServiceObject, ServiceRegistration,
};
use ferlix_core::service::{Argument, BoxFuture, CallError, Caller, Interface, Reply, Service};

trait Greeter: Send + Sync {
    fn greet(&self) -> String;
}

impl Service for dyn Greeter {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.greeter");
        &INTERFACE
    }
}

trait Counter: Send + Sync {
    fn count(&self) -> usize;
}

impl Service for dyn Counter {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.counter");
        &INTERFACE
    }
}

struct Named(&'static str);

impl Greeter for Named {
    fn greet(&self) -> String {
        format!("I am {}", self.0)
    }
}

impl Counter for Named {
    fn count(&self) -> usize {
        self.0.len()
    }
}

async fn started() -> (Framework, BundleContext) {
    let framework = Framework::builder().start().await.unwrap();
    let context = framework.context();
    (framework, context)
}

fn greeter(name: &'static str) -> Arc<dyn Greeter> {
    Arc::new(Named(name))
}

type Log = Arc<Mutex<Vec<String>>>;

fn listen(context: &BundleContext, filter: Option<&str>, log: &Log) {
    let log = Arc::clone(log);
    let filter = filter.map(|text| Filter::parse(text).unwrap());
    let listener =
        move |event: &ServiceEvent| log.lock().unwrap().push(format!("{:?}", event.kind));
    context
        .add_service_listener(Some("test.greeter"), filter, listener)
        .unwrap();
}

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

#[tokio::test]
async fn the_best_ranked_is_found_first_and_ids_are_never_reused() {
    let (framework, context) = started().await;
    let low = context.register(greeter("low"), Properties::new()).unwrap();
    let high = context
        .register(greeter("high"), Properties::from([("service.ranking", 5)]))
        .unwrap();
    assert_eq!(
        context.service::<dyn Greeter>(None).unwrap().greet(),
        "I am high"
    );
    low.set_properties(&Properties::from([("service.ranking", 9)]))
        .unwrap();
    assert_eq!(
        context.service::<dyn Greeter>(None).unwrap().greet(),
        "I am low"
    );
    let order: Vec<u64> = context
        .references(Some("test.greeter"), None)
        .iter()
        .map(ferlix_core::registry::ServiceRef::id)
        .collect();
    assert_eq!(order, [low.reference().id(), high.reference().id()]);
    let last = high.reference().id();
    high.unregister().await.unwrap();
    let next = context
        .register(greeter("next"), Properties::new())
        .unwrap();
    assert!(next.reference().id() > last);
    assert!(matches!(
        high.unregister().await,
        Err(Error::Unregistered { .. })
    ));
    assert!(matches!(
        high.set_properties(&Properties::new()),
        Err(Error::Unregistered { .. })
    ));
    framework.stop().await.unwrap();
    assert!(!next.reference().is_registered());
}

#[tokio::test]
async fn one_object_under_two_interfaces() {
    let (_framework, context) = started().await;
    let object = Arc::new(Named("both"));
    let object = ServiceObject::new::<dyn Greeter>(object.clone()).and::<dyn Counter>(object);
    let registration = context.register_object(object, Properties::new()).unwrap();
    let counter = context.service::<dyn Counter>(None).unwrap();
    assert_eq!(counter.count(), 4);
    let text = registration.reference().to_string();
    let id = registration.reference().id();
    assert_eq!(
        text,
        format!("ServiceReference(ID={id}, Bundle=0, Specs=['test.greeter', 'test.counter'])")
    );
    assert_eq!(registration.reference().using_bundles(), [0]);
    drop(counter);
    assert!(registration.reference().using_bundles().is_empty());
}

#[tokio::test]
async fn reserved_properties_stay_and_others_come_and_go() {
    let (_framework, context) = started().await;
    let log = Log::default();
    listen(&context, None, &log);
    let given = Properties::from([
        ("objectClass", Value::from("forged")),
        ("service.id", 99.into()),
        ("a", 1.into()),
    ]);
    let registration = context.register(greeter("x"), given).unwrap();
    let properties = registration.reference().properties();
    assert_eq!(properties.texts("objectClass"), ["test.greeter"]);
    assert_ne!(properties.get("service.id").unwrap().as_i64(), Some(99));
    registration
        .set_properties(&Properties::from([("SERVICE.BUNDLEID", 7), ("a", 1)]))
        .unwrap();
    registration
        .remove_properties(&["a", "objectClass"])
        .unwrap();
    let properties = registration.reference().properties();
    assert!(!properties.contains("a"));
    assert_eq!(
        properties.get("service.bundleid").unwrap().as_i64(),
        Some(0)
    );
    assert_eq!(
        taken(&log),
        ["Registered", "Modified"],
        "an equal set makes no event"
    );
}

#[tokio::test]
async fn a_filter_sees_a_change_as_end_of_match() {
    let (_framework, context) = started().await;
    let log = Log::default();
    listen(&context, Some("(color=red)"), &log);
    let registration = context
        .register(greeter("x"), Properties::from([("color", "red")]))
        .unwrap();
    registration
        .set_properties(&Properties::from([("color", "blue")]))
        .unwrap();
    registration
        .set_properties(&Properties::from([("color", "green")]))
        .unwrap();
    registration
        .set_properties(&Properties::from([("color", "red")]))
        .unwrap();
    registration.unregister().await.unwrap();
    assert_eq!(
        taken(&log),
        [
            "Registered",
            "ModifiedEndMatch",
            "Modified",
            "Unregistering"
        ]
    );
}

#[tokio::test]
async fn a_departing_service_can_be_used_while_its_listeners_run_and_not_after() {
    let (_framework, context) = started().await;
    let seen = Log::default();
    let log = Arc::clone(&seen);
    let inner = context.clone();
    let listener = move |event: &ServiceEvent| {
        if event.kind == ServiceEventKind::Unregistering {
            let found = inner.service::<dyn Greeter>(None).is_some();
            let got = inner
                .get::<dyn Greeter>(&event.reference)
                .map(|service| service.greet());
            log.lock().unwrap().push(format!("{found} {got:?}"));
        }
    };
    context
        .add_service_listener(Some("test.greeter"), None, listener)
        .unwrap();
    let registration = context.register(greeter("x"), Properties::new()).unwrap();
    let reference = registration.reference().clone();
    registration.unregister().await.unwrap();
    assert_eq!(taken(&seen), ["false Some(\"I am x\")"]);
    assert!(context.get::<dyn Greeter>(&reference).is_none());
}

struct Keeper(Log);

impl EventListenerHook for Keeper {
    fn event(&self, event: &ServiceEvent, listeners: &mut ListenerSet) {
        self.0.lock().unwrap().push(format!(
            "hook {:?} {}",
            event.kind,
            listeners.iter().count()
        ));
        listeners.retain(|_| false);
    }
}

#[tokio::test]
async fn a_hook_sees_events_first_and_can_keep_them_from_listeners() {
    let (_framework, context) = started().await;
    let log = Log::default();
    listen(&context, None, &log);
    let hook: Arc<dyn EventListenerHook> = Arc::new(Keeper(Arc::clone(&log)));
    let hook = context.register(hook, Properties::new()).unwrap();
    assert!(taken(&log).is_empty(), "a hook does not see itself");
    context.register(greeter("x"), Properties::new()).unwrap();
    assert_eq!(taken(&log), ["hook Registered 1"]);
    hook.unregister().await.unwrap();
    context.register(greeter("y"), Properties::new()).unwrap();
    assert_eq!(taken(&log), ["Registered"]);
}

#[tokio::test]
async fn a_panicking_listener_hurts_nobody_and_events_caused_by_events_keep_their_order() {
    let (_framework, context) = started().await;
    let log = Log::default();
    context
        .add_service_listener(Some("test.greeter"), None, |_| panic!("on purpose"))
        .unwrap();
    let registration = Arc::new(Mutex::new(
        None::<ferlix_core::registry::ServiceRegistration>,
    ));
    let (inner, other) = (context.clone(), Arc::clone(&registration));
    let listener = move |event: &ServiceEvent| {
        if event.kind == ServiceEventKind::Registered {
            let registered = inner.reference_by_id(event.reference.id());
            assert!(registered.is_some());
        } else if let Some(registration) = other.lock().unwrap().clone()
            && event.properties.get("n").and_then(Value::as_i64) == Some(1)
        {
            registration
                .set_properties(&Properties::from([("n", 2)]))
                .unwrap();
        }
    };
    context
        .add_service_listener(Some("test.greeter"), None, listener)
        .unwrap();
    let values = Arc::clone(&log);
    let last = move |event: &ServiceEvent| {
        values
            .lock()
            .unwrap()
            .push(format!("{:?}", event.properties.get("n")));
    };
    context
        .add_service_listener(Some("test.greeter"), None, last)
        .unwrap();
    let made = context.register(greeter("x"), Properties::new()).unwrap();
    *registration.lock().unwrap() = Some(made.clone());
    made.set_properties(&Properties::from([("n", 1)])).unwrap();
    assert_eq!(taken(&log), ["None", "Some(Int(1))", "Some(Int(2))"]);
}

/// A peer that knows no method.
struct Nobody;
impl Caller for Nobody {
    fn call<'a>(
        &'a self,
        method: &'a str,
        _: &'a [Argument<'a>],
        _: Reply<'a>,
    ) -> BoxFuture<'a, Result<(), CallError>> {
        let method = method.to_owned();
        Box::pin(async move { Err(CallError::UnknownMethod { method }) })
    }
}

#[tokio::test]
async fn hostile_names_are_refused_everywhere() {
    let (_framework, context) = started().await;
    for name in ["", " ", " a", "a)(b", "a*", "a,b", "a\nb"] {
        let refused =
            context.register_remote(vec![name.to_owned()], Arc::new(Nobody), Properties::new());
        assert!(
            matches!(refused, Err(Error::Specification { .. })),
            "{name:?}"
        );
        assert!(
            context
                .add_service_listener(Some(name), None, |_| {})
                .is_err(),
            "{name:?}"
        );
    }
    assert!(
        context
            .register_remote(Vec::new(), Arc::new(Nobody), Properties::new())
            .is_err()
    );
}

/// Hides what has a secret from every bundle but the framework.
struct Veil(Log);

impl FindHook for Veil {
    fn find(&self, request: &FindRequest<'_>, found: &mut FoundSet) {
        let asked = format!("{} {:?}", request.bundle_id, request.specification);
        self.0.lock().unwrap().push(asked);
        found.retain(|service| service.property("secret").is_none());
        assert!(
            found
                .iter()
                .all(|service| service.property("secret").is_none())
        );
    }
}

struct Broken;

impl FindHook for Broken {
    fn find(&self, _: &FindRequest<'_>, _: &mut FoundSet) {
        panic!("on purpose");
    }
}

#[tokio::test]
async fn a_find_hook_sees_look_ups_and_may_take_from_them() {
    let (_framework, context) = started().await;
    let log = Log::default();
    let secret = Properties::from([("secret", 1), ("service.ranking", 1)]);
    let secret = context.register(greeter("secret"), secret).unwrap();
    context
        .register(greeter("plain"), Properties::new())
        .unwrap();
    let broken: Arc<dyn FindHook> = Arc::new(Broken);
    context
        .register(broken, Properties::from([("service.ranking", 9)]))
        .unwrap();
    let veil: Arc<dyn FindHook> = Arc::new(Veil(Arc::clone(&log)));
    let veil = context.register(veil, Properties::new()).unwrap();
    assert_eq!(
        context.service::<dyn Greeter>(None).unwrap().greet(),
        "I am plain"
    );
    assert_eq!(context.services::<dyn Greeter>(None).len(), 1);
    assert_eq!(context.references(Some("test.greeter"), None).len(), 1);
    assert!(
        context
            .reference("test.greeter", Some(&Filter::equal("secret", "1")))
            .is_none()
    );
    assert!(context.reference_by_id(secret.reference().id()).is_none());
    let asked = taken(&log);
    assert_eq!(asked.len(), 5);
    assert_eq!(asked[0], "0 Some(\"test.greeter\")");
    assert!(
        context.get::<dyn Greeter>(secret.reference()).is_some(),
        "whoever has the reference has the service"
    );
    veil.unregister().await.unwrap();
    assert_eq!(
        context.service::<dyn Greeter>(None).unwrap().greet(),
        "I am secret"
    );
    assert!(taken(&log).is_empty());
}

#[tokio::test]
async fn a_listener_may_delay_a_departure() {
    let (_framework, context) = started().await;
    let held = Arc::new(Mutex::new(None));
    let holder = Arc::clone(&held);
    let listener = move |event: &ServiceEvent| {
        let hold = event.hold("the tracker of the test");
        assert_eq!(
            hold.is_some(),
            event.kind == ServiceEventKind::Unregistering
        );
        *holder.lock().unwrap() = hold;
    };
    context
        .add_service_listener(Some("test.greeter"), None, listener)
        .unwrap();
    let registration = context.register(greeter("x"), Properties::new()).unwrap();
    let departure = tokio::spawn(async move { registration.unregister().await });
    while held.lock().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    assert!(!departure.is_finished());
    held.lock().unwrap().take();
    departure.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_departure_that_is_held_too_long_names_the_holder() {
    let framework = Framework::builder()
        .property("ferlix.departure_timeout", 1)
        .start()
        .await
        .unwrap();
    let context = framework.context();
    let held = Arc::new(Mutex::new(None));
    let holder = Arc::clone(&held);
    let listener = move |event: &ServiceEvent| {
        let hold = event.hold("the tracker of the test");
        *holder.lock().unwrap() = hold;
    };
    context
        .add_service_listener(Some("test.greeter"), None, listener)
        .unwrap();
    let registration = context.register(greeter("x"), Properties::new()).unwrap();
    let late = registration.unregister().await.unwrap_err();
    assert!(
        late.to_string().contains("the tracker of the test"),
        "{late}"
    );
}

#[tokio::test]
async fn an_equality_is_found_whatever_the_value_s_type() {
    let (_framework, context) = started().await;
    let values = [
        Value::from("5"),
        Value::from(5),
        Value::from(5_i64),
        Value::from(5.0),
        Value::from(vec!["4", "5"]),
        Value::List(vec![Value::from(4), Value::from(5)]),
        Value::from("05"),
        Value::from(true),
        Value::Null,
    ];
    let register = |value: &Value| {
        let properties = Properties::from([("Kind", value.clone())]);
        context.register(greeter("x"), properties).unwrap()
    };
    let registrations: Vec<_> = values.iter().map(register).collect();
    let found = |text: &str| -> Vec<usize> {
        let filter = Filter::equal("kind", text);
        let found = context.references(Some("test.greeter"), Some(&filter));
        let best = context.reference("test.greeter", Some(&filter));
        assert_eq!(best.as_ref(), found.first());
        let all = context.references(None, Some(&filter));
        assert_eq!(all, found);
        let place = |one: &_| {
            registrations
                .iter()
                .position(|other| other.reference() == one)
        };
        found.iter().filter_map(place).collect()
    };
    let texts = ["5", "05", "5.0", "4", "true", "none", ""];
    let plain = texts.map(found);
    assert_eq!(plain[0], [0, 1, 2, 3, 4, 5]);
    assert_eq!(plain[1], [1, 2, 3, 5, 6]);
    assert_eq!(plain[4], [7]);
    context.index_property("kind");
    assert_eq!(texts.map(found), plain, "an index changes no result");
    registrations[0]
        .set_properties(&Properties::from([("kind", 4), ("service.ranking", 3)]))
        .unwrap();
    assert_eq!(found("5"), [1, 2, 3, 4, 5]);
    assert_eq!(found("4"), [0, 4, 5]);
    registrations[4].remove_properties(&["KIND"]).unwrap();
    registrations[5].unregister_now().unwrap();
    assert_eq!(found("4"), [0]);
    let by_class = Filter::parse("(&(objectClass=test.greeter)(kind=4))").unwrap();
    assert_eq!(context.references(None, Some(&by_class)).len(), 1);
    let other_name = context.references(Some("test.counter"), Some(&by_class));
    assert!(other_name.is_empty());
    let id = Filter::equal("service.id", &registrations[1].reference().id().to_string());
    assert_eq!(
        context.references(None, Some(&id)),
        [registrations[1].reference().clone()]
    );
    assert!(context.reference("test.counter", Some(&id)).is_none());
}

#[tokio::test]
async fn a_listener_may_wait_for_a_thread_that_reads_the_service() {
    let (_framework, context) = started().await;
    let registration = context.register(greeter("x"), Properties::new()).unwrap();
    let read = Log::default();
    let (log, inner) = (Arc::clone(&read), context.clone());
    let listener = move |event: &ServiceEvent| {
        let (reference, context) = (event.reference.clone(), inner.clone());
        let reader = std::thread::spawn(move || {
            let found = context.reference("test.greeter", None);
            assert_eq!(found.as_ref(), Some(&reference));
            reference.property("n")
        });
        log.lock()
            .unwrap()
            .push(format!("{:?}", reader.join().unwrap()));
    };
    context
        .add_service_listener(Some("test.greeter"), None, listener)
        .unwrap();
    registration
        .set_properties(&Properties::from([("n", 1)]))
        .unwrap();
    assert_eq!(taken(&read), ["Some(Int(1))"]);
}

/// Writes down who listens.
#[derive(Default)]
struct ListenerLog(Mutex<Vec<String>>);

impl ListenerLog {
    fn write(&self, what: &str, listeners: &[ListenerInfo]) {
        let mut log = self.0.lock().unwrap();
        for listener in listeners {
            let name = listener.specification.as_deref().unwrap_or("all");
            let filter = listener.filter.as_ref().map(ToString::to_string);
            log.push(format!("{what} {name} {}", filter.unwrap_or_default()));
        }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl ListenerHook for ListenerLog {
    fn added(&self, listeners: &[ListenerInfo]) {
        self.write("added", listeners);
        assert!(
            !listeners
                .iter()
                .any(|one| one.specification.as_deref() == Some("panic")),
            "as told"
        );
    }

    fn removed(&self, listeners: &[ListenerInfo]) {
        self.write("removed", listeners);
    }
}

#[tokio::test]
async fn a_listener_hook_is_told_who_listens() {
    let (framework, context) = started().await;
    let before = context
        .add_service_listener(Some("a"), None, |_| {})
        .unwrap();
    let log = Arc::new(ListenerLog::default());
    let hook: Arc<dyn ListenerHook> = log.clone();
    let registered = context.register(hook, Properties::new()).unwrap();
    let known = log.take();
    assert!(known.contains(&"added a ".to_owned()), "{known:?}");
    let filter = Some("(x=1)".parse().unwrap());
    let listener = context
        .add_service_listener(Some("b"), filter, |_| {})
        .unwrap();
    context.add_service_listener(None, None, |_| {}).unwrap();
    assert_eq!(log.take(), ["added b (x=1)", "added all "]);
    assert!(context.remove_listener(listener) && context.remove_listener(before));
    assert!(!context.remove_listener(before));
    assert_eq!(log.take(), ["removed b (x=1)", "removed a "]);
    // A panic hurts nobody.
    context
        .add_service_listener(Some("panic"), None, |_| {})
        .unwrap();
    assert_eq!(log.take(), ["added panic "]);
    registered.unregister().await.unwrap();
    context
        .add_service_listener(Some("c"), None, |_| {})
        .unwrap();
    assert!(log.take().is_empty());
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn of_equals_a_local_service_comes_before_a_proxy() {
    let (_framework, context) = started().await;
    let interfaces = || vec!["test.greeter".to_owned()];
    let proxy = |ranking: i32| {
        let properties = Properties::from([("service.ranking", ranking)]);
        context
            .register_remote(interfaces(), Arc::new(Nobody), properties)
            .unwrap()
    };
    let (far, better) = (proxy(0), proxy(1));
    let near = context
        .register(greeter("near"), Properties::new())
        .unwrap();
    let order = |services: [&ServiceRegistration; 3]| services.map(|one| one.reference().clone());
    assert_eq!(
        context.references(Some("test.greeter"), None),
        order([&better, &near, &far])
    );
    let any = "(objectClass=*)".parse().unwrap();
    let found = context.references(None, Some(&any));
    let mine: Vec<_> = found
        .into_iter()
        .filter(|one| one.specifications()[0].as_ref() == "test.greeter")
        .collect();
    assert_eq!(mine, order([&better, &near, &far]));
    far.set_properties(&Properties::from([("service.ranking", 2)]))
        .unwrap();
    assert_eq!(
        context.references(Some("test.greeter"), None),
        order([&far, &better, &near])
    );
}

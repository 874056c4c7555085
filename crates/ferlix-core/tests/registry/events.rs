//! What listeners are told, and departures.

use std::sync::{Arc, Mutex};

use ferlix_core::framework::Framework;
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::{ServiceEvent, ServiceEventKind};

use crate::support::{Greeter, Log, greeter, listen, started, taken};

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

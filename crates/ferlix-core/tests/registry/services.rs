//! Services as they are registered and found: order, interfaces, properties, names.

use std::sync::Arc;

use ferlix_core::Error;
use ferlix_core::filter::Filter;
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::{ServiceObject, ServiceRegistration};

use crate::support::{Counter, Greeter, Log, Named, Nobody, greeter, listen, started, taken};

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

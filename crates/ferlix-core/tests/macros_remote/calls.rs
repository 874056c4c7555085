//! Calls by a proxy, to a dispatcher, and what each refuses.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferlix_core::framework::Framework;
use ferlix_core::property::{FromValue as _, IntoValue as _, Properties, Value, ValueError};
use ferlix_core::service::{Argument, BoxFuture, CallError, Caller, Reply, Service};

use super::{Plan, PlanError, Point, connected, dispatcher, point};

#[test]
fn the_interface_is_described() {
    let interface = <dyn Plan as Service>::interface();
    assert_eq!(
        (interface.name, interface.version),
        ("test.plan.Plan", Some("2.0.0"))
    );
    let methods: Vec<_> = interface
        .methods
        .iter()
        .map(|method| (method.name, method.parameters))
        .collect();
    assert_eq!(
        methods,
        [
            ("joinPoints", &["first", "more", "last", "name"][..]),
            ("Grow", &["bytes", "by"]),
            ("clear", &[]),
            ("who", &[]),
        ]
    );
    assert_eq!(dispatcher().interface(), interface);
}

#[tokio::test]
async fn a_call_goes_there_and_back() {
    let (wire, plan) = connected();
    let (a, b, c) = (point(1, None), point(2, Some(3)), point(4, Some(i64::MIN)));
    let joined = plan.join_points(a.clone(), std::slice::from_ref(&b), &c, "line");
    let joined = joined.await.unwrap();
    assert_eq!(
        joined,
        BTreeMap::from([("line".to_owned(), vec![a, b.clone(), c])])
    );
    assert_eq!(plan.grow_by(vec![7, 8], 2).await.unwrap(), [7, 8, 7, 8]);

    let calls = std::mem::take(&mut *wire.calls.lock().unwrap());
    assert_eq!(calls[0].0, "joinPoints");
    assert_eq!(
        calls[0].1[1],
        Value::List(vec![b.into_value().unwrap()]),
        "a slice is a list"
    );
    assert_eq!(calls[0].1[3], Value::from("line"));
    assert_eq!(
        calls[1],
        (
            "Grow".to_owned(),
            vec![Value::Bytes(vec![7, 8]), Value::Long(2)]
        )
    );
}

#[tokio::test]
async fn a_method_with_a_body_is_called_too() {
    let (wire, plan) = connected();
    assert_eq!(plan.who().await.unwrap(), "the trait");
    assert_eq!(
        wire.calls.lock().unwrap().len(),
        1,
        "the body ran on the other side"
    );
}

#[test]
fn a_blocking_call_waits_on_its_own_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let plan = runtime.block_on(async {
        let (_, plan) = connected();
        let blocking = plan.blocking();
        // Inside of a task, and where a runtime waits for one.
        assert!(matches!(blocking.clear(), Err(CallError::WouldBlock)));
        let inner = blocking.clone();
        let task = tokio::spawn(async move { inner.clear() });
        assert!(matches!(task.await.unwrap(), Err(CallError::WouldBlock)));
        // Where blocking is meant to be.
        let inner = blocking.clone();
        let who = tokio::task::spawn_blocking(move || inner.who());
        assert_eq!(who.await.unwrap().unwrap(), "the trait");
        blocking
    });
    assert_eq!(plan.who().unwrap(), "the trait");
    let error = std::thread::spawn(move || plan.grow_by(Vec::new(), 1))
        .join()
        .unwrap();
    assert!(matches!(error, Err(PlanError::Missing { .. })));
}

#[tokio::test]
async fn an_argument_that_does_not_fit_never_leaves() {
    let (wire, plan) = connected();
    let error = plan.grow_by(vec![1], u64::MAX).await.unwrap_err();
    let PlanError::Call(CallError::Value {
        method,
        what,
        source,
    }) = error
    else {
        panic!("the argument was expected to be refused, but: {error}");
    };
    assert_eq!((method.as_str(), what.as_str()), ("Grow", "by"));
    assert!(matches!(source, ValueError::OutOfRange { .. }));
    assert!(wire.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_dispatcher_refuses_what_does_not_fit() {
    let dispatcher = dispatcher();
    let call = async |method: &str, arguments: Vec<Value>| {
        dispatcher
            .dispatch_values(method, arguments)
            .await
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        call("Grow", vec![]).await,
        "invalid arguments for Grow: it takes (bytes, by), but was given 0 arguments"
    );
    assert_eq!(
        call("who", vec![Value::Null]).await,
        "invalid arguments for who: it takes (), but was given 1 arguments"
    );
    assert_eq!(
        call("Grow", vec![Value::Bytes(vec![1]), Value::from("many")]).await,
        "invalid arguments for Grow: by: expected an unsigned integer, found string"
    );
    let line = Value::Map(BTreeMap::from([("x".to_owned(), Value::from("left"))]));
    assert_eq!(
        call(
            "joinPoints",
            vec![line, Value::List(vec![]), Value::Null, Value::from("")]
        )
        .await,
        "invalid arguments for joinPoints: first: member x: expected a 32-bit integer, found string"
    );
    assert_eq!(call("grow_by", vec![]).await, "Unknown method grow_by");
    assert_eq!(call("", vec![]).await, "Unknown method ");
}

#[tokio::test]
async fn a_wrong_answer_is_the_peers_fault() {
    struct Liar;
    impl Caller for Liar {
        fn call<'a>(
            &'a self,
            _: &'a str,
            _: &'a [Argument<'a>],
            mut reply: Reply<'a>,
        ) -> BoxFuture<'a, Result<(), CallError>> {
            reply.value(true);
            Box::pin(async { Ok(()) })
        }
    }
    let plan = <dyn Plan as Service>::from_caller(Arc::new(Liar)).unwrap();
    let error = plan.who().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the result of who cannot be converted: expected a string, found boolean"
    );
    plan.clear()
        .await
        .expect("a method that returns nothing takes any answer");
}

#[tokio::test]
async fn an_imported_service_is_looked_up_as_the_trait() {
    let framework = Framework::builder().start().await.unwrap();
    let context = framework.context();
    let (wire, _) = connected();
    let interfaces = vec!["test.plan.Plan".to_owned()];
    let properties = Properties::from([("service.imported", true)]);
    let registration = context.register_remote(interfaces, wire, properties);
    let plan = context.service::<dyn Plan>(None).unwrap();
    assert_eq!(plan.who().await.unwrap(), "the trait");
    drop(plan);
    registration.unwrap().unregister().await.unwrap();
    assert!(context.service::<dyn Plan>(None).is_none());
    framework.stop().await.unwrap();
}

#[test]
fn structures_are_read_leniently_and_name_what_is_wrong() {
    let read = |members: &[(&str, Value)]| {
        let members = members
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        Point::from_value(Value::Map(members.collect()))
    };
    let known = ("x", Value::Int(1));
    assert_eq!(
        read(std::slice::from_ref(&known)),
        Ok(point(1, None)),
        "an option may be absent"
    );
    assert_eq!(
        read(&[known.clone(), ("Y", Value::Null), ("z", Value::Int(3))]),
        Ok(point(1, None))
    );
    let missing = read(&[("Y", Value::Int(1))]).unwrap_err();
    assert_eq!(missing.to_string(), "member x is missing");
    let wrong = read(&[known, ("Y", Value::from("up"))]).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "member Y: expected a 64-bit integer, found string"
    );
    let other = Point::from_value(Value::Int(1)).unwrap_err();
    assert_eq!(other.to_string(), "expected a structure Point, found int");
}

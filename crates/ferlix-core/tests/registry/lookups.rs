//! What the registry does to be fast changes nothing of what it says: listeners that are found by a value are told what their
//! filters say, guards that share an object count by themselves, and the table of the best follows every change.

use std::sync::{Arc, Mutex};
use std::thread;

use ferlix_core::filter::Filter;
use ferlix_core::framework::{BundleDefinition, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::{ServiceEventKind, ServiceGuard, ServiceObject};
use ferlix_core::service::{Interface, Service};
use proptest::prelude::*;

trait Thing: Send + Sync {}

impl Service for dyn Thing {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("speed.thing");
        &INTERFACE
    }
}

trait Other: Send + Sync {}

/// Another trait that took the name.
impl Service for dyn Other {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("speed.thing");
        &INTERFACE
    }
}

struct Plain;

impl Thing for Plain {}
impl Other for Plain {}

const NAME: &str = "speed.thing";

static USER: BundleDefinition = BundleDefinition {
    symbolic_name: "speed.user",
    version: "0.0.0",
    location: file!(),
    components: &[],
    activator: None,
};

/// Values of every kind that a filter may equal, some of which are written in several ways.
fn value() -> impl Strategy<Value = Value> {
    let plain = prop_oneof![
        (0..3_i32).prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        (0..3_u8).prop_map(|number| Value::from(f64::from(number))),
        any::<bool>().prop_map(Value::from),
        prop_oneof![Just("1"), Just("01"), Just("true"), Just("x")].prop_map(Value::from),
        Just(Value::from('x')),
        Just(Value::Null),
    ];
    let list = prop::collection::vec(plain.clone(), 0..3).prop_map(Value::List);
    prop_oneof![4 => plain, 1 => list]
}

fn properties() -> impl Strategy<Value = Properties> {
    let entry = (prop_oneof![Just("a"), Just("A"), Just("b")], value());
    prop::collection::vec(entry, 0..3).prop_map(Properties::from_iter)
}

fn filter() -> impl Strategy<Value = Option<Filter>> {
    let test = (
        prop_oneof![Just("a"), Just("B"), Just("objectClass")],
        prop_oneof![Just("="), Just(">=")],
        prop_oneof![
            Just("1"),
            Just("01"),
            Just("1.0"),
            Just("2"),
            Just("true"),
            Just("TRUE"),
            Just("x"),
            Just("*"),
            Just(NAME)
        ],
    )
        .prop_filter_map("no filter", |(key, operator, text)| {
            Filter::parse(&format!("({key}{operator}{text})")).ok()
        });
    prop_oneof![
        1 => Just(None),
        3 => test.clone().prop_map(Some),
        2 => prop::collection::vec(test.clone(), 2..4).prop_map(|all| Some(Filter::and(&all))),
        1 => prop::collection::vec(test, 2..4).prop_map(|any| Some(Filter::or(&any))),
    ]
}

/// What a listener is told, by its filter alone.
fn told(
    filter: Option<&Filter>,
    before: Option<&Properties>,
    after: Option<&Properties>,
) -> Option<ServiceEventKind> {
    let fits = |properties: &Properties| filter.is_none_or(|filter| filter.matches(properties));
    match (before, after) {
        (None, Some(after)) => fits(after).then_some(ServiceEventKind::Registered),
        (Some(before), None) => fits(before).then_some(ServiceEventKind::Unregistering),
        (Some(before), Some(after)) if before == after => None,
        (Some(_), Some(after)) if fits(after) => Some(ServiceEventKind::Modified),
        (Some(before), Some(_)) if fits(before) => Some(ServiceEventKind::ModifiedEndMatch),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn listeners_are_told_what_their_filters_say_in_their_order(
        listeners in prop::collection::vec((filter(), any::<bool>(), any::<bool>()), 1..8),
        states in prop::collection::vec(properties(), 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (heard, expected) = runtime.block_on(async {
            let context = Framework::builder().start().await.unwrap().context();
            let heard = Arc::new(Mutex::new(Vec::new()));
            let mut kept = Vec::new();
            for (index, (filter, named, removed)) in listeners.iter().enumerate() {
                let heard = Arc::clone(&heard);
                let name = named.then_some(NAME);
                let id = context
                    .add_service_listener(name, filter.clone(), move |event| {
                        heard.lock().unwrap().push((index, event.kind));
                    })
                    .unwrap();
                if *removed {
                    assert!(context.remove_listener(id));
                } else {
                    kept.push((index, filter.as_ref()));
                }
            }
            let registration = context
                .register::<dyn Thing>(Arc::new(Plain), states[0].clone())
                .unwrap();
            let mut all = vec![(None, Some(registration.reference().properties()))];
            for next in &states[1..] {
                let before = registration.reference().properties();
                registration.replace_properties(next.clone()).unwrap();
                let after = registration.reference().properties();
                all.push((Some(before), Some(after)));
            }
            all.push((Some(registration.reference().properties()), None));
            registration.unregister().await.unwrap();
            let mut expected = Vec::new();
            for (before, after) in &all {
                expected.extend(kept.iter().filter_map(|(index, filter)| {
                    Some((*index, told(*filter, before.as_deref(), after.as_deref())?))
                }));
            }
            let heard = heard.lock().unwrap().clone();
            (heard, expected)
        });
        prop_assert_eq!(heard, expected);
    }
}

#[tokio::test]
async fn guards_of_all_threads_count_until_they_are_dropped() {
    let framework = Framework::builder().start().await.unwrap();
    let context = framework.context();
    let thing = Arc::new(Plain);
    let registration = context
        .register::<dyn Thing>(thing.clone(), Properties::new())
        .unwrap();
    let reference = registration.reference();
    let look_up = || context.service::<dyn Thing>(None).unwrap();
    let own = look_up();
    let guards: Vec<ServiceGuard<dyn Thing>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..20).map(|_| scope.spawn(look_up)).collect();
        let guards = threads.into_iter().map(|thread| thread.join().unwrap());
        guards.collect()
    });
    assert_eq!(reference.use_count(0), 21);
    assert_eq!(reference.using_bundles(), [0]);
    drop(guards);
    assert_eq!(reference.use_count(0), 1);
    assert!(own.release());
    assert_eq!(reference.use_count(0), 0);
    assert!(reference.using_bundles().is_empty());

    let late = look_up();
    registration.unregister().await.unwrap();
    assert_eq!(reference.use_count(0), 0);
    assert!(context.get::<dyn Thing>(reference).is_none());
    assert!(!late.release(), "the service is gone");
    // Only the registration and the test itself hold it now.
    drop(registration);
    assert_eq!(Arc::strong_count(&thing), 1);
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn the_guards_of_a_bundle_end_when_it_stops_and_begin_anew() {
    let framework = Framework::builder().install(&USER).start().await.unwrap();
    let registration = framework
        .context()
        .register::<dyn Thing>(Arc::new(Plain), Properties::new())
        .unwrap();
    let reference = registration.reference();
    let user = framework.bundle_by_name("speed.user").unwrap();
    let context = user.context();
    let (before, kept) = (
        context.service::<dyn Thing>(None).unwrap(),
        framework.context().service::<dyn Thing>(None).unwrap(),
    );
    assert_eq!(reference.using_bundles(), [0, user.id()]);
    user.stop().await.unwrap();
    assert_eq!(reference.use_count(user.id()), 0);
    assert_eq!(reference.use_count(0), 1);
    user.start().await.unwrap();
    let after = context.service::<dyn Thing>(None).unwrap();
    assert_eq!(reference.use_count(user.id()), 1);
    assert!(!before.release(), "its bundle has stopped");
    assert_eq!(reference.use_count(user.id()), 1);
    assert!(after.release());
    assert!(kept.release());
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn a_framework_that_is_dropped_drops_what_was_looked_up() {
    let framework = Framework::builder().start().await.unwrap();
    let context = framework.context();
    let thing = Arc::new(Plain);
    let registration = context.register::<dyn Thing>(thing.clone(), Properties::new());
    drop(context.service::<dyn Thing>(None).unwrap());
    drop((registration, context, framework));
    assert_eq!(Arc::strong_count(&thing), 1);
}

#[tokio::test]
async fn the_best_follows_every_change() {
    let framework = Framework::builder().start().await.unwrap();
    let context = framework.context();
    let ranked = |ranking: i32| Properties::from([("service.ranking", ranking)]);
    let best = || context.reference(NAME, None).map(|best| best.id());
    let found = || {
        context
            .references(Some(NAME), None)
            .first()
            .map(ferlix_core::registry::ServiceRef::id)
    };
    let low = context
        .register::<dyn Thing>(Arc::new(Plain), ranked(1))
        .unwrap();
    let high = context
        .register::<dyn Thing>(Arc::new(Plain), ranked(2))
        .unwrap();
    let (first, second) = (low.reference().id(), high.reference().id());
    assert_eq!((best(), found()), (Some(second), Some(second)));
    low.set_properties(&ranked(3)).unwrap();
    assert_eq!((best(), found()), (Some(first), Some(first)));
    low.remove_properties(&["service.ranking"]).unwrap();
    assert_eq!((best(), found()), (Some(second), Some(second)));
    high.unregister().await.unwrap();
    assert_eq!((best(), found()), (Some(first), Some(first)));
    low.unregister().await.unwrap();
    assert_eq!((best(), found()), (None, None));

    // The best of the name may be of another trait.
    let object = ServiceObject::new::<dyn Other>(Arc::new(Plain));
    let other = context.register_object(object, ranked(9)).unwrap();
    assert!(context.service::<dyn Thing>(None).is_none());
    let thing = context
        .register::<dyn Thing>(Arc::new(Plain), ranked(0))
        .unwrap();
    assert_eq!(best(), Some(other.reference().id()));
    let guard = context.service::<dyn Thing>(None).unwrap();
    assert_eq!(guard.reference(), thing.reference());
    drop(guard);
    framework.stop().await.unwrap();
}

//! Scopes of services: an object for each bundle or for each use, counted and handed back, whichever side stops.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ferlix_core::framework::{BoxError, BundleContext, BundleDefinition, Framework};
use ferlix_core::property::Properties;
use ferlix_core::registry::{
    ServiceFactory, ServiceGuard, ServiceObject, ServiceRef, ServiceRegistration, ServiceScope,
};
use ferlix_core::service::{Interface, Service};

trait Desk: Send + Sync {
    fn owner(&self) -> u64;
    fn number(&self) -> u64;
}

impl Service for dyn Desk {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.desk");
        &INTERFACE
    }
}

struct OneDesk {
    owner: u64,
    number: u64,
}

impl Desk for OneDesk {
    fn owner(&self) -> u64 {
        self.owner
    }

    fn number(&self) -> u64 {
        self.number
    }
}

/// Makes desks and remembers who has which.
#[derive(Default)]
struct Carpenter {
    made: AtomicU64,
    out: Mutex<Vec<(u64, u64)>>,
    trouble: Mutex<Option<Trouble>>,
}

#[derive(Clone, Copy)]
enum Trouble {
    Error,
    Panic,
}

impl Carpenter {
    /// Bundle and number of every desk that was not handed back.
    fn out(&self) -> Vec<(u64, u64)> {
        let mut out = self.out.lock().unwrap().clone();
        out.sort_unstable();
        out
    }
}

impl ServiceFactory<dyn Desk> for Carpenter {
    fn get(&self, bundle_id: u64, reference: &ServiceRef) -> Result<Arc<dyn Desk>, BoxError> {
        assert_eq!(&*reference.specifications()[0], "test.desk");
        let trouble = *self.trouble.lock().unwrap();
        match trouble {
            Some(Trouble::Error) => return Err("no wood".into()),
            Some(Trouble::Panic) => panic!("on purpose"),
            None => {}
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        self.out.lock().unwrap().push((bundle_id, number));
        Ok(Arc::new(OneDesk {
            owner: bundle_id,
            number,
        }))
    }

    fn unget(&self, bundle_id: u64, _: &ServiceRef, desk: Arc<dyn Desk>) {
        let mut out = self.out.lock().unwrap();
        let desk = (bundle_id, desk.number());
        let place = out.iter().position(|other| *other == desk);
        out.remove(place.expect("what is handed back was made, once"));
    }
}

const fn plain(symbolic_name: &'static str) -> BundleDefinition {
    BundleDefinition {
        symbolic_name,
        version: "0.0.0",
        location: file!(),
        components: &[],
        activator: None,
    }
}

static PROVIDER: BundleDefinition = plain("test.provider");
static FIRST: BundleDefinition = plain("test.first");
static SECOND: BundleDefinition = plain("test.second");

/// A framework with a provider and two consumers.
struct World {
    framework: Framework,
    provider: BundleContext,
    first: BundleContext,
    second: BundleContext,
    carpenter: Arc<Carpenter>,
    registration: ServiceRegistration,
}

async fn world(scope: ServiceScope) -> World {
    let framework = Framework::builder()
        .install(&PROVIDER)
        .install(&FIRST)
        .install(&SECOND)
        .start()
        .await
        .unwrap();
    let context = |name| framework.bundle_by_name(name).unwrap().context();
    let provider = context("test.provider");
    let carpenter = Arc::new(Carpenter::default());
    let object = if scope == ServiceScope::Prototype {
        ServiceObject::prototype(Arc::clone(&carpenter))
    } else {
        ServiceObject::bundle_scoped(Arc::clone(&carpenter))
    };
    let registration = provider.register_object(object, Properties::new()).unwrap();
    World {
        provider,
        first: context("test.first"),
        second: context("test.second"),
        framework,
        carpenter,
        registration,
    }
}

fn desk(context: &BundleContext) -> ServiceGuard<dyn Desk> {
    context.service::<dyn Desk>(None).unwrap()
}

#[tokio::test]
async fn the_scope_is_a_property_that_only_the_registry_sets() {
    for scope in [ServiceScope::Bundle, ServiceScope::Prototype] {
        let world = world(scope).await;
        let reference = world.registration.reference();
        assert_eq!(reference.scope(), scope);
        let forged = Properties::from([("Service.Scope", "singleton")]);
        world.registration.set_properties(&forged).unwrap();
        world
            .registration
            .remove_properties(&["service.scope"])
            .unwrap();
        let properties = reference.properties();
        assert_eq!(properties.text("service.scope"), Some(scope.as_str()));
        let keys: Vec<&str> = properties.iter().map(|(key, _)| key).collect();
        assert!(
            keys.contains(&"service.scope"),
            "its case stays too: {keys:?}"
        );
        assert!(world.carpenter.out().is_empty(), "nobody used it yet");
    }
}

#[tokio::test]
async fn a_bundle_has_one_object_until_its_last_use_ends() {
    let world = world(ServiceScope::Bundle).await;
    let reference = world.registration.reference();
    let (first, second) = (world.first.bundle().id(), world.second.bundle().id());
    let one = desk(&world.first);
    let same = world.first.get::<dyn Desk>(reference).unwrap();
    let other = desk(&world.second);
    assert_eq!((one.owner(), other.owner()), (first, second));
    assert!(Arc::ptr_eq(&one, &same));
    assert_ne!(one.number(), other.number());
    assert_eq!(reference.use_count(first), 2);
    assert_eq!(reference.using_bundles(), [first, second]);
    assert_eq!(
        world.first.bundle().used_services(),
        std::slice::from_ref(reference)
    );
    drop(one);
    assert_eq!(world.carpenter.out(), [(first, 0), (second, 1)]);
    assert!(same.release());
    assert_eq!(world.carpenter.out(), [(second, 1)]);
    assert_eq!(reference.using_bundles(), [second]);
    assert_eq!(desk(&world.first).number(), 2, "the next use has a new one");
    drop(other);
    assert!(world.carpenter.out().is_empty());
}

#[tokio::test]
async fn a_prototype_makes_an_object_for_each_use() {
    let world = world(ServiceScope::Prototype).await;
    let reference = world.registration.reference();
    let (first, second) = (world.first.bundle().id(), world.second.bundle().id());
    let objects = world.first.service_objects::<dyn Desk>(reference).unwrap();
    assert_eq!(objects.reference(), reference);
    let (one, two) = (objects.get().unwrap(), objects.get().unwrap());
    let three = desk(&world.second);
    assert_eq!(world.carpenter.out(), [(first, 0), (first, 1), (second, 2)]);
    assert_eq!(one.number() + two.number(), 1);
    assert!(one.release());
    assert_eq!(world.carpenter.out(), [(first, 1), (second, 2)]);
    drop(two);
    assert_eq!(reference.using_bundles(), [second]);
    drop(three);
    assert!(world.carpenter.out().is_empty());
}

#[tokio::test]
async fn a_singleton_gives_service_objects_the_one_it_has() {
    let world = world(ServiceScope::Bundle).await;
    let only: Arc<dyn Desk> = Arc::new(OneDesk {
        owner: 7,
        number: 7,
    });
    let registration = world.provider.register(only, Properties::new()).unwrap();
    let objects = |context: &BundleContext| {
        let reference = registration.reference();
        context.service_objects::<dyn Desk>(reference).unwrap()
    };
    let (one, two) = (objects(&world.first).get(), objects(&world.second).get());
    assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
}

#[tokio::test]
async fn a_consumer_that_stops_hands_everything_back() {
    for scope in [ServiceScope::Bundle, ServiceScope::Prototype] {
        let world = world(scope).await;
        let reference = world.registration.reference();
        let (one, two, other) = (desk(&world.first), desk(&world.first), desk(&world.second));
        let hold = world.first.hold(reference).unwrap();
        world.first.bundle().stop().await.unwrap();
        assert_eq!(reference.using_bundles(), [world.second.bundle().id()]);
        assert_eq!(world.carpenter.out(), [(other.owner(), other.number())]);
        // What is still held is safe to use, counts no more, and takes nothing from a later use of that bundle.
        assert_eq!(one.owner(), world.first.bundle().id());
        world.first.bundle().start().await.unwrap();
        let later = desk(&world.first);
        assert!(!one.release());
        assert!(!hold.release());
        drop(two);
        assert_eq!(reference.use_count(world.first.bundle().id()), 1);
        assert_eq!(world.carpenter.out().len(), 2);
        drop((later, other));
        assert!(world.carpenter.out().is_empty());
    }
}

#[tokio::test]
async fn a_provider_that_stops_takes_everything_back() {
    for scope in [ServiceScope::Bundle, ServiceScope::Prototype] {
        let world = world(scope).await;
        let reference = world.registration.reference().clone();
        let objects = world.first.service_objects::<dyn Desk>(&reference).unwrap();
        let (one, other) = (objects.get().unwrap(), desk(&world.second));
        world.provider.bundle().stop().await.unwrap();
        assert!(world.carpenter.out().is_empty());
        assert!(reference.using_bundles().is_empty());
        assert!(objects.get().is_none());
        assert!(world.first.hold(&reference).is_none());
        assert!(world.provider.bundle().registered_services().is_empty());
        assert!(!one.release());
        drop(other);
        world.framework.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_factory_that_fails_gives_nothing_and_hurts_nobody() {
    let world = world(ServiceScope::Bundle).await;
    for trouble in [Trouble::Error, Trouble::Panic] {
        *world.carpenter.trouble.lock().unwrap() = Some(trouble);
        assert!(world.first.service::<dyn Desk>(None).is_none());
        assert!(world.registration.reference().using_bundles().is_empty());
    }
    *world.carpenter.trouble.lock().unwrap() = None;
    assert_eq!(desk(&world.first).number(), 0);
}

/// Asks for its own object while it makes it.
struct Selfish(Mutex<Option<BundleContext>>);

impl ServiceFactory<dyn Desk> for Selfish {
    fn get(&self, bundle_id: u64, reference: &ServiceRef) -> Result<Arc<dyn Desk>, BoxError> {
        let context = self.0.lock().unwrap().clone().unwrap();
        assert!(context.get::<dyn Desk>(reference).is_none());
        Ok(Arc::new(OneDesk {
            owner: bundle_id,
            number: 0,
        }))
    }
}

#[tokio::test]
async fn a_factory_runs_under_no_lock_and_cannot_have_what_it_makes() {
    let world = world(ServiceScope::Bundle).await;
    let selfish = Arc::new(Selfish(Mutex::new(Some(world.first.clone()))));
    let ranked = Properties::from([("service.ranking", 1)]);
    let object = ServiceObject::bundle_scoped(Arc::clone(&selfish));
    world.provider.register_object(object, ranked).unwrap();
    assert_eq!(desk(&world.first).owner(), world.first.bundle().id());
    // It holds the framework by this context.
    selfish.0.lock().unwrap().take();
}

#[test]
fn threads_of_one_bundle_share_one_object_and_leave_none_behind() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(world(ServiceScope::Bundle));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let context = world.first.clone();
            std::thread::spawn(move || {
                for _ in 0..500 {
                    let (one, two) = (desk(&context), desk(&context));
                    assert!(Arc::ptr_eq(&one, &two));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(world.carpenter.out().is_empty());
    assert!(world.registration.reference().using_bundles().is_empty());
}

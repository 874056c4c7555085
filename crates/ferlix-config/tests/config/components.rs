//! Components that follow configurations, and components that are made from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ferlix_config::{BUNDLE, Configuration, ConfigurationAdmin, INSTANCE};
use ferlix_core::component::{ComponentError, ComponentState, Live};
use ferlix_core::filter::Filter;
use ferlix_core::framework::Bundle;
use ferlix_core::property::{Properties, Value};
use ferlix_core::{bundle, component, lifecycle, service, service_impl};

use crate::support::{House, Managed, index, until};

/// Says what it is configured with, and which object it is.
#[service("test.config.basic")]
trait Basic: Send + Sync {
    fn name(&self) -> String;
    fn object(&self) -> u64;
}

static OBJECTS: AtomicU64 = AtomicU64::new(1);

#[component(factory = "test.basic", provides(dyn Basic))]
struct BasicImpl {
    #[property("name", default = "default")]
    name: Live<String>,
    #[init(OBJECTS.fetch_add(1, Ordering::Relaxed))]
    object: u64,
}

#[service_impl]
impl Basic for BasicImpl {
    fn name(&self) -> String {
        self.name.get()
    }

    fn object(&self) -> u64 {
        self.object
    }
}

#[component(factory = "test.with-pid", instance = "with-pid", property("service.pid" = "test.pid"))]
struct WithPid {
    #[property("name", default = "default")]
    _name: Live<String>,
}

#[component(factory = "test.without-pid", instance = "without-pid", property("service.pid" = ""))]
struct WithoutPid {
    #[property("name", default = "default")]
    _name: Live<String>,
}

#[component(
    factory = "test.gated",
    instance = "gated",
    provides(dyn Basic),
    conditions("configuration:test.gated"),
    property("service.pid" = "test.gated")
)]
struct Gated {
    // A plain field: the object is built once, with the configuration.
    #[property("name", default = "default")]
    name: String,
    #[init(OBJECTS.fetch_add(1, Ordering::Relaxed))]
    object: u64,
}

#[service_impl]
impl Basic for Gated {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn object(&self) -> u64 {
        self.object
    }
}

#[component(factory = "test.hidden", instance = "hidden", property("service.pid" = "test.hidden"), provides(dyn Basic))]
struct Hidden {
    #[property("secret", default = "declared", hidden)]
    secret: Live<String>,
}

#[service_impl]
impl Basic for Hidden {
    fn name(&self) -> String {
        self.secret.get()
    }

    fn object(&self) -> u64 {
        0
    }
}

/// Updates a configuration that a managed service takes, while it validates.
#[component(factory = "test.updating")]
struct Updating {
    #[inject]
    admin: Arc<dyn ConfigurationAdmin>,
}

#[lifecycle]
impl Updating {
    #[validate]
    async fn start(&self) -> Result<(), ComponentError> {
        let configuration = self
            .admin
            .configuration("test.updated")
            .map_err(ComponentError::other)?;
        configuration
            .update(index(7))
            .await
            .map_err(ComponentError::other)
    }
}

bundle!(
    /// The components of these tests.
    TEST_BUNDLE = "test.config.components",
    components = [BasicImpl, WithPid, WithoutPid, Gated, Hidden, Updating],
    activator = None,
);

impl House {
    async fn install(&self) -> Bundle {
        let bundle = self.framework.install(&TEST_BUNDLE).unwrap();
        bundle.start().await.unwrap();
        bundle
    }

    fn basic(&self, instance: &str) -> Option<(String, u64)> {
        let filter = Filter::equal("instance.name", instance);
        let basic = self.context.service::<dyn Basic>(Some(&filter))?;
        Some((basic.name(), basic.object()))
    }

    fn name_of(&self, instance: &str) -> Option<String> {
        self.basic(instance).map(|(name, _)| name)
    }

    fn is_there(&self, instance: &str) -> bool {
        self.context.components().instance(instance).is_some()
    }

    async fn describe(&self, configuration: &Configuration, given: &[(&str, &str)]) {
        let mut properties = Properties::from([("ipopo.factory.name", "test.basic")]);
        properties.extend(given.iter().copied());
        configuration.update(properties).await.unwrap();
        self.settle().await;
    }

    async fn make(&self, given: &[(&str, &str)]) -> Configuration {
        let made = self
            .admin()
            .create_factory_configuration("ferlix.ipopo.component");
        let configuration = made.unwrap();
        self.describe(&configuration, given).await;
        configuration
    }
}

#[tokio::test]
async fn a_configuration_makes_a_component_and_its_deletion_ends_it() {
    let house = House::new().await;
    house.install().await;
    let configuration = house
        .make(&[("instance.name", "one"), ("name", "hello")])
        .await;
    assert_eq!(house.name_of("one").as_deref(), Some("hello"));
    configuration.delete().await.unwrap();
    house.settle().await;
    assert!(!house.is_there("one"));
    assert!(house.basic("one").is_none());
    house.stop().await;
}

#[tokio::test]
async fn without_a_name_the_component_is_called_by_the_pid() {
    let house = House::new().await;
    house.install().await;
    let configuration = house.make(&[]).await;
    assert_eq!(
        house.name_of(configuration.pid()).as_deref(),
        Some("default")
    );
    house.stop().await;
}

#[tokio::test]
async fn without_a_factory_there_is_no_component() {
    let house = House::new().await;
    house.install().await;
    let configuration = house.make(&[("instance.name", "one")]).await;
    assert!(house.is_there("one"));
    configuration
        .update([("instance.name", "one")].into())
        .await
        .unwrap();
    house.settle().await;
    assert!(
        !house.is_there("one"),
        "an update without the factory's name ends it"
    );
    house.stop().await;
}

#[tokio::test]
async fn an_update_changes_the_component_in_place() {
    let house = House::new().await;
    house.install().await;
    let configuration = house
        .make(&[("instance.name", "one"), ("name", "hello")])
        .await;
    let before = house.basic("one").unwrap();
    house
        .describe(
            &configuration,
            &[("instance.name", "one"), ("name", "world")],
        )
        .await;
    assert_eq!(house.basic("one"), Some(("world".to_owned(), before.1)));
    let filter = Filter::parse("(&(instance.name=one)(name=world))").unwrap();
    assert!(house.context.service::<dyn Basic>(Some(&filter)).is_some());
    // The directives are not the component's.
    for key in ["ipopo.factory.name", "service.factoryPid", "service.pid"] {
        assert_eq!(house.property("one", key), None, "{key}");
    }
    // What leaves the configuration goes back to the default.
    house
        .describe(&configuration, &[("instance.name", "one")])
        .await;
    assert_eq!(house.basic("one"), Some(("default".to_owned(), before.1)));
    house.stop().await;
}

#[tokio::test]
async fn the_policy_restart_makes_another_object() {
    let house = House::new().await;
    house.install().await;
    let given = |name| {
        [
            ("instance.name", "one"),
            ("ipopo.update.policy", "restart"),
            ("name", name),
        ]
    };
    let configuration = house.make(&given("hello")).await;
    let before = house.basic("one").unwrap();
    assert_eq!(house.property("one", "ipopo.update.policy"), None);
    house.describe(&configuration, &given("world")).await;
    let after = house.basic("one").unwrap();
    assert_eq!(after.0, "world");
    assert_ne!(after.1, before.1);
    house.stop().await;
}

#[tokio::test]
async fn another_instance_name_moves_the_component() {
    let house = House::new().await;
    house.install().await;
    let configuration = house.make(&[("instance.name", "one")]).await;
    house
        .describe(&configuration, &[("instance.name", "two")])
        .await;
    assert!(!house.is_there("one"));
    assert!(house.is_there("two"));
    house.stop().await;
}

#[tokio::test]
async fn a_component_that_somebody_killed_comes_back_with_the_next_update() {
    let house = House::new().await;
    house.install().await;
    let configuration = house
        .make(&[("instance.name", "one"), ("name", "hello")])
        .await;
    house.context.components().kill("one").await.unwrap();
    house
        .describe(
            &configuration,
            &[("instance.name", "one"), ("name", "world")],
        )
        .await;
    assert_eq!(house.name_of("one").as_deref(), Some("world"));
    house.stop().await;
}

#[tokio::test]
async fn a_name_that_is_taken_is_left_to_its_holder() {
    let house = House::new().await;
    house.install().await;
    let first = house
        .make(&[("instance.name", "dup"), ("name", "first")])
        .await;
    let second = house
        .make(&[("instance.name", "dup"), ("name", "second")])
        .await;
    assert_eq!(house.name_of("dup").as_deref(), Some("first"));
    house
        .describe(&second, &[("instance.name", "dup"), ("name", "changed")])
        .await;
    assert_eq!(house.name_of("dup").as_deref(), Some("first"));
    second.delete().await.unwrap();
    house.settle().await;
    assert_eq!(house.name_of("dup").as_deref(), Some("first"));
    house
        .describe(&first, &[("instance.name", "dup"), ("name", "still")])
        .await;
    assert_eq!(house.name_of("dup").as_deref(), Some("still"));
    first.delete().await.unwrap();
    house.settle().await;
    assert!(!house.is_there("dup"));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_updates_the_last_one_stays() {
    let house = House::new().await;
    house.install().await;
    let configuration = house.make(&[("instance.name", "one"), ("name", "0")]).await;
    for number in 1..=50 {
        let properties = Properties::from([
            ("ipopo.factory.name", "test.basic".to_owned()),
            ("instance.name", "one".to_owned()),
            ("name", number.to_string()),
        ]);
        configuration.update(properties).await.unwrap();
    }
    house.settle().await;
    assert_eq!(house.name_of("one").as_deref(), Some("50"));
    configuration.delete().await.unwrap();
    house.settle().await;
    assert!(!house.is_there("one"));
    house.stop().await;
}

#[tokio::test]
async fn a_component_waits_for_its_factory_and_comes_back_with_it() {
    let house = House::new().await;
    let configuration = house
        .make(&[("instance.name", "one"), ("name", "hello")])
        .await;
    assert!(!house.is_there("one"));
    let bundle = house.install().await;
    until("it is made", || {
        house.name_of("one").as_deref() == Some("hello")
    })
    .await;
    bundle.stop().await.unwrap();
    assert!(!house.is_there("one"));
    // What is removed meanwhile has its default when the factory is back.
    house
        .describe(&configuration, &[("instance.name", "one")])
        .await;
    assert!(!house.is_there("one"));
    bundle.start().await.unwrap();
    until("it is made again", || {
        house.name_of("one").as_deref() == Some("default")
    })
    .await;
    configuration.delete().await.unwrap();
    house.settle().await;
    assert!(!house.is_there("one"));
    house.stop().await;
}

#[tokio::test]
async fn made_components_end_with_the_admin_and_come_back_with_it() {
    let mut house = House::new().await;
    house.install().await;
    house
        .make(&[("instance.name", "one"), ("name", "stored")])
        .await;
    house.context.components().kill(INSTANCE).await.unwrap();
    assert!(!house.is_there("one"));
    house.start_admin().await;
    until("it is made from its file", || {
        house.name_of("one").as_deref() == Some("stored")
    })
    .await;
    house = house.again().await;
    house.install().await;
    until("it is made in another framework", || {
        house.name_of("one").as_deref() == Some("stored")
    })
    .await;
    let admin = house
        .framework
        .bundle_by_name(BUNDLE.symbolic_name)
        .unwrap();
    admin.stop().await.unwrap();
    assert!(!house.is_there("one"));
    house.stop().await;
}

#[tokio::test]
async fn an_instance_with_a_pid_follows_its_configuration() {
    let house = House::new().await;
    house.install().await;
    let name = |wanted: &str| house.property("with-pid", "name") == Some(Value::from(wanted));
    assert!(name("default"));
    let configuration = house.configuration("test.pid");
    configuration
        .update([("name", "configured")].into())
        .await
        .unwrap();
    until("it is configured", || name("configured")).await;
    configuration.update([("other", 1)].into()).await.unwrap();
    house.settle().await;
    assert!(name("default"), "what leaves the configuration goes back");
    configuration
        .update([("name", "again")].into())
        .await
        .unwrap();
    house.settle().await;
    assert!(name("again"));
    configuration.delete().await.unwrap();
    house.settle().await;
    assert!(name("default"));
    // The PID is its own, not the configuration's.
    assert_eq!(
        house.property("with-pid", "service.pid"),
        Some(Value::from("test.pid"))
    );
    assert_eq!(house.property("with-pid", "service.factoryPid"), None);
    house.stop().await;
}

#[tokio::test]
async fn an_instance_that_comes_after_its_configuration_gets_it_and_keeps_what_it_was_given() {
    let house = House::new().await;
    house.install().await;
    let configuration = house.configuration("own.pid");
    configuration
        .update([("name", "configured")].into())
        .await
        .unwrap();
    let given = Properties::from([("service.pid", "own.pid"), ("name", "given")]);
    let components = house.context.components();
    components
        .instantiate("test.basic", "late", given)
        .await
        .unwrap();
    until("it is configured", || {
        house.name_of("late").as_deref() == Some("configured")
    })
    .await;
    configuration.delete().await.unwrap();
    house.settle().await;
    assert_eq!(house.name_of("late").as_deref(), Some("given"));
    // The service can still be found by the PID that the instance was given.
    let filter = Filter::parse("(service.pid=own.pid)").unwrap();
    assert!(house.context.service::<dyn Basic>(Some(&filter)).is_some());
    house.stop().await;
}

#[tokio::test]
async fn an_instance_can_ask_to_be_restarted() {
    let house = House::new().await;
    house.install().await;
    let given = Properties::from([
        ("service.pid", "own.pid"),
        ("ipopo.update.policy", "restart"),
    ]);
    let components = house.context.components();
    components
        .instantiate("test.basic", "one", given)
        .await
        .unwrap();
    let before = house.basic("one").unwrap();
    let configuration = house.configuration("own.pid");
    configuration
        .update([("name", "configured")].into())
        .await
        .unwrap();
    until("it is configured", || {
        house.name_of("one").as_deref() == Some("configured")
    })
    .await;
    assert_ne!(house.basic("one").unwrap().1, before.1);
    configuration
        .update([("name", "again")].into())
        .await
        .unwrap();
    house.settle().await;
    assert_eq!(house.name_of("one").as_deref(), Some("again"));
    configuration.delete().await.unwrap();
    house.settle().await;
    assert_eq!(house.name_of("one").as_deref(), Some("default"));
    house.stop().await;
}

#[tokio::test]
async fn an_empty_pid_follows_nothing() {
    let house = House::new().await;
    house.install().await;
    for pid in ["None", "null"] {
        house
            .configuration(pid)
            .update([("name", "hijacked")].into())
            .await
            .unwrap();
    }
    house.settle().await;
    assert_eq!(
        house.property("without-pid", "name"),
        Some(Value::from("default"))
    );
    house.stop().await;
}

#[tokio::test]
async fn a_killed_instance_is_let_go() {
    let house = House::new().await;
    house.install().await;
    let components = house.context.components();
    let configuration = house.configuration("own.pid");
    let given = Properties::from([("service.pid", "own.pid")]);
    components
        .instantiate("test.basic", "one", given)
        .await
        .unwrap();
    configuration
        .update([("name", "configured")].into())
        .await
        .unwrap();
    until("it is configured", || {
        house.name_of("one").as_deref() == Some("configured")
    })
    .await;
    components.kill("one").await.unwrap();
    configuration
        .update([("name", "again")].into())
        .await
        .unwrap();
    house.settle().await;
    assert!(!house.is_there("one"));
    let weak = Arc::downgrade(&house.admin());
    house.stop().await;
    assert!(
        weak.upgrade().is_none(),
        "nothing keeps the admin after the stop"
    );
}

#[tokio::test]
async fn a_component_can_wait_for_its_configuration() {
    let house = House::new().await;
    house.install().await;
    assert!(house.basic("gated").is_none());
    let configuration = house.configuration("test.gated");
    configuration
        .update([("name", "configured")].into())
        .await
        .unwrap();
    house.settle().await;
    let first = house.basic("gated").unwrap();
    assert_eq!(first.0, "configured");
    configuration
        .update([("name", "changed")].into())
        .await
        .unwrap();
    house.settle().await;
    let second = house.basic("gated").unwrap();
    assert_eq!(second.0, "changed");
    assert_ne!(first.1, second.1, "a plain field means another object");
    configuration.update([("extra", 1)].into()).await.unwrap();
    house.settle().await;
    assert_eq!(
        house.name_of("gated").as_deref(),
        Some("default"),
        "it still has a configuration"
    );
    configuration.delete().await.unwrap();
    house.settle().await;
    assert!(house.basic("gated").is_none());
    assert!(house.is_there("gated"));
    house.stop().await;
}

#[tokio::test]
async fn a_hidden_property_is_configured_by_its_name_with_a_dot() {
    let house = House::new().await;
    house.install().await;
    let configuration = house.configuration("test.hidden");
    configuration
        .update([("secret", "from-configuration")].into())
        .await
        .unwrap();
    house.settle().await;
    assert_eq!(house.name_of("hidden").as_deref(), Some("declared"));
    configuration
        .update([(".secret", "rotated")].into())
        .await
        .unwrap();
    house.settle().await;
    assert_eq!(house.name_of("hidden").as_deref(), Some("rotated"));
    // It keeps what it was given last.
    configuration.update([("other", 1)].into()).await.unwrap();
    house.settle().await;
    assert_eq!(house.name_of("hidden").as_deref(), Some("rotated"));
    for key in ["secret", ".secret"] {
        assert_eq!(house.property("hidden", key), None, "{key}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_configuration_may_be_updated_while_a_component_validates() {
    let house = House::new().await;
    house.install().await;
    let managed = Arc::new(Managed::default());
    house.manage(&managed, "test.updated");
    let components = house.context.components();
    let valid = || components.instance("one").map(|one| one.state) == Some(ComponentState::Valid);
    components
        .instantiate("test.updating", "one", Properties::new())
        .await
        .unwrap();
    house.settle().await;
    assert!(valid());
    assert_eq!(managed.take(), [7]);
    house.configuration("test.updated").delete().await.unwrap();
    components.kill("one").await.unwrap();
    house.settle().await;
    managed.take();
    // The same, made from a configuration.
    let configuration = house
        .admin()
        .create_factory_configuration("ferlix.ipopo.component")
        .unwrap();
    let described = [
        ("ipopo.factory.name", "test.updating"),
        ("instance.name", "one"),
    ];
    configuration.update(described.into()).await.unwrap();
    house.settle().await;
    assert!(valid());
    assert_eq!(managed.take(), [7]);
    house.stop().await;
}

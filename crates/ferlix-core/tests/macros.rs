//! Components by macros: providers and a consumer in one framework, written as a user writes them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ferlix_core::component::{
    Best, ComponentContext, ComponentError, ComponentState, DependencyKind, Live, Many, Opt,
};
use ferlix_core::framework::{BoxError, BundleActivator, BundleContext, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRef;
use ferlix_core::service::CallError;
use ferlix_core::{bundle, component, lifecycle, remote_service, service, service_impl};

/// Greets.
#[remote_service("test.hello")]
trait Hello: Send + Sync {
    async fn say_hello(&self, from: &str) -> Result<String, CallError>;
}

/// Keeps what happened, for the test to read: with a sync method and an async one.
#[service("test.journal")]
trait Journal: Send + Sync {
    fn write(&self, line: String);
    async fn take(&self) -> Vec<String>;
}

const HELLO_FACTORY: &str = "hello-factory";

#[component(
    factory = HELLO_FACTORY,
    provides(dyn Hello),
    property("service.exported.interfaces" = "*", "hello.languages" = ["en", "de"]),
)]
#[derive(Default)]
struct Greeter {
    calls: AtomicU64,
    #[init(String::from("Howdy"))]
    greeting: String,
}

#[service_impl]
impl Hello for Greeter {
    async fn say_hello(&self, from: &str) -> Result<String, CallError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(format!("{} {from} {call}", self.greeting))
    }
}

#[component(
    factory = "journal-factory",
    instance = "journal",
    provides(dyn Journal)
)]
struct Memory {
    lines: Mutex<Vec<String>>,
}

#[service_impl]
impl Journal for Memory {
    fn write(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    async fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

#[component(factory = "consumer-factory", instance = "consumer", retry = "off")]
struct Consumer {
    #[inject(filter = "(service.exported.interfaces=*)")]
    hello: Arc<dyn Hello>,
    #[inject]
    journal: Best<dyn Journal>,
    #[inject]
    maybe: Opt<dyn Hello>,
    #[inject(min = 2)]
    all: Many<dyn Hello>,
    #[property("greeting.name", default = "Rust")]
    name: String,
    #[property("greeting.pause", default = 5)]
    pause: Live<u32>,
    #[property("greeting.suffix")]
    suffix: Option<String>,
}

impl Consumer {
    fn note(&self, line: impl Into<String>) {
        self.journal.load().write(line.into());
    }
}

#[lifecycle]
impl Consumer {
    #[validate]
    async fn start(
        self: &Arc<Self>,
        context: &ComponentContext,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.name == "nobody" {
            return Err("nobody is to be greeted".into());
        }
        let answer = self.hello.say_hello(&self.name).await?;
        let (all, maybe) = (self.all.len(), self.maybe.get().is_some());
        let (name, pause) = (context.name(), self.pause.get());
        self.note(format!("{name}: {answer}, {all}, {maybe}, {pause}"));
        Ok(())
    }

    #[invalidate]
    fn stop(&self) {
        self.note(format!("stop with {:?}", self.suffix));
    }

    #[bind(all)]
    fn arrived(&self, reference: &ServiceRef, hello: &Arc<dyn Hello>) -> Result<(), CallError> {
        drop(Arc::clone(hello));
        self.note(format!("bind {}", rank(reference)));
        Ok(())
    }

    #[update(all)]
    async fn changed(&self, reference: &ServiceRef) -> Result<(), ComponentError> {
        tokio::task::yield_now().await;
        self.note(format!("update {}", rank(reference)));
        Ok(())
    }

    #[unbind(all)]
    async fn left(&self, hello: &Arc<dyn Hello>) {
        let answer = hello.say_hello("unbind").await.unwrap();
        self.note(format!("unbind, {answer}"));
    }

    #[unbind(all)]
    #[cfg(any())]
    fn never(&self) {}

    #[unbind(hello)]
    fn lost(&self) {
        self.note("lost");
    }
}

fn rank(reference: &ServiceRef) -> String {
    reference.property("rank").unwrap_or_default().to_string()
}

/// Publishes a journal of its own while its bundle is active.
#[derive(Default)]
struct Publisher;

#[ferlix_core::__private::async_trait]
impl BundleActivator for Publisher {
    async fn start(&self, context: &BundleContext) -> Result<(), BoxError> {
        let memory: Arc<dyn Journal> = Arc::new(Memory {
            lines: Mutex::default(),
        });
        context.register(memory, Properties::from([("by", "activator")]))?;
        Ok(())
    }
}

bundle!(PROVIDER = "test.provider", components = [Greeter]);
bundle!(pub CONSUMER = "test.consumer", version = "1.2.3", components = [Consumer, Memory], activator = None);
bundle!(
    PUBLISHER = "test.publisher",
    components = [],
    activator = Publisher
);

async fn started(properties: Properties) -> Framework {
    Framework::builder()
        .properties(&properties)
        .install(&PROVIDER)
        .install(&CONSUMER)
        .start()
        .await
        .unwrap()
}

async fn greeter(framework: &Framework, name: &str, rank: i32) {
    let properties = Properties::from([
        ("rank", Value::from(rank)),
        ("service.ranking", Value::from(rank)),
    ]);
    framework
        .components()
        .instantiate(HELLO_FACTORY, name, properties)
        .await
        .unwrap();
    framework.settle().await;
}

fn state(framework: &Framework) -> ComponentState {
    framework.components().instance("consumer").unwrap().state
}

#[tokio::test]
async fn a_consumer_follows_its_providers() {
    let framework = started(Properties::new()).await;
    let journal = framework.context().service::<dyn Journal>(None).unwrap();
    greeter(&framework, "one", 1).await;
    assert_eq!(
        state(&framework),
        ComponentState::Invalid,
        "two are required"
    );
    greeter(&framework, "two", 2).await;
    assert_eq!(state(&framework), ComponentState::Valid);
    let lines = journal.take().await;
    assert_eq!(
        lines,
        ["bind 2", "bind 1", "consumer: Howdy Rust 0, 2, true, 5"]
    );

    greeter(&framework, "three", 3).await;
    assert_eq!(
        journal.take().await,
        ["bind 3"],
        "in place, and the fixed one stays"
    );

    let service = framework.components().instance("two").unwrap().service;
    let context = framework.context();
    let hello = context.get::<dyn Hello>(&service.unwrap()).unwrap();
    assert_eq!(hello.say_hello("x").await.unwrap(), "Howdy x 1");

    framework.components().kill("three").await.unwrap();
    assert_eq!(journal.take().await, ["unbind, Howdy unbind 0"]);

    framework.components().kill("two").await.unwrap();
    assert_eq!(state(&framework), ComponentState::Invalid);
    let lines = journal.take().await;
    assert_eq!(lines[0], "stop with None");
    assert!(lines.contains(&"lost".to_owned()));
    assert!(lines.contains(&"unbind, Howdy unbind 2".to_owned()));
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn properties_reach_fields_and_services() {
    let framework = started(Properties::from([
        ("greeting.pause", "7"),
        ("greeting.suffix", "!"),
    ]))
    .await;
    let journal = framework.context().service::<dyn Journal>(None).unwrap();
    greeter(&framework, "one", 1).await;
    greeter(&framework, "two", 2).await;
    assert_eq!(state(&framework), ComponentState::Valid);
    journal.take().await;

    let service = framework.components().instance("one").unwrap().service;
    let service = service.unwrap();
    let languages = service.property("hello.languages").unwrap();
    assert_eq!(languages.strings(), ["en", "de"]);
    assert_eq!(service.specifications(), ["test.hello".into()]);
    assert_eq!(
        service.dispatchers().len(),
        1,
        "a remote interface can be served"
    );

    let change = |key: &'static str, value: &'static str| {
        let components = framework.components().clone();
        async move {
            components
                .reconfigure("consumer", Properties::from([(key, value)]))
                .await
        }
    };
    change("greeting.pause", "8").await.unwrap();
    assert_eq!(
        journal.take().await,
        [""; 0],
        "a live property changes in place"
    );
    change("greeting.name", "Java").await.unwrap();
    let lines = journal.take().await;
    assert_eq!(lines[0], "stop with Some(\"!\")");
    assert_eq!(
        lines.last().unwrap(),
        // The first call was the first validation's, the second the unbinding's.
        "consumer: Howdy Java 2, 2, true, 8",
        "a plain one builds it anew"
    );

    change("greeting.name", "nobody").await.unwrap();
    let details = framework.components().instance("consumer").unwrap();
    assert_eq!(details.state, ComponentState::Erroneous);
    let cause = details.cause.unwrap().to_string();
    assert_eq!(cause, "validate: nobody is to be greeted");
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn an_update_is_told() {
    let framework = started(Properties::new()).await;
    let context = framework.context();
    let journal = context.service::<dyn Journal>(None).unwrap();
    greeter(&framework, "one", 1).await;
    let by_hand: Arc<dyn Hello> = Arc::new(Greeter::default());
    let registration = context
        .register(by_hand, Properties::from([("rank", 0)]))
        .unwrap();
    framework.settle().await;
    assert_eq!(
        journal.take().await.last().unwrap(),
        "consumer: Howdy Rust 0, 2, true, 5"
    );
    registration
        .set_properties(&Properties::from([("rank", 9)]))
        .unwrap();
    framework.settle().await;
    assert_eq!(journal.take().await, ["update 9"]);
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn the_description_is_what_was_written() {
    let framework = started(Properties::new()).await;
    let details = framework
        .components()
        .instance("consumer")
        .unwrap()
        .dependencies;
    let described: Vec<_> = details
        .iter()
        .map(|one| {
            let requirement = &one.requirement;
            let filter = requirement.filter.as_ref().map(ToString::to_string);
            (
                requirement.field,
                requirement.specification,
                requirement.kind,
                filter,
            )
        })
        .collect();
    let exported = Some("(service.exported.interfaces=*)".to_owned());
    assert_eq!(
        described,
        [
            ("hello", "test.hello", DependencyKind::Fixed, exported),
            ("journal", "test.journal", DependencyKind::Best, None),
            ("maybe", "test.hello", DependencyKind::Optional, None),
            ("all", "test.hello", DependencyKind::Many, None),
        ]
    );
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn a_bundle_says_who_it_is_and_has_an_activator() {
    assert_eq!(PROVIDER.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(CONSUMER.version, "1.2.3");
    assert!(CONSUMER.location.ends_with("macros.rs"));
    let framework = Framework::builder()
        .install(&PUBLISHER)
        .start()
        .await
        .unwrap();
    let filter = "(by=activator)".parse().unwrap();
    assert!(
        framework
            .context()
            .service::<dyn Journal>(Some(&filter))
            .is_some()
    );
    framework.stop().await.unwrap();
}

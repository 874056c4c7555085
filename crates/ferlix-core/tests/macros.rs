//! The macros together: a provider and a consumer in one framework, written as a user writes them.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ferlix_core::component::{
    Best, ComponentContext, ComponentError, ComponentState, Live, Many, Opt,
};
use ferlix_core::framework::Framework;
use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRef;
use ferlix_core::service::CallError;
use ferlix_core::{bundle, component, lifecycle, remote_service, service, service_impl};

/// Greets.
#[remote_service("org.eclipse.ecf.examples.hello.IHello", version = "1.1.0")]
trait Hello: Send + Sync {
    async fn say_hello(&self, from: &str, message: &str) -> Result<String, CallError>;
}

/// Keeps what happened, for the test to read.
#[service("test.journal")]
trait Journal: Send + Sync {
    fn write(&self, line: String);
    async fn lines(&self) -> Vec<String>;
}

#[component(
    factory = "hello-factory",
    instance = "hello",
    provides(dyn Hello),
    property("service.exported.interfaces" = "*", "osgi.basic.timeout" = 60_000)
)]
#[derive(Default)]
struct HelloImpl {
    calls: AtomicU64,
    #[init(String::from("Howdy"))]
    greeting: String,
}

#[service_impl]
impl Hello for HelloImpl {
    async fn say_hello(&self, from: &str, _message: &str) -> Result<String, CallError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(format!("{} {from}", self.greeting))
    }
}

#[component(factory = "journal-factory", instance = "journal", provides(dyn Journal))]
struct Memory {
    lines: Mutex<Vec<String>>,
}

#[service_impl]
impl Journal for Memory {
    fn write(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }
    async fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
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
    #[inject(min = 1)]
    all: Many<dyn Hello>,
    #[property("greeting.name", default = "Rust")]
    name: String,
    #[property("greeting.pause", default = 5)]
    pause: Live<u32>,
}

#[lifecycle]
impl Consumer {
    #[validate]
    async fn start(&self, context: &ComponentContext) -> Result<(), ComponentError> {
        assert_eq!(self.all.len(), 1);
        assert!(self.maybe.get().is_some());
        let answer = self.hello.say_hello(&self.name, "x").await?;
        self.journal
            .load()
            .write(format!("{} {answer} {}", context.name(), self.pause.get()));
        Ok(())
    }

    #[invalidate]
    fn stop(&self) {
        self.journal.load().write("stop".to_owned());
    }

    #[bind(all)]
    fn arrived(&self, hello: &Arc<dyn Hello>, reference: &ServiceRef) {
        assert!(reference.is_registered());
        let _ = hello;
        self.journal.load().write("arrived".to_owned());
    }

    #[unbind(all)]
    async fn left(&self, _reference: &ServiceRef) {
        self.journal.load().write("left".to_owned());
    }
}

bundle!(pub PROVIDER = "test.provider", components = [HelloImpl], activator = None);
bundle!(
    CONSUMER = "test.consumer",
    version = "1.2.3",
    components = [Consumer, Memory]
);

#[tokio::test]
async fn a_consumer_meets_a_provider() {
    let framework = Framework::builder()
        .install(&PROVIDER)
        .install(&CONSUMER)
        .start()
        .await
        .unwrap();
    framework.settle().await;
    let journal = framework.context().service::<dyn Journal>(None).unwrap();
    assert_eq!(journal.lines().await, ["arrived", "consumer Howdy Rust 5"]);
    let state = || framework.components().instance("consumer").unwrap().state;
    assert_eq!(state(), ComponentState::Valid);
    framework.components().kill("hello").await.unwrap();
    assert_eq!(state(), ComponentState::Invalid);
    assert_eq!(journal.lines().await[2..], ["stop", "left"]);
    framework
        .components()
        .instantiate("hello-factory", "again", Properties::new())
        .await
        .unwrap();
    framework.settle().await;
    assert_eq!(state(), ComponentState::Valid);
    framework.stop().await.unwrap();
}

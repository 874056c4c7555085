//! The events of the Remote Service Admin as a handler of the event admin sees them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ferlix_core::framework::Framework;
use ferlix_core::property::{Properties, Value};
use ferlix_core::service::{CallError, Dispatch};
use ferlix_core::{remote_service, service_impl};
use ferlix_event::{Event, EventHandler};
use ferlix_remote::admin::RemoteServiceAdmin;
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::{BoxError, ContainerId, ExportContainer, ExportProvider};

#[remote_service("org.example.IHello")]
trait Hello: Send + Sync {
    async fn hello(&self) -> Result<(), CallError>;
}

struct HelloImpl;

#[service_impl]
impl Hello for HelloImpl {
    async fn hello(&self) -> Result<(), CallError> {
        Ok(())
    }
}

/// Exports whatever does not ask for `fail`.
struct Provider;

#[async_trait]
impl ExportProvider for Provider {
    fn name(&self) -> &str {
        "x"
    }

    fn configurations(&self) -> Vec<String> {
        vec!["x".to_owned()]
    }

    fn intents(&self) -> Vec<String> {
        Vec::new()
    }

    async fn container(
        &self,
        _: &str,
        _: &[String],
        properties: &Properties,
    ) -> Result<Arc<dyn ExportContainer>, BoxError> {
        if properties.contains("fail") {
            return Err("it is told to".into());
        }
        Ok(Arc::new(Container))
    }
}

struct Container;

#[async_trait]
impl ExportContainer for Container {
    fn id(&self) -> ContainerId {
        ContainerId::new("namespace", "here")
    }

    fn configuration(&self) -> &str {
        "x"
    }

    async fn export(
        &self,
        _: &EndpointDescription,
        _: Vec<Arc<dyn Dispatch>>,
    ) -> Result<(), BoxError> {
        Ok(())
    }

    async fn unexport(&self, _: &EndpointDescription) -> Result<(), BoxError> {
        Ok(())
    }
}

#[derive(Default)]
struct Seen(Mutex<Vec<Event>>);

#[service_impl]
impl EventHandler for Seen {
    async fn handle_event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

#[tokio::test]
async fn what_the_admin_does_is_posted_with_the_properties_of_the_specification() {
    let framework = Framework::builder()
        .install(&ferlix_remote::admin::BUNDLE)
        .install(&ferlix_event::BUNDLE)
        .install(&ferlix_remote_event::BUNDLE)
        .start()
        .await
        .unwrap();
    let context = framework.context();
    let seen = Arc::new(Seen::default());
    context
        .register::<dyn EventHandler>(
            Arc::clone(&seen) as Arc<dyn EventHandler>,
            [("event.topics", "org/osgi/service/remoteserviceadmin/*")].into(),
        )
        .unwrap();
    context
        .register::<dyn ExportProvider>(Arc::new(Provider), Properties::new())
        .unwrap();
    let admin = context.service::<dyn RemoteServiceAdmin>(None).unwrap();
    let service = context
        .register::<dyn Hello>(
            Arc::new(HelloImpl),
            [("service.exported.interfaces", "*")].into(),
        )
        .unwrap();
    let export = async |overrides: Properties| {
        let registrations = admin.export_service(service.reference(), &overrides).await;
        registrations.unwrap().remove(0)
    };

    // Without an event admin nothing is posted, and nothing breaks.
    export(Properties::new()).await.close().await;
    context
        .components()
        .instantiate(
            ferlix_event::FACTORY,
            ferlix_event::INSTANCE,
            Properties::new(),
        )
        .await
        .unwrap();
    framework.settle().await;
    let registration = export(Properties::new()).await;
    let endpoint = registration
        .reference()
        .unwrap()
        .exported_endpoint()
        .unwrap();
    registration.close().await;
    export([("fail", true)].into()).await;
    framework.settle().await;

    let events = std::mem::take(&mut *seen.0.lock().unwrap());
    let topics: Vec<_> = events
        .iter()
        .map(|event| event.topic().to_owned())
        .collect();
    let prefix = ferlix_remote_event::TOPIC;
    assert_eq!(
        topics,
        [
            "EXPORT_REGISTRATION",
            "EXPORT_UNREGISTRATION",
            "EXPORT_ERROR"
        ]
        .map(|kind| format!("{prefix}{kind}"))
    );
    let id = Value::Long(i64::try_from(service.reference().id()).unwrap());
    let [exported, _, failed] = &events[..] else {
        panic!("three events")
    };
    let expected = [
        ("endpoint.id", Value::from(endpoint.id())),
        ("endpoint.service.id", id.clone()),
        ("endpoint.framework.uuid", Value::from(framework.uuid())),
        ("objectClass", Value::from(["org.example.IHello"])),
        ("service.imported.configs", Value::from(["x"])),
        (
            "bundle.symbolicname",
            Value::from("ferlix.rsa.remoteserviceadmin"),
        ),
    ];
    for (name, value) in expected {
        assert_eq!(exported.property(name), Some(value), "{name}");
    }
    for name in ["bundle.id", "bundle.version", "bundle.signer", "timestamp"] {
        assert!(exported.property(name).is_some(), "{name}");
    }
    assert_eq!(exported.property("exception"), None);
    assert_eq!(failed.property("endpoint.id"), None);
    assert_eq!(failed.property("endpoint.service.id"), Some(id));
    let text = failed.property("exception").unwrap().to_string();
    assert_eq!(text, "provider x could not make a container: it is told to");
    assert_eq!(
        failed.property("exception.class"),
        Some(Value::from("ferlix_remote::error::Error"))
    );
    framework.stop().await.unwrap();
}

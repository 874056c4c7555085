//! Intents: what a service asks for and what its proxies have.

use std::sync::Arc;
use std::time::SystemTime;

use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceObject;
use ferlix_core::service::CallError;
use ferlix_core::{remote_service, service_impl};
use ferlix_remote::Error;
use ferlix_remote::admin::events;
use futures_util::{FutureExt, StreamExt};

use crate::support::{
    Distribution, Hello, HelloImpl, Network, Other, admin, endpoint, exported, framework,
    register_hello,
};

/// Its types are beyond `osgi.basic`.
#[remote_service("org.example.Calendar")]
trait Calendar: Send + Sync {
    async fn today(&self) -> Result<SystemTime, CallError>;
    async fn keep(&self, value: Value) -> Result<(), CallError>;
    async fn count(&self) -> Result<i32, CallError>;
}

struct Paper;

#[service_impl]
impl Calendar for Paper {
    async fn today(&self) -> Result<SystemTime, CallError> {
        Ok(SystemTime::now())
    }

    async fn keep(&self, _value: Value) -> Result<(), CallError> {
        Ok(())
    }

    async fn count(&self) -> Result<i32, CallError> {
        Ok(0)
    }
}

#[tokio::test]
async fn basic_services_have_one_interface_of_basic_types() {
    let framework = framework().await;
    let context = framework.context();
    let mut x = Distribution::new(&Network::default(), "x");
    x.conditional.push("osgi.basic.timeout".to_owned());
    x.register_exporter(&context);
    let admin = admin(&context);
    let mut told = events(&context).unwrap();
    let basic = |intent: &str| {
        let mut properties = exported();
        properties.insert("service.exported.intents", intent);
        properties
    };
    let calendar = context
        .register::<dyn Calendar>(Arc::new(Paper), exported())
        .unwrap();
    let both =
        ServiceObject::new::<dyn Hello>(Arc::new(HelloImpl)).and::<dyn Other>(Arc::new(HelloImpl));
    let both = context.register_object(both, exported()).unwrap();
    let export = async |service, overrides: Properties| {
        let registrations = admin.export_service(service, &overrides).await;
        registrations.unwrap().remove(0)
    };

    assert!(
        export(calendar.reference(), Properties::new())
            .await
            .reference()
            .is_ok()
    );
    for intent in ["osgi.basic", "osgi.basic.timeout"] {
        let failed = export(calendar.reference(), basic(intent)).await;
        let error = failed.error().unwrap();
        assert!(matches!(error, Error::NotExportable { .. }));
        assert!(
            error
                .to_string()
                .ends_with("(dates, or values of any type): today, keep"),
            "{error}"
        );
        assert_eq!(failed.service(), calendar.reference());
    }
    let failed = export(both.reference(), basic("osgi.basic")).await;
    let error = failed.error().unwrap().to_string();
    assert!(
        error.contains("exports org.example.IHello, org.example.other.IOther"),
        "{error}"
    );
    let mut one = basic("osgi.basic");
    one.insert("service.exported.interfaces", "org.example.IHello");
    assert!(export(both.reference(), one).await.reference().is_ok());

    let mut kinds = Vec::new();
    while let Some(Some(event)) = told.next().now_or_never() {
        kinds.push(event.kind.to_string());
    }
    assert_eq!(
        kinds,
        [
            "EXPORT_REGISTRATION",
            "EXPORT_ERROR",
            "EXPORT_ERROR",
            "EXPORT_ERROR",
            "EXPORT_REGISTRATION"
        ]
    );
}

#[tokio::test]
async fn a_provider_must_support_all_intents_of_all_three_properties() {
    let framework = framework().await;
    let context = framework.context();
    let mut x = Distribution::new(&Network::default(), "x");
    x.intents = ["osgi.basic", "passByValue", "ordered.strictly"]
        .map(str::to_owned)
        .to_vec();
    x.register_exporter(&context);
    let admin = admin(&context);
    let service = register_hello(&context, exported());
    let intents = async |own: Value, exported: Value, extra: Value| {
        let overrides = Properties::from([
            ("service.intents", own),
            ("service.exported.intents", exported),
            ("service.exported.intents.extra", extra),
        ]);
        let registrations = admin
            .export_service(service.reference(), &overrides)
            .await
            .unwrap();
        let first = registrations.first()?.reference().unwrap();
        let intents = first.exported_endpoint().unwrap().intents().to_vec();
        registrations[0].close().await;
        Some(intents)
    };
    let none = || Value::List(Vec::new());
    assert_eq!(
        intents(
            "osgi.basic".into(),
            ["passByValue"].into(),
            Value::Set(vec!["ordered".into()])
        )
        .await
        .unwrap(),
        ["osgi.basic", "passByValue", "ordered"]
    );
    assert_eq!(intents(none(), none(), none()).await, Some(Vec::new()));
    // A text is one intent, not its letters, and a qualified one is more than what it qualifies.
    for lacking in [
        "osgi.basic.timeout",
        "osgi.bas",
        "pass",
        "osgi.basic passByValue",
    ] {
        assert_eq!(
            intents(lacking.into(), none(), none()).await,
            None,
            "{lacking}"
        );
        assert_eq!(
            intents(none(), [lacking].into(), none()).await,
            None,
            "{lacking}"
        );
        assert_eq!(
            intents(none(), none(), ["passByValue", lacking].into()).await,
            None,
            "{lacking}"
        );
    }
}

#[tokio::test]
async fn a_proxy_meets_what_was_asked_for_and_what_both_providers_do() {
    let framework = framework().await;
    let context = framework.context();
    let mut x = Distribution::new(&Network::default(), "x");
    x.intents.push("ordered.strictly".to_owned());
    x.conditional.push("osgi.private".to_owned());
    x.register_importer(&context);
    let admin = admin(&context);
    let intents = async |id: &str, more: &[(&str, Value)]| {
        let registration = admin
            .import_service(&endpoint(id, "x", more))
            .await
            .unwrap();
        let proxy = registration
            .reference()
            .unwrap()
            .imported_service()
            .unwrap();
        let properties = proxy.properties();
        properties.get("service.intents").cloned()
    };
    assert_eq!(intents("e1", &[]).await, None);
    // The exporter supports osgi.private too, but nobody asked for it.
    let supported = Value::from(["osgi.basic", "osgi.private", "ordered.strictly", "other"]);
    assert_eq!(
        intents(
            "e2",
            &[
                ("remote.intents.supported", supported.clone()),
                ("service.intents", "osgi.async".into())
            ]
        )
        .await,
        Some(Value::from([
            "osgi.async",
            "osgi",
            "osgi.basic",
            "ordered.strictly",
            "ordered"
        ]))
    );
    assert_eq!(
        intents("e3", &[("service.intents", Value::from(["osgi.private"]))]).await,
        Some(Value::from(["osgi.private", "osgi"]))
    );
}

#[tokio::test]
async fn an_override_that_is_null_is_refused() {
    let framework = framework().await;
    let context = framework.context();
    let x = Distribution::new(&Network::default(), "x");
    x.register_exporter(&context);
    let admin = admin(&context);
    let service = register_hello(&context, exported());
    let null = Properties::from([("a", Value::Null)]);
    let error = admin
        .export_service(service.reference(), &null)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("the value of a among the overrides is null"),
        "{error}"
    );
    let registration = admin
        .export_service(service.reference(), &Properties::new())
        .await
        .unwrap()
        .remove(0);
    assert!(matches!(
        registration.update(Some(&null)).await,
        Err(Error::NotExportable { .. })
    ));
    assert!(registration.reference().is_ok());
}

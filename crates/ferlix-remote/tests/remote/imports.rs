//! Imports of the Remote Service Admin, with a distribution that needs no network.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ferlix_core::framework::Framework;
use ferlix_core::property::{Properties, Value};
use ferlix_core::service::CallError;
use ferlix_remote::Error;

use crate::admin::parts;
use crate::support::{Distribution, Hello, Network, admin, endpoint, framework, register_hello};

#[tokio::test]
async fn a_proxy_has_the_endpoints_properties_and_calls_it_until_it_is_withdrawn() {
    let (framework, x, log) = parts().await;
    let context = framework.context();
    let other = Framework::builder()
        .install(&ferlix_remote::admin::BUNDLE)
        .start()
        .await
        .unwrap();
    let there = other.context();
    x.register_exporter(&there);
    let service = register_hello(
        &there,
        Properties::from([("service.exported.interfaces", "*"), ("hello.name", "a")]),
    );
    let exported = admin(&there)
        .export_service(service.reference(), &Properties::new())
        .await
        .unwrap()
        .remove(0);
    let description = exported.reference().unwrap().exported_endpoint().unwrap();
    log.take();

    // The proxy is there before the admin says so.
    let events = log.clone();
    context
        .add_service_listener(Some("org.example.IHello"), None, move |event| {
            events.add(format!("proxy {}", event.kind as u32));
        })
        .unwrap();
    let registration = admin(&context).import_service(&description).await.unwrap();
    assert_eq!(log.take(), ["import 1", "proxy 1", "IMPORT_REGISTRATION"]);
    let reference = registration.reference().unwrap();
    let proxy = reference.imported_service().unwrap();
    let mut properties = Properties::clone(&proxy.properties());
    for key in ["service.id", "service.bundleid", "service.scope"] {
        properties.remove(key);
    }
    let expected = Properties::from([
        ("objectClass", Value::from(["org.example.IHello"])),
        ("service.imported", Value::Bool(true)),
        ("service.imported.configs", Value::from(["x"])),
        ("endpoint.id", Value::from(description.id())),
        ("endpoint.framework.uuid", Value::from(other.uuid())),
        ("endpoint.package.version.org.example", Value::from("1.1.0")),
        ("hello.name", Value::from("a")),
        // What both providers do for every endpoint.
        (
            "service.intents",
            Value::from(["osgi.basic", "osgi", "osgi.async"]),
        ),
    ]);
    assert_eq!(properties, expected);

    let hello = Arc::clone(&context.service::<dyn Hello>(None).unwrap());
    assert_eq!(hello.say_hello("you").await.unwrap(), "Howdy you");
    registration.close().await;
    assert_eq!(
        log.take(),
        ["proxy 4", "release 1", "IMPORT_UNREGISTRATION"]
    );
    let gone = hello.say_hello("you").await.unwrap_err();
    assert!(
        matches!(gone, CallError::Gone { ref service } if service == "org.example.IHello"),
        "{gone}"
    );
    assert!(reference.imported_service().is_none() && reference.imported_endpoint().is_none());
    assert!(context.service::<dyn Hello>(None).is_none());
}

#[tokio::test]
async fn an_import_is_shared_updated_and_told_when_it_must_be_made_anew() {
    let (framework, x, log) = parts().await;
    let context = framework.context();
    let admin = admin(&context);
    let described = |more: &[(&str, Value)]| endpoint("e1", "x", more);
    let first = admin
        .import_service(&described(&[
            ("a", Value::from("1")),
            ("b", Value::from("1")),
        ]))
        .await
        .unwrap();
    let changed = described(&[
        ("b", Value::from("2")),
        ("c", Value::from("3")),
        ("ecf.endpoint.ts", Value::Long(2)),
    ]);
    let second = admin.import_service(&changed).await.unwrap();
    assert_eq!(
        log.take(),
        [
            "import 5",
            "IMPORT_REGISTRATION",
            "follow 5",
            "IMPORT_UPDATE",
            "IMPORT_REGISTRATION"
        ]
    );
    assert_eq!(admin.imported_endpoints().len(), 1);
    assert_eq!(admin.import_registrations().len(), 2);
    let proxy = first.reference().unwrap().imported_service().unwrap();
    assert!(!proxy.properties().contains("a"));
    assert_eq!(
        (proxy.properties().text("b"), proxy.properties().text("c")),
        (Some("2"), Some("3"))
    );
    assert!(!proxy.properties().contains("ecf.endpoint.ts"));

    // The time stamp alone is no change.
    let repeated = described(&[
        ("b", Value::from("2")),
        ("c", Value::from("3")),
        ("ecf.endpoint.ts", Value::Long(3)),
    ]);
    first.update(&repeated).await.unwrap();
    assert_eq!(log.take(), [""; 0]);
    assert_eq!(
        first
            .reference()
            .unwrap()
            .imported_endpoint()
            .unwrap()
            .timestamp(),
        3
    );

    let moved = described(&[("ecf.endpoint.id", Value::from("x://elsewhere"))]);
    assert!(matches!(
        first.update(&moved).await,
        Err(Error::NotUpdatable {
            what: "its container",
            ..
        })
    ));
    assert!(matches!(
        first.update(&endpoint("e2", "x", &[])).await,
        Err(Error::WrongEndpoint { .. })
    ));

    // A container that cannot follow makes another caller; the proxy stays.
    x.fail.store(true, Ordering::SeqCst);
    assert!(matches!(
        first.update(&described(&[])).await,
        Err(Error::Provider { .. })
    ));
    assert_eq!(proxy.properties().text("b"), Some("2"));
    x.fail.store(false, Ordering::SeqCst);
    x.rigid.store(true, Ordering::SeqCst);
    log.take();
    first
        .update(&described(&[("b", Value::from("4"))]))
        .await
        .unwrap();
    assert_eq!(proxy.properties().text("b"), Some("4"));
    assert_eq!(log.take(), ["import 5", "IMPORT_UPDATE"]);

    first.close().await;
    assert!(proxy.is_registered());
    second.close().await;
    assert!(!proxy.is_registered());
    assert_eq!(log.take(), ["release 5", "IMPORT_UNREGISTRATION"]);
}

#[tokio::test]
async fn without_a_provider_nothing_is_imported_and_a_bad_interface_is_an_error() {
    let (framework, _, log) = parts().await;
    let admin = admin(&framework.context());
    let error = admin
        .import_service(&endpoint("e1", "unknown", &[]))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "endpoint e1 cannot be imported: provider x imports none of unknown.server"
    );
    let demanding = endpoint(
        "e1",
        "x",
        &[("service.intents", Value::from("osgi.private"))],
    );
    let error = admin.import_service(&demanding).await.unwrap_err();
    assert!(
        error.to_string().contains("does not support osgi.private"),
        "{error}"
    );
    let bad = endpoint("e1", "x", &[("objectClass", Value::from(["a)(b"]))]);
    let registration = admin.import_service(&bad).await.unwrap();
    assert!(matches!(registration.error(), Some(Error::Registry { .. })));
    assert_eq!(log.take(), ["import 5", "release 5", "IMPORT_ERROR"]);
}

#[tokio::test]
async fn proxies_go_with_their_provider() {
    let framework = framework().await;
    let context = framework.context();
    let x = Distribution::new(&Network::default(), "x");
    let provider = x.register_importer(&context);
    let registration = admin(&context)
        .import_service(&endpoint("e1", "x", &[]))
        .await
        .unwrap();
    let proxy = registration
        .reference()
        .unwrap()
        .imported_service()
        .unwrap();
    provider.unregister().await.unwrap();
    framework.settle().await;
    assert!(!proxy.is_registered() && registration.reference().is_err());
}

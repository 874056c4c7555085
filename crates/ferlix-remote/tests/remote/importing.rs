//! What the basic topology manager imports: whoever comes first, in the end there is a proxy of every endpoint.

use std::sync::atomic::Ordering;

use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::property::Value;
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::EndpointDirectory;

use crate::support::{Hello, admin as the_admin, endpoint};
use crate::topology::{Parts, manage, managed, orders, unmanaged};

#[tokio::test]
async fn importing_does_not_depend_on_who_comes_first() {
    for order in orders(4) {
        let framework = unmanaged().await;
        let context = framework.context();
        let parts = Parts::new();
        let mut directory = None;
        for step in &order {
            match step {
                0 => manage(&framework).await,
                1 => drop(parts.distribution.register_importer(&context)),
                2 => {
                    let opened: &EndpointDirectory = directory
                        .get_or_insert_with(|| EndpointDirectory::open(&context, "test").unwrap());
                    opened.put("k", endpoint("e1", "x", &[]));
                }
                _ => {
                    let opened: &EndpointDirectory = directory
                        .get_or_insert_with(|| EndpointDirectory::open(&context, "test").unwrap());
                    opened.put(
                        "ours",
                        endpoint(
                            "e2",
                            "x",
                            &[("endpoint.framework.uuid", framework.uuid().into())],
                        ),
                    );
                    opened.put("out of scope", {
                        let mut properties = endpoint("e3", "x", &[]).properties().clone();
                        properties.remove("ecf.endpoint.id.ns");
                        EndpointDescription::new(properties).unwrap()
                    });
                }
            }
        }
        framework.settle().await;
        assert_eq!(parts.log(), ["import 5"], "order {order:?}");
        assert!(context.service::<dyn Hello>(None).is_some());
        framework.stop().await.unwrap();
    }
}

/// A managed framework that can import, and a discovery's directory.
async fn importing() -> (Framework, BundleContext, Parts, EndpointDirectory) {
    let framework = managed().await;
    let context = framework.context();
    let parts = Parts::new();
    let directory = EndpointDirectory::open(&context, "test").unwrap();
    (framework, context, parts, directory)
}

#[tokio::test]
async fn a_proxy_follows_its_endpoint() {
    let (framework, context, parts, directory) = importing().await;
    parts.distribution.register_importer(&context);
    let log = async || {
        framework.settle().await;
        parts.log()
    };
    directory.put("k", endpoint("e1", "x", &[("a", "1".into())]));
    assert_eq!(log().await, ["import 5"]);
    let proxy = context.reference("org.example.IHello", None).unwrap();
    directory.put("k", endpoint("e1", "x", &[("a", "2".into())]));
    assert_eq!(log().await, ["follow 5"]);
    assert_eq!(proxy.properties().text("a"), Some("2"));
    assert!(proxy.is_registered());
    directory.put("k", endpoint("e1", "x", &[("ecf.rsvc.id", Value::Long(6))]));
    assert_eq!(
        log().await,
        ["release 5", "import 6"],
        "another service of the exporter needs another proxy"
    );
    assert!(!proxy.is_registered());
    let mut properties = endpoint("e1", "x", &[("ecf.rsvc.id", Value::Long(6))])
        .properties()
        .clone();
    properties.remove("ecf.endpoint.id.ns");
    directory.put("k", EndpointDescription::new(properties).unwrap());
    assert_eq!(log().await, ["release 6"], "out of scope");
    directory.put("k", endpoint("e1", "x", &[]));
    assert_eq!(log().await, ["import 5"]);
    directory.remove("k");
    assert_eq!(log().await, ["release 5"]);
    assert!(context.reference("org.example.IHello", None).is_none());
}

#[tokio::test]
async fn proxies_follow_the_import_providers() {
    let (framework, context, parts, directory) = importing().await;
    let provider = parts.distribution.register_importer(&context);
    directory.put("k", endpoint("e1", "x", &[]));
    directory.put("other", endpoint("e2", "y", &[]));
    framework.settle().await;
    provider.unregister().await.unwrap();
    framework.settle().await;
    assert_eq!(parts.log(), ["import 5", "release 5"]);
    directory.put("k", endpoint("e1", "x", &[("a", "1".into())]));
    framework.settle().await;
    assert_eq!(parts.log(), [""; 0]);
    parts.distribution.register_importer(&context);
    framework.settle().await;
    assert_eq!(parts.log(), ["import 5"]);
    let proxy = context.reference("org.example.IHello", None).unwrap();
    assert_eq!(proxy.properties().text("a"), Some("1"));
}

#[tokio::test]
async fn an_import_that_failed_is_tried_again_when_the_endpoint_changes() {
    let (framework, context, parts, directory) = importing().await;
    parts.distribution.register_importer(&context);
    parts.distribution.fail.store(true, Ordering::SeqCst);
    directory.put("k", endpoint("e1", "x", &[]));
    framework.settle().await;
    parts.distribution.fail.store(false, Ordering::SeqCst);
    directory.put("k", endpoint("e1", "x", &[("a", "1".into())]));
    framework.settle().await;
    assert_eq!(parts.log(), ["import 5", "import 5"]);
    assert_eq!(the_admin(&context).import_registrations().len(), 1);
    for registration in the_admin(&context).import_registrations() {
        registration.close().await;
    }
    directory.put("k", endpoint("e1", "x", &[("a", "2".into())]));
    framework.settle().await;
    assert_eq!(parts.log(), ["release 5"], "withdrawn by hand");
}

#[tokio::test]
async fn an_endpoint_that_two_discoveries_know_goes_with_the_last() {
    let (framework, context, parts, directory) = importing().await;
    parts.distribution.register_importer(&context);
    let second = EndpointDirectory::open(&context, "second").unwrap();
    directory.put("k", endpoint("e1", "x", &[]));
    second.put("k", endpoint("e1", "x", &[]));
    framework.settle().await;
    directory.close().await;
    framework.settle().await;
    assert_eq!(parts.log(), ["import 5"]);
    second.remove("k");
    framework.settle().await;
    assert_eq!(parts.log(), ["release 5"]);
}

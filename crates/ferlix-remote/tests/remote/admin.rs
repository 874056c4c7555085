//! Exports of the Remote Service Admin, with a distribution that needs no network.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::support::{
    Distribution, EventLog, Hello, HelloImpl, Local, Log, Network, Other, admin, endpoint,
    exported, framework, register_hello, wait_for,
};
use ferlix_core::framework::{BundleState, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceObject;
use ferlix_remote::Error;
use ferlix_remote::admin::RemoteServiceAdminListener;

/// A framework, one distribution `x` for both directions, and the log of the admin's events and the provider's steps.
pub(crate) async fn parts() -> (Framework, Distribution, Log) {
    let framework = framework().await;
    let network = Network::default();
    let distribution = Distribution::new(&network, "x");
    let context = framework.context();
    distribution.register_exporter(&context);
    distribution.register_importer(&context);
    let listener = Arc::new(EventLog(network.log.clone()));
    context
        .register::<dyn RemoteServiceAdminListener>(listener, Properties::new())
        .unwrap();
    (framework, distribution, network.log)
}

#[tokio::test]
async fn an_endpoint_has_the_properties_that_peers_expect() {
    let (framework, ..) = parts().await;
    let context = framework.context();
    let object =
        ServiceObject::new::<dyn Hello>(Arc::new(HelloImpl)).and::<dyn Other>(Arc::new(HelloImpl));
    let properties = Properties::from([
        (
            "service.exported.interfaces",
            Value::from("org.example.IHello"),
        ),
        (
            "service.exported.configs",
            Value::from(["x.server", "unknown"]),
        ),
        ("service.exported.intents", Value::from("osgi.basic")),
        ("service.intents", Value::from(["osgi.async"])),
        ("osgi.basic.timeout", Value::from(60_000)),
        ("service.ranking", Value::from(5)),
        (".private", Value::from("x")),
        ("instance.name", Value::from("hello")),
        ("hello.name", Value::from("a")),
        ("ecf.exported.async.interfaces", Value::from("*")),
    ]);
    let service = context.register_object(object, properties).unwrap();
    let overrides = Properties::from([
        ("HELLO.NAME", Value::from("b")),
        ("objectClass", Value::from("no")),
        ("service.id", Value::from(99)),
    ]);
    let admin = admin(&context);
    let registrations = admin
        .export_service(service.reference(), &overrides)
        .await
        .unwrap();
    assert_eq!(registrations.len(), 1);
    let reference = registrations[0].reference().unwrap();
    assert_eq!(
        reference.exported_service().as_ref(),
        Some(service.reference())
    );
    let description = reference.exported_endpoint().unwrap();
    let id = i64::try_from(service.reference().id()).unwrap();
    let expected = Properties::from([
        ("objectClass", Value::from(["org.example.IHello"])),
        ("remote.configs.supported", Value::from(["x.server"])),
        ("service.imported.configs", Value::from(["x.server"])),
        (
            "remote.intents.supported",
            Value::from(["osgi.basic", "osgi.async"]),
        ),
        ("service.intents", Value::from(["osgi.async", "osgi.basic"])),
        ("endpoint.service.id", Value::Long(id)),
        ("service.id", Value::Long(id)),
        ("endpoint.framework.uuid", Value::from(framework.uuid())),
        ("endpoint.package.version.org.example", Value::from("1.1.0")),
        ("endpoint.id", Value::from(description.id())),
        ("service.imported", Value::from("true")),
        ("ecf.endpoint.id", Value::from("x://here")),
        ("ecf.endpoint.id.ns", Value::from("test.namespace")),
        ("ecf.rsvc.id", Value::Long(1)),
        ("ecf.endpoint.ts", Value::Long(description.timestamp())),
        ("osgi.basic.timeout", Value::from(60_000)),
        ("service.ranking", Value::from(5)),
        ("HELLO.NAME", Value::from("b")),
        ("ecf.exported.async.interfaces", Value::from("*")),
    ]);
    assert_eq!(description.properties(), &expected);
    assert_eq!(description.id().len(), 36);
    assert!(description.timestamp() > 1_700_000_000_000);
}

#[tokio::test]
async fn what_cannot_be_exported_is_refused_and_said_why() {
    let (framework, _, log) = parts().await;
    let context = framework.context();
    let admin = admin(&context);
    let reason = async |properties: Properties| {
        let object = ServiceObject::new::<dyn Hello>(Arc::new(HelloImpl))
            .and::<dyn Local>(Arc::new(HelloImpl));
        let service = context.register_object(object, properties).unwrap();
        let error = admin
            .export_service(service.reference(), &Properties::new())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::NotExportable { .. }), "{error}");
        error.to_string()
    };
    let interfaces = |names: &[&str]| {
        Properties::from([("service.exported.interfaces", Value::from(names.to_vec()))])
    };
    assert!(
        reason(Properties::new())
            .await
            .contains("no property service.exported.interfaces")
    );
    assert!(
        reason(interfaces(&["org.example.Unknown"]))
            .await
            .contains("does not provide org.example.Unknown")
    );
    assert!(
        reason(interfaces(&["org.example.Local"]))
            .await
            .contains("org.example.Local is local")
    );

    let local = context
        .register::<dyn Local>(Arc::new(HelloImpl), exported())
        .unwrap();
    let error = admin
        .export_service(local.reference(), &Properties::new())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("none of its interfaces is remote"),
        "{error}"
    );

    let registration = admin
        .import_service(&endpoint("e1", "x", &[]))
        .await
        .unwrap();
    let proxy = registration
        .reference()
        .unwrap()
        .imported_service()
        .unwrap();
    let error = admin.export_service(&proxy, &exported()).await.unwrap_err();
    assert!(error.to_string().contains("imported itself"), "{error}");

    local.unregister().await.unwrap();
    let error = admin
        .export_service(local.reference(), &exported())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("not registered any more"),
        "{error}"
    );
    assert!(!log.take().iter().any(|line| line.starts_with("EXPORT")));
}

#[tokio::test]
async fn one_endpoint_for_each_provider_that_fits() {
    let (framework, x, log) = parts().await;
    let context = framework.context();
    let y = Distribution::new(&x.network, "y");
    y.register_exporter(&context);
    let admin = admin(&context);
    let service = register_hello(&context, exported());
    let export = async |configs: &[&str]| {
        let overrides =
            Properties::from([("service.exported.configs", Value::from(configs.to_vec()))]);
        let registrations = admin
            .export_service(service.reference(), &overrides)
            .await
            .unwrap();
        let endpoints = registrations.iter().map(|registration| {
            registration
                .reference()
                .unwrap()
                .exported_endpoint()
                .unwrap()
        });
        let ids: Vec<String> = endpoints
            .map(|endpoint| endpoint.container_id().to_owned())
            .collect();
        for registration in registrations {
            registration.close().await;
        }
        ids
    };
    assert_eq!(
        export(&["y.server", "z.server", "x.server"]).await,
        ["y://here", "x://here"]
    );
    assert_eq!(export(&["z.server"]).await, [""; 0]);
    assert_eq!(export(&[]).await, ["x://here", "y://here"]);
    assert!(admin.exported_services().is_empty() && admin.export_registrations().is_empty());
    assert!(!log.take().contains(&"EXPORT_ERROR".to_owned()));
}

#[tokio::test]
async fn an_endpoint_is_shared_until_the_last_registration_closes() {
    let (framework, _, log) = parts().await;
    let context = framework.context();
    let admin = admin(&context);
    let service = register_hello(&context, exported());
    let first = admin
        .export_service(service.reference(), &Properties::new())
        .await
        .unwrap()
        .remove(0);
    let second = admin
        .export_service(service.reference(), &Properties::new())
        .await
        .unwrap()
        .remove(0);
    let id = |registration: &ferlix_remote::admin::ExportRegistration| {
        registration
            .reference()
            .unwrap()
            .exported_endpoint()
            .unwrap()
            .id()
            .to_owned()
    };
    assert_eq!(id(&first), id(&second));
    assert_eq!(admin.exported_services().len(), 1);
    assert_eq!(admin.export_registrations().len(), 2);
    assert_eq!(
        log.take(),
        ["export 1", "EXPORT_REGISTRATION", "EXPORT_REGISTRATION"]
    );

    let reference = first.reference().unwrap();
    first.close().await;
    first.close().await;
    assert!(matches!(
        first.reference(),
        Err(Error::Closed {
            what: "ExportRegistration"
        })
    ));
    assert!(matches!(
        first.update(None).await,
        Err(Error::Closed { .. })
    ));
    assert!(reference.exported_endpoint().is_some());
    assert_eq!(log.take(), [""; 0]);

    second.close().await;
    assert_eq!(log.take(), ["EXPORT_UNREGISTRATION", "unexport 1"]);
    assert!(reference.exported_endpoint().is_none() && reference.exported_service().is_none());
    assert!(admin.exported_services().is_empty() && admin.export_registrations().is_empty());
}

#[tokio::test]
async fn a_provider_that_fails_makes_a_registration_with_its_error() {
    let (framework, x, log) = parts().await;
    let context = framework.context();
    let admin = admin(&context);
    x.fail.store(true, Ordering::SeqCst);
    let service = register_hello(&context, exported());
    let failed = admin
        .export_service(service.reference(), &Properties::new())
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        failed.error().unwrap().to_string(),
        "provider x could not export the service: it is broken"
    );
    assert!(matches!(failed.reference(), Err(Error::Provider { .. })));
    let imported = admin
        .import_service(&endpoint("e1", "x", &[]))
        .await
        .unwrap();
    assert_eq!(
        imported.error().unwrap().to_string(),
        "provider x could not import the endpoint: it is broken"
    );
    assert_eq!(
        log.take(),
        ["export 1", "EXPORT_ERROR", "import 5", "IMPORT_ERROR"]
    );
    assert_eq!(
        (
            admin.export_registrations().len(),
            admin.import_registrations().len()
        ),
        (1, 1)
    );
    assert!(admin.exported_services().is_empty() && admin.imported_endpoints().is_empty());

    failed.close().await;
    drop(imported);
    assert!(admin.export_registrations().is_empty() && admin.import_registrations().is_empty());
    assert_eq!(log.take(), [""; 0]);
    x.fail.store(false, Ordering::SeqCst);
    let again = admin
        .export_service(service.reference(), &Properties::new())
        .await
        .unwrap()
        .remove(0);
    assert!(again.reference().is_ok());
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_given_up() {
    let framework = Framework::builder()
        .property("ferlix.rsa.provider_timeout", 10)
        .install(&ferlix_remote::admin::BUNDLE)
        .start()
        .await
        .unwrap();
    let context = framework.context();
    let x = Distribution::new(&Network::default(), "x");
    x.slow.store(true, Ordering::SeqCst);
    x.register_exporter(&context);
    let service = register_hello(&context, exported());
    let failed = admin(&context)
        .export_service(service.reference(), &Properties::new())
        .await
        .unwrap()
        .remove(0);
    assert!(
        failed
            .error()
            .unwrap()
            .to_string()
            .contains("no answer within 10ms")
    );
}

#[tokio::test]
async fn an_update_adds_changes_and_removes_and_never_leaks() {
    let (framework, _, log) = parts().await;
    let context = framework.context();
    let admin = admin(&context);
    let object =
        ServiceObject::new::<dyn Hello>(Arc::new(HelloImpl)).and::<dyn Other>(Arc::new(HelloImpl));
    let mut properties = Properties::from([
        ("service.exported.interfaces", "org.example.IHello"),
        ("a", "1"),
        ("b", "1"),
    ]);
    let service = context.register_object(object, properties.clone()).unwrap();
    let registration = admin
        .export_service(service.reference(), &Properties::new())
        .await
        .unwrap()
        .remove(0);
    let before = registration
        .reference()
        .unwrap()
        .exported_endpoint()
        .unwrap();
    assert!(
        registration
            .update(None)
            .await
            .unwrap()
            .same_content(&before)
    );
    log.take();

    properties.insert("b", "2");
    properties.insert("c", "3");
    properties.remove("a");
    service.replace_properties(properties).unwrap();
    let after = registration.update(None).await.unwrap();
    assert_eq!(log.take(), ["update 1", "EXPORT_UPDATE"]);
    assert_eq!(after, before);
    assert!(after.timestamp() > before.timestamp());
    let mut expected = before.properties().clone();
    expected.remove("a");
    expected.extend([
        ("b", Value::from("2")),
        ("c", Value::from("3")),
        ("ecf.endpoint.ts", Value::Long(after.timestamp())),
    ]);
    assert_eq!(after.properties(), &expected);

    let overridden = registration
        .update(Some(&Properties::from([("b", "over")])))
        .await
        .unwrap();
    assert_eq!(overridden.properties().text("b"), Some("over"));
    assert_eq!(
        registration
            .update(None)
            .await
            .unwrap()
            .properties()
            .text("b"),
        Some("2"),
        "without overrides those of the export hold again"
    );
}

#[tokio::test]
async fn exports_go_with_their_service_their_provider_and_the_admin() {
    let (framework, x, log) = parts().await;
    let context = framework.context();
    let admin = admin(&context);
    let first = register_hello(&context, exported());
    let second = register_hello(&context, exported());
    let third = register_hello(&context, exported());
    let y = Distribution::new(&x.network, "y");
    let provider = y.register_exporter(&context);
    let mut registrations = Vec::new();
    let by_x = Properties::from([("service.exported.configs", "x.server")]);
    let by_y = Properties::from([("service.exported.configs", "y.server")]);
    for (service, overrides) in [(&first, &by_x), (&second, &by_y), (&third, &by_x)] {
        registrations.extend(
            admin
                .export_service(service.reference(), overrides)
                .await
                .unwrap(),
        );
    }
    log.take();
    first.unregister().await.unwrap();
    framework.settle().await;
    assert_eq!(log.take(), ["EXPORT_UNREGISTRATION", "unexport 1"]);
    provider.unregister().await.unwrap();
    framework.settle().await;
    assert_eq!(log.take(), ["EXPORT_UNREGISTRATION", "unexport 2"]);
    assert!(registrations[0].reference().is_err() && registrations[1].reference().is_err());
    assert!(registrations[2].reference().is_ok());
    let bundle = framework
        .bundle_by_name("ferlix.rsa.remoteserviceadmin")
        .unwrap();
    bundle.stop().await.unwrap();
    assert_eq!(log.take(), ["EXPORT_UNREGISTRATION", "unexport 3"]);
    assert_eq!(bundle.state(), BundleState::Resolved);
    assert!(matches!(
        admin.export_service(third.reference(), &by_x).await,
        Err(Error::Closed { .. })
    ));
}

#[tokio::test]
async fn a_service_that_goes_while_it_is_exported_leaves_nothing_behind() {
    let (framework, x, log) = parts().await;
    let context = framework.context();
    let admin = admin(&context);
    x.slow.store(true, Ordering::SeqCst);
    let service = register_hello(&context, exported());
    let reference = service.reference().clone();
    let task = tokio::spawn({
        let admin = Arc::clone(&admin);
        async move { admin.export_service(&reference, &Properties::new()).await }
    });
    wait_for(|| !log.take().is_empty()).await;
    service.unregister().await.unwrap();
    x.slow.store(false, Ordering::SeqCst);
    x.go.notify_one();
    let registration = task.await.unwrap().unwrap().remove(0);
    assert!(registration.reference().is_err());
    assert!(admin.exported_services().is_empty());
    assert_eq!(
        log.take(),
        ["EXPORT_REGISTRATION", "EXPORT_UNREGISTRATION", "unexport 1"]
    );
}

#[tokio::test]
async fn a_container_that_does_not_let_go_keeps_no_registration_open() {
    let (framework, x, log) = parts().await;
    let context = framework.context();
    let admin = admin(&context);
    let service = register_hello(&context, exported());
    let none = Properties::new();
    let export = admin.export_service(service.reference(), &none).await;
    let export = export.unwrap().remove(0);
    let import = admin
        .import_service(&endpoint("e1", "x", &[]))
        .await
        .unwrap();
    log.take();
    x.fail.store(true, Ordering::SeqCst);
    export.close().await;
    import.close().await;
    assert_eq!(
        log.take(),
        [
            "EXPORT_UNREGISTRATION",
            "unexport 1",
            "release 5",
            "IMPORT_UNREGISTRATION"
        ]
    );
    assert!(admin.exported_services().is_empty() && admin.imported_endpoints().is_empty());
    assert!(matches!(export.reference(), Err(Error::Closed { .. })));
    assert!(matches!(import.reference(), Err(Error::Closed { .. })));
    assert_eq!(export.service(), service.reference());
    assert_eq!(import.endpoint().id(), "e1");
}

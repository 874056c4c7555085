//! Endpoints that fail after they were exported or imported, while their provider goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::service::CallError;
use ferlix_remote::admin::RemoteServiceAdminListener;
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::EndpointDirectory;
use ferlix_remote::{Error, topology};

use crate::support::{
    Discovery, Distribution, EventLog, Hello, Log, Network, admin, endpoint, exported,
    register_hello,
};

/// A framework with a distribution for both directions and a discovery, and the log of all of them.
async fn parts() -> (Framework, BundleContext, Distribution, Discovery, Log) {
    let framework = Framework::builder()
        .install(&ferlix_remote::admin::BUNDLE)
        .install(&topology::BUNDLE)
        .start()
        .await
        .unwrap();
    let context = framework.context();
    let distribution = Distribution::new(&Network::default(), "x");
    distribution.register_exporter(&context);
    distribution.register_importer(&context);
    let log = distribution.network.log.clone();
    let discovery = Discovery {
        log: log.clone(),
        ..Discovery::default()
    };
    discovery.register(&context);
    let listener: Arc<dyn RemoteServiceAdminListener> = Arc::new(EventLog(log.clone()));
    context.register(listener, Properties::new()).unwrap();
    (framework, context, distribution, discovery, log)
}

#[tokio::test]
async fn an_export_that_fails_later_is_told_and_its_registrations_have_the_error() {
    let (framework, context, x, _, log) = parts().await;
    let admin = admin(&context);
    let service = register_hello(&context, exported());
    let other = register_hello(&context, exported());
    let none = Properties::new();
    let mut registrations = Vec::new();
    for service in [&service, &service, &other] {
        let made = admin.export_service(service.reference(), &none).await;
        registrations.extend(made.unwrap());
    }
    let reference = registrations[0].reference().unwrap();
    log.take();
    let failure = x.failures.lock().unwrap()[&1].clone();
    x.report(1, "its port is taken");
    framework.settle().await;
    assert_eq!(log.take(), ["EXPORT_ERROR", "unexport 1"]);
    let text = "provider x could not go on serving the endpoint: its port is taken";
    for registration in &registrations[..2] {
        assert_eq!(registration.error().unwrap().to_string(), text);
        assert!(matches!(
            registration.reference(),
            Err(Error::Provider { .. })
        ));
    }
    assert!(reference.exported_endpoint().is_none());
    // The other one goes on, and those that failed are listed until they are closed.
    assert!(registrations[2].reference().is_ok());
    assert_eq!(admin.exported_services().len(), 1);
    assert_eq!(admin.export_registrations().len(), 3);
    x.report(1, "once more");
    registrations[0].close().await;
    registrations[1].close().await;
    framework.settle().await;
    assert_eq!(log.take(), [""; 0]);
    assert_eq!(admin.export_registrations().len(), 1);

    let again = admin.export_service(service.reference(), &none).await;
    assert!(again.unwrap()[0].reference().is_ok());
    log.take();
    failure.report("what is over");
    framework.settle().await;
    assert_eq!(log.take(), [""; 0]);
}

#[tokio::test]
async fn an_import_that_fails_later_is_told_and_its_proxy_is_gone() {
    let (framework, context, x, _, log) = parts().await;
    let admin = admin(&context);
    let described = endpoint("e1", "x", &[]);
    let registration = admin.import_service(&described).await.unwrap();
    let shared = admin.import_service(&described).await.unwrap();
    let proxy = registration
        .reference()
        .unwrap()
        .imported_service()
        .unwrap();
    let hello = Arc::clone(&context.service::<dyn Hello>(None).unwrap());
    log.take();
    x.report(5, "it moved away");
    framework.settle().await;
    assert_eq!(log.take(), ["release 5", "IMPORT_ERROR"]);
    let text = "provider x could not go on calling the endpoint: it moved away";
    for registration in [&registration, &shared] {
        assert_eq!(registration.error().unwrap().to_string(), text);
    }
    assert!(!proxy.is_registered());
    let gone = hello.say_hello("you").await.unwrap_err();
    assert!(matches!(gone, CallError::Gone { .. }), "{gone}");
    assert!(admin.imported_endpoints().is_empty());
    assert_eq!(admin.import_registrations().len(), 2);

    // What a container imported anew, because it could not follow, can fail as well.
    let again = admin.import_service(&described).await.unwrap();
    x.rigid.store(true, Ordering::SeqCst);
    x.failures.lock().unwrap().clear();
    let changed = endpoint("e1", "x", &[("a", Value::from("b"))]);
    again.update(&changed).await.unwrap();
    log.take();
    x.report(5, "once more");
    framework.settle().await;
    assert_eq!(log.take(), ["release 5", "IMPORT_ERROR"]);
    assert!(again.error().is_some());
}

#[tokio::test]
async fn a_topology_manager_withdraws_what_failed_and_tries_again_when_something_changes() {
    let (framework, context, x, discovery, log) = parts().await;
    topology::instantiate(&context, Properties::new())
        .await
        .unwrap();
    let service = register_hello(&context, exported());
    let directory = EndpointDirectory::open(&context, "test").unwrap();
    let described = |content: &str| -> EndpointDescription {
        endpoint("e1", "x", &[("content", Value::from(content))])
    };
    directory.put("k", described("a"));
    framework.settle().await;
    assert_eq!(discovery.endpoints().len(), 1);
    assert_eq!(admin(&context).imported_endpoints().len(), 1);
    log.take();
    x.report(1, "it is broken");
    framework.settle().await;
    assert_eq!(log.take(), ["EXPORT_ERROR", "unadvertise 1", "unexport 1"]);
    x.report(5, "it is broken");
    framework.settle().await;
    assert_eq!(log.take(), ["release 5", "IMPORT_ERROR"]);
    assert_eq!(admin(&context).export_registrations().len(), 1, "listed");
    assert_eq!(admin(&context).import_registrations().len(), 1, "listed");

    let configs = Properties::from([("service.exported.configs", "x.server")]);
    service.set_properties(&configs).unwrap();
    directory.put("k", described("b"));
    framework.settle().await;
    let done = log.take();
    for step in ["export 3", "advertise 3", "import 5", "IMPORT_REGISTRATION"] {
        assert!(done.contains(&step.to_owned()), "{step}: {done:?}");
    }
    let registrations = admin(&context).export_registrations();
    assert_eq!(registrations.len(), 1);
    assert!(registrations[0].reference().is_ok());
    assert_eq!(admin(&context).import_registrations().len(), 1);
}

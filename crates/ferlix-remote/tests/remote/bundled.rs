//! The admin as each bundle has it: what a bundle exports and imports ends when it lets go of the admin.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::property::Properties;
use ferlix_core::{bundle, component};
use ferlix_remote::Error;
use ferlix_remote::admin::RemoteServiceAdmin;

use crate::support::{
    Distribution, EventLog, Log, Network, admin, endpoint, exported, framework, register_hello,
    wait_for,
};

bundle!(ONE = "test.one", components = [Exporter], activator = None);
bundle!(OTHER = "test.other", components = [], activator = None);

/// Holds the admin while it lives.
#[component(factory = "exporter-factory")]
struct Exporter {
    #[inject]
    _admin: Arc<dyn RemoteServiceAdmin>,
}

/// A framework with a distribution for both directions, two bundles, and the log.
async fn parts() -> (Framework, BundleContext, BundleContext, Distribution, Log) {
    let framework = framework().await;
    let one = framework.install(&ONE).unwrap();
    let other = framework.install(&OTHER).unwrap();
    one.start().await.unwrap();
    other.start().await.unwrap();
    let context = framework.context();
    let distribution = Distribution::new(&Network::default(), "x");
    distribution.register_exporter(&context);
    distribution.register_importer(&context);
    let log = distribution.network.log.clone();
    context.register(listener(&log), Properties::new()).unwrap();
    (framework, one.context(), other.context(), distribution, log)
}

fn listener(log: &Log) -> Arc<dyn ferlix_remote::admin::RemoteServiceAdminListener> {
    Arc::new(EventLog(log.clone()))
}

#[tokio::test]
async fn what_a_bundle_made_ends_when_it_lets_go_of_the_admin() {
    let (framework, one, other, _, log) = parts().await;
    let service = register_hello(&framework.context(), exported());
    let none = Properties::new();
    let admin = one.service::<dyn RemoteServiceAdmin>(None).unwrap();
    let kept = Arc::clone(&admin);
    let export = admin.export_service(service.reference(), &none).await;
    let export = export.unwrap().remove(0);
    let import = admin.import_service(&endpoint("e1", "x", &[])).await;
    let import = import.unwrap();
    let proxy = import.reference().unwrap().imported_service().unwrap();
    log.take();
    // Another bundle has its own object, and sees everything.
    let others = self::admin(&other);
    assert_eq!(others.export_registrations().len(), 1);
    assert_eq!(others.imported_endpoints().len(), 1);

    drop(admin);
    framework.settle().await;
    assert_eq!(
        log.take(),
        [
            "EXPORT_UNREGISTRATION",
            "unexport 1",
            "release 5",
            "IMPORT_UNREGISTRATION"
        ]
    );
    assert!(matches!(export.reference(), Err(Error::Closed { .. })));
    assert!(matches!(import.reference(), Err(Error::Closed { .. })));
    assert!(!proxy.is_registered());
    assert!(others.export_registrations().is_empty());
    assert!(others.import_registrations().is_empty());

    // An object that was handed back does nothing more.
    let refused = kept.export_service(service.reference(), &none).await;
    assert!(matches!(refused, Err(Error::Closed { .. })));
    let refused = kept.import_service(&endpoint("e1", "x", &[])).await;
    assert!(matches!(refused, Err(Error::Closed { .. })));
    assert_eq!(log.take(), [""; 0]);
}

#[tokio::test]
async fn what_another_bundle_has_a_share_in_stays() {
    let (framework, one, other, _, log) = parts().await;
    let service = register_hello(&framework.context(), exported());
    let none = Properties::new();
    let mut registrations = Vec::new();
    let described = endpoint("e1", "x", &[]);
    for bundle in [&one, &other] {
        let admin = admin(bundle);
        let export = admin.export_service(service.reference(), &none);
        let export = export.await.unwrap().remove(0);
        let import = admin.import_service(&described).await.unwrap();
        registrations.push((export, import));
    }
    log.take();
    one.bundle().stop().await.unwrap();
    framework.settle().await;
    assert_eq!(log.take(), [""; 0]);
    assert!(registrations[0].0.reference().is_err() && registrations[0].1.reference().is_err());
    let (export, import) = &registrations[1];
    assert!(export.reference().is_ok() && import.reference().is_ok());
    let others = admin(&other);
    assert_eq!(others.export_registrations().len(), 1);
    assert_eq!(others.import_registrations().len(), 1);

    other.bundle().stop().await.unwrap();
    framework.settle().await;
    assert_eq!(
        log.take(),
        [
            "EXPORT_UNREGISTRATION",
            "unexport 1",
            "release 5",
            "IMPORT_UNREGISTRATION"
        ]
    );
}

#[tokio::test]
async fn a_component_keeps_the_admin_of_its_bundle_while_it_is_bound() {
    let (framework, one, _, _, log) = parts().await;
    let service = register_hello(&framework.context(), exported());
    let none = Properties::new();
    let components = framework.components();
    let factory = "exporter-factory";
    components
        .instantiate(factory, "exporter", Properties::new())
        .await
        .unwrap();
    // The bundle has one object, whoever of it asks.
    let admin = one.service::<dyn RemoteServiceAdmin>(None).unwrap();
    let export = admin.export_service(service.reference(), &none);
    let export = export.await.unwrap().remove(0);
    log.take();
    drop(admin);
    framework.settle().await;
    assert!(export.reference().is_ok());
    components.kill("exporter").await.unwrap();
    framework.settle().await;
    assert_eq!(log.take(), ["EXPORT_UNREGISTRATION", "unexport 1"]);
    assert!(export.reference().is_err());
}

#[tokio::test]
async fn what_is_made_while_its_bundle_lets_go_is_closed() {
    let (framework, one, other, x, log) = parts().await;
    let service = register_hello(&framework.context(), exported());
    x.slow.store(true, Ordering::SeqCst);
    let guard = one.service::<dyn RemoteServiceAdmin>(None).unwrap();
    let (exporting, importing) = (Arc::clone(&guard), Arc::clone(&guard));
    let reference = service.reference().clone();
    let export = tokio::spawn(async move {
        exporting
            .export_service(&reference, &Properties::new())
            .await
    });
    let import =
        tokio::spawn(async move { importing.import_service(&endpoint("e1", "x", &[])).await });
    wait_for(|| log.len() == 2).await;
    drop(guard);
    x.slow.store(false, Ordering::SeqCst);
    x.go.notify_waiters();
    let export = export.await.unwrap().unwrap().remove(0);
    let import = import.await.unwrap().unwrap();
    framework.settle().await;
    assert!(export.reference().is_err() && import.reference().is_err());
    let others = admin(&other);
    assert!(others.exported_services().is_empty() && others.imported_endpoints().is_empty());
}

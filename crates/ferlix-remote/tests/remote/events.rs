//! What the Remote Service Admin tells, in which order, and to whom.

use std::sync::{Arc, Mutex};

use ferlix_core::framework::EventStream;
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::{ServiceEventKind, ServiceRef};
use ferlix_remote::Error;
use ferlix_remote::admin::{
    RemoteServiceAdminEvent, RemoteServiceAdminEventKind, RemoteServiceAdminListener, events,
};
use ferlix_remote::endpoint::EndpointDescription;
use futures_util::{FutureExt, StreamExt};

use crate::admin::parts;
use crate::support::{
    Distribution, Log, Network, admin, endpoint, exported, framework, register_hello,
};

/// What has come of a stream until now.
fn come(stream: &mut EventStream<RemoteServiceAdminEvent>) -> Vec<RemoteServiceAdminEvent> {
    std::iter::from_fn(|| stream.next().now_or_never().flatten()).collect()
}

fn kinds(events: &[RemoteServiceAdminEvent]) -> Vec<String> {
    events.iter().map(|event| event.kind.to_string()).collect()
}

#[test]
fn kinds_have_osgis_names_and_numbers() {
    use RemoteServiceAdminEventKind as Kind;
    let all = [
        (Kind::ImportRegistration, 1, "IMPORT_REGISTRATION"),
        (Kind::ExportRegistration, 2, "EXPORT_REGISTRATION"),
        (Kind::ExportUnregistration, 3, "EXPORT_UNREGISTRATION"),
        (Kind::ImportUnregistration, 4, "IMPORT_UNREGISTRATION"),
        (Kind::ImportError, 5, "IMPORT_ERROR"),
        (Kind::ExportError, 6, "EXPORT_ERROR"),
        (Kind::ExportWarning, 7, "EXPORT_WARNING"),
        (Kind::ImportWarning, 8, "IMPORT_WARNING"),
        (Kind::ImportUpdate, 9, "IMPORT_UPDATE"),
        (Kind::ExportUpdate, 10, "EXPORT_UPDATE"),
    ];
    for (kind, number, name) in all {
        assert_eq!((kind as i32, kind.to_string().as_str()), (number, name));
    }
}

#[tokio::test]
async fn a_stream_has_every_event_with_what_it_is_about() {
    let framework = framework().await;
    let context = framework.context();
    let x = Distribution::new(&Network::default(), "x");
    x.register_exporter(&context);
    x.register_importer(&context);
    let mut stream = events(&context).unwrap();
    let service = register_hello(&context, exported());
    let admin = admin(&context);
    let export = admin
        .export_service(service.reference(), &Properties::new())
        .await
        .unwrap()
        .remove(0);
    let described = export.reference().unwrap().exported_endpoint().unwrap();
    let import = admin
        .import_service(&endpoint("e1", "x", &[]))
        .await
        .unwrap();
    let proxy = import.reference().unwrap().imported_service().unwrap();
    import
        .update(&endpoint("e1", "x", &[("a", Value::from(1))]))
        .await
        .unwrap();
    export
        .update(Some(&Properties::from([("a", 1)])))
        .await
        .unwrap();
    import.close().await;
    export.close().await;

    let told = come(&mut stream);
    assert_eq!(
        kinds(&told),
        [
            "EXPORT_REGISTRATION",
            "IMPORT_REGISTRATION",
            "IMPORT_UPDATE",
            "EXPORT_UPDATE",
            "IMPORT_UNREGISTRATION",
            "EXPORT_UNREGISTRATION"
        ]
    );
    for event in &told {
        assert_eq!(
            event.bundle.symbolic_name(),
            "ferlix.rsa.remoteserviceadmin"
        );
        assert!(event.error.is_none() && event.container.is_some());
        let (about, named): (&ServiceRef, &str) = match event.kind.to_string().starts_with("EXPORT")
        {
            true => (service.reference(), described.id()),
            false => (&proxy, "e1"),
        };
        assert_eq!(event.service.as_ref(), Some(about));
        assert_eq!(event.endpoint.as_ref().unwrap().id(), named);
    }

    let name = "ferlix.rsa.remoteserviceadmineventlistener";
    assert_eq!(context.references(Some(name), None).len(), 1);
    drop(stream);
    assert!(context.references(Some(name), None).is_empty());
    let mut stream = events(&framework.context()).unwrap();
    framework.stop().await.unwrap();
    come(&mut stream);
    assert!(stream.next().await.is_none(), "it ends with its bundle");
}

#[tokio::test]
async fn an_update_that_fails_is_a_warning_and_the_endpoint_goes_on() {
    let framework = framework().await;
    let context = framework.context();
    let x = Distribution::new(&Network::default(), "x");
    x.register_exporter(&context);
    x.register_importer(&context);
    let service = register_hello(&context, exported());
    let admin = admin(&context);
    let export = admin
        .export_service(service.reference(), &Properties::new())
        .await
        .unwrap()
        .remove(0);
    let import = admin
        .import_service(&endpoint("e1", "x", &[]))
        .await
        .unwrap();
    let mut stream = events(&context).unwrap();

    x.rigid.store(true, std::sync::atomic::Ordering::SeqCst);
    x.fail.store(true, std::sync::atomic::Ordering::SeqCst);
    let error = export
        .update(Some(&Properties::from([("a", 1)])))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Provider { .. }), "{error}");
    let error = import
        .update(&endpoint("e1", "x", &[("a", Value::from(1))]))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Provider { .. }), "{error}");
    let told = come(&mut stream);
    assert_eq!(kinds(&told), ["EXPORT_WARNING", "IMPORT_WARNING"]);
    assert!(
        told.iter()
            .all(|event| event.error.is_some() && event.endpoint.is_some())
    );
    assert!(
        !export
            .reference()
            .unwrap()
            .exported_endpoint()
            .unwrap()
            .properties()
            .contains("a")
    );
    assert!(
        !import
            .reference()
            .unwrap()
            .imported_endpoint()
            .unwrap()
            .properties()
            .contains("a")
    );
}

/// Writes whether the proxy is there when it is told.
struct Watches(Log);

impl RemoteServiceAdminListener for Watches {
    fn remote_admin_event(&self, event: &RemoteServiceAdminEvent) {
        let there = event
            .service
            .as_ref()
            .is_some_and(ServiceRef::is_registered);
        self.0.add(format!("{} {there}", event.kind));
    }
}

#[tokio::test]
async fn the_proxy_is_there_before_its_event_and_gone_before_the_last_one() {
    let framework = framework().await;
    let context = framework.context();
    let x = Distribution::new(&Network::default(), "x");
    x.register_importer(&context);
    let log = Log::default();
    context
        .register::<dyn RemoteServiceAdminListener>(
            Arc::new(Watches(log.clone())),
            Properties::new(),
        )
        .unwrap();
    let listening = log.clone();
    context
        .add_service_listener(Some("org.example.IHello"), None, move |event| {
            let kind = match event.kind {
                ServiceEventKind::Registered => "REGISTERED",
                ServiceEventKind::Unregistering => "UNREGISTERING",
                _ => return,
            };
            listening.add(kind);
        })
        .unwrap();
    let import = admin(&context)
        .import_service(&endpoint("e1", "x", &[]))
        .await
        .unwrap();
    import.close().await;
    assert_eq!(
        log.take(),
        [
            "REGISTERED",
            "IMPORT_REGISTRATION true",
            "UNREGISTERING",
            "IMPORT_UNREGISTRATION false"
        ]
    );
}

/// Panics, or writes its name.
struct Ranked(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl RemoteServiceAdminListener for Ranked {
    fn remote_admin_event(&self, _: &RemoteServiceAdminEvent) {
        self.1.lock().unwrap().push(self.0);
        assert!(
            self.0 != "first",
            "the listener of the test panics on purpose"
        );
    }
}

#[tokio::test]
async fn listeners_are_told_by_ranking_and_one_that_panics_starves_nobody() {
    let framework = framework().await;
    let context = framework.context();
    let order = Arc::default();
    for (name, ranking) in [("last", -1), ("first", 5), ("second", 1)] {
        context
            .register::<dyn RemoteServiceAdminListener>(
                Arc::new(Ranked(name, Arc::clone(&order))),
                [("service.ranking", ranking)].into(),
            )
            .unwrap();
    }
    let x = Distribution::new(&Network::default(), "x");
    x.register_importer(&context);
    let mut stream = events(&context).unwrap();
    admin(&context)
        .import_service(&endpoint("e1", "x", &[]))
        .await
        .unwrap();
    assert_eq!(*order.lock().unwrap(), ["first", "second", "last"]);
    assert_eq!(kinds(&come(&mut stream)), ["IMPORT_REGISTRATION"]);
}

/// Panics at every event.
struct Panicking;

impl RemoteServiceAdminListener for Panicking {
    fn remote_admin_event(&self, _: &RemoteServiceAdminEvent) {
        panic!("a listener of the test panics on purpose");
    }
}

#[tokio::test]
async fn a_failing_listener_starves_nobody() {
    let (framework, _, log) = parts().await;
    let context = framework.context();
    let first = Properties::from([("service.ranking", 10)]);
    context
        .register::<dyn RemoteServiceAdminListener>(Arc::new(Panicking), first)
        .unwrap();
    let service = register_hello(&context, exported());
    admin(&context)
        .export_service(service.reference(), &Properties::new())
        .await
        .unwrap();
    assert_eq!(log.take(), ["export 1", "EXPORT_REGISTRATION"]);
}

#[tokio::test]
async fn what_is_exported_can_be_seen_in_events() {
    struct Seen(std::sync::Mutex<Vec<RemoteServiceAdminEvent>>);
    impl RemoteServiceAdminListener for Seen {
        fn remote_admin_event(&self, event: &RemoteServiceAdminEvent) {
            self.0.lock().unwrap().push(event.clone());
        }
    }
    let (framework, ..) = parts().await;
    let context = framework.context();
    let seen = Arc::new(Seen(std::sync::Mutex::default()));
    context
        .register::<dyn RemoteServiceAdminListener>(seen.clone(), Properties::new())
        .unwrap();
    let service = register_hello(&context, exported());
    let registration = admin(&context)
        .export_service(service.reference(), &Properties::new())
        .await
        .unwrap()
        .remove(0);
    let events = seen.0.lock().unwrap();
    let event = &events[0];
    assert_eq!(event.kind as u32, 2);
    assert_eq!(
        event.bundle.symbolic_name(),
        "ferlix.rsa.remoteserviceadmin"
    );
    assert_eq!(event.service.as_ref(), Some(service.reference()));
    assert_eq!(
        event.container.as_ref().unwrap().to_string(),
        "('test.namespace', 'x://here')"
    );
    let exported: EndpointDescription = registration
        .reference()
        .unwrap()
        .exported_endpoint()
        .unwrap();
    assert_eq!(event.endpoint.as_ref(), Some(&exported));
}

//! The HTTP service as a component: properties, servlets, and a port that is taken.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ferlix_core::component::ComponentState;
use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::{ServiceGuard, ServiceRegistration};
use ferlix_http::{
    BUNDLE, Body, BoxError, FACTORY, HttpService, INSTANCE, MountOptions, Servlet, instantiate,
};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};

use support::{Client, text, within};

/// A framework with the bundle installed, on a free port.
async fn framework() -> Framework {
    let builder = Framework::builder()
        .property("ferlix.http.port", 0)
        .install(&BUNDLE);
    builder.start().await.unwrap()
}

fn service(context: &BundleContext) -> ServiceGuard<dyn HttpService> {
    context
        .service::<dyn HttpService>(None)
        .expect("there is no HTTP service")
}

async fn client(context: &BundleContext) -> Client {
    Client::on(
        within(TcpStream::connect(service(context).address()))
            .await
            .unwrap(),
    )
}

async fn status(context: &BundleContext, path: &str) -> u16 {
    client(context).await.get(path).await.status
}

fn state(context: &BundleContext) -> ComponentState {
    context.components().instance(INSTANCE).unwrap().state
}

/// A servlet that notes what it is told.
struct Noting {
    accepts: bool,
    fails: AtomicBool,
    notes: Mutex<Vec<String>>,
}

impl Noting {
    fn new(accepts: bool) -> Arc<Self> {
        Arc::new(Self {
            accepts,
            fails: AtomicBool::new(false),
            notes: Mutex::default(),
        })
    }

    fn note(&self, what: &str, path: &str, parameters: &Properties) {
        let name = parameters.text("http.name").unwrap();
        assert!(parameters.get("http.port").and_then(Value::as_i64).unwrap() > 0);
        assert_eq!(parameters.text("http.address"), Some("127.0.0.1"));
        assert_eq!(
            parameters.get("http.https").and_then(Value::as_bool),
            Some(false)
        );
        assert!(parameters.contains("http.extra"));
        self.notes
            .lock()
            .unwrap()
            .push(format!("{what} {path} of {name}"));
    }

    fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap())
    }
}

#[async_trait]
impl Servlet for Noting {
    async fn handle(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let info = request.body().info().ok_or("no info")?;
        Ok(Response::new(Body::from(format!(
            "{} {}",
            request.method(),
            info.path()
        ))))
    }

    fn accept_binding(&self, _: &str, _: &Properties) -> bool {
        self.accepts
    }

    fn bound_to(&self, path: &str, parameters: &Properties) -> Result<(), BoxError> {
        assert!(path != "/panics", "as told");
        self.note("bound", path, parameters);
        if self.fails.load(Ordering::SeqCst) {
            return Err("as told".into());
        }
        Ok(())
    }

    fn unbound_from(&self, path: &str, parameters: &Properties) {
        self.note("unbound", path, parameters);
    }
}

fn register(
    context: &BundleContext,
    servlet: &Arc<Noting>,
    path: impl Into<Value>,
) -> ServiceRegistration {
    let properties = Properties::from([("ferlix.http.path", path)]);
    context
        .register::<dyn Servlet>(Arc::<Noting>::clone(servlet), properties)
        .unwrap()
}

#[tokio::test]
async fn the_service_publishes_its_real_port() {
    let framework = framework().await;
    let context = framework.context();
    assert!(context.service::<dyn HttpService>(None).is_none());
    instantiate(&context, Properties::new()).await.unwrap();
    assert_eq!(state(&context), ComponentState::Valid);
    let service = service(&context);
    let properties = service.reference().properties();
    let port = service.address().port();
    assert_ne!(port, 0);
    assert_eq!(
        properties.get("ferlix.http.port").and_then(Value::as_i64),
        Some(port.into())
    );
    assert_eq!(properties.text("ferlix.http.address"), Some("127.0.0.1"));
    assert_eq!(service.host(), "127.0.0.1");
    assert!(!service.is_secure());

    service
        .mount("/a", text("a"), MountOptions::new("test"))
        .unwrap();
    assert_eq!(client(&context).await.get("/a").await.body, "a");
    assert_eq!(service.mounts(), ["/a", "/metrics"]);
    drop(service);
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn the_service_goes_with_its_bundle() {
    let framework = framework().await;
    let context = framework.context();
    instantiate(&context, Properties::new()).await.unwrap();
    let kept = Arc::clone(&service(&context));
    let mut idle = client(&context).await;
    assert_eq!(idle.get("/").await.status, 404);
    framework
        .bundle_by_name("ferlix.http.basic")
        .unwrap()
        .stop()
        .await
        .unwrap();
    assert!(context.service::<dyn HttpService>(None).is_none());
    assert_eq!(idle.rest().await, "");
    // Whoever still has it is told, and the port is free.
    let error = kept
        .mount("/a", text("a"), MountOptions::new("test"))
        .unwrap_err();
    assert_eq!(error.to_string(), "the HTTP server is not running");
    TcpListener::bind(kept.address()).await.unwrap();
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_said_and_taken_when_it_is_free() {
    let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = holder.local_addr().unwrap().port();
    let framework = framework().await;
    let context = framework.context();
    instantiate(&context, Properties::from([("ferlix.http.port", port)]))
        .await
        .unwrap();
    let details = context.components().instance(INSTANCE).unwrap();
    assert_eq!(details.state, ComponentState::Erroneous);
    let cause = details.cause.unwrap().to_string();
    let expected = format!(
        "port {port} on 127.0.0.1 is taken: choose another with -D ferlix.http.port=… or stop the program that uses it"
    );
    assert_eq!(cause, expected);

    drop(holder);
    let state = context
        .components()
        .retry(INSTANCE, Properties::new())
        .await
        .unwrap();
    assert_eq!(state, ComponentState::Valid);
    assert_eq!(service(&context).address().port(), port);
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn bad_properties_are_named() {
    let framework = framework().await;
    let context = framework.context();
    instantiate(&context, Properties::from([("ferlix.http.port", "eighty")]))
        .await
        .unwrap();
    let details = context.components().instance(INSTANCE).unwrap();
    assert_eq!(
        details.cause.unwrap().to_string(),
        "property ferlix.http.port is eighty: expected a port up to 65535, or 0 for a free one"
    );
    let tls = Properties::from([
        ("ferlix.http.port", Value::from(0)),
        ("ferlix.https.cert_file", Value::from("/nowhere/cert.pem")),
        ("ferlix.https.key_file", Value::from("/nowhere/key.pem")),
    ]);
    context.components().retry(INSTANCE, tls).await.unwrap();
    let cause = context
        .components()
        .instance(INSTANCE)
        .unwrap()
        .cause
        .unwrap()
        .to_string();
    assert!(
        cause.starts_with("cannot use /nowhere/cert.pem: "),
        "{cause}"
    );
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn servlets_are_mounted_while_they_are_registered() {
    let framework = framework().await;
    let context = framework.context();
    let early = Noting::new(true);
    let registration = register(&context, &early, "/early");
    instantiate(&context, Properties::from([("http.extra", "x")]))
        .await
        .unwrap();
    assert_eq!(early.notes(), ["bound /early of http-server"]);
    assert_eq!(
        client(&context).await.get("/early/x").await.body,
        "GET /early/x"
    );

    let late = Noting::new(true);
    let paths = vec!["/late/", "/late/too", "//late"];
    let late_registration = register(&context, &late, paths);
    framework.settle().await;
    assert_eq!(
        late.notes(),
        [
            "bound /late of http-server",
            "bound /late/too of http-server"
        ]
    );
    assert_eq!(
        service(&context).mounts(),
        ["/early", "/late", "/late/too", "/metrics"]
    );

    // It moves with its property.
    let moved = Properties::from([("ferlix.http.path", vec!["/late/too", "/moved"])]);
    late_registration.set_properties(&moved).unwrap();
    framework.settle().await;
    assert_eq!(
        late.notes(),
        [
            "unbound /late of http-server",
            "bound /moved of http-server"
        ]
    );
    assert_eq!(status(&context, "/late").await, 404);
    assert_eq!(status(&context, "/moved").await, 200);

    registration.unregister().await.unwrap();
    assert_eq!(early.notes(), ["unbound /early of http-server"]);
    assert_eq!(status(&context, "/early").await, 404);

    context.components().kill(INSTANCE).await.unwrap();
    assert_eq!(
        late.notes(),
        [
            "unbound /late/too of http-server",
            "unbound /moved of http-server"
        ]
    );
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn servlets_may_decline_fail_and_panic() {
    let framework = framework().await;
    let context = framework.context();
    instantiate(&context, Properties::from([("http.extra", "x")]))
        .await
        .unwrap();
    let declining = Noting::new(false);
    register(&context, &declining, "/declined");
    let failing = Noting::new(true);
    failing.fails.store(true, Ordering::SeqCst);
    register(&context, &failing, "/fails");
    let panicking = Noting::new(true);
    register(&context, &panicking, "/panics");
    let pathless = Noting::new(true);
    context
        .register::<dyn Servlet>(pathless, Properties::new())
        .unwrap();
    let good = Noting::new(true);
    register(&context, &good, "/good");
    framework.settle().await;
    assert_eq!(state(&context), ComponentState::Valid);
    assert_eq!(service(&context).mounts(), ["/good", "/metrics"]);
    assert!(declining.notes().is_empty());
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn a_servlet_waits_for_its_path() {
    let framework = framework().await;
    let context = framework.context();
    instantiate(&context, Properties::from([("http.extra", "x")]))
        .await
        .unwrap();
    let first = Noting::new(true);
    let registration = register(&context, &first, "/same");
    let second = Noting::new(true);
    register(&context, &second, "/same");
    framework.settle().await;
    assert!(second.notes().is_empty());
    registration.unregister().await.unwrap();
    framework.settle().await;
    assert_eq!(second.notes(), ["bound /same of http-server"]);
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn imported_servlets_are_never_mounted() {
    let framework = framework().await;
    let context = framework.context();
    instantiate(&context, Properties::from([("http.extra", "x")]))
        .await
        .unwrap();
    let imported = Noting::new(true);
    let properties = Properties::from([
        ("ferlix.http.path", Value::from("/imported")),
        ("service.imported", Value::from(true)),
    ]);
    context
        .register::<dyn Servlet>(imported, properties)
        .unwrap();
    framework.settle().await;
    assert_eq!(service(&context).mounts(), ["/metrics"]);
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_instance_has_its_own_port() {
    let framework = framework().await;
    let context = framework.context();
    instantiate(&context, Properties::new()).await.unwrap();
    context
        .components()
        .instantiate(FACTORY, "second", Properties::new())
        .await
        .unwrap();
    let services = context.services::<dyn HttpService>(None);
    assert_eq!(services.len(), 2);
    assert_ne!(services[0].address().port(), services[1].address().port());
    drop(services);
    framework.stop().await.unwrap();
}

//! The health of proxies: calls tell how a peer does, it is probed while it fails, and nothing but the health changes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::registry::ServiceRef;
use ferlix_core::service::CallError;
use ferlix_remote::admin::ImportRegistration;

use crate::support::{
    Distribution, EventLog, Hello, Network, admin, endpoint, exported, framework, register_hello,
};

/// A framework that imports what another one serves, over a network that can be cut.
struct Pair {
    exporter: Framework,
    importer: Framework,
    network: Network,
    import: ImportRegistration,
    proxy: ServiceRef,
    hello: Arc<dyn Hello>,
}

impl Pair {
    async fn new() -> Self {
        let (exporter, importer) = (framework().await, framework().await);
        let network = Network::default();
        let distribution = Distribution::new(&network, "x");
        distribution.register_exporter(&exporter.context());
        distribution.register_importer(&importer.context());
        let service = register_hello(&exporter.context(), exported());
        let exports = admin(&exporter.context())
            .export_service(service.reference(), &exported())
            .await
            .unwrap();
        let exported = exports[0].reference().unwrap().exported_endpoint().unwrap();
        let context = importer.context();
        let import = admin(&context).import_service(&exported).await.unwrap();
        let proxy = import.reference().unwrap().imported_service().unwrap();
        let hello = Arc::clone(&context.get::<dyn Hello>(&proxy).unwrap());
        Self {
            exporter,
            importer,
            network,
            import,
            proxy,
            hello,
        }
    }

    fn is_healthy(&self) -> bool {
        self.proxy.is_healthy()
    }

    /// How long it takes to be healthy, in the time of the test.
    async fn recovery(&self) -> Duration {
        let began = tokio::time::Instant::now();
        while !self.is_healthy() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        began.elapsed()
    }
}

/// What happens to a proxy in the registry.
fn events(context: &BundleContext) -> Arc<Mutex<Vec<String>>> {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let listener = move |event: &ferlix_core::registry::ServiceEvent| {
        seen.lock().unwrap().push(format!("{:?}", event.kind));
    };
    context
        .add_service_listener(Some("org.example.IHello"), None, listener)
        .unwrap();
    events
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_cannot_be_reached_fails_until_a_probe_reaches_it() {
    let pair = Pair::new().await;
    let events = events(&pair.importer.context());
    let log = crate::support::Log::default();
    let listener: Arc<dyn ferlix_remote::admin::RemoteServiceAdminListener> =
        Arc::new(EventLog(log.clone()));
    let context = pair.importer.context();
    context
        .register(listener, ferlix_core::property::Properties::new())
        .unwrap();
    let properties = pair.proxy.properties();
    assert!(pair.is_healthy());
    assert_eq!(pair.hello.say_hello("you").await.unwrap(), "Howdy you");

    pair.network.cut(true);
    let error = pair.hello.say_hello("you").await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error}");
    assert!(!pair.is_healthy());
    let status = pair.proxy.health().unwrap().status();
    assert_eq!(status.failures, 1);
    assert_eq!(
        status.error.as_deref(),
        Some("cannot reach the test: it is cut off")
    );
    // It is still there, and says so again; meanwhile it is probed with growing pauses.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let probes = pair.network.probes();
    assert!((14..40).contains(&probes), "{probes} probes in a minute");
    assert!(pair.proxy.is_registered() && !pair.is_healthy());
    assert!(pair.hello.say_hello("you").await.is_err());

    pair.network.cut(false);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(pair.is_healthy());
    assert_eq!(pair.hello.say_hello("you").await.unwrap(), "Howdy you");
    let probes = pair.network.probes();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        pair.network.probes(),
        probes,
        "a healthy peer is not probed"
    );

    // An error of the service is an answer.
    assert!(matches!(
        pair.hello.say_hello("").await,
        Err(CallError::Fault { .. })
    ));
    assert!(pair.is_healthy());
    // No property has changed, and nobody was told anything.
    assert_eq!(*pair.proxy.properties(), *properties);
    assert!(events.lock().unwrap().is_empty() && log.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_again_at_once_is_probed_less_and_less_often() {
    let pair = Pair::new().await;
    pair.network.cut(true);
    // Probes come through, calls do not: it goes to and fro.
    pair.network.answer_probes(true);
    let mut recoveries = Vec::new();
    for _ in 0..10 {
        assert!(pair.hello.say_hello("you").await.is_err());
        recoveries.push(pair.recovery().await);
    }
    let rising = recoveries
        .iter()
        .zip([0.1, 0.2, 0.4, 0.8, 1.6, 2.5, 2.5, 2.5, 2.5, 2.5]);
    assert!(
        rising
            .clone()
            .all(|(pause, least)| pause.as_secs_f64() >= least),
        "{recoveries:?}"
    );
    assert!(
        recoveries.iter().all(|pause| pause.as_secs_f64() < 5.1),
        "{recoveries:?}"
    );
    assert_eq!(pair.network.probes(), 10);
    // A call that is answered makes good for all that.
    pair.network.cut(false);
    pair.hello.say_hello("you").await.unwrap();
    pair.network.cut(true);
    assert!(pair.hello.say_hello("you").await.is_err());
    assert!(pair.recovery().await < Duration::from_millis(250));
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_goes_is_probed_no_more() {
    let pair = Pair::new().await;
    pair.network.cut(true);
    assert!(pair.hello.say_hello("you").await.is_err());
    pair.import.close().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(pair.network.probes(), 0);
    assert!(matches!(
        pair.hello.say_hello("you").await,
        Err(CallError::Gone { .. })
    ));
    // Nothing of it keeps the framework busy.
    pair.importer.settle().await;
    pair.importer.stop().await.unwrap();
    pair.exporter.stop().await.unwrap();
}

#[tokio::test]
async fn what_nobody_keeps_account_of_is_healthy() {
    let framework = framework().await;
    let context = framework.context();
    let service = register_hello(&context, ferlix_core::property::Properties::new());
    assert!(service.reference().is_healthy() && service.reference().health().is_none());
    let distribution = Distribution::new(&Network::default(), "x");
    distribution.register_importer(&context);
    let import = admin(&context)
        .import_service(&endpoint("e1", "x", &[]))
        .await
        .unwrap();
    let proxy = import.reference().unwrap().imported_service().unwrap();
    assert!(proxy.health().unwrap().status().healthy);
}

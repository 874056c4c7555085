//! Endpoint listeners hear of the endpoints of their own framework, too, and topology managers do not.

use std::sync::Arc;

use async_trait::async_trait;
use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::{ServiceObject, ServiceRef, ServiceRegistration};
use ferlix_remote::admin::ImportReference;
use ferlix_remote::discovery::process::{self, Exchange};
use ferlix_remote::provider::{EndpointDirectory, EndpointEvent, EndpointEventListener, SCOPE};
use ferlix_remote::topology::{self, TopologyManager};

use crate::support::{Distribution, Log, Network, admin, exported, register_hello};

/// Writes down what it is told, by whom, and of whose endpoint.
struct Listener {
    log: Log,
    framework: String,
}

impl TopologyManager for Listener {
    fn export_refusal(&self, _: &ServiceRef) -> Option<String> {
        None
    }
}

#[async_trait]
impl EndpointEventListener for Listener {
    async fn endpoint_changed(&self, event: EndpointEvent) {
        let own = event.endpoint.framework_uuid() == Some(&self.framework);
        let whose = if own { "own" } else { "other" };
        let name = event.endpoint.properties().text("name").unwrap_or("-");
        self.log
            .add(format!("{} {whose} {name} by {}", event.kind, event.source));
    }
}

fn listen(context: &BundleContext, scope: impl Into<Value>) -> (Log, ServiceRegistration) {
    let (log, listener) = listener(context);
    let object = ServiceObject::new::<dyn EndpointEventListener>(listener);
    let scope = Properties::from([(SCOPE, scope.into())]);
    (log, context.register_object(object, scope).unwrap())
}

fn listener(context: &BundleContext) -> (Log, Arc<Listener>) {
    let log = Log::default();
    let listener = Listener {
        log: log.clone(),
        framework: context.framework().uuid().to_owned(),
    };
    (log, Arc::new(listener))
}

/// A framework with a distribution for both directions and a topology manager.
async fn framework(network: &Network) -> (Framework, BundleContext) {
    let framework = Framework::builder()
        .install(&ferlix_remote::admin::BUNDLE)
        .install(&topology::BUNDLE)
        .install(&process::BUNDLE)
        .start()
        .await
        .unwrap();
    let context = framework.context();
    let distribution = Distribution::new(network, "x");
    distribution.register_exporter(&context);
    distribution.register_importer(&context);
    topology::instantiate(&context, Properties::new())
        .await
        .unwrap();
    (framework, context)
}

fn named(name: &str) -> Properties {
    let mut properties = exported();
    properties.insert("name", name);
    properties
}

#[tokio::test]
async fn a_listener_hears_of_local_endpoints_in_its_scope() {
    let (framework, context) = framework(&Network::default()).await;
    let (all, _) = listen(&context, "(endpoint.id=*)");
    let (some, registration) = listen(&context, "(name=a)");
    let elsewhere = format!("(!(endpoint.framework.uuid={}))", framework.uuid());
    let (others, _) = listen(&context, elsewhere);
    let service = register_hello(&context, named("a"));
    let told = async |log: &Log| {
        framework.settle().await;
        log.take()
    };
    let by = |events: &[&str]| -> Vec<String> {
        let manager = topology::INSTANCE;
        let events = events.iter();
        events
            .map(|event| format!("{event} by {manager}"))
            .collect()
    };
    assert_eq!(told(&all).await, by(&["ADDED own a"]));
    assert_eq!(told(&some).await, by(&["ADDED own a"]));
    service.replace_properties(named("b")).unwrap();
    assert_eq!(told(&all).await, by(&["MODIFIED own b"]));
    assert_eq!(told(&some).await, by(&["MODIFIED_ENDMATCH own b"]));
    service.replace_properties(named("a")).unwrap();
    assert_eq!(told(&all).await, by(&["MODIFIED own a"]));
    assert_eq!(told(&some).await, by(&["ADDED own a"]));
    let scope = Properties::from([(SCOPE, "(name=c)")]);
    registration.set_properties(&scope).unwrap();
    assert_eq!(told(&some).await, by(&["MODIFIED_ENDMATCH own a"]));

    // Who comes late hears of what is there.
    let (late, _) = listen(&context, Value::from(["(name=c)", "(name=a)"]));
    assert_eq!(told(&late).await, by(&["ADDED own a"]));
    let second = register_hello(&context, named("c"));
    assert_eq!(told(&late).await, by(&["ADDED own c"]));
    service.unregister().await.unwrap();
    assert_eq!(told(&late).await, by(&["REMOVED own a"]));
    // What nobody exported by a manager, but by hand, is local as well.
    let by_hand = register_hello(&context, Properties::from([("name", "d")]));
    told(&all).await;
    let made = admin(&context)
        .export_service(by_hand.reference(), &exported())
        .await
        .unwrap()
        .remove(0);
    assert_eq!(told(&all).await, by(&["ADDED own d"]));
    made.close().await;
    assert_eq!(told(&all).await, by(&["REMOVED own d"]));
    // A manager that goes takes back what it told.
    framework
        .components()
        .kill(topology::INSTANCE)
        .await
        .unwrap();
    assert_eq!(told(&all).await, by(&["REMOVED own c"]));
    assert_eq!(told(&others).await, [""; 0]);
    drop(second);
}

#[tokio::test]
async fn who_does_not_exclude_one_hears_of_both_and_a_manager_imports_the_others_only() {
    let network = Network::default();
    let (here, context) = framework(&network).await;
    let (there, elsewhere) = framework(&network).await;
    let exchange = Exchange::new();
    exchange.join(&context).unwrap();
    exchange.join(&elsewhere).unwrap();
    let (log, _) = listen(&context, "(endpoint.id=*)");
    let (managers, manager) = listener(&context);
    let manager = ServiceObject::new::<dyn EndpointEventListener>(manager.clone())
        .and::<dyn TopologyManager>(manager);
    let scope = Properties::from([(SCOPE, "(endpoint.id=*)")]);
    context.register_object(manager, scope).unwrap();
    register_hello(&context, named("a"));
    register_hello(&elsewhere, named("b"));
    // Some discovery tells this framework of its own endpoint.
    here.settle().await;
    let own = admin(&context).exported_services()[0]
        .exported_endpoint()
        .unwrap();
    let reflecting = EndpointDirectory::open(&context, "mirror").unwrap();
    reflecting.put("k", own.clone());
    for framework in [&there, &here, &there, &here] {
        framework.settle().await;
    }
    let mut told = log.take();
    told.sort();
    assert_eq!(
        told,
        [
            "ADDED other b by process-endpoint-discovery",
            "ADDED own a by basic-topology-manager",
            "ADDED own a by mirror"
        ]
    );
    let mut told = managers.take();
    told.sort();
    assert_eq!(
        told,
        [
            "ADDED other b by process-endpoint-discovery",
            "ADDED own a by mirror"
        ]
    );
    let imported: Vec<_> = admin(&context)
        .imported_endpoints()
        .iter()
        .filter_map(ImportReference::imported_endpoint)
        .map(|endpoint| endpoint.framework_uuid().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(imported, [there.uuid()]);
    // Why it did not import the one that the mirror told it of.
    let managers = context.services::<dyn EndpointEventListener>(None);
    let refusals: Vec<_> = managers
        .iter()
        .filter_map(|listener| listener.refusal(&own))
        .collect();
    assert_eq!(refusals, ["this framework exports it"]);
}

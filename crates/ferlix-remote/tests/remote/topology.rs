//! The basic topology manager: whoever comes first, in the end everything is exported, advertised and imported.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRegistration;
use ferlix_remote::admin::{ExportReference, ImportReference};
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::{EndpointDirectory, ExportProvider};
use ferlix_remote::{admin, topology};

use crate::support::{
    Discovery, Distribution, Hello, Network, admin as the_admin, endpoint, exported,
    register_hello, wait_for,
};

/// A framework with admin and topology manager.
pub(crate) async fn managed() -> Framework {
    let framework = unmanaged().await;
    manage(&framework).await;
    framework
}

pub(crate) async fn unmanaged() -> Framework {
    Framework::builder()
        .install(&admin::BUNDLE)
        .install(&topology::BUNDLE)
        .start()
        .await
        .unwrap()
}

pub(crate) async fn manage(framework: &Framework) {
    framework
        .components()
        .instantiate(topology::FACTORY, topology::INSTANCE, Properties::new())
        .await
        .unwrap();
}

/// Everything that an export needs, with one log for provider and discovery.
pub(crate) struct Parts {
    pub(crate) distribution: Distribution,
    pub(crate) discovery: Discovery,
}

impl Parts {
    pub(crate) fn new() -> Self {
        let network = Network::default();
        let discovery = Discovery {
            log: network.log.clone(),
            ..Discovery::default()
        };
        Self {
            distribution: Distribution::new(&network, "x"),
            discovery,
        }
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.distribution.network.log.take()
    }
}

/// All orders of some steps.
pub(crate) fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut orders = Vec::new();
    for order in self::orders(count - 1) {
        for place in 0..count {
            let mut order = order.clone();
            order.insert(place, count - 1);
            orders.push(order);
        }
    }
    orders
}

#[tokio::test]
async fn exporting_does_not_depend_on_who_comes_first() {
    for order in orders(4) {
        let framework = unmanaged().await;
        let context = framework.context();
        let parts = Parts::new();
        for step in &order {
            match step {
                0 => manage(&framework).await,
                1 => drop(parts.distribution.register_exporter(&context)),
                2 => drop(parts.discovery.register(&context)),
                _ => drop(register_hello(&context, exported())),
            }
        }
        framework.settle().await;
        assert_eq!(parts.log(), ["export 1", "advertise 1"], "order {order:?}");
        framework.stop().await.unwrap();
    }
}

#[tokio::test]
async fn the_default_type_stands_for_those_that_nobody_knows() {
    let framework = managed().await;
    let context = framework.context();
    let network = Network::default();
    let provider = |name: &str, ranking: i32| {
        let provider: Arc<dyn ExportProvider> = Arc::new(Distribution::new(&network, name));
        let properties = Properties::from([("service.ranking", ranking)]);
        context.register(provider, properties).unwrap()
    };
    let configs = |names: &[&str]| {
        let mut properties = exported();
        properties.insert("service.exported.configs", Value::from(names.to_vec()));
        properties
    };
    let exporters = async || {
        framework.settle().await;
        let references = the_admin(&context).exported_services();
        let endpoints = references
            .iter()
            .filter_map(ExportReference::exported_endpoint);
        let containers = endpoints.map(|endpoint| endpoint.container_id().to_owned());
        containers.collect::<Vec<_>>()
    };
    let service = register_hello(&context, configs(&["z.server", "unknown"]));
    assert_eq!(exporters().await, [""; 0]);
    // Of equals the first one, then the best one.
    let w = provider("w", 0);
    provider("x", 0);
    assert_eq!(exporters().await, ["w://here"]);
    let y = provider("y", 1);
    assert_eq!(exporters().await, ["y://here"]);
    y.set_properties(&Properties::from([("service.ranking", -1)]))
        .unwrap();
    assert_eq!(exporters().await, ["w://here"]);
    w.unregister().await.unwrap();
    assert_eq!(exporters().await, ["x://here"]);
    // Somebody comes who knows one of them, and goes.
    let z = provider("z", -5);
    assert_eq!(exporters().await, ["z://here"]);
    z.unregister().await.unwrap();
    assert_eq!(exporters().await, ["x://here"]);
    service
        .replace_properties(configs(&["z.server", "<<nodefault>>"]))
        .unwrap();
    assert_eq!(exporters().await, [""; 0]);
    service.replace_properties(configs(&[])).unwrap();
    assert_eq!(exporters().await, ["x://here", "y://here"]);
}

/// A managed framework with everything that an export needs.
async fn exporting() -> (Framework, BundleContext, Parts) {
    let framework = managed().await;
    let context = framework.context();
    let parts = Parts::new();
    parts.distribution.register_exporter(&context);
    parts.discovery.register(&context);
    (framework, context, parts)
}

fn change(service: &ServiceRegistration, key: &str, value: &str) {
    service
        .set_properties(&Properties::from([(key, value)]))
        .unwrap();
}

#[tokio::test]
async fn an_export_follows_its_service() {
    let (framework, context, parts) = exporting().await;
    let service = register_hello(&context, Properties::new());
    let log = async || {
        framework.settle().await;
        parts.log()
    };
    assert_eq!(log().await, [""; 0]);
    change(&service, "service.exported.interfaces", "*");
    assert_eq!(log().await, ["export 1", "advertise 1"], "asked for later");
    change(&service, "hello.name", "a");
    assert_eq!(log().await, ["update 1", "readvertise 1"]);
    assert_eq!(
        parts.discovery.endpoints()[0]
            .properties()
            .text("hello.name"),
        Some("a")
    );
    service.remove_properties(&["hello.name"]).unwrap();
    assert_eq!(log().await, ["update 1", "readvertise 1"]);
    assert!(
        !parts.discovery.endpoints()[0]
            .properties()
            .contains("hello.name")
    );
    change(&service, "service.ranking", "7");
    assert_eq!(log().await, ["update 1", "readvertise 1"], "peers go by it");
    change(&service, "x.server.host", "there");
    assert_eq!(
        log().await,
        ["unadvertise 1", "unexport 1", "export 2", "advertise 2"],
        "another container"
    );
    change(&service, "service.exported.configs", "<<nodefault>>");
    assert_eq!(log().await, ["unadvertise 2", "unexport 2"]);
    service
        .remove_properties(&["service.exported.configs"])
        .unwrap();
    assert_eq!(log().await, ["export 3", "advertise 3"]);
    service
        .remove_properties(&["service.exported.interfaces"])
        .unwrap();
    assert_eq!(log().await, ["unadvertise 3", "unexport 3"]);
    change(&service, "service.exported.interfaces", "*");
    assert_eq!(log().await, ["export 4", "advertise 4"]);
    service.unregister().await.unwrap();
    assert_eq!(log().await, ["unadvertise 4", "unexport 4"]);
}

#[tokio::test]
async fn exports_follow_the_providers_and_the_discoveries() {
    let (framework, context, parts) = exporting().await;
    register_hello(&context, exported());
    let log = async || {
        framework.settle().await;
        parts.log()
    };
    assert_eq!(log().await, ["export 1", "advertise 1"]);
    let second = Distribution::new(&parts.distribution.network, "y");
    let provider = second.register_exporter(&context);
    assert_eq!(
        log().await,
        ["export 2", "advertise 2"],
        "what is exported stays as it is"
    );
    provider.unregister().await.unwrap();
    assert_eq!(log().await, ["unadvertise 2", "unexport 2"]);
    second.register_exporter(&context);
    assert_eq!(log().await, ["export 3", "advertise 3"]);
    let late = Discovery {
        log: parts.discovery.log.clone(),
        ..Discovery::default()
    };
    let registration = late.register(&context);
    assert_eq!(log().await, ["advertise 1", "advertise 3"]);
    registration.unregister().await.unwrap();
    assert_eq!(log().await, [""; 0]);
}

#[tokio::test]
async fn an_export_that_failed_is_tried_again_when_something_changes() {
    let (framework, context, parts) = exporting().await;
    parts.distribution.fail.store(true, Ordering::SeqCst);
    let service = register_hello(&context, exported());
    framework.settle().await;
    assert_eq!(parts.log(), ["export 1"]);
    assert_eq!(the_admin(&context).export_registrations().len(), 1);
    parts.distribution.fail.store(false, Ordering::SeqCst);
    change(&service, "service.exported.configs", "x.server");
    framework.settle().await;
    assert_eq!(parts.log(), ["export 2", "advertise 2"]);
    assert_eq!(
        the_admin(&context).export_registrations().len(),
        1,
        "the failed one is gone"
    );
}

#[tokio::test]
async fn what_was_withdrawn_by_hand_stays_so() {
    let (framework, context, parts) = exporting().await;
    let service = register_hello(&context, exported());
    framework.settle().await;
    for registration in the_admin(&context).export_registrations() {
        registration.close().await;
    }
    change(&service, "hello.name", "a");
    framework.settle().await;
    assert_eq!(
        parts.log(),
        ["export 1", "advertise 1", "unadvertise 1", "unexport 1"]
    );
}

#[tokio::test]
async fn what_was_exported_by_hand_is_advertised() {
    let framework = unmanaged().await;
    let context = framework.context();
    let parts = Parts::new();
    parts.distribution.register_exporter(&context);
    parts.discovery.register(&context);
    let admin = the_admin(&context);
    let before = register_hello(&context, Properties::new());
    let after = register_hello(&context, Properties::new());
    admin
        .export_service(before.reference(), &exported())
        .await
        .unwrap();
    manage(&framework).await;
    admin
        .export_service(after.reference(), &exported())
        .await
        .unwrap();
    framework.settle().await;
    assert_eq!(
        parts.log(),
        ["export 1", "advertise 1", "export 2", "advertise 2"]
    );
}

#[tokio::test]
async fn a_manager_that_goes_withdraws_from_peers_first() {
    let (framework, context, parts) = exporting().await;
    parts.distribution.register_importer(&context);
    let directory = EndpointDirectory::open(&context, "test").unwrap();
    directory.put("k", endpoint("e1", "x", &[]));
    framework.settle().await;
    register_hello(&context, exported());
    framework.settle().await;
    parts.log();
    framework
        .components()
        .kill(topology::INSTANCE)
        .await
        .unwrap();
    framework.settle().await;
    assert_eq!(parts.log(), ["unadvertise 2", "unexport 2", "release 5"]);
    let admin = the_admin(&context);
    assert!(admin.export_registrations().is_empty() && admin.import_registrations().is_empty());
    manage(&framework).await;
    framework.settle().await;
    let mut again: Vec<String> = parts
        .log()
        .iter()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    again.sort();
    assert_eq!(again, ["advertise", "export", "import"]);
}

#[tokio::test]
async fn a_service_that_comes_and_goes_while_a_provider_is_slow_leaves_nothing_behind() {
    let (framework, context, parts) = exporting().await;
    parts.distribution.slow.store(true, Ordering::SeqCst);
    let service = register_hello(&context, exported());
    for value in 0..50 {
        change(&service, "hello.name", &value.to_string());
    }
    service.unregister().await.unwrap();
    let quick = register_hello(&context, exported());
    parts.distribution.slow.store(false, Ordering::SeqCst);
    parts.distribution.go.notify_waiters();
    framework.settle().await;
    assert_eq!(the_admin(&context).exported_services().len(), 1);
    let log = parts.log();
    assert!(
        log.len() < 10,
        "the changes in between are worked off together: {log:?}"
    );
    assert_eq!(
        parts.discovery.endpoints()[0].service_id(),
        quick.reference().id()
    );
}

#[tokio::test]
async fn two_frameworks_find_and_call_each_other() {
    let (exporter, there, parts) = exporting().await;
    let importer = managed().await;
    let here = importer.context();
    parts.distribution.register_importer(&here);
    let watcher = EndpointDirectory::open(&here, "test").unwrap();
    parts.discovery.watchers.lock().unwrap().push(watcher);
    let service = register_hello(&there, exported());
    wait_for(|| here.service::<dyn Hello>(None).is_some()).await;
    let hello = Arc::clone(&here.service::<dyn Hello>(None).unwrap());
    assert_eq!(hello.say_hello("you").await.unwrap(), "Howdy you");
    // What is imported is not exported again, and what is exported is not imported here.
    exporter.settle().await;
    importer.settle().await;
    assert_eq!(the_admin(&here).exported_services().len(), 0);
    assert_eq!(the_admin(&there).imported_endpoints().len(), 0);
    service.unregister().await.unwrap();
    wait_for(|| here.service::<dyn Hello>(None).is_none()).await;
    exporter.stop().await.unwrap();
    importer.stop().await.unwrap();
}

/// Changes a service until it goes, or is kept.
async fn live(context: BundleContext, number: u64) -> Option<ServiceRegistration> {
    let service = register_hello(&context, exported());
    for round in 0..20 {
        match (number + round) % 5 {
            0 => change(&service, "hello.name", &round.to_string()),
            1 => change(&service, "x.server.host", &format!("h{}", round % 2)),
            2 => service
                .remove_properties(&["service.exported.interfaces"])
                .unwrap(),
            3 => change(&service, "service.exported.interfaces", "*"),
            _ => tokio::task::yield_now().await,
        }
    }
    change(&service, "service.exported.interfaces", "*");
    if number.is_multiple_of(2) {
        return Some(service);
    }
    service.unregister().await.unwrap();
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_happens_at_once_the_end_is_consistent() {
    let (framework, context, parts) = exporting().await;
    let importer = managed().await;
    parts.distribution.register_importer(&importer.context());
    let watcher = EndpointDirectory::open(&importer.context(), "test").unwrap();
    parts.discovery.watchers.lock().unwrap().push(watcher);
    let services: Vec<_> = (0..24)
        .map(|number| tokio::spawn(live(context.clone(), number)))
        .collect();
    let providers = tokio::spawn({
        let (context, second) = (
            context.clone(),
            Distribution::new(&parts.distribution.network, "y"),
        );
        async move {
            for _ in 0..20 {
                let provider = second.register_exporter(&context);
                tokio::task::yield_now().await;
                provider.unregister().await.unwrap();
            }
        }
    });
    let mut kept = Vec::new();
    for service in services {
        kept.extend(service.await.unwrap());
    }
    providers.await.unwrap();
    framework.settle().await;
    importer.settle().await;

    let mut expected: Vec<u64> = kept
        .iter()
        .map(|service| service.reference().id())
        .collect();
    expected.sort_unstable();
    let sorted = |endpoints: Vec<EndpointDescription>| {
        let mut ids: Vec<u64> = endpoints
            .iter()
            .map(EndpointDescription::service_id)
            .collect();
        ids.sort_unstable();
        ids
    };
    let exports = the_admin(&context).exported_services();
    assert_eq!(
        sorted(
            exports
                .iter()
                .filter_map(ExportReference::exported_endpoint)
                .collect()
        ),
        expected
    );
    assert_eq!(sorted(parts.discovery.endpoints()), expected);
    let imports = the_admin(&importer.context()).imported_endpoints();
    assert_eq!(
        sorted(
            imports
                .iter()
                .filter_map(ImportReference::imported_endpoint)
                .collect()
        ),
        expected
    );
    let hellos = importer.context().services::<dyn Hello>(None);
    assert_eq!(hellos.len(), kept.len());
    for hello in &hellos {
        assert_eq!(hello.say_hello("you").await.unwrap(), "Howdy you");
    }
    drop(hellos);
    framework.stop().await.unwrap();
    wait_for(|| importer.context().service::<dyn Hello>(None).is_none()).await;
}

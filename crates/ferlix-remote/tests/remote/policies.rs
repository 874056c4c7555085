//! The topology manager that chooses by rules.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_core::command::{Arguments, CommandProvider, Session};
use ferlix_core::component::{Best, ComponentState};
use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRef;
use ferlix_core::{bundle, component};
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::{EndpointDirectory, EndpointEventListener};
use ferlix_remote::topology::{TopologyManager, ondemand, policy};
use ferlix_remote::{admin, command};

use crate::support::{
    Discovery, Distribution, Hello, Network, Other, endpoint, exported, register_hello,
};

/// A framework with one of the managers, a distribution `x` and a discovery.
pub(crate) struct House {
    pub(crate) framework: Framework,
    pub(crate) context: BundleContext,
    pub(crate) network: Network,
    pub(crate) discovery: Discovery,
    pub(crate) directory: EndpointDirectory,
}

impl House {
    pub(crate) async fn new(factory: &str, properties: impl Into<Properties>) -> Self {
        let framework = Framework::builder()
            .install(&admin::BUNDLE)
            .install(&policy::BUNDLE)
            .install(&ondemand::BUNDLE)
            .install(&command::BUNDLE)
            .install(&GUESTS)
            .start()
            .await
            .unwrap();
        let context = framework.context();
        let network = Network::default();
        let distribution = Distribution::new(&network, "x");
        distribution.register_exporter(&context);
        distribution.register_importer(&context);
        let discovery = Discovery::default();
        discovery.register(&context);
        let components = framework.components();
        components
            .instantiate(factory, "manager", properties.into())
            .await
            .unwrap();
        let directory = EndpointDirectory::open(&context, "test").unwrap();
        Self {
            framework,
            context,
            network,
            discovery,
            directory,
        }
    }

    async fn by_rules(exports: impl Into<Value>, imports: impl Into<Value>) -> Self {
        let properties = [
            (policy::EXPORT_RULES, exports.into()),
            (policy::IMPORT_RULES, imports.into()),
        ];
        Self::new(policy::FACTORY, properties).await
    }

    pub(crate) async fn set(&self, key: &str, rules: impl Into<Value>) {
        let components = self.framework.components();
        components
            .reconfigure("manager", Properties::from([(key, rules.into())]))
            .await
            .unwrap();
        self.framework.settle().await;
    }

    pub(crate) fn put(&self, id: &str, properties: &[(&str, Value)]) -> EndpointDescription {
        let container = ("ecf.endpoint.id", Value::from(format!("x://{id}")));
        let mut all = vec![container];
        all.extend(properties.iter().cloned());
        let endpoint = endpoint(id, "x", &all);
        self.directory.put(id, endpoint.clone());
        endpoint
    }

    /// The endpoints that are imported, in their order in the registry.
    pub(crate) async fn imported(&self) -> Vec<String> {
        self.framework.settle().await;
        let imported = Some("(service.imported=true)".parse().unwrap());
        let proxies = self.framework.context().references(None, imported.as_ref());
        proxies
            .iter()
            .map(|proxy| proxy.property("endpoint.id").unwrap().to_string())
            .collect()
    }

    pub(crate) fn proxy(&self, id: &str) -> ServiceRef {
        let filter = format!("(&(service.imported=true)(endpoint.id={id}))")
            .parse()
            .unwrap();
        self.framework
            .context()
            .references(None, Some(&filter))
            .remove(0)
    }

    pub(crate) fn manager(&self) -> Arc<dyn TopologyManager> {
        Arc::clone(&self.context.service::<dyn TopologyManager>(None).unwrap())
    }

    /// Why an endpoint is not imported.
    pub(crate) fn why(&self, endpoint: &EndpointDescription) -> String {
        let listener = self
            .context
            .service::<dyn EndpointEventListener>(None)
            .unwrap();
        listener.refusal(endpoint).unwrap_or_default()
    }
}

/// What a line of the shell prints.
pub(crate) async fn print(house: &House, command: &str, subject: &str) -> String {
    let printed = Arc::new(Mutex::new(String::new()));
    let output = Arc::clone(&printed);
    let session = Session::new(move |text| output.lock().unwrap().push_str(text));
    let arguments = Arguments::new(vec![subject.to_owned()], BTreeMap::new());
    let commands = house.context.service::<dyn CommandProvider>(None).unwrap();
    commands.run(command, &arguments, &session).await.unwrap();
    printed.lock().unwrap().clone()
}

pub(crate) fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect(),
    )
}

pub(crate) fn none() -> Value {
    Value::List(Vec::new())
}

#[tokio::test]
async fn without_rules_everything_that_asks_goes() {
    let house = House::by_rules(none(), none()).await;
    let quiet = register_hello(&house.context, Properties::new());
    register_hello(&house.context, exported());
    let known = house.put("e1", &[]);
    assert_eq!(house.imported().await, ["e1"]);
    assert_eq!(house.discovery.endpoints().len(), 1);
    assert_eq!(house.why(&known), "");
    assert_eq!(house.manager().export_refusal(quiet.reference()), None);
}

#[tokio::test]
async fn only_what_matches_is_exported_with_what_the_rules_set() {
    let rules = Value::List(vec![
        map(&[("filter", "(secret=*)".into()), ("action", "ignore".into())]),
        map(&[
            ("filter", "(floor>=3)".into()),
            (
                "set",
                map(&[("zone", "high".into()), ("x.server.host", "attic".into())]),
            ),
        ]),
        map(&[
            ("filter", "(borrowed=true)".into()),
            ("set", map(&[("service.exported.interfaces", "*".into())])),
        ]),
    ]);
    let house = House::by_rules(rules, none()).await;
    let with = |more: &[(&'static str, Value)]| {
        let mut properties = exported();
        properties.extend(more.iter().cloned());
        properties
    };
    let low = register_hello(&house.context, with(&[("floor", 1.into())]));
    let secret = register_hello(
        &house.context,
        with(&[("floor", 4.into()), ("secret", true.into())]),
    );
    let high = register_hello(
        &house.context,
        with(&[("floor", 3.into()), ("zone", "own".into())]),
    );
    let borrowed = register_hello(&house.context, Properties::from([("borrowed", true)]));
    house.framework.settle().await;
    let exported = |wanted: &ServiceRef| {
        let endpoints = house.discovery.endpoints();
        endpoints
            .into_iter()
            .find(|one| one.service_id() == wanted.id())
    };
    let endpoint = exported(high.reference()).unwrap();
    assert_eq!(endpoint.properties().text("zone"), Some("high"));
    assert_eq!(endpoint.container_id(), "x://attic");
    assert!(
        exported(borrowed.reference()).is_some(),
        "exported without asking itself"
    );
    assert_eq!(house.discovery.endpoints().len(), 2);
    let manager = house.manager();
    let why = |service: &ServiceRef| manager.export_refusal(service).unwrap_or_default();
    assert_eq!(
        why(low.reference()),
        "none of the 3 export rules lets it through"
    );
    assert_eq!(why(secret.reference()), "export rule 1 keeps it out");
    assert_eq!(why(high.reference()), "");
    let shown = print(&house, "why", &secret.reference().id().to_string()).await;
    assert!(shown.contains("export rule 1 keeps it out"), "{shown}");
    // The service changes, and the rules then decide otherwise.
    low.set_properties(&Properties::from([("floor", 9)]))
        .unwrap();
    borrowed
        .set_properties(&Properties::from([("borrowed", false)]))
        .unwrap();
    house.framework.settle().await;
    assert!(exported(low.reference()).is_some() && exported(borrowed.reference()).is_none());
    // The rules change, and what stays keeps its endpoint.
    let before = exported(high.reference()).unwrap();
    house
        .set(
            policy::EXPORT_RULES,
            Value::List(vec![map(&[
                ("filter", "(floor=3)".into()),
                (
                    "set",
                    map(&[("zone", "new".into()), ("x.server.host", "attic".into())]),
                ),
            ])]),
        )
        .await;
    let after = exported(high.reference()).unwrap();
    assert_eq!(after.id(), before.id());
    assert_eq!(after.properties().text("zone"), Some("new"));
    assert_eq!(house.discovery.endpoints().len(), 1);
    // Without them everything is as it asks.
    house.set(policy::EXPORT_RULES, none()).await;
    assert_eq!(house.discovery.endpoints().len(), 3);
    let endpoint = exported(high.reference()).unwrap();
    assert_eq!(
        (endpoint.properties().text("zone"), endpoint.container_id()),
        (Some("own"), "x://here")
    );
}

#[tokio::test]
async fn only_what_matches_is_imported_with_what_the_rules_set() {
    let rules = Value::List(vec![
        "!(zone=south)".into(),
        map(&[
            ("filter", "(zone=north)".into()),
            (
                "set",
                map(&[("service.ranking", 7.into()), ("near", true.into())]),
            ),
        ]),
        "(service.ranking>=1)".into(),
    ]);
    let house = House::by_rules(none(), rules).await;
    let south = house.put(
        "e1",
        &[("zone", "south".into()), ("service.ranking", 9.into())],
    );
    house.put("e2", &[("zone", "north".into())]);
    // As a peer sends it that knows only texts.
    house.put("e3", &[("service.ranking", "8".into())]);
    let plain = house.put("e4", &[]);
    assert_eq!(
        house.imported().await,
        ["e3", "e2"],
        "the ranking is read and set on the proxy"
    );
    assert_eq!(house.proxy("e2").property("near"), Some(true.into()));
    assert_eq!(
        (house.proxy("e2").ranking(), house.proxy("e3").ranking()),
        (7, 8)
    );
    assert_eq!(house.why(&south), "import rule 1 keeps it out");
    assert_eq!(
        house.why(&plain),
        "none of the 3 import rules lets it through"
    );
    // An endpoint that changes is looked at anew; a proxy that stays is the same one.
    let proxy = house.proxy("e2");
    house.put(
        "e4",
        &[("service.ranking", 1.into()), ("ecf.endpoint.ts", 2.into())],
    );
    house.put("e3", &[("ecf.endpoint.ts", 2.into())]);
    assert_eq!(house.imported().await, ["e2", "e4"]);
    house
        .set(
            policy::IMPORT_RULES,
            map(&[
                ("filter", "(zone=*)".into()),
                ("set", map(&[("near", false.into())])),
            ]),
        )
        .await;
    assert_eq!(house.imported().await, ["e1", "e2"]);
    assert_eq!(house.proxy("e2"), proxy);
    assert_eq!(
        (proxy.property("near"), proxy.ranking()),
        (Some(false.into()), 0)
    );
}

#[tokio::test]
async fn wrong_rules_make_the_instance_erroneous_and_name_the_rule() {
    let house = House::by_rules(none(), Value::from(["(a=b)", "(a"])).await;
    let details = house.framework.components().instance("manager").unwrap();
    assert_eq!(details.state, ComponentState::Erroneous);
    let cause = ferlix_core::error_chain(&*details.cause.unwrap());
    assert!(
        cause.contains("topology.import.rules") && cause.contains("rule 2"),
        "{cause}"
    );
}

#[tokio::test]
async fn at_most_so_many_are_imported_the_best_first_and_the_next_when_one_goes() {
    let rules = map(&[("max", 2.into()), ("near", "(rack=7)".into())]);
    let house = House::by_rules(none(), rules).await;
    house.put("e1", &[("service.ranking", 1.into())]);
    house.put("e2", &[("service.ranking", 5.into())]);
    house.put("e3", &[("rack", 7.into())]);
    let last = house.put("e4", &[]);
    assert_eq!(house.imported().await, ["e2", "e1"]);
    assert_eq!(
        house.why(&last),
        "rule 1 imports at most 2 of org.example.IHello, and 2 come first: e2, e1"
    );
    // A better one comes: the worst makes place.
    house.put("e5", &[("service.ranking", 9.into())]);
    assert_eq!(house.imported().await, ["e5", "e2"]);
    // They go, and the next come: by ranking, then the near ones.
    house.directory.remove("e5");
    assert_eq!(house.imported().await, ["e2", "e1"]);
    house.directory.remove("e2");
    house.directory.remove("e1");
    assert_eq!(house.imported().await, ["e3", "e4"]);
    // Of equals those that are there stay.
    house.put("e0", &[]);
    assert_eq!(house.imported().await, ["e3", "e4"]);
    // Another interface has places of its own.
    let other = ("objectClass", Value::from(["org.example.other.IOther"]));
    for id in ["o1", "o2", "o3"] {
        house.put(id, std::slice::from_ref(&other));
    }
    assert_eq!(house.imported().await.len(), 4);
    assert_eq!(
        house
            .context
            .references(Some("org.example.other.IOther"), None)
            .len(),
        2
    );
    // Locality first, if that is preferred.
    house
        .set(
            policy::IMPORT_RULES,
            map(&[
                ("max", 1.into()),
                ("prefer", Value::from(["locality", "ranking"])),
                ("near", "(rack=7)".into()),
            ]),
        )
        .await;
    house.put("e6", &[("service.ranking", 100.into())]);
    assert_eq!(house.imported().await, ["e3", "o1"]);
    house.set(policy::IMPORT_RULES, none()).await;
    assert_eq!(house.imported().await.len(), 7);
}

#[component(factory = "guest")]
struct Guest {
    #[inject(filter = "(!(service.imported=false))")]
    _hello: Best<dyn Hello>,
}

#[component(factory = "far-guest")]
struct FarGuest {
    #[inject(filter = "(zone=north)")]
    _other: Arc<dyn Other>,
}

bundle!(GUESTS = "test.guests", components = [Guest, FarGuest]);

#[tokio::test(start_paused = true)]
async fn when_the_best_does_not_answer_the_next_one_comes_in_until_it_does() {
    let house = House::by_rules(none(), map(&[("max", 1.into())])).await;
    // The endpoint of another framework, served over the same network.
    let exporter = Framework::builder()
        .install(&admin::BUNDLE)
        .start()
        .await
        .unwrap();
    let served = Distribution::new(&house.network, "x");
    served.register_exporter(&exporter.context());
    let service = register_hello(&exporter.context(), exported());
    let exports = crate::support::admin(&exporter.context())
        .export_service(
            service.reference(),
            &Properties::from([("service.ranking", 5)]),
        )
        .await
        .unwrap();
    let best = exports[0].reference().unwrap().exported_endpoint().unwrap();
    house.directory.put("best", best.clone());
    let next = house.put("next", &[]);
    assert_eq!(house.imported().await, [best.id()]);
    assert!(house.why(&next).contains("at most 1"));
    let hello = Arc::clone(&house.context.service::<dyn Hello>(None).unwrap());
    hello.say_hello("you").await.unwrap();
    house.network.cut(true);
    assert!(hello.say_hello("you").await.is_err());
    // Spawned work is not begun in the call.
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(
        house.imported().await,
        [best.id(), "next"],
        "it stays, to be found well again"
    );
    // A Best goes to the one that answers.
    let components = house.framework.components();
    components
        .instantiate("guest", "g", Properties::new())
        .await
        .unwrap();
    house.framework.settle().await;
    let bound = |field: usize| {
        let details = components.instance("g").unwrap();
        let bound = details.dependencies[field].bindings[0]
            .property("endpoint.id")
            .unwrap();
        bound.to_string()
    };
    assert_eq!(bound(0), "next");
    house.network.cut(false);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(house.imported().await, [best.id()]);
    assert_eq!(bound(0), best.id());
}

#[tokio::test]
async fn what_cannot_be_imported_takes_no_place_until_something_changes() {
    let house = House::by_rules(none(), map(&[("max", 1.into())])).await;
    let best = |content: &str| {
        let more = [
            ("service.ranking", Value::from(5)),
            ("content", Value::from(content)),
        ];
        house.directory.put("best", endpoint("best", "y", &more));
    };
    best("a");
    house.put("next", &[]);
    let last = house.put("other", &[]);
    assert_eq!(house.imported().await, ["next"], "nobody knows y");
    assert!(house.why(&last).contains("1 come first: next"));
    let y = Distribution::new(&house.network, "y");
    y.fail.store(true, Ordering::SeqCst);
    let provider = y.register_importer(&house.context);
    assert_eq!(house.imported().await, ["next"], "y fails");
    y.fail.store(false, Ordering::SeqCst);
    best("b");
    assert_eq!(house.imported().await, ["best"], "it is tried again");
    y.report(5, "it is broken");
    assert_eq!(house.imported().await, ["next"], "it failed later");
    best("c");
    assert_eq!(house.imported().await, ["best"]);
    provider.unregister().await.unwrap();
    assert_eq!(house.imported().await, ["next"]);
    // When a provider comes, only those are tried again that have a place then.
    y.fail.store(true, Ordering::SeqCst);
    y.register_importer(&house.context);
    let second = [("service.ranking", Value::from(4))];
    house.directory.put("a", endpoint("a", "y", &second));
    assert_eq!(house.imported().await, ["next"]);
    y.fail.store(false, Ordering::SeqCst);
    house.network.log.take();
    Distribution::new(&house.network, "z").register_importer(&house.context);
    assert_eq!(house.imported().await, ["best"]);
    let mut done = house.network.log.take();
    done.retain(|line| line.starts_with("import"));
    assert_eq!(done, ["import 5"]);
}

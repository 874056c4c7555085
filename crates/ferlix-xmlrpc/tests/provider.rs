//! The distribution provider as components of a framework, driven through the interfaces that the admin uses.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ferlix_core::component::ComponentState;
use ferlix_core::filter::Filter;
use ferlix_core::framework::Framework;
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRef;
use ferlix_core::service::{CallError, Dispatch, Service};
use ferlix_core::{remote_service, service_impl};
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::{ExportContainer, ExportProvider, ImportContainer, ImportProvider};
use ferlix_xmlrpc::provider::NAMESPACE;

const PATIENCE: Duration = Duration::from_secs(20);
const HTTP_FACTORY: &str = "ferlix.http.service.basic.factory";
const EXPORTER: &str = "xmlrpc-export-distribution-provider";
const IMPORTER: &str = "xmlrpc-import-distribution-provider";

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it should have happened by now")
}

#[remote_service("org.example.Greeter", version = "1.0.0")]
trait Greeter: Send + Sync {
    async fn say_hello(&self, from: &str, count: i64) -> Result<String, CallError>;
    async fn never(&self) -> Result<(), CallError>;
}

struct English;

#[service_impl]
impl Greeter for English {
    async fn say_hello(&self, from: &str, count: i64) -> Result<String, CallError> {
        Ok(format!("hello {from}, {count} times"))
    }

    async fn never(&self) -> Result<(), CallError> {
        std::future::pending().await
    }
}

/// A framework with the provider, and an HTTP service made with these properties.
async fn framework(http: Option<Properties>, more: Properties) -> Framework {
    let framework = Framework::builder()
        .properties(&more)
        .install(&ferlix_http::BUNDLE)
        .install(&ferlix_xmlrpc::BUNDLE)
        .start()
        .await
        .unwrap();
    if let Some(http) = http {
        make_http(&framework, http).await;
    }
    framework.settle().await;
    framework
}

async fn make_http(framework: &Framework, mut properties: Properties) {
    properties.insert_absent("ferlix.http.port", 0);
    let components = framework.components();
    components
        .instantiate(HTTP_FACTORY, "http", properties)
        .await
        .unwrap();
}

fn port(framework: &Framework) -> u16 {
    let http = framework
        .context()
        .service::<dyn ferlix_http::HttpService>(None)
        .unwrap();
    http.address().port()
}

fn state(framework: &Framework, instance: &str) -> Option<ComponentState> {
    framework
        .components()
        .instance(instance)
        .map(|details| details.state)
}

/// What the admin would make of a service with these further properties.
fn endpoint<const N: usize>(
    container: &str,
    id: u64,
    more: [(&'static str, Value); N],
) -> EndpointDescription {
    let mut properties = Properties::from([
        ("endpoint.id", Value::from(format!("endpoint-{id}"))),
        ("objectClass", Value::from(["org.example.Greeter"])),
        ("endpoint.framework.uuid", Value::from("other")),
        ("service.imported.configs", Value::from("ecf.xmlrpc.server")),
        ("ecf.endpoint.id", Value::from(container)),
        ("ecf.endpoint.id.ns", Value::from(NAMESPACE)),
        ("ecf.rsvc.id", Value::Long(i64::try_from(id).unwrap())),
    ]);
    for (key, value) in more {
        properties.insert(key, value);
    }
    EndpointDescription::new(properties).unwrap()
}

fn dispatchers() -> Vec<Arc<dyn Dispatch>> {
    let greeter: Arc<dyn Greeter> = Arc::new(English);
    vec![<dyn Greeter as Service>::dispatcher(greeter).unwrap()]
}

async fn export_container<const N: usize>(
    framework: &Framework,
    properties: [(&'static str, Value); N],
) -> Arc<dyn ExportContainer> {
    let provider = framework
        .context()
        .service::<dyn ExportProvider>(None)
        .unwrap();
    let properties = Properties::from(properties);
    soon(provider.container("ecf.xmlrpc.server", &[], &properties))
        .await
        .unwrap()
}

async fn import(
    framework: &Framework,
    endpoint: &EndpointDescription,
) -> (Arc<dyn ImportContainer>, Arc<dyn Greeter>) {
    let provider = framework
        .context()
        .service::<dyn ImportProvider>(None)
        .unwrap();
    let container = soon(provider.container(endpoint)).await.unwrap();
    let caller = soon(container.import(endpoint)).await.unwrap();
    (
        container,
        <dyn Greeter as Service>::from_caller(caller).unwrap(),
    )
}

#[tokio::test]
async fn an_exported_service_is_called_through_an_imported_one() {
    let framework = framework(Some(Properties::new()), Properties::new()).await;
    let container = export_container(&framework, []).await;
    let url = format!("http://127.0.0.1:{}/xml-rpc", port(&framework));
    assert_eq!(container.id().id, url);
    assert_eq!(container.id().namespace, NAMESPACE);
    assert_eq!(container.configuration(), "ecf.xmlrpc.server");
    let endpoint = endpoint(&url, 7, []);
    container.export(&endpoint, dispatchers()).await.unwrap();

    let (importing, greeter) = import(&framework, &endpoint).await;
    let answer = soon(greeter.say_hello("Ferlix", 3)).await.unwrap();
    assert_eq!(answer, "hello Ferlix, 3 times");

    container.unexport(&endpoint).await.unwrap();
    let error = soon(greeter.say_hello("Ferlix", 3)).await.unwrap_err();
    let unknown = "Unknown service with rs_id=7 for method call=sayHello";
    assert_eq!(error.to_string(), unknown);
    importing.release(&endpoint).await;
    let error = soon(greeter.say_hello("Ferlix", 3)).await.unwrap_err();
    assert!(matches!(error, CallError::Gone { .. }), "{error:?}");
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn containers_are_components_that_are_seen() {
    let framework = framework(Some(Properties::new()), Properties::new()).await;
    let context = framework.context();
    let url = export_container(&framework, []).await.id().id;
    let again = export_container(&framework, []).await.id().id;
    assert_eq!(url, again);
    assert_eq!(state(&framework, &url), Some(ComponentState::Valid));
    let shown = context.services::<dyn ExportContainer>(None);
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].id().id, url);
    // What is exported through the service that is seen is served as well.
    let endpoint = endpoint(&url, 9, []);
    shown[0].export(&endpoint, dispatchers()).await.unwrap();
    let (importing, greeter) = import(&framework, &endpoint).await;
    soon(greeter.say_hello("you", 1)).await.unwrap();
    assert_eq!(
        state(&framework, &importing.id().id),
        Some(ComponentState::Valid)
    );
    assert_eq!(context.services::<dyn ImportContainer>(None).len(), 1);
    shown[0].unexport(&endpoint).await.unwrap();
    soon(greeter.say_hello("you", 1)).await.unwrap_err();

    let specifications = |reference: &ServiceRef| {
        let names = reference.specifications().iter();
        names.map(ToString::to_string).collect::<Vec<_>>()
    };
    for (specification, configuration) in [
        ("ferlix.rsa.exportdistributionprovider", "ecf.xmlrpc.server"),
        ("ferlix.rsa.importdistributionprovider", "ecf.xmlrpc.client"),
    ] {
        let filter = Filter::parse(&format!("(config_name={configuration})")).unwrap();
        let reference = context.reference(specification, Some(&filter)).unwrap();
        assert_eq!(specifications(&reference), [specification]);
    }
    drop(shown);
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn everything_follows_the_http_service() {
    let framework = framework(None, Properties::new()).await;
    assert_eq!(state(&framework, EXPORTER), Some(ComponentState::Invalid));
    assert_eq!(state(&framework, IMPORTER), Some(ComponentState::Valid));
    make_http(&framework, Properties::new()).await;
    framework.settle().await;
    assert_eq!(state(&framework, EXPORTER), Some(ComponentState::Valid));
    let first = export_container(&framework, []).await.id().id;

    framework.components().kill("http").await.unwrap();
    framework.settle().await;
    assert_eq!(state(&framework, EXPORTER), Some(ComponentState::Invalid));
    assert_eq!(
        state(&framework, &first),
        None,
        "the address is nobody's now"
    );
    assert!(
        framework
            .context()
            .service::<dyn ExportContainer>(None)
            .is_none()
    );

    make_http(&framework, Properties::new()).await;
    framework.settle().await;
    let second = export_container(&framework, []).await;
    let endpoint = endpoint(&second.id().id, 1, []);
    second.export(&endpoint, dispatchers()).await.unwrap();
    let (_, greeter) = import(&framework, &endpoint).await;
    soon(greeter.say_hello("you", 1)).await.unwrap();
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_may_have_an_address_of_its_own() {
    let framework = framework(Some(Properties::new()), Properties::new()).await;
    let common = export_container(&framework, []).await;
    let own = [("ecf.xmlrpc.server.hostname", Value::from("localhost"))];
    let own = export_container(&framework, own).await;
    let port = port(&framework);
    assert_eq!(own.id().id, format!("http://localhost:{port}/xml-rpc"));
    let one = endpoint(&common.id().id, 1, []);
    let two = endpoint(&own.id().id, 2, []);
    common.export(&one, dispatchers()).await.unwrap();
    own.export(&two, dispatchers()).await.unwrap();
    for endpoint in [&one, &two] {
        let (_, greeter) = import(&framework, endpoint).await;
        soon(greeter.say_hello("you", 1)).await.unwrap();
    }
    for container in [common, own] {
        let state = state(&framework, &container.id().id);
        assert_eq!(state, Some(ComponentState::Valid));
    }
    // As behind a relay: peers are told what they see.
    let relay = [
        ("ecf.xmlrpc.server.hostname", Value::from("::1")),
        ("ecf.xmlrpc.server.port", Value::from("80")),
    ];
    let relayed = export_container(&framework, relay).await;
    assert_eq!(relayed.id().id, "http://[::1]:80/xml-rpc");
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn the_configuration_says_what_peers_are_told() {
    let more = Properties::from([
        ("ecf.xmlrpc.server.path", Value::from("/rpc/")),
        ("ecf.xmlrpc.server.hostname", Value::from("example.org")),
        ("ecf.xmlrpc.server.port", Value::from(8181)),
    ]);
    let framework = framework(Some(Properties::new()), more).await;
    let id = export_container(&framework, []).await.id().id;
    assert_eq!(id, "http://example.org:8181/rpc");
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn every_address_is_advertised_as_the_one_that_leads_to_etcd() {
    let everywhere = || Some(Properties::from([("ferlix.http.address", "0.0.0.0")]));
    let near = Properties::from([("etcd.endpoints", "127.0.0.1:2379")]);
    for more in [near, Properties::new()] {
        let framework = framework(everywhere(), more).await;
        let id = export_container(&framework, []).await.id().id;
        let port = port(&framework);
        assert_eq!(id, format!("http://127.0.0.1:{port}/xml-rpc"));
        framework.stop().await.unwrap();
    }
}

#[tokio::test]
async fn deadlines_come_from_the_endpoint_and_follow_it() {
    let framework = framework(Some(Properties::new()), Properties::new()).await;
    let container = export_container(&framework, []).await;
    let url = container.id().id;
    let timeout = |value: Value| [("osgi.basic.timeout", value)];
    let slow = endpoint(&url, 1, timeout("60000".into()));
    let fast = endpoint(&url, 1, timeout(Value::Long(40)));
    container.export(&slow, dispatchers()).await.unwrap();
    let (importing, greeter) = import(&framework, &slow).await;

    // The exporter's end: the caller would wait a minute.
    container.update(&fast).await.unwrap();
    match soon(greeter.never()).await.unwrap_err() {
        CallError::Fault { kind, .. } => assert_eq!(kind.as_deref(), Some("TimeoutError")),
        other => panic!("{other:?}"),
    }
    // The importer's end: the exporter would let it run for a minute.
    container.update(&slow).await.unwrap();
    importing.update(&fast).await.unwrap();
    let error = soon(greeter.never()).await.unwrap_err();
    let of_caller = matches!(&error, CallError::Timeout { after, .. } if after.as_millis() == 40);
    let of_server =
        matches!(&error, CallError::Fault { kind, .. } if kind.as_deref() == Some("TimeoutError"));
    assert!(of_caller || of_server, "{error:?}");

    let elsewhere = endpoint("http://127.0.0.1:1/xml-rpc", 1, []);
    assert!(importing.update(&elsewhere).await.is_err());
    let unknown = endpoint(&url, 99, []);
    assert!(importing.update(&unknown).await.is_err());
    assert!(container.update(&unknown).await.is_err());
    framework.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_served_or_called_is_said() {
    let framework = framework(Some(Properties::new()), Properties::new()).await;
    let container = export_container(&framework, []).await;
    let nothing = endpoint(&container.id().id, 1, []);
    let error = container.export(&nothing, vec![]).await.unwrap_err();
    assert!(error.to_string().contains("#[remote_service]"), "{error}");

    let provider = framework
        .context()
        .service::<dyn ExportProvider>(None)
        .unwrap();
    assert_eq!(provider.configurations(), ["ecf.xmlrpc.server"]);
    assert_eq!(provider.intents(), ["osgi.basic", "osgi.async"]);
    assert_eq!(
        provider.conditional_intents(),
        ["osgi.basic.timeout", "osgi.confidential", "osgi.private"]
    );
    for key in ["remote.configs.supported", "remote.intents.supported"] {
        let registered = provider.reference().properties();
        assert!(!registered.texts(key).is_empty(), "{key}");
    }
    for (key, value) in [
        ("ecf.xmlrpc.server.port", Value::from("many")),
        ("ecf.xmlrpc.server.port", Value::from(65_536)),
        ("ecf.xmlrpc.server.hostname", Value::from("a/b")),
        ("ecf.xmlrpc.server.hostname", Value::from(5)),
    ] {
        let properties = Properties::from([(key, value)]);
        let refused = provider
            .container("ecf.xmlrpc.server", &[], &properties)
            .await;
        let error = refused.err().unwrap().to_string();
        assert!(error.contains(key), "{error}");
    }
    let none = Properties::new();
    let other = provider.container("ecf.generic.server", &[], &none);
    assert!(other.await.is_err());
    drop(provider);

    let provider = framework
        .context()
        .service::<dyn ImportProvider>(None)
        .unwrap();
    assert_eq!(provider.name(), "ecf.xmlrpc.client");
    for (endpoint, said) in [
        (
            endpoint("ecftcp://h:1/server", 1, []),
            "only http and https",
        ),
        (
            endpoint("https://h/xml-rpc", 1, []),
            "ecf.xmlrpc.client.tls.ca_file",
        ),
        (
            endpoint("http://h/", 1, [("ecf.endpoint.id.ns", "other".into())]),
            "name space other",
        ),
        (
            endpoint(
                "http://h/",
                1,
                [("service.intents", "osgi.confidential".into())],
            ),
            "osgi.confidential and is called by plain HTTP",
        ),
    ] {
        let container = soon(provider.container(&endpoint)).await.unwrap();
        let error = container.import(&endpoint).await.err().unwrap().to_string();
        assert!(error.contains(said), "{error}");
    }
    drop(provider);
    framework.stop().await.unwrap();
}

/// Why the provider exports no service with an intent; empty when it does.
async fn refusal(framework: &Framework, intent: &str, properties: Properties) -> String {
    let provider = framework
        .context()
        .service::<dyn ExportProvider>(None)
        .unwrap();
    let intents = [intent.to_owned()];
    let container = soon(provider.container("ecf.xmlrpc.server", &intents, &properties)).await;
    container
        .err()
        .map_or_else(String::new, |error| error.to_string())
}

#[tokio::test]
async fn confidential_services_need_https_and_private_ones_a_private_address() {
    let none = Properties::new;
    let plain = framework(Some(none()), none()).await;
    for intent in [
        "osgi.basic",
        "osgi.async",
        "osgi.basic.timeout",
        "osgi.private",
    ] {
        assert_eq!(refusal(&plain, intent, none()).await, "");
    }
    for intent in ["osgi.confidential", "osgi.confidential.message"] {
        let said = refusal(&plain, intent, none()).await;
        assert!(
            said.starts_with("osgi.confidential is not met: the HTTP service speaks plain HTTP"),
            "{said}"
        );
    }
    for (host, said) in [
        ("example.org", "peers are told the host example.org"),
        ("8.8.8.8", "peers are told the host 8.8.8.8"),
        ("192.168.1.5", ""),
        ("LocalHost", ""),
        ("[fd00::1]", ""),
    ] {
        let own = Properties::from([("ecf.xmlrpc.server.hostname", host)]);
        let refused = refusal(&plain, "osgi.private", own).await;
        assert!(
            refused.contains(said) && refused.is_empty() == said.is_empty(),
            "{host}: {refused}"
        );
    }
    plain.stop().await.unwrap();

    let everywhere = Properties::from([("ferlix.http.address", "0.0.0.0")]);
    let everywhere = framework(Some(everywhere), none()).await;
    let said = refusal(&everywhere, "osgi.private", none()).await;
    assert!(
        said.contains("the HTTP service listens on 0.0.0.0"),
        "{said}"
    );
    everywhere.stop().await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |name: &str, text: String| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        Value::from(file.to_str().unwrap())
    };
    let https = Properties::from([
        (
            "ferlix.https.cert_file",
            file("cert.pem", certified.cert.pem()),
        ),
        (
            "ferlix.https.key_file",
            file("key.pem", certified.signing_key.serialize_pem()),
        ),
    ]);
    let secure = framework(Some(https), none()).await;
    for intent in ["osgi.confidential", "osgi.confidential.message"] {
        assert_eq!(refusal(&secure, intent, none()).await, "");
    }
    secure.stop().await.unwrap();
}

#[tokio::test]
async fn a_wrong_configuration_is_said_where_it_is_looked_for() {
    for (key, value, instance, said) in [
        (
            "ecf.xmlrpc.server.timeout",
            Value::from("soon"),
            EXPORTER,
            "expected seconds",
        ),
        (
            "ecf.xmlrpc.server.port",
            Value::from("x"),
            EXPORTER,
            "expected a port",
        ),
        (
            "ecf.xmlrpc.server.path",
            Value::from("/a b"),
            EXPORTER,
            "as it stands in a URL",
        ),
        (
            "ecf.xmlrpc.client.timeout",
            Value::from(0),
            IMPORTER,
            "expected seconds",
        ),
        (
            "ecf.xmlrpc.client.tls.ca_file",
            Value::from("/does/not/exist.pem"),
            IMPORTER,
            "/does/not/exist.pem",
        ),
        (
            "ecf.xmlrpc.client.tls.cert_file",
            Value::from("/a.pem"),
            IMPORTER,
            "or neither",
        ),
    ] {
        let more = Properties::from([(key, value)]);
        let framework = framework(Some(Properties::new()), more).await;
        let details = framework.components().instance(instance).unwrap();
        assert_eq!(details.state, ComponentState::Erroneous, "{key}");
        let cause = details.cause.unwrap();
        let text = ferlix_core::error_chain(&*cause);
        assert!(text.contains(said), "{text}");
        framework.stop().await.unwrap();
    }
}

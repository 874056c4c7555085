//! A distribution and a discovery without a network: what they are asked to do is written to a log.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRegistration;
use ferlix_core::service::{Argument, CallError, Caller, Dispatch, Reply};
use ferlix_core::{remote_service, service, service_impl};
use ferlix_remote::admin::{
    RemoteServiceAdmin, RemoteServiceAdminEvent, RemoteServiceAdminListener,
};
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::{
    BoxError, ContainerId, EndpointAdvertiser, EndpointDirectory, EndpointFailure, ExportContainer,
    ExportProvider, ImportContainer, ImportProvider,
};
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

/// What is exported and called in the tests.
#[remote_service("org.example.IHello", version = "1.1.0")]
pub(crate) trait Hello: Send + Sync {
    async fn say_hello(&self, from: &str) -> Result<String, CallError>;
}

/// A second remote interface.
#[remote_service("org.example.other.IOther")]
pub(crate) trait Other: Send + Sync {
    async fn other(&self) -> Result<i32, CallError>;
}

/// An interface that no other process can call.
#[service("org.example.Local")]
pub(crate) trait Local: Send + Sync {}

#[derive(Debug)]
pub(crate) struct HelloImpl;

#[service_impl]
impl Hello for HelloImpl {
    async fn say_hello(&self, from: &str) -> Result<String, CallError> {
        if from.is_empty() {
            return Err(CallError::fault("nobody to greet"));
        }
        Ok(format!("Howdy {from}"))
    }
}

#[service_impl]
impl Other for HelloImpl {
    async fn other(&self) -> Result<i32, CallError> {
        Ok(7)
    }
}

#[service_impl]
impl Local for HelloImpl {}

/// Lines in the order in which things happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

type Served = HashMap<(String, u64), Vec<Arc<dyn Dispatch>>>;

/// What stands in for a network: who serves what.
#[derive(Clone, Default)]
pub(crate) struct Network {
    served: Arc<Mutex<Served>>,
    pub(crate) log: Log,
    cut: Arc<AtomicBool>,
    answers_probes: Arc<AtomicBool>,
    probes: Arc<AtomicUsize>,
}

impl Network {
    /// Lets no call through any more, or all again.
    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    /// Lets probes through though it is cut.
    pub(crate) fn answer_probes(&self, answer: bool) {
        self.answers_probes.store(answer, Ordering::SeqCst);
    }

    /// How many probes there were.
    pub(crate) fn probes(&self) -> usize {
        self.probes.load(Ordering::SeqCst)
    }

    fn check(&self) -> Result<(), CallError> {
        if self.cut.load(Ordering::SeqCst) {
            return Err(CallError::Unreachable {
                peer: "the test".into(),
                source: "it is cut off".into(),
            });
        }
        Ok(())
    }
}

/// A distribution of one configuration type, `<name>.server`, with one container.
#[derive(Clone)]
pub(crate) struct Distribution {
    pub(crate) network: Network,
    pub(crate) name: String,
    pub(crate) intents: Vec<String>,
    /// Those that it meets for some.
    pub(crate) conditional: Vec<String>,
    pub(crate) fail: Arc<AtomicBool>,
    /// Fails only to follow an update of an endpoint.
    pub(crate) rigid: Arc<AtomicBool>,
    /// While set, exports and imports wait for `go`.
    pub(crate) slow: Arc<AtomicBool>,
    pub(crate) go: Arc<Notify>,
    /// What reports the failure of an endpoint, by its remote service.
    pub(crate) failures: Arc<Mutex<HashMap<u64, EndpointFailure>>>,
}

impl Distribution {
    pub(crate) fn new(network: &Network, name: &str) -> Self {
        Self {
            network: network.clone(),
            name: name.to_owned(),
            intents: vec!["osgi.basic".to_owned(), "osgi.async".to_owned()],
            conditional: Vec::new(),
            fail: Arc::default(),
            rigid: Arc::default(),
            slow: Arc::default(),
            go: Arc::default(),
            failures: Arc::default(),
        }
    }

    /// Reports that an endpoint failed.
    pub(crate) fn report(&self, remote_service: u64, error: &str) {
        let failure = self.failures.lock().unwrap()[&remote_service].clone();
        failure.report(error);
    }

    fn keep(&self, endpoint: &EndpointDescription, failure: EndpointFailure) {
        let mut failures = self.failures.lock().unwrap();
        failures.insert(endpoint.remote_service_id(), failure);
    }

    pub(crate) fn register_exporter(&self, context: &BundleContext) -> ServiceRegistration {
        context
            .register::<dyn ExportProvider>(Arc::new(self.clone()), Properties::new())
            .unwrap()
    }

    pub(crate) fn register_importer(&self, context: &BundleContext) -> ServiceRegistration {
        context
            .register::<dyn ImportProvider>(Arc::new(self.clone()), Properties::new())
            .unwrap()
    }

    fn server(&self) -> String {
        format!("{}.server", self.name)
    }

    async fn step(&self, what: &str, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        self.network
            .log
            .add(format!("{what} {}", endpoint.remote_service_id()));
        if self.slow.load(Ordering::SeqCst) {
            self.go.notified().await;
        }
        if self.fail.load(Ordering::SeqCst) {
            return Err("it is broken".into());
        }
        Ok(())
    }
}

#[async_trait]
impl ExportProvider for Distribution {
    fn name(&self) -> &str {
        &self.name
    }

    fn configurations(&self) -> Vec<String> {
        vec![self.server()]
    }

    fn intents(&self) -> Vec<String> {
        self.intents.clone()
    }

    fn conditional_intents(&self) -> Vec<String> {
        self.conditional.clone()
    }

    async fn container(
        &self,
        _: &str,
        _: &[String],
        properties: &Properties,
    ) -> Result<Arc<dyn ExportContainer>, BoxError> {
        let host = properties
            .text(&format!("{}.host", self.server()))
            .unwrap_or("here");
        Ok(Arc::new(Container {
            distribution: self.clone(),
            id: format!("{}://{host}", self.name),
        }))
    }

    fn class(&self) -> &'static str {
        "Distribution"
    }
}

#[derive(Clone)]
pub(crate) struct Container {
    pub(crate) distribution: Distribution,
    pub(crate) id: String,
}

#[async_trait]
impl ExportContainer for Container {
    fn id(&self) -> ContainerId {
        ContainerId::new("test.namespace", self.id.as_str())
    }

    fn configuration(&self) -> &str {
        &self.distribution.name
    }

    async fn export(
        &self,
        endpoint: &EndpointDescription,
        interfaces: Vec<Arc<dyn Dispatch>>,
    ) -> Result<(), BoxError> {
        self.distribution.step("export", endpoint).await?;
        let key = (self.id.clone(), endpoint.remote_service_id());
        self.distribution
            .network
            .served
            .lock()
            .unwrap()
            .insert(key, interfaces);
        Ok(())
    }

    fn on_failure(&self, endpoint: &EndpointDescription, failure: EndpointFailure) {
        self.distribution.keep(endpoint, failure);
    }

    async fn update(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        self.distribution.step("update", endpoint).await
    }

    async fn unexport(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        let key = (self.id.clone(), endpoint.remote_service_id());
        self.distribution
            .network
            .served
            .lock()
            .unwrap()
            .remove(&key);
        self.distribution.step("unexport", endpoint).await
    }

    fn class(&self) -> &'static str {
        "Container"
    }
}

#[async_trait]
impl ImportProvider for Distribution {
    fn name(&self) -> &str {
        &self.name
    }

    fn configurations(&self) -> Vec<String> {
        vec![self.server()]
    }

    fn intents(&self) -> Vec<String> {
        self.intents.clone()
    }

    fn conditional_intents(&self) -> Vec<String> {
        self.conditional.clone()
    }

    async fn container(
        &self,
        _: &EndpointDescription,
    ) -> Result<Arc<dyn ImportContainer>, BoxError> {
        Ok(Arc::new(Container {
            distribution: self.clone(),
            id: "client".to_owned(),
        }))
    }

    fn class(&self) -> &'static str {
        "Distribution"
    }
}

#[async_trait]
impl ImportContainer for Container {
    fn id(&self) -> ContainerId {
        ContainerId::new("test.namespace", self.id.as_str())
    }

    fn configuration(&self) -> &str {
        &self.distribution.name
    }

    async fn import(&self, endpoint: &EndpointDescription) -> Result<Arc<dyn Caller>, BoxError> {
        self.distribution.step("import", endpoint).await?;
        Ok(Arc::new(Client {
            network: self.distribution.network.clone(),
            key: (
                endpoint.container_id().to_owned(),
                endpoint.remote_service_id(),
            ),
        }))
    }

    fn on_failure(&self, endpoint: &EndpointDescription, failure: EndpointFailure) {
        self.distribution.keep(endpoint, failure);
    }

    async fn update(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        if self.distribution.rigid.load(Ordering::SeqCst) {
            return Err("it cannot follow".into());
        }
        self.distribution.step("follow", endpoint).await
    }

    async fn release(&self, endpoint: &EndpointDescription) {
        let _ = self.distribution.step("release", endpoint).await;
    }

    fn class(&self) -> &'static str {
        "Container"
    }
}

/// Calls what is served in the same process.
struct Client {
    network: Network,
    key: (String, u64),
}

impl Caller for Client {
    fn call<'a>(
        &'a self,
        method: &'a str,
        arguments: &'a [Argument<'a>],
        mut reply: Reply<'a>,
    ) -> BoxFuture<'a, Result<(), CallError>> {
        let served = self.network.served.lock().unwrap().get(&self.key).cloned();
        let network = self.network.clone();
        Box::pin(async move {
            network.check()?;
            for dispatch in served.unwrap_or_default() {
                let values = arguments.iter().map(|argument| argument.to_value(method));
                let values = values.collect::<Result<_, _>>()?;
                match dispatch.dispatch_values(method, values).await {
                    Err(CallError::UnknownMethod { .. }) => {}
                    answer => {
                        reply.value(answer?);
                        return Ok(());
                    }
                }
            }
            Err(CallError::Unreachable {
                peer: "the test".into(),
                source: "nothing is served".into(),
            })
        })
    }

    fn probe(&self) -> BoxFuture<'static, Result<(), CallError>> {
        self.network.probes.fetch_add(1, Ordering::SeqCst);
        let reached = match self.network.answers_probes.load(Ordering::SeqCst) {
            true => Ok(()),
            false => self.network.check(),
        };
        Box::pin(async move { reached })
    }
}

/// A discovery: what is advertised can be seen by directories under the endpoint's identity.
#[derive(Clone, Default)]
pub(crate) struct Discovery {
    pub(crate) log: Log,
    pub(crate) advertised: Arc<Mutex<HashMap<String, EndpointDescription>>>,
    pub(crate) watchers: Arc<Mutex<Vec<EndpointDirectory>>>,
}

impl Discovery {
    pub(crate) fn register(&self, context: &BundleContext) -> ServiceRegistration {
        context
            .register::<dyn EndpointAdvertiser>(Arc::new(self.clone()), Properties::new())
            .unwrap()
    }

    pub(crate) fn endpoints(&self) -> Vec<EndpointDescription> {
        self.advertised.lock().unwrap().values().cloned().collect()
    }

    fn put(&self, endpoint: &EndpointDescription) {
        self.advertised
            .lock()
            .unwrap()
            .insert(endpoint.id().to_owned(), endpoint.clone());
        for watcher in &*self.watchers.lock().unwrap() {
            watcher.put(endpoint.id(), endpoint.clone());
        }
    }
}

#[async_trait]
impl EndpointAdvertiser for Discovery {
    async fn advertise(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        self.log
            .add(format!("advertise {}", endpoint.remote_service_id()));
        self.put(endpoint);
        Ok(())
    }

    async fn update(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        self.log
            .add(format!("readvertise {}", endpoint.remote_service_id()));
        self.put(endpoint);
        Ok(())
    }

    async fn unadvertise(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        self.log
            .add(format!("unadvertise {}", endpoint.remote_service_id()));
        self.advertised.lock().unwrap().remove(endpoint.id());
        for watcher in &*self.watchers.lock().unwrap() {
            watcher.remove(endpoint.id());
        }
        Ok(())
    }
}

/// Writes the events of the admin to the log.
pub(crate) struct EventLog(pub(crate) Log);

impl RemoteServiceAdminListener for EventLog {
    fn remote_admin_event(&self, event: &RemoteServiceAdminEvent) {
        self.0.add(event.kind.to_string());
    }
}

/// Waits until a condition holds, at most ten seconds.
pub(crate) async fn wait_for(condition: impl Fn() -> bool) {
    let held = tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    held.await.expect("the condition holds in time");
}

/// A framework with the Remote Service Admin.
pub(crate) async fn framework() -> Framework {
    Framework::builder()
        .install(&ferlix_remote::admin::BUNDLE)
        .start()
        .await
        .unwrap()
}

/// The admin, held by the bundle until it stops: what it exports and imports by it stays.
pub(crate) fn admin(context: &BundleContext) -> Arc<dyn RemoteServiceAdmin> {
    let guard = context.service::<dyn RemoteServiceAdmin>(None).unwrap();
    let admin = Arc::clone(&guard);
    std::mem::forget(guard);
    admin
}

/// The properties of a service that asks to be exported.
pub(crate) fn exported() -> Properties {
    Properties::from([("service.exported.interfaces", "*")])
}

pub(crate) fn register_hello(
    context: &BundleContext,
    properties: Properties,
) -> ServiceRegistration {
    context
        .register::<dyn Hello>(Arc::new(HelloImpl), properties)
        .unwrap()
}

/// A description that the distribution `name` can import.
pub(crate) fn endpoint(id: &str, name: &str, more: &[(&str, Value)]) -> EndpointDescription {
    let mut properties = Properties::from([
        ("endpoint.id", Value::from(id)),
        ("objectClass", Value::from(["org.example.IHello"])),
        (
            "service.imported.configs",
            Value::from([format!("{name}.server")]),
        ),
        ("endpoint.framework.uuid", Value::from("elsewhere")),
        ("endpoint.service.id", Value::Long(9)),
        ("ecf.rsvc.id", Value::Long(5)),
        ("ecf.endpoint.id", Value::from("x://there")),
        ("ecf.endpoint.id.ns", Value::from("test.namespace")),
        ("ecf.endpoint.ts", Value::Long(1)),
    ]);
    properties.extend(more.iter().map(|(key, value)| (*key, value.clone())));
    EndpointDescription::new(properties).unwrap()
}

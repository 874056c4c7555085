//! A framework with the provider and a listener, and what tests ask of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ferlix_core::command::{Arguments, CommandProvider, Session};
use ferlix_core::component::ComponentState;
use ferlix_core::framework::Framework;
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceGuard;
use ferlix_discovery_etcd::{BUNDLE, DiscoveryStatus, EtcdStatus, INSTANCE, instantiate, settings};
use ferlix_etcd::embedded::EmbeddedEtcd;
use ferlix_etcd::{Client, EtcdConfig};
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::{
    DiscoveredEndpoint, DiscoveredEndpoints, EndpointAdvertiser, EndpointEvent,
    EndpointEventListener, SCOPE,
};
use tokio::sync::{Notify, mpsc};

/// The top key of the tests.
pub(crate) const TOP: &str = "top";

/// No test waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for something that must happen.
pub(crate) async fn within<F: Future>(wanted: F) -> F::Output {
    tokio::time::timeout(DEADLINE, wanted)
        .await
        .expect("in time")
}

pub(crate) async fn etcd() -> EmbeddedEtcd {
    EmbeddedEtcd::bind(([127, 0, 0, 1], 0).into())
        .await
        .unwrap()
}

/// An etcd at the address of one that is gone.
pub(crate) async fn bound_again(address: SocketAddr) -> EmbeddedEtcd {
    within(async {
        loop {
            match EmbeddedEtcd::bind(address).await {
                Ok(etcd) => return etcd,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await
}

/// Somebody else at an etcd.
pub(crate) async fn stranger(etcd: &EmbeddedEtcd) -> Client {
    let config = EtcdConfig::new([etcd.local_addr().to_string()]);
    Client::connect(config).await.unwrap()
}

/// An endpoint of an XML-RPC exporter.
pub(crate) fn endpoint(id: &str, content: &str) -> EndpointDescription {
    EndpointDescription::new(Properties::from([
        ("endpoint.id", Value::from(id)),
        ("endpoint.framework.uuid", "f".into()),
        ("endpoint.service.id", 5_i64.into()),
        ("objectClass", Value::from(["org.example.Hello"])),
        (
            "service.imported.configs",
            Value::from(["ecf.xmlrpc.server"]),
        ),
        (
            "remote.configs.supported",
            Value::from(["ecf.xmlrpc.server"]),
        ),
        ("remote.intents.supported", Value::from(["osgi.basic"])),
        ("ecf.rsvc.id", 1_i64.into()),
        ("ecf.endpoint.id", "http://127.0.0.1:8181/xml-rpc".into()),
        ("ecf.endpoint.id.ns", "ecf.namespace.xmlrpc".into()),
        ("content", content.into()),
        ("number", 5.into()),
    ]))
    .unwrap()
}

/// One framework.
pub(crate) struct Node {
    pub(crate) framework: Framework,
    events: mpsc::UnboundedReceiver<EndpointEvent>,
}

struct Listener(mpsc::UnboundedSender<EndpointEvent>);

#[async_trait]
impl EndpointEventListener for Listener {
    async fn endpoint_changed(&self, event: EndpointEvent) {
        // The test may be over.
        let _ = self.0.send(event);
    }
}

/// Takes the first event and never returns.
struct Stuck(Arc<Notify>);

#[async_trait]
impl EndpointEventListener for Stuck {
    async fn endpoint_changed(&self, _: EndpointEvent) {
        self.0.notify_one();
        std::future::pending::<()>().await;
    }
}

impl Node {
    /// A framework with the provider, connected or about to be.
    pub(crate) async fn new(etcd: &EmbeddedEtcd) -> Self {
        Self::at(etcd.local_addr()).await
    }

    pub(crate) async fn at(etcd: SocketAddr) -> Self {
        let node = Self::prepared(etcd).await;
        instantiate(&node.framework.context(), Properties::new())
            .await
            .unwrap();
        node
    }

    pub(crate) async fn without_instance(etcd: &EmbeddedEtcd) -> Self {
        Self::prepared(etcd.local_addr()).await
    }

    async fn prepared(etcd: SocketAddr) -> Self {
        let framework = Framework::builder()
            .property(settings::PORT, etcd.port().to_string())
            .property(settings::HOSTNAME, etcd.ip().to_string())
            .property(settings::TOP_KEY, TOP)
            .install(&BUNDLE)
            .start()
            .await
            .unwrap();
        let events = listen(&framework, "(endpoint.id=*)");
        Self { framework, events }
    }

    /// One more listener with this scope.
    pub(crate) fn listen(&self, scope: &str) -> mpsc::UnboundedReceiver<EndpointEvent> {
        listen(&self.framework, scope)
    }

    /// A listener with this scope that never returns; it says when it is called.
    pub(crate) fn listen_without_end(&self, scope: &str) -> Arc<Notify> {
        let called = Arc::new(Notify::new());
        let listener: Arc<dyn EndpointEventListener> = Arc::new(Stuck(Arc::clone(&called)));
        self.framework
            .context()
            .register(listener, Properties::from([(SCOPE, scope)]))
            .unwrap();
        called
    }

    /// The next event of an endpoint.
    pub(crate) async fn event(&mut self) -> EndpointEvent {
        within(self.events.recv()).await.unwrap()
    }

    pub(crate) fn advertiser(&self) -> ServiceGuard<dyn EndpointAdvertiser> {
        self.framework
            .context()
            .service::<dyn EndpointAdvertiser>(None)
            .unwrap()
    }

    pub(crate) fn advertiser_property(&self, key: &str) -> Option<Value> {
        self.advertiser().reference().properties().get(key).cloned()
    }

    /// The session identifier of the usual instance.
    pub(crate) fn session_id(&self) -> String {
        let details = self.framework.components().instance(INSTANCE).unwrap();
        details
            .properties
            .text(settings::SESSION_ID)
            .unwrap()
            .to_owned()
    }

    /// Everything that is known.
    pub(crate) fn discovered(&self) -> Vec<DiscoveredEndpoint> {
        let context = self.framework.context();
        context
            .service::<dyn DiscoveredEndpoints>(None)
            .unwrap()
            .discovered()
    }

    /// The status of the usual instance.
    pub(crate) fn status(&self) -> DiscoveryStatus {
        let context = self.framework.context();
        let service = context.service::<dyn EtcdStatus>(None).unwrap();
        service.status().unwrap()
    }

    /// Waits until something holds.
    pub(crate) async fn wait_for(&self, condition: impl Fn(&Self) -> bool) {
        within(async {
            while !condition(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }

    pub(crate) fn state(&self) -> ComponentState {
        self.framework
            .components()
            .instance(INSTANCE)
            .unwrap()
            .state
    }

    pub(crate) fn commands(&self) -> Arc<dyn CommandProvider> {
        let context = self.framework.context();
        Arc::clone(&*context.service::<dyn CommandProvider>(None).unwrap())
    }

    /// Runs a shell command and returns what it printed.
    pub(crate) async fn run(&self, command: &str, words: &[&str]) -> String {
        let printed = Arc::new(Mutex::new(String::new()));
        let paper = Arc::clone(&printed);
        let session = Session::new(move |text| paper.lock().unwrap().push_str(text));
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let arguments = Arguments::new(words, [].into());
        self.commands()
            .run(command, &arguments, &session)
            .await
            .unwrap();
        std::mem::take(&mut printed.lock().unwrap())
    }

    pub(crate) async fn stop(self) {
        within(self.framework.stop()).await.unwrap();
    }
}

fn listen(framework: &Framework, scope: &str) -> mpsc::UnboundedReceiver<EndpointEvent> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let listener: Arc<dyn EndpointEventListener> = Arc::new(Listener(sender));
    framework
        .context()
        .register(listener, Properties::from([(SCOPE, scope)]))
        .unwrap();
    receiver
}

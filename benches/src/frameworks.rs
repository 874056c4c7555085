//! The frameworks that are measured: an exporter and a consumer of the tutorial's greeting service, made of the
//! bundles that programs use, and found by each other through an etcd.
//!
//! The service is the tutorial's but for its print of each call, which would be what is measured otherwise. The
//! consumer hands out what was injected, through a local service.

use std::net::SocketAddr;
use std::time::Instant;

use ferlix::http::HttpService;
use ferlix::prelude::*;
use ferlix::remote::admin::{ImportReference, RemoteServiceAdmin};
use ferlix_examples::hello::Hello;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::error::Error;
use crate::http_floor::{FROM, GREETING, MESSAGE};
use ferlix_tests::DEADLINE;

/// Greets, and does nothing else.
#[derive(Debug)]
pub(crate) struct Greeter;

#[service_impl]
impl Hello for Greeter {
    async fn say_hello(&self, from: &str, _message: &str) -> Result<String, CallError> {
        Ok(greeting("Sync", from))
    }

    async fn say_hello_async(&self, from: &str, _message: &str) -> Result<String, CallError> {
        Ok(greeting("Async", from))
    }

    async fn say_hello_promise(&self, from: &str, _message: &str) -> Result<String, CallError> {
        Ok(greeting("Promise", from))
    }
}

fn greeting(kind: &str, from: &str) -> String {
    format!("Rust{kind} says: Howdy {from} that's a nice runtime you got there")
}

/// Calls a greeting service once, and checks its answer.
pub(crate) async fn greet(hello: &dyn Hello) -> Result<(), Error> {
    let answer = hello.say_hello(FROM, MESSAGE).await?;
    if answer == GREETING {
        Ok(())
    } else {
        Err(Error::Answer(answer))
    }
}

/// A framework that exports what is registered in it as [`exported`] says, on a port that the system chooses.
pub(crate) async fn exporter(etcd: SocketAddr) -> Result<Framework, Error> {
    let framework = Framework::builder()
        .properties(&found_in(etcd))
        .property("ferlix.http.port", 0)
        .install(ferlix::bundles::REMOTE_ETCD_XMLRPC)
        .start()
        .await?;
    Ok(framework)
}

/// A framework that discovers what others export, and imports nothing.
pub(crate) async fn watcher(etcd: SocketAddr) -> Result<Framework, Error> {
    let framework = Framework::builder()
        .properties(&found_in(etcd))
        .install(&ferlix::discovery_etcd::BUNDLE)
        .start()
        .await?;
    ferlix::discovery_etcd::instantiate(&framework.context(), Properties::new()).await?;
    Ok(framework)
}

/// Where a framework serves HTTP.
pub(crate) fn http_address(framework: &Framework) -> Result<SocketAddr, Error> {
    let http = framework.context().service::<dyn HttpService>(None);
    http.map(|http| http.address())
        .ok_or_else(|| Error::Answer("the framework serves no HTTP".to_owned()))
}

/// The properties of a service to be exported.
pub(crate) fn exported() -> Properties {
    Properties::from([
        ("service.exported.interfaces", "*"),
        ("service.exported.configs", "ecf.xmlrpc.server"),
    ])
}

fn found_in(etcd: SocketAddr) -> Properties {
    Properties::from([
        ("etcd.hostname", Value::from(etcd.ip().to_string())),
        ("etcd.port", Value::from(etcd.port())),
    ])
}

/// What happened to the consumer's component.
pub(crate) enum Arrival {
    /// It was validated with this proxy, at this moment.
    Came(Arc<dyn Hello>, Instant),
    /// It was invalidated.
    Left,
}

/// Where the component says so.
#[service("ferlix.benches.arrivals")]
trait Arrivals: Send + Sync {
    fn tell(&self, arrival: Arrival);
}

impl Arrivals for mpsc::UnboundedSender<Arrival> {
    fn tell(&self, arrival: Arrival) {
        // The measurement may be over.
        let _ = self.send(arrival);
    }
}

/// Needs an imported greeting service.
#[component(factory = "ferlix.benches.guest-factory", instance = "guest")]
struct Guest {
    #[inject(filter = "(service.imported=*)")]
    hello: Arc<dyn Hello>,
    #[inject]
    arrivals: Arc<dyn Arrivals>,
}

#[lifecycle]
impl Guest {
    #[validate]
    fn start(&self) {
        let now = Instant::now();
        self.arrivals
            .tell(Arrival::Came(Arc::clone(&self.hello), now));
    }

    #[invalidate]
    fn stop(&self) {
        self.arrivals.tell(Arrival::Left);
    }
}

bundle!(
    GUEST = "ferlix.benches.guest",
    components = [Guest],
    activator = None
);

/// A framework that imports what others export, with a component that needs it.
pub(crate) struct Consumer {
    pub(crate) framework: Framework,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

impl Consumer {
    pub(crate) async fn start(etcd: SocketAddr) -> Result<Self, Error> {
        let framework = Framework::builder()
            .properties(&found_in(etcd))
            .install(ferlix::bundles::REMOTE_BUNDLES)
            .install(&GUEST)
            .start()
            .await?;
        let context = framework.context();
        let (sender, arrivals) = mpsc::unbounded_channel();
        context.register::<dyn Arrivals>(Arc::new(sender), Properties::new())?;
        ferlix::remote::topology::instantiate(&context, Properties::new()).await?;
        ferlix::discovery_etcd::instantiate(&context, Properties::new()).await?;
        Ok(Self {
            framework,
            arrivals,
        })
    }

    /// Waits until the component is validated.
    pub(crate) async fn came(&mut self) -> Result<(Arc<dyn Hello>, Instant), Error> {
        match self.next().await? {
            Arrival::Came(hello, at) => Ok((hello, at)),
            Arrival::Left => Err(Error::Answer("left before it came".to_owned())),
        }
    }

    /// Waits until the component is invalidated.
    pub(crate) async fn left(&mut self) -> Result<(), Error> {
        match self.next().await? {
            Arrival::Left => Ok(()),
            Arrival::Came(..) => Err(Error::Answer("came twice".to_owned())),
        }
    }

    async fn next(&mut self) -> Result<Arrival, Error> {
        match timeout(DEADLINE, self.arrivals.recv()).await {
            Ok(Some(arrival)) => Ok(arrival),
            _ => Err(Error::Answer("no service came or went".to_owned())),
        }
    }

    /// The number by which calls name the imported service.
    pub(crate) async fn remote_service_id(&self) -> Result<u64, Error> {
        // The component may have come before the import was noted.
        self.framework.settle().await;
        let admin = self
            .framework
            .context()
            .service::<dyn RemoteServiceAdmin>(None);
        let imports = admin.map(|admin| admin.imported_endpoints());
        imports
            .iter()
            .flatten()
            .find_map(ImportReference::imported_endpoint)
            .map(|endpoint| endpoint.remote_service_id())
            .ok_or_else(|| Error::Answer("nothing is imported".to_owned()))
    }
}

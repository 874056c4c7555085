//! The directory: what it takes to know many endpoints.
//!
//! - From nothing to knowing all of them, beside one bare Range and a parse of the same JSON; and until all are imported.
//! - The memory of each, in a process that does nothing else.
//! - What one event costs where few are known and where many are: through etcd, and in the directory that tells listeners.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ferlix::discovery_etcd::{self, Draft, EtcdStatus};
use ferlix::prelude::*;
use ferlix::remote::admin::RemoteServiceAdmin;
use ferlix::remote::endpoint::EndpointDescription;
use ferlix::remote::provider::{EndpointDirectory, EndpointEvent, EndpointEventListener, SCOPE};
use ferlix_etcd::{Client, EtcdConfig};
use ferlix_tests::etcd::Kind;
use ferlix_tests::{DEADLINE, EtcdServer, Program, peers};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::child::{Role, Server};
use crate::error::Error;
use crate::load::{self, Figures};
use crate::memory::resident;
use crate::micro::Comparison;
use crate::{REPETITIONS, cores, etcd_floor, table};

/// How many are many, by how many sessions.
const MANY: usize = 10_000;
const SESSIONS: usize = 500;
/// How many are few.
const FEW: usize = 100;
/// Below these top keys they lie; below the last one nothing does.
const MANY_KEY: &str = "many";
const FEW_KEY: &str = "few";
const NO_KEY: &str = "none";
/// How many events are timed in each repetition.
const ROUNDS: usize = 300;
/// What the process that is weighed says before the octets.
const WEIGHT: &str = "octets for each: ";

/// Measures and prints the tables, for a real etcd if there is one and for the embedded one.
pub(crate) fn run() -> Result<(), Error> {
    if peers::are_set_up() {
        let binary = peers::etcd_binaries().swap_remove(0);
        let etcd = EtcdServer::start(Kind::Real(binary));
        let address = (Ipv4Addr::LOCALHOST, etcd.port()).into();
        measure(address, etcd.version())?;
    } else {
        table::skipped("the directory on a real etcd");
    }
    let etcd = Server::start(Role::Etcd)?;
    measure(etcd.address, "(embedded)")
}

fn measure(etcd: SocketAddr, version: &str) -> Result<(), Error> {
    let runtime = cores::runtime()?;
    runtime.block_on(fill(etcd))?;
    cold_start(etcd, version, &runtime)?;
    weight(etcd, version)?;
    runtime.block_on(events(etcd, version))
}

/// An endpoint like the tutorial's.
fn endpoint(number: usize) -> Result<EndpointDescription, Error> {
    let id = format!("3b395a20-4f6c-4a55-8f3a-{number:012}");
    let properties = Properties::from([
        ("endpoint.id", Value::from(id)),
        (
            "endpoint.framework.uuid",
            "422d15ab-4f6c-4a55-8f3a-000000000000".into(),
        ),
        ("endpoint.service.id", 25_i64.into()),
        (
            "objectClass",
            Value::from(["org.eclipse.ecf.examples.hello.IHello"]),
        ),
        (
            "endpoint.package.version.org.eclipse.ecf.examples.hello",
            "1.1.0".into(),
        ),
        (
            "service.imported.configs",
            Value::from(["ecf.xmlrpc.server"]),
        ),
        (
            "remote.configs.supported",
            Value::from(["ecf.xmlrpc.server"]),
        ),
        (
            "remote.intents.supported",
            Value::from(["osgi.basic", "osgi.async"]),
        ),
        ("ecf.rsvc.id", 1_i64.into()),
        ("ecf.endpoint.id", "http://127.0.0.1:8181/xml-rpc".into()),
        ("ecf.endpoint.id.ns", "ecf.namespace.xmlrpc".into()),
        ("osgi.basic.timeout", 60_000.into()),
    ]);
    EndpointDescription::new(properties).map_err(|error| Error::Answer(error.to_string()))
}

/// The key and the value of a record.
fn record(top_key: &str, number: usize) -> Result<(String, Vec<u8>), Error> {
    let endpoint = endpoint(number)?;
    let key = format!(
        "{top_key}/5d7f7a3e-4f6c-4a55-8f3a-{:012}/{}",
        number % SESSIONS,
        endpoint.id()
    );
    Ok((key, Draft::new(&endpoint)?.write("127.0.0.1", 1)))
}

async fn client(etcd: SocketAddr) -> Result<Client, Error> {
    Ok(Client::connect(EtcdConfig::new([etcd.to_string()])).await?)
}

async fn fill(etcd: SocketAddr) -> Result<(), Error> {
    let client = client(etcd).await?;
    for (top_key, count) in [(MANY_KEY, MANY), (FEW_KEY, FEW)] {
        let mut writes = JoinSet::new();
        for number in 0..count {
            let (key, value) = record(top_key, number)?;
            let client = client.clone();
            writes.spawn(async move { client.put(key.as_bytes(), value.into(), 0).await });
            if writes.len() >= 64
                && let Some(done) = writes.join_next().await
            {
                done.map_err(|_| Error::Task)??;
            }
        }
        while let Some(done) = writes.join_next().await {
            done.map_err(|_| Error::Task)??;
        }
    }
    Ok(())
}

fn cold_start(
    etcd: SocketAddr,
    version: &str,
    runtime: &tokio::runtime::Runtime,
) -> Result<(), Error> {
    let (mut floors, mut known, mut imported) = (Vec::new(), Vec::new(), Vec::new());
    runtime.block_on(async {
        for _ in 0..REPETITIONS {
            let begin = Instant::now();
            let count = etcd_floor::read_and_parse(etcd.port(), MANY_KEY).await?;
            floors.push(begin.elapsed().as_secs_f64() * 1e3);
            if count != MANY {
                return Err(Error::Answer(format!("{count} records")));
            }
            known.push(until_known(etcd).await?.as_secs_f64() * 1e3);
            imported.push(until_imported(etcd).await?.as_secs_f64() * 1e3);
        }
        Ok::<_, Error>(())
    })?;
    let row = |words: &str, of: &[f64]| {
        let compared = Comparison::of(&floors, of);
        vec![
            words.to_owned(),
            format!("{:.1}", compared.subject),
            format!("{:.2}", compared.ratio),
        ]
    };
    table::print(
        &format!(
            "From nothing to {} endpoints of {SESSIONS} sessions in etcd {version}",
            table::thousands(MANY as f64)
        ),
        &["", "ms", "of floor"],
        &[
            row(
                "floor: a bare Range, and its values parsed as JSON",
                &floors,
            ),
            row("until the directory is exact (goal: at most 2)", &known),
            row("until all are imported", &imported),
        ],
    );
    Ok(())
}

/// A framework with the bundles of remote services, and what tells the discovery where etcd is.
async fn prepared(etcd: SocketAddr, top_key: &str) -> Result<Framework, Error> {
    let framework = Framework::builder()
        .property("etcd.hostname", etcd.ip().to_string())
        .property("etcd.port", etcd.port())
        .property("etcd.top_key", top_key)
        .install(ferlix::bundles::REMOTE_BUNDLES)
        .start()
        .await?;
    Ok(framework)
}

fn known(framework: &Framework) -> usize {
    let service = framework.context().service::<dyn EtcdStatus>(None);
    let status = service.and_then(|service| service.status());
    status.map_or(0, |status| status.discovered)
}

async fn until(condition: impl Fn() -> bool) -> Result<(), Error> {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(DEADLINE, waiting)
        .await
        .map_err(|_| Error::Answer("it did not come to pass in time".to_owned()))
}

/// From making the discovery to its knowing everything.
async fn until_known(etcd: SocketAddr) -> Result<Duration, Error> {
    let framework = prepared(etcd, MANY_KEY).await?;
    let begin = Instant::now();
    discovery_etcd::instantiate(&framework.context(), Properties::new()).await?;
    until(|| known(&framework) == MANY).await?;
    let time = begin.elapsed();
    framework.stop().await?;
    Ok(time)
}

/// From making the discovery to a proxy of everything.
async fn until_imported(etcd: SocketAddr) -> Result<Duration, Error> {
    let framework = prepared(etcd, MANY_KEY).await?;
    let context = framework.context();
    ferlix::remote::topology::instantiate(&context, Properties::new()).await?;
    let admin = context
        .service::<dyn RemoteServiceAdmin>(None)
        .ok_or_else(|| Error::Answer("there is no Remote Service Admin".to_owned()))?;
    let begin = Instant::now();
    discovery_etcd::instantiate(&context, Properties::new()).await?;
    until(|| known(&framework) == MANY).await?;
    until(|| admin.imported_endpoints().len() == MANY).await?;
    let time = begin.elapsed();
    drop(admin);
    framework.stop().await?;
    Ok(time)
}

fn weight(etcd: SocketAddr, version: &str) -> Result<(), Error> {
    let mut weights = Vec::new();
    for _ in 0..3 {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--serve", "directory", "--etcd", &etcd.to_string()]);
        let program = Program::start("directory", command);
        let line = program.wait_for(WEIGHT);
        let octets = line
            .strip_prefix(WEIGHT)
            .and_then(|octets| octets.parse().ok())
            .ok_or_else(|| Error::Answer(line.clone()))?;
        weights.push(octets);
    }
    let (_, value) = record(MANY_KEY, 0)?;
    let row = |words: &str, octets: f64| vec![words.to_owned(), table::thousands(octets)];
    table::print(
        &format!("The memory of a known endpoint, read from etcd {version}"),
        &["", "octets"],
        &[
            row("its record in etcd", value.len() as f64),
            row(
                "resident memory for each of 10,000",
                load::median(weights.into_iter()),
            ),
        ],
    );
    Ok(())
}

/// As a child: what the memory of this process grows by when it gets to know the endpoints, for each of them.
pub(crate) async fn weigh(etcd: SocketAddr) -> Result<(), Error> {
    let framework = prepared(etcd, NO_KEY).await?;
    let context = framework.context();
    discovery_etcd::instantiate(&context, Properties::new()).await?;
    let service = context.service::<dyn EtcdStatus>(None);
    let session = service
        .as_ref()
        .ok_or_else(|| Error::Answer("there is no discovery".to_owned()))?;
    until(|| {
        let status = session.status();
        status.is_some_and(|status| status.session.counts.resyncs > 0)
    })
    .await?;
    let before = resident()?;
    let components = context.components();
    let given = Properties::from([("etcd.top_key", MANY_KEY)]);
    components
        .instantiate(discovery_etcd::FACTORY, "many", given)
        .await?;
    until(|| {
        let services = context.services::<dyn EtcdStatus>(None);
        let mut statuses = services.iter().filter_map(|service| service.status());
        statuses.any(|status| status.discovered == MANY)
    })
    .await?;
    framework.settle().await;
    println!("{WEIGHT}{}", (resident()? - before) / MANY as f64);
    Ok(())
}

/// Says when it was told.
struct Clock(mpsc::UnboundedSender<Instant>);

#[async_trait]
impl EndpointEventListener for Clock {
    async fn endpoint_changed(&self, _: EndpointEvent) {
        // The measurement may be over.
        let _ = self.0.send(Instant::now());
    }
}

/// A framework that knows what is below a top key, and a listener for what comes now.
struct Watcher {
    framework: Framework,
    top_key: &'static str,
    told: mpsc::UnboundedReceiver<Instant>,
}

impl Watcher {
    async fn start(etcd: SocketAddr, top_key: &'static str, count: usize) -> Result<Self, Error> {
        let framework = prepared(etcd, top_key).await?;
        let (sender, told) = mpsc::unbounded_channel();
        let context = framework.context();
        let clock: Arc<dyn EndpointEventListener> = Arc::new(Clock(sender));
        discovery_etcd::instantiate(&context, Properties::new()).await?;
        until(|| known(&framework) == count).await?;
        framework.settle().await;
        // It asks for the endpoint that comes and goes, and has to be asked about each.
        let scope = format!("(endpoint.id={})", endpoint(MANY)?.id());
        context.register(clock, Properties::from([(SCOPE, scope)]))?;
        Ok(Self {
            framework,
            top_key,
            told,
        })
    }

    /// From the put of a new record to the listener's being told.
    async fn time(&mut self, client: &Client) -> Result<Duration, Error> {
        let (key, value) = record(self.top_key, MANY)?;
        let begin = Instant::now();
        client.put(key.as_bytes(), value.into(), 0).await?;
        let told = self.next().await?;
        client.delete(key.as_bytes()).await?;
        self.next().await?;
        Ok(told - begin)
    }

    async fn next(&mut self) -> Result<Instant, Error> {
        match timeout(DEADLINE, self.told.recv()).await {
            Ok(Some(at)) => Ok(at),
            _ => Err(Error::Answer("the listener was not told".to_owned())),
        }
    }
}

async fn events(etcd: SocketAddr, version: &str) -> Result<(), Error> {
    let client = client(etcd).await?;
    let mut few = Watcher::start(etcd, FEW_KEY, FEW).await?;
    let mut many = Watcher::start(etcd, MANY_KEY, MANY).await?;
    let (mut fews, mut manys) = (Vec::new(), Vec::new());
    for repetition in 0..=REPETITIONS {
        for (watcher, figures) in [(&mut few, &mut fews), (&mut many, &mut manys)] {
            let begin = Instant::now();
            let mut times = Vec::with_capacity(ROUNDS);
            for _ in 0..ROUNDS {
                times.push(watcher.time(&client).await?);
            }
            // The first one warms up.
            if repetition > 0 {
                let figures_now = Figures::new(times, begin.elapsed())?;
                figures.push(figures_now.p50.as_secs_f64() * 1e6);
            }
        }
    }
    few.framework.stop().await?;
    many.framework.stop().await?;
    let through = Comparison::of(&fews, &manys);
    let inside = inside().await?;
    let rows = |words: &str, compared: &Comparison| {
        vec![
            words.to_owned(),
            format!("{:.2}", compared.floor),
            format!("{:.2}", compared.subject),
            format!("{:.2}", compared.ratio),
        ]
    };
    table::print(
        &format!("One event where few and where many are known, in us, etcd {version}"),
        &["", "100", "10,000", "ratio (goal: at most 1.2)"],
        &[
            rows(
                "from a put in etcd to a listener's being told, p50",
                &through,
            ),
            rows(
                "put and removed in the directory, and told of both",
                &inside,
            ),
        ],
    );
    Ok(())
}

/// The directory alone: an endpoint is put and removed, and a listener told of both.
async fn inside() -> Result<Comparison, Error> {
    let few = Inside::start(FEW).await?;
    let many = Inside::start(MANY).await?;
    let compared = Comparison::take(
        async |count| few.come_and_go(count).await,
        async |count| many.come_and_go(count).await,
    )
    .await?;
    Ok(Comparison {
        floor: compared.floor / 1e3,
        subject: compared.subject / 1e3,
        ratio: compared.ratio,
    })
}

struct Inside {
    framework: Framework,
    directory: EndpointDirectory,
    visitor: EndpointDescription,
}

impl Inside {
    async fn start(count: usize) -> Result<Self, Error> {
        let framework = Framework::builder().start().await?;
        let context = framework.context();
        let directory = EndpointDirectory::open(&context, "bench")?;
        let (sender, _) = mpsc::unbounded_channel();
        let listener: Arc<dyn EndpointEventListener> = Arc::new(Clock(sender));
        context.register(listener, Properties::from([(SCOPE, "(endpoint.id=*)")]))?;
        for number in 0..count {
            directory.put(format!("key {number}"), endpoint(number)?);
        }
        framework.settle().await;
        Ok(Self {
            framework,
            directory,
            visitor: endpoint(MANY)?,
        })
    }

    async fn come_and_go(&self, count: u64) -> Result<(), Error> {
        for _ in 0..count {
            self.directory.put("visitor", self.visitor.clone());
            self.framework.settle().await;
            self.directory.remove("visitor");
            self.framework.settle().await;
        }
        Ok(())
    }
}

//! XML-RPC calls: how many a second, and how long one takes.
//!
//! One connection with both ends on one core, sixteen likewise, and sixteen on all cores. In each repetition
//! the subjects take turns; each has a server process of its own that lives through all repetitions. The
//! exporter is a whole framework, found by ours through an embedded etcd, so that what is called is what programs
//! call.

use std::net::SocketAddr;
use std::sync::Arc;

use ferlix_examples::hello::Hello;

use crate::child::{Role, Server};
use crate::cores::{self, Cores};
use crate::error::Error;
use crate::frameworks::{self, Consumer};
use crate::http_floor::{BareClient, Exchange, PooledClient};
use crate::load::{self, Caller, Figures};
use crate::{REPETITIONS, table};

/// Connections at once, and where the ends run.
const SETTINGS: &[(usize, Cores)] = &[
    (1, Cores::One),
    (16, Cores::One),
    (16, Cores::Free),
    (256, Cores::Free),
];

/// What is measured; the first is the floor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Subject {
    Floor,
    Pooled,
    Exporter,
    Proxy,
}

const SUBJECTS: &[Subject] = &[
    Subject::Floor,
    Subject::Pooled,
    Subject::Exporter,
    Subject::Proxy,
];

impl Subject {
    fn words(self) -> &'static str {
        match self {
            Self::Floor => "floor: bare hyper, bare clients",
            Self::Pooled => "pool: bare hyper, hyper-util's client",
            Self::Exporter => "our exporter, bare clients",
            Self::Proxy => "our exporter, our proxy",
        }
    }

    async fn measure(self, ends: &Ends, connections: usize) -> Result<Figures, Error> {
        let (address, service) = match self {
            Self::Floor | Self::Pooled => (ends.floor.address, 1),
            Self::Exporter | Self::Proxy => (ends.exporter.address, ends.service),
        };
        match self {
            Self::Floor | Self::Exporter => {
                load::drive(bare(address, &Exchange::greeting(service), connections).await?).await
            }
            Self::Pooled => {
                let client = PooledClient::new(address, Exchange::greeting(service))?;
                load::drive(vec![client; connections]).await
            }
            Self::Proxy => {
                let proxy = Proxy(Arc::clone(&ends.proxy));
                load::drive(vec![proxy; connections]).await
            }
        }
    }
}

pub(crate) async fn bare(
    address: SocketAddr,
    exchange: &Exchange,
    connections: usize,
) -> Result<Vec<BareClient>, Error> {
    let mut clients = Vec::with_capacity(connections);
    for _ in 0..connections {
        clients.push(BareClient::connect(address, exchange.clone()).await?);
    }
    Ok(clients)
}

/// A component's end: it calls what was injected.
#[derive(Clone)]
struct Proxy(Arc<dyn Hello>);

impl Caller for Proxy {
    async fn call(&mut self) -> Result<(), Error> {
        frameworks::greet(&*self.0).await
    }
}

/// Both servers and our consumer.
struct Ends {
    floor: Server,
    exporter: Server,
    service: u64,
    proxy: Arc<dyn Hello>,
    consumer: Consumer,
    _etcd: Server,
}

impl Ends {
    async fn start() -> Result<Self, Error> {
        let etcd = Server::start(Role::Etcd)?;
        let exporter = Server::start_with(Role::Exporter, Some(etcd.address))?;
        let mut consumer = Consumer::start(etcd.address).await?;
        let (proxy, _) = consumer.came().await?;
        Ok(Self {
            floor: Server::start(Role::HttpFloor)?,
            exporter,
            service: consumer.remote_service_id().await?,
            proxy,
            consumer,
            _etcd: etcd,
        })
    }
}

/// Measures and prints a table for each setting.
pub(crate) fn run() -> Result<(), Error> {
    for (connections, cores) in SETTINGS {
        let taken = cores.run(|| measure(*connections))?;
        let rows: Vec<_> = SUBJECTS
            .iter()
            .zip(&taken)
            .map(|(subject, figures)| {
                let medians = Figures::medians(figures);
                // The turns of one repetition are beside each other in time: their ratio is taken before the median.
                let ratio = |floor: Subject| {
                    let floors = SUBJECTS.iter().position(|other| *other == floor);
                    let floors = floors.map_or(&[][..], |position| &taken[position][..]);
                    let each = figures.iter().zip(floors);
                    load::median(each.map(|(figures, floor)| figures.rate / floor.rate))
                };
                vec![
                    subject.words().to_owned(),
                    table::thousands(medians.rate),
                    format!("{:.2}", ratio(Subject::Floor)),
                    format!("{:.2}", ratio(Subject::Pooled)),
                    format!("{:.1}", medians.p50.as_secs_f64() * 1e6),
                    format!("{:.1}", medians.p99.as_secs_f64() * 1e6),
                ]
            })
            .collect();
        let plural = if *connections == 1 { "" } else { "s" };
        table::print(
            &format!(
                "XML-RPC sayHello, {connections} connection{plural}, {}",
                cores.words()
            ),
            &["", "calls/s", "of floor", "of pool", "p50 µs", "p99 µs"],
            &rows,
        );
    }
    Ok(())
}

/// The figures of all repetitions, for each subject.
fn measure(connections: usize) -> Result<Vec<Vec<Figures>>, Error> {
    let runtime = cores::runtime()?;
    let ends = runtime.block_on(Ends::start())?;
    let mut taken = vec![Vec::with_capacity(REPETITIONS); SUBJECTS.len()];
    for _ in 0..REPETITIONS {
        for (subject, taken) in SUBJECTS.iter().zip(&mut taken) {
            taken.push(runtime.block_on(subject.measure(&ends, connections))?);
        }
    }
    runtime.block_on(ends.consumer.framework.stop())?;
    Ok(taken)
}

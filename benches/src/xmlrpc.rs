//! XML-RPC calls from framework to framework: how many a second, and how long one takes.
//!
//! In each repetition the subjects take turns; each has a server process of its own that lives through all repetitions.
//! The exporter is a whole framework, found by ours through an embedded etcd, so that what is called is what programs
//! call. iPOPO's exporter comes last, when its Python is there: it would be in the way of the others.

use std::net::SocketAddr;
use std::sync::Arc;

use ferlix_examples::hello::Hello;
use ferlix_tests::peers;

use crate::child::{Role, Server};
use crate::error::Error;
use crate::frameworks::{self, Consumer};
use crate::http_floor::{BareClient, Exchange, PooledClient};
use crate::ipopo::Exporter;
use crate::load::{self, Caller};
use crate::{REPETITIONS, cores, rates, table};

/// Clients with a connection each.
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
    let with_ipopo = peers::are_set_up();
    rates::at_each_setting("sayHello", true, |connections, _| {
        let mut rows = measure(connections)?;
        // Its queue of new connections is short: more at once wait for the system to send their packets again.
        if with_ipopo && connections <= 16 {
            rows.push(ipopo(connections)?);
        }
        Ok(rows)
    })?;
    if !with_ipopo {
        table::skipped("calls of iPOPO's exporter");
    }
    Ok(())
}

/// The figures of all repetitions, for each subject.
fn measure(connections: usize) -> Result<Vec<rates::Row>, Error> {
    let runtime = cores::runtime()?;
    runtime.block_on(async {
        let ends = Ends::start().await?;
        let (to_floor, to_exporter) = (Exchange::greeting(1), Exchange::greeting(ends.service));
        let (floor, exporter) = (ends.floor.address, ends.exporter.address);
        let mut taken = vec![Vec::with_capacity(REPETITIONS); rates::SUBJECTS.len()];
        for _ in 0..REPETITIONS {
            taken[0].push(load::drive(bare(floor, &to_floor, connections).await?).await?);
            let pooled = PooledClient::new(floor, to_floor.clone())?;
            taken[1].push(load::drive(vec![pooled; connections]).await?);
            let clients = bare(exporter, &to_exporter, connections).await?;
            taken[2].push(load::drive(clients).await?);
            let proxy = Proxy(Arc::clone(&ends.proxy));
            taken[3].push(load::drive(vec![proxy; connections]).await?);
        }
        ends.consumer.framework.stop().await?;
        Ok(rates::rows(taken))
    })
}

/// iPOPO's exporter, with as many callers.
fn ipopo(connections: usize) -> Result<rates::Row, Error> {
    let runtime = cores::runtime()?;
    let exporter = Exporter::start()?;
    let mut figures = Vec::with_capacity(REPETITIONS);
    for _ in 0..REPETITIONS {
        let clients = vec![exporter.client(); connections];
        figures.push(runtime.block_on(load::drive(clients))?);
    }
    exporter.stop();
    Ok(rates::Row {
        words: "iPOPO's exporter, a new connection for each call",
        figures,
    })
}

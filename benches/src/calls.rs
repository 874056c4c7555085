//! Calls of a message, a structure and many numbers: at full rate over one, sixteen and 256 connections, by the same four
//! subjects as the greeting; and how calls and memory grow with services and connections.
//!
//! The exporter is the XML-RPC server by itself, without a framework: what is measured is the call.

use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ferlix::http::{HttpService as _, MountOptions, Server as HttpServer, ServerOptions};
use ferlix::service::Service as _;
use ferlix::xmlrpc::client::{Transport, TransportOptions, XmlRpcCaller};
use ferlix::xmlrpc::provider::{Services, ServicesOptions, handler};

use crate::child::{self, Role, Server};
use crate::cores::{self, Cores};
use crate::error::Error;
use crate::http_floor::{Exchange, PATH, PooledClient};
use crate::load::{self, Figures};
use crate::payload::{Calls, Payload, Work, Worker};
use crate::xmlrpc::bare;
use crate::{REPETITIONS, table};

const SETTINGS: [(usize, Cores); 4] = [
    (1, Cores::One),
    (16, Cores::One),
    (16, Cores::Free),
    (256, Cores::Free),
];
const SUBJECTS: [&str; 4] = [
    "floor: bare hyper, bare clients",
    "pool: bare hyper, hyper-util's client",
    "our exporter, bare clients",
    "our exporter, our proxy",
];
/// Connections that do nothing, for their memory.
const IDLE: usize = 1000;

/// Serves the bench's own service under the numbers from 1 on, as a child.
pub(crate) async fn serve(count: u64) -> Result<(), Error> {
    let services = Arc::new(Services::new(ServicesOptions::default()));
    let worker: Arc<dyn Work> = Arc::new(Worker);
    for id in 1..=count {
        services.insert(
            id,
            <dyn Work>::dispatcher(Arc::clone(&worker))
                .into_iter()
                .collect(),
            None,
        );
    }
    let http = |error: ferlix::http::HttpError| Error::Answer(error.to_string());
    let server = HttpServer::bind(ServerOptions::new("127.0.0.1", 0))
        .await
        .map_err(http)?;
    let options = MountOptions::new("benches").max_body_size(8 << 20);
    server
        .mount(PATH, handler(services), options)
        .map_err(http)?;
    child::announce(server.address());
    std::future::pending().await
}

/// The bench's own service at an exporter.
pub(crate) fn proxy(exporter: &Server) -> Result<Arc<dyn Work>, Error> {
    let wrong = |error: ferlix::xmlrpc::Error| Error::Answer(error.to_string());
    let transport = Transport::new(&TransportOptions::default()).map_err(wrong)?;
    let url = format!("http://{}{PATH}", exporter.address);
    let caller = XmlRpcCaller::new(&transport, &url, 1, "work").map_err(wrong)?;
    <dyn Work>::from_caller(Arc::new(caller)).ok_or_else(|| Error::Answer("no proxy".into()))
}

/// Measures and prints the tables.
pub(crate) fn run() -> Result<(), Error> {
    for payload in Payload::ALL {
        for (connections, cores) in SETTINGS {
            let taken = cores.run(|| measure(payload, connections))?;
            print(payload, connections, cores, &taken);
        }
    }
    grow()
}

fn print(payload: Payload, connections: usize, cores: Cores, taken: &[Vec<Figures>]) {
    let rows: Vec<_> = SUBJECTS
        .iter()
        .zip(taken)
        .map(|(words, figures)| {
            let medians = Figures::medians(figures);
            let ratio = |floor: &[Figures]| {
                let each = figures.iter().zip(floor);
                load::median(each.map(|(figures, floor)| figures.rate / floor.rate))
            };
            vec![
                (*words).to_owned(),
                table::thousands(medians.rate),
                format!("{:.2}", ratio(&taken[0])),
                format!("{:.2}", ratio(&taken[1])),
                format!("{:.1}", medians.p50.as_secs_f64() * 1e6),
                format!("{:.1}", medians.p99.as_secs_f64() * 1e6),
            ]
        })
        .collect();
    let plural = if connections == 1 { "" } else { "s" };
    table::print(
        &format!(
            "XML-RPC, {}, {connections} connection{plural}, {}",
            payload.words(),
            cores.words()
        ),
        &["", "calls/s", "of floor", "of pool", "p50 µs", "p99 µs"],
        &rows,
    );
}

/// The figures of all repetitions, for each subject.
fn measure(payload: Payload, connections: usize) -> Result<Vec<Vec<Figures>>, Error> {
    let runtime = cores::runtime()?;
    let floor = Server::start(Role::HttpFloor)?;
    let exporter = Server::start(Role::Work)?;
    let (to_floor, to_exporter) = (Exchange::of(payload, true)?, Exchange::of(payload, false)?);
    let mut taken = vec![Vec::with_capacity(REPETITIONS); SUBJECTS.len()];
    runtime.block_on(async {
        let proxy = proxy(&exporter)?;
        for _ in 0..REPETITIONS {
            taken[0].push(load::drive(bare(floor.address, &to_floor, connections).await?).await?);
            let pooled = PooledClient::new(floor.address, to_floor.clone())?;
            taken[1].push(load::drive(vec![pooled; connections]).await?);
            let clients = bare(exporter.address, &to_exporter, connections).await?;
            taken[2].push(load::drive(clients).await?);
            let calls = Calls::new(Arc::clone(&proxy), payload);
            taken[3].push(load::drive(vec![calls; connections]).await?);
        }
        Ok(taken)
    })
}

/// Calls with one and with 10,000 services, and the memory of idle connections.
fn grow() -> Result<(), Error> {
    let exchange = Exchange::of(Payload::Message, false)?;
    let (one, many) = (Server::start(Role::Work)?, Server::start(Role::Work10000)?);
    let runtime = cores::runtime()?;
    let (mut of_one, mut of_many) = (Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        for (server, rates) in [(&one, &mut of_one), (&many, &mut of_many)] {
            let figures = runtime.block_on(async {
                load::drive(bare(server.address, &exchange, 16).await?).await
            })?;
            rates.push(figures.rate);
        }
    }
    let ratios = of_one.iter().zip(&of_many).map(|(one, many)| many / one);
    let ratio = load::median(ratios.collect::<Vec<_>>().into_iter());
    let row = |words: &str, rates: &[f64], ratio: f64| {
        let rate = load::median(rates.iter().copied());
        vec![
            words.to_owned(),
            table::thousands(rate),
            format!("{ratio:.2}"),
        ]
    };
    table::print(
        "Calls of one of many services, 16 connections, free on all cores",
        &["", "calls/s", "of one"],
        &[
            row("1 service", &of_one, 1.0),
            row("10,000 services", &of_many, ratio),
        ],
    );

    let mut rows = Vec::new();
    for (words, role) in [
        ("floor: bare hyper", Role::HttpFloor),
        ("our exporter", Role::Work),
    ] {
        let server = Server::start(role)?;
        let before = server.program.resident_kib();
        let mut connections = Vec::with_capacity(IDLE);
        for _ in 0..IDLE {
            let mut stream = TcpStream::connect(server.address)?;
            // A call each, so that what a call leaves behind is in it.
            crate::steady::call(&mut stream, &exchange.octets(), &mut Vec::new())?;
            connections.push(stream);
        }
        thread::sleep(Duration::from_millis(300));
        let grown = server.program.resident_kib().saturating_sub(before);
        rows.push(vec![
            words.to_owned(),
            format!("{:.1}", grown as f64 / IDLE as f64),
        ]);
    }
    table::print(
        "Memory of an idle connection, of 1,000",
        &["", "KiB"],
        &rows,
    );
    Ok(())
}

//! How calls and memory grow: calls of one and of 10,000 exported services, and what idle connections hold.

use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::child::{Role, Server};
use crate::cores;
use crate::error::Error;
use crate::http_floor::{BareClient, Exchange};
use crate::load::{self, Caller};
use crate::payload::Payload;
use crate::{REPETITIONS, table};

/// Services, and connections that call all of them in turn.
const MANY: u64 = 10_000;
const CALLERS: usize = 16;
/// Connections that do nothing, for their memory.
const IDLE: usize = 1000;
/// The share of the calls of one service that those of many reach, less what one run differs from the next.
const GOAL: f64 = 0.97;

/// Calls one service after the other.
struct InTurn {
    client: BareClient,
    exchanges: Arc<[Exchange]>,
    next: usize,
}

impl Caller for InTurn {
    async fn call(&mut self) -> Result<(), Error> {
        self.next = (self.next + 1) % self.exchanges.len();
        self.client.turn_to(&self.exchanges[self.next]);
        self.client.call().await
    }
}

/// Measures and prints the tables.
pub(crate) fn run() -> Result<(), Error> {
    services()?;
    connections()
}

fn services() -> Result<(), Error> {
    let subjects = [(Role::Work, 1), (Role::Work10000, MANY)];
    let mut servers = Vec::new();
    for (role, services) in subjects {
        // As many documents either way: what they cost the callers belongs to no server.
        let exchanges: Result<Vec<_>, _> = (0..MANY)
            .map(|call| Exchange::with(Payload::Message, 1 + call % services))
            .collect();
        servers.push((Server::start(role)?, Arc::<[_]>::from(exchanges?)));
    }
    let runtime = cores::runtime()?;
    let mut taken = vec![Vec::new(); servers.len()];
    // Twice as often as elsewhere: what is looked for is little.
    for _ in 0..2 * REPETITIONS {
        for ((server, exchanges), rates) in servers.iter().zip(&mut taken) {
            let figures = runtime.block_on(async {
                let mut clients = Vec::with_capacity(CALLERS);
                for caller in 0..CALLERS {
                    let first = exchanges[0].clone();
                    clients.push(InTurn {
                        client: BareClient::connect(server.address, first).await?,
                        exchanges: Arc::clone(exchanges),
                        next: caller * exchanges.len() / CALLERS,
                    });
                }
                load::drive(clients).await
            })?;
            rates.push(figures.rate);
        }
    }
    let share =
        |rates: &[f64]| load::median(rates.iter().zip(&taken[0]).map(|(rate, one)| rate / one));
    let goal = |share: f64| {
        let met = table::verdict(share >= GOAL);
        format!("does not fall (≥ {GOAL}): {met}")
    };
    let row = |words: &str, rates: &[f64], goal: String| {
        let rate = table::thousands(load::median(rates.iter().copied()));
        vec![words.to_owned(), rate, format!("{:.3}", share(rates)), goal]
    };
    table::print(
        "Calls of all services in turn, a message of 200 bytes, 16 connections, free on all cores",
        &["", "calls/s", "of one", "goal"],
        &[
            row("1 service", &taken[0], String::new()),
            row("10,000 services", &taken[1], goal(share(&taken[1]))),
        ],
    );
    Ok(())
}

fn connections() -> Result<(), Error> {
    let octets = |floor| Exchange::of(Payload::Message, floor).map(|exchange| exchange.octets());
    let mut rows = Vec::new();
    for (words, role, request) in [
        ("floor: bare hyper", Role::HttpFloor, octets(true)?),
        ("our exporter", Role::Work, octets(false)?),
    ] {
        let mut grown = Vec::with_capacity(REPETITIONS);
        for _ in 0..REPETITIONS {
            let server = Server::start(role)?;
            // What the first calls bring into being belongs to no connection.
            let warm = connect(&server, &request, 16)?;
            let before = server.program.resident_kib();
            let idle = connect(&server, &request, IDLE)?;
            grown.push(server.program.resident_kib().saturating_sub(before) as f64 / IDLE as f64);
            drop((warm, idle));
        }
        let kib = load::median(grown.into_iter());
        rows.push(vec![words.to_owned(), format!("{kib:.1}")]);
    }
    let title = "Resident memory for each of 1,000 connections that are idle after a call";
    table::print(title, &["", "KiB"], &rows);
    Ok(())
}

/// So many connections that have made a call.
fn connect(server: &Server, request: &[u8], count: usize) -> Result<Vec<TcpStream>, Error> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = TcpStream::connect(server.address)?;
        crate::steady::call(&mut stream, request, &mut Vec::new())?;
        connections.push(stream);
    }
    // What the server frees behind an answer is free by then.
    thread::sleep(Duration::from_millis(300));
    Ok(connections)
}

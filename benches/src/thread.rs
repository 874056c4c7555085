//! Calls of a single thread with a blocking socket, pinned with its server to one core, beside a raw TCP echo of the same
//! octets: what HTTP, XML and the service cost on top of the system's calls.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ferlix::prelude::Value;

use crate::calls::proxy;
use crate::child::{self, Role, Server};
use crate::cores::{self, Cores};
use crate::error::Error;
use crate::http_floor::Exchange;
use crate::load;
use crate::payload::Payload;
use crate::steady::client;
use crate::{REPETITIONS, table};

const MEASURED: Duration = Duration::from_millis(1000);

/// Sends everything back, on this thread, for as long as the process lives.
pub(crate) fn serve_echo() -> Result<(), Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    child::announce(listener.local_addr()?);
    loop {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..read])?;
        }
    }
}

/// What a call is to reach of the echo's rate.
const GOAL: f64 = 0.4;

/// Measures and prints the table.
pub(crate) fn run() -> Result<(), Error> {
    let taken = Cores::One.run(one_thread)?;
    let share = |rates: &[f64]| {
        load::median(
            rates
                .iter()
                .zip(&taken[0].1)
                .map(|(rate, echo)| rate / echo),
        )
    };
    let rows: Vec<_> = taken
        .iter()
        .map(|(words, rates, held)| {
            let share = share(rates);
            let goal = match held {
                true => format!("≥ {GOAL} {}", table::verdict(share >= GOAL)),
                false => String::new(),
            };
            let rate = table::thousands(load::median(rates.iter().copied()));
            vec![(*words).to_owned(), rate, format!("{share:.3}"), goal]
        })
        .collect();
    let title = "XML-RPC, a message of 200 bytes, one thread, both ends pinned to one core";
    table::print(title, &["", "calls/s", "of echo", "goal"], &rows);
    Ok(())
}

/// Who calls whom, the rates of all repetitions, and whether the goal is for them; the echo comes first.
fn one_thread() -> Result<Vec<(&'static str, Vec<f64>, bool)>, Error> {
    let echo = Server::start(Role::TcpEcho)?;
    let (floor, exporter) = (Server::start(Role::HttpFloor)?, Server::start(Role::Work)?);
    let to_floor = Exchange::of(Payload::Message, true)?;
    let exchange = Exchange::of(Payload::Message, false)?;
    let Value::String(text) = Payload::Message.value()? else {
        return Err(Error::Answer("a message that is no text".to_owned()));
    };
    let own = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // What blocks has its connections on another runtime, as in programs.
    let workers = cores::runtime()?;
    let blocking = {
        let _entered = workers.enter();
        proxy(exporter.address)?.blocking()
    };
    let proxy = proxy(exporter.address)?;
    let same = |answer: String| {
        let same = answer == text;
        same.then_some(()).ok_or(Error::Answer(answer))
    };
    let mut taken = vec![
        ("floor: raw TCP echo", Vec::new(), false),
        ("bare hyper, a bare socket", Vec::new(), false),
        ("our exporter, a bare socket", Vec::new(), true),
        ("our exporter, our proxy", Vec::new(), true),
        ("our exporter, our blocking proxy", Vec::new(), true),
    ];
    for _ in 0..REPETITIONS {
        taken[0].1.push(echoes(echo.address, &exchange.octets())?);
        for (row, server, exchange) in [(1, &floor, &to_floor), (2, &exporter, &exchange)] {
            let times = client(server.address, exchange, Instant::now(), MEASURED, None)?;
            taken[row]
                .1
                .push(times.len() as f64 / MEASURED.as_secs_f64());
        }
        taken[3]
            .1
            .push(rate(|| same(own.block_on(proxy.message(text.clone()))?))?);
        taken[4]
            .1
            .push(rate(|| same(blocking.message(text.clone())?))?);
    }
    Ok(taken)
}

/// How often a second.
fn rate(mut call: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    for _ in 0..100 {
        call()?;
    }
    let (begun, mut calls) = (Instant::now(), 0_u32);
    while begun.elapsed() < MEASURED {
        call()?;
        calls += 1;
    }
    Ok(f64::from(calls) / begun.elapsed().as_secs_f64())
}

/// The echo's rate.
fn echoes(address: SocketAddr, octets: &[u8]) -> Result<f64, Error> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut answer = vec![0; octets.len()];
    rate(|| {
        stream.write_all(octets)?;
        stream.read_exact(&mut answer)?;
        let same = answer == octets;
        same.then_some(())
            .ok_or_else(|| Error::Answer("an echo of something else".to_owned()))
    })
}

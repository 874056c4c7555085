//! Calls at a steady rate, and calls of a single thread: with blocking sockets, one thread for each connection.
//!
//! A caller that waits for its answer before it calls again measures a server that is slow less often; so here each call has
//! its time, whatever became of the one before, and how long it took is counted from that time on. The rate is half of what
//! the same clients reach at our exporter without a pause, the same for all subjects.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::calls::proxy;
use crate::child::{self, Role, Server};
use crate::cores::{self, Cores};
use crate::error::Error;
use crate::http_floor::Exchange;
use crate::load::{self, Figures};
use crate::payload::Payload;
use crate::{REPETITIONS, table};

const CONNECTIONS: u32 = 16;
const BAD_PER_MINUTE: u32 = 100_000;
const MEASURED: Duration = Duration::from_millis(1500);

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

/// Sends a request and reads its answer, whose document stays behind its head in the buffer; returns where it begins.
pub(crate) fn call(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<usize, Error> {
    stream.write_all(request)?;
    buffer.clear();
    loop {
        let start = buffer.len();
        buffer.resize(start + 4096, 0);
        let read = stream.read(&mut buffer[start..])?;
        buffer.truncate(start + read);
        if read == 0 {
            return Err(Error::Answer("the connection was closed".to_owned()));
        }
        if let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let length = std::str::from_utf8(&buffer[..head])
                .ok()
                .and_then(|head| {
                    head.lines()
                        .find_map(|line| line.strip_prefix("content-length: "))
                })
                .and_then(|length| length.parse::<usize>().ok())
                .ok_or_else(|| Error::Answer("an answer without its length".to_owned()))?;
            if buffer.len() >= head + 4 + length {
                return Ok(head + 4);
            }
        }
    }
}

/// Calls one connection for a while, each `interval` or without a pause; the times of the calls.
fn client(
    address: SocketAddr,
    exchange: &Exchange,
    interval: Option<Duration>,
) -> Result<Vec<Duration>, Error> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let (request, mut buffer) = (exchange.octets(), Vec::new());
    for _ in 0..100 {
        call(&mut stream, &request, &mut buffer)?;
    }
    let mut times = Vec::with_capacity(1 << 16);
    let begun = Instant::now();
    let mut due = begun;
    while begun.elapsed() < MEASURED {
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            thread::sleep(wait);
        }
        let document = call(&mut stream, &request, &mut buffer)?;
        if buffer[document..] != *exchange.answer() {
            return Err(Error::Answer(String::from_utf8_lossy(&buffer).into_owned()));
        }
        times.push(due.elapsed());
        due = interval.map_or_else(Instant::now, |interval| due + interval);
    }
    Ok(times)
}

/// Sends what no client should until told to stop; how much of it a minute.
fn bad_requests(address: SocketAddr, stop: &AtomicBool) -> Result<f64, Error> {
    let post = |length: &str, document: &str| {
        format!(
            "POST /xml-rpc HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{document}"
        )
    };
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbbbbbbbb\"><!ENTITY c \"&b;&b;&b;&b;\">]><methodCall>&c;</methodCall>";
    let deep = format!(
        "<methodCall><methodName>1.message</methodName><params><param>{}",
        "<value><array><data>".repeat(100)
    );
    let requests = [
        "no HTTP at all\r\n\r\n".to_owned(),
        post("1073741824", "<methodCall>"),
        post(&bomb.len().to_string(), bomb),
        post(&deep.len().to_string(), &deep),
        post("5", "<methodCall>and more"),
        post("7\r\ncontent-length: 8", "<value>"),
        "GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(),
    ];
    let interval = Duration::from_secs(60) / BAD_PER_MINUTE;
    let (begun, mut sent) = (Instant::now(), 0_u32);
    while !stop.load(Ordering::Relaxed) {
        let due = begun + interval * sent;
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            thread::sleep(wait);
        }
        let mut stream = TcpStream::connect(address)?;
        // The server may close while it is being written to.
        if stream
            .write_all(requests[sent as usize % requests.len()].as_bytes())
            .is_ok()
        {
            stream.shutdown(Shutdown::Write).ok();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).ok();
        }
        sent += 1;
    }
    Ok(f64::from(sent) * 60.0 / begun.elapsed().as_secs_f64())
}

/// Many connections at once.
fn clients(
    address: SocketAddr,
    exchange: &Exchange,
    interval: Option<Duration>,
) -> Result<Figures, Error> {
    let times = thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|_| scope.spawn(|| client(address, exchange, interval)))
            .collect();
        let mut times = Vec::new();
        for thread in threads {
            times.extend(thread.join().map_err(|_| Error::Task)??);
        }
        Ok::<_, Error>(times)
    })?;
    Figures::new(times, MEASURED)
}

/// Measures and prints the tables.
pub(crate) fn run() -> Result<(), Error> {
    at_a_steady_rate()?;
    let taken = Cores::One.run(one_thread)?;
    let echo = taken[0].clone();
    let rows: Vec<_> = [
        "floor: raw TCP echo",
        "our exporter, a bare socket",
        "our exporter, our blocking proxy",
    ]
    .iter()
    .zip(&taken)
    .map(|(words, rates)| {
        let ratios: Vec<f64> = rates
            .iter()
            .zip(&echo)
            .map(|(rate, echo)| rate / echo)
            .collect();
        vec![
            (*words).to_owned(),
            table::thousands(load::median(rates.iter().copied())),
            format!("{:.2}", load::median(ratios.into_iter())),
        ]
    })
    .collect();
    table::print(
        "XML-RPC, a message of 200 bytes, one thread that blocks, both ends pinned to one core",
        &["", "calls/s", "of floor"],
        &rows,
    );
    Ok(())
}

fn at_a_steady_rate() -> Result<(), Error> {
    let (floor, exporter) = (Server::start(Role::HttpFloor)?, Server::start(Role::Work)?);
    let (to_floor, to_exporter) = (
        Exchange::of(Payload::Message, true)?,
        Exchange::of(Payload::Message, false)?,
    );
    let peak = clients(exporter.address, &to_exporter, None)?.rate;
    let interval = Duration::from_secs_f64(f64::from(CONNECTIONS) / (peak / 2.0));
    let (mut floors, mut ours, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        floors.push(clients(floor.address, &to_floor, Some(interval))?);
        ours.push(clients(exporter.address, &to_exporter, Some(interval))?);
        let stop = AtomicBool::new(false);
        let (figures, bad) = thread::scope(|scope| {
            let bad = scope.spawn(|| bad_requests(exporter.address, &stop));
            let figures = clients(exporter.address, &to_exporter, Some(interval));
            stop.store(true, Ordering::Relaxed);
            Ok::<_, Error>((figures?, bad.join().map_err(|_| Error::Task)??))
        })?;
        if bad < f64::from(BAD_PER_MINUTE) * 0.8 {
            println!("(only {bad:.0} bad requests a minute)");
        }
        beside.push(figures);
    }
    let row = |words: &str, figures: &[Figures]| {
        let medians = Figures::medians(figures);
        let ratios = figures.iter().zip(&floors);
        let ratios: Vec<f64> = ratios
            .map(|(figures, floor)| figures.p99.as_secs_f64() / floor.p99.as_secs_f64())
            .collect();
        vec![
            words.to_owned(),
            table::thousands(medians.rate),
            format!("{:.1}", medians.p50.as_secs_f64() * 1e6),
            format!("{:.1}", medians.p99.as_secs_f64() * 1e6),
            format!("{:.2}", load::median(ratios.into_iter())),
        ]
    };
    table::print(
        &format!(
            "XML-RPC, a message of 200 bytes, {CONNECTIONS} connections at a steady rate, half of the peak of {}/s",
            table::thousands(peak)
        ),
        &[
            "",
            "calls/s",
            "p50 µs",
            "p99 µs",
            "p99 of floor (goal: at most 1.5)",
        ],
        &[
            row("floor: bare hyper", &floors),
            row("our exporter", &ours),
            row("the same beside 100,000 bad requests a minute", &beside),
        ],
    );
    Ok(())
}

/// The rates of one thread: echo, our exporter by a bare socket, and by a blocking proxy.
fn one_thread() -> Result<Vec<Vec<f64>>, Error> {
    let (echo, exporter) = (Server::start(Role::TcpEcho)?, Server::start(Role::Work)?);
    let exchange = Exchange::of(Payload::Message, false)?;
    let runtime = cores::runtime()?;
    let blocking = runtime.block_on(async { proxy(&exporter).map(|proxy| proxy.blocking()) })?;
    let text = match Payload::Message.value()? {
        ferlix::prelude::Value::String(text) => text,
        other => return Err(Error::Answer(other.to_string())),
    };
    let mut taken = vec![Vec::new(); 3];
    for _ in 0..REPETITIONS {
        taken[0].push(echoes(echo.address, &exchange.octets())?);
        let times = client(exporter.address, &exchange, None)?;
        taken[1].push(times.len() as f64 / MEASURED.as_secs_f64());
        let (begun, mut calls) = (Instant::now(), 0_u32);
        while begun.elapsed() < MEASURED {
            if blocking.message(text.clone())? != text {
                return Err(Error::Answer("not what was sent".to_owned()));
            }
            calls += 1;
        }
        taken[2].push(f64::from(calls) / MEASURED.as_secs_f64());
    }
    drop(runtime);
    Ok(taken)
}

fn echoes(address: SocketAddr, octets: &[u8]) -> Result<f64, Error> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut answer = vec![0; octets.len()];
    let (begun, mut calls) = (Instant::now(), 0_u32);
    while begun.elapsed() < MEASURED {
        stream.write_all(octets)?;
        stream.read_exact(&mut answer)?;
        if answer != octets {
            return Err(Error::Answer("an echo of something else".to_owned()));
        }
        calls += 1;
    }
    Ok(f64::from(calls) / MEASURED.as_secs_f64())
}

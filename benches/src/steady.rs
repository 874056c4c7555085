//! Calls at a steady rate, with blocking sockets, one thread for each connection.
//!
//! A caller that waits for its answer before it calls again measures a server that is slow less often; so here each call has
//! its time, whatever became of the one before, and how long it took is counted from that time on. The rate is half of what
//! the same clients reach at our exporter without a pause, the same for all subjects.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::prctl::set_timerslack;

use crate::child::{Role, Server};
use crate::cores::Cores;
use crate::error::Error;
use crate::http_floor::Exchange;
use crate::load::{self, Figures};
use crate::payload::Payload;
use crate::{REPETITIONS, table};

/// Connections at once, and where the ends run.
const SETTINGS: [(u32, Cores); 2] = [(1, Cores::One), (16, Cores::Free)];
const BAD_PER_MINUTE: u32 = 100_000;
const MEASURED: Duration = Duration::from_millis(1500);

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
pub(crate) fn client(
    address: SocketAddr,
    exchange: &Exchange,
    length: Duration,
    interval: Option<Duration>,
) -> Result<Vec<Duration>, Error> {
    // The system may wake a thread 50 µs late, which is longer than a call takes.
    set_timerslack(1)?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let (request, mut buffer) = (exchange.octets(), Vec::new());
    for _ in 0..100 {
        call(&mut stream, &request, &mut buffer)?;
    }
    let mut times = Vec::with_capacity(1 << 16);
    let begun = Instant::now();
    let mut due = begun;
    while begun.elapsed() < length {
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
    connections: u32,
    address: SocketAddr,
    exchange: &Exchange,
    interval: Option<Duration>,
) -> Result<Figures, Error> {
    let times = thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| client(address, exchange, MEASURED, interval)))
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
    SETTINGS.into_iter().try_for_each(|(connections, cores)| {
        let taken = cores.run(|| measure(connections, cores == Cores::Free))?;
        print(connections, cores, &taken);
        Ok(())
    })
}

/// What was taken of each subject in all repetitions.
struct Taken {
    peak: f64,
    floor: Vec<Figures>,
    ours: Vec<Figures>,
    /// Ours beside bad requests, and how many of those a minute.
    beside: Vec<Figures>,
    bad: Vec<f64>,
}

fn measure(connections: u32, with_bad: bool) -> Result<Taken, Error> {
    let (floor, exporter) = (Server::start(Role::HttpFloor)?, Server::start(Role::Work)?);
    let to_floor = Exchange::of(Payload::Message, true)?;
    let to_exporter = Exchange::of(Payload::Message, false)?;
    let ours = |interval| clients(connections, exporter.address, &to_exporter, interval);
    let peak = ours(None)?.rate;
    let interval = Some(Duration::from_secs_f64(
        f64::from(connections) / (peak / 2.0),
    ));
    let mut taken = Taken {
        peak,
        floor: Vec::new(),
        ours: Vec::new(),
        beside: Vec::new(),
        bad: Vec::new(),
    };
    for _ in 0..REPETITIONS {
        let floors = clients(connections, floor.address, &to_floor, interval)?;
        taken.floor.push(floors);
        taken.ours.push(ours(interval)?);
        if with_bad {
            let stop = AtomicBool::new(false);
            let (figures, bad) = thread::scope(|scope| {
                let bad = scope.spawn(|| bad_requests(exporter.address, &stop));
                let figures = ours(interval);
                stop.store(true, Ordering::Relaxed);
                Ok::<_, Error>((figures?, bad.join().map_err(|_| Error::Task)??))
            })?;
            taken.beside.push(figures);
            taken.bad.push(bad);
        }
    }
    Ok(taken)
}

fn print(connections: u32, cores: Cores, taken: &Taken) {
    let row = |words: &str, figures: &[Figures], goal: Option<(&[Figures], f64, &str)>| {
        let medians = Figures::medians(figures);
        let ratio = |floor: &[Figures]| {
            let each = figures.iter().zip(floor);
            let p99 = |figures: &Figures| figures.p99.as_secs_f64();
            load::median(each.map(|(figures, floor)| p99(figures) / p99(floor)))
        };
        let goal = goal.map(|(floor, most, of)| {
            let ratio = ratio(floor);
            let met = if ratio <= most { "met" } else { "NOT MET" };
            format!("{ratio:.2} of {of}: ≤ {most} {met}")
        });
        vec![
            words.to_owned(),
            table::thousands(medians.rate),
            format!("{:.1}", medians.p50.as_secs_f64() * 1e6),
            format!("{:.1}", medians.p99.as_secs_f64() * 1e6),
            format!("{:.2}", ratio(&taken.floor)),
            goal.unwrap_or_default(),
        ]
    };
    let mut rows = vec![
        row("floor: bare hyper", &taken.floor, None),
        row(
            "our exporter",
            &taken.ours,
            Some((&taken.floor, 1.5, "floor")),
        ),
    ];
    if !taken.bad.is_empty() {
        let bad = table::thousands(load::median(taken.bad.iter().copied()));
        let words = format!("the same beside {bad} bad requests a minute");
        let goal = Some((&taken.ours[..], 2.0, "without"));
        rows.push(row(&words, &taken.beside, goal));
    }
    let plural = if connections == 1 { "" } else { "s" };
    let title = format!(
        "XML-RPC, a message of 200 bytes, {connections} connection{plural}, {}, at a steady rate: half of the peak of {}/s",
        cores.words(),
        table::thousands(taken.peak)
    );
    let headings = [
        "",
        "calls/s",
        "p50 µs",
        "p99 µs",
        "p99 of floor",
        "goal for p99",
    ];
    table::print(&title, &headings, &rows);
}

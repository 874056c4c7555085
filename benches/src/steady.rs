//! Calls at a steady rate, with blocking sockets, one thread for each connection.
//!
//! A caller that waits for its answer before it calls again measures a server that is slow less often; so here each call has
//! its time, whatever became of the one before, and how long it took is counted from that time on. The rate is half of what
//! the same clients reach at our exporter without a pause, the same for all subjects.
//!
//! Two things would make a p99 a lottery here. Clients that all call at once, in the same beat for the whole measurement, get
//! in each other's way to a degree that the rate decides: so their calls are spread evenly. And a virtual machine is taken
//! away for milliseconds at a time, in sum for about the one call in a hundred that a p99 is about: so the subjects take many
//! short turns, one after the other, and a p99 is that of all calls in all turns.

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
/// How often each subject has its turn, and for how long.
const TURNS: u32 = 30;
const TURN: Duration = Duration::from_millis(500);
/// What the clients have to connect and to make a hundred calls each.
const WARM_UP: Duration = Duration::from_millis(100);

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

/// Calls one connection for a while from `first` on, or from when it is warm if that is later, each `interval` or without a
/// pause; the times of the calls.
pub(crate) fn client(
    address: SocketAddr,
    exchange: &Exchange,
    first: Instant,
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
    let first = first.max(Instant::now());
    let mut due = first;
    while due < first + length {
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

/// One turn of many connections, which call one after the other at even distances; the times of the calls.
fn clients(
    connections: u32,
    address: SocketAddr,
    exchange: &Exchange,
    interval: Option<Duration>,
) -> Result<Vec<Duration>, Error> {
    let first = Instant::now() + WARM_UP;
    let step = interval.unwrap_or_default() / connections;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|index| {
                let first = first + step * index;
                scope.spawn(move || client(address, exchange, first, TURN, interval))
            })
            .collect();
        let mut times = Vec::new();
        for thread in threads {
            times.extend(thread.join().map_err(|_| Error::Task)??);
        }
        Ok(times)
    })
}

/// Measures and prints the tables.
pub(crate) fn run() -> Result<(), Error> {
    SETTINGS.into_iter().try_for_each(|(connections, cores)| {
        let (peak, taken) = cores.run(|| measure(connections, cores == Cores::Free))?;
        print(connections, cores, peak, &taken);
        Ok(())
    })
}

/// A server, and the times of its calls in all turns.
struct Subject {
    server: Server,
    exchange: Exchange,
    calm: Vec<Duration>,
    /// Those beside bad requests, and how many of these a minute there were in each turn.
    beside: Vec<Duration>,
    bad: Vec<f64>,
}

impl Subject {
    fn start(role: Role, exchange: Exchange) -> Result<Self, Error> {
        Ok(Self {
            server: Server::start(role)?,
            exchange,
            calm: Vec::new(),
            beside: Vec::new(),
            bad: Vec::new(),
        })
    }

    fn turn(&self, connections: u32, interval: Option<Duration>) -> Result<Vec<Duration>, Error> {
        clients(connections, self.server.address, &self.exchange, interval)
    }

    fn taken(self) -> Result<Taken, Error> {
        let figures = |times| Figures::new(times, TURN * TURNS);
        Ok(Taken {
            calm: figures(self.calm)?,
            beside: if self.bad.is_empty() {
                None
            } else {
                Some((figures(self.beside)?, load::median(self.bad.into_iter())))
            },
        })
    }
}

/// What was taken of a server in all turns.
struct Taken {
    calm: Figures,
    /// Beside bad requests, and how many of those a minute.
    beside: Option<(Figures, f64)>,
}

/// A turn beside bad requests to the same server, and how many of those a minute.
fn beside_bad(
    address: SocketAddr,
    turn: impl FnOnce() -> Result<Vec<Duration>, Error>,
) -> Result<(Vec<Duration>, f64), Error> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(|| bad_requests(address, &stop));
        let times = turn();
        stop.store(true, Ordering::Relaxed);
        let bad = sender.join().map_err(|_| Error::Task)??;
        Ok((times?, bad))
    })
}

/// The peak of our exporter, and what was taken of the floor and of ours.
fn measure(connections: u32, with_bad: bool) -> Result<(f64, [Taken; 2]), Error> {
    let mut floor = Subject::start(Role::HttpFloor, Exchange::of(Payload::Message, true)?)?;
    let mut ours = Subject::start(Role::Work, Exchange::of(Payload::Message, false)?)?;
    let mut peaks = Vec::new();
    for _ in 0..REPETITIONS {
        peaks.push(ours.turn(connections, None)?.len() as f64 / TURN.as_secs_f64());
    }
    let peak = load::median(peaks.into_iter());
    let interval = Some(Duration::from_secs_f64(
        f64::from(connections) / (peak / 2.0),
    ));
    for _ in 0..TURNS {
        for subject in [&mut floor, &mut ours] {
            subject.calm.extend(subject.turn(connections, interval)?);
            if with_bad {
                let turn = || subject.turn(connections, interval);
                let (times, per_minute) = beside_bad(subject.server.address, turn)?;
                subject.beside.extend(times);
                subject.bad.push(per_minute);
            }
        }
    }
    Ok((peak, [floor.taken()?, ours.taken()?]))
}

fn print(connections: u32, cores: Cores, peak: f64, [floor, ours]: &[Taken; 2]) {
    let row = |words: &str, figures: &Figures, goal: Option<(&Figures, f64, &str)>| {
        let ratio = |other: &Figures| figures.p99.as_secs_f64() / other.p99.as_secs_f64();
        let goal = goal.map(|(other, most, of)| {
            let ratio = ratio(other);
            let met = table::verdict(ratio <= most);
            format!("{ratio:.2} of {of}: ≤ {most} {met}")
        });
        vec![
            words.to_owned(),
            table::thousands(figures.rate),
            format!("{:.1}", figures.p50.as_secs_f64() * 1e6),
            format!("{:.1}", figures.p99.as_secs_f64() * 1e6),
            format!("{:.2}", ratio(&floor.calm)),
            goal.unwrap_or_default(),
        ]
    };
    let of_floor = Some((&floor.calm, 1.5, "floor"));
    let mut rows = vec![
        row("floor: bare hyper", &floor.calm, None),
        row("our exporter", &ours.calm, of_floor),
    ];
    let without = Some((&ours.calm, 2.0, "without"));
    for (name, taken, goal) in [("floor", floor, None), ("our exporter", ours, without)] {
        if let Some((figures, per_minute)) = &taken.beside {
            let bad = table::thousands(*per_minute);
            let words = format!("{name}, beside {bad} bad requests a minute");
            rows.push(row(&words, figures, goal));
        }
    }
    let plural = if connections == 1 { "" } else { "s" };
    let title = format!(
        "XML-RPC, a message of 200 bytes, {connections} connection{plural}, {}, at a steady rate: half of the peak of {}/s",
        cores.words(),
        table::thousands(peak)
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

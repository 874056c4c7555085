//! What one call allocates at each end, beside bare hyper and hyper-util's pooled client, as dhat counts it.
//!
//! The end that is counted runs on one thread, the other is a socket on another thread that allocates nothing between the calls.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use ferlix::http::HttpService as _;

use crate::calls;
use crate::counted::Counted;
use crate::error::Error;
use crate::http_floor::{self, BareClient, Exchange, PooledClient};
use crate::load::Caller;
use crate::payload::{Calls, Payload};
use crate::table;

/// Calls that are made before, and calls that are counted.
const WARM_UP: u64 = 200;
const COUNTED: u64 = 1000;
const SUBJECTS: [&str; 5] = [
    "floor: bare hyper server",
    "our exporter",
    "floor: bare hyper client",
    "pool: hyper-util's client",
    "our proxy",
];

/// Prints the tables.
pub(crate) fn run() -> Result<(), Error> {
    let counted = Counted::by("allocations")?;
    for payload in Payload::ALL {
        let mut rows = Vec::new();
        for subject in SUBJECTS {
            let figure = |what: &str| counted.figure(&name(payload, subject, what));
            let (blocks, bytes) = (figure("blocks")?, figure("bytes")?);
            rows.push(vec![
                subject.to_owned(),
                format!("{blocks:.1}"),
                table::thousands(bytes),
            ]);
        }
        let title = format!(
            "Allocations of a call, {}, as counted by dhat",
            payload.words()
        );
        table::print(&title, &["", "allocations", "bytes"], &rows);
    }
    Ok(())
}

fn name(payload: Payload, subject: &str, what: &str) -> String {
    format!("{what} of {}, {subject}", payload.words())
}

/// Counts, and says it in lines.
pub(crate) fn count(allocated: &dyn Fn() -> (u64, u64)) -> Result<(), Error> {
    for payload in Payload::ALL {
        let exchange = |floor| Exchange::of(payload, floor);
        let floor = serve(http_floor::serve_at)?;
        say(payload, 0, of_server(floor, &exchange(true)?, allocated)?);
        let exporter = serve_exporter()?;
        say(
            payload,
            1,
            of_server(exporter, &exchange(false)?, allocated)?,
        );

        let exchange = exchange(false)?;
        let other = answer_all(&exchange)?;
        let runtime = one_threaded()?;
        let bare = runtime.block_on(BareClient::connect(other, exchange.clone()))?;
        say(payload, 2, of_client(bare, &runtime, allocated)?);
        let pooled = PooledClient::new(other, exchange)?;
        say(payload, 3, of_client(pooled, &runtime, allocated)?);
        let calls = Calls::new(calls::proxy(other)?, payload);
        say(payload, 4, of_client(calls, &runtime, allocated)?);
    }
    Ok(())
}

fn say(payload: Payload, subject: usize, (blocks, bytes): (f64, f64)) {
    for (what, number) in [("blocks", blocks), ("bytes", bytes)] {
        println!("{number}\t{}", name(payload, SUBJECTS[subject], what));
    }
}

fn one_threaded() -> Result<tokio::runtime::Runtime, Error> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    Ok(builder.enable_all().build()?)
}

/// What is allocated in one of many calls.
fn each(
    mut call: impl FnMut() -> Result<(), Error>,
    allocated: &dyn Fn() -> (u64, u64),
) -> Result<(f64, f64), Error> {
    for _ in 0..WARM_UP {
        call()?;
    }
    let before = allocated();
    for _ in 0..COUNTED {
        call()?;
    }
    let after = allocated();
    let of_one = |before: u64, after: u64| (after - before) as f64 / COUNTED as f64;
    Ok((of_one(before.0, after.0), of_one(before.1, after.1)))
}

fn of_server(
    server: SocketAddr,
    exchange: &Exchange,
    allocated: &dyn Fn() -> (u64, u64),
) -> Result<(f64, f64), Error> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let (request, mut buffer) = (exchange.octets(), Vec::new());
    let call = || {
        let document = crate::steady::call(&mut stream, &request, &mut buffer)?;
        let same = buffer[document..] == *exchange.answer();
        same.then_some(())
            .ok_or_else(|| Error::Answer(String::from_utf8_lossy(&buffer).into_owned()))
    };
    each(call, allocated)
}

fn of_client(
    mut client: impl Caller,
    runtime: &tokio::runtime::Runtime,
    allocated: &dyn Fn() -> (u64, u64),
) -> Result<(f64, f64), Error> {
    each(|| runtime.block_on(client.call()), allocated)
}

/// Serves on a thread of its own for as long as the process lives.
fn serve<F: Future<Output = Result<(), Error>>>(
    server: impl FnOnce(tokio::net::TcpListener) -> F + Send + 'static,
) -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = one_threaded()?;
    thread::spawn(move || {
        runtime.block_on(async { server(tokio::net::TcpListener::from_std(listener)?).await })
    });
    Ok(address)
}

fn serve_exporter() -> Result<SocketAddr, Error> {
    let runtime = one_threaded()?;
    let server = runtime.block_on(calls::server(1))?;
    let address = server.address();
    thread::spawn(move || {
        runtime.block_on(std::future::pending::<()>());
        drop(server);
    });
    Ok(address)
}

/// Answers every request with the same, on a thread for each connection, and allocates nothing once it is warm.
fn answer_all(exchange: &Exchange) -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let document = exchange.answer();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n",
        document.len()
    );
    let answer: Arc<[u8]> = [head.as_bytes(), document].concat().into();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || answer_one(stream?, &answer));
        }
    });
    Ok(address)
}

fn answer_one(mut stream: TcpStream, answer: &[u8]) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 1 << 20];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        // Every document ends so, and no request comes before the last was answered.
        if buffer[..filled].ends_with(b"</methodCall>") {
            stream.write_all(answer)?;
            filled = 0;
        }
    }
}

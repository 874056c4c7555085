//! `cargo demo`: the tutorial in one go, with nothing but Rust.
//!
//! An embedded etcd on a free port, the exporter and the consumer as processes of their own, what they print, and the
//! endpoint description as it lies in etcd. It ends with 0 when the consumer got its three replies and the exporter took
//! its endpoint back; every wait has a deadline.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use ferlix_etcd::embedded::{EmbeddedEtcd, EmbeddedStore};
use ferlix_examples::program::{Arguments, consume, export};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Shows a service exported, advertised, discovered, injected and called.
#[derive(Parser)]
struct Demo {
    #[command(subcommand)]
    part: Option<Part>,
}

/// The two processes: this program again.
#[derive(Subcommand)]
enum Part {
    /// The tutorial's exporter.
    Exporter(Arguments),
    /// The tutorial's consumer.
    Consumer(Arguments),
}

const TOP_KEY: &str = "org.eclipse.ecf.provider.etcd3.container.Etcd3DiscoveryContainer";
/// Each step takes milliseconds; a machine under load may take longer.
const DEADLINE: Duration = Duration::from_secs(30);
/// How often what cannot be waited for is looked at.
const POLL: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    let result = match Demo::parse().part {
        // Port 0 takes a free one.
        Some(Part::Exporter(arguments)) => return export(&arguments, 0),
        Some(Part::Consumer(arguments)) => return consume(&arguments),
        None => show(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demo failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show() -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let runtime = tokio::runtime::Runtime::new()?;
    let etcd = runtime.block_on(EmbeddedEtcd::bind(([127, 0, 0, 1], 0).into()))?;
    let port = etcd.local_addr().port();
    say("etcd", &format!("in memory, on port {port}"));

    let (sender, lines) = channel();
    let mut exporter = Process::start("exporter", port, &sender)?;
    let store = etcd.store();
    let record = advertised(&store, &lines)?;
    say("etcd", &record);
    let mut consumer = Process::start("consumer", port, &sender)?;
    replies(&lines)?;
    consumer.stop()?;
    exporter.stop()?;
    drain(&lines);
    let left = store.entries(TOP_KEY.as_bytes()).len();
    if left > 0 {
        return Err(format!("{left} keys were left in etcd").into());
    }
    say("etcd", "nothing is left: both took back what was theirs");
    runtime.block_on(etcd.shutdown());
    say(
        "demo",
        &format!(
            "exported, advertised, discovered, injected and called in {} ms",
            begin.elapsed().as_millis()
        ),
    );
    Ok(())
}

/// Waits until the exporter's endpoint lies in etcd, and shows it.
fn advertised(store: &EmbeddedStore, lines: &Receiver<Line>) -> Result<String, Box<dyn Error>> {
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        if let Ok(line) = lines.recv_timeout(POLL) {
            say(line.from, &line.text);
        }
        let endpoint = store
            .entries(TOP_KEY.as_bytes())
            .into_iter()
            .find(|(key, _)| text(key).matches('/').count() == 2);
        if let Some((key, value)) = endpoint {
            return Ok(format!("{}\n{}", text(&key), text(&value)));
        }
    }
    Err("no endpoint was advertised".into())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until the consumer has printed its three replies.
fn replies(lines: &Receiver<Line>) -> Result<(), Box<dyn Error>> {
    let deadline = Instant::now() + DEADLINE;
    let mut missing = vec![
        "RustSync says: Howdy",
        "RustAsync says: Howdy",
        "RustPromise says: Howdy",
    ];
    while !missing.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = lines
            .recv_timeout(left)
            .map_err(|_| format!("no reply came: {}", missing.join(", ")))?;
        say(line.from, &line.text);
        missing.retain(|reply| !line.text.contains(reply));
    }
    Ok(())
}

fn drain(lines: &Receiver<Line>) {
    lines.try_iter().for_each(|line| say(line.from, &line.text));
}

/// Prints lines with where they come from in front.
fn say(from: &str, text: &str) {
    for line in text.lines() {
        println!("{from:>8} │ {line}");
    }
}

/// What one of the processes printed.
struct Line {
    from: &'static str,
    text: String,
}

/// One of the two programs; it is killed if the demo fails.
struct Process {
    name: &'static str,
    child: Child,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Process {
    fn start(
        name: &'static str,
        etcd_port: u16,
        lines: &Sender<Line>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([
                name,
                "--no-console",
                "-D",
                &format!("etcd.port={etcd_port}"),
                "-D",
                "etcd.hostname=127.0.0.1",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .map(|pipe| read(name, pipe, lines.clone()));
        let stderr = child
            .stderr
            .take()
            .map(|pipe| read(name, pipe, lines.clone()));
        Ok(Self {
            name,
            child,
            readers: stdout.into_iter().chain(stderr).collect(),
        })
    }

    /// Asks it to stop, and waits until it has.
    fn stop(&mut self) -> Result<(), Box<dyn Error>> {
        kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGTERM)?;
        // Its output ends when it does.
        let deadline = Instant::now() + DEADLINE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err(format!("the {} did not stop", self.name).into());
            }
            thread::sleep(POLL);
        }
        let status = self.child.wait()?;
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        if status.success() {
            Ok(())
        } else {
            Err(format!("the {} ended with {status}", self.name).into())
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Neither fails for a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(
    from: &'static str,
    pipe: impl std::io::Read + Send + 'static,
    lines: Sender<Line>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for text in BufReader::new(pipe).lines().map_while(Result::ok) {
            if lines.send(Line { from, text }).is_err() {
                return;
            }
        }
    })
}

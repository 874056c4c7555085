//! A provider that is killed, stopped, or cut off in the middle of calls: every call ends by its deadline with an error that
//! says what is known of it, the consumer lives, and calls go on when the provider is back.
//!
//! The provider is a process of its own: this program again, with [`PROVIDER`] in its environment.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod echo;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ferlix_core::property::Value;
use ferlix_core::service::{CallError, Caller as _};
use ferlix_http::{HttpService as _, MountOptions, Server, ServerOptions};
use ferlix_xmlrpc::client::{Transport, TransportOptions, XmlRpcCaller};
use ferlix_xmlrpc::provider::{Services, ServicesOptions, handler};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

use self::echo::Echo;

/// The port that a provider process is to listen on; 0 for any.
const PROVIDER: &str = "FERLIX_TEST_PROVIDER_PORT";
const LISTENING: &str = "listening on ";
/// How long each call may take.
const DEADLINE: Duration = Duration::from_secs(1);
/// What a machine that is busy may add to that.
const SLACK: Duration = Duration::from_secs(10);
/// How long a change may take to be seen.
const PATIENCE: Duration = Duration::from_secs(60);
const CALLERS: usize = 16;

/// The provider process; as a test by itself it has nothing to do.
#[test]
#[ignore = "a process of the other tests"]
fn provider() {
    let Ok(port) = std::env::var(PROVIDER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let services = Arc::new(Services::new(ServicesOptions::default()));
        // Each answer takes a moment, so that there are always calls in flight.
        let echo = Echo(|| sleep(Duration::from_millis(20)));
        services.insert(1, vec![Arc::new(echo)], None);
        let options = ServerOptions::new("127.0.0.1", port.parse().unwrap());
        let server = Server::bind(options).await.unwrap();
        let options = MountOptions::new("test");
        server
            .mount("/xml-rpc", handler(services), options)
            .unwrap();
        println!("\n{LISTENING}{}", server.address());
        // Until the test ends, and with it our input, or it kills us.
        let input = tokio::task::spawn_blocking(|| {
            std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())
        });
        drop(input.await);
    });
}

struct Provider {
    child: Child,
    address: SocketAddr,
}

impl Provider {
    fn start(port: u16) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "provider", "--ignored", "--nocapture"])
            .env(PROVIDER, port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .map(Result::unwrap)
            .find_map(|line| line.strip_prefix(LISTENING)?.parse().ok())
            .expect("the provider says where it listens");
        Self { child, address }
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Callers that call without a pause, and what came of it.
struct Load {
    stop: Arc<AtomicBool>,
    outcomes: Arc<Mutex<Vec<(&'static str, Duration)>>>,
    tasks: JoinSet<u64>,
}

impl Load {
    fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let outcomes = Arc::new(Mutex::new(Vec::new()));
        let transport = Transport::new(&TransportOptions::default()).unwrap();
        let url = format!("http://{address}/xml-rpc");
        let mut tasks = JoinSet::new();
        for number in 0..CALLERS {
            let caller = XmlRpcCaller::new(&transport, &url, 1, "org.example.Echo").unwrap();
            caller.set_timeout(DEADLINE);
            let (stop, outcomes) = (Arc::clone(&stop), Arc::clone(&outcomes));
            tasks.spawn(async move {
                let mut calls = 0;
                while !stop.load(Ordering::Relaxed) {
                    let value = Value::from(format!("{number} {calls}"));
                    let begun = Instant::now();
                    let outcome = match caller.call_values("echo", vec![value.clone()]).await {
                        Ok(answer) if answer == value => "answered",
                        Ok(answer) => panic!("{value} was answered {answer}"),
                        Err(CallError::Lost { .. }) => "lost",
                        Err(CallError::Unreachable { .. }) => "unreachable",
                        // A provider that starts again listens before its services are there.
                        Err(CallError::Refused { .. }) => "refused",
                        Err(CallError::Timeout { .. }) => "timeout",
                        Err(other) => panic!("{other:?}"),
                    };
                    outcomes.lock().unwrap().push((outcome, begun.elapsed()));
                    calls += 1;
                    yield_now().await;
                }
                calls
            });
        }
        Self {
            stop,
            outcomes,
            tasks,
        }
    }

    /// Waits until so many more calls ended in one of these ways.
    async fn sees(&self, what: &[&str], count: usize) {
        let before = self.outcomes.lock().unwrap().len();
        let begun = Instant::now();
        loop {
            let seen = self.outcomes.lock().unwrap()[before..]
                .iter()
                .filter(|(outcome, _)| what.contains(outcome))
                .count();
            if seen >= count {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{what:?}: {seen} of {count}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends the load; how often each outcome was. Every call has ended, in time.
    async fn end(mut self) -> BTreeMap<&'static str, usize> {
        self.stop.store(true, Ordering::Relaxed);
        let mut calls = 0;
        while let Some(task) = self.tasks.join_next().await {
            calls += task.unwrap();
        }
        let outcomes = self.outcomes.lock().unwrap();
        assert_eq!(outcomes.len() as u64, calls);
        let mut counts = BTreeMap::new();
        for (outcome, took) in &*outcomes {
            assert!(*took < DEADLINE + SLACK, "{outcome} after {took:?}");
            *counts.entry(*outcome).or_default() += 1;
        }
        counts
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_survive_a_provider_that_is_killed() {
    let mut provider = Provider::start(0);
    let address = provider.address;
    let load = Load::start(address);
    load.sees(&["answered"], 100).await;
    for _ in 0..3 {
        provider.signal(Signal::SIGKILL);
        load.sees(&["unreachable"], CALLERS).await;
        drop(provider);
        provider = Provider::start(address.port());
        load.sees(&["answered"], 100).await;
    }
    let counts = load.end().await;
    assert!(
        counts.contains_key("lost") && counts.contains_key("unreachable"),
        "{counts:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_end_at_their_deadline_while_a_provider_is_stopped() {
    let provider = Provider::start(0);
    let load = Load::start(provider.address);
    load.sees(&["answered"], 100).await;
    provider.signal(Signal::SIGSTOP);
    load.sees(&["timeout"], CALLERS * 2).await;
    provider.signal(Signal::SIGCONT);
    load.sees(&["answered"], 100).await;
    let counts = load.end().await;
    assert!(!counts.contains_key("unreachable"), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_survive_connections_that_are_cut() {
    let provider = Provider::start(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let between = listener.local_addr().unwrap();
    let target = provider.address;
    let links = Arc::new(Mutex::new(JoinSet::new()));
    let made = Arc::clone(&links);
    let relay = tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            made.lock().unwrap().spawn(async move {
                let mut far = TcpStream::connect(target).await.unwrap();
                drop(copy_bidirectional(&mut near, &mut far).await);
            });
        }
    });
    let load = Load::start(between);
    load.sees(&["answered"], 100).await;
    for _ in 0..5 {
        links.lock().unwrap().abort_all();
        load.sees(&["lost"], 1).await;
        load.sees(&["answered"], 100).await;
    }
    let counts = load.end().await;
    relay.abort();
    assert!(!counts.contains_key("timeout"), "{counts:?}");
}

//! One consumer in front of two exporters of ours and one of iPOPO: the load is even while all are well, and no call that may
//! be repeated is lost while they are killed and started again at random.
//!
//! What is killed when is drawn from a seed; each takes ten seconds. `FERLIX_TEST_SEEDS` says how many are run (one unless
//! told otherwise), `FERLIX_TEST_SEED` which one alone: `cargo xtask soak balanced` runs six, a minute.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ferlix::prelude::*;
use ferlix_tests::etcd::Kind;
use ferlix_tests::{DEADLINE, EtcdServer, PythonPeer, Tutorial, peers};

/// The tutorial's service, with one method that may be repeated.
#[remote_service("org.eclipse.ecf.examples.hello.IHello", version = "1.1.0")]
trait Hello: Send + Sync {
    #[remote(idempotent)]
    async fn say_hello(&self, from: &str, message: &str) -> Result<String, CallError>;

    async fn say_hello_promise(&self, from: &str, message: &str) -> Result<String, CallError>;
}

/// Hands out what was injected.
#[service("test.caller")]
trait Shown: Send + Sync {
    fn hello(&self) -> Balanced<dyn Hello>;
}

#[component(factory = "balanced-caller", instance = "caller", provides(dyn Shown))]
struct Caller {
    #[inject(min = 0, filter = "(service.imported=true)")]
    hello: Balanced<dyn Hello>,
}

#[service_impl]
impl Shown for Caller {
    fn hello(&self) -> Balanced<dyn Hello> {
        self.hello.clone()
    }
}

bundle!(CALLER = "test.caller", components = [Caller]);

/// How long exporters are killed and started, for each seed.
const TURMOIL: Duration = Duration::from_secs(10);
/// How many call at the same time.
const CALLERS: usize = 4;

/// An exporter that can be killed and started again.
enum Exporter {
    First(Option<Tutorial>),
    Second(Option<Tutorial>),
    Ipopo(Option<PythonPeer>),
}

impl Exporter {
    fn start(&mut self, etcd: &EtcdServer) {
        // What the dead leave in etcd is to go within the test.
        let ours = ["etcd.lease_ttl=3"];
        match self {
            Self::First(program) => *program = Some(Tutorial::exporter(etcd, &ours)),
            Self::Second(program) => *program = Some(Tutorial::second_exporter(etcd, &ours)),
            Self::Ipopo(program) => {
                let port = etcd.port().to_string();
                let arguments = ["--etcd-port", &port, "--lease-ttl", "3"];
                *program = Some(PythonPeer::start("ipopo_exporter.py", &arguments));
            }
        }
    }

    fn kill(&mut self) {
        match self {
            Self::First(program) | Self::Second(program) => {
                program.take().unwrap().program().kill();
            }
            Self::Ipopo(program) => program.take().unwrap().program().kill(),
        }
    }
}

/// What came of the calls.
#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    lost: AtomicU64,
    /// Calls of the method that may not be repeated; some may be lost.
    unmarked: AtomicU64,
    unmarked_lost: AtomicU64,
    over: AtomicBool,
}

async fn call_until_over(hello: Balanced<dyn Hello>, tally: Arc<Tally>, caller: usize) {
    let name = format!("caller {caller}");
    while !tally.over.load(Ordering::SeqCst) {
        match hello.say_hello(&name, "again").await {
            Ok(answer) => {
                assert!(answer.contains(&name), "{answer}");
                tally.answered.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => {
                println!("LOST: {}", ferlix::error_chain(&error));
                tally.lost.fetch_add(1, Ordering::SeqCst);
            }
        }
        let unmarked = hello.say_hello_promise(&name, "once").await;
        tally.unmarked.fetch_add(1, Ordering::SeqCst);
        tally
            .unmarked_lost
            .fetch_add(u64::from(unmarked.is_err()), Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Numbers that look random: the same ones for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn wait_until(what: &str, hello: &Balanced<dyn Hello>, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(
            Instant::now() < deadline,
            "never {what}: {:#?}",
            hello.loads()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// So many calls by all callers while all are well: each exporter has its third of them, within a tenth.
async fn load_is_even(hello: &Balanced<dyn Hello>, calls: u64) {
    let before = hello.loads();
    let mut callers = Vec::new();
    for caller in 0..CALLERS as u64 {
        let hello = hello.clone();
        callers.push(tokio::spawn(async move {
            for _ in 0..calls / CALLERS as u64 {
                hello
                    .say_hello(&format!("caller {caller}"), "even")
                    .await
                    .unwrap();
            }
        }));
    }
    for caller in callers {
        caller.await.unwrap();
    }
    let after = hello.loads();
    assert_eq!((before.len(), after.len()), (3, 3));
    let shares: Vec<u64> = after
        .iter()
        .map(|load| {
            load.calls
                - before
                    .iter()
                    .find(|one| one.service == load.service)
                    .unwrap()
                    .calls
        })
        .collect();
    println!("{calls} calls while all are well: {shares:?}");
    let even = calls / 3;
    for share in shares {
        assert!(
            share.abs_diff(even) * 10 <= even,
            "{share} is not within 10 % of {even}"
        );
    }
}

fn run(seed: u64) {
    let binary = peers::etcd_binaries().remove(0);
    let etcd = EtcdServer::start(Kind::Real(binary));
    let mut exporters = [
        Exporter::First(None),
        Exporter::Second(None),
        Exporter::Ipopo(None),
    ];
    for exporter in &mut exporters {
        exporter.start(&etcd);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let framework = runtime.block_on(async {
        Framework::builder()
            .property("etcd.hostname", "127.0.0.1")
            .property("etcd.port", i32::from(etcd.port()))
            .property("ferlix.http.port", 0)
            .install(ferlix::bundles::REMOTE_ETCD_XMLRPC)
            .install(&CALLER)
            .start()
            .await
            .unwrap()
    });
    let hello = framework
        .context()
        .service::<dyn Shown>(None)
        .unwrap()
        .hello();
    wait_until("all three are there", &hello, || hello.len() == 3);
    runtime.block_on(load_is_even(&hello, 600));

    let tally = Arc::new(Tally::default());
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| runtime.spawn(call_until_over(hello.clone(), Arc::clone(&tally), caller)))
        .collect();
    let mut dice = Dice(seed);
    let mut kills = [0_u64; 3];
    let began = Instant::now();
    while began.elapsed() < TURMOIL {
        // Each has its turn once, then it is chance. The time that goes by is the fault that is made here.
        let turn = kills.iter().sum::<u64>();
        let victim = usize::try_from(if turn < 3 { turn } else { dice.roll(3) }).unwrap();
        thread::sleep(Duration::from_millis(100 + dice.roll(500)));
        exporters[victim].kill();
        kills[victim] += 1;
        thread::sleep(Duration::from_millis(dice.roll(300)));
        exporters[victim].start(&etcd);
    }
    tally.over.store(true, Ordering::SeqCst);
    for caller in callers {
        runtime.block_on(caller).unwrap();
    }
    let failures: u64 = hello.loads().iter().map(|load| load.failures).sum();
    let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
    println!(
        "seed {seed}: killed {kills:?} (ours, ours, iPOPO); marked idempotent: {} answered, {} lost; not marked: {} made, {} \
         lost; attempts that failed at those known now: {failures}",
        count(&tally.answered),
        count(&tally.lost),
        count(&tally.unmarked),
        count(&tally.unmarked_lost),
    );
    assert_eq!(count(&tally.lost), 0, "no call marked idempotent is lost");
    assert!(kills.iter().all(|kills| *kills > 0), "{kills:?}");
    assert!(count(&tally.answered) > 100);

    // When it is over the dead go, the living are well, and the load is even again.
    wait_until("three that are well are left", &hello, || {
        let loads = hello.loads();
        loads.len() == 3 && loads.iter().all(|load| load.service.is_healthy())
    });
    runtime.block_on(load_is_even(&hello, 600));
    runtime.block_on(framework.stop()).unwrap();
    peers::report(etcd.version(), "no_idempotent_call_is_lost");
}

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn no_idempotent_call_is_lost_while_exporters_are_killed() {
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match number("FERLIX_TEST_SEED") {
        Some(seed) => run(seed),
        None => (0..number("FERLIX_TEST_SEEDS").unwrap_or(1)).for_each(run),
    }
}

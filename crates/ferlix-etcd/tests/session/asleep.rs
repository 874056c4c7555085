//! A machine that sleeps: our own process stands still, while etcd and everybody else go on.
//!
//! The process that sleeps is this test program once more, told by an environment variable to be one session.

use std::env;
use std::fmt::Write as _;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ferlix_etcd::{EtcdConfig, Session, SessionConfig};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, advance};

use crate::memory::Network;
use crate::process::{Etcd, binaries, ran};
use crate::records::{Counting, fixed};
use crate::view::{View, eventually, watching};

/// Where the sleeper finds etcd.
const ENDPOINT: &str = "FERLIX_TEST_SLEEPER_ETCD";

/// Not a test by itself: the session `sleeper`, which advertises one record, and another that lists what it sees of others.
/// It ends with its standard input.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that sleeps in the test below"]
async fn sleeper() {
    let Ok(endpoint) = env::var(ENDPOINT) else {
        return;
    };
    let mut config = SessionConfig::new(EtcdConfig::new([endpoint]), "sleeper");
    config.top_key = "top".into();
    config.lease_ttl = Duration::from_secs(2);
    let (session, events) = Session::start(config).unwrap();
    session.put("one", Counting::new("one")).await.unwrap();
    let mut view = View::new(events);
    let mut told = None;
    let follow = async {
        while view.take().await {
            let mut seen = String::new();
            for (key, value) in view.known.range("top/other/".to_owned()..) {
                if key.starts_with("top/other/") {
                    writeln!(seen, "{key} {value}").unwrap();
                }
            }
            if told.as_ref() != Some(&seen) {
                session.put("sees", fixed(seen.clone())).await.unwrap();
                told = Some(seen);
            }
        }
    };
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    tokio::select! {
        () = follow => {}
        _ = ended => {}
    }
}

/// The sleeping process; killed when dropped.
struct Sleeper(Child);

impl Sleeper {
    fn start(etcd: &Etcd) -> Self {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "asleep::sleeper", "--ignored", "--nocapture"])
            .env(ENDPOINT, etcd.endpoint())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn send(&self, signal: Signal) {
        let id = i32::try_from(self.0.id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
#[ignore = "needs real etcds: cargo xtask test"]
async fn a_process_that_slept_longer_than_its_lease_is_there_again_and_sees_what_changed() {
    for binary in binaries() {
        let etcd = Etcd::start(&binary);
        let (other, mut view) = etcd.session("other");
        watching(&other).await;
        other.put("stays", fixed("1")).await.unwrap();
        other.put("goes", fixed("1")).await.unwrap();
        let sleeper = Sleeper::start(&etcd);
        view.until_known("top/sleeper/one", "one 1").await;
        view.until_known("top/sleeper/sees", "top/other/goes 1\ntop/other/stays 1\n")
            .await;

        sleeper.send(Signal::SIGSTOP);
        view.until_gone("top/sleeper/one").await;
        view.until_gone("top/sleeper").await;
        other.remove("goes").await.unwrap();
        other.put("comes", fixed("1")).await.unwrap();

        sleeper.send(Signal::SIGCONT);
        let awake = Instant::now();
        view.until("it is there again, with a fresh value", |view| {
            let value = view.known.get("top/sleeper/one");
            value.is_some_and(|value| value != "one 1")
        })
        .await;
        view.until_known("top/sleeper/sees", "top/other/comes 1\ntop/other/stays 1\n")
            .await;
        eprintln!(
            "{}: exact {:?} after it woke",
            binary.display(),
            awake.elapsed()
        );
        ran(
            &binary,
            "a_process_that_slept_longer_than_its_lease_is_there_again_and_sees_what_changed",
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_asleep_costs_seconds() {
    let (network, store) = Network::with_etcd();
    let (a, _) = network.session("a");
    let (b, mut view) = network.session("b");
    watching(&b).await;
    a.put("one", Counting::new("one")).await.unwrap();
    view.until_known("top/a/one", "one 1").await;
    let before = store.leases();
    // All timers are due at once: those of the leases, of the renewals, and of the watch.
    advance(Duration::from_secs(3600)).await;
    let awake = Instant::now();
    view.until("it is there again, with a fresh value", |view| {
        let value = view.known.get("top/a/one");
        value.is_some_and(|value| value != "one 1")
    })
    .await;
    assert!(
        awake.elapsed() < Duration::from_secs(5),
        "{:?}",
        awake.elapsed()
    );
    eventually("both have new leases", || {
        let leases = store.leases();
        (leases.len() == 2 && !leases.iter().any(|lease| before.contains(lease))).then_some(())
    })
    .await;
}

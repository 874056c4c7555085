//! Random schedules of faults and changes, by seed, in paused time and without a socket. At the end of each, when the
//! faults are over, what two sessions wish, what is in etcd and what each of them knows is the same. Each seed is run
//! twice, and the two traces have to be equal.
//!
//! `FERLIX_TEST_SEEDS` says how many seeds (default 60, `cargo xtask soak session` runs thousands); `FERLIX_TEST_SEED`
//! runs the one that failed (`cargo xtask soak session --seed N`).

mod faults;

use std::collections::BTreeMap;
use std::time::Duration;

use ferlix_etcd::embedded::EmbeddedStore;
use ferlix_etcd::{Error, Session, SessionState, WriteOutcome};
use tokio::time::{Instant, sleep, timeout};

use self::faults::{Fault, Faults};
use crate::memory::Network;
use crate::random::Random;
use crate::records::fixed;
use crate::view::{View, text};

/// How long a lease lives.
const LEASE: Duration = Duration::from_secs(6);

/// How often each fault was injected.
type Counts = BTreeMap<Fault, u64>;

/// What happened, and when.
type Trace = Vec<String>;

/// One of the two sessions, what it wishes, and what its consumer was told.
struct Peer {
    id: &'static str,
    session: Session,
    view: View,
    wished: BTreeMap<String, String>,
}

impl Peer {
    fn start(network: &Network, id: &'static str, endpoints: [&str; 2], seed: u64) -> Self {
        let (session, events) = network.session_with(id, |config| {
            config.client = network.config(&endpoints);
            config.client.page_size = 3;
            config.client.call_timeout = Duration::from_secs(1);
            config.jitter_seed = Some(seed);
            config.lease_ttl = LEASE;
            config.progress_interval = Duration::from_secs(4);
        });
        let own = (format!("top/{id}"), id.to_owned());
        Self {
            id,
            session,
            view: View::new(events),
            wished: BTreeMap::from([own]),
        }
    }

    /// Wishes something else for one of a few names.
    async fn change(&mut self, random: &mut Random, step: u64) -> Result<WriteOutcome, Error> {
        let name = format!("n{}", random.below(5));
        let key = format!("top/{}/{name}", self.id);
        if random.below(3) == 0 {
            self.wished.remove(&key);
            self.session.remove(&name).await
        } else {
            let value = format!("{name} {step}");
            self.wished.insert(key, value.clone());
            self.session.put(&name, fixed(value)).await
        }
    }
}

async fn run(seed: u64, counts: &mut Counts) -> Trace {
    let mut random = Random(seed);
    let (network, store) = Network::with_etcd();
    // Two members that hold the same, and one more way in that no fault meets.
    network.alias("second", "etcd");
    network.alias("tampering", "etcd");
    let mut peers = [
        Peer::start(&network, "a", ["etcd", "second"], seed),
        Peer::start(&network, "b", ["second", "etcd"], seed + 1),
    ];
    let begun = Instant::now();
    let mut trace = Trace::new();
    let mut faults = Faults::new(&network, &store);
    for step in 0..30 {
        sleep(Duration::from_millis(random.below(1500))).await;
        faults.end_those_of(step);
        if random.below(2) == 0 {
            let peer = usize::from(random.below(2) == 1);
            let outcome = peers[peer].change(&mut random, step).await;
            // Whoever hears rubbish may hear that something is forbidden; it is tried again all the same.
            assert!(outcome.is_ok() || faults.is_spoiling(), "{outcome:?}");
        } else {
            let fault = faults.inject(&mut random, step).await;
            if let Some(fault) = fault {
                *counts.entry(fault).or_default() += 1;
            }
            trace.push(format!("{:?} {fault:?}", begun.elapsed()));
        }
        for peer in &mut peers {
            follow(peer, begun, &mut trace).await;
        }
    }
    faults.end_all();
    settle(&mut peers, &store, begun, &mut trace).await;
    for peer in &peers {
        trace.push(format!("{:?}", peer.session.status().counts));
    }
    trace
}

/// Takes what the session has told so far.
async fn follow(peer: &mut Peer, begun: Instant, trace: &mut Trace) {
    let before = peer.view.told.len();
    while let Ok(more) = timeout(Duration::ZERO, peer.view.take()).await {
        assert!(more, "the session ended");
    }
    for told in &peer.view.told[before..] {
        trace.push(format!("{:?} {} {told}", begun.elapsed(), peer.id));
    }
}

/// Waits until wishes, contents and knowledge are the same.
async fn settle(peers: &mut [Peer; 2], store: &EmbeddedStore, begun: Instant, trace: &mut Trace) {
    let ended = Instant::now();
    let mut wished = peers[0].wished.clone();
    wished.extend(peers[1].wished.clone());
    loop {
        for peer in peers.iter_mut() {
            follow(peer, begun, trace).await;
        }
        let entries = store.entries(b"top/");
        let present: BTreeMap<_, _> = entries
            .iter()
            .map(|(key, value)| (text(key), text(value)))
            .collect();
        let exact = present == wished
            && peers.iter().all(|peer| {
                let status = peer.session.status();
                peer.view.known == wished
                    && status.state == SessionState::Watching
                    && status.pending == 0
            });
        if exact {
            trace.push(format!("exact after {:?}", ended.elapsed()));
            return;
        }
        assert!(
            ended.elapsed() < Duration::from_secs(20),
            "not the same in time\nwished {wished:#?}\npresent {present:#?}\na knows {:#?}\nb knows {:#?}\n{trace:#?}",
            peers[0].view.known,
            peers[1].view.known
        );
        sleep(Duration::from_millis(20)).await;
    }
}

fn simulate(seed: u64, counts: &mut Counts) -> Trace {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(run(seed, counts))
}

#[test]
fn random_faults_leave_everybody_with_the_same() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().unwrap())
    };
    let seeds = match number("FERLIX_TEST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FERLIX_TEST_SEEDS").unwrap_or(60),
    };
    let (begun, count) = (std::time::Instant::now(), seeds.end - seeds.start);
    let mut counts = Counts::new();
    for seed in seeds {
        // What the last line of a run that failed says.
        if count <= 100 || seed % 100 == 0 {
            eprintln!("seed {seed}");
        }
        let run = |counts: &mut Counts| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| simulate(seed, counts)))
        };
        let (Ok(first), Ok(second)) = (run(&mut counts), run(&mut Counts::new())) else {
            panic!("seed {seed} failed; again: cargo xtask soak session --seed {seed}");
        };
        for (one, two) in first.iter().zip(&second) {
            assert_eq!(one, two, "seed {seed} went another way the second time");
        }
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
    eprintln!(
        "{count} seeds, each twice, in {:?}; faults:",
        begun.elapsed()
    );
    for fault in Fault::ALL {
        eprintln!(
            "{:>8}  {fault:?}",
            counts.get(&fault).copied().unwrap_or_default()
        );
    }
    if count >= 60 {
        assert_eq!(counts.len(), Fault::ALL.len(), "each fault is to happen");
    }
}

//! Random schedules of faults and changes, by seed, in paused time and without a socket. At the end of each, when the
//! faults are over, what two sessions wish, what is in etcd and what each of them knows is the same. Each seed is run
//! twice, and the two traces have to be equal.
//!
//! `FERLIX_TEST_SEEDS` says how many seeds (default 60); `FERLIX_TEST_SEED` runs the one that failed.

use std::collections::BTreeMap;
use std::time::Duration;

use ferlix_etcd::embedded::EmbeddedStore;
use ferlix_etcd::{Session, SessionState};
use tokio::time::{Instant, sleep, timeout};

use crate::memory::Network;
use crate::records::fixed;
use crate::view::{View, text};

/// The faults, by the name under which they are counted.
const FAULTS: [&str; 8] = [
    "compact",
    "cancel watches",
    "delete a key",
    "drop connections",
    "freeze",
    "overwrite a key",
    "revoke leases",
    "wipe",
];

/// `SplitMix64`, as in the session: a seed gives one sequence, everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// One of the two sessions, what it wishes, and what its consumer was told.
struct Peer {
    id: &'static str,
    session: Session,
    view: View,
    wished: BTreeMap<String, String>,
}

impl Peer {
    fn start(network: &Network, id: &'static str, seed: u64) -> Self {
        let (session, events) = network.session_with(id, |config| {
            config.jitter_seed = Some(seed);
            config.lease_ttl = Duration::from_secs(6);
            config.progress_interval = Duration::from_secs(4);
            config.client.page_size = 3;
            config.client.call_timeout = Duration::from_secs(1);
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
    async fn change(&mut self, random: &mut Random, step: u64) {
        let name = format!("n{}", random.below(5));
        let key = format!("top/{}/{name}", self.id);
        if random.below(3) == 0 {
            self.wished.remove(&key);
            self.session.remove(&name).await.unwrap();
        } else {
            let value = format!("{name} {step}");
            self.wished.insert(key, value.clone());
            self.session.put(&name, fixed(value)).await.unwrap();
        }
    }
}

/// What happened, and when.
type Trace = Vec<String>;

async fn run(seed: u64, counts: &mut BTreeMap<&'static str, u32>) -> Trace {
    let mut random = Random(seed);
    let (network, store) = Network::with_etcd();
    let mut peers = [
        Peer::start(&network, "a", seed),
        Peer::start(&network, "b", seed + 1),
    ];
    let begun = Instant::now();
    let mut trace = Trace::new();
    let mut frozen_until = None;
    for step in 0..30 {
        let wait = Duration::from_millis(random.below(1500));
        sleep(wait).await;
        if frozen_until.is_some_and(|until| step >= until) {
            network.freeze("etcd", false);
            frozen_until = None;
        }
        if random.below(2) == 0 {
            let peer = random.below(2);
            peers[usize::from(peer == 1)]
                .change(&mut random, step)
                .await;
        } else {
            let fault = FAULTS[random.below(FAULTS.len() as u64) as usize];
            *counts.entry(fault).or_default() += 1;
            match fault {
                "freeze" => {
                    network.freeze("etcd", true);
                    frozen_until = Some(step + 1 + random.below(6));
                }
                "compact" => store.compact(),
                "cancel watches" => store.cancel_watches(),
                "drop connections" => store.drop_connections(),
                "revoke leases" => store.revoke_leases(),
                "wipe" => store.wipe(),
                _ => tamper(&network, fault, &store, &mut random, frozen_until.is_some()).await,
            }
            trace.push(format!("{:?} {fault}", begun.elapsed()));
        }
        for peer in &mut peers {
            follow(peer, begun, &mut trace).await;
        }
    }
    network.freeze("etcd", false);
    settle(&mut peers, &store, begun, &mut trace).await;
    for peer in &peers {
        trace.push(format!("{:?}", peer.session.status().counts));
    }
    trace
}

/// Deletes or overwrites a key, whosever it is, with a client of its own.
async fn tamper(
    network: &Network,
    fault: &str,
    store: &EmbeddedStore,
    random: &mut Random,
    frozen: bool,
) {
    let entries = store.entries(b"top/");
    // Through a frozen network nobody gets.
    if frozen || entries.is_empty() {
        return;
    }
    let (key, _) = &entries[random.below(entries.len() as u64) as usize];
    let client = network.client().await;
    if fault == "delete a key" {
        client.delete(key).await.unwrap();
    } else {
        client.put(key, "theirs".into(), 0).await.unwrap();
    }
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

fn simulate(seed: u64, counts: &mut BTreeMap<&'static str, u32>) -> Trace {
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
    let several = seeds.end - seeds.start > 20;
    let mut counts = BTreeMap::new();
    for seed in seeds {
        eprintln!("FERLIX_TEST_SEED={seed}");
        let first = simulate(seed, &mut counts);
        let second = simulate(seed, &mut BTreeMap::new());
        for (one, two) in first.iter().zip(&second) {
            assert_eq!(one, two, "seed {seed} went another way the second time");
        }
        assert_eq!(first.len(), second.len());
    }
    eprintln!("faults: {counts:?}");
    if several {
        assert_eq!(counts.len(), FAULTS.len(), "each fault is to happen");
    }
}

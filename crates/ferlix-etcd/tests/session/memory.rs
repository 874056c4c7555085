//! A network in memory: embedded etcds by host name, which may be away, refuse connections, freeze, be slow, spoil what they
//! answer, or lose what is sent over the connections that they have.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_etcd::embedded::{EmbeddedEtcd, EmbeddedEtcdBuilder, EmbeddedStore};
use ferlix_etcd::{
    Client, Dial, DialFuture, Dialed, EtcdConfig, Session, SessionConfig, SessionEvents,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::time::{advance, sleep};

use crate::random::Random;
use crate::view::View;

/// One etcd in the network.
#[derive(Debug)]
struct Host {
    etcd: Arc<EmbeddedEtcd>,
    gate: Arc<Gate>,
}

/// One way through a connection, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Answers,
    Requests,
}

/// Holds bytes back. (A watch channel would wake those who wait in an order that differs from run to run.)
#[derive(Debug, Default)]
struct Gate {
    frozen: AtomicBool,
    opened: Notify,
    refusing: AtomicBool,
    /// In milliseconds.
    delay: AtomicU64,
    /// How often the connections of the time were made to lose everything, for each direction.
    lost: [AtomicU64; 2],
    /// What the next spoiled byte is drawn from; 0 while none is.
    rubbish: AtomicU64,
}

impl Gate {
    fn set(&self, frozen: bool) {
        self.frozen.store(frozen, Ordering::SeqCst);
        self.opened.notify_waiters();
    }

    fn lost(&self, direction: Direction) -> &AtomicU64 {
        &self.lost[direction as usize]
    }

    /// Puts another byte in the place of one, in every second piece or so.
    fn spoil(&self, piece: &mut [u8]) {
        let rubbish = self.rubbish.load(Ordering::SeqCst);
        if rubbish == 0 || piece.is_empty() {
            return;
        }
        let mut random = Random(rubbish);
        if random.below(2) == 0 {
            let at = random.below(piece.len() as u64);
            piece[usize::try_from(at).unwrap()] ^= u8::try_from(1 + random.below(255)).unwrap();
        }
        self.rubbish.store(random.0.max(1), Ordering::SeqCst);
    }

    async fn pass(&self) {
        let delay = self.delay.load(Ordering::SeqCst);
        if delay > 0 {
            sleep(Duration::from_millis(delay)).await;
        }
        loop {
            let opened = self.opened.notified();
            if !self.frozen.load(Ordering::SeqCst) {
                return;
            }
            opened.await;
        }
    }
}

/// The network; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    hosts: Arc<Mutex<BTreeMap<String, Host>>>,
}

impl Network {
    /// A network with one etcd, `etcd`.
    pub(crate) fn with_etcd() -> (Self, EmbeddedStore) {
        let network = Self::default();
        let store = network.start("etcd");
        (network, store)
    }

    /// Starts an empty etcd.
    pub(crate) fn start(&self, host: &str) -> EmbeddedStore {
        self.start_with(host, EmbeddedEtcd::builder())
    }

    /// Starts an empty etcd with these settings.
    pub(crate) fn start_with(&self, host: &str, builder: EmbeddedEtcdBuilder) -> EmbeddedStore {
        let etcd = builder.seed(1).in_memory();
        let store = etcd.store();
        let host_entry = Host {
            etcd: Arc::new(etcd),
            gate: Arc::default(),
        };
        let mut hosts = self.hosts.lock().unwrap();
        hosts.insert(host.into(), host_entry);
        store
    }

    /// Holds back every byte from and to an etcd, or lets them pass again.
    pub(crate) fn freeze(&self, host: &str, frozen: bool) {
        self.hosts.lock().unwrap()[host].gate.set(frozen);
    }

    /// Gives an etcd a second name, with a way to it of its own.
    pub(crate) fn alias(&self, name: &str, host: &str) {
        let mut hosts = self.hosts.lock().unwrap();
        let etcd = Arc::clone(&hosts[host].etcd);
        let gate = Arc::default();
        hosts.insert(name.into(), Host { etcd, gate });
    }

    /// Refuses new connections, or takes them again.
    pub(crate) fn refuse(&self, host: &str, refusing: bool) {
        let hosts = self.hosts.lock().unwrap();
        hosts[host].gate.refusing.store(refusing, Ordering::SeqCst);
    }

    /// Makes every byte take so long.
    pub(crate) fn delay(&self, host: &str, delay: Duration) {
        let delay = u64::try_from(delay.as_millis()).unwrap();
        let hosts = self.hosts.lock().unwrap();
        hosts[host].gate.delay.store(delay, Ordering::SeqCst);
    }

    /// From now on nothing arrives over the present connections; the ends are not told.
    pub(crate) fn lose(&self, host: &str, direction: Direction) {
        let hosts = self.hosts.lock().unwrap();
        hosts[host]
            .gate
            .lost(direction)
            .fetch_add(1, Ordering::SeqCst);
    }

    /// Answers are spoiled from now on, by chance but the same for the same seed.
    pub(crate) fn spoil(&self, host: &str, seed: u64) {
        let hosts = self.hosts.lock().unwrap();
        hosts[host]
            .gate
            .rubbish
            .store(seed.max(1), Ordering::SeqCst);
    }

    /// Whether answers are spoiled.
    pub(crate) fn is_spoiled(&self, host: &str) -> bool {
        let hosts = self.hosts.lock().unwrap();
        hosts[host].gate.rubbish.load(Ordering::SeqCst) != 0
    }

    /// Answers are right again. What was said over the connections that had spoiled ones cannot be trusted: they are
    /// lost. (In a network, checksums see to that.)
    pub(crate) fn spoil_no_more(&self, host: &str) {
        let was = self.hosts.lock().unwrap()[host]
            .gate
            .rubbish
            .swap(0, Ordering::SeqCst);
        if was != 0 {
            self.lose(host, Direction::Answers);
        }
    }

    /// How to reach these hosts.
    pub(crate) fn config(&self, hosts: &[&str]) -> EtcdConfig {
        let mut config = EtcdConfig::new(hosts.iter().copied());
        config.dial = Arc::new(self.clone());
        config
    }

    pub(crate) async fn client(&self) -> Client {
        self.client_of("etcd").await
    }

    pub(crate) async fn client_of(&self, host: &str) -> Client {
        Client::connect(self.config(&[host])).await.unwrap()
    }

    /// A session on `etcd` with the top key `top`.
    pub(crate) fn session(&self, id: &str) -> (Session, View) {
        let (session, events) = self.session_with(id, |_| {});
        (session, View::new(events))
    }

    pub(crate) fn session_with(
        &self,
        id: &str,
        change: impl FnOnce(&mut SessionConfig),
    ) -> (Session, SessionEvents) {
        let mut config = SessionConfig::new(self.config(&["etcd"]), id);
        config.top_key = "top".into();
        config.jitter_seed = Some(1);
        change(&mut config);
        Session::start(config).unwrap()
    }
}

/// Changes a key and forgets its history, again and again, so that whoever reads in pages falls into it.
pub(crate) async fn compact_until(
    client: &Client,
    store: &EmbeddedStore,
    holds: impl Fn() -> bool,
) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        for _ in 0..50 {
            client.put(b"top/o/changes", "v".into(), 0).await.unwrap();
            store.compact();
        }
        // Paused time goes on only when there is nothing to do.
        advance(Duration::from_millis(10)).await;
    }
    panic!("nobody fell into it");
}

impl Dial for Network {
    fn dial<'a>(&'a self, host: &'a str, _port: u16) -> DialFuture<'a> {
        let found = self
            .hosts
            .lock()
            .unwrap()
            .get(host)
            .filter(|host| !host.gate.refusing.load(Ordering::SeqCst))
            .map(|host| (Arc::clone(&host.etcd), Arc::clone(&host.gate)));
        Box::pin(async move {
            let (etcd, gate) =
                found.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionRefused))?;
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let server = etcd.connect().await?;
            let (from_server, to_server) = tokio::io::split(server);
            let (from_client, to_client) = tokio::io::split(theirs);
            let requests = Arc::clone(&gate);
            tokio::spawn(carry(from_client, to_server, requests, Direction::Requests));
            tokio::spawn(carry(from_server, to_client, gate, Direction::Answers));
            Ok(Dialed::new(ours, None))
        })
    }
}

async fn carry(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    gate: Arc<Gate>,
    direction: Direction,
) {
    let lost = gate.lost(direction).load(Ordering::SeqCst);
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        gate.pass().await;
        if direction == Direction::Answers {
            gate.spoil(&mut buffer[..count]);
        }
        if gate.lost(direction).load(Ordering::SeqCst) != lost {
            if count == 0 {
                return;
            }
            continue;
        }
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

//! An etcd v3 server in memory, for one machine.
//!
//! It is for the demonstration, for tests, and for programs that want discovery on one machine without setting up etcd.
//! Clients – ours, `etcdctl`, Python's and Java's – speak to it as to an etcd with one member: keys and values with
//! history and transactions, watches with replay, leases, and what `etcdctl endpoint status` asks for. **Nothing is kept**:
//! when it stops, everything in it is gone. There is one member, no disk, no TLS, no users and no HTTP/JSON gateway. If
//! more than one machine depends on it, run etcd: a cluster is what etcd is for.
//!
//! It differs from etcd where memory has to stay bounded: history is forgotten by itself beyond
//! [`EmbeddedEtcdBuilder::history`] revisions, and before a write is refused because
//! [`EmbeddedEtcdBuilder::memory_limit`] is reached (`etcdserver: mvcc: database space exceeded`, which ends by itself when
//! keys are deleted). Watches that were behind then are told so, as after any compaction.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use ferlix_etcd::embedded::EmbeddedEtcd;
//!
//! // Port 0 takes a free one.
//! let etcd = EmbeddedEtcd::bind(([127, 0, 0, 1], 0).into()).await?;
//! println!("etcdctl --endpoints {} get --prefix ''", etcd.local_addr());
//! etcd.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod news;
mod refusal;
mod server;
mod service;
mod shared;
mod store;
mod watch;

use std::{
    hash::{BuildHasher, RandomState},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    net::TcpListener,
};
use tokio_util::task::TaskTracker;

use self::{
    server::Connections,
    shared::Shared,
    store::{Identity, KeyRange, Limits, Store},
};

/// The version that the server claims: what it was checked against.
const VERSION: &str = concat!("3.5.1+ferlix.", env!("CARGO_PKG_VERSION"));

/// One member elects itself once.
const RAFT_TERM: u64 = 2;

/// Bytes of a request: etcd's default, 1.5 MiB.
const MAX_REQUEST_BYTES: usize = 3 * 512 * 1024;

/// Bytes in flight in each direction of a connection in memory.
const DUPLEX_BYTES: usize = 64 * 1024;

/// How long a shutdown waits for calls in progress.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Settings of an [`EmbeddedEtcd`].
#[derive(Clone, Debug)]
#[must_use]
pub struct EmbeddedEtcdBuilder {
    limits: Limits,
    progress_interval: Duration,
    seed: Option<u64>,
}

impl EmbeddedEtcdBuilder {
    /// Bytes that keys, values, their history and leases may take, with what is around them; by default 256 MiB.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.limits.memory = bytes;
        self
    }

    /// Revisions that can still be read and watched from, by default 100,000; older ones are forgotten, some at a time.
    pub fn history(mut self, revisions: usize) -> Self {
        self.limits.history = revisions;
        self
    }

    /// How often a watch that asked for progress is told so while nothing happens; by default 10 minutes, as in etcd.
    ///
    /// Less than a millisecond counts as one.
    pub fn progress_interval(mut self, interval: Duration) -> Self {
        self.progress_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Where the numbers of the cluster, the member and the leases come from; by default chance.
    ///
    /// For simulations, which have to be the same twice. Servers that follow each other should not have the same seed: a
    /// client of the first could take a lease of the second for its own.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts the server at `address`; port 0 takes a free one.
    ///
    /// Whoever reaches the address may read and write everything: think twice before binding more than loopback.
    ///
    /// # Errors
    ///
    /// What the system says if it can not listen there.
    pub async fn bind(self, address: SocketAddr) -> io::Result<EmbeddedEtcd> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let etcd = self.start(Some(address));
        etcd.tasks
            .spawn(Arc::clone(&etcd.connections).accept(listener, etcd.shared.stop.clone()));
        Ok(etcd)
    }

    /// Starts the server without an address: it serves only what [`EmbeddedEtcd::connect`] and
    /// [`EmbeddedEtcd::serve_stream`] give it. To be called within a tokio runtime.
    #[must_use]
    pub fn in_memory(self) -> EmbeddedEtcd {
        self.start(None)
    }

    fn start(self, address: Option<SocketAddr>) -> EmbeddedEtcd {
        let seed = self
            .seed
            .unwrap_or_else(|| RandomState::new().hash_one("ferlix"));
        let mut numbers = SplitMix(seed);
        let identity = Identity {
            cluster: numbers.next(),
            member: numbers.next(),
            // Far from the end of the range, so that counting on does not overflow.
            first_lease: i64::try_from(numbers.next() >> 2).unwrap_or(1),
        };
        let client_urls = address.iter().map(|address| format!("http://{address}"));
        let shared = Shared::new(
            identity,
            self.limits,
            self.progress_interval,
            client_urls.collect(),
        );
        let (connections, serving) = Connections::serve(&shared);
        let tasks = TaskTracker::new();
        tasks.spawn(serving);
        tasks.spawn(Arc::clone(&shared).expire_leases());
        EmbeddedEtcd {
            shared,
            connections,
            tasks,
            address,
        }
    }
}

/// Spreads a seed over several numbers (the generator that is known as `SplitMix64`).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A running in-memory etcd server; dropping it stops it at once.
#[derive(Debug)]
pub struct EmbeddedEtcd {
    shared: Arc<Shared>,
    connections: Arc<Connections>,
    tasks: TaskTracker,
    address: Option<SocketAddr>,
}

impl EmbeddedEtcd {
    /// Settings, at first the defaults.
    pub fn builder() -> EmbeddedEtcdBuilder {
        EmbeddedEtcdBuilder {
            limits: Limits {
                memory: 256 * 1024 * 1024,
                history: 100_000,
            },
            progress_interval: Duration::from_secs(600),
            seed: None,
        }
    }

    /// Starts a server with the default settings at `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// What the system says if it can not listen there.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::builder().bind(address).await
    }

    /// Where the server listens; `0.0.0.0:0` if it is [`in_memory`](EmbeddedEtcdBuilder::in_memory).
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
            .unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// Opens a connection in memory; what is returned is the client's end, to speak gRPC over.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the server has stopped.
    pub async fn connect(&self) -> io::Result<DuplexStream> {
        let (client, server) = tokio::io::duplex(DUPLEX_BYTES);
        self.connections.add(server).await?;
        Ok(client)
    }

    /// Serves a connection that was made elsewhere, until either side closes it.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the server has stopped.
    pub async fn serve_stream(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> io::Result<()> {
        self.connections.add(stream).await
    }

    /// The server's contents, to look at and to tamper with.
    #[must_use]
    pub fn store(&self) -> EmbeddedStore {
        EmbeddedStore {
            shared: Arc::clone(&self.shared),
            connections: Arc::clone(&self.connections),
        }
    }

    /// Stops: no more connections, calls in progress are answered, streams end with `Unavailable`. Connections that are
    /// not closed after a second are cut.
    pub async fn shutdown(self) {
        self.shared.stop.cancel();
        self.tasks.close();
        let drained = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.tasks.wait());
        if drained.await.is_err() {
            self.connections.close_all();
            if tokio::time::timeout(SHUTDOWN_TIMEOUT, self.tasks.wait())
                .await
                .is_err()
            {
                tracing::warn!("a connection to the embedded etcd does not end; it is left alone");
            }
        }
    }
}

impl Drop for EmbeddedEtcd {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.connections.close_all();
    }
}

/// The contents of an [`EmbeddedEtcd`], past its clients: for a look at what lies there, and for tests of what a client does
/// when etcd loses something.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    connections: Arc<Connections>,
}

impl EmbeddedStore {
    /// The latest revision; 1 before the first write.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.shared.with(|store, _| store.revision())
    }

    /// Keys that begin with `prefix` (all for an empty one) and their values, in order.
    #[must_use]
    pub fn entries(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.shared.with(|store, _| {
            store
                .live(&KeyRange::from(prefix), store.revision())
                .take_while(|kv| kv.key.starts_with(prefix))
                .map(|kv| (kv.key.to_vec(), kv.value.to_vec()))
                .collect()
        })
    }

    /// The numbers of all leases.
    #[must_use]
    pub fn leases(&self) -> Vec<i64> {
        self.shared.with(|store, _| store.lease_ids().collect())
    }

    /// Forgets all history. Watches that are behind are told so; a read or watch from an older revision fails.
    pub fn compact(&self) {
        self.shared.with(|store, _| {
            let revision = store.revision();
            // Refused only if there is no history to forget.
            let _ = store.compact(revision);
        });
    }

    /// Revokes every lease; their keys are deleted.
    pub fn revoke_leases(&self) {
        self.shared.with(|store, _| {
            for id in store.lease_ids().collect::<Vec<_>>() {
                // Refused only if there is no such lease.
                let _ = store.revoke(id);
            }
        });
    }

    /// Ends every watch with a response that says so; the streams go on.
    pub fn cancel_watches(&self) {
        self.shared.cancel_watches();
    }

    /// Cuts every connection, without a word.
    pub fn drop_connections(&self) {
        self.connections.close_all();
    }

    /// Keeps what is there now, to go back to.
    #[must_use]
    pub fn backup(&self) -> EmbeddedBackup {
        EmbeddedBackup(self.shared.with(|store, _| store.clone()))
    }

    /// Goes back to what was kept and cuts every connection, as if the server had been restored from a backup and
    /// restarted: its revision goes back, too.
    pub fn restore(&self, backup: &EmbeddedBackup) {
        self.shared.with(|store, _| store.go_back_to(&backup.0));
        self.connections.close_all();
    }

    /// Forgets everything and cuts every connection, as if the server had been restarted with an empty disk: it is back at
    /// revision 1.
    pub fn wipe(&self) {
        self.shared.wipe();
        self.connections.close_all();
    }
}

/// What an [`EmbeddedEtcd`] held at one time.
#[derive(Clone, Debug)]
pub struct EmbeddedBackup(Store);

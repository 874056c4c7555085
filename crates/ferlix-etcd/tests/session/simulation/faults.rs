//! The faults that a simulation injects: what each does to the network or to etcd, and when it ends.

use std::collections::BTreeMap;
use std::time::Duration;

use ferlix_etcd::embedded::{EmbeddedBackup, EmbeddedStore};
use tokio::time::{advance, sleep};

use super::LEASE;
use crate::memory::{Direction, Network};
use crate::random::Random;

/// The members that sessions connect to.
const HOSTS: [&str; 2] = ["etcd", "second"];

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Time jumps, for everybody: far enough for leases to run out, and all timers are due at once.
    Asleep,
    /// A member is gone for a while: its connections end and new ones are refused.
    Away,
    /// Every watch is cancelled.
    CancelWatches,
    /// The history is compacted.
    Compact,
    /// Every byte takes a while to and from a member, longer than some calls may take.
    Delay,
    /// A key is deleted, whosever it is.
    DeleteKey,
    /// Nothing passes to and from a member for a while; then all of it does.
    Freeze,
    /// Nobody reaches etcd until every lease has run out.
    LeaseExpiry,
    /// The present connections to a member bring no answers any more, and nobody is told.
    LoseAnswers,
    /// The present connections to a member take no requests any more, and nobody is told.
    LoseRequests,
    /// A key is overwritten, whosever it is.
    OverwriteKey,
    /// All connections end.
    Reset,
    /// etcd is away for a while, and comes back with what it held.
    Restart,
    /// etcd is away for a while, and comes back with what it held some time before.
    RestartFromBackup,
    /// etcd is away for a while, and comes back with nothing.
    RestartWiped,
    /// All leases are revoked.
    RevokeLeases,
    /// A member answers with wrong bytes for a while; then the connections are lost over which it did.
    Rubbish,
}

impl Fault {
    pub(super) const ALL: [Self; 17] = [
        Self::Asleep,
        Self::Away,
        Self::CancelWatches,
        Self::Compact,
        Self::Delay,
        Self::DeleteKey,
        Self::Freeze,
        Self::LeaseExpiry,
        Self::LoseAnswers,
        Self::LoseRequests,
        Self::OverwriteKey,
        Self::Reset,
        Self::Restart,
        Self::RestartFromBackup,
        Self::RestartWiped,
        Self::RevokeLeases,
        Self::Rubbish,
    ];
}

/// The faults that last, and what is needed to inject more.
pub(super) struct Faults<'n> {
    network: &'n Network,
    store: &'n EmbeddedStore,
    backup: Option<EmbeddedBackup>,
    /// The steps at which a member's faults end.
    ends: BTreeMap<&'static str, u64>,
}

impl<'n> Faults<'n> {
    pub(super) fn new(network: &'n Network, store: &'n EmbeddedStore) -> Self {
        Self {
            network,
            store,
            backup: None,
            ends: BTreeMap::new(),
        }
    }

    /// Injects one; none where that kind makes no sense now.
    pub(super) async fn inject(&mut self, random: &mut Random, step: u64) -> Option<Fault> {
        let fault = *random.one_of(&Fault::ALL);
        let host = *random.one_of(&HOSTS);
        let end = step + 1 + random.below(6);
        match fault {
            Fault::Asleep => advance(LEASE * 3).await,
            Fault::Away => {
                self.network.refuse(host, true);
                self.network.lose(host, Direction::Requests);
                self.network.lose(host, Direction::Answers);
                self.ends.insert(host, end);
            }
            Fault::CancelWatches => self.store.cancel_watches(),
            Fault::Compact => self.store.compact(),
            Fault::Delay => {
                let delay = Duration::from_millis(50 + random.below(700));
                self.network.delay(host, delay);
                self.ends.insert(host, end);
            }
            Fault::DeleteKey | Fault::OverwriteKey => {
                let entries = self.store.entries(b"top/");
                if entries.is_empty() {
                    return None;
                }
                let (key, _) = random.one_of(&entries);
                let client = self.network.client_of("tampering").await;
                if fault == Fault::DeleteKey {
                    client.delete(key).await.unwrap();
                } else {
                    client.put(key, "theirs".into(), 0).await.unwrap();
                }
            }
            Fault::Freeze => {
                self.network.freeze(host, true);
                self.ends.insert(host, end);
            }
            Fault::LeaseExpiry => {
                let before = self.store.leases();
                for host in HOSTS {
                    self.network.freeze(host, true);
                }
                sleep(LEASE * 2).await;
                let after = self.store.leases();
                assert!(!before.iter().any(|lease| after.contains(lease)));
                self.end_all();
                // Without a lease there was nothing to run out.
                if before.is_empty() {
                    return None;
                }
            }
            Fault::LoseAnswers => self.network.lose(host, Direction::Answers),
            Fault::LoseRequests => self.network.lose(host, Direction::Requests),
            Fault::Reset => self.store.drop_connections(),
            Fault::Restart => self.go_away(end),
            Fault::RestartFromBackup => {
                let backup = self.backup.as_ref()?;
                self.store.restore(backup);
                self.go_away(end);
            }
            Fault::RestartWiped => {
                self.store.wipe();
                self.go_away(end);
            }
            Fault::RevokeLeases => self.store.revoke_leases(),
            Fault::Rubbish => {
                self.network.spoil(host, random.below(u64::MAX));
                self.ends.insert(host, end);
            }
        }
        if random.below(4) == 0 {
            self.backup = Some(self.store.backup());
        }
        Some(fault)
    }

    /// No member can be reached before this step.
    fn go_away(&mut self, end: u64) {
        self.store.drop_connections();
        for host in HOSTS {
            self.network.refuse(host, true);
            self.ends.insert(host, end);
        }
    }

    /// Whether some member answers with wrong bytes.
    pub(super) fn is_spoiling(&self) -> bool {
        HOSTS.iter().any(|host| self.network.is_spoiled(host))
    }

    /// Ends the faults whose time is over.
    pub(super) fn end_those_of(&mut self, step: u64) {
        let over = self.ends.iter().filter(|(_, end)| **end <= step);
        let over: Vec<_> = over.map(|(host, _)| *host).collect();
        for host in over {
            self.end(host);
        }
    }

    /// Ends all that last.
    pub(super) fn end_all(&mut self) {
        for host in HOSTS {
            self.end(host);
        }
    }

    fn end(&mut self, host: &'static str) {
        self.ends.remove(host);
        self.network.freeze(host, false);
        self.network.refuse(host, false);
        self.network.delay(host, Duration::ZERO);
        self.network.spoil_no_more(host);
    }
}

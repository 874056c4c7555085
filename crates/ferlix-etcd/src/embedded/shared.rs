//! What all parts of the server share: the store under its lock, the news of changes, and the will to stop.
//!
//! Calls go through [`Shared::with`], which lets go overdue leases first and tells the watches afterwards. The lock is
//! never held across an await. One task ([`Shared::expire_leases`]) sleeps until the next lease runs out.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    sync::Notify,
    time::{Duration, Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    news::{Follower, News, Teller},
    store::{Identity, Limits, Store},
};

#[derive(Debug)]
pub(super) struct Shared {
    store: Mutex<Store>,
    limits: Limits,
    news: Teller,
    /// Leases have changed, so the task that waits for the next expiry has to look again.
    leases_changed: Notify,
    /// The server as a whole; connections and streams hold children of it.
    pub(super) stop: CancellationToken,
    /// How often a watch that asked for it is told the progress while nothing happens.
    pub(super) progress_interval: Duration,
    /// What the member says clients may reach it at.
    pub(super) client_urls: Vec<String>,
}

impl Shared {
    pub(super) fn new(
        identity: Identity,
        limits: Limits,
        progress_interval: Duration,
        client_urls: Vec<String>,
    ) -> Arc<Self> {
        let store = Store::new(identity, limits);
        let news = News {
            revision: store.revision(),
            cancellations: 0,
        };
        Arc::new(Self {
            store: Mutex::new(store),
            limits,
            news: Teller::new(news),
            leases_changed: Notify::new(),
            stop: CancellationToken::new(),
            progress_interval,
            client_urls,
        })
    }

    /// Does something with the store at one instant, and tells whom it may concern.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut Store, Instant) -> R) -> R {
        let now = Instant::now();
        // The store's calls leave it whole at every point where they could panic; so a poisoned lock is a lock.
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let expiry = store.next_expiry();
        store.expire(now);
        let result = act(&mut store, now);
        let revision = store.revision();
        self.news.tell(|news| news.revision = revision);
        if store.next_expiry() != expiry {
            self.leases_changed.notify_one();
        }
        result
    }

    /// Follows the news.
    pub(super) fn follow_news(&self) -> Follower {
        self.news.follow()
    }

    /// Ends all running watches, as a server may at any time.
    pub(super) fn cancel_watches(&self) {
        self.news.tell(|news| news.cancellations += 1);
    }

    /// Forgets everything, as if the server had been started anew with an empty disk.
    pub(super) fn wipe(&self) {
        let limits = self.limits;
        self.with(|store, _| {
            let identity = store.next_identity();
            *store = Store::new(identity, limits);
        });
    }

    /// Lets leases go when they run out, until the server stops.
    pub(super) async fn expire_leases(self: Arc<Self>) {
        loop {
            let expiry = self.with(|store, _| store.next_expiry());
            let overdue = async {
                match expiry {
                    Some(expiry) => sleep_until(expiry).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.leases_changed.notified() => {}
                () = overdue => {}
            }
        }
    }
}

//! The news that running watches follow: one value, and a wake-up for everybody who has not seen the latest.
//!
//! Like Tokio's watch channel, but readers are woken in the order in which they came to wait. That channel wakes them in
//! a random order, and a simulation could not be repeated.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What running watches are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct News {
    /// The latest revision.
    pub(super) revision: i64,
    /// How often all watches were ended by hand.
    pub(super) cancellations: u64,
}

/// Where the news are told.
#[derive(Debug)]
pub(super) struct Teller(Arc<Board>);

/// One who follows them.
#[derive(Debug)]
pub(super) struct Follower {
    board: Arc<Board>,
    seen: News,
}

#[derive(Debug)]
struct Board {
    news: Mutex<News>,
    changed: Notify,
}

impl Teller {
    pub(super) fn new(news: News) -> Self {
        Self(Arc::new(Board {
            news: Mutex::new(news),
            changed: Notify::new(),
        }))
    }

    /// Changes the news, and wakes those who wait if they are different now.
    pub(super) fn tell(&self, change: impl FnOnce(&mut News)) {
        let different = {
            let mut news = self.0.lock();
            let before = *news;
            change(&mut news);
            *news != before
        };
        if different {
            self.0.changed.notify_waiters();
        }
    }

    pub(super) fn follow(&self) -> Follower {
        Follower {
            seen: *self.0.lock(),
            board: Arc::clone(&self.0),
        }
    }
}

impl Follower {
    /// The latest, which is not waited for any more.
    pub(super) fn look(&mut self) -> News {
        self.seen = *self.board.lock();
        self.seen
    }

    /// Returns when there is something that was not looked at yet.
    pub(super) async fn changed(&self) {
        loop {
            let changed = self.board.changed.notified();
            if *self.board.lock() != self.seen {
                return;
            }
            changed.await;
        }
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

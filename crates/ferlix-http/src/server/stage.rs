//! [`Stages`]: how far the server is on its way from open to closed, and what wakes the connections when it moves on.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// How far the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Stage {
    /// Connections are accepted and requests are answered.
    Open = 0,
    /// Connections close once they are idle.
    Draining = 1,
    /// Handlers that are not done are given up, their requests answered 503.
    Refusing = 2,
    /// Connections are cut.
    Closed = 3,
}

/// The stage of one server. It is read at each request, so it is a plain load.
#[derive(Debug)]
pub(super) struct Stages {
    stage: AtomicU8,
    moved: Notify,
}

impl Stages {
    pub(super) fn new() -> Self {
        Self {
            stage: AtomicU8::new(Stage::Open as u8),
            moved: Notify::new(),
        }
    }

    pub(super) fn now(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Open,
            1 => Stage::Draining,
            2 => Stage::Refusing,
            _ => Stage::Closed,
        }
    }

    /// Moves on (never back) and wakes everybody who waits for a move.
    pub(super) fn advance(&self, stage: Stage) {
        self.stage.fetch_max(stage as u8, Ordering::AcqRel);
        self.moved.notify_waiters();
    }

    /// Ready after the next move. Make it first, then look at the stage: no move is missed.
    pub(super) fn moved(&self) -> Notified<'_> {
        self.moved.notified()
    }

    /// Waits until the stage is reached.
    pub(super) async fn reached(&self, stage: Stage) {
        loop {
            let moved = self.moved();
            if self.now() >= stage {
                return;
            }
            moved.await;
        }
    }
}

//! What one connection is doing, shared by its parts: the socket wrapper, the dispatcher, the bodies and the watchdog.
//!
//! The parts only set flags and count here; no part reads a clock. The connection's task looks at the flags after it was
//! polled, and derives from them since when something has been waiting.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use ferlix_core::service::Identity;
use futures_util::task::AtomicWaker;

/// Where a connection is between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing has come yet.
    Fresh = 0,
    /// A request line or header is arriving.
    Head = 1,
    /// A handler has the request, or its response is being written.
    Busy = 2,
    /// The last response was handed over; the next request has not begun.
    Idle = 3,
    /// The response is out, and what the client still sends is thrown away, so that it can read the response.
    Lingering = 4,
}

/// The state of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum BodyState {
    /// There is none, or it was read to its end.
    Done = 0,
    /// There is more to read.
    Unread = 1,
    /// A handler waits for more of it.
    Awaited = 2,
}

/// Why a body was cut off by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Verdict {
    None = 0,
    TooLarge = 1,
    TimedOut = 2,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: SocketAddr,
    secure: bool,
    /// Whose certificate the client has shown.
    identity: Option<Arc<Identity>>,
    /// The longest pause in a body, for the error that tells of it.
    pause: Duration,
    phase: AtomicU8,
    /// Counts changes of the phase, so that a whole request between two looks is seen.
    turns: AtomicU32,
    /// Counts reads and writes that moved bytes.
    moves: AtomicU32,
    received: AtomicU64,
    body: AtomicU8,
    verdict: AtomicU8,
    /// The client does not take what we write.
    blocked: AtomicBool,
    /// The client closed its side while it was owed an answer.
    closed_by_client: AtomicBool,
    /// The handler of the request is to be dropped: nobody seems to wait for it.
    given_up: AtomicBool,
    body_waker: AtomicWaker,
}

/// What the watchdog compares between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) phase: Phase,
    pub(super) turns: u32,
    pub(super) moves: u32,
    pub(super) body_awaited: bool,
    pub(super) blocked: bool,
    pub(super) closed_by_client: bool,
}

// Everything is read and written by the connection's task, except by a handler that moved a body to another task; the
// waker orders that case. So relaxed accesses do, and what only that task counts is counted by a load and a store.
impl Connection {
    pub(super) const fn new(
        peer: SocketAddr,
        secure: bool,
        identity: Option<Arc<Identity>>,
        pause: Duration,
    ) -> Self {
        Self {
            peer,
            secure,
            identity,
            pause,
            phase: AtomicU8::new(Phase::Fresh as u8),
            turns: AtomicU32::new(0),
            moves: AtomicU32::new(0),
            received: AtomicU64::new(0),
            body: AtomicU8::new(BodyState::Done as u8),
            verdict: AtomicU8::new(Verdict::None as u8),
            blocked: AtomicBool::new(false),
            closed_by_client: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            body_waker: AtomicWaker::new(),
        }
    }

    pub(crate) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) const fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    pub(crate) const fn is_secure(&self) -> bool {
        self.secure
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Fresh,
            1 => Phase::Head,
            2 => Phase::Busy,
            3 => Phase::Idle,
            _ => Phase::Lingering,
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
        count(&self.turns);
    }

    pub(super) fn look(&self) -> Look {
        Look {
            phase: self.phase(),
            turns: self.turns.load(Ordering::Relaxed),
            moves: self.moves.load(Ordering::Relaxed),
            body_awaited: self.body.load(Ordering::Relaxed) == BodyState::Awaited as u8,
            blocked: self.blocked.load(Ordering::Relaxed),
            closed_by_client: self.closed_by_client.load(Ordering::Relaxed),
        }
    }

    /// Bytes came; the first ones after a pause begin a request.
    pub(super) fn read(&self, bytes: usize) {
        count(&self.moves);
        let received = self.received() + bytes as u64;
        self.received.store(received, Ordering::Relaxed);
        if matches!(self.phase(), Phase::Fresh | Phase::Idle) {
            self.enter(Phase::Head);
        }
    }

    pub(super) fn wrote(&self) {
        count(&self.moves);
        self.blocked.store(false, Ordering::Relaxed);
    }

    pub(super) fn write_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
    }

    /// The client closed its side. `true` when it is owed an answer: also while its body is on its way to the handler, of
    /// which all may have come before.
    pub(super) fn end_of_stream(&self) -> bool {
        let owed = self.phase() == Phase::Busy;
        if owed {
            self.closed_by_client.store(true, Ordering::Relaxed);
        }
        owed
    }

    /// Lets the request that is being handled be answered without its handler.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Bytes received over all.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// A request's head was read.
    pub(super) fn begin(&self, has_body: bool) {
        self.enter(Phase::Busy);
        let body = if has_body {
            BodyState::Unread
        } else {
            BodyState::Done
        };
        self.body.store(body as u8, Ordering::Relaxed);
        self.verdict.store(Verdict::None as u8, Ordering::Relaxed);
    }

    /// A handler waits for more of the body.
    pub(super) fn await_body(&self, waker: &Waker) {
        self.body_waker.register(waker);
        self.body.store(BodyState::Awaited as u8, Ordering::Relaxed);
    }

    /// Something of the body came, or the handler has dropped it.
    pub(super) fn body_unread(&self) {
        self.body.store(BodyState::Unread as u8, Ordering::Relaxed);
    }

    pub(super) fn body_done(&self) {
        self.body.store(BodyState::Done as u8, Ordering::Relaxed);
    }

    /// Whether the client may be sending still when the connection is closed now.
    pub(super) fn is_unread(&self) -> bool {
        self.body.load(Ordering::Relaxed) != BodyState::Done as u8 || self.phase() == Phase::Head
    }

    pub(super) fn verdict(&self) -> Verdict {
        match self.verdict.load(Ordering::Relaxed) {
            0 => Verdict::None,
            1 => Verdict::TooLarge,
            _ => Verdict::TimedOut,
        }
    }

    pub(super) fn body_too_large(&self) {
        self.verdict
            .store(Verdict::TooLarge as u8, Ordering::Relaxed);
    }

    /// Ends the wait for more of the body: whoever waits gets an error.
    pub(super) fn body_timed_out(&self) {
        self.verdict
            .store(Verdict::TimedOut as u8, Ordering::Release);
        self.body_unread();
        self.body_waker.wake();
    }

    /// The response was handed over.
    pub(super) fn answered(&self) {
        if self.phase() == Phase::Busy {
            self.enter(Phase::Idle);
        }
    }

    pub(super) const fn pause(&self) -> Duration {
        self.pause
    }
}

/// One more, counted by one task only.
fn count(counter: &AtomicU32) {
    let next = counter.load(Ordering::Relaxed).wrapping_add(1);
    counter.store(next, Ordering::Relaxed);
}

//! [`Watchdog`]: since when a connection has been waiting for its client, and when that is too long.
//!
//! It is asked after each poll of the connection. It reads the clock only when something changed, so a request that is
//! read, answered and written in one poll costs one look at the clock and no timer.

use std::time::Duration;

use tokio::time::Instant;

use super::activity::{Connection, Look, Phase};

/// The fewest bytes per second over all that a client has to send of a body.
const SLOWEST_BODY: u64 = 500;
/// How long a handler may work on for a client that closed its side. Most that do are gone, and only what is written to them
/// would show it; some have only no more to send.
const HALF_CLOSED: Duration = Duration::from_secs(2);
/// How long a handler may wait for the rest of a body when the client closed its side: what had come by then is on its way.
const CUT_OFF: Duration = Duration::from_millis(100);
/// How long what a client still sends is thrown away before the connection is cut.
const LINGER: Duration = Duration::from_secs(2);

/// The time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimits {
    /// For a request line and its header, and for the first byte of a new connection.
    pub(super) head: Duration,
    /// For a pause: between two requests, within a body, and while the client does not read.
    pub(super) pause: Duration,
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The client sent nothing, or no next request.
    Request,
    /// The client did not end its header.
    Head,
    /// The client did not send the rest of a body that a handler waits for.
    Body,
    /// The client does not read.
    Write,
    /// The client goes on sending after it was answered.
    Linger,
    /// The client closed its side, and the handler goes on.
    Answer,
}

/// Looks after one connection.
#[derive(Debug)]
pub(super) struct Watchdog {
    limits: TimeLimits,
    last: Look,
    /// The last time anything changed.
    changed: Instant,
    /// When the phase began.
    phase_began: Instant,
    /// When a handler first waited for the body, and how much had been received then.
    body_began: Option<(Instant, u64)>,
    /// When the client was seen to have closed its side.
    closed: Option<Instant>,
}

impl Watchdog {
    pub(super) fn new(limits: TimeLimits, connection: &Connection) -> Self {
        let now = Instant::now();
        Self {
            limits,
            last: connection.look(),
            changed: now,
            phase_began: now,
            body_began: None,
            closed: None,
        }
    }

    /// What the connection is waiting for, and until when that is fine; `None` while a handler works.
    pub(super) fn look(&mut self, connection: &Connection) -> Option<(Instant, Overdue)> {
        let look = connection.look();
        if look != self.last {
            self.changed = Instant::now();
            if look.turns != self.last.turns {
                self.phase_began = self.changed;
                self.body_began = None;
            }
            if look.body_awaited && self.body_began.is_none() {
                self.body_began = Some((self.changed, connection.received()));
            }
            if look.closed_by_client && self.closed.is_none() {
                self.closed = Some(self.changed);
            }
            self.last = look;
        }
        let pause_ends = self.changed + self.limits.pause;
        match look.phase {
            Phase::Lingering => Some((self.phase_began + LINGER, Overdue::Linger)),
            _ if look.blocked => Some((pause_ends, Overdue::Write)),
            Phase::Fresh => Some((self.phase_began + self.limits.head, Overdue::Request)),
            Phase::Head => Some((self.phase_began + self.limits.head, Overdue::Head)),
            Phase::Idle => Some((pause_ends, Overdue::Request)),
            Phase::Busy if look.body_awaited => {
                let body_ends = self.body_began.map_or(pause_ends, |(began, before)| {
                    let bytes = connection.received().saturating_sub(before);
                    began + self.limits.pause + Duration::from_secs(bytes / SLOWEST_BODY)
                });
                let body_ends = pause_ends.min(body_ends);
                let cut_off = self.closed.map(|closed| closed + CUT_OFF);
                let ends = cut_off.map_or(body_ends, |cut_off| body_ends.min(cut_off));
                Some((ends, Overdue::Body))
            }
            Phase::Busy if connection.is_given_up() => None,
            Phase::Busy => self
                .closed
                .map(|closed| (closed + HALF_CLOSED, Overdue::Answer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const LIMITS: TimeLimits = TimeLimits {
        head: Duration::from_secs(10),
        pause: Duration::from_secs(60),
    };

    fn connection() -> Connection {
        Connection::new(([127, 0, 0, 1], 1).into(), false, None, LIMITS.pause)
    }

    /// What is due, in seconds from now.
    fn due(watchdog: &mut Watchdog, connection: &Connection) -> Option<(u64, Overdue)> {
        let (deadline, overdue) = watchdog.look(connection)?;
        Some(((deadline - Instant::now()).as_secs(), overdue))
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_head_has_one_limit_however_it_trickles() {
        let connection = connection();
        let mut watchdog = Watchdog::new(LIMITS, &connection);
        assert_eq!(
            due(&mut watchdog, &connection),
            Some((10, Overdue::Request))
        );
        pass(4).await;
        connection.read(1);
        assert_eq!(due(&mut watchdog, &connection), Some((10, Overdue::Head)));
        pass(9).await;
        connection.read(1);
        assert_eq!(due(&mut watchdog, &connection), Some((1, Overdue::Head)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_working_handler_has_no_limit() {
        let connection = connection();
        let mut watchdog = Watchdog::new(LIMITS, &connection);
        connection.read(100);
        connection.begin(false);
        assert_eq!(due(&mut watchdog, &connection), None);
        connection.enter(Phase::Idle);
        pass(5).await;
        assert_eq!(
            due(&mut watchdog, &connection),
            Some((60, Overdue::Request))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_pause_and_must_not_trickle() {
        let connection = connection();
        let mut watchdog = Watchdog::new(LIMITS, &connection);
        connection.read(100);
        connection.begin(true);
        // The handler takes its time before it reads: that is not the client's fault.
        assert_eq!(due(&mut watchdog, &connection), None);
        pass(100).await;
        connection.await_body(Waker::noop());
        assert_eq!(due(&mut watchdog, &connection), Some((60, Overdue::Body)));
        pass(50).await;
        connection.read(5_000);
        connection.body_unread();
        connection.await_body(Waker::noop());
        // 60 s and 10 s for 5,000 bytes, 50 s of which are over.
        assert_eq!(due(&mut watchdog, &connection), Some((20, Overdue::Body)));
        connection.read(1_000_000);
        connection.body_unread();
        connection.await_body(Waker::noop());
        assert_eq!(due(&mut watchdog, &connection), Some((60, Overdue::Body)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_overdue() {
        let connection = connection();
        let mut watchdog = Watchdog::new(LIMITS, &connection);
        connection.begin(false);
        connection.write_blocked(true);
        assert_eq!(due(&mut watchdog, &connection), Some((60, Overdue::Write)));
        pass(59).await;
        connection.wrote();
        connection.write_blocked(true);
        assert_eq!(due(&mut watchdog, &connection), Some((60, Overdue::Write)));
    }
}

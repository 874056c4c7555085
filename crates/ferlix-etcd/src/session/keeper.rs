//! When to renew a lease, and when a renewal that was not answered means that something is wrong.

use std::pin::Pin;
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::client::{Client, KeepAlive, Lease};
use crate::config::SessionConfig;
use crate::error::Error;

/// A lease with its open stream of renewals.
#[derive(Debug)]
pub(super) struct Keeper {
    stream: KeepAlive,
    lease: Lease,
    /// When the last renewal was asked for.
    asked: Instant,
    awaiting: bool,
    call_timeout: Duration,
    wanted_interval: Option<Duration>,
    /// When to ask again, or to give up waiting. Set once for each of them, however often the session looks.
    timer: Pin<Box<Sleep>>,
}

/// What came of asking for a lease.
pub(super) enum Acquired {
    /// The old one lives on.
    Kept(Keeper),
    /// There is a new one; the old one, if there was any, is gone.
    New(Keeper),
    /// etcd can be read but grants none, for want of space or of a permission.
    Refused(Error),
}

impl Keeper {
    /// Renews the old lease over a new stream, or takes a new one when the old one is gone.
    pub(super) async fn acquire(
        client: Client,
        old: Option<i64>,
        config: &SessionConfig,
    ) -> Result<Acquired, Error> {
        if let Some(old) = old {
            match client.keep_alive(old).await {
                Ok((stream, lease)) => {
                    return Ok(Acquired::Kept(Self::new(stream, lease, config)));
                }
                Err(Error::LeaseGone { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let granted = match client.lease_grant(config.lease_ttl).await {
            Err(
                error @ (Error::NoSpace { .. }
                | Error::PermissionDenied { .. }
                | Error::Refused { .. }),
            ) => return Ok(Acquired::Refused(error)),
            other => other?,
        };
        let (stream, lease) = client.keep_alive(granted.id).await?;
        Ok(Acquired::New(Self::new(stream, lease, config)))
    }

    fn new(stream: KeepAlive, lease: Lease, config: &SessionConfig) -> Self {
        let asked = Instant::now();
        let mut keeper = Self {
            stream,
            lease,
            asked,
            awaiting: false,
            call_timeout: config.client.call_timeout,
            wanted_interval: config.keepalive_interval,
            timer: Box::pin(sleep_until(asked)),
        };
        keeper.set_timer();
        keeper
    }

    pub(super) fn lease(&self) -> Lease {
        self.lease
    }

    fn set_timer(&mut self) {
        let wait = if self.awaiting {
            // Time must be left to recover in before the lease runs out.
            self.call_timeout.min(self.lease.ttl / 3)
        } else {
            let half = self.lease.ttl / 2;
            self.wanted_interval
                .map_or(self.lease.ttl / 3, |wanted| wanted.min(half))
        };
        self.timer.as_mut().reset(self.asked + wait);
    }

    /// Asks for a renewal when it is time, and returns when one was answered. It may be dropped and called again.
    ///
    /// # Errors
    /// [`Error::Timeout`] when a renewal is not answered in time, [`Error::LeaseGone`], and those of the stream.
    pub(super) async fn renewed(&mut self, endpoint: &str) -> Result<(), Error> {
        loop {
            select! {
                biased;
                lease = self.stream.answer() => {
                    self.lease = lease?;
                    self.awaiting = false;
                    self.set_timer();
                    return Ok(());
                }
                () = self.timer.as_mut() => self.ask(endpoint)?,
            }
        }
    }

    /// Asks for a renewal, or says that the last one was not answered in time.
    fn ask(&mut self, endpoint: &str) -> Result<(), Error> {
        let now = Instant::now();
        if self.awaiting {
            return Err(Error::Timeout {
                call: "lease keep-alive",
                endpoint: endpoint.to_owned(),
                after: now - self.asked,
            });
        }
        self.stream.renew()?;
        self.asked = now;
        self.awaiting = true;
        self.set_timer();
        Ok(())
    }
}

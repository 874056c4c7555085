//! The task of a session: connecting, leased, watching, lost, and around again until it is closed.
//!
//! There is one way back from everything – a lost lease, a cancelled or compacted watch, a stream that ended, a token that
//! is no longer good, a peer that is silent: dial anew, renew the old lease over a new stream or take a new one, read the
//! whole range at one revision, compare our own keys with the [`Ledger`], hand the snapshot to the consumer, and watch from
//! the next revision on.
//!
//! Whatever the task waits for, it waits for in [`Task::attend`], which at the same time renews the lease, takes wishes
//! and results of writes, and hears when it is to close.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::select;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::backoff::{Backoff, Jitter};
use super::events::{EventQueue, SessionEvent, SessionEvents};
use super::keeper::{Acquired, Keeper};
use super::keys::Keys;
use super::ledger::{Content, Finished, Ledger, Seen, Verdict, Work, Written};
use super::status::{SessionState, SessionStatus, Status};
use super::{Command, Record};
use crate::client::{Client, Connector, Event, KeyValue, Range, WatchMessage, WatchStream};
use crate::config::SessionConfig;
use crate::error::Error;

/// So many writes are on their way at a time.
const WRITES_IN_FLIGHT: usize = 64;
/// A watch that lived this long ends an outage; one that did not is part of it.
const STEADY: Duration = Duration::from_secs(5);

pub(super) struct Task {
    config: Arc<SessionConfig>,
    keys: Keys,
    connector: Connector,
    commands: mpsc::UnboundedReceiver<Command>,
    closing: CancellationToken,
    events: EventQueue,
    status: Status,
    ledger: Ledger,
    operations: JoinSet<Done>,
    link: Option<Link>,
    /// The lease of our keys, for as long as it may live.
    lease: Option<i64>,
    backoff: Backoff,
    jitter: Jitter,
    /// The consumer was told that there is a connection.
    told_connected: bool,
    /// The operator was told that there is none.
    warned: bool,
    /// The operator was told that the keep-alive interval is too long for the granted lease.
    warned_interval: bool,
    /// The operator was told that etcd grants no lease.
    refused_lease: bool,
    after_outage: bool,
}

/// An open connection, and the lease that is kept alive over it.
struct Link {
    client: Client,
    keeper: Option<Keeper>,
    /// When to ask for a lease again that etcd would not grant.
    ask_again: Option<Instant>,
}

/// Something that was done beside the task.
enum Done {
    Leased(Box<Result<Acquired, Error>>),
    Wrote(Finished),
}

/// Why a round ends.
enum Stop {
    /// The session is to close.
    Closing,
    /// Something is wrong.
    Lost(Error),
    /// The consumer fell so far behind that it needs a snapshot.
    Resync,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Lost(error)
    }
}

/// What [`Task::attend`] woke for.
enum Woken<T> {
    Ask,
    Closing,
    Command(Option<Command>),
    Done(Done),
    Due,
    Output(T),
    Renewed(Result<(), Error>),
    Resync,
    Tick,
}

impl Task {
    pub(super) fn new(
        config: SessionConfig,
        keys: Keys,
        commands: mpsc::UnboundedReceiver<Command>,
        closing: CancellationToken,
    ) -> Result<(Self, watch::Receiver<SessionStatus>, SessionEvents), Error> {
        config.check()?;
        let connector = Connector::new(config.client.clone())?;
        let (events, consumer) = EventQueue::new();
        let (status, watcher) = Status::new();
        let mut jitter = Jitter::new(config.jitter_seed);
        let task = Self {
            ledger: Ledger::new(jitter.split()),
            config: Arc::new(config),
            keys,
            connector,
            commands,
            closing,
            events,
            status,
            operations: JoinSet::new(),
            link: None,
            lease: None,
            backoff: Backoff::default(),
            jitter,
            told_connected: false,
            warned: false,
            warned_interval: false,
            refused_lease: false,
            after_outage: true,
        };
        Ok((task, watcher, consumer))
    }

    /// Lives until the session is closed.
    pub(super) async fn run(mut self) {
        let id = self.config.session_id.clone();
        let session_record: Arc<dyn Record> = Arc::new(move || id.clone().into_bytes());
        self.ledger.wish(
            self.keys.session(),
            Some(session_record),
            None,
            Instant::now(),
        );
        self.count_wishes();
        loop {
            let stop = self.round().await;
            let watched_for = self.hang_up();
            let stopped = match stop {
                Stop::Closing => break,
                Stop::Resync => {
                    debug!(session_id = %self.config.session_id, "etcd session reads everything anew for a slow consumer");
                    Ok(())
                }
                Stop::Lost(error) => self.lost(error, watched_for).await,
            };
            if let Err(Stop::Closing) = stopped {
                break;
            }
        }
        self.farewell().await;
    }

    /// From a connection attempt to the end of the connection.
    async fn round(&mut self) -> Stop {
        match self.establish().await {
            Ok(watch) => self.follow(watch).await,
            Err(stop) => stop,
        }
    }

    async fn establish(&mut self) -> Result<WatchStream, Stop> {
        let endpoint = self.connector.endpoint_in_use();
        self.status.enter(SessionState::Connecting);
        self.status.tell(|status| {
            status.endpoint = Some(endpoint);
            status.counts.attempts += 1;
        });
        let connector = self.connector.clone();
        let client = self
            .attend(async move { connector.connect().await })
            .await??;
        self.status.tell(|status| {
            status.endpoint = Some(client.endpoint().to_owned());
            status.local_address = client.local_address();
        });

        let config = Arc::clone(&self.config);
        let old = self.lease;
        let for_lease = client.clone();
        let acquired = self
            .attend(async move { Keeper::acquire(for_lease, old, &config).await })
            .await?;
        self.link = Some(Link {
            client: client.clone(),
            keeper: None,
            ask_again: None,
        });
        self.leased(acquired)?;
        if self.lease.is_some() {
            self.status.enter(SessionState::Leased);
        }

        let reader = client.clone();
        let (start, end) = (self.keys.start().to_vec(), self.keys.end().to_vec());
        let (range, watch) = self
            .attend(async move {
                let range = reader.range(&start, &end).await?;
                let watch = reader.watch(&start, &end, range.revision + 1).await?;
                Ok::<_, Error>((range, watch))
            })
            .await??;
        self.in_step(&client, range);
        Ok(watch)
    }

    /// Takes over a lease. That etcd would not grant one (for want of space, say) does not keep us from reading.
    fn leased(&mut self, acquired: Result<Acquired, Error>) -> Result<(), Error> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let now = Instant::now();
        match acquired {
            Ok(Acquired { keeper, is_new }) => {
                let lease = keeper.lease();
                if is_new {
                    self.ledger.lease_is_new(now);
                }
                if let Some(wanted) = self.config.keepalive_interval
                    && wanted > lease.ttl / 2
                    && !self.warned_interval
                {
                    self.warned_interval = true;
                    warn!(
                        session_id = %self.config.session_id,
                        keepalive_interval_ms = wanted.as_millis(),
                        granted_ttl_ms = lease.ttl.as_millis(),
                        "the keep-alive interval is more than half of the granted lease time, and is lowered to it"
                    );
                }
                self.lease = Some(lease.id);
                link.keeper = Some(keeper);
                self.refused_lease = false;
                self.count_wishes();
                self.status.tell(|status| {
                    status.lease_id = Some(lease.id);
                    status.granted_ttl = Some(lease.ttl);
                    status.counts.leases += u64::from(is_new);
                    status.counts.renewals += 1;
                });
                debug!(
                    session_id = %self.config.session_id,
                    lease = format!("{:x}", lease.id),
                    ttl_s = lease.ttl.as_secs(),
                    is_new,
                    "etcd session has a lease"
                );
                Ok(())
            }
            Err(
                error @ (Error::Unavailable { .. }
                | Error::PermissionDenied { .. }
                | Error::Refused { .. }),
            ) => {
                if !self.refused_lease {
                    self.refused_lease = true;
                    warn!(
                        session_id = %self.config.session_id,
                        error = error.in_full(),
                        "etcd grants no lease: nothing can be advertised until it does"
                    );
                }
                link.ask_again = Some(now + self.jitter.retry_after(1, true));
                self.no_lease();
                self.status.tell(|status| status.last_error = Some(error));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn no_lease(&mut self) {
        self.lease = None;
        self.status.tell(|status| {
            status.lease_id = None;
            status.granted_ttl = None;
        });
    }

    /// Everything was read and the watch runs.
    fn in_step(&mut self, client: &Client, range: Range) {
        let now = Instant::now();
        let went_back = range.revision < self.status.revision();
        let present = range.entries.iter().filter_map(|kv| {
            let key = self.keys.own(&kv.key)?;
            Some((key.to_owned(), seen(kv)))
        });
        let present: BTreeMap<_, _> = present.collect();
        let restored = self
            .ledger
            .compare(&present, range.revision, self.lease, now);

        self.count_wishes();
        let entered = self.status.enter(SessionState::Watching);
        self.status.tell(|status| {
            status.revision = range.revision;
            status.counts.resyncs += 1;
            status.counts.connections += u64::from(entered);
            status.counts.restored += restored as u64;
        });
        let (host, port) = client.endpoint().rsplit_once(':').unwrap_or_default();
        info!(
            endpoint = client.endpoint(),
            lease = self.lease.map(|id| format!("{id:x}")),
            revision = range.revision,
            keys = range.entries.len(),
            "CONNECTED etcd3 session_id={} to host={host} port={port}",
            self.config.session_id
        );
        self.warned = false;
        if !self.told_connected {
            self.told_connected = true;
            self.events.push(SessionEvent::Connected {
                endpoint: client.endpoint().to_owned(),
                local_address: client.local_address(),
            });
        }
        self.events.push(SessionEvent::Snapshot {
            entries: range.entries,
            revision: range.revision,
            first: false,
            after_outage: self.after_outage || went_back,
        });
        self.after_outage = false;
    }

    /// Hands on what the watch brings, for as long as it lives.
    async fn follow(&mut self, mut watch: WatchStream) -> Stop {
        let mut heard = Instant::now();
        let mut asked = None;
        loop {
            let limit = match asked {
                None => heard + self.config.progress_interval,
                Some(at) => at + self.config.progress_deadline,
            };
            match self.attend(timeout_at(limit, watch.next())).await {
                Err(stop) => return stop,
                Ok(Ok(Err(error))) => return error.into(),
                Ok(Ok(Ok(message))) => {
                    heard = Instant::now();
                    asked = None;
                    self.hand_on(message);
                }
                Ok(Err(_)) if asked.is_some() => {
                    return Stop::Lost(Error::Timeout {
                        call: "watch",
                        endpoint: self.connector.endpoint_in_use(),
                        after: heard.elapsed(),
                    });
                }
                Ok(Err(_)) => {
                    if let Err(error) = watch.ask_for_progress() {
                        return error.into();
                    }
                    asked = Some(Instant::now());
                }
            }
        }
    }

    fn hand_on(&mut self, message: WatchMessage) {
        let (events, revision) = match message {
            WatchMessage::Progress { revision } => (Vec::new(), revision),
            WatchMessage::Events { events, revision } => (events, revision),
        };
        let now = Instant::now();
        let count = events.len() as u64;
        let mut restored = 0;
        for event in events {
            let (key, seen) = match &event {
                Event::Put(kv) => (&kv.key, seen(kv)),
                Event::Delete { key, revision } => (
                    key,
                    Seen {
                        revision: *revision,
                        content: None,
                    },
                ),
            };
            if let Some(own) = self.keys.own(key)
                && self.ledger.observe(own, seen, now)
            {
                info!(session_id = %self.config.session_id, key = own, "etcd session puts back a key of its own that somebody else changed");
                restored += 1;
            }
            self.events.push(match event {
                Event::Put(kv) => SessionEvent::Put(kv),
                Event::Delete { key, revision } => SessionEvent::Delete { key, revision },
            });
        }
        if restored > 0 {
            self.count_wishes();
        }
        self.status.note(|status| {
            status.revision = status.revision.max(revision);
            status.counts.events += count;
            status.counts.restored += restored;
        });
    }

    /// Waits for something, and does meanwhile what a session has to do.
    async fn attend<F: Future>(&mut self, wanted: F) -> Result<F::Output, Stop> {
        let mut wanted = pin!(wanted);
        loop {
            self.start_writes();
            let (tick, ask) = match &self.link {
                None => (None, None),
                Some(link) => (link.keeper.as_ref().map(Keeper::next_tick), link.ask_again),
            };
            let keeper = self.link.as_mut().and_then(|link| link.keeper.as_mut());
            let may_write = keeper.is_some() && self.ledger.in_flight() < WRITES_IN_FLIGHT;
            let due = self.ledger.next_due().filter(|_| may_write);
            let woken = select! {
                biased;
                () = self.closing.cancelled() => Woken::Closing,
                renewed = renewed(keeper) => Woken::Renewed(renewed),
                () = until(tick) => Woken::Tick,
                Some(done) = self.operations.join_next() => match done {
                    Ok(done) => Woken::Done(done),
                    // Nothing panics there but by a defect of ours; the round is over then, and nothing is lost.
                    Err(_) => return Err(Error::stream_ended("write").into()),
                },
                command = self.commands.recv() => Woken::Command(command),
                () = until(due) => Woken::Due,
                () = until(ask) => Woken::Ask,
                () = self.events.resync_wanted() => Woken::Resync,
                output = &mut wanted => Woken::Output(output),
            };
            match woken {
                Woken::Output(output) => return Ok(output),
                Woken::Closing | Woken::Command(None) => return Err(Stop::Closing),
                Woken::Command(Some(command)) => self.take(command),
                Woken::Done(Done::Wrote(finished)) => self.wrote(finished)?,
                Woken::Done(Done::Leased(acquired)) => self.leased(*acquired)?,
                Woken::Renewed(result) => self.renewed(result)?,
                Woken::Tick => self.tick()?,
                Woken::Ask => self.ask_for_a_lease(),
                // While a snapshot is on its way already there is no need of another.
                Woken::Resync if self.status.state() == SessionState::Watching => {
                    return Err(Stop::Resync);
                }
                Woken::Due | Woken::Resync => {}
            }
        }
    }

    fn take(&mut self, command: Command) {
        let Command { key, wish, reply } = command;
        self.ledger.wish(&key, wish, Some(reply), Instant::now());
        self.count_wishes();
    }

    fn count_wishes(&self) {
        // The session's own key is not one that anybody asked for.
        let advertised = self.ledger.advertised().saturating_sub(1);
        let pending = self.ledger.pending();
        self.status.note(|status| {
            status.advertised = advertised;
            status.pending = pending;
        });
    }

    fn wrote(&mut self, finished: Finished) -> Result<(), Error> {
        let key = finished.key.clone();
        let verdict = self.ledger.finished(finished, Instant::now());
        self.count_wishes();
        match verdict {
            Verdict::Put => self.status.note(|status| status.counts.puts += 1),
            Verdict::Deleted => self.status.note(|status| status.counts.deletes += 1),
            Verdict::Refused(error) => {
                warn!(session_id = %self.config.session_id, key, error = error.in_full(), "etcd refuses a record");
                self.status.tell(|status| {
                    status.counts.refused += 1;
                    status.last_error = Some(error);
                });
            }
            Verdict::Failed(error @ Error::LeaseGone { .. }) => return Err(error),
            Verdict::Failed(error) => {
                debug!(session_id = %self.config.session_id, key, error = error.in_full(), "etcd did not take a write; it is tried again");
                self.status.tell(|status| status.last_error = Some(error));
            }
        }
        Ok(())
    }

    fn renewed(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        result?;
        self.status.note(|status| status.counts.renewals += 1);
        Ok(())
    }

    fn tick(&mut self) -> Result<(), Error> {
        match &mut self.link {
            Some(Link {
                client,
                keeper: Some(keeper),
                ..
            }) => keeper.tick(client.endpoint()),
            _ => Ok(()),
        }
    }

    fn ask_for_a_lease(&mut self) {
        if let Some(link) = &mut self.link {
            link.ask_again = None;
            let client = link.client.clone();
            let config = Arc::clone(&self.config);
            self.operations.spawn(async move {
                Done::Leased(Box::new(Keeper::acquire(client, None, &config).await))
            });
        }
    }

    /// Sends what is due.
    fn start_writes(&mut self) {
        let Some(Link {
            client,
            keeper: Some(keeper),
            ..
        }) = &self.link
        else {
            return;
        };
        let now = Instant::now();
        let lease = keeper.lease().id;
        while self.ledger.in_flight() < WRITES_IN_FLIGHT
            && let Some(work) = self.ledger.next(now)
        {
            let client = client.clone();
            self.operations
                .spawn(async move { Done::Wrote(write(client, work, lease).await) });
        }
    }

    /// Lets go of the connection and of all that was on its way; answers how long it was watched over.
    fn hang_up(&mut self) -> Option<Duration> {
        self.link = None;
        // Aborted, and what they may still have done is found out by comparing.
        self.operations = JoinSet::new();
        self.ledger.connection_ended(Instant::now());
        self.count_wishes();
        self.status.time_in(SessionState::Watching)
    }

    /// Tells what went wrong, and waits before the next attempt.
    async fn lost(&mut self, error: Error, watched_for: Option<Duration>) -> Result<(), Stop> {
        if matches!(error, Error::LeaseGone { .. }) {
            self.no_lease();
        }
        self.after_outage |= error.may_be_an_outage();
        // What connects but does not serve is left for the next endpoint; what cannot be reached is skipped anyway.
        let silent = matches!(error, Error::Timeout { .. } | Error::Unavailable { .. });
        if silent
            || (watched_for.is_none()
                && matches!(error, Error::Broken { .. } | Error::StreamEnded { .. }))
        {
            self.connector.move_on();
        }
        if watched_for.is_some_and(|time| time >= STEADY) {
            self.backoff.reset();
        }
        let slowly = error.needs_an_operator();
        let wait = self.backoff.next(Instant::now(), &mut self.jitter, slowly);
        let session_id = self.config.session_id.as_str();
        let reason = error.in_full();
        let retry_ms = wait.as_millis();
        if watched_for.is_some() {
            warn!(%session_id, reason, retry_ms, "DISCONNECTED etcd3 session; it recovers");
            self.warned = true;
        } else if !self.warned {
            warn!(%session_id, reason, retry_ms, "no etcd for this session; it keeps trying");
            self.warned = true;
        } else {
            debug!(%session_id, reason, retry_ms, "still no etcd for this session");
        }
        if self.told_connected {
            self.told_connected = false;
            self.events.push(SessionEvent::Disconnected {
                reason: error.clone(),
            });
        }
        self.status.enter(SessionState::Lost);
        self.status.tell(|status| {
            status.last_error = Some(error);
            status.counts.recoveries += u64::from(watched_for.is_some());
        });
        self.attend(sleep(wait)).await
    }

    /// Takes everything back, as far as that is possible in time.
    async fn farewell(mut self) {
        let deadline = Instant::now() + self.config.disconnect_timeout;
        let client = self.link.take().map(|link| link.client);
        let goodbye = async {
            self.operations.shutdown().await;
            let client = match (client, self.lease) {
                (Some(client), _) => client,
                (None, Some(_)) => self.connector.connect().await?,
                // Nothing of ours can be there.
                (None, None) => return Ok(()),
            };
            let (start, end) = self.keys.records();
            let records = client.delete_range(start.as_bytes(), end.as_bytes()).await;
            let session = client.delete(self.keys.session().as_bytes()).await;
            // It takes with it what could not be deleted.
            match self.lease {
                Some(lease) => client.lease_revoke(lease).await,
                None => records.and(session).map(|_| ()),
            }
        };
        let session_id = self.config.session_id.clone();
        match timeout_at(deadline, goodbye).await {
            Ok(Ok(())) => info!(%session_id, "CLOSED etcd3 session"),
            Ok(Err(error)) => {
                warn!(%session_id, error = error.in_full(), "CLOSED etcd3 session; its lease has to run out by itself");
            }
            Err(_) => {
                warn!(%session_id, "CLOSED etcd3 session; etcd did not answer in time and its lease has to run out by itself");
            }
        }
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            let _ = command.reply.send(Err(Error::Closed));
        }
        self.ledger.close();
        self.events.close();
        self.status.tell(|status| {
            status.lease_id = None;
            status.granted_ttl = None;
            status.advertised = 0;
            status.pending = 0;
        });
        self.status.enter(SessionState::Closed);
    }
}

/// One write: a put of what the record says now, or a deletion.
async fn write(client: Client, work: Work, lease: i64) -> Finished {
    let Work { key, version, wish } = work;
    let result = match wish {
        None => client.delete(key.as_bytes()).await.map(|revision| Written {
            revision,
            content: None,
        }),
        Some(record) => match catch_unwind(AssertUnwindSafe(|| record.value())) {
            Err(_) => Err(Error::RecordPanicked { key: key.clone() }),
            Ok(value) => {
                let value = Bytes::from(value);
                let content = Content {
                    value: value.clone(),
                    lease,
                };
                client
                    .put(key.as_bytes(), value, lease)
                    .await
                    .map(|revision| Written {
                        revision,
                        content: Some(content),
                    })
            }
        },
    };
    Finished {
        key,
        version,
        result,
    }
}

fn seen(kv: &KeyValue) -> Seen {
    Seen {
        revision: kv.mod_revision,
        content: Some(Content {
            value: kv.value.clone(),
            lease: kv.lease,
        }),
    }
}

async fn renewed(keeper: Option<&mut Keeper>) -> Result<(), Error> {
    match keeper {
        Some(keeper) => keeper.renewed().await,
        None => std::future::pending().await,
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

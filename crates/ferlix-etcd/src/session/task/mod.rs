//! The task of a session: connecting, leased, watching, lost, and around again until it is closed.
//!
//! There is one way back from everything – a lost lease, a cancelled or compacted watch, a stream that ended, a token that
//! is no longer good, a peer that is silent: dial anew, renew the old lease over a new stream or take a new one, read the
//! whole range at one revision, compare our own keys with the [`Ledger`], hand the snapshot to the consumer, and watch from
//! the next revision on. After an outage the watch begins where the last one ended, so that what its owner deleted meanwhile
//! is told apart from what etcd or a lease lost, and what may come back.
//!
//! Whatever the task waits for, it waits for in [`Task::attend`], which at the same time renews the lease, takes wishes
//! and results of writes, and hears when it is to close.

mod ending;
mod lease;
mod records;

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::select;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use self::records::WRITES_IN_FLIGHT;
use super::backoff::{Backoff, Jitter};
use super::events::{EventQueue, SessionEvent, SessionEvents};
use super::keeper::{Acquired, Keeper};
use super::keys::Keys;
use super::ledger::{Finished, Ledger};
use super::status::{SessionState, SessionStatus, Status};
use super::{Command, Record};
use crate::client::{Client, Connector, Event, Range, WatchMessage, WatchStream};
use crate::config::SessionConfig;
use crate::error::Error;

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
    /// The operator was told that etcd takes no writes.
    warned_write: bool,
    after_outage: bool,
    /// Up to this revision the consumer was told everything; 0 if nothing, or if etcd has that history no more.
    seen: i64,
    /// Until the watch has caught up after an outage.
    catching_up: Option<CatchingUp>,
}

/// What the watch tells again of the time of an outage. Of that only the deletions are handed on that somebody made: of keys
/// that the snapshot has not, while the key of their session was there all the time. What went together with its session may
/// have gone with a lease that ran out, and its owner may be putting it again.
struct CatchingUp {
    /// The snapshot's revision.
    until: i64,
    /// The snapshot's keys, and when each came to be.
    present: HashMap<Bytes, i64>,
}

impl CatchingUp {
    fn is_deletion_by_its_owner(&self, event: &Event) -> bool {
        let Event::Delete { key, revision } = event else {
            return false;
        };
        let session = key
            .iter()
            .rposition(|byte| *byte == b'/')
            .map(|at| &key[..at]);
        let session_since = session.and_then(|session| self.present.get(session));
        !self.present.contains_key(key) && session_since.is_some_and(|since| since < revision)
    }
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
            warned_write: false,
            after_outage: true,
            seen: 0,
            catching_up: None,
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
            let stopped = match self.round().await {
                Stop::Closing => break,
                Stop::Resync => {
                    self.hang_up();
                    debug!(session_id = %self.config.session_id, "etcd session reads everything anew for a slow consumer");
                    Ok(())
                }
                Stop::Lost(error) => self.lost(error).await,
            };
            if let Err(Stop::Closing) = stopped {
                break;
            }
        }
        self.farewell().await;
    }

    /// From a connection attempt to the end of the connection.
    async fn round(&mut self) -> Stop {
        let stop = match self.establish().await {
            Ok(watch) => self.follow(watch).await,
            Err(stop) => stop,
        };
        if let Stop::Lost(Error::Compacted { .. }) = stop {
            self.seen = 0;
        }
        stop
    }

    async fn establish(&mut self) -> Result<WatchStream, Stop> {
        let endpoint = self.connector.endpoint_in_use();
        debug!(session_id = %self.config.session_id, state = "connecting", endpoint, "etcd session connects");
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
            .await??;
        self.link = Some(Link {
            client: client.clone(),
            keeper: None,
            ask_again: None,
        });
        self.leased(acquired);
        if let Some(lease) = self.lease {
            debug!(session_id = %self.config.session_id, state = "leased", endpoint = client.endpoint(), lease = format!("{lease:x}"), "etcd session has a lease and reads what is there");
            self.status.enter(SessionState::Leased);
        }

        let reader = client.clone();
        let (start, end) = (self.keys.start().to_vec(), self.keys.end().to_vec());
        let seen = self.seen;
        let catches_up = self.after_outage && seen > 0;
        let (range, from, watch) = self
            .attend(async move {
                let range = reader.range(&start, &end).await?;
                let from = if catches_up && seen <= range.revision {
                    seen + 1
                } else {
                    range.revision + 1
                };
                let watch = reader.watch(&start, &end, from).await?;
                Ok::<_, Error>((range, from, watch))
            })
            .await??;
        self.catching_up = (from <= range.revision).then(|| CatchingUp {
            until: range.revision,
            present: range
                .entries
                .iter()
                .map(|kv| (kv.key.clone(), kv.create_revision))
                .collect(),
        });
        self.in_step(&client, range);
        Ok(watch)
    }

    /// Everything was read and the watch runs.
    fn in_step(&mut self, client: &Client, range: Range) {
        self.compare(&range);
        let went_back = range.revision < self.status.revision();
        self.status.enter(SessionState::Watching);
        self.status.tell(|status| {
            status.revision = range.revision;
            status.counts.resyncs += 1;
            status.counts.connections += 1;
        });
        let (host, port) = client.endpoint().rsplit_once(':').unwrap_or_default();
        info!(
            session_id = %self.config.session_id,
            state = "watching",
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
        if self.catching_up.is_none() {
            self.seen = range.revision;
        }
    }

    /// Hands on what the watch brings, for as long as it lives.
    async fn follow(&mut self, mut watch: WatchStream) -> Stop {
        let interval = self.config.progress_interval;
        let mut heard = Instant::now();
        let mut asked = false;
        // Set when it runs out, not by every message: those are many.
        let mut timer = pin!(sleep_until(heard + interval));
        loop {
            match self.attend(next(&mut watch, timer.as_mut())).await {
                Err(stop) => return stop,
                Ok(Some(Err(error))) => return error.into(),
                Ok(Some(Ok(message))) => {
                    heard = Instant::now();
                    if asked {
                        asked = false;
                        timer.as_mut().reset(heard + interval);
                    }
                    self.hand_on(message);
                }
                Ok(None) if asked => {
                    return Stop::Lost(Error::Timeout {
                        call: "watch",
                        endpoint: self.connector.endpoint_in_use(),
                        after: heard.elapsed(),
                    });
                }
                Ok(None) if heard.elapsed() < interval => timer.as_mut().reset(heard + interval),
                Ok(None) => {
                    if let Err(error) = watch.ask_for_progress() {
                        return error.into();
                    }
                    asked = true;
                    let deadline = Instant::now() + self.config.progress_deadline;
                    timer.as_mut().reset(deadline);
                }
            }
        }
    }

    fn hand_on(&mut self, message: WatchMessage) {
        let (events, revision) = match message {
            WatchMessage::Progress { revision } => (Vec::new(), revision),
            WatchMessage::Events { events, revision } => (events, revision),
        };
        let count = events.len() as u64;
        // Of a message with changes only they are known to be all that came before.
        let passed = events.last().map_or(revision, Event::revision);
        for event in events {
            match &self.catching_up {
                Some(outage) if event.revision() <= outage.until => {
                    if !outage.is_deletion_by_its_owner(&event) {
                        continue;
                    }
                }
                _ => self.observe(&event),
            }
            self.events.push(match event {
                Event::Put(kv) => SessionEvent::Put(kv),
                Event::Delete { key, revision } => SessionEvent::Delete { key, revision },
            });
        }
        if self
            .catching_up
            .as_ref()
            .is_some_and(|outage| passed >= outage.until)
        {
            self.catching_up = None;
        }
        self.seen = self.seen.max(passed);
        self.ledger.passed(passed);
        self.status.note(|status| {
            status.revision = status.revision.max(revision);
            status.counts.events += count;
        });
    }

    /// Waits for something, and does meanwhile what a session has to do.
    async fn attend<F: Future>(&mut self, wanted: F) -> Result<F::Output, Stop> {
        let mut wanted = pin!(wanted);
        loop {
            self.start_writes();
            let link = self.link.as_mut();
            let ask = link.as_ref().and_then(|link| link.ask_again);
            let is_leased = link.as_ref().is_some_and(|link| link.keeper.is_some());
            let may_write = is_leased && self.ledger.in_flight() < WRITES_IN_FLIGHT;
            let due = self.ledger.next_due().filter(|_| may_write);
            let woken = select! {
                biased;
                () = self.closing.cancelled() => Woken::Closing,
                renewed = renewed(link) => Woken::Renewed(renewed),
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
                Woken::Done(Done::Leased(acquired)) => self.leased((*acquired)?),
                Woken::Renewed(result) => self.renewed(result)?,
                Woken::Ask => self.ask_for_a_lease(),
                // While a snapshot is on its way already there is no need of another.
                Woken::Resync if self.status.state() == SessionState::Watching => {
                    return Err(Stop::Resync);
                }
                Woken::Due | Woken::Resync => {}
            }
        }
    }
}

async fn renewed(link: Option<&mut Link>) -> Result<(), Error> {
    match link {
        Some(Link {
            client,
            keeper: Some(keeper),
            ..
        }) => keeper.renewed(client.endpoint()).await,
        _ => std::future::pending().await,
    }
}

/// What a watch tells next; nothing when the time is over before.
async fn next(
    watch: &mut WatchStream,
    timer: Pin<&mut Sleep>,
) -> Option<Result<WatchMessage, Error>> {
    select! {
        biased;
        message = watch.next() => Some(message),
        () = timer => None,
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

//! The session's own keys: wishes taken, writes started and ended, and what others do to them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{Done, Link, Task};
use crate::client::{Client, Event, KeyValue, Range};
use crate::error::Error;
use crate::session::Command;
use crate::session::ledger::{Content, Finished, Record, Seen, Verdict, Work, Written};

/// So many writes are on their way at a time.
pub(super) const WRITES_IN_FLIGHT: usize = 64;

impl Task {
    pub(super) fn take(&mut self, command: Command) {
        let Command { key, wish, reply } = command;
        self.ledger.wish(&key, wish, Some(reply), Instant::now());
        self.count_wishes();
    }

    pub(super) fn count_wishes(&self) {
        // The session's own key is not one that anybody asked for.
        let advertised = self.ledger.advertised().saturating_sub(1);
        let pending = self.ledger.pending();
        let refused = self.ledger.refused();
        self.status.note(|status| {
            status.advertised = advertised;
            status.pending = pending;
            status.refused = refused;
        });
    }

    pub(super) fn wrote(&mut self, finished: Finished) -> Result<(), Error> {
        let key = finished.key.clone();
        let verdict = self.ledger.finished(finished, Instant::now());
        self.count_wishes();
        match verdict {
            Verdict::Put => {
                self.warned_write = false;
                self.status.note(|status| status.counts.puts += 1);
            }
            Verdict::Deleted => {
                self.warned_write = false;
                self.status.note(|status| status.counts.deletes += 1);
            }
            Verdict::Refused(error) => {
                warn!(session_id = %self.config.session_id, key, error = error.in_full(), "etcd refuses a record");
                self.status.note(|status| status.counts.refused += 1);
                self.status.blame(error);
            }
            Verdict::Failed(error @ Error::LeaseGone { .. }) => return Err(error),
            Verdict::Failed(error) => {
                let (session_id, reason) = (self.config.session_id.as_str(), error.in_full());
                // Who is in need of help says so once; what passes by itself is no news.
                let wants_help =
                    error.needs_an_operator() || matches!(error, Error::NoSpace { .. });
                if self.warned_write || !wants_help {
                    debug!(
                        session_id,
                        key, reason, "etcd did not take a write; it is tried again"
                    );
                } else {
                    self.warned_write = true;
                    warn!(
                        session_id,
                        key,
                        reason,
                        "etcd did not take a write of this session; it is tried again, and so are others that fail"
                    );
                }
                self.status.blame(error);
            }
        }
        Ok(())
    }

    /// Sends what is due.
    pub(super) fn start_writes(&mut self) {
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
            // Boxed, for a task moves its future several times before its first step.
            let writing = Box::pin(write(client.clone(), work, lease));
            self.operations
                .spawn(async move { Done::Wrote(writing.await) });
        }
    }

    /// Compares our keys with what was read, and sees to what is missing, different or too much.
    pub(super) fn compare(&mut self, range: &Range) {
        let present = range.entries.iter().filter_map(|kv| {
            let key = self.keys.own(&kv.key)?;
            Some((key.to_owned(), seen(kv)))
        });
        let present: BTreeMap<_, _> = present.collect();
        let restored = self
            .ledger
            .compare(&present, range.revision, self.lease, Instant::now());
        self.count_wishes();
        self.status
            .note(|status| status.counts.restored += restored as u64);
    }

    /// Sees to a change of a key, if it is one of ours.
    pub(super) fn observe(&mut self, event: &Event) {
        let (key, seen) = match event {
            Event::Put(kv) => (&kv.key, seen(kv)),
            Event::Delete { key, revision } => (
                key,
                Seen {
                    revision: *revision,
                    content: None,
                },
            ),
        };
        let Some(key) = self.keys.own(key) else {
            return;
        };
        let restored = self.ledger.observe(key, seen, self.lease, Instant::now());
        if restored {
            info!(session_id = %self.config.session_id, key, "etcd session puts back a key of its own that somebody else changed");
        }
        self.count_wishes();
        self.status
            .note(|status| status.counts.restored += u64::from(restored));
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
        Some(record) => put(&client, &key, &*record, lease).await,
    };
    Finished {
        key,
        version,
        result,
    }
}

async fn put(
    client: &Client,
    key: &str,
    record: &dyn Record,
    lease: i64,
) -> Result<Written, Error> {
    let asked = catch_unwind(AssertUnwindSafe(|| (record.value(), record.replaces())));
    let (value, replaces) = asked.map_err(|_| Error::RecordPanicked {
        key: key.to_owned(),
    })?;
    if replaces {
        client.delete(key.as_bytes()).await?;
    }
    let value = Bytes::from(value);
    let content = Content {
        value: value.clone(),
        lease,
    };
    let revision = client.put(key.as_bytes(), value, lease).await?;
    Ok(Written {
        revision,
        content: Some(content),
    })
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

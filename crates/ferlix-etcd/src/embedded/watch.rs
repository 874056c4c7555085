//! One Watch stream: many watches of one client.
//!
//! In: the client's requests, and the news that there is a new revision. Out: responses, made one at a time when the
//! connection can take one. Nothing is queued: each watch remembers the revision that it wants next and pulls from the
//! store's log, so a client that reads slowly falls behind, and is told so if the history is forgotten meanwhile. A
//! request that has come is taken before the next batch of events, so that a cancel works amid a long replay.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use prost::Message;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tonic::{Status, Streaming};

use super::{
    news::{Follower, News},
    refusal::Refusal,
    shared::Shared,
    store::{Batch, CompactedTo, Interest, KeyRange},
};
use crate::proto::etcdserverpb::{
    ResponseHeader, WatchCreateRequest, WatchRequest, WatchResponse,
    watch_create_request::FilterType, watch_request::RequestUnion,
};

/// Watches on one stream.
const MAX_WATCHES: usize = 4_096;

/// The watch number in a response that is about no watch, or about one that was not made.
const NO_WATCH: i64 = -1;

/// Bytes after which a response is split for a client that asked for fragments: etcd's limit for requests.
const FRAGMENT_BYTES: usize = super::MAX_REQUEST_BYTES;

/// Serves one Watch stream.
pub(super) fn serve(
    shared: Arc<Shared>,
    requests: Streaming<WatchRequest>,
) -> impl Stream<Item = Result<WatchResponse, Status>> + Send + 'static {
    let mut news = shared.follow_news();
    let News {
        revision,
        cancellations,
    } = news.look();
    let served = WatchStream {
        shared,
        news,
        revision,
        cancellations,
        requests: Some(requests),
        watches: BTreeMap::new(),
        next_id: 0,
        last_served: NO_WATCH,
        ready: VecDeque::new(),
        progress_requests: 0,
        ticks: None,
        ended: false,
    };
    stream::unfold(served, |mut served| async move {
        let response = served.next().await?;
        Some((response, served))
    })
}

#[derive(Debug)]
struct WatchStream {
    shared: Arc<Shared>,
    news: Follower,
    /// The latest revision that was heard of.
    revision: i64,
    /// The count of cancellations that was acted upon.
    cancellations: u64,
    /// `None` once the client has said all that it will say; its watches go on.
    requests: Option<Streaming<WatchRequest>>,
    watches: BTreeMap<i64, Watch>,
    /// The first number that may be free.
    next_id: i64,
    /// Turns go round: the next is the one after this.
    last_served: i64,
    /// Responses that are made already.
    ready: VecDeque<WatchResponse>,
    /// Answered when every watch has all there is.
    progress_requests: u64,
    /// Runs once a watch wants to be told the progress.
    ticks: Option<Interval>,
    ended: bool,
}

#[derive(Debug)]
struct Watch {
    interest: Interest,
    /// The revision that it wants next.
    next: i64,
    progress_notify: bool,
    /// Nothing was sent since the last tick.
    quiet: bool,
    fragment: bool,
}

impl WatchStream {
    async fn next(&mut self) -> Option<Result<WatchResponse, Status>> {
        loop {
            self.take_news();
            if let Some(response) = self.ready.pop_front() {
                return Some(Ok(response));
            }
            if self.ended {
                return None;
            }
            let behind = self.is_behind();
            if !behind && self.progress_requests > 0 {
                self.progress_requests -= 1;
                let header = self.header_at(self.revision);
                return Some(Ok(WatchResponse {
                    header: Some(header),
                    watch_id: NO_WATCH,
                    ..WatchResponse::default()
                }));
            }
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => {
                    self.ended = true;
                    return Some(Err(Refusal::Stopped.into()));
                }
                request = next_request(&mut self.requests) => match request {
                    Some(Ok(request)) => self.handle(request),
                    Some(Err(error)) => {
                        self.ended = true;
                        return Some(Err(error));
                    }
                    None => self.requests = None,
                },
                // Lets the connection's other streams have their turn amid a long replay.
                () = tokio::task::yield_now(), if behind => self.deliver(),
                () = self.news.changed(), if !behind => {}
                () = tick(&mut self.ticks) => self.tell_progress(),
            }
        }
    }

    fn is_behind(&self) -> bool {
        self.watches
            .values()
            .any(|watch| watch.next <= self.revision)
    }

    fn header_at(&self, revision: i64) -> ResponseHeader {
        self.shared.with(|store, _| ResponseHeader {
            revision,
            ..store.header()
        })
    }

    fn header(&self) -> ResponseHeader {
        self.shared.with(|store, _| store.header())
    }

    fn handle(&mut self, request: WatchRequest) {
        match request.request_union {
            Some(RequestUnion::CreateRequest(request)) => self.create(&request),
            Some(RequestUnion::CancelRequest(request)) => self.cancel(request.watch_id),
            Some(RequestUnion::ProgressRequest(_)) => self.progress_requests += 1,
            None => {}
        }
    }

    fn cancel(&mut self, watch_id: i64) {
        // As in etcd, ending a watch that is not there is not answered.
        if self.watches.remove(&watch_id).is_none() {
            return;
        }
        let header = self.header();
        self.ready.push_back(WatchResponse {
            header: Some(header),
            watch_id,
            canceled: true,
            ..WatchResponse::default()
        });
    }

    fn create(&mut self, request: &WatchCreateRequest) {
        let header = self.header();
        let key = match request.key.is_empty() {
            true => Bytes::from_static(b"\0"),
            false => request.key.clone(),
        };
        let range = KeyRange::new(&key, &request.range_end).detached();
        let refused = if range.is_empty() {
            Some("mvcc: watcher range is empty")
        } else if request.watch_id != 0 && self.watches.contains_key(&request.watch_id) {
            Some("mvcc: duplicate watch ID provided on the WatchStream")
        } else if self.watches.len() >= MAX_WATCHES {
            Some("too many watches on this stream")
        } else {
            None
        };
        let watch_id = match (refused, request.watch_id) {
            (Some(_), _) => NO_WATCH,
            (None, 0) => self.choose_id(),
            (None, id) => id,
        };
        if refused.is_none() {
            let keeps = |filter: FilterType| !request.filters.contains(&filter.into());
            let watch = Watch {
                interest: Interest {
                    range,
                    puts: keeps(FilterType::Noput),
                    deletions: keeps(FilterType::Nodelete),
                    previous: request.prev_kv,
                },
                next: match request.start_revision {
                    0 => header.revision + 1,
                    revision => revision,
                },
                progress_notify: request.progress_notify,
                quiet: true,
                fragment: request.fragment,
            };
            if watch.progress_notify && self.ticks.is_none() {
                let period = self.shared.progress_interval;
                let mut ticks = interval_at(tokio::time::Instant::now() + period, period);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                self.ticks = Some(ticks);
            }
            self.watches.insert(watch_id, watch);
        }
        self.ready.push_back(WatchResponse {
            header: Some(header),
            watch_id,
            created: true,
            canceled: refused.is_some(),
            cancel_reason: refused.unwrap_or_default().to_owned(),
            ..WatchResponse::default()
        });
    }

    fn choose_id(&mut self) -> i64 {
        while self.watches.contains_key(&self.next_id) {
            self.next_id += 1;
        }
        self.next_id += 1;
        self.next_id - 1
    }

    /// Pulls from the log for the watch whose turn it is, and for those after it until there is something to send.
    fn deliver(&mut self) {
        let turn = (Bound::Excluded(self.last_served), Bound::Unbounded);
        let order: Vec<i64> = self
            .watches
            .range(turn)
            .chain(self.watches.range(..=self.last_served))
            .map(|(id, _)| *id)
            .collect();
        let shared = Arc::clone(&self.shared);
        shared.with(|store, _| {
            let mut visited = 0;
            for id in order {
                let Some(watch) = self.watches.get_mut(&id) else {
                    continue;
                };
                if watch.next > store.revision() {
                    continue;
                }
                self.last_served = id;
                match store.events(watch.next, &watch.interest) {
                    Ok(batch) => {
                        visited += batch.visited;
                        watch.next = batch.next;
                        if !batch.events.is_empty() {
                            watch.quiet = false;
                            let header = ResponseHeader {
                                // Everything up to here was delivered, which in a replay is not everything.
                                revision: batch.next - 1,
                                ..store.header()
                            };
                            let fragment = watch.fragment;
                            respond(&mut self.ready, header, id, batch, fragment);
                            return;
                        }
                    }
                    Err(CompactedTo(revision)) => {
                        self.watches.remove(&id);
                        self.ready.push_back(WatchResponse {
                            header: Some(ResponseHeader {
                                revision: 0,
                                ..store.header()
                            }),
                            watch_id: id,
                            canceled: true,
                            compact_revision: revision,
                            ..WatchResponse::default()
                        });
                        return;
                    }
                }
                if visited > VISITED_AT_ONCE {
                    return;
                }
            }
        });
    }

    /// Looks at the news once for all that follows, so that what comes later wakes the stream again.
    fn take_news(&mut self) {
        let News {
            revision,
            cancellations,
        } = self.news.look();
        self.revision = revision;
        if cancellations == self.cancellations {
            return;
        }
        self.cancellations = cancellations;
        let header = self.header();
        for id in std::mem::take(&mut self.watches).into_keys() {
            self.ready.push_back(WatchResponse {
                header: Some(header),
                watch_id: id,
                canceled: true,
                cancel_reason: "etcdserver: watch canceled".to_owned(),
                ..WatchResponse::default()
            });
        }
    }

    /// Tells the watches that asked for it, and that have everything, how far they are.
    fn tell_progress(&mut self) {
        let header = self.header();
        for (id, watch) in &mut self.watches {
            if watch.progress_notify && watch.quiet && watch.next > header.revision {
                self.ready.push_back(WatchResponse {
                    header: Some(header),
                    watch_id: *id,
                    ..WatchResponse::default()
                });
            }
            watch.quiet = true;
        }
    }
}

/// Versions of the log looked at for the watches of one stream before others get the lock.
const VISITED_AT_ONCE: usize = 20_000;

/// Makes the response, or the responses, for a batch.
fn respond(
    ready: &mut VecDeque<WatchResponse>,
    header: ResponseHeader,
    watch_id: i64,
    batch: Batch,
    fragment: bool,
) {
    let part = |events, fragment| WatchResponse {
        header: Some(header),
        watch_id,
        fragment,
        events,
        ..WatchResponse::default()
    };
    if !fragment {
        ready.push_back(part(batch.events, false));
        return;
    }
    let mut events = Vec::new();
    let mut bytes = 0;
    for event in batch.events {
        let size = event.encoded_len();
        if !events.is_empty() && bytes + size > FRAGMENT_BYTES {
            ready.push_back(part(std::mem::take(&mut events), true));
            bytes = 0;
        }
        bytes += size;
        events.push(event);
    }
    ready.push_back(part(events, false));
}

async fn next_request(
    requests: &mut Option<Streaming<WatchRequest>>,
) -> Option<Result<WatchRequest, Status>> {
    match requests {
        Some(requests) => requests.next().await,
        None => std::future::pending().await,
    }
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => std::future::pending().await,
    }
}

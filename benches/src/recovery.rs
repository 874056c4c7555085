//! Recovery: how long it takes, from the moment an etcd that was killed answers again, until 100 endpoints are advertised
//! again and a consumer knows exactly what is advertised; beside a bare client that connects and puts as many.
//!
//! On a real etcd, restarted with what it held and restarted with nothing. What changed during the outage is part of what
//! has to be there, so that a session which did nothing would never be exact.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ferlix_etcd::{Client, EtcdConfig, Record, Session, SessionConfig, SessionEvent, SessionState};
use ferlix_tests::etcd::Kind;
use ferlix_tests::{DEADLINE, EtcdServer, peers};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::error::Error;
use crate::{REPETITIONS, cores, load, table};

/// How many endpoints are advertised.
const ENDPOINTS: usize = 100;
/// As long as the endpoint description of the tutorial's service, in octets.
const VALUE: usize = 1300;
/// How long etcd is away before it is started: so long that the sessions' back-off is at its cap.
const OUTAGE: Duration = Duration::from_secs(3);
/// How often is looked whether something is over.
const LOOK: Duration = Duration::from_millis(1);
/// The keys of the sessions, and of the floor.
const TOP: &str = "recovery";
const FLOOR: &str = "floor";

/// Measures and prints the table.
pub(crate) fn run() -> Result<(), Error> {
    if !peers::are_set_up() {
        table::skipped("recovery after a restart of etcd");
        return Ok(());
    }
    let mut rows = Vec::new();
    let mut version = String::new();
    for wipe in [false, true] {
        let binary = peers::etcd_binaries().swap_remove(0);
        let mut etcd = EtcdServer::start(Kind::Real(binary));
        etcd.version().clone_into(&mut version);
        let turns = cores::runtime()?.block_on(measure(&mut etcd, wipe))?;
        let after = if wipe {
            "with nothing"
        } else {
            "with its data"
        };
        rows.push(row(
            &format!("floor, {after}: a bare client connects and puts {ENDPOINTS} values"),
            turns.iter().map(|turn| turn.floor),
        ));
        rows.push(row(
            &format!("restarted {after}: {ENDPOINTS} endpoints are advertised"),
            turns.iter().map(|turn| turn.advertised),
        ));
        rows.push(row(
            &format!("restarted {after}: a consumer is exact"),
            turns.iter().map(|turn| turn.exact),
        ));
    }
    table::print(
        &format!("Recovery after an outage of etcd {version}, from the moment it answers"),
        &["", "median ms", "worst ms"],
        &rows,
    );
    Ok(())
}

/// The times of one outage.
struct Turn {
    floor: Duration,
    advertised: Duration,
    exact: Duration,
}

fn row(words: &str, times: impl Iterator<Item = Duration> + Clone) -> Vec<String> {
    let milliseconds = times.map(|time| time.as_secs_f64() * 1e3);
    let worst = milliseconds.clone().fold(0.0, f64::max);
    vec![
        words.to_owned(),
        format!("{:.0}", load::median(milliseconds)),
        format!("{worst:.0}"),
    ]
}

/// A record that says how often it changed and how often it was put, and is as long as an endpoint.
#[derive(Debug)]
struct Endpoint {
    name: String,
    version: u64,
    puts: AtomicU64,
}

impl Record for Endpoint {
    fn value(&self) -> Vec<u8> {
        let puts = self.puts.fetch_add(1, Ordering::Relaxed) + 1;
        let mut text = format!("{} {} {puts} ", self.name, self.version);
        text.extend(std::iter::repeat_n('x', VALUE.saturating_sub(text.len())));
        text.into_bytes()
    }
}

/// What a consumer knows: key to name and version, without the count of puts.
type Known = Arc<Mutex<BTreeMap<String, String>>>;

async fn measure(etcd: &mut EtcdServer, wipe: bool) -> Result<Vec<Turn>, Error> {
    let (exporter, _) = start(etcd, "exporter")?;
    let (consumer, mut events) = start(etcd, "consumer")?;
    let known = Known::default();
    let book = Arc::clone(&known);
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            let mut known = book.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                SessionEvent::Put(kv) => note(&mut known, &kv.key, &kv.value),
                SessionEvent::Delete { key, .. } => {
                    known.remove(&*String::from_utf8_lossy(&key));
                }
                SessionEvent::Snapshot { entries, .. } => {
                    known.clear();
                    for kv in entries {
                        note(&mut known, &kv.key, &kv.value);
                    }
                }
                _ => {}
            }
        }
    });
    let mut wished = BTreeMap::new();
    for number in 0..ENDPOINTS {
        wish(&exporter, number, 0, &mut wished).await?;
    }
    until("a consumer that knows all", || is(&known, &wished)).await?;

    let mut turns = Vec::with_capacity(REPETITIONS);
    for version in 1..=REPETITIONS as u64 {
        etcd.kill();
        until("an outage", || away(&exporter) && away(&consumer)).await?;
        for number in 0..5 {
            wish(&exporter, number, version, &mut wished).await?;
        }
        sleep(OUTAGE).await;
        let address = etcd.address();
        let answers = tokio::spawn(async move { answers(&address).await });
        let advertised = until("advertised", || settled(&exporter));
        let exact = until("exact", || {
            consumer.status().state == SessionState::Watching && is(&known, &wished)
        });
        // It blocks until etcd serves, which is noticed beside it.
        let restarted = async {
            tokio::task::block_in_place(|| etcd.start_again(wipe));
            Ok::<_, Error>(())
        };
        let (answered, advertised, exact, ()) = tokio::try_join!(
            async { answers.await.map_err(|_| Error::Task)? },
            advertised,
            exact,
            restarted
        )?;
        turns.push(Turn {
            floor: floor(etcd).await?,
            advertised: advertised.saturating_duration_since(answered),
            exact: exact.saturating_duration_since(answered),
        });
    }
    exporter.close().await;
    consumer.close().await;
    Ok(turns)
}

fn start(etcd: &EtcdServer, id: &str) -> Result<(Session, ferlix_etcd::SessionEvents), Error> {
    let mut config = SessionConfig::new(EtcdConfig::new([etcd.address()]), id);
    TOP.clone_into(&mut config.top_key);
    Ok(Session::start(config)?)
}

/// Advertises another version of an endpoint, whenever etcd can take it.
async fn wish(
    exporter: &Session,
    number: usize,
    version: u64,
    wished: &mut BTreeMap<String, String>,
) -> Result<(), Error> {
    let name = format!("endpoint{number}");
    let record = Endpoint {
        name: name.clone(),
        version,
        puts: AtomicU64::new(0),
    };
    let put = exporter.put(&name, Arc::new(record));
    // During an outage nobody waits for the answer.
    if let Ok(outcome) = timeout(Duration::from_millis(200), put).await {
        outcome?;
    }
    let key = format!("{TOP}/exporter/{name}");
    wished.insert(key, format!("{name} {version}"));
    Ok(())
}

fn note(known: &mut BTreeMap<String, String>, key: &[u8], value: &[u8]) {
    let (key, value) = (String::from_utf8_lossy(key), String::from_utf8_lossy(value));
    let mut words = value.split(' ');
    if let (Some(name), Some(version)) = (words.next(), words.next()) {
        known.insert(key.into_owned(), format!("{name} {version}"));
    }
}

fn is(known: &Known, wished: &BTreeMap<String, String>) -> bool {
    *known.lock().unwrap_or_else(PoisonError::into_inner) == *wished
}

fn away(session: &Session) -> bool {
    session.status().state != SessionState::Watching
}

fn settled(session: &Session) -> bool {
    let status = session.status();
    status.state == SessionState::Watching && status.pending == 0
}

/// The moment at which this holds.
async fn until(what: &str, holds: impl Fn() -> bool) -> Result<Instant, Error> {
    let waiting = async {
        while !holds() {
            sleep(LOOK).await;
        }
        Instant::now()
    };
    let waited = timeout(DEADLINE, waiting).await;
    waited.map_err(|_| Error::Answer(format!("nothing in time where there should be {what}")))
}

/// The moment at which etcd answers a read.
async fn answers(address: &str) -> Result<Instant, Error> {
    let config = EtcdConfig::new([address]);
    let asking = async {
        loop {
            if let Ok(client) = Client::connect(config.clone()).await
                && client.range(b"none", b"nonf").await.is_ok()
            {
                return Instant::now();
            }
            sleep(LOOK).await;
        }
    };
    let answered = timeout(DEADLINE, asking).await;
    answered.map_err(|_| Error::Answer("etcd does not answer in time".to_owned()))
}

/// Connects, and puts as many values at once.
async fn floor(etcd: &EtcdServer) -> Result<Duration, Error> {
    let value = Bytes::from(vec![b'x'; VALUE]);
    let begin = Instant::now();
    let client = Client::connect(EtcdConfig::new([etcd.address()])).await?;
    let mut puts = JoinSet::new();
    for number in 0..ENDPOINTS {
        let (client, value) = (client.clone(), value.clone());
        puts.spawn(async move {
            let key = format!("{FLOOR}/{number}");
            client.put(key.as_bytes(), value, 0).await
        });
    }
    while let Some(put) = puts.join_next().await {
        put.map_err(|_| Error::Task)??;
    }
    Ok(begin.elapsed())
}

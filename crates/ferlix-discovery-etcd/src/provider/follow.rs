//! The two tasks of a provider: one takes what the session tells to the directories, one shows the session's state.
//!
//! Neither runs a listener's code: the endpoint directory tells listeners in tasks of its own, and what was asked to be
//! called at the first connection is called in one, too. (A change of the shown state is a service event, whose listeners
//! are quick by contract; it comes from its own task all the same.)

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_core::component::ComponentContext;
use ferlix_core::filter::Filter;
use ferlix_core::framework::BundleContext;
use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRef;
use ferlix_etcd::{KeyValue, Session, SessionEvent, SessionEvents, SessionState};
use ferlix_remote::endpoint::{EndpointDescription, names};
use ferlix_remote::provider::EndpointDirectory;
use tokio::time::{Instant, sleep_until};

use super::advertised::Advertised;
use super::{Running, locked};
use crate::directory::{Change, Directory};
use crate::instantiate::when_connected;

/// How often counts are shown.
const STATUS_PERIOD: Duration = Duration::from_secs(1);

/// How often those who hold records look whether their endpoints still answer.
const LOOK_PERIOD: Duration = Duration::from_millis(500);

/// A held record goes when calls to its endpoint have failed for so long: an exporter that is starting again with everything
/// else is not given up for one call.
const REFUSED_FOR: Duration = Duration::from_secs(2);

/// So many records of a snapshot are read before others get their turn.
const CHUNK: usize = 64;

/// Takes what the session tells to the directories, until the session is closed.
pub(super) async fn events(
    mut events: SessionEvents,
    directory: Arc<Mutex<Directory>>,
    endpoints: EndpointDirectory,
    advertised: Advertised,
    context: BundleContext,
) {
    let mut looked_at = Instant::now();
    let apply = |change: Change| match change {
        Change::Put { key, endpoint } => {
            tracing::debug!(%key, endpoint = endpoint.id(), "an endpoint record is new");
            endpoints.put(key, endpoint);
        }
        Change::Remove { key } => {
            tracing::debug!(%key, "an endpoint record is gone");
            endpoints.remove(&key);
        }
    };
    loop {
        let (expiry, is_holding) = {
            let directory = locked(&directory);
            (directory.next_expiry(), directory.held() > 0)
        };
        let look = is_holding.then(|| looked_at + LOOK_PERIOD);
        let event = tokio::select! {
            biased;
            event = events.recv() => event,
            () = until(expiry) => {
                let gone = locked(&directory).expire(Instant::now());
                gone.into_iter().for_each(apply);
                continue;
            }
            () = until(look) => {
                looked_at = Instant::now();
                let held = locked(&directory).held_endpoints();
                for (key, endpoint) in held {
                    if refuses_calls(&context, &endpoint) {
                        tracing::warn!(%key, "EXPIRED endpoint record: it is missing after an outage, and calls to it fail");
                        let gone = locked(&directory).give_up(&key);
                        gone.into_iter().for_each(apply);
                    }
                }
                continue;
            }
        };
        match event {
            None => return,
            Some(SessionEvent::Connected { .. }) => advertised.connected(),
            Some(SessionEvent::Put(kv)) => {
                let change = locked(&directory).put(&kv.key, &kv.value);
                change.into_iter().for_each(apply);
            }
            Some(SessionEvent::Delete { key, .. }) => {
                let change = locked(&directory).delete(&key);
                change.into_iter().for_each(apply);
            }
            Some(SessionEvent::Disconnected { .. }) => {
                locked(&directory).disconnected(Instant::now());
            }
            Some(SessionEvent::Snapshot {
                entries,
                after_outage,
                ..
            }) => {
                // What is new first, so that a service that moved is there again before it goes.
                for chunk in entries.chunks(CHUNK) {
                    let changes = put_all(&mut locked(&directory), chunk);
                    changes.into_iter().for_each(apply);
                    tokio::task::yield_now().await;
                }
                let keys = entries.iter().map(|kv| &*kv.key);
                let now = Instant::now();
                let gone = locked(&directory).snapshot_is_in(keys, after_outage, now);
                gone.into_iter().for_each(apply);
            }
            // Events that came to be after this was written change nothing that is known.
            Some(_) => {}
        }
    }
}

/// Whether calls to an endpoint have failed for a while, as far as anybody here calls it.
fn refuses_calls(context: &BundleContext, endpoint: &EndpointDescription) -> bool {
    let filter = Filter::equal(names::ENDPOINT_ID, endpoint.id());
    let proxies = context.references(None, Some(&filter));
    let fails = |proxy: &ServiceRef| {
        let Some(health) = proxy.health().map(|health| health.status()) else {
            return false;
        };
        let time = health.since.elapsed().unwrap_or_default();
        proxy.is_imported() && !health.healthy && time >= REFUSED_FOR
    };
    proxies.iter().any(fails)
}

fn put_all(directory: &mut Directory, entries: &[KeyValue]) -> Vec<Change> {
    let put = |kv: &KeyValue| directory.put(&kv.key, &kv.value);
    entries.iter().filter_map(put).collect()
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Shows the status as service properties, and calls who wants to know of the first connection.
pub(super) async fn status(running: Arc<Running>, context: ComponentContext) {
    let mut changes = running.session.watch_status();
    let mut shown = Properties::new();
    let mut called = false;
    loop {
        let state = changes.borrow_and_update().state;
        for (key, value) in running.status().properties() {
            if shown.get(key) != Some(&value) {
                shown.insert(key, value.clone());
                context.set_property(key, value);
            }
        }
        if state == SessionState::Watching && !called {
            called = true;
            for callback in when_connected(&context) {
                call(callback, running.session.clone(), &context);
            }
        }
        // What changes with every event is shown by the second, what matters at once.
        if let Ok(Err(_)) = tokio::time::timeout(STATUS_PERIOD, changes.changed()).await {
            return;
        }
    }
}

/// Calls user code in a task of its own, which counts as pending.
fn call(
    callback: impl FnOnce(Session) + Send + 'static,
    session: Session,
    context: &ComponentContext,
) {
    let busy = context.bundle().framework().busy();
    let name = context.name().to_owned();
    tokio::spawn(async move {
        if catch_unwind(AssertUnwindSafe(|| callback(session))).is_err() {
            tracing::error!(
                component = name,
                "what was to be called when etcd is connected panicked"
            );
        }
        drop(busy);
    });
}

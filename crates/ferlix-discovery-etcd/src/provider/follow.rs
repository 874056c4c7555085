//! The two tasks of a provider: one takes what the session tells to the directories, one shows the session's state.
//!
//! Neither runs a listener's code: the endpoint directory tells listeners in tasks of its own, and what was asked to be
//! called at the first connection is called in one, too. (A change of the shown state is a service event, whose listeners
//! are quick by contract; it comes from its own task all the same.)

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use ferlix_core::component::ComponentContext;
use ferlix_etcd::{KeyValue, Session, SessionEvent, SessionEvents, SessionState};
use ferlix_remote::provider::EndpointDirectory;
use tokio::time::{Instant, sleep_until};

use super::advertised::Advertised;
use super::locked;
use crate::directory::{Change, Directory};
use crate::instantiate::when_connected;

/// The property that shows the state of the session.
const STATE: &str = "etcd.state";

/// So many records of a snapshot are read before others get their turn.
const CHUNK: usize = 64;

/// Takes what the session tells to the directories, until the session is closed.
pub(super) async fn events(
    mut events: SessionEvents,
    directory: Arc<Mutex<Directory>>,
    endpoints: EndpointDirectory,
    advertised: Advertised,
) {
    let apply = |change: Change| match change {
        Change::Put { key, endpoint } => {
            tracing::debug!(key, endpoint = endpoint.id(), "an endpoint record is new");
            endpoints.put(&key, endpoint);
        }
        Change::Remove { key } => {
            tracing::debug!(key, "an endpoint record is gone");
            endpoints.remove(&key);
        }
    };
    loop {
        let expiry = locked(&directory).next_expiry();
        let event = tokio::select! {
            biased;
            event = events.recv() => event,
            () = until(expiry) => {
                let gone = locked(&directory).expire(Instant::now());
                gone.into_iter().for_each(apply);
                continue;
            }
        };
        match event {
            None => return,
            Some(SessionEvent::Connected { .. }) => advertised.warn_of_loopback(),
            Some(SessionEvent::Put(kv)) => {
                let change = locked(&directory).put(&kv.key, &kv.value);
                change.into_iter().for_each(apply);
            }
            Some(SessionEvent::Delete { key, .. }) => {
                let change = locked(&directory).delete(&key);
                change.into_iter().for_each(apply);
            }
            Some(SessionEvent::Disconnected { .. }) => locked(&directory).disconnected(),
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

/// Shows the session's state as a service property, and calls who wants to know of the first connection.
pub(super) async fn status(session: Session, context: ComponentContext) {
    let mut status = session.watch_status();
    let mut shown = None;
    let mut called = false;
    loop {
        let state = status.borrow_and_update().state;
        if shown != Some(state) {
            shown = Some(state);
            context.set_property(STATE, state.as_str());
        }
        if state == SessionState::Watching && !called {
            called = true;
            for callback in when_connected(&context) {
                call(callback, session.clone(), &context);
            }
        }
        if status.changed().await.is_err() {
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

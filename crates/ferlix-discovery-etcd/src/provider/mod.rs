//! [`EtcdDiscovery`]: the component that advertises local endpoints in etcd and tells what others advertise there.
//!
//! Endpoints to advertise come in as an [`EndpointAdvertiser`]; each becomes a record that the etcd session keeps in etcd
//! (`advertised`). What the session sees goes through the [`Directory`](crate::directory::Directory) to the
//! [`EndpointDirectory`], which tells the listeners in order (`follow`). The session keeps lease and watch alive in a task
//! that knows nothing of all this and is never held up by it.
//!
//! Deliberately absent: any wait for etcd when the component starts; a component without etcd is valid and keeps trying.

mod advertised;
mod follow;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ferlix_core::component::{
    Callbacks, Component, ComponentContext, ComponentError, ComponentFactory, Fields, RetryPolicy,
};
use ferlix_core::property::{HIDDEN, Properties, Value};
use ferlix_etcd::{Session, SessionState, WriteOutcome};
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::{
    BoxError, DiscoveredEndpoint, DiscoveredEndpoints, EndpointAdvertiser, EndpointDirectory,
};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::advertised::Advertised;
use crate::directory::Directory;
use crate::settings::{self, Settings};
use crate::status::{DiscoveryStatus, EtcdStatus, SkippedRecord};
use crate::{Draft, Error, FACTORY};

/// So many skipped records are shown with their reasons.
const SHOWN: usize = 20;

/// The component.
pub(crate) struct EtcdDiscovery {
    /// As they were when it was built.
    properties: Properties,
    running: Mutex<Option<Arc<Running>>>,
}

/// Everything that is there from validation to invalidation.
struct Running {
    name: String,
    /// The addresses that may be used.
    members: Vec<String>,
    stale_after: Option<Duration>,
    session: Session,
    advertised: Advertised,
    directory: Arc<Mutex<Directory>>,
    endpoints: EndpointDirectory,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// Takes a lock whose holder cannot leave it broken: every critical section here only moves plain data.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Component for EtcdDiscovery {
    fn factory() -> ComponentFactory {
        let factory = ComponentFactory::of::<Self>(FACTORY)
            .provides::<Self, dyn EndpointAdvertiser>(|this| this)
            .provides::<Self, dyn DiscoveredEndpoints>(|this| this)
            .provides::<Self, dyn EtcdStatus>(|this| this)
            // A configuration that is wrong stays wrong until somebody changes it.
            .retry(RetryPolicy::Off)
            .callbacks(Callbacks::<Self> {
                validate: Some(|this, context| {
                    Box::pin(async move { this.validate(&context).await })
                }),
                invalidate: Some(|this, _| {
                    Box::pin(async move {
                        this.stop().await;
                        Ok(())
                    })
                }),
                ..Callbacks::default()
            });
        settings::ALL.into_iter().fold(factory, |factory, key| {
            factory.value::<Value>(key, settings::default_of(key))
        })
    }

    fn build(fields: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self {
            properties: fields.properties().clone(),
            running: Mutex::default(),
        })
    }
}

impl EtcdDiscovery {
    async fn validate(&self, context: &ComponentContext) -> Result<(), BoxError> {
        let started = self.start(context);
        if self.properties.contains(settings::PASSWORD) {
            context.set_property(settings::PASSWORD, HIDDEN);
            if started.is_err() {
                // An instance that is down shows what it was configured with. This is done when validation is over.
                let hidden = Properties::from([(settings::PASSWORD, HIDDEN)]);
                let components = context.bundle().components();
                components.reconfigure(context.name(), hidden).await?;
            }
        }
        started
    }

    fn start(&self, context: &ComponentContext) -> Result<(), BoxError> {
        let Settings {
            session: config,
            host,
            patience,
            replace,
        } = Settings::read(&self.properties)?;
        let directory = Directory::new(&config.top_key, &config.session_id, patience);
        let directory = Arc::new(Mutex::new(directory));
        let endpoints = EndpointDirectory::open(context.bundle(), context.name())?;
        let members = config.client.endpoints.clone();
        let (session, events) = Session::start(config).map_err(Error::from)?;
        context.set_property(settings::SESSION_ID, session.session_id());

        let advertised = Advertised::new(&session, host, replace);
        let following = follow::events(
            events,
            Arc::clone(&directory),
            endpoints.clone(),
            advertised.clone(),
            context.bundle().clone(),
        );
        let running = Arc::new(Running {
            name: context.name().to_owned(),
            members,
            stale_after: patience.stale_after,
            session,
            advertised,
            directory,
            endpoints,
            tasks: Mutex::default(),
        });
        let showing = follow::status(Arc::clone(&running), context.clone());
        locked(&running.tasks).extend([tokio::spawn(following), tokio::spawn(showing)]);
        *locked(&self.running) = Some(running);
        Ok(())
    }

    async fn stop(&self) {
        let Some(running) = locked(&self.running).take() else {
            return;
        };
        // Nothing may come to the listeners after they were told that all is gone.
        let tasks = std::mem::take(&mut *locked(&running.tasks));
        for task in tasks {
            task.abort();
            // An error is the abortion.
            let _ = task.await;
        }
        tokio::join!(running.session.close(), running.endpoints.close());
    }

    fn running(&self) -> Option<Arc<Running>> {
        locked(&self.running).clone()
    }
}

#[async_trait]
impl EndpointAdvertiser for EtcdDiscovery {
    async fn advertise(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        let Some(running) = self.running() else {
            return Err(Error::from(ferlix_etcd::Error::Closed).into());
        };
        match running.advertise(endpoint).await {
            Ok(()) => {
                running.advertised.taken(endpoint.id());
                Ok(())
            }
            Err(error) => {
                // Any other is etcd's, and the session tries again.
                if let Error::Refused { reason, .. } = &error {
                    running.advertised.refuse(endpoint.id(), reason.clone());
                }
                Err(error.into())
            }
        }
    }

    async fn update(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        self.advertise(endpoint).await
    }

    async fn unadvertise(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        // Without a session the record is gone, or goes with the lease.
        let Some(running) = self.running() else {
            return Ok(());
        };
        if running.advertised.forget(endpoint.id()) {
            let write = running.session.remove(endpoint.id());
            match taken_over(&running.session, write).await {
                Ok(()) | Err(ferlix_etcd::Error::Closed) => {}
                Err(error) => return Err(Error::from(error).into()),
            }
        }
        Ok(())
    }
}

/// Waits until etcd has confirmed a write, at most for the call timeout, and not at all while there is no etcd: the
/// session keeps it in mind.
async fn taken_over(
    session: &Session,
    write: impl Future<Output = Result<WriteOutcome, ferlix_etcd::Error>>,
) -> Result<(), ferlix_etcd::Error> {
    let mut status = session.watch_status();
    tokio::select! {
        // In this order, so that the wish has reached the session before anything else is looked at.
        biased;
        outcome = write => outcome.map(|_| ()),
        _ = status.wait_for(|status| status.state == SessionState::Lost) => Ok(()),
    }
}

impl Running {
    async fn advertise(&self, endpoint: &EndpointDescription) -> Result<(), Error> {
        let draft = Draft::new(endpoint)?;
        let Some(record) = self.advertised.record(draft) else {
            return Ok(());
        };
        let write = self.session.put(endpoint.id(), Arc::clone(&record));
        match taken_over(&self.session, write).await {
            Ok(()) => Ok(()),
            Err(error @ ferlix_etcd::Error::RequestTooLarge { .. }) => Err(Error::Refused {
                endpoint: endpoint.id().to_owned(),
                reason: format!("its record has {} bytes: {error}", record.value().len()),
            }),
            Err(error) => Err(error.into()),
        }
    }

    fn status(&self) -> DiscoveryStatus {
        let session = self.session.status();
        let mut refused = self.advertised.refused();
        let directory = locked(&self.directory);
        // What was taken over while etcd was away, and refused when it came.
        for (key, error) in &*session.refused {
            if let Some(endpoint) = directory.endpoint(key) {
                refused
                    .entry(endpoint.to_owned())
                    .or_insert_with(|| error.in_full());
            }
        }
        let bad = directory.bad().take(SHOWN);
        DiscoveryStatus {
            session_id: self.session.session_id().to_owned(),
            members: self.members.clone(),
            stale_after: self.stale_after,
            discovered: directory.len(),
            sessions: directory.sessions(),
            held: directory.held(),
            skipped: directory.skipped().clone(),
            bad_records: bad
                .map(|(key, reason)| SkippedRecord {
                    key: key.to_owned(),
                    reason: reason.to_owned(),
                })
                .collect(),
            refused,
            session,
        }
    }

    fn discovered(&self) -> Vec<DiscoveredEndpoint> {
        let mut records = self.endpoints.discovered();
        let directory = locked(&self.directory);
        let now = Instant::now();
        let away = self.session.status().state != SessionState::Watching;
        for record in &mut records {
            if let Some(session) = directory.session(&record.key) {
                record.exporter = session.to_owned();
            }
            if let Some(until) = directory.held_until(&record.key) {
                let left = until.saturating_duration_since(now).as_secs();
                record.state = format!("missing, held for {left} s");
            } else if away {
                "etcd is away".clone_into(&mut record.state);
            }
        }
        records
    }
}

impl EtcdStatus for EtcdDiscovery {
    fn name(&self) -> String {
        self.running()
            .map_or_else(String::new, |running| running.name.clone())
    }

    fn status(&self) -> Option<DiscoveryStatus> {
        self.running().map(|running| running.status())
    }
}

impl DiscoveredEndpoints for EtcdDiscovery {
    fn source(&self) -> String {
        EtcdStatus::name(self)
    }

    fn discovered(&self) -> Vec<DiscoveredEndpoint> {
        self.running()
            .map_or_else(Vec::new, |running| running.discovered())
    }
}

impl fmt::Debug for EtcdDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdDiscovery")
            .field(
                "session",
                &self.running().map(|running| running.session.clone()),
            )
            .finish_non_exhaustive()
    }
}

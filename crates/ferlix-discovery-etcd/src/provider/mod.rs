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

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use ferlix_core::component::{
    Callbacks, Component, ComponentContext, ComponentError, ComponentFactory, Fields, RetryPolicy,
};
use ferlix_core::property::{Properties, Value};
use ferlix_core::service;
use ferlix_etcd::{Session, SessionState, SessionStatus, WriteOutcome};
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::{BoxError, EndpointAdvertiser, EndpointDirectory};
use tokio::task::JoinHandle;

use self::advertised::Advertised;
use crate::directory::{Directory, Known};
use crate::settings::{self, HIDDEN, Settings};
use crate::{Draft, Error, FACTORY};

/// What the shell's commands ask of a provider; not for others.
#[service("ferlix.rsa.discovery.etcd3")]
pub(crate) trait Discovery: Send + Sync {
    /// The name of the instance.
    fn name(&self) -> String;
    /// The session as it is now, unless the instance is on its way up or down.
    fn status(&self) -> Option<(String, SessionStatus)>;
    /// Everything that was seen.
    fn known(&self) -> Vec<Known>;
    /// How many records were skipped, by kind of error.
    fn skipped(&self) -> BTreeMap<&'static str, u64>;
}

/// The component.
pub(crate) struct EtcdDiscovery {
    /// As they were when it was built.
    properties: Properties,
    running: Mutex<Option<Arc<Running>>>,
}

/// Everything that is there from validation to invalidation.
struct Running {
    name: String,
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
            .provides::<Self, dyn Discovery>(|this| this)
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
            hold,
        } = Settings::read(&self.properties)?;
        let directory = Directory::new(&config.top_key, &config.session_id, hold);
        let directory = Arc::new(Mutex::new(directory));
        let endpoints = EndpointDirectory::open(context.bundle(), context.name())?;
        let (session, events) = Session::start(config).map_err(Error::from)?;
        context.set_property(settings::SESSION_ID, session.session_id());

        let advertised = Advertised::new(&session, host);
        let following = follow::events(
            events,
            Arc::clone(&directory),
            endpoints.clone(),
            advertised.clone(),
        );
        let showing = follow::status(session.clone(), context.clone());
        *locked(&self.running) = Some(Arc::new(Running {
            name: context.name().to_owned(),
            session,
            advertised,
            directory,
            endpoints,
            tasks: Mutex::new(vec![tokio::spawn(following), tokio::spawn(showing)]),
        }));
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
        let draft = Draft::new(endpoint)?;
        let Some(running) = self.running() else {
            return Err(Error::from(ferlix_etcd::Error::Closed).into());
        };
        let record = running.advertised.record(draft);
        let write = running.session.put(endpoint.id(), record);
        taken_over(&running.session, write).await?;
        running.advertised.warn_of_loopback();
        Ok(())
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

impl Discovery for EtcdDiscovery {
    fn name(&self) -> String {
        self.running()
            .map_or_else(String::new, |running| running.name.clone())
    }

    fn status(&self) -> Option<(String, SessionStatus)> {
        let running = self.running()?;
        let id = running.session.session_id().to_owned();
        Some((id, running.session.status()))
    }

    fn known(&self) -> Vec<Known> {
        self.running()
            .map_or_else(Vec::new, |running| locked(&running.directory).known())
    }

    fn skipped(&self) -> BTreeMap<&'static str, u64> {
        self.running().map_or_else(BTreeMap::new, |running| {
            locked(&running.directory).skipped().clone()
        })
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

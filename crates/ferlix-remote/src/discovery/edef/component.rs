//! The bundle `ferlix.rsa.providers.discovery.edef` and its component.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_core::component::ComponentContext;
use ferlix_core::framework::BundleContext;
use ferlix_core::property::Properties;
use ferlix_core::{bundle, component, lifecycle};
use tokio::task::JoinHandle;

use super::folder::{Change, Folder};
use super::{FACTORY, FOLDER, INSTANCE, POLL};
use crate::provider::{DiscoveredEndpoint, DiscoveredEndpoints, EndpointDirectory};
use crate::work::locked;

/// Makes an instance, as [`INSTANCE`]; the framework's properties stand for those that are not given.
///
/// # Errors
/// When the bundle is not started or the instance is there already.
pub async fn instantiate(
    context: &BundleContext,
    properties: Properties,
) -> Result<(), ferlix_core::Error> {
    let components = context.components();
    components.instantiate(FACTORY, INSTANCE, properties).await
}

/// The component.
#[component(factory = FACTORY, provides(dyn DiscoveredEndpoints))]
struct EdefDiscovery {
    #[property(FOLDER, default = "./endpoints")]
    folder: String,
    #[property(POLL, default = 1000)]
    poll: u32,
    running: Mutex<Option<Running>>,
}

/// What is there from validation to invalidation.
struct Running {
    name: String,
    directory: EndpointDirectory,
    task: Option<JoinHandle<()>>,
}

#[lifecycle]
impl EdefDiscovery {
    #[validate]
    async fn start(&self, context: &ComponentContext) -> Result<(), ferlix_core::Error> {
        let directory = EndpointDirectory::open(context.bundle(), context.name())?;
        let folder = Arc::new(Mutex::new(Folder::new(&self.folder)));
        look(&folder, &directory).await;
        tracing::info!(
            folder = self.folder,
            poll_ms = self.poll,
            endpoints = directory.len(),
            "FOLLOWING the EDEF files of a folder"
        );
        let task = (self.poll > 0).then(|| {
            let period = Duration::from_millis(self.poll.into());
            tokio::spawn(follow(folder, directory.clone(), period))
        });
        *locked(&self.running) = Some(Running {
            name: context.name().to_owned(),
            directory,
            task,
        });
        Ok(())
    }

    #[invalidate]
    async fn stop(&self) {
        let Some(running) = locked(&self.running).take() else {
            return;
        };
        if let Some(task) = running.task {
            task.abort();
            // An error is the abortion.
            let _ = task.await;
        }
        running.directory.close().await;
    }
}

async fn follow(folder: Arc<Mutex<Folder>>, directory: EndpointDirectory, period: Duration) {
    loop {
        tokio::time::sleep(period).await;
        look(&folder, &directory).await;
    }
}

/// One look, on a thread that may block.
async fn look(folder: &Arc<Mutex<Folder>>, directory: &EndpointDirectory) {
    let folder = Arc::clone(folder);
    let changes = tokio::task::spawn_blocking(move || locked(&folder).look()).await;
    // An error is the end of the runtime.
    for change in changes.unwrap_or_default() {
        match change {
            Change::Put(key, endpoint) => directory.put(key, endpoint),
            Change::Remove(key) => {
                directory.remove(&key);
            }
        }
    }
}

impl DiscoveredEndpoints for EdefDiscovery {
    fn source(&self) -> String {
        let running = locked(&self.running);
        let name = running.as_ref().map(|running| running.name.clone());
        name.unwrap_or_default()
    }

    fn discovered(&self) -> Vec<DiscoveredEndpoint> {
        let running = locked(&self.running);
        let directory = running.as_ref().map(|running| running.directory.clone());
        drop(running);
        let mut records = directory.map_or_else(Vec::new, |directory| directory.discovered());
        for record in &mut records {
            // Whoever wrote the file stands for the exporter.
            if let Some((file, _)) = record.key.split_once('#') {
                record.exporter = file.to_owned();
            }
        }
        records
    }
}

impl fmt::Debug for EdefDiscovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdefDiscovery")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

bundle!(
    /// The discovery of endpoints in EDEF files; it makes no instance by itself.
    pub BUNDLE = "ferlix.rsa.providers.discovery.edef",
    components = [EdefDiscovery]
);

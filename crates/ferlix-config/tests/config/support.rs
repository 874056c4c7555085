//! A framework with a configuration admin on a folder of its own.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_config::{
    BUNDLE, Configuration, ConfigurationAdmin, FACTORY, INSTANCE, ManagedService, SHELL_BUNDLE,
};
use ferlix_core::framework::{BoxError, BundleContext, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRegistration;
use ferlix_core::service_impl;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct House {
    pub(crate) framework: Framework,
    pub(crate) context: BundleContext,
    temporary: Arc<tempfile::TempDir>,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with_poll(10).await
    }

    /// With a folder that is looked at every so many milliseconds.
    pub(crate) async fn with_poll(poll: i32) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), poll).await
    }

    async fn on(temporary: Arc<tempfile::TempDir>, poll: i32) -> Self {
        let folder = temporary.path().join("conf").display().to_string();
        let framework = Framework::builder()
            .property("ferlix.configadmin.folder", folder)
            .property("ferlix.configadmin.poll", poll)
            .install(&BUNDLE)
            .install(&SHELL_BUNDLE)
            .start()
            .await
            .unwrap();
        let house = Self {
            context: framework.context(),
            framework,
            temporary,
        };
        house.start_admin().await;
        house
    }

    pub(crate) async fn start_admin(&self) {
        let components = self.context.components();
        components
            .instantiate(FACTORY, INSTANCE, Properties::new())
            .await
            .unwrap();
    }

    /// Stops the framework and starts another on the same folder.
    pub(crate) async fn again(self) -> Self {
        let temporary = Arc::clone(&self.temporary);
        self.framework.stop().await.unwrap();
        Self::on(temporary, 10).await
    }

    pub(crate) async fn stop(self) {
        self.framework.stop().await.unwrap();
    }

    pub(crate) fn admin(&self) -> Arc<dyn ConfigurationAdmin> {
        Arc::clone(
            &self
                .context
                .service::<dyn ConfigurationAdmin>(None)
                .unwrap(),
        )
    }

    pub(crate) fn configuration(&self, pid: &str) -> Configuration {
        self.admin().configuration(pid).unwrap()
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.temporary.path().join("conf")
    }

    /// Writes a file as an editor does.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.folder()).unwrap();
        std::fs::write(self.folder().join(name), text).unwrap();
    }

    pub(crate) async fn settle(&self) {
        tokio::time::timeout(DEADLINE, self.framework.settle())
            .await
            .expect("the framework should settle");
    }

    pub(crate) fn manage(&self, service: &Arc<Managed>, pid: &str) -> ServiceRegistration {
        let service: Arc<dyn ManagedService> = service.clone();
        self.context
            .register(service, [("service.pid", pid)].into())
            .unwrap()
    }

    pub(crate) fn property(&self, instance: &str, key: &str) -> Option<Value> {
        let details = self.context.components().instance(instance)?;
        details.properties.get(key).cloned()
    }
}

pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    assert!(waited.await.is_ok(), "never came true: {what}");
}

/// A managed service that remembers the number `index` that it was told, -1 for a deletion.
#[derive(Default)]
pub(crate) struct Managed {
    pub(crate) told: Mutex<Vec<i64>>,
}

impl Managed {
    pub(crate) fn take(&self) -> Vec<i64> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

#[service_impl]
impl ManagedService for Managed {
    async fn updated(&self, properties: Option<&Properties>) -> Result<(), BoxError> {
        let index = match properties {
            None => -1,
            Some(properties) => properties.get("index").and_then(Value::as_i64).unwrap_or(0),
        };
        self.told.lock().unwrap().push(index);
        Ok(())
    }
}

pub(crate) fn index(index: i32) -> Properties {
    [("index", index)].into()
}

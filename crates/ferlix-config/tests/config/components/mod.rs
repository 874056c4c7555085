//! Components that follow configurations, and components that are made from them.

mod following;
mod made;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ferlix_config::{Configuration, ConfigurationAdmin};
use ferlix_core::component::{ComponentError, Live};
use ferlix_core::filter::Filter;
use ferlix_core::framework::Bundle;
use ferlix_core::property::Properties;
use ferlix_core::{bundle, component, lifecycle, service, service_impl};

use crate::support::{House, index};

/// Says what it is configured with, and which object it is.
#[service("test.config.basic")]
trait Basic: Send + Sync {
    fn name(&self) -> String;
    fn object(&self) -> u64;
}

static OBJECTS: AtomicU64 = AtomicU64::new(1);

#[component(factory = "test.basic", provides(dyn Basic))]
struct BasicImpl {
    #[property("name", default = "default")]
    name: Live<String>,
    #[init(OBJECTS.fetch_add(1, Ordering::Relaxed))]
    object: u64,
}

#[service_impl]
impl Basic for BasicImpl {
    fn name(&self) -> String {
        self.name.get()
    }

    fn object(&self) -> u64 {
        self.object
    }
}

#[component(factory = "test.with-pid", instance = "with-pid", property("service.pid" = "test.pid"))]
struct WithPid {
    #[property("name", default = "default")]
    _name: Live<String>,
}

#[component(factory = "test.without-pid", instance = "without-pid", property("service.pid" = ""))]
struct WithoutPid {
    #[property("name", default = "default")]
    _name: Live<String>,
}

#[component(
    factory = "test.gated",
    instance = "gated",
    provides(dyn Basic),
    conditions("configuration:test.gated"),
    property("service.pid" = "test.gated")
)]
struct Gated {
    // A plain field: the object is built once, with the configuration.
    #[property("name", default = "default")]
    name: String,
    #[init(OBJECTS.fetch_add(1, Ordering::Relaxed))]
    object: u64,
}

#[service_impl]
impl Basic for Gated {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn object(&self) -> u64 {
        self.object
    }
}

#[component(factory = "test.hidden", instance = "hidden", property("service.pid" = "test.hidden"), provides(dyn Basic))]
struct Hidden {
    #[property("secret", default = "declared", hidden)]
    secret: Live<String>,
}

#[service_impl]
impl Basic for Hidden {
    fn name(&self) -> String {
        self.secret.get()
    }

    fn object(&self) -> u64 {
        0
    }
}

/// Updates a configuration that a managed service takes, while it validates.
#[component(factory = "test.updating")]
struct Updating {
    #[inject]
    admin: Arc<dyn ConfigurationAdmin>,
}

#[lifecycle]
impl Updating {
    #[validate]
    async fn start(&self) -> Result<(), ComponentError> {
        let configuration = self
            .admin
            .configuration("test.updated")
            .map_err(ComponentError::other)?;
        configuration
            .update(index(7))
            .await
            .map_err(ComponentError::other)
    }
}

bundle!(
    /// The components of these tests.
    TEST_BUNDLE = "test.config.components",
    components = [BasicImpl, WithPid, WithoutPid, Gated, Hidden, Updating],
    activator = None,
);

impl House {
    async fn install(&self) -> Bundle {
        let bundle = self.framework.install(&TEST_BUNDLE).unwrap();
        bundle.start().await.unwrap();
        bundle
    }

    fn basic(&self, instance: &str) -> Option<(String, u64)> {
        let filter = Filter::equal("instance.name", instance);
        let basic = self.context.service::<dyn Basic>(Some(&filter))?;
        Some((basic.name(), basic.object()))
    }

    fn name_of(&self, instance: &str) -> Option<String> {
        self.basic(instance).map(|(name, _)| name)
    }

    fn is_there(&self, instance: &str) -> bool {
        self.context.components().instance(instance).is_some()
    }

    async fn describe(&self, configuration: &Configuration, given: &[(&str, &str)]) {
        let mut properties = Properties::from([("ipopo.factory.name", "test.basic")]);
        properties.extend(given.iter().copied());
        configuration.update(properties).await.unwrap();
        self.settle().await;
    }

    async fn make(&self, given: &[(&str, &str)]) -> Configuration {
        let made = self
            .admin()
            .create_factory_configuration("ferlix.ipopo.component");
        let configuration = made.unwrap();
        self.describe(&configuration, given).await;
        configuration
    }
}

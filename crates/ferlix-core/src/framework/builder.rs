//! [`FrameworkBuilder`]: everything that is decided before a framework starts.

use std::fmt;

use super::{BundleDefinition, Framework, IntoBundles};
use crate::Error;
use crate::property::{Properties, Value};

/// Makes a [`Framework`].
#[derive(Default)]
#[must_use]
pub struct FrameworkBuilder {
    pub(super) properties: Properties,
    pub(super) bundles: Vec<&'static BundleDefinition>,
    pub(super) instances: Vec<(&'static str, &'static str)>,
    pub(super) catalogue: Vec<&'static BundleDefinition>,
    pub(super) signals: bool,
}

impl FrameworkBuilder {
    /// Sets a framework property: it overrides the default of every component property of that name.
    pub fn property(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.properties.insert(key, value);
        self
    }

    /// Sets framework properties.
    pub fn properties(mut self, properties: &Properties) -> Self {
        self.properties.merge(properties);
        self
    }

    /// Installs a bundle, or a set of bundles with its instances, after those before. One that is there already stays.
    pub fn install(mut self, bundles: impl IntoBundles) -> Self {
        let (bundles, instances) = bundles.into_bundles();
        self.bundles.extend(bundles);
        self.instances.extend(instances);
        self
    }

    /// Bundles that can be installed by symbolic name later.
    pub fn catalogue(mut self, bundles: &[&'static BundleDefinition]) -> Self {
        self.catalogue.extend_from_slice(bundles);
        self
    }

    /// Stops the framework on SIGINT and SIGTERM. For programs; a library never takes signals.
    pub fn stop_on_signals(mut self) -> Self {
        self.signals = true;
        self
    }

    /// Makes the framework and installs the bundles, without starting anything.
    ///
    /// # Errors
    /// [`Error::ServiceConflict`] when two bundles declare one service name with different traits.
    pub fn build(self) -> Result<Framework, Error> {
        Framework::build(self)
    }

    /// Makes the framework and starts it: the bundles in order, then the instances of the sets. What fails to start is
    /// logged and left out.
    ///
    /// # Errors
    /// As [`FrameworkBuilder::build`].
    pub async fn start(self) -> Result<Framework, Error> {
        let framework = self.build()?;
        framework.start().await?;
        Ok(framework)
    }
}

impl fmt::Debug for FrameworkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameworkBuilder")
            .field("bundles", &self.bundles)
            .finish_non_exhaustive()
    }
}

//! What a bundle is before it is installed: a static of the program.

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;

use super::BundleContext;
use crate::component::ComponentFactory;

/// Any error of user code.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Starts and stops what a bundle does besides its components.
#[async_trait]
pub trait BundleActivator: Send + Sync {
    /// Called while the bundle is STARTING. An error leaves the bundle as it was.
    ///
    /// # Errors
    /// Whatever keeps the bundle from starting.
    async fn start(&self, context: &BundleContext) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }

    /// Called while the bundle is STOPPING; it stops all the same if this fails.
    ///
    /// # Errors
    /// Whatever went wrong.
    async fn stop(&self, context: &BundleContext) -> Result<(), BoxError> {
        let _ = context;
        Ok(())
    }
}

/// A bundle as the program holds it: usually a static made by `bundle!`.
#[derive(Clone, Copy)]
pub struct BundleDefinition {
    /// The symbolic name, unique in a framework.
    pub symbolic_name: &'static str,
    /// The version; `0.0.0` when nobody said.
    pub version: &'static str,
    /// The source file.
    pub location: &'static str,
    /// The factories of its components.
    pub components: &'static [fn() -> ComponentFactory],
    /// Makes its activator.
    pub activator: Option<fn() -> Box<dyn BundleActivator>>,
}

impl fmt::Debug for BundleDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BundleDefinition")
            .field("symbolic_name", &self.symbolic_name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Several bundles that go together, and the component instances that make them work.
#[derive(Clone, Copy, Debug)]
pub struct BundleSet {
    /// The bundles, in the order of installation.
    pub bundles: &'static [&'static BundleDefinition],
    /// Instances to make once all bundles have started: factory and name. Their properties are the framework's.
    pub instances: &'static [(&'static str, &'static str)],
}

/// What [`FrameworkBuilder::install`](super::FrameworkBuilder::install) takes: a bundle or a set of them.
pub trait IntoBundles {
    /// The bundles and the instances.
    fn into_bundles(self) -> BundleParts;
}

/// The bundles and the instances of what is to be installed.
pub type BundleParts = (
    Vec<&'static BundleDefinition>,
    Vec<(&'static str, &'static str)>,
);

impl IntoBundles for &'static BundleDefinition {
    fn into_bundles(self) -> BundleParts {
        (vec![self], Vec::new())
    }
}

impl IntoBundles for BundleSet {
    fn into_bundles(self) -> BundleParts {
        (self.bundles.to_vec(), self.instances.to_vec())
    }
}

impl IntoBundles for &BundleSet {
    fn into_bundles(self) -> BundleParts {
        (*self).into_bundles()
    }
}

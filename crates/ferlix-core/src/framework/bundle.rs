//! [`Bundle`]: one installed bundle.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use super::{BundleActivator, BundleContext, BundleDefinition, Framework};
use crate::Error;
use crate::registry::ServiceRef;

/// The state of a bundle; the numbers are OSGi's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BundleState {
    /// It is not part of the framework any more.
    Uninstalled = 1,
    /// It is installed; a Ferlix bundle passes on to RESOLVED at once.
    Installed = 2,
    /// It can be started.
    Resolved = 4,
    /// Its activator is starting.
    Starting = 8,
    /// Its activator is stopping.
    Stopping = 16,
    /// It runs.
    Active = 32,
}

impl BundleState {
    fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Uninstalled,
            2 => Self::Installed,
            8 => Self::Starting,
            16 => Self::Stopping,
            32 => Self::Active,
            _ => Self::Resolved,
        }
    }
}

impl fmt::Display for BundleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Uninstalled => "UNINSTALLED",
            Self::Installed => "INSTALLED",
            Self::Resolved => "RESOLVED",
            Self::Starting => "STARTING",
            Self::Stopping => "STOPPING",
            Self::Active => "ACTIVE",
        })
    }
}

/// What the framework keeps of a bundle.
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) definition: &'static BundleDefinition,
    state: AtomicU8,
    pub(super) activator: Mutex<Option<Arc<dyn BundleActivator>>>,
}

impl Record {
    pub(super) fn new(id: u64, definition: &'static BundleDefinition) -> Self {
        Self {
            id,
            definition,
            state: (BundleState::Resolved as u8).into(),
            activator: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> BundleState {
        BundleState::from_number(self.state.load(Ordering::Acquire))
    }

    pub(super) fn set_state(&self, state: BundleState) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// Goes from one state to another; false when it was not in the first.
    pub(super) fn transition(&self, from: BundleState, to: BundleState) -> bool {
        self.state
            .compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

/// One installed bundle. Cheap to clone; equal if it is the same bundle of the same framework.
#[derive(Clone)]
pub struct Bundle {
    pub(super) framework: Framework,
    pub(super) record: Arc<Record>,
}

impl Bundle {
    /// Its number; the framework itself is 0.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.record.id
    }

    /// Its symbolic name.
    #[must_use]
    pub fn symbolic_name(&self) -> &'static str {
        self.record.definition.symbolic_name
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &'static str {
        self.record.definition.version
    }

    /// Its source file.
    #[must_use]
    pub fn location(&self) -> &'static str {
        self.record.definition.location
    }

    /// What it was made from.
    #[must_use]
    pub fn definition(&self) -> &'static BundleDefinition {
        self.record.definition
    }

    /// Its state now.
    #[must_use]
    pub fn state(&self) -> BundleState {
        self.record.state()
    }

    /// Its context.
    #[must_use]
    pub fn context(&self) -> BundleContext {
        BundleContext {
            bundle: self.clone(),
        }
    }

    /// Starts it: activator, then its component instances. A bundle that is ACTIVE stays as it is.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::BundleState`], [`Error::Activator`].
    pub async fn start(&self) -> Result<(), Error> {
        self.framework.start_bundle(self).await
    }

    /// Stops it: activator, component instances, what else it registered. A bundle that is not ACTIVE stays as it is.
    ///
    /// # Errors
    /// [`Error::Activator`]: the bundle is stopped all the same.
    pub async fn stop(&self) -> Result<(), Error> {
        self.framework.stop_bundle(self).await
    }

    /// Stops it, makes its activator and factories anew, and starts it again if it was ACTIVE.
    ///
    /// # Errors
    /// As [`Bundle::stop`] and [`Bundle::start`].
    pub async fn update(&self) -> Result<(), Error> {
        self.framework.update_bundle(self).await
    }

    /// Stops it and takes it out of the framework.
    ///
    /// # Errors
    /// [`Error::BundleState`] for the framework itself; [`Error::Activator`] (it is uninstalled all the same).
    pub async fn uninstall(&self) -> Result<(), Error> {
        self.framework.uninstall_bundle(self).await
    }

    /// The services that it registered, by number.
    #[must_use]
    pub fn registered_services(&self) -> Vec<ServiceRef> {
        let mut services = self.framework.registry().of_bundle(self.id());
        services.reverse();
        services
    }

    /// The services that it uses, by number.
    #[must_use]
    pub fn used_services(&self) -> Vec<ServiceRef> {
        self.framework.registry().used_by(self.id())
    }
}

impl PartialEq for Bundle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.record, &other.record)
    }
}

impl Eq for Bundle {}

impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bundle(ID={}, Name={})", self.id(), self.symbolic_name())
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

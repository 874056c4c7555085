//! [`Framework`]: the system itself, bundle 0.

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::bundle::Record;
use super::event::Listeners;
use super::{
    Activity, ActivityGuard, Bundle, BundleContext, BundleDefinition, BundleEvent, BundleEventKind,
    BundleState, FrameworkBuilder, FrameworkEvent,
};
use crate::Error;
use crate::component::ComponentManager;
use crate::property::{FromValue, Properties, Value, keys};
use crate::registry::Registry;

/// The symbolic name of bundle 0.
const SYSTEM: BundleDefinition = BundleDefinition {
    symbolic_name: "ferlix.framework",
    version: env!("CARGO_PKG_VERSION"),
    location: file!(),
    components: &[],
    activator: None,
};

/// A running system of bundles and services. Cheap to clone.
#[derive(Clone)]
pub struct Framework {
    inner: Arc<Inner>,
}

struct Inner {
    properties: Properties,
    uuid: String,
    catalogue: Vec<&'static BundleDefinition>,
    instances: Vec<(&'static str, &'static str)>,
    signals: bool,
    system: Arc<Record>,
    bundles: Mutex<Bundles>,
    registry: Arc<Registry>,
    bundle_listeners: Listeners<BundleEvent>,
    framework_listeners: Listeners<FrameworkEvent>,
    components: ComponentManager,
    activity: Activity,
    stopped: watch::Sender<bool>,
    /// The runtime on which the framework was started.
    runtime: OnceLock<Handle>,
}

#[derive(Default)]
struct Bundles {
    next: u64,
    records: BTreeMap<u64, Arc<Record>>,
    /// Which trait a service name stands for, and which bundle said so first.
    declared: HashMap<&'static str, (TypeId, &'static str, &'static str)>,
}

impl Framework {
    /// Begins a framework.
    pub fn builder() -> FrameworkBuilder {
        FrameworkBuilder::default()
    }

    pub(super) fn build(builder: FrameworkBuilder) -> Result<Self, Error> {
        let mut properties = builder.properties;
        let given = properties
            .get(keys::FRAMEWORK_UID)
            .or_else(|| properties.get(keys::OSGI_FRAMEWORK_UUID));
        let uuid = given.map_or_else(|| uuid::Uuid::new_v4().to_string(), ToString::to_string);
        properties.insert(keys::FRAMEWORK_UID, uuid.as_str());
        properties.insert(keys::OSGI_FRAMEWORK_UUID, uuid.as_str());
        static SYSTEM_DEFINITION: BundleDefinition = SYSTEM;
        let activity = Activity::default();
        let callback_timeout = duration(&properties, keys::CALLBACK_TIMEOUT, 60_000);
        let framework = Self {
            inner: Arc::new(Inner {
                components: ComponentManager::new(activity.clone(), callback_timeout),
                properties,
                uuid,
                catalogue: builder.catalogue,
                instances: builder.instances,
                signals: builder.signals,
                system: Arc::new(Record::new(0, &SYSTEM_DEFINITION)),
                bundles: Mutex::default(),
                registry: Arc::default(),
                bundle_listeners: Listeners::default(),
                framework_listeners: Listeners::default(),
                activity,
                stopped: watch::Sender::new(false),
                runtime: OnceLock::new(),
            }),
        };
        framework.install(&crate::component::BUNDLE)?;
        for bundle in builder.bundles {
            framework.install(bundle)?;
        }
        Ok(framework)
    }

    /// The identity of this framework: `framework.uid`, a random UUID unless it was given.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.inner.uuid
    }

    /// Bundle 0.
    #[must_use]
    pub fn system_bundle(&self) -> Bundle {
        self.handle(&self.inner.system)
    }

    /// The context of bundle 0: for the program itself.
    #[must_use]
    pub fn context(&self) -> BundleContext {
        self.system_bundle().context()
    }

    /// The state of the framework.
    #[must_use]
    pub fn state(&self) -> BundleState {
        self.inner.system.state()
    }

    /// All framework properties.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        &self.inner.properties
    }

    /// A framework property.
    #[must_use]
    pub fn property(&self, key: &str) -> Option<Value> {
        self.inner.properties.get(key).cloned()
    }

    /// The component model: factories and instances.
    #[must_use]
    pub fn components(&self) -> &ComponentManager {
        &self.inner.components
    }

    /// The bundles that can be installed by symbolic name.
    #[must_use]
    pub fn catalogue(&self) -> &[&'static BundleDefinition] {
        &self.inner.catalogue
    }

    /// Installs a bundle; one of that symbolic name that is there already is returned.
    ///
    /// # Errors
    /// [`Error::ServiceConflict`] when it declares a service name that another bundle declares with another trait.
    pub fn install(&self, definition: &'static BundleDefinition) -> Result<Bundle, Error> {
        let declarations: Vec<_> = definition
            .components
            .iter()
            .flat_map(|factory| factory().interfaces())
            .collect();
        let record = {
            let mut bundles = self.bundles_locked();
            let same = bundles
                .records
                .values()
                .find(|record| record.definition.symbolic_name == definition.symbolic_name);
            if let Some(record) = same {
                return Ok(self.handle(record));
            }
            for (name, type_id, type_name) in &declarations {
                if let Some((existing, existing_name, holder)) = bundles.declared.get(name)
                    && existing != type_id
                {
                    return Err(Error::ServiceConflict {
                        name: (*name).to_owned(),
                        bundle: definition.symbolic_name.to_owned(),
                        declared: type_name,
                        holder: (*holder).to_owned(),
                        existing: existing_name,
                    });
                }
            }
            for (name, type_id, type_name) in declarations {
                bundles.declared.entry(name).or_insert((
                    type_id,
                    type_name,
                    definition.symbolic_name,
                ));
            }
            bundles.next += 1;
            let record = Arc::new(Record::new(bundles.next, definition));
            bundles.records.insert(record.id, Arc::clone(&record));
            record
        };
        let bundle = self.handle(&record);
        self.bundle_event(BundleEventKind::Installed, &bundle);
        Ok(bundle)
    }

    /// Installs the bundle of this symbolic name from the catalogue.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the catalogue has none; as [`Framework::install`].
    pub fn install_by_name(&self, symbolic_name: &str) -> Result<Bundle, Error> {
        if let Some(bundle) = self.bundle_by_name(symbolic_name) {
            return Ok(bundle);
        }
        let known = &self.inner.catalogue;
        let found = known
            .iter()
            .find(|definition| definition.symbolic_name == symbolic_name);
        let definition = found.ok_or_else(|| {
            let names: Vec<&str> = known
                .iter()
                .map(|definition| definition.symbolic_name)
                .collect();
            let hint = if names.is_empty() {
                ": the catalogue of this program is empty".to_owned()
            } else {
                format!(
                    " in the catalogue of this program; there are: {}",
                    names.join(", ")
                )
            };
            Error::Unknown {
                kind: "bundle",
                name: symbolic_name.to_owned(),
                hint,
            }
        })?;
        self.install(definition)
    }

    /// The bundle of this number.
    #[must_use]
    pub fn bundle(&self, id: u64) -> Option<Bundle> {
        if id == 0 {
            return Some(self.system_bundle());
        }
        self.bundles_locked()
            .records
            .get(&id)
            .map(|record| self.handle(record))
    }

    /// The bundle of this symbolic name.
    #[must_use]
    pub fn bundle_by_name(&self, symbolic_name: &str) -> Option<Bundle> {
        self.bundles()
            .into_iter()
            .find(|bundle| bundle.symbolic_name() == symbolic_name)
    }

    /// All bundles by number, the framework first.
    #[must_use]
    pub fn bundles(&self) -> Vec<Bundle> {
        let mut bundles = vec![self.system_bundle()];
        bundles.extend(
            self.bundles_locked()
                .records
                .values()
                .map(|record| self.handle(record)),
        );
        bundles
    }

    /// Waits until the framework has stopped.
    ///
    /// # Errors
    /// None today; programs return it from `main`.
    pub async fn wait_for_stop(&self) -> Result<(), Error> {
        self.stopped().await;
        Ok(())
    }

    /// Waits until the framework has stopped.
    pub(super) async fn stopped(&self) {
        // The sender lives in `self`, so this cannot fail.
        let _ = self
            .inner
            .stopped
            .subscribe()
            .wait_for(|stopped| *stopped)
            .await;
    }

    /// Waits until nothing is pending: no component transition, no event, no export or import under way. For tests and
    /// scripts; it says nothing of what other processes do.
    pub async fn settle(&self) {
        self.inner.activity.settle().await;
    }

    /// How many pieces of work are pending now: what [`Framework::settle`] waits for.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.inner.activity.pending()
    }

    /// Counts work as pending for [`Framework::settle`] until the guard is dropped.
    pub fn busy(&self) -> ActivityGuard {
        self.inner.activity.begin()
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.inner.registry
    }

    pub(crate) fn departure_timeout(&self) -> Duration {
        duration(&self.inner.properties, keys::DEPARTURE_TIMEOUT, 10_000)
    }

    /// The runtime on which the framework was started.
    pub(crate) fn runtime(&self) -> Option<Handle> {
        self.inner.runtime.get().cloned()
    }

    pub(super) fn take_runtime(&self) {
        self.inner.runtime.get_or_init(Handle::current);
    }

    pub(super) fn bundle_listeners(&self) -> &Listeners<BundleEvent> {
        &self.inner.bundle_listeners
    }

    pub(super) fn framework_listeners(&self) -> &Listeners<FrameworkEvent> {
        &self.inner.framework_listeners
    }

    pub(super) fn bundle_event(&self, kind: BundleEventKind, bundle: &Bundle) {
        self.bundle_listeners().notify(&BundleEvent {
            kind,
            bundle: bundle.clone(),
        });
    }

    pub(super) fn system(&self) -> &Record {
        &self.inner.system
    }

    pub(super) fn set_instances(&self) -> &[(&'static str, &'static str)] {
        &self.inner.instances
    }

    pub(super) fn takes_signals(&self) -> bool {
        self.inner.signals
    }

    pub(super) fn announce_stopped(&self, stopped: bool) {
        self.inner.stopped.send_replace(stopped);
    }

    pub(super) fn forget(&self, id: u64) {
        let mut bundles = self.bundles_locked();
        if let Some(record) = bundles.records.remove(&id) {
            bundles
                .declared
                .retain(|_, (_, _, holder)| *holder != record.definition.symbolic_name);
        }
    }

    fn handle(&self, record: &Arc<Record>) -> Bundle {
        Bundle {
            framework: self.clone(),
            record: Arc::clone(record),
        }
    }

    fn bundles_locked(&self) -> MutexGuard<'_, Bundles> {
        self.inner
            .bundles
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A framework property in milliseconds.
fn duration(properties: &Properties, key: &str, default: u64) -> Duration {
    let value = properties.get(key).cloned().map(u64::from_value);
    match value {
        None => Duration::from_millis(default),
        Some(Ok(value)) => Duration::from_millis(value),
        Some(Err(error)) => {
            tracing::warn!(key, %error, default, "the property is no number of milliseconds: the default is used");
            Duration::from_millis(default)
        }
    }
}

impl fmt::Debug for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framework")
            .field("uuid", &self.inner.uuid)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

//! [`BundleContext`]: what a bundle may do.

use std::fmt;
use std::sync::Arc;

use super::{Bundle, BundleEvent, Framework};
use crate::Error;
use crate::component::ComponentManager;
use crate::filter::Filter;
use crate::property::{Properties, Value};
use crate::registry::{
    ListenerId, ServiceEvent, ServiceGuard, ServiceObject, ServiceRef, ServiceRegistration,
};
use crate::service::{Caller, Service};

/// A bundle's way to the framework: what is registered, listened to or made through it belongs to the bundle and goes
/// when the bundle stops. Cheap to clone.
#[derive(Clone)]
pub struct BundleContext {
    pub(super) bundle: Bundle,
}

impl BundleContext {
    /// The framework.
    #[must_use]
    pub fn framework(&self) -> &Framework {
        &self.bundle.framework
    }

    /// The bundle.
    #[must_use]
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// A framework property.
    #[must_use]
    pub fn property(&self, key: &str) -> Option<Value> {
        self.framework().property(key)
    }

    /// The component model: factories and instances.
    #[must_use]
    pub fn components(&self) -> &ComponentManager {
        self.framework().components()
    }

    /// Registers an object under one interface.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use ferlix_core::framework::Framework;
    /// # use ferlix_core::property::Properties;
    /// # use ferlix_core::service::{Interface, Service};
    /// trait Echo: Send + Sync {
    ///     fn echo(&self, text: &str) -> String;
    /// }
    /// # impl Service for dyn Echo {
    /// #     fn interface() -> &'static Interface { static I: Interface = Interface::local("example.echo"); &I }
    /// # }
    /// struct Twice;
    /// impl Echo for Twice {
    ///     fn echo(&self, text: &str) -> String { text.repeat(2) }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ferlix_core::Error> {
    /// let framework = Framework::builder().start().await?;
    /// let context = framework.context();
    /// let registration = context.register::<dyn Echo>(Arc::new(Twice), Properties::new())?;
    /// let echo = context.service::<dyn Echo>(None).unwrap();
    /// assert_eq!(echo.echo("ab"), "abab");
    /// registration.unregister().await?;
    /// assert!(context.service::<dyn Echo>(None).is_none());
    /// # framework.stop().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Specification`] for a bad name, [`Error::NotRunning`] when the bundle is stopped.
    pub fn register<T: ?Sized + Service>(
        &self,
        service: Arc<T>,
        properties: Properties,
    ) -> Result<ServiceRegistration, Error> {
        self.register_object(ServiceObject::new(service), properties)
    }

    /// Registers an object under several interfaces.
    ///
    /// # Errors
    /// As [`BundleContext::register`].
    pub fn register_object(
        &self,
        object: ServiceObject,
        properties: Properties,
    ) -> Result<ServiceRegistration, Error> {
        let framework = self.framework();
        framework.check_bundle_runs(&self.bundle)?;
        let reference = framework
            .registry()
            .register(self.bundle.id(), object, properties)?;
        Ok(self.registration(reference))
    }

    /// Registers an object in another process under the interfaces of its endpoint.
    ///
    /// # Errors
    /// As [`BundleContext::register`].
    pub fn register_remote(
        &self,
        interfaces: Vec<String>,
        caller: Arc<dyn Caller>,
        properties: Properties,
    ) -> Result<ServiceRegistration, Error> {
        self.register_object(ServiceObject::remote(interfaces, caller), properties)
    }

    pub(crate) fn registration(&self, reference: ServiceRef) -> ServiceRegistration {
        let framework = self.framework();
        ServiceRegistration {
            registry: Arc::clone(framework.registry()),
            reference,
            departure_timeout: framework.departure_timeout(),
        }
    }

    /// The best service of an interface that matches the filter.
    #[must_use]
    pub fn service<T: ?Sized + Service>(&self, filter: Option<&Filter>) -> Option<ServiceGuard<T>> {
        let found = self
            .framework()
            .registry()
            .best(T::interface().name, |reference| {
                if filter.is_some_and(|filter| !filter.matches(&reference.properties())) {
                    return None;
                }
                reference
                    .typed::<T>()
                    .map(|service| (service, reference.clone()))
            });
        found.map(|(service, reference)| self.guard(service, reference))
    }

    /// All services of an interface that match the filter, best first.
    #[must_use]
    pub fn services<T: ?Sized + Service>(&self, filter: Option<&Filter>) -> Vec<ServiceGuard<T>> {
        let references = self.references(Some(T::interface().name), filter);
        references
            .iter()
            .filter_map(|reference| self.get(reference))
            .collect()
    }

    /// The service behind a reference; `None` when it is gone, or not registered as that trait.
    #[must_use]
    pub fn get<T: ?Sized + Service>(&self, reference: &ServiceRef) -> Option<ServiceGuard<T>> {
        reference
            .typed::<T>()
            .map(|service| self.guard(service, reference.clone()))
    }

    fn guard<T: ?Sized>(&self, service: Arc<T>, reference: ServiceRef) -> ServiceGuard<T> {
        let _usage = reference.hold_use(self.bundle.id());
        ServiceGuard {
            service,
            reference,
            _usage,
        }
    }

    /// The best service of a specification that matches the filter.
    #[must_use]
    pub fn reference(&self, specification: &str, filter: Option<&Filter>) -> Option<ServiceRef> {
        self.framework()
            .registry()
            .best(specification, |reference| {
                filter
                    .is_none_or(|filter| filter.matches(&reference.properties()))
                    .then(|| reference.clone())
            })
    }

    /// All services of a specification (or all there are) that match the filter, best first.
    #[must_use]
    pub fn references(
        &self,
        specification: Option<&str>,
        filter: Option<&Filter>,
    ) -> Vec<ServiceRef> {
        self.framework().registry().find(specification, filter)
    }

    /// The service of this number.
    #[must_use]
    pub fn reference_by_id(&self, id: u64) -> Option<ServiceRef> {
        self.framework().registry().by_id(id)
    }

    /// Calls a function at every event of services of a specification (or of all) that match the filter. It runs on the
    /// thread that made the change and should be quick.
    ///
    /// # Errors
    /// [`Error::Specification`] for a bad name.
    pub fn add_service_listener(
        &self,
        specification: Option<&str>,
        filter: Option<Filter>,
        listener: impl Fn(&ServiceEvent) + Send + Sync + 'static,
    ) -> Result<ListenerId, Error> {
        self.framework().registry().add_listener(
            self.bundle.id(),
            specification,
            filter,
            Box::new(listener),
        )
    }

    /// Calls a function at every bundle event.
    pub fn add_bundle_listener(
        &self,
        listener: impl Fn(&BundleEvent) + Send + Sync + 'static,
    ) -> ListenerId {
        self.framework()
            .bundle_listeners()
            .add(self.bundle.id(), Arc::new(listener))
    }

    /// Removes a service or bundle listener and returns whether it was there.
    pub fn remove_listener(&self, id: ListenerId) -> bool {
        self.framework().registry().remove_listener(id)
            || self.framework().bundle_listeners().remove(id)
    }
}

impl fmt::Debug for BundleContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "context of {}", self.bundle)
    }
}

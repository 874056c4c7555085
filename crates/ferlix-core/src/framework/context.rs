//! [`BundleContext`]: what a bundle may do.

use std::fmt;
use std::sync::Arc;

use super::{
    Bundle, BundleEvent, EventStream, Framework, FrameworkEvent, ServiceObjects, ServiceTracker,
};
use crate::Error;
use crate::component::ComponentManager;
use crate::filter::Filter;
use crate::property::{Properties, Value};
use crate::registry::{
    ListenerId, ServiceEvent, ServiceGuard, ServiceHold, ServiceObject, ServiceRef,
    ServiceRegistration,
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
        let registry = self.framework().registry();
        // The best may go meanwhile, or have no view of that trait after all: then one by one.
        registry
            .best_guard::<T>(self.bundle.id(), filter)
            .or_else(|| {
                let all = self.references_of::<T>(filter);
                all.iter().find_map(|one| self.get(one))
            })
    }

    /// All services of an interface that match the filter, best first.
    #[must_use]
    pub fn services<T: ?Sized + Service>(&self, filter: Option<&Filter>) -> Vec<ServiceGuard<T>> {
        let references = self.references_of::<T>(filter);
        references
            .iter()
            .filter_map(|reference| self.get(reference))
            .collect()
    }

    fn references_of<T: ?Sized + Service>(&self, filter: Option<&Filter>) -> Vec<ServiceRef> {
        self.references(Some(T::interface().name), filter)
    }

    /// The service behind a reference; `None` when it is gone, not registered as that trait, or its factory failed. For a
    /// service of scope prototype each call makes an object of its own, until the guard is dropped.
    #[must_use]
    pub fn get<T: ?Sized + Service>(&self, reference: &ServiceRef) -> Option<ServiceGuard<T>> {
        reference.guard(self.bundle.id())
    }

    /// A use of a service whatever its interfaces, until the result is dropped; `None` when the service is gone or its
    /// factory failed.
    #[must_use]
    pub fn hold(&self, reference: &ServiceRef) -> Option<ServiceHold> {
        reference.clone().acquire(self.bundle.id()).map(ServiceHold)
    }

    /// The objects of a service, one for each [`ServiceObjects::get`] if its scope is prototype; `None` when it is not
    /// registered as that trait.
    #[must_use]
    pub fn service_objects<T: ?Sized + Service>(
        &self,
        reference: &ServiceRef,
    ) -> Option<ServiceObjects<T>> {
        reference
            .provides::<T>()
            .then(|| ServiceObjects::new(self.clone(), reference.clone()))
    }

    /// The best service of a specification that matches the filter.
    #[must_use]
    pub fn reference(&self, specification: &str, filter: Option<&Filter>) -> Option<ServiceRef> {
        self.framework()
            .registry()
            .best(self.bundle.id(), specification, filter)
    }

    /// All services of a specification (or all there are) that match the filter, best first.
    #[must_use]
    pub fn references(
        &self,
        specification: Option<&str>,
        filter: Option<&Filter>,
    ) -> Vec<ServiceRef> {
        self.framework()
            .registry()
            .look_up(self.bundle.id(), specification, filter)
    }

    /// The service of this number.
    #[must_use]
    pub fn reference_by_id(&self, id: u64) -> Option<ServiceRef> {
        self.framework().registry().look_up_id(self.bundle.id(), id)
    }

    /// Makes `(key=value)` a look-up instead of a search, for filters that are this or an `&` with this, until the bundle
    /// stops. `service.id`, `objectClass`, `instance.name` and `endpoint.id` always are.
    pub fn index_property(&self, key: &str) {
        self.framework()
            .registry()
            .index_property(self.bundle.id(), key);
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

    /// Calls a function at every framework event: when it starts and stops, and when a bundle fails to.
    pub fn add_framework_listener(
        &self,
        listener: impl Fn(&FrameworkEvent) + Send + Sync + 'static,
    ) -> ListenerId {
        self.framework()
            .framework_listeners()
            .add(self.bundle.id(), Arc::new(listener))
    }

    /// Removes a service, bundle or framework listener and returns whether it was there.
    pub fn remove_listener(&self, id: ListenerId) -> bool {
        let framework = self.framework();
        framework.registry().remove_listener(id)
            || framework.bundle_listeners().remove(id)
            || framework.framework_listeners().remove(id)
    }

    /// The events of services of a specification (or of all) that match the filter, as a stream.
    ///
    /// # Errors
    /// [`Error::Specification`] for a bad name.
    pub fn service_events(
        &self,
        specification: Option<&str>,
        filter: Option<Filter>,
    ) -> Result<EventStream<ServiceEvent>, Error> {
        let (sender, stream) = EventStream::channel();
        let listener = move |event: &ServiceEvent| sender.send(event.clone());
        let listener = self.add_service_listener(specification, filter, listener)?;
        Ok(self.listening(stream, listener))
    }

    /// The events of bundles, as a stream.
    pub fn bundle_events(&self) -> EventStream<BundleEvent> {
        let (sender, stream) = EventStream::channel();
        let listener = self.add_bundle_listener(move |event| sender.send(event.clone()));
        self.listening(stream, listener)
    }

    /// The events of the framework, as a stream.
    pub fn framework_events(&self) -> EventStream<FrameworkEvent> {
        let (sender, stream) = EventStream::channel();
        let listener = self.add_framework_listener(move |event| sender.send(event.clone()));
        self.listening(stream, listener)
    }

    /// A stream whose listener goes with it.
    fn listening<E>(&self, stream: EventStream<E>, listener: ListenerId) -> EventStream<E> {
        let context = self.clone();
        stream.on_drop(move || {
            context.remove_listener(listener);
        })
    }

    /// The services of an interface that match the filter, as they come, change and go.
    ///
    /// # Errors
    /// [`Error::Specification`] when the interface has a bad name.
    pub fn track<T: ?Sized + Service>(
        &self,
        filter: Option<&Filter>,
    ) -> Result<ServiceTracker<T>, Error> {
        ServiceTracker::new(self, filter)
    }
}

impl fmt::Debug for BundleContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "context of {}", self.bundle)
    }
}

//! [`ComponentFactory`]: the description of a component type.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use super::callback::{ErasedCallbacks, Object};
use super::{
    Callbacks, ComponentError, Configured, DependencyKind, Fields, Inject, RetryPolicy, Slot,
};
use crate::filter::{Filter, FilterError};
use crate::property::{Properties, Value};
use crate::registry::{ServiceObject, ServiceRef};
use crate::service::Service;

/// A component type: implemented by `#[component]`, or by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a component",
    note = "put #[component(factory = \"…\")] on the struct"
)]
pub trait Component: Sized + Send + Sync + 'static {
    /// The description: name, fields, services, properties, callbacks.
    fn factory() -> ComponentFactory;

    /// Builds an object from what is injected.
    ///
    /// # Errors
    /// When a field cannot be filled, or whatever the component refuses.
    fn build(fields: &mut Fields) -> Result<Self, ComponentError>;
}

/// The description of a component type, made in the builder's manner.
///
/// ```
/// use std::sync::Arc;
/// use ferlix_core::component::{Component, ComponentError, ComponentFactory, Fields};
///
/// struct Clock { format: String }
///
/// impl Component for Clock {
///     fn factory() -> ComponentFactory {
///         ComponentFactory::of::<Self>("clock-factory").value::<String>("clock.format", Some("24h".into()))
///     }
///     fn build(fields: &mut Fields) -> Result<Self, ComponentError> {
///         Ok(Self { format: fields.property("clock.format")? })
///     }
/// }
/// assert_eq!(Clock::factory().name(), "clock-factory");
/// ```
#[must_use]
pub struct ComponentFactory {
    pub(super) name: &'static str,
    pub(super) instances: Vec<(&'static str, Properties)>,
    pub(super) defaults: Properties,
    pub(super) values: Vec<ValueField>,
    pub(super) dependencies: Vec<DependencyField>,
    pub(super) provides: Vec<ProvidedInterface>,
    pub(super) build: fn(&mut Fields) -> Result<Object, ComponentError>,
    pub(super) callbacks: ErasedCallbacks,
    pub(super) retry: RetryPolicy,
    /// What is wrong with the declaration itself: a filter that does not parse.
    pub(super) problem: Option<(&'static str, FilterError)>,
}

/// A property field.
pub(super) struct ValueField {
    pub(super) key: &'static str,
    pub(super) live: bool,
}

/// An injected field.
pub(super) struct DependencyField {
    pub(super) name: &'static str,
    pub(super) specification: &'static str,
    pub(super) interface: (TypeId, &'static str),
    pub(super) kind: DependencyKind,
    pub(super) filter: Option<Filter>,
    pub(super) minimum: usize,
    pub(super) slot: fn() -> Box<dyn Slot>,
    /// Whether the service is registered as the very trait of the field.
    pub(super) accepts: fn(&ServiceRef) -> bool,
}

/// A provided interface.
pub(super) struct ProvidedInterface {
    pub(super) specification: &'static str,
    pub(super) interface: (TypeId, &'static str),
    /// Adds the object's face to what is registered.
    pub(super) add:
        Box<dyn Fn(Object, Option<ServiceObject>) -> Option<ServiceObject> + Send + Sync>,
}

impl ComponentFactory {
    /// A factory of components of type `C`, by its name.
    pub fn of<C: Component>(name: &'static str) -> Self {
        Self {
            name,
            instances: Vec::new(),
            defaults: Properties::new(),
            values: Vec::new(),
            dependencies: Vec::new(),
            provides: Vec::new(),
            build: |fields| C::build(fields).map(|component| Arc::new(component) as Object),
            callbacks: ErasedCallbacks::new(Callbacks::<C>::default()),
            retry: RetryPolicy::default(),
            problem: None,
        }
    }

    /// The name of the factory.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// An instance that is made as soon as the bundle has started.
    pub fn instance(mut self, name: &'static str) -> Self {
        self.instances.push((name, Properties::new()));
        self
    }

    /// A property with its default, for the services that the component provides.
    pub fn property(mut self, key: &'static str, default: impl Into<Value>) -> Self {
        self.defaults.insert(key, default);
        self
    }

    /// A property field with its default.
    pub fn value<F: Configured>(mut self, key: &'static str, default: Option<Value>) -> Self {
        if let Some(default) = default {
            self.defaults.insert(key, default);
        }
        self.values.push(ValueField { key, live: F::LIVE });
        self
    }

    /// An injected field of type `F`, with a filter on the services (empty: none) and, for `Many`, how many are required at
    /// least. A filter that does not parse is reported when the factory is registered.
    pub fn inject<F: Inject>(mut self, field: &'static str, filter: &str, minimum: usize) -> Self {
        let filter = match filter {
            "" => None,
            text => Filter::parse(text)
                .map_err(|error| self.problem = Some((field, error)))
                .ok(),
        };
        self.dependencies.push(DependencyField {
            name: field,
            specification: F::Interface::interface().name,
            interface: interface_of::<F::Interface>(),
            kind: F::KIND,
            filter,
            minimum,
            slot: F::slot,
            accepts: |reference| reference.typed::<F::Interface>().is_some(),
        });
        self
    }

    /// An interface that the component offers while it is valid; `cast` makes the object that interface.
    pub fn provides<C: Component, T: ?Sized + Service>(
        mut self,
        cast: fn(Arc<C>) -> Arc<T>,
    ) -> Self {
        self.provides.push(ProvidedInterface {
            specification: T::interface().name,
            interface: interface_of::<T>(),
            add: Box::new(move |object, service| {
                let face = cast(object.downcast::<C>().ok()?);
                Some(match service {
                    None => ServiceObject::new(face),
                    Some(service) => service.and(face),
                })
            }),
        });
        self
    }

    /// The callbacks.
    pub fn callbacks<C: Component>(mut self, callbacks: Callbacks<C>) -> Self {
        self.callbacks = ErasedCallbacks::new(callbacks);
        self
    }

    /// When an ERRONEOUS instance is tried again.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The service interfaces that the component names: name, type, and type for messages.
    pub(crate) fn interfaces(&self) -> Vec<(&'static str, TypeId, &'static str)> {
        let injected = self
            .dependencies
            .iter()
            .map(|field| (field.specification, field.interface));
        let provided = self
            .provides
            .iter()
            .map(|provided| (provided.specification, provided.interface));
        injected
            .chain(provided)
            .map(|(name, (id, type_name))| (name, id, type_name))
            .collect()
    }

    /// Whether a property belongs to a plain field, so that a change of it builds the object anew.
    pub(super) fn is_fixed_value(&self, key: &str) -> bool {
        self.values
            .iter()
            .any(|field| !field.live && field.key.eq_ignore_ascii_case(key))
    }

    /// The keys that the factory declares: a framework property overrides their defaults.
    pub(super) fn declared_keys(&self) -> impl Iterator<Item = &str> {
        let values = self.values.iter().map(|field| field.key);
        values.chain(self.defaults.iter().map(|(key, _)| key))
    }
}

fn interface_of<T: ?Sized + Service>() -> (TypeId, &'static str) {
    (TypeId::of::<T>(), std::any::type_name::<T>())
}

impl fmt::Debug for ComponentFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComponentFactory")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

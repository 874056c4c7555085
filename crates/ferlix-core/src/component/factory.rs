//! [`ComponentFactory`]: the description of a component type.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use super::callback::{ErasedCallbacks, Object};
use super::injection::fits;
use super::{
    BoundService, Callbacks, ComponentError, Condition, Configured, DependencyKind, Fields, Inject,
    Injection, RetryPolicy, Slot, condition,
};
use crate::filter::Filter;
use crate::property::{Properties, Value};
use crate::registry::{ServiceFactory, ServiceObject, ServiceRef, ServiceScope};
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
    /// What an instance offers: each service is a registration of its own.
    pub(super) services: Vec<Vec<ProvidedInterface>>,
    pub(super) switches: Vec<SwitchField>,
    pub(super) hidden: Vec<&'static str>,
    pub(super) singleton: bool,
    pub(super) build: fn(&mut Fields) -> Result<Object, ComponentError>,
    pub(super) callbacks: ErasedCallbacks,
    pub(super) retry: RetryPolicy,
    /// What is wrong with the declaration itself: a filter that does not parse.
    pub(super) problem: Option<String>,
}

/// A property field.
pub(super) struct ValueField {
    pub(super) key: &'static str,
    pub(super) live: bool,
}

/// An injected field.
pub(super) struct DependencyField {
    pub(super) injection: Injection,
    pub(super) specification: &'static str,
    pub(super) interface: (TypeId, &'static str),
    pub(super) kind: DependencyKind,
    pub(super) slot: fn(&Injection) -> Box<dyn Slot>,
    pub(super) select: fn(Vec<ServiceRef>, &Injection) -> Vec<ServiceRef>,
    /// Whether the service is registered as the very trait of the field.
    typed: fn(&ServiceRef) -> bool,
    /// Whether what is bound is the very trait of the field.
    pub(super) holds: fn(&BoundService) -> bool,
}

impl DependencyField {
    /// Whether the service is of every type that is asked for.
    pub(super) fn accepts(&self, reference: &ServiceRef) -> bool {
        let Injection { also, or, .. } = &self.injection;
        let one = (self.typed)(reference) || or.iter().any(|or| (or.accepts)(reference));
        one && also.iter().all(|also| (also.accepts)(reference))
    }

    /// The specifications of which a service has at least one: the field's own first.
    pub(super) fn specifications(&self) -> Vec<&'static str> {
        let or = self.injection.or.iter().map(|or| or.specification);
        std::iter::once(self.specification).chain(or).collect()
    }

    /// Whether a service has one of the specifications.
    pub(super) fn concerns(&self, reference: &ServiceRef) -> bool {
        let or = &self.injection.or;
        reference.specifications().iter().any(|name| {
            **name == *self.specification || or.iter().any(|or| **name == *or.specification)
        })
    }
}

/// A field that turns services on and off.
pub(super) struct SwitchField {
    pub(super) name: &'static str,
    /// Which service; all of them when there is none.
    pub(super) specification: Option<&'static str>,
    pub(super) on: bool,
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
            services: Vec::new(),
            switches: Vec::new(),
            hidden: Vec::new(),
            singleton: false,
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

    /// A property field that is never shown and never becomes a property of a service; its default.
    pub fn hidden<F: Configured>(mut self, key: &'static str, default: Option<Value>) -> Self {
        self.hidden.push(key);
        self.value::<F>(key, default)
    }

    /// An injected field of type `F`, with a filter on the services (empty: none) and, for one that holds several, how many
    /// are required at least. A filter that does not parse is reported when the factory is registered.
    pub fn inject<F: Inject>(self, field: &'static str, filter: &str, minimum: usize) -> Self {
        self.injected::<F>(Injection::new(field).filter(filter).minimum(minimum))
    }

    /// An injected field of type `F`, with all that can be said of it.
    pub fn injected<F: Inject>(mut self, injection: Injection) -> Self {
        let field = injection.field;
        if let Some(error) = &injection.problem {
            self.problem = Some(format!(
                "the filter of field {field} does not parse: {error}"
            ));
        }
        let is_map = matches!(F::KIND, DependencyKind::Map | DependencyKind::MultiMap);
        if is_map && injection.key.is_empty() {
            self.problem = Some(format!("the field {field} is a map and needs a key"));
        }
        let own = TypeId::of::<F::Interface>();
        if injection.or.iter().any(|or| or.target != own) {
            self.problem = Some(format!(
                "another specification for the field {field} is not seen as its type"
            ));
        }
        self.dependencies.push(DependencyField {
            injection,
            specification: F::Interface::interface().name,
            interface: interface_of::<F::Interface>(),
            kind: F::KIND,
            slot: F::slot,
            select: F::select,
            typed: fits::<F::Interface>,
            holds: |service| service.get::<F::Interface>().is_some(),
        });
        self
    }

    /// A [`Condition`] that an instance waits for, by its name.
    pub fn condition(self, name: &'static str) -> Self {
        let filter = Filter::equal(condition::CONDITION_ID, name).to_string();
        self.inject::<Arc<Condition>>(name, &filter, 0)
    }

    /// An interface that the component offers while it is valid; `cast` makes the object that interface. All interfaces are
    /// those of one service, up to [`ComponentFactory::next_service`].
    pub fn provides<C: Component, T: ?Sized + Service>(
        mut self,
        cast: fn(Arc<C>) -> Arc<T>,
    ) -> Self {
        let provided = ProvidedInterface {
            specification: T::interface().name,
            interface: interface_of::<T>(),
            add: Box::new(move |object, service| {
                let face = cast(object.downcast::<C>().ok()?);
                Some(match service {
                    None => ServiceObject::new(face),
                    Some(service) => service.and(face),
                })
            }),
        };
        match self.services.last_mut() {
            Some(service) => service.push(provided),
            None => self.services.push(vec![provided]),
        }
        self
    }

    /// An interface whose object the component makes for those who use it, as a [`ServiceFactory`]: one for each bundle or
    /// one for each use. It is a service of its own.
    pub fn provides_scoped<C: Component + ServiceFactory<T>, T: ?Sized + Service>(
        mut self,
        scope: ServiceScope,
    ) -> Self {
        if scope == ServiceScope::Singleton {
            let name = T::interface().name;
            self.problem = Some(format!(
                "{name} has one object for all: it is provided without a factory"
            ));
        }
        let provided = ProvidedInterface {
            specification: T::interface().name,
            interface: interface_of::<T>(),
            add: Box::new(move |object, _| {
                let factory = object.downcast::<C>().ok()?;
                Some(match scope {
                    ServiceScope::Prototype => ServiceObject::prototype::<T>(factory),
                    _ => ServiceObject::bundle_scoped::<T>(factory),
                })
            }),
        };
        self = self.next_service();
        match self.services.last_mut() {
            Some(service) => service.push(provided),
            None => self.services.push(vec![provided]),
        }
        self.next_service()
    }

    /// What is provided next is another service: a registration of its own.
    pub fn next_service(mut self) -> Self {
        if self.services.last().is_some_and(|last| !last.is_empty()) {
            self.services.push(Vec::new());
        }
        self
    }

    /// A [`Switch`](super::Switch) field for the service of a specification (or for all), and whether it is on at first.
    pub fn switch(
        mut self,
        field: &'static str,
        specification: Option<&'static str>,
        on: bool,
    ) -> Self {
        self.switches.push(SwitchField {
            name: field,
            specification,
            on,
        });
        self
    }

    /// At most one instance at a time.
    pub fn singleton(mut self) -> Self {
        self.singleton = true;
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
        let injected = self.dependencies.iter().flat_map(|field| {
            let also = field.injection.also.iter();
            let or = field.injection.or.iter();
            std::iter::once((field.specification, field.interface))
                .chain(also.map(|also| (also.specification, also.interface)))
                .chain(or.map(|or| (or.specification, or.interface)))
        });
        let provided = self
            .provided()
            .map(|provided| (provided.specification, provided.interface));
        injected
            .chain(provided)
            .map(|(name, (id, type_name))| (name, id, type_name))
            .collect()
    }

    /// All provided interfaces.
    pub(super) fn provided(&self) -> impl Iterator<Item = &ProvidedInterface> {
        self.services.iter().flatten()
    }

    /// What is wrong with the declaration, so that the factory is of no use.
    pub(super) fn problem(&self) -> Option<String> {
        let provides = |name: &str| self.provided().any(|one| one.specification == name);
        let stray = self
            .switches
            .iter()
            .find(|switch| switch.specification.is_some_and(|name| !provides(name)));
        let stray = stray.map(|switch| {
            let service = switch.specification.unwrap_or_default();
            format!(
                "the switch {} is for {service}, which is not provided",
                switch.name
            )
        });
        self.problem.clone().or(stray)
    }

    /// Whether a filter names properties of the component.
    pub(super) fn has_variable_filters(&self) -> bool {
        let mut fields = self.dependencies.iter();
        fields.any(|field| field.injection.filter.is_variable())
    }

    /// Whether a property is never shown.
    pub(super) fn is_hidden(&self, key: &str) -> bool {
        self.hidden
            .iter()
            .any(|hidden| hidden.eq_ignore_ascii_case(key))
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

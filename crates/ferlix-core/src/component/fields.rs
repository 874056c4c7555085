//! [`Fields`]: what a component is built from, and the types that a property field may have.

use std::fmt;
use std::sync::Arc;

use super::instance::Instance;
use super::{ComponentError, Inject, Live, Slot, Switch};
use crate::property::{FromValue, Properties, Value, ValueError};

/// The type of a `#[property]` field: a plain value (the instance is built anew when it changes) or [`Live`] (in place).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of a property field",
    note = "use bool, an integer, a float, String, Vec<T>, Option<T>, a map by String, or Live<T> of one of them"
)]
pub trait Configured: Sized + 'static {
    /// Whether it changes in place.
    const LIVE: bool;

    /// The field from the property's value.
    ///
    /// # Errors
    /// When the value has another type.
    fn configure(value: Value) -> Result<Self, ValueError>;

    /// What changes it in place later; `None` for a plain value.
    fn follower(&self) -> Option<Follower> {
        None
    }
}

/// Changes a property field in place.
pub type Follower = Box<dyn Fn(Value) -> Result<(), ValueError> + Send + Sync>;

impl<V: FromValue + 'static> Configured for V {
    const LIVE: bool = false;

    fn configure(value: Value) -> Result<Self, ValueError> {
        V::from_value(value)
    }
}

impl<V: FromValue + Send + Sync + 'static> Configured for Live<V> {
    const LIVE: bool = true;

    fn configure(value: Value) -> Result<Self, ValueError> {
        V::from_value(value).map(Self::new)
    }

    fn follower(&self) -> Option<Follower> {
        let live = self.clone();
        Some(Box::new(move |value| {
            V::from_value(value).map(|value| live.set(value))
        }))
    }
}

/// What a component object is built from: injected services by field, properties by key.
pub struct Fields {
    pub(super) instance: Arc<Instance>,
    /// In the order of the factory's fields.
    pub(super) slots: Vec<Box<dyn Slot>>,
    pub(super) switches: Vec<Switch>,
    pub(super) properties: Arc<Properties>,
    pub(super) followers: Vec<(&'static str, Follower)>,
}

impl Fields {
    /// The value of an injected field.
    ///
    /// # Errors
    /// [`ComponentError::UnknownField`] when the factory declares no such field of that type.
    pub fn injected<F: Inject>(&self, field: &str) -> Result<F, ComponentError> {
        let fields = self.instance.factory.dependencies.iter().zip(&self.slots);
        fields
            .filter(|(declared, _)| declared.injection.field == field)
            .find_map(|(_, slot)| F::from_slot(slot.as_ref()))
            .ok_or_else(|| ComponentError::UnknownField {
                field: field.to_owned(),
                wanted: std::any::type_name::<F>(),
            })
    }

    /// The value of a property field; an absent property is `Null`, which an `Option` takes.
    ///
    /// # Errors
    /// [`ComponentError::PropertyMissing`] or [`ComponentError::Property`].
    pub fn property<F: Configured>(&mut self, key: &'static str) -> Result<F, ComponentError> {
        let value = self.properties.get(key).cloned();
        let given = value.is_some();
        let field = F::configure(value.unwrap_or_default()).map_err(|source| {
            if given {
                ComponentError::Property {
                    key: key.to_owned(),
                    source,
                }
            } else {
                ComponentError::PropertyMissing {
                    key: key.to_owned(),
                }
            }
        })?;
        self.followers
            .extend(field.follower().map(|follower| (key, follower)));
        Ok(field)
    }

    /// The value of a switch field.
    ///
    /// # Errors
    /// [`ComponentError::UnknownField`] when the factory declares no such switch.
    pub fn switch(&self, field: &str) -> Result<Switch, ComponentError> {
        let mut switches = self.instance.factory.switches.iter().zip(&self.switches);
        let found = switches.find(|(declared, _)| declared.name == field);
        found
            .map(|(_, switch)| switch.clone())
            .ok_or_else(|| ComponentError::UnknownField {
                field: field.to_owned(),
                wanted: "Switch",
            })
    }

    /// All properties of the instance, the hidden ones too.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        &self.properties
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields")
            .field("instance", &self.instance.name)
            .finish_non_exhaustive()
    }
}

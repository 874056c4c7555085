//! [`Injection`]: what is said of an injected field besides its type: name, filter, minimum, key, order, grace.
//!
//! A filter may name properties of the component itself, as in `(language={greeting.language})`: it is made anew when they
//! change, and a field whose property is not set has no filter, so it cannot be satisfied. What stands for a property is
//! protected, so a value never changes the meaning of the filter.

use std::any::TypeId;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Balance, BoundService, DependencyKind};
use crate::filter::{Filter, FilterError, escape};
use crate::property::{Properties, Value};
use crate::registry::{ServiceObject, ServiceRef, ServiceScope};
use crate::service::Service;

/// How long a [`Temporal`](super::Temporal) field waits for a service to come back, unless it says otherwise.
const GRACE: Duration = Duration::from_secs(10);

/// Which of two services is better: the better one is [`Ordering::Less`]. Equal ones follow ranking and number.
pub type ServiceOrder = fn(&ServiceRef, &ServiceRef) -> Ordering;

/// What is said of an injected field besides its type.
///
/// ```
/// use ferlix_core::component::Injection;
/// use std::time::Duration;
///
/// let injection = Injection::new("workers").filter("(zone={my.zone})").minimum(2).grace(Duration::from_secs(3));
/// assert_eq!(injection.field(), "workers");
/// ```
#[derive(Clone)]
#[must_use]
pub struct Injection {
    pub(super) field: &'static str,
    pub(super) filter: DeclaredFilter,
    minimum: Option<usize>,
    pub(super) balance: Balance,
    pub(super) key: &'static str,
    pub(super) order: Option<ServiceOrder>,
    pub(super) grace: Duration,
    pub(super) also: Vec<Also>,
    pub(super) or: Vec<Or>,
    /// The filter that does not parse.
    pub(super) problem: Option<FilterError>,
}

/// A specification that a service must have besides that of the field.
#[derive(Clone)]
pub(super) struct Also {
    pub(super) specification: &'static str,
    pub(super) interface: (TypeId, &'static str),
    pub(super) accepts: fn(&ServiceRef) -> bool,
}

/// A specification that a service may have in place of that of the field.
#[derive(Clone)]
pub(super) struct Or {
    pub(super) specification: &'static str,
    pub(super) interface: (TypeId, &'static str),
    /// The interface of the field.
    pub(super) target: TypeId,
    pub(super) accepts: fn(&ServiceRef) -> bool,
    /// The service as the interface of the field; `None` when it is not of this specification.
    pub(super) view: Arc<dyn Fn(&BoundService) -> Option<ServiceObject> + Send + Sync>,
}

/// Whether a service, or each object that is made of it, is a `dyn Trait`.
pub(super) fn fits<T: ?Sized + Service>(reference: &ServiceRef) -> bool {
    match reference.scope() {
        ServiceScope::Singleton => reference.typed::<T>().is_some(),
        _ => reference.provides::<T>(),
    }
}

impl Injection {
    /// Any service, for the field of this name.
    pub const fn new(field: &'static str) -> Self {
        Self {
            field,
            filter: DeclaredFilter::None,
            minimum: None,
            balance: Balance::RoundRobin,
            key: "",
            order: None,
            grace: GRACE,
            also: Vec::new(),
            or: Vec::new(),
            problem: None,
        }
    }

    /// The name of the field.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// Only services that match; `{name}` stands for a property of the component. Empty: no filter. A filter that does not
    /// parse is reported when the factory is registered, which is then left out.
    pub fn filter(mut self, text: &str) -> Self {
        match DeclaredFilter::parse(text) {
            Ok(filter) => self.filter = filter,
            Err(error) => self.problem = Some(error),
        }
        self
    }

    /// How many services are required, for a field that holds several (default: none; one for a balanced field).
    pub fn minimum(mut self, minimum: usize) -> Self {
        self.minimum = Some(minimum);
        self
    }

    /// How many services a field of this kind requires.
    pub(super) fn required(&self, kind: DependencyKind) -> usize {
        let default = match kind {
            DependencyKind::Optional => return 0,
            DependencyKind::Balanced => 1,
            _ if kind.is_aggregate() => 0,
            _ => return 1,
        };
        self.minimum.unwrap_or(default)
    }

    /// How a balanced field chooses (default: in turn).
    pub fn balance(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    /// The property by which a map field finds its services.
    pub fn key(mut self, key: &'static str) -> Self {
        self.key = key;
        self
    }

    /// Which service is better, in place of the ranking.
    pub fn order(mut self, order: ServiceOrder) -> Self {
        self.order = Some(order);
        self
    }

    /// How long a temporal field waits for a service to come back (default: 10 s).
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Only services that are registered as `T` too.
    pub fn also<T: ?Sized + Service>(mut self) -> Self {
        self.also.push(Also {
            specification: T::interface().name,
            interface: (TypeId::of::<T>(), std::any::type_name::<T>()),
            accepts: fits::<T>,
        });
        self
    }

    /// Services that are registered as `U` too, though not as the field's own interface `T`: `view` shows them as a `T`, once
    /// for as long as the field has the service. Where `T` is a supertrait of `U` it is `|service| service`.
    pub fn or<T: ?Sized + Service, U: ?Sized + Service>(
        mut self,
        view: fn(Arc<U>) -> Arc<T>,
    ) -> Self {
        self.or.push(Or {
            specification: U::interface().name,
            interface: (TypeId::of::<U>(), std::any::type_name::<U>()),
            target: TypeId::of::<T>(),
            accepts: fits::<U>,
            view: Arc::new(move |service| service.get().map(view).map(ServiceObject::new)),
        });
        self
    }
}

impl fmt::Debug for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injection")
            .field("field", &self.field)
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}

/// A filter as it is written: fixed, or with properties of the component in it.
#[derive(Clone, Debug)]
pub(super) enum DeclaredFilter {
    None,
    Fixed(Filter),
    Variable(String),
}

impl DeclaredFilter {
    /// Reads a filter; one with variables is tried out with a value for each.
    pub(super) fn parse(text: &str) -> Result<Self, FilterError> {
        if !text.contains('{') {
            return Ok(Filter::parse_optional(text)?.map_or(Self::None, Self::Fixed));
        }
        let sample = expand(text, |_| Some("x".to_owned())).unwrap_or_else(|_| text.to_owned());
        Filter::parse(&sample)?;
        Ok(Self::Variable(text.to_owned()))
    }

    /// The filter with these properties of the component; the error names the property that is missing.
    pub(super) fn with(&self, properties: &Properties) -> Result<Option<Filter>, String> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(filter) => Ok(Some(filter.clone())),
            Self::Variable(text) => {
                let value = |name: &str| match properties.get(name)? {
                    Value::Null => None,
                    value => Some(escape(&value.to_string())),
                };
                let text = expand(text, value)
                    .map_err(|name| format!("its filter needs the property {name}"))?;
                Filter::parse(&text)
                    .map(Some)
                    .map_err(|error| error.to_string())
            }
        }
    }

    pub(super) fn is_variable(&self) -> bool {
        matches!(self, Self::Variable(_))
    }
}

/// Replaces each `{name}`; the error is the name that has no value. A brace that is not closed stands for itself.
fn expand(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        expanded.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            expanded.push('{');
            rest = after;
            continue;
        };
        expanded.push_str(&value(name).ok_or_else(|| name.to_owned())?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_and_protected() {
        let filter = DeclaredFilter::parse("(&(a={one})(b=*{two}*))").unwrap();
        let mut properties = Properties::from([("one", Value::from("x)(y=*"))]);
        assert_eq!(
            filter.with(&properties).unwrap_err(),
            "its filter needs the property two"
        );
        properties.insert("two", 5);
        let made = filter.with(&properties).unwrap().unwrap();
        assert!(made.matches(&Properties::from([("a", "x)(y=*"), ("b", "-5-")])));
        assert!(!made.matches(&Properties::from([("a", "x"), ("b", "-5-")])));
        assert!(DeclaredFilter::parse("(a={one}").is_err());
        assert!(DeclaredFilter::parse("").is_ok());
    }
}

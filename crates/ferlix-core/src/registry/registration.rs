//! [`ServiceRegistration`]: the owner's end of a registered service.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Registry, ServiceRef};
use crate::Error;
use crate::property::{Properties, keys};

/// The owner's end of a registered service. It belongs to its bundle: dropping it undoes nothing, the bundle's stop does.
#[derive(Clone)]
pub struct ServiceRegistration {
    pub(crate) registry: Arc<Registry>,
    pub(crate) reference: ServiceRef,
    pub(crate) departure_timeout: Duration,
}

impl ServiceRegistration {
    /// The service, as others see it.
    #[must_use]
    pub fn reference(&self) -> &ServiceRef {
        &self.reference
    }

    /// Sets these properties and keeps the others; the keys that the registry owns are left as they are. Nothing
    /// different means no event.
    ///
    /// # Errors
    /// [`Error::Unregistered`].
    pub fn set_properties(&self, properties: &Properties) -> Result<(), Error> {
        self.registry.change(&self.reference, |current| {
            current.merged(properties, &keys::REGISTRY_OWNED)
        })
    }

    /// Removes these properties, except those that the registry owns.
    ///
    /// # Errors
    /// [`Error::Unregistered`].
    pub fn remove_properties(&self, keys: &[&str]) -> Result<(), Error> {
        self.registry.change(&self.reference, |current| {
            let goes = |key: &&&str| current.contains(key) && !is_owned(key);
            keys.iter().find(goes)?;
            let mut next = current.clone();
            next.retain(|key, _| is_owned(key) || !keys.iter().any(|one| same(one, key)));
            Some(next)
        })
    }

    /// Replaces all properties except those that the registry owns.
    ///
    /// # Errors
    /// [`Error::Unregistered`].
    pub fn replace_properties(&self, mut properties: Properties) -> Result<(), Error> {
        self.registry.change(&self.reference, |current| {
            for key in keys::REGISTRY_OWNED {
                properties.restore(key, current);
            }
            (properties != *current).then_some(properties)
        })
    }

    /// Takes the service out and waits until every component that had it has let go, at most `ferlix.departure_timeout`.
    ///
    /// # Errors
    /// [`Error::Unregistered`] the second time; [`Error::Departure`] naming those who are late.
    pub async fn unregister(&self) -> Result<(), Error> {
        let departure = self.registry.unregister(&self.reference)?;
        departure
            .wait(self.registry.waits(), self.departure_timeout)
            .await
            .map_err(|late| Error::Departure {
                what: format!("service {}", self.reference.id()),
                after: self.departure_timeout,
                late,
            })
    }

    /// Takes the service out without waiting for those who use it.
    ///
    /// # Errors
    /// [`Error::Unregistered`] the second time.
    pub fn unregister_now(&self) -> Result<(), Error> {
        self.registry.unregister(&self.reference).map(drop)
    }
}

fn is_owned(key: &str) -> bool {
    keys::REGISTRY_OWNED.iter().any(|owned| same(owned, key))
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

impl fmt::Debug for ServiceRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceRegistration")
            .field(&self.reference)
            .finish()
    }
}

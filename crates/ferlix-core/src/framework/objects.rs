//! [`ServiceObjects`]: several objects of one service for one bundle.

use std::fmt;
use std::marker::PhantomData;

use super::BundleContext;
use crate::registry::{ServiceGuard, ServiceRef};
use crate::service::Service;

/// Where a bundle gets the objects of a service: one for each call if its scope is prototype, else always the same.
pub struct ServiceObjects<T: ?Sized> {
    context: BundleContext,
    reference: ServiceRef,
    _trait: PhantomData<fn() -> Box<T>>,
}

impl<T: ?Sized + Service> ServiceObjects<T> {
    pub(super) fn new(context: BundleContext, reference: ServiceRef) -> Self {
        Self {
            context,
            reference,
            _trait: PhantomData,
        }
    }

    /// The service.
    #[must_use]
    pub fn reference(&self) -> &ServiceRef {
        &self.reference
    }

    /// An object, until the guard is dropped or [released](ServiceGuard::release); `None` when the service is gone or its
    /// factory failed.
    #[must_use]
    pub fn get(&self) -> Option<ServiceGuard<T>> {
        self.context.get(&self.reference)
    }
}

impl<T: ?Sized> fmt::Debug for ServiceObjects<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceObjects")
            .field(&self.reference)
            .finish()
    }
}

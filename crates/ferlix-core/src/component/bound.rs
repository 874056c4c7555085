//! [`BoundService`]: a service as an injected field has it.
//!
//! A service of scope bundle or prototype has an object made for the component's bundle, or for this very field; a service of
//! another specification than the field's (`or`) is seen as the type of the field. Both are kept as long as the field has the
//! service, so that it and its callbacks see one object, and handed back after that.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::factory::DependencyField;
use crate::registry::{ServiceObject, ServiceRef, ServiceScope, Usage};
use crate::service::{Caller, Dispatch, Service};

/// A service as an injected field has it: which one, and the object. Cheap to clone; a clone does not count as a use.
#[derive(Clone)]
pub struct BoundService {
    reference: ServiceRef,
    /// The object that is not everybody's: made for this use, or a view of another specification.
    own: Option<Arc<ServiceObject>>,
}

impl BoundService {
    /// Which service it is.
    #[must_use]
    pub fn reference(&self) -> &ServiceRef {
        &self.reference
    }

    /// The object that the field has, also when the service is gone by now: what was bound is unbound as such. `None` when
    /// it is not a `dyn Trait`.
    #[must_use]
    pub fn get<T: ?Sized + Service>(&self) -> Option<Arc<T>> {
        match &self.own {
            Some(own) => own.typed(),
            None => self.reference.typed_to_the_last(),
        }
    }

    /// What calls the object if it lives in another process and has the type of the field.
    pub(super) fn caller(&self) -> Option<&Arc<dyn Caller>> {
        match self.own {
            Some(_) => None,
            None => self.reference.caller(),
        }
    }

    /// What serves the object's remote interfaces.
    pub(super) fn dispatchers(&self) -> Vec<Arc<dyn Dispatch>> {
        match &self.own {
            Some(own) => own.dispatchers(),
            None => self.reference.dispatchers(),
        }
    }
}

impl fmt::Debug for BoundService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundService")
            .field(&self.reference)
            .finish()
    }
}

/// A service that a field has, and the use that it counts as.
pub(super) struct Bound {
    pub(super) service: BoundService,
    _usage: Usage,
}

impl Bound {
    /// Whether having a service runs code of a user: a factory, or a function that makes a view. Such a one is made before
    /// the transition that needs it, because it may fail.
    pub(super) fn is_made(reference: &ServiceRef, field: &DependencyField) -> bool {
        reference.scope() != ServiceScope::Singleton || !field.injection.or.is_empty()
    }

    /// A service that has one object for all, as its own type.
    pub(super) fn plain(reference: &ServiceRef, bundle_id: u64) -> Self {
        Self {
            service: BoundService {
                reference: reference.clone(),
                own: None,
            },
            _usage: reference.hold_use(bundle_id),
        }
    }

    /// A service with an object made for the use, or seen as the type of the field; `None` when that failed, which has been
    /// reported.
    pub(super) fn made(
        reference: &ServiceRef,
        bundle_id: u64,
        field: &DependencyField,
    ) -> Option<Self> {
        let usage = reference.clone().acquire(bundle_id)?;
        let mut service = BoundService {
            reference: reference.clone(),
            own: usage.made(),
        };
        if !(field.holds)(&service) {
            service.own = Some(Arc::new(view(&service, field)?));
        }
        Some(Self {
            service,
            _usage: usage,
        })
    }

    pub(super) fn reference(&self) -> &ServiceRef {
        &self.service.reference
    }
}

/// The service as the type of the field, by the first of the other specifications that it has.
fn view(service: &BoundService, field: &DependencyField) -> Option<ServiceObject> {
    let make = || {
        let mut others = field.injection.or.iter();
        others.find_map(|other| (other.view)(service))
    };
    match catch_unwind(AssertUnwindSafe(make)) {
        Ok(view) => view,
        Err(panic) => {
            let message = super::panic_text(panic.as_ref());
            tracing::error!(service = %service.reference, field = field.injection.field, "the function that makes it a {} panicked: {message}", field.specification);
            None
        }
    }
}

//! [`ServiceScope`] and [`ServiceFactory`]: services whose object is made for those who use them.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{ServiceObject, ServiceRef};
use crate::framework::BoxError;
use crate::service::{Interface, Service};

/// For whom a service has an object of its own: its property `service.scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServiceScope {
    /// One object for all.
    Singleton,
    /// One object for each bundle that uses it, until the bundle lets go of it.
    Bundle,
    /// One object for each use.
    Prototype,
}

impl ServiceScope {
    /// The value of `service.scope`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Singleton => "singleton",
            Self::Bundle => "bundle",
            Self::Prototype => "prototype",
        }
    }
}

impl fmt::Display for ServiceScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Makes the objects of a service of scope bundle or prototype.
///
/// No lock is held while it runs. An error or a panic is reported, and the one who asked gets nothing. Two threads of one
/// bundle that ask for a bundle's object for the first time at once may both have one made; one of the two is handed to
/// [`unget`](Self::unget) at once, and both threads get the other.
///
/// Such a service is looked up through a [`BundleContext`](crate::framework::BundleContext), or injected into the fields of a
/// component: a field has the object of the component's bundle, or one of its own, and hands it back when it lets go. A
/// component offers such a service by `provides(dyn T, scope = "bundle")`, and is its factory.
///
/// ```
/// # use std::sync::Arc;
/// # use ferlix_core::framework::{BoxError, Framework};
/// # use ferlix_core::property::Properties;
/// # use ferlix_core::registry::{ServiceFactory, ServiceObject, ServiceRef};
/// # use ferlix_core::service::{Interface, Service};
/// trait Desk: Send + Sync {
///     fn owner(&self) -> u64;
/// }
/// # impl Service for dyn Desk {
/// #     fn interface() -> &'static Interface { static I: Interface = Interface::local("example.desk"); &I }
/// # }
/// struct DeskOf(u64);
/// impl Desk for DeskOf {
///     fn owner(&self) -> u64 { self.0 }
/// }
/// struct Carpenter;
/// impl ServiceFactory<dyn Desk> for Carpenter {
///     fn get(&self, bundle_id: u64, _: &ServiceRef) -> Result<Arc<dyn Desk>, BoxError> {
///         Ok(Arc::new(DeskOf(bundle_id)))
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ferlix_core::Error> {
/// let framework = Framework::builder().start().await?;
/// let context = framework.context();
/// context.register_object(ServiceObject::bundle_scoped(Arc::new(Carpenter)), Properties::new())?;
/// assert_eq!(context.service::<dyn Desk>(None).unwrap().owner(), 0);
/// # framework.stop().await
/// # }
/// ```
pub trait ServiceFactory<T: ?Sized>: Send + Sync + 'static {
    /// Makes an object for a bundle.
    ///
    /// # Errors
    /// Whatever keeps it from being made.
    fn get(&self, bundle_id: u64, reference: &ServiceRef) -> Result<Arc<T>, BoxError>;

    /// Takes an object back: its last use has ended, its bundle has stopped, or the service is gone.
    fn unget(&self, bundle_id: u64, reference: &ServiceRef, service: Arc<T>) {
        let _ = (bundle_id, reference, service);
    }
}

/// A [`ServiceFactory`] whose interface is known at run time only.
pub(super) struct Maker {
    pub(super) scope: ServiceScope,
    pub(super) interface: &'static Interface,
    pub(super) interface_type: TypeId,
    factory: Box<dyn Make>,
}

trait Make: Send + Sync {
    fn make(&self, bundle_id: u64, reference: &ServiceRef) -> Result<ServiceObject, BoxError>;
    fn release(&self, bundle_id: u64, reference: &ServiceRef, object: &ServiceObject);
}

struct Typed<T: ?Sized, F>(Arc<F>, PhantomData<fn(&T)>);

impl<T: ?Sized + Service, F: ServiceFactory<T>> Make for Typed<T, F> {
    fn make(&self, bundle_id: u64, reference: &ServiceRef) -> Result<ServiceObject, BoxError> {
        self.0.get(bundle_id, reference).map(ServiceObject::new)
    }

    fn release(&self, bundle_id: u64, reference: &ServiceRef, object: &ServiceObject) {
        if let Some(service) = object.typed::<T>() {
            self.0.unget(bundle_id, reference, service);
        }
    }
}

impl Maker {
    pub(super) fn new<T: ?Sized + Service>(
        scope: ServiceScope,
        factory: Arc<impl ServiceFactory<T>>,
    ) -> Self {
        Self {
            scope,
            interface: T::interface(),
            interface_type: TypeId::of::<T>(),
            factory: Box::new(Typed::<T, _>(factory, PhantomData)),
        }
    }

    /// Has an object made; what goes wrong is reported.
    pub(super) fn make(&self, bundle_id: u64, reference: &ServiceRef) -> Option<ServiceObject> {
        let call = AssertUnwindSafe(|| self.factory.make(bundle_id, reference));
        match catch_unwind(call) {
            Ok(Ok(object)) => Some(object),
            Ok(Err(error)) => {
                tracing::error!(service = %reference, bundle_id, %error, "a service factory failed");
                None
            }
            Err(_) => {
                tracing::error!(service = %reference, bundle_id, "a service factory panicked");
                None
            }
        }
    }

    /// Hands an object back; a panic is reported.
    pub(super) fn release(&self, bundle_id: u64, reference: &ServiceRef, object: &ServiceObject) {
        let call = AssertUnwindSafe(|| self.factory.release(bundle_id, reference, object));
        if catch_unwind(call).is_err() {
            tracing::error!(service = %reference, bundle_id, "a service factory panicked as it took an object back");
        }
    }
}

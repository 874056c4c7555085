//! The callbacks of a component, and how they are run: with a deadline, and with panics caught.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{BoundService, Component, ComponentContext, ComponentError};
use crate::framework::BoxError;
use crate::registry::ServiceRef;

/// What a callback may return: nothing, or a `Result<(), E>` of any error.
#[diagnostic::on_unimplemented(
    message = "a component callback cannot return `{Self}`",
    note = "return nothing, or Result<(), ComponentError>"
)]
pub trait CallbackResult {
    /// The result, with the error boxed.
    ///
    /// # Errors
    /// The callback's.
    fn into_result(self) -> Result<(), BoxError>;
}

impl CallbackResult for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> CallbackResult for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

/// The outcome of one callback.
pub type CallbackFuture = BoxFuture<'static, Result<(), BoxError>>;

/// A callback of one injected field.
pub struct FieldCallback<C> {
    field: &'static str,
    if_valid: bool,
    call: fn(Arc<C>, BoundService) -> CallbackFuture,
}

impl<C> FieldCallback<C> {
    /// A callback of a field by its name.
    #[must_use]
    pub const fn new(
        field: &'static str,
        call: fn(Arc<C>, BoundService) -> CallbackFuture,
    ) -> Self {
        Self {
            field,
            if_valid: false,
            call,
        }
    }

    /// Only while the instance is VALID: not for what it is built with, nor for what goes when it goes down.
    #[must_use]
    pub const fn if_valid(mut self) -> Self {
        self.if_valid = true;
        self
    }
}

impl<C> fmt::Debug for FieldCallback<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldCallback")
            .field("field", &self.field)
            .field("if_valid", &self.if_valid)
            .finish_non_exhaustive()
    }
}

/// The callbacks of a component type; `#[lifecycle]` makes them.
pub struct Callbacks<C> {
    /// Called when every required service is bound, before the component's own services are published.
    pub validate: Option<fn(Arc<C>, ComponentContext) -> CallbackFuture>,
    /// Called after its services are withdrawn, while the injected ones can still be used.
    pub invalidate: Option<fn(Arc<C>, ComponentContext) -> CallbackFuture>,
    /// Called when a service is bound to a field.
    pub bind: Vec<FieldCallback<C>>,
    /// Called when a bound service's properties changed.
    pub update: Vec<FieldCallback<C>>,
    /// Called when a service is unbound from a field.
    pub unbind: Vec<FieldCallback<C>>,
    /// Called when a service of the component has been registered.
    pub post_registration: Option<fn(Arc<C>, ServiceRef) -> CallbackFuture>,
    /// Called when a service of the component has been unregistered.
    pub post_unregistration: Option<fn(Arc<C>, ServiceRef) -> CallbackFuture>,
}

impl<C> Default for Callbacks<C> {
    fn default() -> Self {
        Self {
            validate: None,
            invalidate: None,
            bind: Vec::new(),
            update: Vec::new(),
            unbind: Vec::new(),
            post_registration: None,
            post_unregistration: None,
        }
    }
}

impl<C> fmt::Debug for Callbacks<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks")
            .field("validate", &self.validate.is_some())
            .field("invalidate", &self.invalidate.is_some())
            .finish_non_exhaustive()
    }
}

/// A component with callbacks: implemented by `#[lifecycle]`.
pub trait Lifecycle: Component {
    /// Its callbacks.
    fn callbacks() -> Callbacks<Self>;
}

/// Finds out whether a component has a `#[lifecycle]`: of the two traits below, method resolution takes the one that
/// needs fewer references, and the first applies only to a type with [`Lifecycle`].
#[doc(hidden)]
#[derive(Debug)]
pub struct LifecycleProbe<C>(PhantomData<C>);

impl<C> LifecycleProbe<C> {
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<C> Default for LifecycleProbe<C> {
    fn default() -> Self {
        Self::new()
    }
}

#[doc(hidden)]
pub trait WithLifecycle<C> {
    fn callbacks(&self) -> Callbacks<C>;
}

impl<C: Lifecycle> WithLifecycle<C> for LifecycleProbe<C> {
    fn callbacks(&self) -> Callbacks<C> {
        C::callbacks()
    }
}

#[doc(hidden)]
pub trait WithoutLifecycle<C> {
    fn callbacks(&self) -> Callbacks<C>;
}

impl<C> WithoutLifecycle<C> for &LifecycleProbe<C> {
    fn callbacks(&self) -> Callbacks<C> {
        Callbacks::default()
    }
}

/// Callbacks of any component type, on the object as `dyn Any`.
pub(super) struct ErasedCallbacks {
    pub(super) validate:
        Option<Box<dyn Fn(Object, ComponentContext) -> CallbackFuture + Send + Sync>>,
    pub(super) invalidate:
        Option<Box<dyn Fn(Object, ComponentContext) -> CallbackFuture + Send + Sync>>,
    pub(super) bind: Vec<ErasedFieldCallback>,
    pub(super) update: Vec<ErasedFieldCallback>,
    pub(super) unbind: Vec<ErasedFieldCallback>,
    pub(super) post_registration: Option<ServiceCallback>,
    pub(super) post_unregistration: Option<ServiceCallback>,
}

/// A component's object.
pub(super) type Object = Arc<dyn Any + Send + Sync>;

/// A callback about a service.
pub(super) type ServiceCallback = Box<dyn Fn(Object, ServiceRef) -> CallbackFuture + Send + Sync>;

/// A callback of one field.
pub(super) struct ErasedFieldCallback {
    pub(super) field: &'static str,
    pub(super) if_valid: bool,
    pub(super) call: Box<dyn Fn(Object, BoundService) -> CallbackFuture + Send + Sync>,
}

impl ErasedCallbacks {
    pub(super) fn new<C: Component>(callbacks: Callbacks<C>) -> Self {
        fn service<C: Component>(
            callback: fn(Arc<C>, ServiceRef) -> CallbackFuture,
        ) -> ServiceCallback {
            Box::new(move |object, reference| match object.downcast::<C>() {
                Ok(component) => callback(component, reference),
                Err(_) => wrong_object(),
            })
        }
        fn field<C: Component>(callbacks: Vec<FieldCallback<C>>) -> Vec<ErasedFieldCallback> {
            let erase = |callback: FieldCallback<C>| ErasedFieldCallback {
                field: callback.field,
                if_valid: callback.if_valid,
                call: Box::new(move |object, service| match object.downcast::<C>() {
                    Ok(component) => (callback.call)(component, service),
                    Err(_) => wrong_object(),
                }),
            };
            callbacks.into_iter().map(erase).collect()
        }
        fn whole<C: Component>(
            callback: fn(Arc<C>, ComponentContext) -> CallbackFuture,
        ) -> Box<dyn Fn(Object, ComponentContext) -> CallbackFuture + Send + Sync> {
            Box::new(move |object, context| match object.downcast::<C>() {
                Ok(component) => callback(component, context),
                Err(_) => wrong_object(),
            })
        }
        Self {
            validate: callbacks.validate.map(whole),
            invalidate: callbacks.invalidate.map(whole),
            bind: field(callbacks.bind),
            update: field(callbacks.update),
            unbind: field(callbacks.unbind),
            post_registration: callbacks.post_registration.map(service),
            post_unregistration: callbacks.post_unregistration.map(service),
        }
    }
}

/// Cannot happen: the factory builds objects of the very type its callbacks take.
fn wrong_object() -> CallbackFuture {
    Box::pin(async { Err("the component object has another type than its factory".into()) })
}

/// Runs a callback with a deadline; an error, a panic or an overrun becomes a [`ComponentError`].
pub(super) async fn run(
    callback: &'static str,
    deadline: Duration,
    make: impl FnOnce() -> CallbackFuture,
) -> Result<(), ComponentError> {
    let guarded = AssertUnwindSafe(async move { make().await }).catch_unwind();
    let mut guarded = std::pin::pin!(guarded);
    // Most callbacks do not yield: those cost no timer, nor room for one.
    let outcome = match futures_util::poll!(guarded.as_mut()) {
        Poll::Ready(outcome) => Ok(outcome),
        Poll::Pending => Box::pin(tokio::time::timeout(deadline, guarded)).await,
    };
    match outcome {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(source))) => Err(match source.downcast::<ComponentError>() {
            Ok(error) => *error,
            Err(source) => ComponentError::Callback { callback, source },
        }),
        Ok(Err(panic)) => Err(ComponentError::Panic {
            callback,
            message: panic_text(panic.as_ref()),
        }),
        Err(_) => Err(ComponentError::Timeout {
            callback,
            after: deadline,
        }),
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

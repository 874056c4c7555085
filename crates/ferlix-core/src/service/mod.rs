//! What makes a trait a service.
//!
//! A service interface is a trait whose `dyn` type implements [`Service`]; the attribute macros `#[service]` (local)
//! and `#[remote_service]` write that implementation. A remote one can be served, through a [`Dispatch`] made from the
//! object, and called, through a view on a [`Caller`]. Both are handed Rust types as [events](crate::property::Event), so that
//! arguments and results go straight onto a wire and come straight off it. While a service is called, [`CallContext`] says by
//! whom and until when.
//!
//! Deliberately absent: how a call travels. A distribution provider has a `Caller` of its own and hands what it
//! receives to a `Dispatch`.

mod call;
mod context;
mod error;
mod health;
mod interface;

use std::sync::Arc;

pub use call::{Argument, Replied, Reply};
pub use context::{CallContext, Identity, Proof, TraceContext};
pub use error::{CallError, RemoteError};
pub use futures_util::future::BoxFuture;
pub use health::{Health, HealthStatus, HealthSubscription};
pub use interface::{Interface, Method};

use crate::property::{Decoder, Encoder, Value, ValueDecoder, ValueEncoder, ValueError};

/// A service interface: implemented for `dyn Trait` by `#[service]` and `#[remote_service]`, or by hand.
///
/// ```
/// use std::sync::Arc;
/// use ferlix_core::service::{Interface, Service};
///
/// trait Dictionary: Send + Sync {
///     fn contains(&self, word: &str) -> bool;
/// }
///
/// impl Service for dyn Dictionary {
///     fn interface() -> &'static Interface {
///         static INTERFACE: Interface = Interface::local("example.dictionary");
///         &INTERFACE
///     }
/// }
/// assert_eq!(<dyn Dictionary as Service>::interface().name, "example.dictionary");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service interface",
    note = "put #[service(\"its.name\")] or #[remote_service(\"its.name\")] on the trait, and write `dyn Trait`"
)]
pub trait Service: Send + Sync + 'static {
    /// The name, version and methods by which peers know the interface.
    fn interface() -> &'static Interface;

    /// A view of this interface on a remote object; `None` for a local-only interface.
    fn from_caller(caller: Arc<dyn Caller>) -> Option<Arc<Self>> {
        drop(caller);
        None
    }

    /// What serves this object to remote callers; `None` for a local-only interface.
    fn dispatcher(service: Arc<Self>) -> Option<Arc<dyn Dispatch>> {
        drop(service);
        None
    }
}

/// A service interface that other processes can call: `#[remote_service]` implements it for `dyn Trait`.
///
/// Implemented by hand it promises that [`Service::from_caller`] and [`Service::dispatcher`] return something.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be called by other processes",
    note = "put #[remote_service(\"its.name\")] on the trait in place of #[service]"
)]
pub trait RemoteService: Service {}

/// Serves the methods of one interface of one object to remote callers.
pub trait Dispatch: Send + Sync {
    /// The interface whose methods can be called.
    fn interface(&self) -> &'static Interface;

    /// Calls a method by its name on the wire.
    ///
    /// The arguments are read here and now, as the elements of a list that was begun; some may be left. The method runs when
    /// the future is polled, not before: what stands behind the arguments may still turn out to be wrong. Its result is
    /// written into `reply` as one value; what is in there when the call fails means nothing.
    ///
    /// # Errors
    /// [`CallError::UnknownMethod`] when the interface has no such method, [`CallError::InvalidArguments`] when number or types
    /// of the arguments do not fit, [`CallError::Value`] when the result cannot be written, else what the method itself
    /// returned, as [`CallError::Fault`].
    fn dispatch<'a>(
        &self,
        method: &str,
        arguments: &mut dyn Decoder<'_>,
        reply: &'a mut (dyn Encoder + Send),
    ) -> BoxFuture<'a, Result<(), CallError>>;

    /// The same for who knows no Rust types.
    ///
    /// # Errors
    /// Those of [`dispatch`](Self::dispatch).
    fn dispatch_values<'a>(
        &'a self,
        method: &'a str,
        arguments: Vec<Value>,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async move {
            let mut result = ValueEncoder::new();
            let mut arguments = ValueDecoder::list(arguments);
            self.dispatch(method, &mut arguments, &mut result).await?;
            result
                .finish()
                .map_err(|source| wrong_value(method, "result", source))
        })
    }
}

/// One object in another process: what a distribution provider makes when it imports an endpoint.
pub trait Caller: Send + Sync {
    /// Calls a method by its name on the wire; the result goes into `reply`, and a method without one may leave it empty. The
    /// provider sets the deadline; dropping the future gives the call up.
    fn call<'a>(
        &'a self,
        method: &'a str,
        arguments: &'a [Argument<'a>],
        reply: Reply<'a>,
    ) -> BoxFuture<'a, Result<(), CallError>>;

    /// The same for who knows no Rust types.
    ///
    /// # Errors
    /// Those of [`call`](Self::call).
    fn call_values<'a>(
        &'a self,
        method: &'a str,
        arguments: Vec<Value>,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async move {
            let arguments: Vec<_> = arguments
                .iter()
                .map(|value| Argument::new("", value))
                .collect();
            let mut replied = Replied::new();
            self.call(method, &arguments, Reply::new(&mut replied))
                .await?;
            replied.result(method)
        })
    }

    /// Asks whether the peer would answer a call, without calling the service: how a failing peer is found to be well again.
    /// A caller that cannot ask says yes: the next call will tell.
    fn probe(&self) -> BoxFuture<'static, Result<(), CallError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The health of the peer, where somebody keeps it: the Remote Service Admin does for all that it imports.
    fn health(&self) -> Option<&Arc<Health>> {
        None
    }
}

/// An argument or the result of a method that cannot be converted.
pub(crate) fn wrong_value(method: &str, what: &str, source: ValueError) -> CallError {
    CallError::Value {
        method: method.to_owned(),
        what: what.to_owned(),
        source,
    }
}

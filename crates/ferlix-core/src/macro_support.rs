//! What the output of the macros calls, so that it stays small: arguments and results of remote calls, members of
//! structures. Nobody else names it; it may change with the macros.

use std::collections::BTreeMap;
use std::vec;

use futures_util::future::BoxFuture;

use crate::component::Inject;
use crate::property::{FromValue, IntoValue, Value, ValueError};
use crate::service::{CallContext, CallError, Caller, RemoteError, Service};

/// The arguments of one call of a proxy, as they are collected.
#[derive(Debug)]
pub struct Arguments {
    method: &'static str,
    values: Result<Vec<Value>, CallError>,
}

impl Arguments {
    /// None yet, for a method by its name on the wire.
    #[must_use]
    pub fn new(method: &'static str) -> Self {
        Self {
            method,
            values: Ok(Vec::new()),
        }
    }

    /// Adds one; the first that cannot be converted is what the call returns.
    #[must_use]
    pub fn with<T: IntoValue>(mut self, name: &str, value: T) -> Self {
        if let Ok(values) = &mut self.values {
            match value.into_value() {
                Ok(value) => values.push(value),
                Err(source) => self.values = Err(wrong_value(self.method, name, source)),
            }
        }
        self
    }
}

/// Calls a method of a remote object for a proxy.
///
/// # Errors
/// [`CallError::Value`] when an argument cannot be converted, else the call's.
pub async fn call(caller: &dyn Caller, arguments: Arguments) -> Result<Value, CallError> {
    let Arguments { method, values } = arguments;
    caller.call(method, values?).await
}

/// What a method of a proxy returns. It is apart from [`call`] so that a wrong type is reported once.
///
/// # Errors
/// The call's, or [`CallError::Value`] when the result cannot be converted.
pub fn returned<R: FromValue, E: RemoteError>(
    method: &str,
    answer: Result<Value, CallError>,
) -> Result<R, E> {
    R::from_value(answer.map_err(E::from_call_error)?)
        .map_err(|source| wrong_value(method, "result", source).into())
}

/// The arguments that a dispatcher received, as they are taken.
#[derive(Debug)]
pub struct Received {
    method: &'static str,
    names: std::slice::Iter<'static, &'static str>,
    values: vec::IntoIter<Value>,
}

impl Received {
    /// The arguments for a method with parameters of these names.
    ///
    /// # Errors
    /// [`CallError::InvalidArguments`] when there are more or fewer.
    pub fn new(
        method: &'static str,
        names: &'static [&'static str],
        values: Vec<Value>,
    ) -> Result<Self, CallError> {
        if names.len() == values.len() {
            return Ok(Self {
                method,
                names: names.iter(),
                values: values.into_iter(),
            });
        }
        let names = names.join(", ");
        Err(CallError::InvalidArguments {
            method: method.to_owned(),
            reason: format!(
                "it takes ({names}), but was given {} arguments",
                values.len()
            ),
        })
    }

    /// The next one.
    ///
    /// # Errors
    /// [`CallError::InvalidArguments`] that names it when it has another type.
    pub fn take<T: FromValue>(&mut self) -> Result<T, CallError> {
        let name = self.names.next().copied().unwrap_or_default();
        T::from_value(self.values.next().unwrap_or_default()).map_err(|source| {
            CallError::InvalidArguments {
                method: self.method.to_owned(),
                reason: format!("{name}: {source}"),
            }
        })
    }
}

/// What a dispatcher answers when a method has returned.
///
/// # Errors
/// What the method returned, or [`CallError::Value`] when the result cannot be converted.
pub fn reply<R: IntoValue, E: RemoteError>(
    method: &str,
    result: Result<R, E>,
) -> Result<Value, CallError> {
    result
        .map_err(RemoteError::into_call_error)?
        .into_value()
        .map_err(|source| wrong_value(method, "result", source))
}

/// Runs a method that is marked `#[remote(finish)]` in a task of its own: whoever waits for it may give up, at its deadline or
/// because the caller is gone, and the work goes on to its end.
///
/// # Errors
/// What the method returns; [`CallError::Refused`] when the runtime ends before it does.
#[must_use]
pub fn finish(
    method: &'static str,
    work: BoxFuture<'static, Result<Value, CallError>>,
) -> BoxFuture<'static, Result<Value, CallError>> {
    Box::pin(async move {
        // Who calls is known to the work still; when the call ends matters to it no more, nor to the calls that it makes.
        let work = match CallContext::current() {
            Some(context) => Box::pin(context.without_deadline().scope(work)),
            None => work,
        };
        match tokio::spawn(work).await {
            Ok(answer) => answer,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(CallError::Refused {
                    peer: method.to_owned(),
                    reason: "the program ends".to_owned(),
                }),
            },
        }
    })
}

/// What a dispatcher answers when the interface has no such method.
#[must_use]
pub fn unknown_method(method: &str) -> BoxFuture<'static, Result<Value, CallError>> {
    let method = method.to_owned();
    Box::pin(std::future::ready(Err(CallError::UnknownMethod { method })))
}

fn wrong_value(method: &str, what: &str, source: ValueError) -> CallError {
    CallError::Value {
        method: method.to_owned(),
        what: what.to_owned(),
        source,
    }
}

/// Compiles when a field injects an interface.
pub fn injects<T: ?Sized + Service, F: Inject<Interface = T>>(_: &F) {}

/// Adds a member to a structure.
///
/// # Errors
/// [`ValueError::Member`] when it cannot be converted.
pub fn put_member<T: IntoValue>(
    members: &mut BTreeMap<String, Value>,
    name: &'static str,
    value: T,
) -> Result<(), ValueError> {
    let value = value.into_value().map_err(|source| ValueError::Member {
        name: name.to_owned(),
        source: Box::new(source),
    })?;
    members.insert(name.to_owned(), value);
    Ok(())
}

/// A service's own error as a fault: its kind and its text.
pub fn fault<E: RemoteError>(error: &E) -> CallError {
    CallError::Fault {
        code: 1,
        kind: Some(error.kind()),
        message: error.to_string(),
        data: None,
    }
}

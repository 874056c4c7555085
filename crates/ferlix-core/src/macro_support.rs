//! What the output of the macros calls, so that it stays small: arguments and results of remote calls, members of
//! structures. Nobody else names it; it may change with the macros.

use futures_util::future::BoxFuture;

use crate::component::Inject;
use crate::property::{Decoder, Encoder, Event, FromValue, IntoValue, Value, ValueError, whole};
use crate::service::{
    Argument, CallContext, CallError, RemoteError, Replied, Service, wrong_value,
};

/// One argument of a call of a proxy.
pub fn argument<'a, T: IntoValue + Sync>(name: &'static str, value: &'a T) -> Argument<'a> {
    Argument::new(name, value)
}

/// What a method of a proxy returns: a result and an error, for which only this asks for anything, so that a wrong type is
/// reported once.
#[must_use]
pub fn returns<R: FromValue + Send, E: RemoteError>() -> (Replied<R>, fn(CallError) -> E) {
    (Replied::new(), E::from_call_error)
}

/// What a method of a proxy returns when its call is over.
///
/// # Errors
/// The call's, or [`CallError::Value`] when the result cannot be converted.
pub fn returned<R, E>(
    method: &str,
    called: Result<(), CallError>,
    (replied, error): (Replied<R>, fn(CallError) -> E),
) -> Result<R, E> {
    called.and_then(|()| replied.result(method)).map_err(error)
}

/// The arguments that a dispatcher received, as they are taken.
pub struct Received<'a, 'd> {
    method: &'static str,
    names: &'static [&'static str],
    arguments: &'a mut dyn Decoder<'d>,
    taken: usize,
    ended: bool,
}

impl<'d> Received<'_, 'd> {
    /// Reads the arguments for a method with parameters of these names.
    ///
    /// # Errors
    /// [`CallError::InvalidArguments`] when there are more or fewer; else when one has another type.
    pub fn read<T>(
        method: &'static str,
        names: &'static [&'static str],
        arguments: &mut dyn Decoder<'d>,
        take: impl FnOnce(&mut Received<'_, 'd>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let mut received = Received {
            method,
            names,
            arguments,
            taken: 0,
            ended: false,
        };
        let taken = take(&mut received);
        // How many there are is told before what is wrong with one of them.
        while received.next::<()>().is_some() {}
        if received.taken == names.len() {
            return taken;
        }
        let (names, given) = (names.join(", "), received.taken);
        Err(received.invalid(format!(
            "it takes ({names}), but was given {given} arguments"
        )))
    }

    /// The next one.
    ///
    /// # Errors
    /// [`CallError::InvalidArguments`] that names it when it has another type.
    pub fn take<T: FromValue>(&mut self) -> Result<T, CallError> {
        let name = self.names.get(self.taken).copied().unwrap_or_default();
        let Some(argument) = self.next() else {
            // How many were given is told at the end.
            return Err(self.invalid(format!("{name} is missing")));
        };
        argument.map_err(|source| self.invalid(format!("{name}: {source}")))
    }

    /// The next one, if there is one. A decoder that is broken has no more: what it met is told by whoever made it.
    fn next<T: FromValue>(&mut self) -> Option<Result<T, ValueError>> {
        if self.ended {
            return None;
        }
        match self.arguments.event() {
            Ok(Event::End) | Err(_) => {
                self.ended = true;
                None
            }
            Ok(event) => {
                self.taken += 1;
                Some(whole(event, self.arguments))
            }
        }
    }

    #[cold]
    fn invalid(&self, reason: String) -> CallError {
        CallError::InvalidArguments {
            method: self.method.to_owned(),
            reason,
        }
    }
}

impl std::fmt::Debug for Received<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Received")
            .field("method", &self.method)
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

/// What a dispatcher answers when a method has returned.
///
/// # Errors
/// What the method returned, or [`CallError::Value`] when the result cannot be written.
pub fn reply<R: IntoValue, E: RemoteError>(
    method: &str,
    result: Result<R, E>,
    reply: &mut dyn Encoder,
) -> Result<(), CallError> {
    result
        .map_err(RemoteError::into_call_error)?
        .encode(reply)
        .map_err(|source| wrong_value(method, "result", source))
}

/// Runs a method that is marked `#[remote(finish)]` in a task of its own: whoever waits for it may give up, at its deadline or
/// because the caller is gone, and the work goes on to its end.
///
/// # Errors
/// What the method returns; [`CallError::Refused`] when the runtime ends before it does.
pub async fn finish<R: Send + 'static, E: RemoteError>(
    method: &'static str,
    work: BoxFuture<'static, Result<R, E>>,
) -> Result<R, E> {
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
            }
            .into()),
        },
    }
}

/// What a dispatcher answers when the interface has no such method.
///
/// # Errors
/// That.
#[cold]
pub fn unknown_method<'a>(method: &str) -> BoxFuture<'a, Result<(), CallError>> {
    let method = method.to_owned();
    failed(CallError::UnknownMethod { method })
}

/// What a dispatcher answers when the arguments do not fit.
///
/// # Errors
/// That.
#[must_use]
#[cold]
pub fn failed<'a>(error: CallError) -> BoxFuture<'a, Result<(), CallError>> {
    Box::pin(std::future::ready(Err(error)))
}

/// Compiles when a field injects an interface.
pub fn injects<T: ?Sized + Service, F: Inject<Interface = T>>(_: &F) {}

/// Writes a member of a structure.
///
/// # Errors
/// [`ValueError::Member`] when it cannot be written.
pub fn put_member<T: IntoValue>(
    encoder: &mut dyn Encoder,
    name: &'static str,
    value: &T,
) -> Result<(), ValueError> {
    encoder.key(name)?;
    value.encode(encoder).map_err(|source| ValueError::Member {
        name: name.to_owned(),
        source: Box::new(source),
    })
}

/// A member of a structure: not read, read, or read as something that does not fit.
pub type Member<T> = Option<Result<T, ValueError>>;

/// Reads a member of a structure. Whether it fits matters at the end: another one of the same name may follow.
///
/// # Errors
/// When nothing can be read any more.
pub fn read_member<T: FromValue>(decoder: &mut dyn Decoder<'_>) -> Result<Member<T>, ValueError> {
    let event = decoder.event()?;
    Ok(Some(whole(event, decoder)))
}

/// Passes over a member that a structure does not have.
///
/// # Errors
/// When nothing can be read any more.
pub fn pass_member(decoder: &mut dyn Decoder<'_>) -> Result<(), ValueError> {
    let event = decoder.event()?;
    whole(event, decoder)
}

/// A member of a structure that was read; a missing one is `Null`, so that an `Option` member may be left out.
///
/// # Errors
/// When the member is missing or does not fit.
pub fn take_member<T: FromValue>(member: Member<T>, name: &'static str) -> Result<T, ValueError> {
    match member {
        Some(member) => member.map_err(|source| ValueError::Member {
            name: name.to_owned(),
            source: Box::new(source),
        }),
        None => T::from_value(Value::Null).map_err(|_| ValueError::Missing { name }),
    }
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

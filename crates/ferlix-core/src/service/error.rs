//! [`CallError`]: why a remote call did not return a result.

use std::error::Error as StdError;
use std::time::Duration;

use crate::property::{Value, ValueError};

/// Why a call of a service in another process failed.
///
/// The variants say who is at fault: the exporter that is gone or unreachable, the peer that broke the protocol, the
/// service that answered with a fault, or the caller whose arguments do not fit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The service answered with a fault of its own.
    #[error("{message}")]
    Fault {
        /// The fault code (1 from iPOPO and Ferlix, 0 from Java).
        code: i32,
        /// The kind of error, where the peer says it: a Python class or the name of an error variant.
        kind: Option<String>,
        /// What the service said.
        message: String,
        /// The service's error itself, where a Ferlix peer sent it; [`RemoteError::from_call_error`] makes it of this.
        data: Option<Value>,
    },
    /// The endpoint has been withdrawn: the proxy is of no more use.
    #[error("the service {service} is gone: its endpoint was withdrawn")]
    Gone {
        /// The specification of the service.
        service: String,
    },
    /// The arguments do not fit the method (the caller is at fault).
    #[error("invalid arguments for {method}: {reason}")]
    InvalidArguments {
        /// The method.
        method: String,
        /// What does not fit.
        reason: String,
    },
    /// The connection broke after the request was sent: the service may have run.
    #[error("the connection to {peer} broke before the answer came")]
    Lost {
        /// Who was asked.
        peer: String,
        /// The cause.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The peer's answer is not what the protocol says (the peer is at fault).
    #[error("{peer} broke the protocol: {reason}")]
    Protocol {
        /// Who answered.
        peer: String,
        /// What is wrong.
        reason: String,
        /// The cause, if there is one.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The peer refused for now: it is overloaded, or the caller may not.
    #[error("{peer} refused the call: {reason}")]
    Refused {
        /// Who refused.
        peer: String,
        /// What it said.
        reason: String,
    },
    /// No answer within the deadline. The service may have run.
    #[error("no answer from {peer} within {after:?}")]
    Timeout {
        /// Who was asked.
        peer: String,
        /// The deadline.
        after: Duration,
    },
    /// The service has no such method, or it is not in an exported interface.
    #[error("Unknown method {method}")]
    UnknownMethod {
        /// The name on the wire.
        method: String,
    },
    /// There is no connection to the peer: the service has not run.
    #[error("cannot reach {peer}")]
    Unreachable {
        /// Who was to be reached.
        peer: String,
        /// The cause.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// An argument or the result cannot be put on the wire, or the answer has another type than the method.
    #[error("the {what} of {method} cannot be converted: {source}")]
    Value {
        /// The method.
        method: String,
        /// The argument's name, or `result`.
        what: String,
        /// What does not fit.
        source: ValueError,
    },
    /// A blocking call was made where a task is being polled: it would stop all others of that thread. Await the method, or
    /// make the call in `spawn_blocking` or on a thread of your own.
    #[error(
        "a blocking call inside of a task would stop the others of its thread: await the method, or use spawn_blocking"
    )]
    WouldBlock,
}

impl CallError {
    /// A fault as a service raises it: code 1 and a message.
    #[must_use]
    pub fn fault(message: impl Into<String>) -> Self {
        Self::Fault {
            code: 1,
            kind: None,
            message: message.into(),
            data: None,
        }
    }
}

/// The error type of a remote method: [`CallError`] itself, or a service's own error that can hold one.
///
/// A service's own error reaches any caller as a fault of its kind and text. A Ferlix caller gets the very error, when all that
/// it holds can cross the wire; else what `From<CallError>` makes of the fault.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a remote method",
    note = "return Result<_, CallError>, or put #[derive(RemoteError)] on your own error"
)]
pub trait RemoteError: From<CallError> + std::fmt::Display + Send + 'static {
    /// The kind of error that peers see before the message: the name of a type or a variant.
    fn kind(&self) -> String {
        let name = std::any::type_name::<Self>();
        name.rsplit("::").next().unwrap_or(name).to_owned()
    }

    /// What goes over the wire.
    fn into_call_error(self) -> CallError {
        CallError::Fault {
            code: 1,
            kind: Some(self.kind()),
            message: self.to_string(),
            data: None,
        }
    }

    /// What the caller gets: the service's error when the fault carries it, else one made from the `CallError`.
    fn from_call_error(error: CallError) -> Self {
        Self::from(error)
    }
}

impl RemoteError for CallError {
    fn into_call_error(self) -> CallError {
        self
    }
}

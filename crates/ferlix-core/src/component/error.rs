//! [`ComponentError`]: why an instance is ERRONEOUS.

use std::time::Duration;

use crate::framework::BoxError;
use crate::property::ValueError;

/// Why a component instance failed: the cause that `instance` shows in the shell.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// A callback returned an error.
    #[error("{callback}: {source}")]
    Callback {
        /// Which callback: `build`, `bind`, `validate`, …
        callback: &'static str,
        /// What it returned.
        source: BoxError,
    },
    /// The component says so itself.
    #[error("{0}")]
    Message(String),
    /// A callback panicked.
    #[error("{callback} panicked: {message}")]
    Panic {
        /// Which callback.
        callback: &'static str,
        /// What the panic said.
        message: String,
    },
    /// A property does not fit its field.
    #[error("property {key}: {source}")]
    Property {
        /// The key.
        key: String,
        /// What does not fit.
        source: ValueError,
    },
    /// A property without default was not given.
    #[error("property {key} is required: give it at instantiation or as a framework property")]
    PropertyMissing {
        /// The key.
        key: String,
    },
    /// A callback took longer than `ferlix.callback_timeout` and was dropped.
    #[error("{callback} took longer than {after:?} and was dropped")]
    Timeout {
        /// Which callback.
        callback: &'static str,
        /// The deadline.
        after: Duration,
    },
    /// The component's code asks for a field that its factory does not declare.
    #[error("the factory declares no field {field} of type {wanted}")]
    UnknownField {
        /// The field or property.
        field: String,
        /// The type that was asked for.
        wanted: &'static str,
    },
}

impl ComponentError {
    /// An error with a message of its own.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Message(message.into())
    }

    /// Any error, as one of a component.
    pub fn other(error: impl Into<BoxError>) -> Self {
        Self::Callback {
            callback: "component",
            source: error.into(),
        }
    }
}

impl From<&str> for ComponentError {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for ComponentError {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

macro_rules! from {
    ($($type:ty),*) => { $(
        impl From<$type> for ComponentError {
            fn from(error: $type) -> Self {
                Self::other(error)
            }
        }
    )* };
}

from!(
    BoxError,
    crate::Error,
    crate::service::CallError,
    crate::filter::FilterError,
    std::io::Error,
    ValueError
);

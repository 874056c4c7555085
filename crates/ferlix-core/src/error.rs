//! [`Error`]: what the framework, the registry and the component model refuse, and who is at fault.

use std::time::Duration;

use crate::component::ComponentError;
use crate::filter::FilterError;

/// Why the framework refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The activator of a bundle failed; the bundle is as it was.
    #[error("the activator of bundle {bundle} failed: {source}")]
    Activator {
        /// The symbolic name.
        bundle: String,
        /// What the activator returned, or its panic.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The bundle is in a state that does not allow this.
    #[error("bundle {bundle} is {state}: it cannot be {action} now")]
    BundleState {
        /// The symbolic name.
        bundle: String,
        /// Its state.
        state: crate::framework::BundleState,
        /// What was asked.
        action: &'static str,
    },
    /// A component failed.
    #[error(transparent)]
    Component(Box<ComponentError>),
    /// A departure took longer than `ferlix.departure_timeout`; the service is gone all the same.
    #[error("{what} waited {after:?} for {late} to let go")]
    Departure {
        /// What was departing.
        what: String,
        /// How long was waited.
        after: Duration,
        /// Who has not let go yet.
        late: String,
    },
    /// The name is taken.
    #[error("the {kind} name '{name}' is taken{holder}")]
    Duplicate {
        /// What kind of name.
        kind: &'static str,
        /// The name.
        name: String,
        /// Who has it, as text for the message (may be empty).
        holder: String,
    },
    /// A filter does not parse (the caller is at fault).
    #[error("invalid filter: {0}")]
    Filter(#[from] FilterError),
    /// A service name has characters that would change the meaning of a filter, or is empty.
    #[error("invalid specification name {name:?}: {reason}")]
    Specification {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The framework is not running.
    #[error("the framework is {state}: start it first")]
    NotRunning {
        /// Its state.
        state: crate::framework::BundleState,
    },
    /// Two bundles declare one service name with different traits.
    #[error(
        "bundle {bundle} declares service '{name}' as {declared}, but {holder} declares it as {existing}"
    )]
    ServiceConflict {
        /// The service name.
        name: String,
        /// The bundle that was to be installed.
        bundle: String,
        /// Its trait.
        declared: &'static str,
        /// The bundle that was there.
        holder: String,
        /// Its trait.
        existing: &'static str,
    },
    /// The factory makes one instance only, and there is one.
    #[error("the factory '{factory}' makes one instance only: {instance} is there")]
    Singleton {
        /// The factory.
        factory: String,
        /// Its instance.
        instance: String,
    },
    /// There is no such thing.
    #[error("there is no {kind} '{name}'{hint}")]
    Unknown {
        /// What kind of thing.
        kind: &'static str,
        /// Its name or number.
        name: String,
        /// What to do, as text for the message (may be empty).
        hint: String,
    },
    /// The service was unregistered already.
    #[error("service {id} is not registered any more")]
    Unregistered {
        /// Its number.
        id: u64,
    },
}

impl From<ComponentError> for Error {
    fn from(error: ComponentError) -> Self {
        Self::Component(Box::new(error))
    }
}

/// An error and its causes in one line, each said once: for a log line, a shell or a person.
///
/// ```
/// let error = ferlix_core::filter::Filter::parse("(a=1").unwrap_err();
/// assert_eq!(ferlix_core::error_chain(&error), error.to_string());
/// ```
#[must_use]
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    message
}

//! A call on its way through [`Services`](super::Services): the method that is meant, the work once its arguments were read, and
//! why there is no result.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use ferlix_core::service::{BoxFuture, CallError};
use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::origin::Origin;
use super::until::{TooLate, Until};
use crate::codec::{CodecError, Fault};
use crate::statistics::{Counters, Outcome};

/// A method that may be called.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) service: &'static str,
    pub(super) method: &'static str,
    pub(super) limit: Duration,
}

impl Target {
    /// The work of its call up to the deadline, in the context of the call; a panic in it is caught.
    pub(super) fn bounded<'a>(
        &self,
        work: BoxFuture<'a, Result<(), CallError>>,
        origin: &Origin<'_>,
        begun: Instant,
    ) -> Until<impl Future<Output = std::thread::Result<Result<(), CallError>>> + use<'a>> {
        let deadline = begun + self.limit;
        let context = origin.context(deadline.into_std());
        let work = AssertUnwindSafe(context.scope(work)).catch_unwind();
        Until::new(work, deadline)
    }

    /// What came of its call, which was dropped at its deadline.
    pub(super) fn ended(
        &self,
        ended: Result<std::thread::Result<Result<(), CallError>>, TooLate>,
    ) -> Result<(), Box<Failure>> {
        Err(Box::new(match ended {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => {
                let outcome = Outcome::from(&error);
                Failure::new(Fault::from(error), outcome)
            }
            Ok(Err(panic)) => self.panicked(&*panic),
            Err(TooLate) => too_late(self.method, self.limit),
        }))
    }

    /// Its service panicked.
    #[cold]
    pub(super) fn panicked(&self, panic: &(dyn Any + Send)) -> Failure {
        let (service, method) = (self.service, self.method);
        let message = panic_message(panic);
        tracing::error!(service, method, "an exported service panicked: {message}");
        let fault = Fault::remote_service(&format!("The call of {method} failed"));
        Failure::new(fault, Outcome::Panic)
    }
}

/// A call whose arguments were read.
pub(super) struct Call<'a> {
    pub(super) target: Target,
    pub(super) counters: Counters,
    pub(super) work: BoxFuture<'a, Result<(), CallError>>,
}

/// Why a call is not made, or has no result: what the caller is told, and what is counted. It is handed on in a box, so that
/// a result takes no room for it.
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) outcome: Outcome,
    /// Those of the method that was meant.
    pub(super) counters: Option<Counters>,
    /// What was called, as the caller wrote it.
    pub(super) called: String,
}

impl Failure {
    pub(super) const fn new(fault: Fault, outcome: Outcome) -> Self {
        Self {
            fault,
            outcome,
            counters: None,
            called: String::new(),
        }
    }

    #[cold]
    #[expect(clippy::needless_pass_by_value, reason = "it ends here")]
    pub(super) fn of_codec(error: CodecError) -> Box<Self> {
        let fault = Fault::new("CodecError", &error.to_string());
        Self::new(fault, Outcome::Invalid).into()
    }
}

#[cold]
pub(super) fn too_late(method: &str, limit: Duration) -> Failure {
    let message = format!("no result of {method} within {limit:?}");
    let fault = Fault::new("TimeoutError", &message);
    Failure::new(fault, Outcome::Timeout)
}

/// The start of a name that the caller chose, for a message.
#[cold]
pub(super) fn shortened(name: &str) -> &str {
    let end = name
        .char_indices()
        .nth(200)
        .map_or(name.len(), |(end, _)| end);
    &name[..end]
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)")
}

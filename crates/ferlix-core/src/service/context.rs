//! [`CallContext`]: what a service may know of the remote call that it is answering.
//!
//! A distribution provider makes one from a request and runs the call in its [`scope`](CallContext::scope); the service
//! asks for it with [`CallContext::current`], without a parameter in its interface. A provider's calling side asks too:
//! the deadline and the trace go on with the calls that a service makes while it answers one.
//!
//! Deliberately absent: headers of the request as such, and any context in tasks that a service spawns, unless it
//! carries it over.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

tokio::task_local! {
    static CURRENT: CallContext;
}

/// Who calls, from where, until when, and as a part of what.
///
/// ```
/// use ferlix_core::service::CallContext;
///
/// fn greeting() -> String {
///     let caller = CallContext::current().and_then(|context| Some(context.identity()?.name().to_owned()));
///     format!("Howdy {}", caller.as_deref().unwrap_or("stranger"))
/// }
/// assert_eq!(greeting(), "Howdy stranger");
/// ```
///
/// The context is that of the task: a task that is spawned has none. Take it along where it matters:
///
/// ```
/// # use ferlix_core::service::CallContext;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # let work = async {};
/// tokio::spawn(CallContext::current().unwrap_or_default().scope(work));
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct CallContext {
    peer: Option<SocketAddr>,
    identity: Option<Arc<Identity>>,
    deadline: Option<Instant>,
    trace: Option<Arc<TraceContext>>,
}

impl CallContext {
    /// The context of the call that this task is answering; `None` outside of remote calls.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// The address that the call came from.
    #[must_use]
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Who the caller has proved to be; `None` when nothing was asked for.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// When the call is given up, by the caller or by us.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long the call may take from now on; zero when its time is over, `None` when there is no deadline.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// The trace that the call is a part of.
    #[must_use]
    pub fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_deref()
    }

    /// With the address that the call came from.
    #[must_use]
    pub const fn with_peer(mut self, peer: SocketAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// With a caller that has proved who it is.
    #[must_use]
    pub fn with_identity(mut self, identity: Arc<Identity>) -> Self {
        self.identity = Some(identity);
        self
    }

    /// With a deadline.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The same without a deadline: for work that goes on when nobody waits for it any more.
    #[must_use]
    pub const fn without_deadline(mut self) -> Self {
        self.deadline = None;
        self
    }

    /// As a part of a trace.
    #[must_use]
    pub fn with_trace(mut self, trace: Arc<TraceContext>) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Runs a future in this context.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self, future)
    }
}

/// Who a caller has proved to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    name: String,
    proof: Proof,
}

/// How a caller has proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proof {
    /// With a name and a password.
    Password,
    /// With a token.
    Token,
    /// With a certificate, in the handshake of its connection.
    Certificate,
}

impl Identity {
    /// A caller of a name.
    pub fn new(name: impl Into<String>, proof: Proof) -> Self {
        Self {
            name: name.into(),
            proof,
        }
    }

    /// The name of the caller: of its password's or token's entry, or in its certificate.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it was proved.
    #[must_use]
    pub const fn proof(&self) -> Proof {
        self.proof
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The place of a call in a distributed trace: the headers `traceparent` and `tracestate` of W3C Trace Context
/// (<https://www.w3.org/TR/trace-context/>). They are passed on as they came: Ferlix makes no spans of its own in the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    parent: Box<str>,
    state: Option<Box<str>>,
}

impl TraceContext {
    /// The longest `tracestate` that is passed on, in bytes: what the recommendation (section 3.3.1.5) asks for.
    const LONGEST_STATE: usize = 512;
    /// The length of a `traceparent` of version 00 in bytes; later versions may be longer.
    const PARENT: usize = 55;
    /// The longest `traceparent` that is passed on.
    const LONGEST_PARENT: usize = 256;

    /// Checks the headers. `None` when `traceparent` is malformed; a `tracestate` that is too long or not of visible
    /// characters is left out.
    #[must_use]
    pub fn new(parent: &str, state: Option<&str>) -> Option<Self> {
        let is_hex = |text: &str| {
            text.bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
        if parent.len() > Self::LONGEST_PARENT || !parent.is_ascii() {
            return None;
        }
        let mut fields = parent.splitn(5, '-');
        let mut field = |length: usize| {
            let field = fields.next()?;
            (field.len() == length && is_hex(field)).then_some(field)
        };
        let (version, trace, span) = (field(2)?, field(32)?, field(16)?);
        field(2)?;
        let has_more = parent.len() > Self::PARENT;
        let is_graphic = parent.bytes().all(|byte| byte.is_ascii_graphic());
        if version == "ff" || version == "00" && has_more || !is_graphic {
            return None;
        }
        if is_zero(trace) || is_zero(span) {
            return None;
        }
        let state = state.map(str::trim).filter(|state| {
            let visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t';
            !state.is_empty() && state.len() <= Self::LONGEST_STATE && state.bytes().all(visible)
        });
        Some(Self {
            parent: parent.into(),
            state: state.map(Into::into),
        })
    }

    /// `traceparent`.
    #[must_use]
    pub fn parent(&self) -> &str {
        &self.parent
    }

    /// `tracestate`.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The identity of the whole trace, 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.parent.get(3..35).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_is_passed_on_as_it_came() {
        let trace = TraceContext::new(PARENT, Some(" a=1,b=2 ")).unwrap();
        assert_eq!(trace.parent(), PARENT);
        assert_eq!(trace.state(), Some("a=1,b=2"));
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let later = PARENT.replacen("00", "cc", 1) + "-what-comes";
        assert_eq!(TraceContext::new(&later, None).unwrap().parent(), later);
    }

    #[test]
    fn a_malformed_trace_is_none() {
        for wrong in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-a\r\nb",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::new(wrong, None), None, "{wrong}");
        }
        let long = format!("cc{}-{}", &PARENT[2..], "x".repeat(300));
        assert_eq!(TraceContext::new(&long, None), None);
    }

    #[test]
    fn a_state_that_cannot_be_passed_on_is_left_out() {
        let long = "x".repeat(513);
        for state in ["", "  ", "a=\u{1}", "a=é", &long] {
            let trace = TraceContext::new(PARENT, Some(state)).unwrap();
            assert_eq!(trace.state(), None, "{state:?}");
        }
    }

    #[tokio::test]
    async fn the_context_is_that_of_the_task() {
        assert!(CallContext::current().is_none());
        let soon = Instant::now() + Duration::from_secs(60);
        let context = CallContext::default()
            .with_deadline(soon)
            .with_identity(Arc::new(Identity::new("alice", Proof::Token)));
        let seen = context
            .scope(async {
                tokio::task::yield_now().await;
                let spawned = tokio::spawn(async { CallContext::current().is_some() });
                assert!(!spawned.await.unwrap());
                CallContext::current()
            })
            .await
            .unwrap();
        assert_eq!(seen.identity().unwrap().name(), "alice");
        assert!(seen.remaining().unwrap() > Duration::from_secs(50));
        let over = CallContext::default().with_deadline(Instant::now());
        assert_eq!(over.remaining(), Some(Duration::ZERO));
    }
}

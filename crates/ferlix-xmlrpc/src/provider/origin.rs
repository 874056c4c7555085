//! [`Origin`]: where a call comes from, and what follows of that: what its service may know, and its span.
//!
//! Deliberately absent: whether the caller may call, which the rules decide.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use ferlix_core::service::{CallContext, Identity, TraceContext};
use http::{HeaderMap, HeaderName};
use tracing::Span;
use tracing::field::Empty;

use crate::headers::values;

/// The headers of W3C Trace Context.
pub(crate) const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// Where a call comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// The address of the caller.
    pub peer: Option<SocketAddr>,
    /// Who the caller has proved to be.
    pub identity: Option<&'a Arc<Identity>>,
}

/// From nobody knows where.
impl<'a> From<&'a HeaderMap> for Origin<'a> {
    fn from(headers: &'a HeaderMap) -> Self {
        Self {
            headers,
            peer: None,
            identity: None,
        }
    }
}

impl Origin<'_> {
    /// What the service may know of the call.
    pub(super) fn context(&self, deadline: Instant) -> CallContext {
        let mut context = CallContext::default().with_deadline(deadline);
        if let Some(peer) = self.peer {
            context = context.with_peer(peer);
        }
        if let Some(identity) = self.identity {
            context = context.with_identity(Arc::clone(identity));
        }
        if let Some(trace) = trace(self.headers) {
            context = context.with_trace(Arc::new(trace));
        }
        context
    }

    /// The span of a call; nothing is made when nobody listens.
    pub(super) fn span(&self, service: &str, method: &str) -> Span {
        tracing::debug_span!(
            "call",
            service,
            method,
            peer = self.peer.map(tracing::field::display),
            caller = self.identity.map(tracing::field::display),
            trace = self
                .headers
                .get(&TRACE_PARENT)
                .and_then(|parent| parent.to_str().ok()),
            outcome = Empty,
        )
    }
}

/// The trace that the headers name; several `tracestate` headers are one, as the recommendation says.
fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = values(headers, TRACE_PARENT);
    let parent = parents.next()?.to_str().ok()?;
    if parents.next().is_some() {
        return None;
    }
    let states: Vec<_> = values(headers, TRACE_STATE)
        .filter_map(|state| state.to_str().ok())
        .collect();
    TraceContext::new(parent, Some(&states.join(",")))
}

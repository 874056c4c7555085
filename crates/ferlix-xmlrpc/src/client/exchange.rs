//! One exchange with a peer: the request of a call, and what its answer means.
//!
//! In: the document of a call; out: that of the answer, within the deadline and the limits, or an error that says what the peer
//! meant. A request is sent again only when the service has provably not run.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use ferlix_core::service::{CallContext, CallError};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, LOCATION,
    USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use tokio::time::{sleep, timeout};

use super::caller::{Limit, Remote};
use crate::error::{BoxError, Error};
use crate::provider::{Encoding, Packed, TRACE_PARENT, TRACE_STATE, unpack};
use crate::statistics::Running;
use crate::timeout::TIMEOUT_HEADER;

const TEXT_XML: HeaderValue = HeaderValue::from_static("text/xml");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("Ferlix/", env!("CARGO_PKG_VERSION")));
/// How often a connection is tried for one call.
const ATTEMPTS: u32 = 2;

impl Remote {
    /// Sends a document and waits for that of the answer.
    pub(super) async fn ask(
        &self,
        document: &Bytes,
        context: Option<&CallContext>,
        running: &mut Running,
    ) -> Result<Bytes, CallError> {
        let mut limit = self.limit();
        // A call that is made to answer another one has no more time than that.
        if let Some(left) = context.and_then(CallContext::remaining)
            && left < limit.time
        {
            limit = Limit::new(left);
        }
        if limit.time.is_zero() {
            return Err(self.overdue(&limit));
        }
        let exchange = pin!(self.exchange(document, &limit.header, context, running));
        match timeout(limit.time, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(self.overdue(&limit)),
        }
    }

    async fn exchange(
        &self,
        document: &Bytes,
        limit: &HeaderValue,
        context: Option<&CallContext>,
        running: &mut Running,
    ) -> Result<Bytes, CallError> {
        let mut attempt = 1;
        // The connection is lent for longer than the body is read.
        let (_lent, response) = loop {
            let request = self.request(document, limit, context);
            running.sent(document.len());
            match self.pool.send(request).await {
                // The service has not run. The secret may have been replaced at both ends.
                Ok((_, response))
                    if response.status() == StatusCode::UNAUTHORIZED
                        && attempt < ATTEMPTS
                        && self.has_other_credentials().await =>
                {
                    attempt += 1;
                }
                Ok(answer) => break answer,
                Err(Error::Connect(_)) if attempt < ATTEMPTS => {
                    attempt += 1;
                    sleep(pause()).await;
                }
                Err(error @ Error::Http(_)) => {
                    return Err(self.protocol(error.to_string(), Some(error)));
                }
                Err(error @ Error::Lost(_)) => return Err(self.lost(error)),
                Err(error) => return Err(self.unreachable(error)),
            }
        };
        let encoding = self.check_head(&response, document.len())?;
        let mut body = self.body(response.into_body()).await?;
        running.received(body.len());
        let limits = self.transport.limits();
        if encoding == Encoding::Gzip {
            body = match unpack(&body, limits.bytes) {
                Ok(document) => document.into(),
                Err(Packed::TooLarge) => {
                    let reason = format!("the answer is longer than {} bytes", limits.bytes);
                    return Err(self.protocol(reason, None));
                }
                Err(Packed::Broken) => {
                    return Err(self.protocol("the answer is no gzip".to_owned(), None));
                }
            };
        }
        Ok(body)
    }

    /// Asks the server anything at all: no service is called. A GET is none of XML-RPC, so its answer is mostly an error of HTTP,
    /// which shows that the process behind the port is at work. Only when the server says that it cannot serve now, it cannot.
    pub(super) async fn probe(&self) -> Result<(), CallError> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = self.target.clone();
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert(USER_AGENT, AGENT);
        let (_lent, response) = match self.pool.send(request).await {
            Ok(answer) => answer,
            // An answer that is no HTTP is no answer of an XML-RPC server.
            Err(error) => return Err(self.unreachable(error)),
        };
        match response.status() {
            StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                Err(self.unreachable(format!("status {}", response.status())))
            }
            _ => Ok(()),
        }
    }

    fn overdue(&self, limit: &Limit) -> CallError {
        CallError::Timeout {
            peer: self.peer.clone(),
            after: limit.time,
        }
    }

    pub(super) fn unreachable(&self, source: impl Into<BoxError>) -> CallError {
        CallError::Unreachable {
            peer: self.peer.clone(),
            source: source.into(),
        }
    }

    async fn has_other_credentials(&self) -> bool {
        match &self.authorization {
            Some(authorization) => authorization.refresh().await,
            None => false,
        }
    }

    fn request(
        &self,
        document: &Bytes,
        limit: &HeaderValue,
        context: Option<&CallContext>,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(document.clone()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.target.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(CONTENT_TYPE, TEXT_XML);
        headers.insert(ACCEPT, TEXT_XML);
        headers.insert(USER_AGENT, AGENT);
        if self.transport.takes_gzip() {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(TIMEOUT_HEADER, limit.clone());
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.header());
        }
        if let Some(trace) = context.and_then(CallContext::trace) {
            let texts = [
                (TRACE_PARENT, Some(trace.parent())),
                (TRACE_STATE, trace.state()),
            ];
            for (name, text) in texts {
                // It came as a header, so it can go as one.
                if let Some(Ok(value)) = text.map(HeaderValue::from_str) {
                    headers.insert(name, value);
                }
            }
        }
        request
    }

    /// Everything but a plain 200 is an error that says what the peer meant.
    fn check_head(
        &self,
        response: &Response<Incoming>,
        sent: usize,
    ) -> Result<Encoding, CallError> {
        let status = response.status();
        let refused = match status {
            StatusCode::OK => {
                return match Encoding::of(response.headers()) {
                    Encoding::Gzip if !self.transport.takes_gzip() => Err(self.unasked(response)),
                    Encoding::Other => Err(self.unasked(response)),
                    encoding => Ok(encoding),
                };
            }
            StatusCode::NOT_FOUND => "nothing is served at this address (any more)".to_owned(),
            StatusCode::PAYLOAD_TOO_LARGE => {
                format!("the call of {sent} bytes is larger than it takes")
            }
            StatusCode::SERVICE_UNAVAILABLE => "it is overloaded or stopping".to_owned(),
            StatusCode::UNAUTHORIZED if self.authorization.is_none() => {
                "it asks for credentials, and there are none for it: set ecf.xmlrpc.client.auth.…"
                    .to_owned()
            }
            StatusCode::UNAUTHORIZED => "it does not know our credentials".to_owned(),
            StatusCode::FORBIDDEN => "the caller may not".to_owned(),
            StatusCode::TOO_MANY_REQUESTS => "too many calls".to_owned(),
            _ if status.is_redirection() => {
                let target = header(response.headers(), &LOCATION).unwrap_or("another address");
                let reason = format!("{status}, to {target:?}: redirects are not followed");
                return Err(self.protocol(reason, None));
            }
            _ => return Err(self.protocol(format!("status {status}"), None)),
        };
        Err(CallError::Refused {
            peer: self.peer.clone(),
            reason: format!("{status}: {refused}"),
        })
    }

    fn unasked(&self, response: &Response<Incoming>) -> CallError {
        let encoding = header(response.headers(), &CONTENT_ENCODING).unwrap_or("of that kind");
        self.protocol(
            format!("the content encoding {encoding:?} was not asked for"),
            None,
        )
    }

    async fn body(&self, mut body: Incoming) -> Result<Bytes, CallError> {
        let mut left = self.transport.limits().bytes;
        let too_long = || {
            let limit = self.transport.limits().bytes;
            self.protocol(format!("the answer is longer than {limit} bytes"), None)
        };
        // An announced length is refused before anything is read.
        if body.size_hint().lower() > left as u64 {
            return Err(too_long());
        }
        let mut pieces = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.lost(Error::Lost(error.into())))?;
            // Trailers say nothing.
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            left = left.checked_sub(piece.len()).ok_or_else(too_long)?;
            // Most answers come in one.
            if pieces.is_empty() && body.is_end_stream() {
                return Ok(piece);
            }
            pieces.push(piece);
        }
        Ok(pieces.concat().into())
    }

    fn lost(&self, error: Error) -> CallError {
        CallError::Lost {
            peer: self.peer.clone(),
            source: Box::new(error),
        }
    }

    pub(super) fn protocol(&self, reason: String, source: Option<Error>) -> CallError {
        CallError::Protocol {
            peer: self.peer.clone(),
            reason,
            source: source.map(Into::into),
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Before a connection is tried again: 20 to 60 ms, so that callers that failed together do not come back together.
fn pause() -> Duration {
    let random = RandomState::new().build_hasher().finish();
    Duration::from_millis(20 + random % 40)
}

//! [`XmlRpcCaller`]: calls one service in one container of another process.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, ready};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ferlix_core::service::{Argument, CallContext, CallError, Caller, Reply};
use futures_util::TryFutureExt as _;
use futures_util::future::BoxFuture;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, LOCATION,
    USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{sleep, timeout};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::credentials::Authorization;
use super::transport::Transport;
use crate::codec::{self, CodecError, Writer};
use crate::error::{BoxError, Error};
use crate::provider::{Encoding, Packed, TRACE_PARENT, TRACE_STATE, unpack};
use crate::statistics::{Counters, Direction, Outcome, Running};
use crate::timeout::{DEFAULT_TIMEOUT, TIMEOUT_HEADER};

const TEXT_XML: HeaderValue = HeaderValue::from_static("text/xml");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("Ferlix/", env!("CARGO_PKG_VERSION")));
/// How often a connection is tried for one call.
const ATTEMPTS: u32 = 2;
/// The most methods that a caller counts one by one; a service has far fewer.
const MOST_METHODS: usize = 256;

/// Calls one remote service; cheap to clone, all clones close together.
///
/// A call fails with [`CallError::Gone`] after [`close`](Self::close), with [`CallError::Timeout`] at its deadline, with
/// [`CallError::Unreachable`] when there is no connection, with [`CallError::Lost`] when it broke, with
/// [`CallError::Refused`] when the peer says that it may not or cannot now, with [`CallError::Protocol`] when the answer is none of XML-RPC, and with what the
/// service raised, as [`CallError::Fault`].
#[derive(Clone)]
pub struct XmlRpcCaller {
    remote: Arc<Remote>,
}

struct Remote {
    transport: Transport,
    uri: Uri,
    peer: String,
    host: HeaderValue,
    service_id: u64,
    /// Of the names of its methods on the wire.
    prefix: String,
    service: String,
    timeout: RwLock<Limit>,
    closed: AtomicBool,
    /// What the peer is told of us.
    authorization: Option<Arc<Authorization>>,
    /// Searched without hashing: there are few.
    counters: RwLock<BTreeMap<Box<str>, Counters>>,
}

/// How long a call may take, and what says so to the peer.
#[derive(Clone)]
struct Limit {
    time: Duration,
    header: HeaderValue,
}

impl Limit {
    fn new(time: Duration) -> Self {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            time,
            header: milliseconds.max(1).into(),
        }
    }
}

impl XmlRpcCaller {
    /// Calls the service that its container at `url` knows as `service_id` (`ecf.rsvc.id`). `service` is its
    /// specification, for error messages. Calls may take 30 s until [`set_timeout`](Self::set_timeout).
    ///
    /// # Errors
    /// [`Error::Address`] when the URL cannot be called.
    pub fn new(
        transport: &Transport,
        url: &str,
        service_id: u64,
        service: impl Into<String>,
    ) -> Result<Self, Error> {
        let (uri, host) = transport.address(url)?;
        Ok(Self {
            remote: Arc::new(Remote {
                authorization: transport.authorization(&uri),
                host,
                uri,
                transport: transport.clone(),
                peer: url.to_owned(),
                service_id,
                prefix: format!("{service_id}."),
                service: service.into(),
                timeout: RwLock::new(Limit::new(DEFAULT_TIMEOUT)),
                closed: AtomicBool::new(false),
                counters: RwLock::default(),
            }),
        })
    }

    /// How long calls that begin from now on may take.
    pub fn set_timeout(&self, timeout: Duration) {
        let limit = Limit::new(timeout.max(Duration::from_millis(1)));
        let known = self.remote.timeout.write();
        *known.unwrap_or_else(PoisonError::into_inner) = limit;
    }

    /// Lets every further call fail with [`CallError::Gone`]; calls in flight may end.
    pub fn close(&self) {
        self.remote.closed.store(true, Ordering::Release);
    }
}

impl fmt::Debug for XmlRpcCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XmlRpcCaller")
            .field("url", &self.remote.peer)
            .field("service_id", &self.remote.service_id)
            .field("service", &self.remote.service)
            .field("closed", &self.remote.closed)
            .finish_non_exhaustive()
    }
}

impl Caller for XmlRpcCaller {
    fn call<'a>(
        &'a self,
        method: &'a str,
        arguments: &'a [Argument<'a>],
        reply: Reply<'a>,
    ) -> BoxFuture<'a, Result<(), CallError>> {
        Box::pin(self.remote.call(method, arguments, reply))
    }

    fn probe(&self) -> BoxFuture<'static, Result<(), CallError>> {
        let remote = Arc::clone(&self.remote);
        match self.remote.transport.elsewhere() {
            Ok(None) => Box::pin(async move { remote.probe().await }),
            Err(error) => Box::pin(ready(Err(remote.unreachable(error)))),
            Ok(Some(runtime)) => {
                let runtime = runtime.clone();
                Box::pin(async move {
                    let probed = Arc::clone(&remote);
                    let work = async move { probed.probe().await };
                    remote.elsewhere(&runtime, work).await?
                })
            }
        }
    }
}

/// A task that ends with the future that waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Remote {
    /// Lets work be done on the transport's runtime, for a thread that is on none.
    fn elsewhere<T: Send + 'static>(
        &self,
        runtime: &Handle,
        work: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = Result<T, CallError>> {
        // When the runtime ends, the call does with it.
        let task = AbortOnDrop(runtime.spawn(work));
        task.map_err(|error| CallError::Lost {
            peer: self.peer.clone(),
            source: Box::new(error),
        })
    }

    /// Makes a call that is counted and has a span.
    async fn call(
        self: &Arc<Self>,
        method: &str,
        arguments: &[Argument<'_>],
        mut reply: Reply<'_>,
    ) -> Result<(), CallError> {
        let span = tracing::debug_span!(
            "remote_call",
            service = self.service,
            method,
            peer = self.peer,
            outcome = Empty,
        );
        // It is counted as cancelled when this future is dropped.
        let mut running = self.begin(method, span);
        let span = running.span().clone();
        // That of the call which the service is answering that makes this one.
        let context = CallContext::current();
        let (document, runtime) = match self.prepare(method, arguments) {
            Ok(prepared) => prepared,
            Err(error) => {
                running.end(Outcome::from(&error));
                return Err(error);
            }
        };
        let answer = match runtime {
            None => {
                // What is large is not moved.
                let asked = pin!(self.ask(&document, context.as_ref(), &mut running));
                asked.instrument(span).await
            }
            Some(runtime) => {
                let remote = Arc::clone(self);
                let asked = async move {
                    let asked = remote.ask(&document, context.as_ref(), &mut running);
                    let answer = asked.await;
                    (running, answer)
                };
                let answer;
                (running, answer) = self.elsewhere(runtime, asked.instrument(span)).await?;
                answer
            }
        };
        let result = answer.and_then(|answer| self.read(&answer, &mut reply));
        let outcome = result.as_ref().map_or_else(Outcome::from, |()| Outcome::Ok);
        running.end(outcome);
        result
    }

    /// The document of a call, and the runtime to go to with it.
    fn prepare(
        &self,
        method: &str,
        arguments: &[Argument<'_>],
    ) -> Result<(Bytes, Option<&Handle>), CallError> {
        let document = self.document(method, arguments)?;
        let runtime = self.transport.elsewhere();
        let runtime = runtime.map_err(|error| self.unreachable(error))?;
        Ok((document, runtime))
    }

    /// The document of a call.
    fn document(&self, method: &str, arguments: &[Argument<'_>]) -> Result<Bytes, CallError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(CallError::Gone {
                service: self.service.clone(),
            });
        }
        let unwritable = |error: CodecError| CallError::InvalidArguments {
            method: method.to_owned(),
            reason: error.to_string(),
        };
        let name = [&self.prefix, method].concat();
        let mut writer = Writer::call(&name).map_err(unwritable)?;
        for argument in arguments {
            if let Err(source) = argument.encode(&mut writer) {
                return Err(match writer.into_error() {
                    Some(error) => unwritable(error),
                    None => argument.refused(method, source),
                });
            }
        }
        writer.finish().map(Bytes::from).map_err(unwritable)
    }

    /// Reads an answer as what the caller wants.
    fn read(&self, answer: &[u8], reply: &mut Reply<'_>) -> Result<(), CallError> {
        let read = codec::decode_response(answer, self.transport.limits(), |event, decoder| {
            reply.decode(event, decoder);
        });
        match read {
            Ok(None) => Ok(()),
            Ok(Some(fault)) => Err(fault.into()),
            Err(error) => Err(self.protocol(error.to_string(), Some(error.into()))),
        }
    }

    fn limit(&self) -> Limit {
        let known = self.timeout.read();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A call of a method begins.
    fn begin(&self, method: &str, span: Span) -> Running {
        let begun = Instant::now();
        let known = self.counters.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = known.get(method) {
            return counters.begin(begun, span);
        }
        let is_full = known.len() >= MOST_METHODS;
        drop(known);
        let statistics = self.transport.statistics();
        let counters = statistics.method(Direction::Imported, &self.service, method);
        let running = counters.begin(begun, span);
        if !is_full {
            let mut known = self
                .counters
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            known.insert(method.into(), counters);
        }
        running
    }

    /// Sends a document and waits for that of the answer.
    async fn ask(
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
        let response = loop {
            let request = self.request(document, limit, context);
            running.sent(document.len());
            match self.transport.send(request).await {
                // The service has not run. The secret may have been replaced at both ends.
                Ok(response)
                    if response.status() == StatusCode::UNAUTHORIZED
                        && attempt < ATTEMPTS
                        && self.has_other_credentials().await =>
                {
                    attempt += 1;
                }
                Ok(response) => break response,
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
    async fn probe(&self) -> Result<(), CallError> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().insert(USER_AGENT, AGENT);
        let response = match self.transport.send(request).await {
            Ok(response) => response,
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

    fn unreachable(&self, source: impl Into<BoxError>) -> CallError {
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
        *request.uri_mut() = self.uri.clone();
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

    fn protocol(&self, reason: String, source: Option<Error>) -> CallError {
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

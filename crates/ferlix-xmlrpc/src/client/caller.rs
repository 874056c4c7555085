//! [`XmlRpcCaller`]: calls one service in one container of another process.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ferlix_core::service::{Argument, CallContext, CallError, Caller, Reply};
use futures_util::TryFutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Uri};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::address::Address;
use super::credentials::Authorization;
use super::pool::Pool;
use super::transport::Transport;
use crate::codec::{self, CodecError, Writer};
use crate::error::Error;
use crate::statistics::{Counters, Direction, Outcome, Running};
use crate::timeout::DEFAULT_TIMEOUT;

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

pub(super) struct Remote {
    pub(super) transport: Transport,
    pub(super) pool: Arc<Pool>,
    pub(super) target: Uri,
    pub(super) host: HeaderValue,
    pub(super) peer: String,
    service_id: u64,
    /// Of the names of its methods on the wire.
    prefix: String,
    service: String,
    timeout: RwLock<Limit>,
    closed: AtomicBool,
    /// What the peer is told of us.
    pub(super) authorization: Option<Arc<Authorization>>,
    /// Searched without hashing: there are few.
    counters: RwLock<BTreeMap<Box<str>, Counters>>,
}

/// How long a call may take, and what says so to the peer.
#[derive(Clone)]
pub(super) struct Limit {
    pub(super) time: Duration,
    pub(super) header: HeaderValue,
}

impl Limit {
    pub(super) fn new(time: Duration) -> Self {
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
        let Address { uri, target, host } = transport.address(url)?;
        Ok(Self {
            remote: Arc::new(Remote {
                authorization: transport.authorization(&uri),
                pool: transport.pool(&uri),
                target,
                host,
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
        let timeout = timeout.max(Duration::from_millis(1));
        let limit = self.remote.timeout.write();
        let mut limit = limit.unwrap_or_else(PoisonError::into_inner);
        if limit.time != timeout {
            *limit = Limit::new(timeout);
        }
    }

    /// Whether it calls this service at this URL.
    pub(crate) fn is_for(&self, url: &str, service_id: u64) -> bool {
        self.remote.peer == url && self.remote.service_id == service_id
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
                return Err(match writer.take_error() {
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

    pub(super) fn limit(&self) -> Limit {
        let known = self.timeout.read();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A call of a method begins.
    fn begin(&self, method: &str, span: Span) -> Running {
        let begun = Instant::now();
        let known = self.counters.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = known.get(method) {
            return counters.clone().begin(begun, span);
        }
        let is_full = known.len() >= MOST_METHODS;
        drop(known);
        let statistics = self.transport.statistics();
        let counters = statistics.method(Direction::Imported, &self.service, method);
        let running = counters.clone().begin(begun, span);
        if !is_full {
            let mut known = self
                .counters
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            known.insert(method.into(), counters);
        }
        running
    }
}

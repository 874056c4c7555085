//! [`Services`]: the exported services of one container, and what answers a call to them.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ferlix_core::property::{
    Decoder, Encoder, Event, FromValue as _, IntoValue as _, Value, ValueDecoder, ValueEncoder,
};
use ferlix_core::service::{BoxFuture, CallError, Dispatch};
use futures_util::FutureExt as _;
use futures_util::future::{Either, ready};
use http::HeaderMap;
use http::header::USER_AGENT;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::incoming::Room;
use super::options::{ServicesOptions, TypedFaults};
use super::origin::Origin;
use super::rules::Rules;
use super::system;
use crate::codec::{self, CodecError, Fault, MethodCall, Writer};
use crate::statistics::{Counters, Direction, Outcome, Running, Statistics};
use crate::timeout::from_headers;

/// The services that one container exports, by the number that calls name them by (`ecf.rsvc.id`).
///
/// ```
/// # use std::sync::Arc;
/// use ferlix_http::{HttpService as _, MountOptions, Server, ServerOptions};
/// use ferlix_xmlrpc::provider::{Services, ServicesOptions, handler};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ferlix_http::HttpError> {
/// let services = Arc::new(Services::new(ServicesOptions::default()));
/// let server = Server::bind(ServerOptions::new("127.0.0.1", 0)).await?;
/// let options = MountOptions::new("example").max_body_size(8 << 20);
/// server.mount("/xml-rpc", handler(Arc::clone(&services)), options)?;
/// // services.insert(3, vec![dispatcher], None);
/// # server.shutdown().await;
/// # Ok(()) }
/// ```
pub struct Services {
    table: RwLock<HashMap<u64, Arc<Exported>>>,
    options: ServicesOptions,
    running: Room,
    buffered: Room,
    rules: Option<Rules>,
    statistics: Arc<Statistics>,
    unknown: Counters,
}

struct Exported {
    interfaces: Vec<Arc<dyn Dispatch>>,
    /// There are few: finding one takes less in a tree than hashing its name.
    methods: BTreeMap<&'static str, Method>,
    timeout: Option<Duration>,
    rules: Option<Arc<Rules>>,
}

/// A method that can be called.
#[derive(Clone)]
struct Method {
    /// The interface, by its place; the first that has the method.
    interface: usize,
    counters: Counters,
}

/// A method that may be called.
struct Target {
    dispatch: Arc<dyn Dispatch>,
    method: &'static str,
    limit: Duration,
    counters: Counters,
}

impl Target {
    /// What came of its call, which was dropped at its deadline.
    fn ended(
        &self,
        ended: Result<std::thread::Result<Result<(), CallError>>, Elapsed>,
    ) -> Result<(), Failure> {
        match ended {
            Ok(Ok(result)) => result.map_err(|error| {
                let outcome = Outcome::from(&error);
                Failure::new(Fault::from(error), outcome)
            }),
            Ok(Err(panic)) => Err(panicked(self, &*panic)),
            Err(Elapsed { .. }) => Err(too_late(self.method, self.limit)),
        }
    }
}

/// A call whose arguments were read.
struct Call<'a> {
    target: Target,
    work: BoxFuture<'a, Result<(), CallError>>,
}

/// What a document asks for.
enum Asked<'a> {
    /// A method of the container itself, and where its result goes.
    System(MethodCall, &'a mut Writer),
    /// A method of a service.
    Service(Result<Call<'a>, Failure>),
}

/// Why a call is not made, or has no result: what the caller is told, and what is counted.
struct Failure {
    fault: Fault,
    outcome: Outcome,
    /// Those of the method that was meant.
    counters: Option<Counters>,
    /// What was called, as the caller wrote it.
    called: String,
}

impl Failure {
    const fn new(fault: Fault, outcome: Outcome) -> Self {
        Self {
            fault,
            outcome,
            counters: None,
            called: String::new(),
        }
    }

    fn of_codec(error: &CodecError) -> Self {
        let fault = Fault::new("CodecError", &error.to_string());
        Self::new(fault, Outcome::Invalid)
    }
}

impl Services {
    /// Serves nothing yet.
    #[must_use]
    pub fn new(options: ServicesOptions) -> Self {
        let statistics = Arc::new(Statistics::new());
        Self {
            table: RwLock::default(),
            running: Room::new(options.max_calls),
            buffered: Room::new(options.max_buffered),
            options,
            rules: None,
            unknown: statistics.unknown(),
            statistics,
        }
    }

    /// With rules that every call must be allowed by, beside those of its service.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = Some(rules);
        self
    }

    /// With statistics that others count in, too.
    #[must_use]
    pub(crate) fn with_statistics(mut self, statistics: Arc<Statistics>) -> Self {
        self.unknown = statistics.unknown();
        self.statistics = statistics;
        self
    }

    /// What was counted of the calls.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// What is taken and given.
    #[must_use]
    pub fn options(&self) -> &ServicesOptions {
        &self.options
    }

    /// How many calls are running.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.taken()
    }

    /// The room that running calls take places in.
    pub(super) fn running_room(&self) -> &Room {
        &self.running
    }

    /// The room for documents that arrive in pieces, in bytes.
    pub(super) fn buffer_room(&self) -> &Room {
        &self.buffered
    }

    /// What this caller can call, as calls name it.
    pub(super) fn methods(&self, origin: &Origin<'_>) -> Vec<String> {
        let table = self.read();
        let of_one = |(id, exported): (&u64, &Arc<Exported>)| {
            let methods = exported.methods.iter();
            methods
                .filter(|(name, method)| self.permits(origin, exported, name, method))
                .map(|(name, _)| format!("{id}.{name}"))
                .collect::<Vec<_>>()
        };
        table.iter().flat_map(of_one).collect()
    }

    /// The names of the parameters of a method that this caller can call.
    pub(super) fn parameters(
        &self,
        origin: &Origin<'_>,
        method: &str,
    ) -> Option<&'static [&'static str]> {
        let (id, name) = method.split_once('.')?;
        let exported = self.find(id)?;
        let found = exported.methods.get(name)?;
        let interface = exported.interfaces[found.interface].interface();
        let mut methods = interface.methods.iter();
        methods
            .find(|method| method.name == name)
            .filter(|_| self.permits(origin, &exported, name, found))
            .map(|method| method.parameters)
    }

    /// Serves an object by its interfaces, instead of what had the number before. Calls may take `timeout`, or the
    /// container's default.
    pub fn insert(&self, id: u64, interfaces: Vec<Arc<dyn Dispatch>>, timeout: Option<Duration>) {
        self.insert_restricted(id, interfaces, timeout, None);
    }

    /// Serves an object as [`insert`](Self::insert) does, to callers that its rules allow.
    pub fn insert_restricted(
        &self,
        id: u64,
        interfaces: Vec<Arc<dyn Dispatch>>,
        timeout: Option<Duration>,
        rules: Option<Arc<Rules>>,
    ) {
        let mut methods = BTreeMap::new();
        for (index, interface) in interfaces.iter().enumerate() {
            let interface = interface.interface();
            for method in interface.methods {
                methods.entry(method.name).or_insert_with(|| Method {
                    interface: index,
                    counters: self.statistics.method(
                        Direction::Exported,
                        interface.name,
                        method.name,
                    ),
                });
            }
        }
        let exported = Exported {
            interfaces,
            methods,
            timeout,
            rules,
        };
        self.write().insert(id, Arc::new(exported));
    }

    /// Changes how long calls to a service may take; `false` when there is none of that number.
    pub fn set_timeout(&self, id: u64, timeout: Option<Duration>) -> bool {
        let mut table = self.write();
        let Some(exported) = table.get(&id) else {
            return false;
        };
        let changed = Exported {
            interfaces: exported.interfaces.clone(),
            methods: exported.methods.clone(),
            timeout,
            rules: exported.rules.clone(),
        };
        table.insert(id, Arc::new(changed));
        true
    }

    /// Serves a service no more; `false` when there is none of that number. Calls in flight may end, no further one begins.
    pub fn remove(&self, id: u64) -> bool {
        let removed = self.write().remove(&id);
        removed.is_some()
    }

    /// The number of services.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether nothing is served.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Answers a document with a document: the result of the call, or a fault. Of a call from the network, the
    /// [`Origin`] says where it came from; headers alone do where that does not matter.
    pub async fn answer<'a>(&self, origin: impl Into<Origin<'a>>, document: &[u8]) -> Vec<u8> {
        let origin = origin.into();
        let begun = Instant::now();
        let mut result = Writer::response();
        let (mut running, work) = match self.read_call(&origin, document, &mut result) {
            Ok(Asked::Service(call)) => self.begin(&origin, call, begun),
            Ok(Asked::System(call, encoder)) => {
                let (running, work) = self.system(&origin, call, encoder, begun);
                (running, Either::Right(work))
            }
            Err(error) => self.begin(&origin, Err(Failure::of_codec(&error)), begun),
        };
        let written = match work.await {
            Ok(()) => result.finish().map_err(|error| Failure::of_codec(&error)),
            // A result that cannot be written failed the call, too.
            Err(failure) => Err(match result.into_error() {
                Some(error) => Failure::of_codec(&error),
                None => failure,
            }),
        };
        let (answer, outcome) = match written {
            Ok(answer) => (answer, Outcome::Ok),
            Err(mut failure) => {
                if !self.shows_errors(origin.headers) {
                    failure.fault.data = None;
                }
                (codec::write_fault(&failure.fault), failure.outcome)
            }
        };
        running.received(document.len());
        running.sent(answer.len());
        running.end(outcome);
        answer
    }

    /// Reads what a document asks for, and lets a method read its arguments. The document is checked to its end before the
    /// method runs.
    fn read_call<'a>(
        &self,
        origin: &Origin<'_>,
        document: &[u8],
        result: &'a mut Writer,
    ) -> Result<Asked<'a>, CodecError> {
        codec::decode_call(document, &self.options.limits, |method, arguments| {
            if system::is_served(self, method) {
                let call = MethodCall {
                    method: method.to_owned(),
                    // It fails only when the document is wrong, which is told then.
                    arguments: Vec::decode(Event::List, arguments).unwrap_or_default(),
                };
                return Asked::System(call, result);
            }
            Asked::Service(self.prepare(origin, method, arguments, result))
        })
    }

    /// Whether this caller gets a service's error itself.
    fn shows_errors(&self, headers: &HeaderMap) -> bool {
        match self.options.typed_faults {
            TypedFaults::Never => false,
            TypedFaults::Always => true,
            TypedFaults::Ferlix => headers
                .get(USER_AGENT)
                .is_some_and(|agent| agent.as_bytes().starts_with(b"Ferlix/")),
        }
    }

    /// Begins a call of a method of the container itself.
    fn system<'a>(
        &'a self,
        origin: &'a Origin<'_>,
        MethodCall { method, arguments }: MethodCall,
        result: &'a mut Writer,
        begun: Instant,
    ) -> (Running, BoxFuture<'a, Result<(), Failure>>) {
        let counters = self
            .statistics
            .method(Direction::Exported, "system", &method);
        let running = counters.begin(begun.into_std(), origin.span("system", &method));
        let own = self.options.timeout;
        let limit = from_headers(origin.headers).map_or(own, |callers| callers.min(own));
        let span = running.span().clone();
        let work = async move {
            let work = system::call(self, origin, &method, arguments);
            let value = match timeout_at(begun + limit, work).await {
                Ok(value) => value.map_err(|fault| Failure::new(fault, Outcome::Invalid))?,
                Err(Elapsed { .. }) => return Err(too_late(&method, limit)),
            };
            // What cannot be written is kept by the writer.
            let _ = value.encode(result);
            Ok(())
        };
        // On the heap, so that other calls do not take the room of this one.
        (running, work.instrument(span).boxed())
    }

    /// Calls a method of a service, as one of several calls.
    pub(super) async fn invoke(
        &self,
        origin: &Origin<'_>,
        method: &str,
        arguments: Vec<Value>,
    ) -> Result<Value, Fault> {
        let mut arguments = ValueDecoder::list(arguments);
        let mut result = ValueEncoder::new();
        let call = self.prepare(origin, method, &mut arguments, &mut result);
        let (mut running, work) = self.begin(origin, call, Instant::now());
        let ended = work.await;
        let outcome = ended
            .as_ref()
            .map_or_else(|failure| failure.outcome, |()| Outcome::Ok);
        running.end(outcome);
        ended.map_err(|failure| failure.fault)?;
        let result = result.finish();
        result.map_err(|error| Fault::new("ValueError", &error.to_string()))
    }

    /// Begins a call of a method of a service, which has its arguments: what is left is to wait for it.
    ///
    /// No async function: that would hold what it is given twice, before it is awaited and while it is.
    fn begin<'a>(
        &self,
        origin: &Origin<'_>,
        call: Result<Call<'a>, Failure>,
        begun: Instant,
    ) -> (
        Running,
        Either<
            impl Future<Output = Result<(), Failure>> + use<'a>,
            BoxFuture<'a, Result<(), Failure>>,
        >,
    ) {
        match call {
            Ok(Call { target, work }) => {
                // It is counted as cancelled when it is dropped.
                let service = target.dispatch.interface().name;
                let span = origin.span(service, target.method);
                let running = target.counters.begin(begun.into_std(), span);
                let deadline = begun + target.limit;
                let context = origin.context(deadline.into_std());
                let work = AssertUnwindSafe(context.scope(work)).catch_unwind();
                let work = timeout_at(deadline, work).instrument(running.span().clone());
                let work = work.map(move |ended| target.ended(ended));
                (running, Either::Left(work))
            }
            Err(failure) => {
                let running = self.failed(origin, &failure, begun);
                (running, Either::Right(ready(Err(failure)).boxed()))
            }
        }
    }

    /// A call that comes to nothing before a method runs. Its span has the name as the caller wrote it, and no service.
    fn failed(&self, origin: &Origin<'_>, failure: &Failure, begun: Instant) -> Running {
        let counters = failure.counters.as_ref().unwrap_or(&self.unknown);
        counters.begin(begun.into_std(), origin.span("", &failure.called))
    }

    /// Finds what is called, and lets it read its arguments; its result goes into `result`, later.
    fn prepare<'a>(
        &self,
        origin: &Origin<'_>,
        method: &str,
        arguments: &mut dyn Decoder<'_>,
        result: &'a mut (dyn Encoder + Send),
    ) -> Result<Call<'a>, Failure> {
        let target = self.resolve(origin, method).map_err(|failure| Failure {
            called: shortened(method).to_owned(),
            ..failure
        })?;
        let Target {
            dispatch, method, ..
        } = &target;
        let read = move || {
            let result = result;
            dispatch.dispatch(method, arguments, result)
        };
        match std::panic::catch_unwind(AssertUnwindSafe(read)) {
            Ok(work) => Ok(Call { target, work }),
            Err(panic) => Err(Failure {
                counters: Some(target.counters.clone()),
                called: (*method).to_owned(),
                ..panicked(&target, &*panic)
            }),
        }
    }

    /// Finds what is called, and whether the caller may.
    fn resolve(&self, origin: &Origin<'_>, method: &str) -> Result<Target, Failure> {
        let (id, name) = method
            .split_once('.')
            .filter(|(_, name)| !name.contains('.'))
            .ok_or_else(|| {
                let method = shortened(method);
                let message =
                    format!("Invalid method={method}.  Must be of form <objectid>.<methodname>");
                Failure::new(Fault::new("ValueError", &message), Outcome::Unknown)
            })?;
        let no_service = || {
            let (id, name) = (shortened(id), shortened(name));
            Fault::remote_service(&format!(
                "Unknown service with rs_id={id} for method call={name}"
            ))
        };
        let exported = self
            .find(id)
            .ok_or_else(|| Failure::new(no_service(), Outcome::Unknown))?;
        let found = exported.methods.get_key_value(name);
        let Some((&method, found)) =
            found.filter(|(name, method)| self.permits(origin, &exported, name, method))
        else {
            // Who may call nothing of a service is not told that it is there; a method that is refused and one that is
            // not there look the same.
            let sees_some = || {
                let mut methods = exported.methods.iter();
                methods.any(|(name, method)| self.permits(origin, &exported, name, method))
            };
            let fault = if sees_some() {
                Fault::remote_service(&format!("Unknown method {}", shortened(name)))
            } else {
                no_service()
            };
            let outcome = found.map_or(Outcome::Unknown, |_| Outcome::Refused);
            return Err(Failure {
                counters: found.map(|(_, method)| method.counters.clone()),
                ..Failure::new(fault, outcome)
            });
        };
        let own = exported.timeout.unwrap_or(self.options.timeout);
        Ok(Target {
            dispatch: Arc::clone(&exported.interfaces[found.interface]),
            method,
            limit: from_headers(origin.headers).map_or(own, |callers| callers.min(own)),
            counters: found.counters.clone(),
        })
    }

    /// Whether the caller may call a method of a service.
    fn permits(
        &self,
        origin: &Origin<'_>,
        exported: &Exported,
        name: &str,
        method: &Method,
    ) -> bool {
        [self.rules.as_ref(), exported.rules.as_deref()]
            .into_iter()
            .flatten()
            .all(|rules| {
                let interface = exported.interfaces[method.interface].interface().name;
                let identity = origin.identity.map(|identity| &**identity);
                rules.permit(identity, origin.peer, interface, name)
            })
    }

    fn find(&self, id: &str) -> Option<Arc<Exported>> {
        // Digits only: a sign is no part of a number that we gave out.
        let digits = id.bytes().all(|byte| byte.is_ascii_digit());
        let id: u64 = id.parse().ok().filter(|_| digits)?;
        self.read().get(&id).cloned()
    }

    // A table is whole after every change, so one that a panic left locked can be used on.
    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<u64, Arc<Exported>>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<u64, Arc<Exported>>> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("services", &self.len())
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}

fn panicked(target: &Target, panic: &(dyn Any + Send)) -> Failure {
    let (service, method) = (target.dispatch.interface().name, target.method);
    let message = panic_message(panic);
    tracing::error!(service, method, "an exported service panicked: {message}");
    let fault = Fault::remote_service(&format!("The call of {method} failed"));
    Failure::new(fault, Outcome::Panic)
}

fn too_late(method: &str, limit: Duration) -> Failure {
    let message = format!("no result of {method} within {limit:?}");
    let fault = Fault::new("TimeoutError", &message);
    Failure::new(fault, Outcome::Timeout)
}

/// The start of a name that the caller chose, for a message.
fn shortened(name: &str) -> &str {
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

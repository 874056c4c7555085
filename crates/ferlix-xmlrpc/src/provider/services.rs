//! [`Services`]: the exported services of one container, and what answers a call to them.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ferlix_core::property::{
    Decoder, Encoder, Event, FromValue as _, IntoValue as _, Value, ValueDecoder, ValueEncoder,
};
use ferlix_core::service::{BoxFuture, CallError, Dispatch};
use futures_util::FutureExt as _;
use http::HeaderMap;
use http::header::USER_AGENT;
use tokio::time::timeout;
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
    methods: HashMap<&'static str, Method>,
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

/// A call whose arguments were read: what is left is to wait for it.
struct Call<'a> {
    target: Target,
    work: BoxFuture<'a, Result<(), CallError>>,
}

/// What a document asks for.
enum Asked<'a> {
    /// A method of the container itself.
    System(MethodCall),
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
        let mut methods = HashMap::new();
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
        let mut of_system = None;
        // The document is checked to its end before the method runs.
        let (mut running, ended) =
            match codec::decode_call(document, &self.options.limits, |method, arguments| {
                if system::is_served(self, method) {
                    return Asked::System(MethodCall {
                        method: method.to_owned(),
                        // It fails only when the document is wrong, which is told then.
                        arguments: Vec::decode(Event::List, arguments).unwrap_or_default(),
                    });
                }
                Asked::Service(self.prepare(&origin, method, arguments, &mut result))
            }) {
                Ok(Asked::Service(call)) => self.make(&origin, call, begun).await,
                Ok(Asked::System(call)) => {
                    // On the heap, so that other calls do not take the room of this one.
                    let (running, answer) = Box::pin(self.system(&origin, call, begun)).await;
                    let ended = answer.map(|value| of_system = Some(value));
                    (running, ended)
                }
                Err(error) => {
                    let failure = Failure::of_codec(&error);
                    (self.failed(&origin, &failure, begun), Err(failure))
                }
            };
        if let Some(value) = of_system {
            // What cannot be written is kept by the writer.
            let _ = value.encode(&mut result);
        }
        let written = match ended {
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

    /// Calls a method of the container itself.
    async fn system(
        &self,
        origin: &Origin<'_>,
        MethodCall { method, arguments }: MethodCall,
        begun: Instant,
    ) -> (Running, Result<Value, Failure>) {
        let counters = self
            .statistics
            .method(Direction::Exported, "system", &method);
        let running = counters.begin(begun, origin.span("system", &method));
        let own = self.options.timeout;
        let limit = from_headers(origin.headers).map_or(own, |callers| callers.min(own));
        let work =
            system::call(self, origin, &method, arguments).instrument(running.span().clone());
        let result = match timeout(limit, work).await {
            Ok(result) => result.map_err(|fault| Failure::new(fault, Outcome::Invalid)),
            Err(_) => Err(too_late(&method, limit)),
        };
        (running, result)
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
        let (mut running, ended) = self.make(origin, call, Instant::now()).await;
        let outcome = ended
            .as_ref()
            .map_or_else(|failure| failure.outcome, |()| Outcome::Ok);
        running.end(outcome);
        ended.map_err(|failure| failure.fault)?;
        let result = result.finish();
        result.map_err(|error| Fault::new("ValueError", &error.to_string()))
    }

    /// Calls a method of a service, which has its arguments.
    async fn make(
        &self,
        origin: &Origin<'_>,
        call: Result<Call<'_>, Failure>,
        begun: Instant,
    ) -> (Running, Result<(), Failure>) {
        match call {
            Ok(Call { target, work }) => {
                // It is counted as cancelled when this future is dropped.
                let service = target.dispatch.interface().name;
                let span = origin.span(service, target.method);
                let running = target.counters.begin(begun, span);
                let context = origin.context(begun + target.limit);
                let result = run(target, context.scope(work))
                    .instrument(running.span().clone())
                    .await;
                (running, result)
            }
            Err(failure) => (self.failed(origin, &failure, begun), Err(failure)),
        }
    }

    /// A call that comes to nothing before a method runs. Its span has the name as the caller wrote it, and no service.
    fn failed(&self, origin: &Origin<'_>, failure: &Failure, begun: Instant) -> Running {
        let counters = failure.counters.as_ref().unwrap_or(&self.unknown);
        counters.begin(begun, origin.span("", &failure.called))
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

/// Waits for a call; it is dropped at its deadline.
async fn run(
    target: Target,
    work: impl Future<Output = Result<(), CallError>>,
) -> Result<(), Failure> {
    match timeout(target.limit, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(result)) => result.map_err(|error| {
            let outcome = Outcome::from(&error);
            Failure::new(Fault::from(error), outcome)
        }),
        Ok(Err(panic)) => Err(panicked(&target, &*panic)),
        Err(_) => Err(too_late(target.method, target.limit)),
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

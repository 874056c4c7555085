//! From a document to a document: how [`Services`] answers a call.
//!
//! The document is read to its end, with the arguments going straight into the method's types, before the method runs; its result
//! goes straight into the answer. A call that comes to nothing is answered by a fault.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ferlix_core::property::{
    Decoder, Encoder, Event, FromValue as _, IntoValue as _, Value, ValueDecoder, ValueEncoder,
};
use ferlix_core::service::BoxFuture;
use futures_util::FutureExt as _;
use http::HeaderMap;
use http::header::USER_AGENT;
use tokio::time::Instant;

use super::call::{Call, Failure, shortened, too_late};
use super::options::TypedFaults;
use super::origin::Origin;
use super::services::Services;
use super::system;
use super::until::{TooLate, Until};
use crate::codec::{self, Fault, MethodCall, Writer};
use crate::statistics::{Direction, Outcome, Running};
use crate::timeout::from_headers;

/// What a document asks for.
enum Asked<'a> {
    /// A method of the container itself, and where its result goes.
    System(MethodCall, &'a mut Writer),
    /// A method of a service.
    Service(Call<'a>),
}

impl Services {
    /// Answers a document with a document: the result of the call, or a fault. Of a call from the network, the
    /// [`Origin`] says where it came from; headers alone do where that does not matter.
    pub fn answer<'a>(
        &self,
        origin: impl Into<Origin<'a>>,
        document: &[u8],
    ) -> impl Future<Output = Vec<u8>> {
        let origin = origin.into();
        // No async function: that would hold its arguments twice, as they came and where it uses them.
        async move {
            let begun = Instant::now();
            let mut result = Writer::response();
            let mut running;
            let ended = match self.read_call(&origin, document, &mut result) {
                Ok(Asked::Service(Call {
                    target,
                    counters,
                    work,
                })) => {
                    let span = origin.span(target.service, target.method);
                    running = counters.begin(begun.into_std(), span);
                    let work = target.bounded(work, &origin, begun);
                    target.ended(running.within(work).await)
                }
                Ok(Asked::System(call, encoder)) => {
                    let work;
                    (running, work) = self.system(&origin, call, encoder, begun);
                    running.within(work).await
                }
                Err(failure) => {
                    running = self.failed(&origin, &failure, begun);
                    Err(failure)
                }
            };
            let written = match ended {
                Ok(()) => result.finish().map_err(Failure::of_codec),
                // A result that cannot be written failed the call, too.
                Err(failure) => Err(result.take_error().map_or(failure, Failure::of_codec)),
            };
            let (answer, outcome) = match written {
                Ok(answer) => (answer, Outcome::Ok),
                Err(failure) => self.fault(&origin, *failure),
            };
            running.received(document.len());
            running.sent(answer.len());
            running.end(outcome);
            answer
        }
    }

    /// The document that tells of a failure.
    #[cold]
    fn fault(&self, origin: &Origin<'_>, mut failure: Failure) -> (Vec<u8>, Outcome) {
        if !self.shows_errors(origin.headers) {
            failure.fault.data = None;
        }
        (codec::write_fault(&failure.fault), failure.outcome)
    }

    /// Reads what a document asks for, and lets a method read its arguments. The document is checked to its end before the
    /// method runs.
    fn read_call<'a>(
        &self,
        origin: &Origin<'_>,
        document: &[u8],
        result: &'a mut Writer,
    ) -> Result<Asked<'a>, Box<Failure>> {
        let asked = codec::decode_call(document, &self.options().limits, |method, arguments| {
            if system::is_served(self, method) {
                let call = MethodCall {
                    method: method.to_owned(),
                    // It fails only when the document is wrong, which is told then.
                    arguments: Vec::decode(Event::List, arguments).unwrap_or_default(),
                };
                return Ok(Asked::System(call, result));
            }
            self.prepare(origin, method, arguments, result)
                .map(Asked::Service)
        });
        asked.map_err(Failure::of_codec)?
    }

    /// Whether this caller gets a service's error itself.
    fn shows_errors(&self, headers: &HeaderMap) -> bool {
        match self.options().typed_faults {
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
    ) -> (Running, BoxFuture<'a, Result<(), Box<Failure>>>) {
        let counters = self
            .statistics()
            .method(Direction::Exported, "system", &method);
        let running = counters.begin(begun.into_std(), origin.span("system", &method));
        let own = self.options().timeout;
        let limit = from_headers(origin.headers).map_or(own, |callers| callers.min(own));
        let work = async move {
            let work = system::call(self, origin, &method, arguments);
            let value = match Until::new(work, begun + limit).await {
                Ok(value) => value.map_err(|fault| Failure::new(fault, Outcome::Invalid))?,
                Err(TooLate) => return Err(too_late(&method, limit).into()),
            };
            // What cannot be written is kept by the writer.
            let _ = value.encode(result);
            Ok(())
        };
        // On the heap, so that other calls do not take the room of this one.
        (running, work.boxed())
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
        let begun = Instant::now();
        let mut running;
        let ended = match self.prepare(origin, method, &mut arguments, &mut result) {
            Ok(Call {
                target,
                counters,
                work,
            }) => {
                let span = origin.span(target.service, target.method);
                running = counters.begin(begun.into_std(), span);
                let work = target.bounded(work, origin, begun);
                target.ended(running.within(work).await)
            }
            Err(failure) => {
                running = self.failed(origin, &failure, begun);
                Err(failure)
            }
        };
        let outcome = ended
            .as_ref()
            .map_or_else(|failure| failure.outcome, |()| Outcome::Ok);
        running.end(outcome);
        ended.map_err(|failure| failure.fault)?;
        let result = result.finish();
        result.map_err(|error| Fault::new("ValueError", &error.to_string()))
    }

    /// A call that comes to nothing before a method runs. Its span has the name as the caller wrote it, and no service.
    #[cold]
    fn failed(&self, origin: &Origin<'_>, failure: &Failure, begun: Instant) -> Running {
        let counters = failure.counters.as_ref().unwrap_or(&self.unknown);
        let span = origin.span("", &failure.called);
        counters.clone().begin(begun.into_std(), span)
    }

    /// Finds what is called, and lets it read its arguments; its result goes into `result`, later.
    fn prepare<'a>(
        &self,
        origin: &Origin<'_>,
        method: &str,
        arguments: &mut dyn Decoder<'_>,
        result: &'a mut (dyn Encoder + Send),
    ) -> Result<Call<'a>, Box<Failure>> {
        let prepared = self.resolve(origin, method, |dispatch, target, counters| {
            let name = target.method;
            let read = move || {
                let (arguments, result) = (arguments, result);
                dispatch.dispatch(name, arguments, result)
            };
            let counters = counters.clone();
            match catch_unwind(AssertUnwindSafe(read)) {
                Ok(work) => Ok(Call {
                    target,
                    counters,
                    work,
                }),
                Err(panic) => Err(Box::new(Failure {
                    counters: Some(counters),
                    called: name.to_owned(),
                    ..target.panicked(&*panic)
                })),
            }
        });
        prepared.map_err(|mut failure| {
            shortened(method).clone_into(&mut failure.called);
            failure
        })?
    }
}

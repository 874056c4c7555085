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
use futures_util::future::{Either, ready};
use http::HeaderMap;
use http::header::USER_AGENT;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::call::{Call, Failure, shortened, too_late};
use super::options::TypedFaults;
use super::origin::Origin;
use super::services::Services;
use super::system;
use crate::codec::{self, CodecError, Fault, MethodCall, Writer};
use crate::statistics::{Direction, Outcome, Running};
use crate::timeout::from_headers;

/// What a document asks for.
enum Asked<'a> {
    /// A method of the container itself, and where its result goes.
    System(MethodCall, &'a mut Writer),
    /// A method of a service.
    Service(Result<Call<'a>, Failure>),
}

impl Services {
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
        codec::decode_call(document, &self.options().limits, |method, arguments| {
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
    ) -> (Running, BoxFuture<'a, Result<(), Failure>>) {
        let counters = self
            .statistics()
            .method(Direction::Exported, "system", &method);
        let running = counters.begin(begun.into_std(), origin.span("system", &method));
        let own = self.options().timeout;
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
            Ok(Call {
                target,
                counters,
                work,
            }) => {
                // It is counted as cancelled when it is dropped.
                let span = origin.span(target.service, target.method);
                let running = counters.begin(begun.into_std(), span);
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
    ) -> Result<Call<'a>, Failure> {
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
                Err(panic) => Err(Failure {
                    counters: Some(counters),
                    called: name.to_owned(),
                    ..target.panicked(&*panic)
                }),
            }
        });
        prepared.map_err(|failure| Failure {
            called: shortened(method).to_owned(),
            ..failure
        })?
    }
}

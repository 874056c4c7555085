//! [`Dispatcher`]: takes a request of one connection to the handler that its path is mounted at, and brings back a
//! response, whatever the handler does.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ferlix_core::service::Identity;
use futures_util::future::BoxFuture;
use http::header::HOST;
use http::{Method, Request, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::Shared;
use super::activity::{Connection, Verdict};
use super::incoming::IncomingBody;
use super::routes::Entry;
use super::stage::Stage;
use crate::body::Body;
use crate::error::{BoxError, Causes, panic_message};
use crate::handler::HandlerFuture;
use crate::pages;
use crate::path::{PathError, normalise};
use crate::request::RequestInfo;
use crate::security::Admission;

/// The service of one connection, as the HTTP library calls it. Each answer has a clone.
#[derive(Clone)]
pub(super) struct Dispatcher(Arc<Ends>);

/// What a request is between.
struct Ends {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
}

/// Who answers a request, and its normalised path when that is another than the one of the mount.
type Routed = (Arc<Entry>, Option<Arc<str>>);

impl Dispatcher {
    pub(super) fn new(shared: Arc<Shared>, connection: Arc<Connection>) -> Self {
        Self(Arc::new(Ends { shared, connection }))
    }

    /// Lets a request in and starts its handler, or says why not.
    fn start(&self, request: Request<Incoming>) -> State {
        let Some(guard) = &self.0.shared.guard else {
            return self.start_admitted(request, None);
        };
        let path = match path_of(&request) {
            Ok(path) => path,
            Err(refusal) => return State::refused(refusal.page()),
        };
        let connection = &self.0.connection;
        let address = connection.peer().ip();
        match guard.admit(address, connection.identity(), request.headers(), &path) {
            Admission::Granted(identity) => {
                drop(path);
                self.start_admitted(request, identity)
            }
            Admission::Refused(page) => State::refused(*page),
            Admission::Checking(admission) => {
                drop(path);
                State::Checking(Box::new(Checking {
                    admission,
                    request: Some(request),
                }))
            }
        }
    }

    /// Finds who answers a request.
    fn route(&self, request: &Request<Incoming>) -> Result<Routed, Refusal> {
        let path = path_of(request)?;
        let entry = self.0.shared.routes.find(&path).ok_or(Refusal::NotFound)?;
        let path = (path != entry.path()).then(|| Arc::from(path));
        let limit = entry.max_body_size();
        if request.body().size_hint().lower() > limit {
            return Err(Refusal::TooLarge(limit));
        }
        Ok((entry, path))
    }

    /// Starts the handler of a request that has come in.
    fn start_admitted(&self, request: Request<Incoming>, identity: Option<Arc<Identity>>) -> State {
        let (entry, path) = match self.route(&request) {
            Ok(found) => found,
            Err(refusal) => return State::refused(refusal.page()),
        };
        let has_body = !request.body().is_end_stream();
        let info = RequestInfo::new(
            Arc::clone(&self.0.connection),
            Arc::clone(&entry),
            path,
            identity,
        );
        let request = request.map(|body| Body::of_request(IncomingBody::new(body, info)));
        match catch_unwind(AssertUnwindSafe(|| entry.handler().handle(request))) {
            Ok(answer) => State::Running(Running {
                answer,
                entry,
                has_body,
            }),
            Err(panic) => State::refused(failed(
                &self.0.connection,
                &entry,
                &panic_message("the handler", &*panic),
            )),
        }
    }
}

/// The normalised path of a request that may be one of ours.
fn path_of(request: &Request<Incoming>) -> Result<Cow<'_, str>, Refusal> {
    if *request.method() == Method::CONNECT {
        return Err(Refusal::NoProxy);
    }
    if request.version() == Version::HTTP_11 && !has_one_host(request) {
        return Err(Refusal::Host);
    }
    normalise(request.uri().path()).map_err(Refusal::Path)
}

/// Why a request is not given to a handler.
enum Refusal {
    Host,
    NoProxy,
    NotFound,
    Path(PathError),
    TooLarge(u64),
}

impl Refusal {
    #[cold]
    fn page(&self) -> Response<Body> {
        match self {
            Self::Host => pages::bad_request("HTTP/1.1 asks for one Host."),
            Self::NoProxy => pages::no_proxy(),
            Self::NotFound => pages::not_found(),
            Self::Path(error) => pages::bad_request(&format!("The path is not allowed: {error}.")),
            Self::TooLarge(limit) => pages::too_large(*limit),
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for Dispatcher {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        self.0.connection.begin(!request.body().is_end_stream());
        let state = self.start(request);
        Answer {
            state,
            dispatcher: Some(self.clone()),
        }
    }
}

/// The response to one request, later.
pub(super) struct Answer {
    state: State,
    /// `None` when it has answered.
    dispatcher: Option<Dispatcher>,
}

enum State {
    /// On the heap, so that the rule, a running handler, does not take the room of the exception.
    Ready(Box<Option<Response<Body>>>),
    Running(Running),
    /// On the heap, as it is an exception too.
    Checking(Box<Checking>),
}

/// A request whose credentials are being checked.
struct Checking {
    admission: BoxFuture<'static, Result<Option<Arc<Identity>>, Response<Body>>>,
    request: Option<Request<Incoming>>,
}

impl State {
    #[cold]
    fn refused(page: Response<Body>) -> Self {
        Self::Ready(Box::new(Some(page)))
    }
}

struct Running {
    answer: HandlerFuture,
    entry: Arc<Entry>,
    has_body: bool,
}

impl Running {
    fn poll(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Poll<Response<Body>> {
        let answer = match catch_unwind(AssertUnwindSafe(|| self.answer.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => answer,
            Err(panic) => Err(BoxError::from(panic_message("the handler", &*panic))),
        };
        // What the handler made of a body that we cut off is not what the client is to see.
        if self.has_body {
            match connection.verdict() {
                Verdict::None => {}
                Verdict::TooLarge => {
                    return Poll::Ready(pages::too_large(self.entry.max_body_size()));
                }
                Verdict::TimedOut => return Poll::Ready(pages::timed_out()),
            }
        }
        Poll::Ready(
            answer.unwrap_or_else(|error| failed(connection, &self.entry, &Causes(&*error))),
        )
    }
}

impl Future for Answer {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { state, dispatcher } = &mut *self;
        // It has answered.
        let Some(answering) = dispatcher else {
            return Poll::Pending;
        };
        let Ends { shared, connection } = &*answering.0;
        let mut response = loop {
            let pending = match state {
                State::Ready(response) => break response.take().unwrap_or_default(),
                State::Running(running) => match running.poll(cx, connection) {
                    Poll::Ready(response) => break response,
                    Poll::Pending => Poll::Pending,
                },
                State::Checking(checking) => match checking.admission.as_mut().poll(cx) {
                    Poll::Ready(result) => {
                        let request = checking.request.take();
                        *state = match (result, request) {
                            (Ok(identity), Some(request)) => {
                                answering.start_admitted(request, identity)
                            }
                            (Err(page), _) => State::refused(page),
                            (Ok(_), None) => State::refused(pages::stopping()),
                        };
                        Poll::Ready(())
                    }
                    Poll::Pending => Poll::Pending,
                },
            };
            match pending {
                Poll::Ready(()) => {}
                // A request that was read is answered, even when there is no more time for it.
                Poll::Pending if shared.stages.now() >= Stage::Refusing => {
                    break pages::stopping();
                }
                Poll::Pending if connection.is_given_up() => break pages::given_up(),
                Poll::Pending => return Poll::Pending,
            }
        };
        shared.counters.responded(response.status());
        if let Some(answered) = dispatcher.take() {
            response.body_mut().answers(InFlight(answered));
        }
        Poll::Ready(Ok(response))
    }
}

/// Lives in the body of the response: dropped by the server when the response was handed over.
pub(crate) struct InFlight(Dispatcher);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.connection.answered();
    }
}

/// RFC 9112 section 3.2: a request without Host, or with several, is answered 400.
fn has_one_host<B>(request: &Request<B>) -> bool {
    // A look at each of the few headers takes less than to hash the name of one.
    let hosts = request.headers().iter().filter(|(name, _)| *name == HOST);
    hosts.count() == 1
}

#[cold]
fn failed(connection: &Connection, entry: &Entry, error: &dyn fmt::Display) -> Response<Body> {
    let error_id = uuid::Uuid::new_v4().to_string();
    tracing::error!(%error_id, path = entry.path(), peer = %connection.peer(), "a request failed: {error}");
    pages::failed(&error_id)
}

//! [`Whiteboard`]: mounts servlets while they are registered.
//!
//! In: servlet services that come, change and go, told by the component's callbacks, which never overlap. Out: mounts. A
//! servlet whose path is taken is mounted when the path gets free.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use ferlix_core::framework::BundleContext;
use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRef;
use http::Request;

use crate::body::Body;
use crate::error::{BoxError, HttpError, panic_message};
use crate::handler::{Handler, HandlerFuture};
use crate::path::normalise;
use crate::server::Server;
use crate::service::{HttpService as _, Mount, MountOptions};
use crate::servlet::{SERVLET_PATH, Servlet};

/// What servlets are mounted on, and what they are told.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) server: Server,
    pub(super) context: BundleContext,
    pub(super) parameters: Properties,
}

/// The servlets that are there.
#[derive(Default)]
pub(super) struct Whiteboard {
    /// Taken out while servlets are called: the component's callbacks do not overlap.
    servlets: Mutex<Vec<Pinned>>,
}

/// One servlet service.
struct Pinned {
    reference: ServiceRef,
    /// Set once it was looked at with a running server.
    servlet: Option<Arc<dyn Servlet>>,
    places: Vec<Place>,
}

/// One path of a servlet.
struct Place {
    path: String,
    state: PlaceState,
}

enum PlaceState {
    New,
    Mounted(Mount),
    /// Somebody else has the path; said once.
    Taken,
    /// The servlet does not want it, or it cannot be: not tried again.
    Refused,
}

impl Whiteboard {
    /// A servlet came. Without a server yet, it is only remembered.
    pub(super) fn add(&self, reference: ServiceRef, board: Option<&Board>) {
        self.change(board, |servlets| {
            servlets.push(Pinned {
                reference,
                servlet: None,
                places: Vec::new(),
            });
        });
    }

    /// The properties of a servlet changed: it moves to the paths that it has now.
    pub(super) fn update(&self, board: Option<&Board>) {
        self.change(board, |_| {});
    }

    /// A servlet went.
    pub(super) fn remove(&self, reference: &ServiceRef, board: Option<&Board>) {
        self.change(board, |servlets| {
            let position = servlets.iter().position(|one| one.reference == *reference);
            let gone = position.map(|index| servlets.remove(index));
            if let (Some(gone), Some(board)) = (gone, board) {
                gone.leave(board);
            }
        });
    }

    /// The server is there: those who wait are mounted.
    pub(super) fn open(&self, board: &Board) {
        self.change(Some(board), |_| {});
    }

    /// The server goes: everybody is told.
    pub(super) fn close(&self, board: &Board) {
        self.change(None, |servlets| {
            for pinned in servlets.drain(..) {
                pinned.leave(board);
            }
        });
    }

    /// Changes the list, and then mounts whatever can be mounted, the best ranked first.
    fn change(&self, board: Option<&Board>, change: impl FnOnce(&mut Vec<Pinned>)) {
        let mut servlets = std::mem::take(&mut *self.lock());
        change(&mut servlets);
        if let Some(board) = board {
            servlets.sort_by(|left, right| left.reference.cmp(&right.reference));
            for pinned in &mut servlets {
                pinned.settle(board);
            }
        }
        *self.lock() = servlets;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Pinned>> {
        self.servlets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pinned {
    /// Follows the paths that the service has now.
    fn settle(&mut self, board: &Board) {
        if self.servlet.is_none() {
            let found = board.context.get::<dyn Servlet>(&self.reference);
            self.servlet = found.map(|servlet| Arc::clone(&servlet));
        }
        let wanted = self.wanted();
        let (kept, left) = std::mem::take(&mut self.places)
            .into_iter()
            .partition(|place| wanted.contains(&place.path));
        self.places = kept;
        for place in left {
            self.leave_place(place, board);
        }
        for path in wanted {
            if !self.places.iter().any(|place| place.path == path) {
                self.places.push(Place {
                    path,
                    state: PlaceState::New,
                });
            }
        }
        let Some(servlet) = &self.servlet else { return };
        for place in &mut self.places {
            place.settle(servlet, &self.reference, board);
        }
    }

    /// The paths of the service, normalised so that one path has one name.
    fn wanted(&self) -> Vec<String> {
        let properties = self.reference.properties();
        let mut paths = Vec::new();
        for text in properties.texts(SERVLET_PATH) {
            // A path that is not allowed is kept as it is: mounting says what is wrong with it.
            let path = normalise(text).map_or_else(|_| text.to_owned(), Cow::into_owned);
            let path = match path.trim_end_matches('/') {
                "" => "/".to_owned(),
                trimmed => trimmed.to_owned(),
            };
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        if paths.is_empty() {
            tracing::warn!(servlet = %self.reference, "the servlet has no path: set its property {SERVLET_PATH}");
        }
        paths
    }

    fn leave(mut self, board: &Board) {
        for place in std::mem::take(&mut self.places) {
            self.leave_place(place, board);
        }
    }

    fn leave_place(&self, place: Place, board: &Board) {
        let PlaceState::Mounted(mount) = place.state else {
            return;
        };
        mount.unmount();
        if let Some(servlet) = &self.servlet {
            let tell = || servlet.unbound_from(&place.path, &board.parameters);
            let told = guarded(tell);
            if let Err(error) = told {
                tracing::error!(servlet = %self.reference, path = place.path, "unbound_from failed: {error}");
            }
        }
    }
}

impl Place {
    /// Mounts the servlet here, if it is not and can be.
    fn settle(&mut self, servlet: &Arc<dyn Servlet>, reference: &ServiceRef, board: &Board) {
        if matches!(self.state, PlaceState::Mounted(_) | PlaceState::Refused) {
            return;
        }
        let path = self.path.as_str();
        match guarded(|| servlet.accept_binding(path, &board.parameters)) {
            Ok(true) => {}
            Ok(false) => {
                tracing::debug!(servlet = %reference, path, "the servlet declined");
                self.state = PlaceState::Refused;
                return;
            }
            Err(error) => {
                tracing::error!(servlet = %reference, path, "accept_binding failed: {error}");
                self.state = PlaceState::Refused;
                return;
            }
        }
        let handler = Arc::new(ServletHandler(Arc::clone(servlet)));
        let options = MountOptions::new(format!("servlet {reference}"));
        let mount = match board.server.mount(path, handler, options) {
            Ok(mount) => mount,
            Err(error @ HttpError::PathTaken { .. }) => {
                if !matches!(self.state, PlaceState::Taken) {
                    tracing::warn!(servlet = %reference, "the servlet waits: {error}");
                }
                self.state = PlaceState::Taken;
                return;
            }
            Err(error) => {
                tracing::error!(servlet = %reference, "the servlet is not mounted: {error}");
                self.state = PlaceState::Refused;
                return;
            }
        };
        let bound = guarded(|| servlet.bound_to(path, &board.parameters)).and_then(|result| result);
        self.state = match bound {
            Ok(()) => PlaceState::Mounted(mount),
            Err(error) => {
                mount.unmount();
                tracing::error!(servlet = %reference, path, "bound_to failed, the servlet is not mounted: {error}");
                PlaceState::Refused
            }
        };
    }
}

/// Takes requests to a servlet.
struct ServletHandler(Arc<dyn Servlet>);

impl Handler for ServletHandler {
    fn handle(&self, request: Request<Body>) -> HandlerFuture {
        let servlet = Arc::clone(&self.0);
        Box::pin(async move { servlet.handle(request).await })
    }
}

/// Calls a servlet; its panic becomes an error, so that it is the servlet that fails and not the HTTP service.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, BoxError> {
    catch_unwind(AssertUnwindSafe(call))
        .map_err(|panic| panic_message("the servlet", &*panic).into())
}

//! [`Servlet`]: a handler as a service, mounted by the HTTP service while it is registered.

use async_trait::async_trait;
use ferlix_core::property::Properties;
use ferlix_core::service::{Interface, Service};
use http::{Request, Response};

use crate::body::Body;
use crate::error::BoxError;

/// The specification of [`Servlet`].
pub const SERVLET: &str = "ferlix.http.servlet";
/// The property of a servlet with its path, or a list of its paths.
pub const SERVLET_PATH: &str = "ferlix.http.path";

/// A handler that is mounted at the paths of its property `ferlix.http.path` by every HTTP service, as long as it is
/// registered. A servlet of another process (imported) is never mounted.
///
/// The parameters given to the callbacks are `http.address`, `http.port`, `http.https`, `http.name` (the instance name of
/// the HTTP service) and `http.extra` (its property of that name).
#[async_trait]
pub trait Servlet: Send + Sync {
    /// Answers one request. An error becomes a 500 page with a number that is found in the log.
    ///
    /// # Errors
    /// Whatever keeps the servlet from answering.
    async fn handle(&self, request: Request<Body>) -> Result<Response<Body>, BoxError>;

    /// Asked before it is mounted at a path: `false` declines.
    fn accept_binding(&self, path: &str, parameters: &Properties) -> bool {
        let _ = (path, parameters);
        true
    }

    /// Told that it is mounted.
    ///
    /// # Errors
    /// An error unmounts it again.
    fn bound_to(&self, path: &str, parameters: &Properties) -> Result<(), BoxError> {
        let _ = (path, parameters);
        Ok(())
    }

    /// Told that it is not mounted any more.
    fn unbound_from(&self, path: &str, parameters: &Properties) {
        let _ = (path, parameters);
    }
}

impl Service for dyn Servlet {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local(SERVLET);
        &INTERFACE
    }
}

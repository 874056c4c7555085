//! [`HttpService`]: the service through which bundles mount their handlers.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use ferlix_core::service::{Interface, Service};

use crate::error::HttpError;
use crate::handler::Handler;

/// The specification of [`HttpService`].
pub const HTTP_SERVICE: &str = "ferlix.http.service";

/// An HTTP server that handlers are mounted on while it runs.
///
/// The handler with the longest path that is the request's path, or a whole-segment prefix of it, answers; `/a` answers
/// `/a`, `/a/` and `/a/b` but not `/ab`.
pub trait HttpService: Send + Sync {
    /// Mounts a handler at a path. The path is normalised; a slash at its end makes no difference. Mounting the same
    /// handler again at its path is no error and changes nothing.
    ///
    /// # Errors
    /// [`HttpError::PathTaken`] when another handler is there, [`HttpError::Path`] when the path is not allowed.
    fn mount(
        &self,
        path: &str,
        handler: Arc<dyn Handler>,
        options: MountOptions,
    ) -> Result<Mount, HttpError>;

    /// Removes the handler at a path; `false` when there is none. Its requests in flight are answered.
    fn unmount(&self, path: &str) -> bool;

    /// The address the server listens on, with its real port.
    fn address(&self) -> SocketAddr;

    /// The address or host name the server was told to listen on.
    fn host(&self) -> &str;

    /// Whether the server speaks HTTPS.
    fn is_secure(&self) -> bool;

    /// The mounted paths, in order.
    fn mounts(&self) -> Vec<String>;
}

impl Service for dyn HttpService {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local(HTTP_SERVICE);
        &INTERFACE
    }
}

/// How a handler is mounted.
#[derive(Clone, Debug)]
pub struct MountOptions {
    pub(crate) holder: String,
    pub(crate) max_body_size: Option<u64>,
}

impl MountOptions {
    /// The server's limits. `holder` is who mounts: it is named to others that want the path.
    pub fn new(holder: impl Into<String>) -> Self {
        Self {
            holder: holder.into(),
            max_body_size: None,
        }
    }

    /// The largest body of a request, in bytes, instead of the server's `ferlix.http.max_body_size`; `u64::MAX` for no
    /// limit. A larger one is answered 413.
    #[must_use]
    pub const fn max_body_size(mut self, bytes: u64) -> Self {
        self.max_body_size = Some(bytes);
        self
    }
}

/// A mounted handler. Dropping it undoes nothing.
pub struct Mount {
    path: String,
    unmount: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Mount {
    /// For servers: a mount at `path` that `unmount` removes, if it is still there.
    pub fn new(
        path: impl Into<String>,
        unmount: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            path: path.into(),
            unmount: Box::new(unmount),
        }
    }

    /// The normalised path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Removes the handler; `false` when it is not there any more. Another handler that has the path now stays.
    pub fn unmount(&self) -> bool {
        (self.unmount)()
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

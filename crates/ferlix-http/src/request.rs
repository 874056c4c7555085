//! [`RequestInfo`]: what the server knows of a request besides what the client sent.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use ferlix_core::service::Identity;

use crate::server::{Connection, Entry};

/// Where a request came from and where it was routed to: [`Body::info`](crate::Body::info) of every request that a handler
/// gets. A tower service finds it in the request's extensions.
#[derive(Clone)]
pub struct RequestInfo {
    connection: Arc<Connection>,
    entry: Arc<Entry>,
    /// The normalised path, unless it is the one that the handler was mounted at.
    path: Option<Arc<str>>,
    identity: Option<Arc<Identity>>,
}

impl RequestInfo {
    pub(crate) const fn new(
        connection: Arc<Connection>,
        entry: Arc<Entry>,
        path: Option<Arc<str>>,
        identity: Option<Arc<Identity>>,
    ) -> Self {
        Self {
            connection,
            entry,
            path,
            identity,
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// In bytes; `u64::MAX` is no limit.
    pub(crate) fn max_body_size(&self) -> u64 {
        self.entry.max_body_size()
    }

    /// The address of the client.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.connection.peer()
    }

    /// Who the client has proved to be, to the HTTP service; `None` when it was not asked.
    #[must_use]
    pub const fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.connection.is_secure()
    }

    /// The path that the handler was mounted at, `/` or without a slash at the end.
    #[must_use]
    pub fn mount_path(&self) -> &str {
        self.entry.path()
    }

    /// The whole path, normalised (see [`normalise`](crate::normalise)) and without the query. Decide by this one: the
    /// request's URI is as the client wrote it.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or_else(|| self.entry.path())
    }

    /// What follows the mount path: empty, or beginning with a slash.
    ///
    /// A handler mounted at `/files` that is asked for `/files/a` sees `/a` here.
    #[must_use]
    pub fn sub_path(&self) -> &str {
        let path = self.path();
        match self.mount_path() {
            "/" => path,
            mount => path.get(mount.len()..).unwrap_or_default(),
        }
    }
}

impl fmt::Debug for RequestInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestInfo")
            .field("peer", &self.peer())
            .field("secure", &self.is_secure())
            .field("identity", &self.identity)
            .field("mount_path", &self.mount_path())
            .field("path", &self.path())
            .finish()
    }
}

//! [`Services`]: the exported services of one container, and what answers a call to them.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ferlix_core::property::Value;
use ferlix_core::service::Dispatch;
use futures_util::FutureExt as _;
use http::HeaderMap;
use tokio::time::timeout;

use crate::codec::{self, Fault, Limits, MethodCall};
use crate::timeout::from_headers;

/// The services that one container exports, by the number that calls name them by (`ecf.rsvc.id`).
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// use ferlix_http::{HttpService as _, MountOptions, Server, ServerOptions};
/// use ferlix_xmlrpc::codec::Limits;
/// use ferlix_xmlrpc::provider::{Services, handler};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ferlix_http::HttpError> {
/// let services = Arc::new(Services::new(Limits::default(), Duration::from_secs(30)));
/// let server = Server::bind(ServerOptions::new("127.0.0.1", 0)).await?;
/// let options = MountOptions::new("example").max_body_size(8 << 20);
/// server.mount("/xml-rpc", handler(Arc::clone(&services)), options)?;
/// // services.insert(3, vec![dispatcher], None);
/// # server.shutdown().await;
/// # Ok(()) }
/// ```
pub struct Services {
    table: RwLock<HashMap<u64, Arc<Exported>>>,
    limits: Limits,
    timeout: Duration,
}

struct Exported {
    interfaces: Vec<Arc<dyn Dispatch>>,
    /// The interface of each method; the first that has it.
    methods: HashMap<&'static str, usize>,
    timeout: Option<Duration>,
}

impl Services {
    /// Serves nothing yet. `limits` bound a call, `timeout` is how long one may take when its service says nothing.
    #[must_use]
    pub fn new(limits: Limits, timeout: Duration) -> Self {
        Self {
            table: RwLock::default(),
            limits,
            timeout,
        }
    }

    /// What a call may hold.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Serves an object by its interfaces, instead of what had the number before. Calls may take `timeout`, or the
    /// container's default.
    pub fn insert(&self, id: u64, interfaces: Vec<Arc<dyn Dispatch>>, timeout: Option<Duration>) {
        let mut methods = HashMap::new();
        for (index, interface) in interfaces.iter().enumerate() {
            for method in interface.interface().methods {
                methods.entry(method.name).or_insert(index);
            }
        }
        let exported = Exported {
            interfaces,
            methods,
            timeout,
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

    /// Answers a document with a document: the result of the call, or a fault.
    pub async fn answer(&self, headers: &HeaderMap, document: &[u8]) -> Vec<u8> {
        let written = match self.call(headers, document).await {
            Ok(result) => codec::write_response(&result)
                .map_err(|error| Fault::new("CodecError", &error.to_string())),
            Err(fault) => Err(fault),
        };
        written.unwrap_or_else(|fault| codec::write_fault(&fault))
    }

    async fn call(&self, headers: &HeaderMap, document: &[u8]) -> Result<Value, Fault> {
        let MethodCall { method, arguments } = codec::read_call(document, &self.limits)
            .map_err(|error| Fault::new("CodecError", &error.to_string()))?;
        let (id, name) = method
            .split_once('.')
            .filter(|(_, name)| !name.contains('.'))
            .ok_or_else(|| {
                let method = shortened(&method);
                let message =
                    format!("Invalid method={method}.  Must be of form <objectid>.<methodname>");
                Fault::new("ValueError", &message)
            })?;
        let exported = self.find(id).ok_or_else(|| {
            let (id, name) = (shortened(id), shortened(name));
            Fault::remote_service(&format!(
                "Unknown service with rs_id={id} for method call={name}"
            ))
        })?;
        let dispatch = exported
            .methods
            .get(name)
            .map(|&index| Arc::clone(&exported.interfaces[index]))
            .ok_or_else(|| Fault::remote_service(&format!("Unknown method {}", shortened(name))))?;
        let own = exported.timeout.unwrap_or(self.timeout);
        let limit = from_headers(headers).map_or(own, |callers| callers.min(own));
        drop(exported);

        // The call is made inside the future, so that a panic before its first wait is caught too.
        let running = AssertUnwindSafe(async { dispatch.dispatch(name, arguments).await });
        match timeout(limit, running.catch_unwind()).await {
            Ok(Ok(result)) => result.map_err(|error| Fault::from(&error)),
            Ok(Err(panic)) => {
                let message = panic_message(&*panic);
                tracing::error!(
                    service = id,
                    method = name,
                    "an exported service panicked: {message}"
                );
                Err(Fault::remote_service(&format!("The call of {name} failed")))
            }
            Err(_) => Err(Fault::new(
                "TimeoutError",
                &format!("no result of {name} within {limit:?}"),
            )),
        }
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
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
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

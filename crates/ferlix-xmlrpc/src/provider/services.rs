//! [`Services`]: the exported services of one container, which of their methods a call means, and who may make it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ferlix_core::service::Dispatch;

use super::call::{Failure, Target, shortened};
use super::incoming::Room;
use super::options::ServicesOptions;
use super::origin::Origin;
use super::rules::Rules;
use crate::codec::Fault;
use crate::statistics::{Counters, Direction, Outcome, Statistics};
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
    table: RwLock<Table>,
    options: ServicesOptions,
    running: Room,
    buffered: Room,
    rules: Option<Rules>,
    statistics: Arc<Statistics>,
    pub(super) unknown: Counters,
}

type Table = HashMap<u64, Arc<Exported>, BuildHasherDefault<OwnNumber>>;

/// Hashes the number of a service. We gave it out ourselves, so that nobody can choose numbers that meet.
#[derive(Default)]
struct OwnNumber(u64);

impl Hasher for OwnNumber {
    fn write_u64(&mut self, number: u64) {
        // The table goes by the upper bits too: a factor of large bits fills them.
        self.0 = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

struct Exported {
    interfaces: Vec<Arc<dyn Dispatch>>,
    /// By name, in order: there are few, and they lie beside each other.
    methods: Arc<[(&'static str, Method)]>,
    timeout: Option<Duration>,
    rules: Option<Arc<Rules>>,
}

impl Exported {
    fn method(&self, name: &str) -> Option<(&'static str, &Method)> {
        let found = self
            .methods
            .binary_search_by(|(other, _)| (*other).cmp(name));
        let (name, method) = &self.methods[found.ok()?];
        Some((name, method))
    }
}

/// A method that can be called.
struct Method {
    /// The interface, by its place; the first that has the method.
    interface: usize,
    counters: Counters,
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
        let (_, found) = exported.method(name)?;
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
            methods: methods.into_iter().collect(),
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

    /// Finds what is called, and whether the caller may; `read` is given the object behind it.
    pub(super) fn resolve<T>(
        &self,
        origin: &Origin<'_>,
        method: &str,
        read: impl FnOnce(&dyn Dispatch, Target, &Counters) -> T,
    ) -> Result<T, Box<Failure>> {
        // Byte by byte: names are short.
        let dot = method.bytes().position(|byte| byte == b'.');
        let (id, name) = dot
            .map(|dot| (&method[..dot], &method[dot + 1..]))
            .filter(|(_, name)| !name.bytes().any(|byte| byte == b'.'))
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
        let found = exported.method(name);
        let Some((method, found)) =
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
            return Err(Box::new(Failure {
                counters: found.map(|(_, method)| method.counters.clone()),
                ..Failure::new(fault, outcome)
            }));
        };
        let own = exported.timeout.unwrap_or(self.options.timeout);
        let dispatch = &*exported.interfaces[found.interface];
        let target = Target {
            service: dispatch.interface().name,
            method,
            limit: from_headers(origin.headers).map_or(own, |callers| callers.min(own)),
        };
        Ok(read(dispatch, target, &found.counters))
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
    fn read(&self) -> std::sync::RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Table> {
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

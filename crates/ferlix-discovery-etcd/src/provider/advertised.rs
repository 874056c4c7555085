//! [`Advertised`]: the local endpoints as records of the session, each with its stable host and a growing time stamp.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

use ferlix_etcd::{Record, Session, SessionStatus};
use tokio::sync::watch;

use super::locked;
use crate::Draft;

/// The host in a `location` when nothing better is known.
const LOOPBACK: &str = "127.0.0.1";

/// The endpoints that are advertised. Cheap to clone; it does not keep the session alive.
#[derive(Clone)]
pub(super) struct Advertised {
    inner: Arc<Inner>,
}

struct Inner {
    host: Option<String>,
    /// Whether a changed record is deleted before it is put.
    replace: bool,
    status: watch::Receiver<SessionStatus>,
    stamps: Stamps,
    endpoints: Mutex<BTreeMap<Arc<str>, Endpoint>>,
    /// The endpoints that cannot be advertised as they are, and why.
    refused: Mutex<BTreeMap<String, String>>,
    warned: AtomicBool,
}

struct Endpoint {
    /// What is in etcd, or on its way there; nothing when that was refused.
    draft: Option<Arc<Draft>>,
    /// Whether something of it was taken.
    known: bool,
    /// The host in its `location`, from the first put to the last: ECF matches removals by it.
    host: Arc<OnceLock<String>>,
    /// Where it can be called, as the exporter says.
    container: String,
}

/// Time stamps that grow with each use: a peer takes a record whose stamp does not for a new endpoint.
struct Stamps {
    last: AtomicI64,
    clock: fn() -> i64,
}

impl Stamps {
    fn next(&self) -> i64 {
        let now = (self.clock)();
        let after = |last: i64| now.max(last.saturating_add(1));
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                Some(after(last))
            });
        after(last.unwrap_or_else(|last| last))
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|time| i64::try_from(time.as_millis()).ok())
        .unwrap_or(0)
}

impl Advertised {
    /// Nothing yet; the host goes into every `location`, else our address on the connection to etcd does. With `replace`, a
    /// changed record is deleted before it is put.
    pub(super) fn new(session: &Session, host: Option<String>, replace: bool) -> Self {
        Self {
            inner: Arc::new(Inner {
                host,
                replace,
                status: session.watch_status(),
                stamps: Stamps {
                    last: AtomicI64::new(0),
                    clock: now,
                },
                endpoints: Mutex::default(),
                refused: Mutex::default(),
                warned: AtomicBool::new(false),
            }),
        }
    }

    /// The record of an endpoint that is new, or has changed; nothing when it says what the last one said.
    pub(super) fn record(&self, draft: Draft) -> Option<Arc<dyn Record>> {
        let mut endpoints = locked(&self.inner.endpoints);
        let endpoint = endpoints
            .entry(draft.shared_id())
            .or_insert_with(|| Endpoint {
                draft: None,
                known: false,
                host: Arc::default(),
                container: String::new(),
            });
        if endpoint.draft.as_deref() == Some(&draft) {
            return None;
        }
        draft.container_id().clone_into(&mut endpoint.container);
        let draft = Arc::new(draft);
        endpoint.draft = Some(Arc::clone(&draft));
        Some(Arc::new(EndpointRecord {
            draft,
            host: Arc::clone(&endpoint.host),
            replaces: self.inner.replace && endpoint.known,
            inner: Arc::clone(&self.inner),
        }))
    }

    /// An endpoint is as it should be in etcd, or will be.
    pub(super) fn taken(&self, endpoint_id: &str) {
        if let Some(endpoint) = locked(&self.inner.endpoints).get_mut(endpoint_id) {
            endpoint.known = true;
            self.warn_of_loopback(endpoint_id, endpoint);
        }
        locked(&self.inner.refused).remove(endpoint_id);
    }

    /// An endpoint cannot be advertised as it is. The next try is a try, even of the same.
    pub(super) fn refuse(&self, endpoint_id: &str, reason: String) {
        if let Some(endpoint) = locked(&self.inner.endpoints).get_mut(endpoint_id) {
            endpoint.draft = None;
        }
        locked(&self.inner.refused).insert(endpoint_id.to_owned(), reason);
    }

    /// The endpoints that cannot be advertised as they are, and why.
    pub(super) fn refused(&self) -> BTreeMap<String, String> {
        locked(&self.inner.refused).clone()
    }

    /// Forgets an endpoint and returns whether it was known.
    pub(super) fn forget(&self, endpoint_id: &str) -> bool {
        locked(&self.inner.refused).remove(endpoint_id);
        locked(&self.inner.endpoints).remove(endpoint_id).is_some()
    }

    /// The session has a connection, and an address on it.
    pub(super) fn connected(&self) {
        for (id, endpoint) in &*locked(&self.inner.endpoints) {
            self.warn_of_loopback(id, endpoint);
        }
    }

    /// Warns, once, of an endpoint that only this machine can call but that other machines see.
    fn warn_of_loopback(&self, id: &str, endpoint: &Endpoint) {
        let Some(local_address) = self.inner.status.borrow().local_address else {
            return;
        };
        if misleads(local_address.ip(), &endpoint.container)
            && !self.inner.warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                endpoint = id,
                container = endpoint.container,
                %local_address,
                "an endpoint is advertised in an etcd that other machines reach, but its address is a loopback one: only this machine can call it (set the host name or the address of its server)"
            );
        }
    }
}

/// Whether a container's address is one of this machine only, while etcd is reached by another.
fn misleads(local_address: IpAddr, container: &str) -> bool {
    !local_address.to_canonical().is_loopback() && is_loopback(container)
}

/// What the session puts, as often as it has to.
struct EndpointRecord {
    draft: Arc<Draft>,
    host: Arc<OnceLock<String>>,
    replaces: bool,
    inner: Arc<Inner>,
}

impl Record for EndpointRecord {
    fn value(&self) -> Vec<u8> {
        let host = self.host.get_or_init(|| match &self.inner.host {
            Some(host) => host.clone(),
            None => {
                let address = self.inner.status.borrow().local_address;
                address.map_or_else(
                    || LOOPBACK.to_owned(),
                    |address| address.ip().to_canonical().to_string(),
                )
            }
        });
        self.draft.write(host, self.inner.stamps.next())
    }

    fn replaces(&self) -> bool {
        self.replaces
    }
}

/// Whether the identity of a container is a URL of this machine only.
fn is_loopback(container: &str) -> bool {
    let Some((_, rest)) = container.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use ferlix_core::property::{Properties, Value};
    use ferlix_etcd::embedded::EmbeddedEtcd;
    use ferlix_etcd::{Dial, DialFuture, Dialed, EtcdConfig, SessionConfig};
    use ferlix_remote::endpoint::EndpointDescription;

    use super::*;

    /// Leads to an etcd in memory, as if from this address of ours.
    #[derive(Debug)]
    struct From(Mutex<SocketAddr>, EmbeddedEtcd);

    impl Dial for From {
        fn dial<'a>(&'a self, _: &'a str, _: u16) -> DialFuture<'a> {
            let address = *locked(&self.0);
            Box::pin(async move { Ok(Dialed::new(self.1.connect().await?, Some(address))) })
        }
    }

    /// A session over such a way.
    fn session(way: &Arc<From>) -> Session {
        let mut config = EtcdConfig::default();
        config.dial = Arc::<From>::clone(way);
        Session::start(SessionConfig::new(config, "s")).unwrap().0
    }

    async fn until_at(session: &Session, address: SocketAddr) {
        let mut status = session.watch_status();
        let connected = status.wait_for(|status| status.local_address == Some(address));
        connected.await.unwrap();
    }

    fn draft(id: &str, container: &str) -> Draft {
        let endpoint = EndpointDescription::new(Properties::from([
            ("endpoint.id", Value::from(id)),
            ("endpoint.framework.uuid", "f".into()),
            ("objectClass", "a.B".into()),
            ("service.imported.configs", "x".into()),
            ("ecf.endpoint.id", container.into()),
            ("ecf.endpoint.id.ns", "n".into()),
        ]));
        Draft::new(&endpoint.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn what_only_this_machine_can_call_is_warned_of_once() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let subscriber = tracing_subscriber::fmt().with_writer(Arc::new(log.reopen().unwrap()));
        let _logging = tracing::subscriber::set_default(subscriber.with_ansi(false).finish());
        let warnings = || {
            let log = std::fs::read_to_string(log.path()).unwrap();
            let lines = log.lines().filter(|line| line.contains("WARN"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let address = ([10, 0, 0, 7], 1).into();
        let etcd = EmbeddedEtcd::builder().in_memory();
        let session = session(&Arc::new(From(Mutex::new(address), etcd)));
        let advertised = Advertised::new(&session, None, false);
        let advertise = |id: &str, container: &str| {
            advertised.record(draft(id, container)).unwrap();
            advertised.taken(id);
        };
        advertise("far", "http://10.0.0.7:8181/xml-rpc");
        advertise("near", "http://127.0.0.1:8181/xml-rpc");
        assert!(warnings().is_empty(), "nobody knows yet where etcd is");

        until_at(&session, address).await;
        advertised.connected();
        advertise("too", "http://localhost:8181/xml-rpc");
        advertised.connected();
        let [warning] = warnings().try_into().unwrap();
        for part in [
            r#"endpoint="near""#,
            "127.0.0.1:8181",
            "10.0.0.7:1",
            "only this machine",
        ] {
            assert!(warning.contains(part), "{part} in {warning}");
        }
        session.close().await;
    }

    /// ECF finds what goes by its location, so that of an endpoint stays when our address changes.
    #[tokio::test]
    async fn the_host_of_an_endpoint_stays_while_it_is_advertised() {
        let (before, after) = (([10, 0, 0, 7], 1).into(), ([10, 0, 0, 8], 1).into());
        let etcd = EmbeddedEtcd::builder().in_memory();
        let store = etcd.store();
        let way = Arc::new(From(Mutex::new(before), etcd));
        let session = session(&way);
        let advertised = Advertised::new(&session, None, false);
        let host = |record: &Arc<dyn Record>| {
            let written = String::from_utf8(record.value()).unwrap();
            ["10.0.0.7", "10.0.0.8"].map(|host| written.contains(host))
        };
        let container = "http://127.0.0.1:8181/xml-rpc";
        until_at(&session, before).await;
        let record = advertised.record(draft("e", container)).unwrap();
        assert_eq!(host(&record), [true, false]);
        *locked(&way.0) = after;
        store.drop_connections();
        until_at(&session, after).await;
        assert_eq!(host(&record), [true, false], "put again");
        let changed = advertised.record(draft("e", "http://127.0.0.1:8282/xml-rpc"));
        assert_eq!(host(&changed.unwrap()), [true, false], "changed");
        advertised.forget("e");
        let anew = advertised.record(draft("e", container)).unwrap();
        assert_eq!(host(&anew), [false, true]);
        session.close().await;
    }

    #[test]
    fn stamps_grow_whatever_the_clock_does() {
        static TIMES: AtomicI64 = AtomicI64::new(0);
        let stamps = Stamps {
            last: AtomicI64::new(0),
            // Runs, stands, and goes back.
            clock: || [100, 100, 100, 7, 102, 500][TIMES.fetch_add(1, Ordering::Relaxed) as usize],
        };
        let given: Vec<i64> = (0..6).map(|_| stamps.next()).collect();
        assert_eq!(given, [100, 101, 102, 103, 104, 500]);
    }

    #[test]
    fn loopback_addresses_are_told_from_others() {
        for loopback in [
            "http://127.0.0.1:8181/xml-rpc",
            "https://localhost/x",
            "http://[::1]:80",
            "http://me:you@127.1.2.3",
        ] {
            assert!(is_loopback(loopback), "{loopback}");
            assert!(misleads([10, 0, 0, 7].into(), loopback));
            assert!(!misleads([127, 0, 0, 1].into(), loopback));
        }
        for other in [
            "http://10.0.0.1:8181/xml-rpc",
            "http://localhost.example/x",
            "127.0.0.1",
            "ecftcp://[2001:db8::1]:3288/server",
            "",
        ] {
            assert!(!is_loopback(other), "{other}");
            assert!(!misleads([10, 0, 0, 7].into(), other));
        }
    }
}

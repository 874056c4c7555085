//! What can be seen of a discovery: the service [`EtcdStatus`], and the properties of the discovery's service.
//!
//! What matters (state, lease, endpoint, last error) is shown when it changes, what changes with every event once a second.

use std::collections::BTreeMap;
use std::time::Duration;

use ferlix_core::property::Value;
use ferlix_core::service;
use ferlix_etcd::SessionStatus;

/// The state of the session in one word: `connecting`, `leased`, `watching`, `lost` or `closed`.
pub const STATE: &str = "etcd.state";
/// The endpoint in use or tried last.
pub const ENDPOINT: &str = "etcd.status.endpoint";
/// The lease of our records, hexadecimal.
pub const LEASE: &str = "etcd.status.lease";
/// The latest revision that was seen.
pub const REVISION: &str = "etcd.status.revision";
/// The last thing that went wrong.
pub const LAST_ERROR: &str = "etcd.status.last_error";
/// How many endpoints are to be in etcd.
pub const ADVERTISED: &str = "etcd.status.advertised";
/// How many writes etcd has not confirmed.
pub const PENDING: &str = "etcd.status.pending";
/// How many endpoints cannot be advertised as they are.
pub const REFUSED: &str = "etcd.status.refused";
/// How many records are known.
pub const DISCOVERED: &str = "etcd.status.discovered";
/// How many of them are missing in etcd and only held.
pub const HELD: &str = "etcd.status.held";
/// How many records were skipped so far.
pub const SKIPPED: &str = "etcd.status.skipped";
/// Puts that etcd confirmed.
pub const PUTS: &str = "etcd.status.puts";
/// Changes that the watch brought.
pub const EVENTS: &str = "etcd.status.events";
/// Reads of everything.
pub const RESYNCS: &str = "etcd.status.resyncs";
/// Recoveries of a session that had been watching.
pub const RECOVERIES: &str = "etcd.status.recoveries";

/// The service by which programs look at a discovery.
#[service("ferlix.rsa.discovery.etcd3")]
pub trait EtcdStatus: Send + Sync {
    /// The name of the instance.
    fn name(&self) -> String;

    /// How it is now; `None` while the instance is on its way up or down.
    fn status(&self) -> Option<DiscoveryStatus>;
}

/// A discovery as it is now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DiscoveryStatus {
    /// The second segment of our keys.
    pub session_id: String,
    /// The endpoints that may be used, as configured.
    pub members: Vec<String>,
    /// How long what was discovered is believed while etcd is away; `None` for always.
    pub stale_after: Option<Duration>,
    /// The session: state, since when, endpoint, lease, revision, last error, counts.
    pub session: SessionStatus,
    /// How many records are known.
    pub discovered: usize,
    /// How many sessions put them.
    pub sessions: usize,
    /// How many of the records are missing in etcd and only held.
    pub held: usize,
    /// How many records were skipped so far, by kind of error.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Some of the keys whose present record is bad.
    pub bad_records: Vec<SkippedRecord>,
    /// The local endpoints that cannot be advertised as they are, and why.
    pub refused: BTreeMap<String, String>,
}

/// A record that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedRecord {
    /// Its key.
    pub key: String,
    /// What is wrong with it; the beginning when that is long.
    pub reason: String,
}

impl DiscoveryStatus {
    /// The same as service properties.
    #[must_use]
    pub fn properties(&self) -> [(&'static str, Value); 15] {
        let session = &self.session;
        let counts = &session.counts;
        let optional = |text: Option<String>| text.map_or(Value::Null, Value::from);
        let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        let size = |size: usize| number(size as u64);
        [
            (STATE, session.state.as_str().into()),
            (ENDPOINT, optional(session.endpoint.clone())),
            (
                LEASE,
                optional(session.lease_id.map(|lease| format!("{lease:x}"))),
            ),
            (REVISION, session.revision.into()),
            (
                LAST_ERROR,
                optional(session.last_error.as_ref().map(ferlix_etcd::Error::in_full)),
            ),
            (ADVERTISED, size(session.advertised)),
            (PENDING, size(session.pending)),
            (REFUSED, size(self.refused.len())),
            (DISCOVERED, size(self.discovered)),
            (HELD, size(self.held)),
            (SKIPPED, number(self.skipped.values().sum())),
            (PUTS, number(counts.puts)),
            (EVENTS, number(counts.events)),
            (RESYNCS, number(counts.resyncs)),
            (RECOVERIES, number(counts.recoveries)),
        ]
    }
}

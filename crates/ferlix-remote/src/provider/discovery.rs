//! How a discovery takes part: it advertises what is exported here, and tells what it sees elsewhere.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{BoxError, local_service};
use crate::endpoint::EndpointDescription;

/// The service property of an [`EndpointEventListener`]: one LDAP filter or several, of which one must match.
pub const SCOPE: &str = "endpoint.listener.scope";

/// A discovery that makes local endpoints known: the service `ferlix.rsa.discovery.endpointadvertiser`.
///
/// The calls for one endpoint come one after the other, in order. Each returns once the discovery has taken the change
/// over: it is written, or it is remembered and will be written as soon as there is a connection. An advertiser that
/// comes late is given everything that is exported.
#[async_trait]
pub trait EndpointAdvertiser: Send + Sync {
    /// Makes an endpoint known; one that is known already is updated.
    ///
    /// # Errors
    /// When it can never be written as it is, e.g. because it is too large. A missing connection is no error.
    async fn advertise(&self, endpoint: &EndpointDescription) -> Result<(), BoxError>;

    /// Makes the new properties of an endpoint known; one that is not known is advertised.
    ///
    /// # Errors
    /// As for [`Self::advertise`].
    async fn update(&self, endpoint: &EndpointDescription) -> Result<(), BoxError>;

    /// Withdraws an endpoint; one that is not known is no error.
    ///
    /// # Errors
    /// When it could not be withdrawn and will not be later.
    async fn unadvertise(&self, endpoint: &EndpointDescription) -> Result<(), BoxError>;
}

local_service!(
    dyn EndpointAdvertiser,
    "ferlix.rsa.discovery.endpointadvertiser"
);

/// What happened to an endpoint; the numbers are OSGi's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndpointEventKind {
    /// It was found.
    Added = 1,
    /// It went.
    Removed = 2,
    /// Its properties changed.
    Modified = 4,
    /// Its properties changed, and no filter of the listener matches any more.
    ModifiedEndMatch = 8,
}

/// OSGi's name of the event, e.g. `MODIFIED_ENDMATCH`.
impl fmt::Display for EndpointEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "ADDED",
            Self::Removed => "REMOVED",
            Self::Modified => "MODIFIED",
            Self::ModifiedEndMatch => "MODIFIED_ENDMATCH",
        })
    }
}

/// An endpoint came, changed or went, in another framework or in this one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointEvent {
    /// What happened.
    pub kind: EndpointEventKind,
    /// The endpoint as it is now, or as it was last.
    pub endpoint: EndpointDescription,
    /// The filter of the listener that matched first; it matches the endpoint as it was when it no longer matches now.
    pub scope: Arc<str>,
    /// The discovery that tells it, or the topology manager. An endpoint that several of them know is there until all of them have
    /// told that it went.
    pub source: Arc<str>,
}

impl EndpointEvent {
    /// An event of `source`, for a listener of which the filter `scope` matched.
    pub fn new(
        kind: EndpointEventKind,
        endpoint: EndpointDescription,
        scope: impl Into<Arc<str>>,
        source: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            kind,
            endpoint,
            scope: scope.into(),
            source: source.into(),
        }
    }
}

/// What wants to know of endpoints: the service `ferlix.rsa.discovery.endpointeventlistener`, with the property [`SCOPE`].
///
/// A discovery calls it (through an [`EndpointDirectory`](super::EndpointDirectory)), in order for each endpoint, from tasks that
/// hold up nothing else; a listener that comes late is told of everything known. Without a filter in its scope it is told nothing.
///
/// A topology manager tells it of the endpoints of its own framework in the same way, and is the source of these events. Who wants
/// to hear of other frameworks only has `(!(endpoint.framework.uuid=…))` in its scope, with the identity of its own. Topology
/// managers, which are such listeners themselves, are not told of those.
#[async_trait]
pub trait EndpointEventListener: Send + Sync {
    /// An endpoint came, changed or went. The next event of the same endpoint waits until this returns.
    async fn endpoint_changed(&self, event: EndpointEvent);

    /// Why this listener does not import an endpoint that it was told of, in words for whoever looks at a listing. `None`
    /// when it did import it, does not know it, or has nothing to say.
    fn refusal(&self, endpoint: &EndpointDescription) -> Option<String> {
        let _ = endpoint;
        None
    }
}

local_service!(
    dyn EndpointEventListener,
    "ferlix.rsa.discovery.endpointeventlistener"
);

/// What a discovery knows, for listings: the service `ferlix.rsa.discovery.discoveredendpoints`.
///
/// A discovery with an [`EndpointDirectory`](super::EndpointDirectory) hands out
/// [what that knows](super::EndpointDirectory::discovered), with what only the discovery can say of it.
pub trait DiscoveredEndpoints: Send + Sync {
    /// The name of the discovery, as in [`EndpointEvent::source`].
    fn source(&self) -> String;

    /// Everything that it knows now, in an order that stays.
    fn discovered(&self) -> Vec<DiscoveredEndpoint>;
}

local_service!(
    dyn DiscoveredEndpoints,
    "ferlix.rsa.discovery.discoveredendpoints"
);

/// One record of a discovery. An endpoint that lies under several keys has several.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DiscoveredEndpoint {
    /// Where it lies: a key or a file.
    pub key: Arc<str>,
    /// The endpoint.
    pub endpoint: EndpointDescription,
    /// Who advertises it, as the discovery tells exporters apart; the identity of its framework unless it knows better.
    pub exporter: String,
    /// Whether it is there, or in which way it is not, in few words.
    pub state: String,
    /// The services of the listeners that were told of the endpoint, by `service.id`.
    pub listeners: Vec<u64>,
}

impl DiscoveredEndpoint {
    /// A record that is there and of which nobody was told.
    pub fn new(key: impl Into<Arc<str>>, endpoint: EndpointDescription) -> Self {
        Self {
            key: key.into(),
            exporter: endpoint.framework_uuid().unwrap_or("unknown").to_owned(),
            endpoint,
            state: "present".to_owned(),
            listeners: Vec::new(),
        }
    }
}

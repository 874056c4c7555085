//! [`EndpointDirectory`]: what a discovery has seen, and the delivery of it to the listeners.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_core::filter::Filter;
use ferlix_core::framework::BundleContext;
use ferlix_core::property::Properties;
use ferlix_core::registry::{ListenerId, ServiceEvent, ServiceEventKind, ServiceGuard, ServiceRef};
use ferlix_core::service::Service;

use super::discovery::{
    DiscoveredEndpoint, EndpointEvent, EndpointEventKind, EndpointEventListener, SCOPE,
};
use crate::endpoint::EndpointDescription;
use crate::work::{Rounds, Runner, locked};

/// How long [`EndpointDirectory::close`] waits for listeners that are still busy.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a discovery has seen: records by their key, and the listeners that are told of the endpoints in them.
///
/// The discovery puts and removes records; that never waits and never runs a listener on its task. Each listener is told of each
/// endpoint in order, in tasks of their own: a slow listener delays only itself, and of the changes that it misses meanwhile it
/// is told the last. A listener that comes late is told of everything; one whose scope changes, of what it gains and loses.
///
/// An endpoint that lies under several keys is there until the last of them is removed; the key that was put last describes it.
/// A record that differs from the one before in its time stamp alone is no change.
#[derive(Clone)]
pub struct EndpointDirectory {
    inner: Arc<Inner>,
}

struct Inner {
    source: Arc<str>,
    wants: Box<dyn Fn(&ServiceRef) -> bool + Send + Sync>,
    context: BundleContext,
    state: Mutex<State>,
    rounds: Rounds<(u64, Arc<str>)>,
    listener: Mutex<Option<ListenerId>>,
}

#[derive(Default)]
struct State {
    records: BTreeMap<Arc<str>, EndpointDescription>,
    /// The keys of each endpoint, the one put last at the end.
    keys: HashMap<Arc<str>, Vec<Arc<str>>>,
    listeners: BTreeMap<u64, Listener>,
}

struct Listener {
    service: ServiceGuard<dyn EndpointEventListener>,
    scope: Vec<(Arc<str>, Filter)>,
    told: HashMap<Arc<str>, Told>,
}

/// What a listener was told last of an endpoint.
struct Told {
    endpoint: EndpointDescription,
    scope: Arc<str>,
    /// Whether the endpoint went since then, even if it is back.
    gone_since: bool,
}

impl EndpointDirectory {
    /// An empty directory of the discovery `source` that finds its listeners in the registry.
    ///
    /// # Errors
    /// As [`BundleContext::add_service_listener`].
    pub fn open(context: &BundleContext, source: &str) -> Result<Self, ferlix_core::Error> {
        Self::open_for(context, source, |_| true)
    }

    /// As [`Self::open`], for those listeners only that want to hear of what is in it.
    pub(crate) fn open_for(
        context: &BundleContext,
        source: &str,
        wants: impl Fn(&ServiceRef) -> bool + Send + Sync + 'static,
    ) -> Result<Self, ferlix_core::Error> {
        let directory = Self {
            inner: Arc::new(Inner {
                source: source.into(),
                wants: Box::new(wants),
                context: context.clone(),
                state: Mutex::default(),
                rounds: Rounds::new(Runner::new(context.framework())),
                listener: Mutex::default(),
            }),
        };
        let name = <dyn EndpointEventListener as Service>::interface().name;
        let this = directory.clone();
        let id = context
            .add_service_listener(Some(name), None, move |event| this.service_changed(event))?;
        *locked(&directory.inner.listener) = Some(id);
        for reference in context.references(Some(name), None) {
            directory.add_listener(&reference, &reference.properties());
        }
        Ok(directory)
    }

    /// Puts a record under a key, in place of the one that was there.
    pub fn put(&self, key: impl Into<Arc<str>>, endpoint: EndpointDescription) {
        let key = key.into();
        let now = endpoint.clone();
        let mut replaced = None;
        {
            let mut state = locked(&self.inner.state);
            let before = state.records.insert(Arc::clone(&key), endpoint);
            if let Some(before) = before.filter(|before| before.id() != now.id()) {
                state.forget_key(before.id(), &key);
                replaced = Some(before);
            }
            match state.keys.get_mut(now.id()) {
                Some(keys) => {
                    keys.retain(|other| *other != key);
                    keys.push(key);
                }
                None => {
                    state.keys.insert(now.shared_id(), vec![key]);
                }
            }
        }
        if let Some(before) = replaced {
            self.request_all(&before.shared_id());
        }
        self.request_all(&now.shared_id());
    }

    /// Removes the record of a key and returns whether it was there.
    pub fn remove(&self, key: &str) -> bool {
        let removed = {
            let mut state = locked(&self.inner.state);
            let removed = state.records.remove(key);
            if let Some(endpoint) = &removed {
                state.forget_key(endpoint.id(), key);
            }
            removed
        };
        if let Some(endpoint) = &removed {
            self.request_all(&endpoint.shared_id());
        }
        removed.is_some()
    }

    /// The record of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<EndpointDescription> {
        locked(&self.inner.state).records.get(key).cloned()
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        locked(&self.inner.state).records.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All records, by key, and who was told of them.
    #[must_use]
    pub fn discovered(&self) -> Vec<DiscoveredEndpoint> {
        let state = locked(&self.inner.state);
        let record = |(key, endpoint): (&Arc<str>, &EndpointDescription)| {
            let listeners = state.listeners.iter();
            let told = listeners.filter(|(_, listener)| listener.told.contains_key(endpoint.id()));
            let listeners = told.map(|(id, _)| *id).collect();
            DiscoveredEndpoint {
                listeners,
                ..DiscoveredEndpoint::new(Arc::clone(key), endpoint.clone())
            }
        };
        state.records.iter().map(record).collect()
    }

    /// Removes everything and returns when every listener was told, at most after ten seconds.
    pub async fn close(&self) {
        let known: Vec<Arc<str>> = {
            let mut state = locked(&self.inner.state);
            state.records.clear();
            let ids = std::mem::take(&mut state.keys).into_keys().collect();
            state
                .listeners
                .values_mut()
                .flat_map(|listener| listener.told.values_mut())
                .for_each(|told| told.gone_since = true);
            ids
        };
        known.iter().for_each(|id| self.request_all(id));
        if tokio::time::timeout(CLOSE_TIMEOUT, self.inner.rounds.idle())
            .await
            .is_err()
        {
            tracing::warn!(
                discovery = &*self.inner.source,
                "an endpoint listener did not finish within {CLOSE_TIMEOUT:?}"
            );
        }
        let listener = locked(&self.inner.listener).take();
        if let Some(id) = listener {
            self.inner.context.remove_listener(id);
        }
        let listeners = std::mem::take(&mut locked(&self.inner.state).listeners);
        drop(listeners);
    }

    fn service_changed(&self, event: &ServiceEvent) {
        match event.kind {
            ServiceEventKind::Registered => self.add_listener(&event.reference, &event.properties),
            ServiceEventKind::Unregistering => {
                let removed = locked(&self.inner.state)
                    .listeners
                    .remove(&event.reference.id());
                drop(removed);
            }
            _ => self.change_scope(&event.reference, &event.properties),
        }
    }

    fn add_listener(&self, reference: &ServiceRef, properties: &Properties) {
        if !(self.inner.wants)(reference) {
            return;
        }
        let Some(service) = self
            .inner
            .context
            .get::<dyn EndpointEventListener>(reference)
        else {
            return;
        };
        let listener = Listener {
            service,
            scope: parse_scope(properties, reference),
            told: HashMap::new(),
        };
        {
            let mut state = locked(&self.inner.state);
            // Found by the look-up and by its event: once is enough. Gone meanwhile: its departure was seen, or will be.
            if state.listeners.contains_key(&reference.id()) || !reference.is_registered() {
                return;
            }
            state.listeners.insert(reference.id(), listener);
        }
        self.request_listener(reference.id());
    }

    fn change_scope(&self, reference: &ServiceRef, properties: &Properties) {
        let scope = parse_scope(properties, reference);
        {
            let mut state = locked(&self.inner.state);
            let Some(listener) = state.listeners.get_mut(&reference.id()) else {
                return;
            };
            if listener.scope == scope {
                return;
            }
            listener.scope = scope;
        }
        self.request_listener(reference.id());
    }

    /// Tells one listener of every endpoint.
    fn request_listener(&self, listener: u64) {
        // In an order that stays, so that two runs are alike.
        let mut ids: Vec<Arc<str>> = locked(&self.inner.state).keys.keys().cloned().collect();
        ids.sort_unstable();
        ids.iter().for_each(|id| self.request(listener, id));
    }

    /// Tells every listener of one endpoint.
    fn request_all(&self, id: &Arc<str>) {
        let listeners: Vec<u64> = locked(&self.inner.state)
            .listeners
            .keys()
            .copied()
            .collect();
        listeners
            .iter()
            .for_each(|listener| self.request(*listener, id));
    }

    fn request(&self, listener: u64, id: &Arc<str>) {
        {
            let state = locked(&self.inner.state);
            let listener = state.listeners.get(&listener);
            if listener.is_none_or(|listener| state.news(listener, id).is_none()) {
                return;
            }
        }
        let this = self.clone();
        let endpoint = Arc::clone(id);
        self.inner
            .rounds
            .spawn((listener, Arc::clone(id)), move || {
                let this = this.clone();
                let endpoint = Arc::clone(&endpoint);
                async move { this.tell(listener, &endpoint).await }
            });
    }

    /// Tells a listener of an endpoint until there is no more to tell.
    async fn tell(&self, listener: u64, id: &str) {
        loop {
            let next = locked(&self.inner.state).next_event(listener, id, &self.inner.source);
            let Some((service, event)) = next else { return };
            tracing::debug!(discovery = &*self.inner.source, endpoint = id, event = %event.kind, "telling a listener");
            let told = std::panic::AssertUnwindSafe(service.endpoint_changed(event));
            if futures_util::FutureExt::catch_unwind(told).await.is_err() {
                tracing::error!(
                    discovery = &*self.inner.source,
                    endpoint = id,
                    "an endpoint listener panicked"
                );
            }
        }
    }
}

impl State {
    fn forget_key(&mut self, id: &str, key: &str) {
        let Some(keys) = self.keys.get_mut(id) else {
            return;
        };
        keys.retain(|other| **other != *key);
        if keys.is_empty() {
            self.keys.remove(id);
            for listener in self.listeners.values_mut() {
                if let Some(told) = listener.told.get_mut(id) {
                    told.gone_since = true;
                }
            }
        }
    }

    /// The description that holds for an endpoint: that of the key put last.
    fn current(&self, id: &str) -> Option<&EndpointDescription> {
        let key = self.keys.get(id)?.last()?;
        self.records.get(key)
    }

    /// What a listener must be told next of an endpoint, and by which scope it matches.
    fn news<'a>(
        &'a self,
        listener: &'a Listener,
        id: &str,
    ) -> Option<(EndpointEventKind, &'a EndpointDescription, &'a Arc<str>)> {
        let current = self.current(id);
        let wanted = current.and_then(|endpoint| {
            let mut scope = listener.scope.iter();
            let matching = scope.find(|(_, filter)| endpoint.matches(filter));
            matching.map(|(text, _)| text)
        });
        let told = listener.told.get(id);
        Some(match (told, current, wanted) {
            (None, Some(endpoint), Some(scope)) => (EndpointEventKind::Added, endpoint, scope),
            (Some(told), None, _) => (EndpointEventKind::Removed, &told.endpoint, &told.scope),
            (Some(told), Some(_), _) if told.gone_since => {
                (EndpointEventKind::Removed, &told.endpoint, &told.scope)
            }
            (Some(told), Some(endpoint), Some(scope)) if !told.endpoint.same_content(endpoint) => {
                (EndpointEventKind::Modified, endpoint, scope)
            }
            (Some(told), Some(endpoint), None) => {
                (EndpointEventKind::ModifiedEndMatch, endpoint, &told.scope)
            }
            _ => return None,
        })
    }

    /// What a listener must be told next of an endpoint; it counts as told.
    fn next_event(
        &mut self,
        listener: u64,
        id: &str,
        source: &Arc<str>,
    ) -> Option<(Arc<dyn EndpointEventListener>, EndpointEvent)> {
        let (kind, endpoint, scope) = self.news(self.listeners.get(&listener)?, id)?;
        let event = EndpointEvent::new(
            kind,
            endpoint.clone(),
            Arc::clone(scope),
            Arc::clone(source),
        );
        let listener = self.listeners.get_mut(&listener)?;
        if matches!(kind, EndpointEventKind::Added | EndpointEventKind::Modified) {
            let told = Told {
                endpoint: event.endpoint.clone(),
                scope: Arc::clone(&event.scope),
                gone_since: false,
            };
            listener.told.insert(event.endpoint.shared_id(), told);
        } else {
            listener.told.remove(id);
        }
        Some((Arc::clone(&listener.service), event))
    }
}

/// The filters of a listener; one that does not parse is reported and left out.
fn parse_scope(properties: &Properties, reference: &ServiceRef) -> Vec<(Arc<str>, Filter)> {
    let parse = |text: &str| match Filter::parse(text) {
        Ok(filter) => Some((text.into(), filter)),
        Err(error) => {
            tracing::warn!(listener = %reference, filter = text, %error, "a scope of an endpoint listener is no filter");
            None
        }
    };
    properties
        .texts(SCOPE)
        .into_iter()
        .filter_map(parse)
        .collect()
}

impl fmt::Debug for EndpointDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = locked(&self.inner.state);
        f.debug_struct("EndpointDirectory")
            .field("source", &self.inner.source)
            .field("records", &state.records.len())
            .field("listeners", &state.listeners.len())
            .finish()
    }
}

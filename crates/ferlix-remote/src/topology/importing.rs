//! Imports every endpoint that a discovery tells of and the policy lets through, and keeps the proxies in line with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use ferlix_core::error_chain;
use ferlix_core::registry::ServiceRef;
use ferlix_core::service::HealthSubscription;

use super::decision::{Admitted, Policy};
use super::places::{Contender, Places};
use crate::Error;
use crate::admin::{ImportRegistration, RemoteServiceAdmin};
use crate::endpoint::EndpointDescription;
use crate::provider::{EndpointEvent, EndpointEventKind};
use crate::work::{Runner, Turns, locked};

/// What one manager imports.
pub(super) struct Importing {
    admin: Arc<dyn RemoteServiceAdmin>,
    policy: Arc<dyn Policy>,
    framework_uuid: String,
    runner: Runner,
    turns: Turns<Arc<str>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closing: bool,
    /// Grows with each import provider that comes.
    providers: u64,
    endpoints: BTreeMap<Arc<str>, Known>,
    places: Places,
}

/// An endpoint that some discovery knows, or knew.
struct Known {
    /// The discoveries that know it, and how each describes it; the one that spoke last at the end.
    sources: Vec<(Arc<str>, EndpointDescription)>,
    /// What the policy says of it alone.
    admitted: Result<Admitted, String>,
    imported: Option<Imported>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            admitted: Err("no discovery knows it any more".to_owned()),
            imported: None,
        }
    }
}

impl Known {
    /// How it stands among those with which it must share places, if it must.
    fn contender(&self, providers: u64) -> Option<Contender> {
        let admitted = self.admitted.as_ref().ok()?;
        let limit = admitted.limit.clone()?;
        let proxy = self.imported.as_ref().and_then(Imported::proxy);
        // One that failed, or lost its proxy, is tried again when a provider comes.
        let tried = |imported: &Imported| imported.providers == providers;
        let is_well = match &proxy {
            Some(proxy) => proxy.is_healthy(),
            None => !self.imported.as_ref().is_some_and(tried),
        };
        Some(Contender {
            limit,
            interfaces: admitted.endpoint.interfaces().to_vec(),
            imported: proxy.is_some(),
            takes: is_well,
        })
    }

    /// Whether it must share places with others.
    fn is_limited(&self) -> bool {
        let admitted = self.admitted.as_ref();
        admitted.is_ok_and(|admitted| admitted.limit.is_some())
    }

    /// Takes over what the policy says; says whether it is something else than before.
    fn admit(&mut self, admitted: Result<Admitted, String>) -> bool {
        let same = match (&self.admitted, &admitted) {
            (Ok(before), Ok(after)) => before.endpoint.same_content(&after.endpoint),
            (before, after) => before.is_ok() == after.is_ok(),
        };
        self.admitted = admitted;
        !same
    }
}

impl State {
    /// Whether an endpoint is to be imported, all endpoints considered.
    fn is_wanted(&self, id: &str) -> bool {
        let known = self.endpoints.get(id);
        known.is_some_and(|known| {
            known.admitted.is_ok() && (!known.is_limited() || self.places.has_place(id))
        })
    }

    /// As what an endpoint is to be imported, or why not.
    fn decision(&self, id: &str, known: &Known) -> Result<EndpointDescription, String> {
        let admitted = known.admitted.clone()?;
        match self.is_wanted(id) {
            true => Ok(admitted.endpoint),
            false => Err(self.places.refusal(id).unwrap_or_default()),
        }
    }

    /// Sees how some endpoints stand now; returns all that gained a place by it, then all that lost one.
    fn contend<'a>(&mut self, ids: impl IntoIterator<Item = &'a Arc<str>>) -> Vec<Arc<str>> {
        let (endpoints, providers) = (&self.endpoints, self.providers);
        let changes = ids.into_iter().map(|id| {
            let known = endpoints.get(id);
            (id, known.and_then(|known| known.contender(providers)))
        });
        let changed = self.places.update(changes);
        self.in_order(changed)
    }

    /// What takes the place of another comes before that goes.
    fn in_order(&self, mut ids: Vec<Arc<str>>) -> Vec<Arc<str>> {
        ids.sort_by_cached_key(|id| (!self.is_wanted(id), Arc::clone(id)));
        ids
    }
}

/// What came of the last import.
#[derive(Clone)]
struct Imported {
    endpoint: EndpointDescription,
    providers: u64,
    /// The error when there is no provider that takes it.
    registration: Result<ImportRegistration, Error>,
    /// Tells when its exporter does not answer, or does again, where that matters.
    _health: Option<Arc<HealthSubscription>>,
}

impl Imported {
    fn is_open(&self) -> bool {
        self.registration
            .as_ref()
            .is_ok_and(|registration| registration.reference().is_ok())
    }

    /// Whether it was tried in vain, rather than closed by somebody.
    fn has_failed(&self) -> bool {
        self.registration
            .as_ref()
            .map_or(true, |registration| registration.error().is_some())
    }

    /// Why there is no proxy, if there is none.
    fn refusal(&self) -> Option<String> {
        match &self.registration {
            Err(Error::NoProvider { reason, .. }) => Some(reason.clone()),
            Err(error) => Some(error_chain(error)),
            Ok(registration) => match registration.error() {
                Some(error) => Some(error_chain(&error)),
                None if self.is_open() => None,
                None => Some("its proxy was withdrawn by hand".to_owned()),
            },
        }
    }

    fn proxy(&self) -> Option<ServiceRef> {
        self.registration
            .as_ref()
            .ok()?
            .reference()
            .ok()?
            .imported_service()
    }

    async fn close(&self) {
        if let Ok(registration) = &self.registration {
            registration.close().await;
        }
    }
}

impl Importing {
    pub(super) fn new(
        admin: Arc<dyn RemoteServiceAdmin>,
        policy: Arc<dyn Policy>,
        framework_uuid: &str,
        runner: Runner,
    ) -> Arc<Self> {
        Arc::new(Self {
            admin,
            policy,
            framework_uuid: framework_uuid.to_owned(),
            runner,
            turns: Turns::default(),
            state: Mutex::default(),
        })
    }

    /// A discovery tells of an endpoint.
    pub(super) async fn endpoint_changed(self: &Arc<Self>, event: EndpointEvent) {
        let id = event.endpoint.shared_id();
        // What this framework exports is not imported here, whoever tells of it: it counts as gone.
        let is_own = self.is_own(&event.endpoint);
        let others = {
            let mut state = locked(&self.state);
            let known = match event.kind {
                EndpointEventKind::Removed | EndpointEventKind::ModifiedEndMatch => {
                    state.endpoints.get_mut(&id)
                }
                _ if state.closing => None,
                _ => Some(state.endpoints.entry(Arc::clone(&id)).or_default()),
            };
            let Some(known) = known else { return };
            known.sources.retain(|(source, _)| *source != event.source);
            let is_there = matches!(
                event.kind,
                EndpointEventKind::Added | EndpointEventKind::Modified
            );
            if is_there && !is_own {
                known.sources.push((event.source, event.endpoint));
            }
            known.admit(self.admitted(known));
            state.contend([&id])
        };
        for other in others.into_iter().filter(|other| *other != id) {
            self.begin(other);
        }
        self.bring_in_line(&id).await;
    }

    fn is_own(&self, endpoint: &EndpointDescription) -> bool {
        endpoint.framework_uuid() == Some(&self.framework_uuid)
    }

    /// What the policy says of one endpoint.
    fn admitted(&self, known: &Known) -> Result<Admitted, String> {
        match known.sources.last() {
            None => Err("no discovery knows it any more".to_owned()),
            Some((_, endpoint)) => self.policy.import(endpoint),
        }
    }

    /// The policy says something else than before, of the endpoints of an interface or of all.
    pub(super) fn reconsider(self: &Arc<Self>, interface: Option<&str>) {
        let changed = {
            let mut state = locked(&self.state);
            let mut concerned: Vec<Arc<str>> = Vec::new();
            for (id, known) in &state.endpoints {
                let Some((_, endpoint)) = known.sources.last() else {
                    continue;
                };
                let mut interfaces = endpoint.interfaces().iter();
                if interface.is_none_or(|wanted| interfaces.any(|one| one == wanted)) {
                    concerned.push(Arc::clone(id));
                }
            }
            let before: Vec<bool> = concerned.iter().map(|id| state.is_wanted(id)).collect();
            let mut changed = BTreeSet::new();
            for id in &concerned {
                if let Some(known) = state.endpoints.get_mut(id)
                    && known.admit(self.admitted(known))
                {
                    changed.insert(Arc::clone(id));
                }
            }
            changed.extend(state.contend(&concerned));
            let turned = concerned.into_iter().zip(before);
            changed
                .extend(turned.filter_map(|(id, was)| (state.is_wanted(&id) != was).then_some(id)));
            state.in_order(changed.into_iter().collect())
        };
        changed.into_iter().for_each(|id| self.begin(id));
    }

    /// The proxy of an endpoint came or went, its import failed, or its exporter does not answer or does again: another may have
    /// its place.
    pub(super) fn proxy_changed(self: &Arc<Self>, id: &Arc<str>) {
        let changed = locked(&self.state).contend([id]);
        // Whoever found it out does not wait for it.
        for id in changed {
            let this = Arc::clone(self);
            self.runner
                .spawn(async move { this.bring_in_line(&id).await });
        }
    }

    /// Why an endpoint is not imported; `None` when it is, or is not known.
    pub(super) fn refusal(&self, endpoint: &EndpointDescription) -> Option<String> {
        if self.is_own(endpoint) {
            return Some("this framework exports it".to_owned());
        }
        let state = locked(&self.state);
        let known = state.endpoints.get(endpoint.id())?;
        if let Err(reason) = state.decision(endpoint.id(), known) {
            return Some(reason);
        }
        match &known.imported {
            Some(imported) => imported.refusal(),
            None => Some("its import is under way".to_owned()),
        }
    }

    /// One more provider may import what could not be imported.
    pub(super) fn provider_came(self: &Arc<Self>) {
        let ids: Vec<Arc<str>> = {
            let mut state = locked(&self.state);
            state.providers += 1;
            let ids: Vec<Arc<str>> = state.endpoints.keys().cloned().collect();
            // Those that failed want their places again.
            state.contend(&ids);
            ids
        };
        ids.into_iter().for_each(|id| self.begin(id));
    }

    pub(super) async fn close(self: &Arc<Self>) {
        let ids: Vec<Arc<str>> = {
            let mut state = locked(&self.state);
            state.closing = true;
            state.endpoints.keys().cloned().collect()
        };
        futures_util::future::join_all(ids.iter().map(|id| self.bring_in_line(id))).await;
    }

    fn begin(self: &Arc<Self>, id: Arc<str>) {
        let this = Arc::clone(self);
        self.runner
            .begin(async move { this.bring_in_line(&id).await });
    }

    /// Imports, updates or closes, so that there is a proxy if there is to be one.
    async fn bring_in_line(self: &Arc<Self>, id: &Arc<str>) {
        let _turn = self.turns.take(Arc::clone(id)).await;
        let (endpoint, imported, providers, limited) = {
            let state = locked(&self.state);
            let Some(known) = state.endpoints.get(id) else {
                return;
            };
            (
                state.decision(id, known).ok().filter(|_| !state.closing),
                known.imported.clone(),
                state.providers,
                known.is_limited(),
            )
        };
        let Some(endpoint) = endpoint else {
            if let Some(imported) = imported {
                // What is rare is on the heap: the rule, an import, takes less room then.
                Box::pin(imported.close()).await;
            }
            let mut state = locked(&self.state);
            match state.endpoints.get_mut(id) {
                // It is known still, or came back meanwhile: the turn that follows sees to it.
                Some(known) if !known.sources.is_empty() => known.imported = None,
                _ => drop(state.endpoints.remove(id)),
            }
            drop(state);
            self.proxy_changed(id);
            return;
        };
        let registration = match imported {
            None => self.import(&endpoint).await,
            Some(imported) if imported.is_open() => {
                Box::pin(self.update(&imported, &endpoint)).await
            }
            Some(imported) => {
                let news = imported.providers != providers;
                let changed = !imported.endpoint.same_content(&endpoint);
                if !(news || changed && imported.has_failed()) {
                    return;
                }
                Box::pin(imported.close()).await;
                self.import(&endpoint).await
            }
        };
        let mut imported = Imported {
            endpoint,
            providers,
            registration,
            _health: None,
        };
        if limited {
            imported._health = self.follow_health(&imported);
        }
        let replaced = match locked(&self.state).endpoints.get_mut(id) {
            Some(known) => known.imported.replace(imported),
            None => Some(imported),
        };
        // It may hold the last subscription to a health.
        drop(replaced);
        self.proxy_changed(id);
    }

    fn follow_health(self: &Arc<Self>, imported: &Imported) -> Option<Arc<HealthSubscription>> {
        let proxy = imported.proxy()?;
        let (weak, id) = (Arc::downgrade(self), imported.endpoint.shared_id());
        let subscription = proxy.health()?.subscribe(move || {
            if let Some(this) = weak.upgrade() {
                this.proxy_changed(&id);
            }
        });
        Some(Arc::new(subscription))
    }

    async fn import(&self, endpoint: &EndpointDescription) -> Result<ImportRegistration, Error> {
        let imported = self.admin.import_service(endpoint).await;
        if let Err(error) = &imported
            && !matches!(error, Error::Closed { .. })
        {
            tracing::info!(%error, "the endpoint waits for a provider");
        }
        imported
    }

    /// Updates a proxy, or replaces it when it cannot follow.
    async fn update(
        &self,
        imported: &Imported,
        endpoint: &EndpointDescription,
    ) -> Result<ImportRegistration, Error> {
        let registration = imported.registration.clone()?;
        match registration.update(endpoint).await {
            Ok(()) => Ok(registration),
            Err(error) => {
                tracing::debug!(%error, "the endpoint is imported anew");
                registration.close().await;
                self.import(endpoint).await
            }
        }
    }
}

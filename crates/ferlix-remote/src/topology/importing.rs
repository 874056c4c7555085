//! Imports every endpoint that a discovery tells of, and keeps the proxies in line with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ferlix_core::error_chain;

use crate::Error;
use crate::admin::{ImportRegistration, RemoteServiceAdmin};
use crate::endpoint::EndpointDescription;
use crate::provider::{EndpointEvent, EndpointEventKind};
use crate::work::{Runner, Turns, locked};

/// What one manager imports.
pub(super) struct Importing {
    admin: Arc<dyn RemoteServiceAdmin>,
    framework_uuid: String,
    runner: Runner,
    turns: Turns<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closing: bool,
    /// Grows with each import provider that comes.
    providers: u64,
    endpoints: BTreeMap<String, Known>,
}

/// An endpoint that some discovery knows, or knew.
#[derive(Default)]
struct Known {
    /// The discoveries that know it, and how each describes it; the one that spoke last at the end.
    sources: Vec<(String, EndpointDescription)>,
    imported: Option<Imported>,
}

/// What came of the last import.
#[derive(Clone)]
struct Imported {
    endpoint: EndpointDescription,
    providers: u64,
    /// The error when there is no provider that takes it.
    registration: Result<ImportRegistration, Error>,
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

    async fn close(&self) {
        if let Ok(registration) = &self.registration {
            registration.close().await;
        }
    }
}

impl Importing {
    pub(super) fn new(
        admin: Arc<dyn RemoteServiceAdmin>,
        framework_uuid: &str,
        runner: Runner,
    ) -> Arc<Self> {
        Arc::new(Self {
            admin,
            framework_uuid: framework_uuid.to_owned(),
            runner,
            turns: Turns::default(),
            state: Mutex::default(),
        })
    }

    /// A discovery tells of an endpoint.
    pub(super) async fn endpoint_changed(&self, event: EndpointEvent) {
        let id = event.endpoint.id().to_owned();
        {
            let mut state = locked(&self.state);
            let known = match event.kind {
                EndpointEventKind::Removed | EndpointEventKind::ModifiedEndMatch => {
                    state.endpoints.get_mut(&id)
                }
                _ if state.closing => None,
                _ => Some(state.endpoints.entry(id.clone()).or_default()),
            };
            let Some(known) = known else { return };
            known.sources.retain(|(source, _)| *source != event.source);
            if matches!(
                event.kind,
                EndpointEventKind::Added | EndpointEventKind::Modified
            ) {
                known.sources.push((event.source, event.endpoint));
            }
        }
        self.bring_in_line(&id).await;
    }

    /// Why an endpoint is not imported; `None` when it is, or is not known.
    pub(super) fn refusal(&self, endpoint: &EndpointDescription) -> Option<String> {
        if endpoint.framework_uuid() == Some(&self.framework_uuid) {
            return Some("this framework exports it".to_owned());
        }
        let state = locked(&self.state);
        match &state.endpoints.get(endpoint.id())?.imported {
            Some(imported) => imported.refusal(),
            None => Some("its import is under way".to_owned()),
        }
    }

    /// One more provider may import what could not be imported.
    pub(super) fn provider_came(self: &Arc<Self>) {
        let ids: Vec<String> = {
            let mut state = locked(&self.state);
            state.providers += 1;
            state.endpoints.keys().cloned().collect()
        };
        for id in ids {
            let this = Arc::clone(self);
            self.runner
                .begin(async move { this.bring_in_line(&id).await });
        }
    }

    pub(super) async fn close(&self) {
        let ids: Vec<String> = {
            let mut state = locked(&self.state);
            state.closing = true;
            state.endpoints.keys().cloned().collect()
        };
        futures_util::future::join_all(ids.iter().map(|id| self.bring_in_line(id))).await;
    }

    /// Imports, updates or closes, so that there is a proxy if there is an endpoint.
    async fn bring_in_line(&self, id: &str) {
        let _turn = self.turns.take(id.to_owned()).await;
        let (endpoint, imported, providers) = {
            let state = locked(&self.state);
            let Some(known) = state.endpoints.get(id) else {
                return;
            };
            let endpoint = known.sources.last().map(|(_, endpoint)| endpoint.clone());
            (
                endpoint.filter(|_| !state.closing),
                known.imported.clone(),
                state.providers,
            )
        };
        // What this framework exports is not imported here.
        let endpoint =
            endpoint.filter(|endpoint| endpoint.framework_uuid() != Some(&self.framework_uuid));
        let Some(endpoint) = endpoint else {
            if let Some(imported) = imported {
                imported.close().await;
            }
            let mut state = locked(&self.state);
            match state.endpoints.get_mut(id) {
                // It came back meanwhile: the turn that follows sees to it.
                Some(known) if !known.sources.is_empty() => known.imported = None,
                _ => drop(state.endpoints.remove(id)),
            }
            return;
        };
        let registration = match imported {
            None => self.import(&endpoint).await,
            Some(imported) if imported.is_open() => self.update(&imported, &endpoint).await,
            Some(imported) => {
                let news = imported.providers != providers;
                let changed = !imported.endpoint.same_content(&endpoint);
                if !(news || changed && imported.has_failed()) {
                    return;
                }
                imported.close().await;
                self.import(&endpoint).await
            }
        };
        if let Some(known) = locked(&self.state).endpoints.get_mut(id) {
            known.imported = Some(Imported {
                endpoint,
                providers,
                registration,
            });
        }
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

//! Tells every discovery of every export.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_core::framework::BundleContext;
use ferlix_core::registry::{ServiceGuard, ServiceRef};
use ferlix_core::service::Service;

use crate::admin::RemoteServiceAdmin;
use crate::endpoint::EndpointDescription;
use crate::provider::EndpointAdvertiser;
use crate::work::{Rounds, Runner, locked};

/// How long an advertiser may take to take over one change.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is exported, and which discovery has been told what of it.
pub(super) struct Advertising {
    context: BundleContext,
    admin: Arc<dyn RemoteServiceAdmin>,
    rounds: Rounds<(u64, String)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    exported: BTreeMap<String, EndpointDescription>,
    advertisers: BTreeMap<u64, Advertiser>,
}

struct Advertiser {
    service: ServiceGuard<dyn EndpointAdvertiser>,
    told: HashMap<String, EndpointDescription>,
}

impl Advertising {
    pub(super) fn new(
        context: &BundleContext,
        admin: Arc<dyn RemoteServiceAdmin>,
        runner: Runner,
    ) -> Arc<Self> {
        Arc::new(Self {
            context: context.clone(),
            admin,
            rounds: Rounds::new(runner),
            state: Mutex::default(),
        })
    }

    /// Takes over what was exported before, and the discoveries that were there before.
    pub(super) fn catch_up(self: &Arc<Self>) {
        for reference in self.admin.exported_services() {
            if let Some(endpoint) = reference.exported_endpoint() {
                self.exported(&endpoint);
            }
        }
        for reference in self.context.references(
            Some(<dyn EndpointAdvertiser as Service>::interface().name),
            None,
        ) {
            self.advertiser_came(&reference);
        }
    }

    /// A service is exported, or its endpoint has new properties.
    pub(super) fn exported(self: &Arc<Self>, endpoint: &EndpointDescription) {
        locked(&self.state)
            .exported
            .insert(endpoint.id().to_owned(), endpoint.clone());
        self.request_endpoint(endpoint.id());
    }

    /// An endpoint is withdrawn.
    pub(super) fn withdrawn(self: &Arc<Self>, endpoint: &EndpointDescription) {
        locked(&self.state).exported.remove(endpoint.id());
        self.request_endpoint(endpoint.id());
    }

    pub(super) fn advertiser_came(self: &Arc<Self>, reference: &ServiceRef) {
        let Some(service) = self.context.get::<dyn EndpointAdvertiser>(reference) else {
            return;
        };
        let exported: Vec<String> = {
            let mut state = locked(&self.state);
            if state.advertisers.contains_key(&reference.id()) || !reference.is_registered() {
                return;
            }
            state.advertisers.insert(
                reference.id(),
                Advertiser {
                    service,
                    told: HashMap::new(),
                },
            );
            // In the order of their export, so that two runs are alike.
            let mut exported: Vec<&EndpointDescription> = state.exported.values().collect();
            exported.sort_by_key(|endpoint| endpoint.remote_service_id());
            exported
                .into_iter()
                .map(|endpoint| endpoint.id().to_owned())
                .collect()
        };
        exported
            .iter()
            .for_each(|endpoint| self.request(reference.id(), endpoint));
    }

    /// A discovery that goes withdraws by itself what it wrote.
    pub(super) fn advertiser_went(&self, reference: &ServiceRef) {
        let removed = locked(&self.state).advertisers.remove(&reference.id());
        drop(removed);
    }

    /// Withdraws everything.
    pub(super) async fn close(self: &Arc<Self>) {
        let exported = std::mem::take(&mut locked(&self.state).exported);
        exported
            .keys()
            .for_each(|endpoint| self.request_endpoint(endpoint));
        self.rounds.idle().await;
        let advertisers = std::mem::take(&mut locked(&self.state).advertisers);
        drop(advertisers);
    }

    fn request_endpoint(self: &Arc<Self>, endpoint: &str) {
        let advertisers: Vec<u64> = locked(&self.state).advertisers.keys().copied().collect();
        advertisers
            .into_iter()
            .for_each(|advertiser| self.request(advertiser, endpoint));
    }

    fn request(self: &Arc<Self>, advertiser: u64, endpoint: &str) {
        let this = Arc::clone(self);
        let id = endpoint.to_owned();
        self.rounds
            .begin((advertiser, endpoint.to_owned()), move || {
                let this = Arc::clone(&this);
                let id = id.clone();
                async move { this.bring_in_line(advertiser, &id).await }
            });
    }

    /// Tells one discovery what is new of one endpoint.
    async fn bring_in_line(&self, advertiser: u64, id: &str) {
        let (service, exported, told) = {
            let state = locked(&self.state);
            let Some(advertiser) = state.advertisers.get(&advertiser) else {
                return;
            };
            let service = Arc::clone(&advertiser.service);
            (
                service,
                state.exported.get(id).cloned(),
                advertiser.told.get(id).cloned(),
            )
        };
        let telling = async {
            match (&exported, &told) {
                (Some(endpoint), None) => service.advertise(endpoint).await,
                (Some(endpoint), Some(told)) if is_news(told, endpoint) => {
                    service.update(endpoint).await
                }
                (None, Some(told)) => service.unadvertise(told).await,
                _ => Ok(()),
            }
        };
        match tokio::time::timeout(TIMEOUT, telling).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(
                    endpoint = id,
                    error = &*error as &dyn std::error::Error,
                    "a discovery refused an endpoint"
                );
            }
            Err(_) => tracing::error!(
                endpoint = id,
                "a discovery did not take over an endpoint within {TIMEOUT:?}"
            ),
        }
        let mut state = locked(&self.state);
        if let Some(advertiser) = state.advertisers.get_mut(&advertiser) {
            match exported {
                Some(endpoint) => advertiser.told.insert(id.to_owned(), endpoint),
                None => advertiser.told.remove(id),
            };
        }
    }
}

fn is_news(told: &EndpointDescription, endpoint: &EndpointDescription) -> bool {
    told.timestamp() != endpoint.timestamp() || !told.same_content(endpoint)
}

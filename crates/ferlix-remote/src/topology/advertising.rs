//! Tells every discovery of every export, and every endpoint listener with a scope that matches.
//!
//! In flow the exports of this framework; out go calls of the advertisers, which make them known to other frameworks, and
//! events of the listeners, as discoveries tell them of endpoints elsewhere. A listener that does not want to hear of both says
//! so in its scope, by `endpoint.framework.uuid`. Deliberately absent: endpoints that were discovered, which are nobody's news
//! but their discovery's; and the topology managers, which have no use for what their own framework exports.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_core::framework::BundleContext;
use ferlix_core::registry::{ServiceGuard, ServiceRef};
use ferlix_core::service::Service;

use super::TopologyManager;
use crate::admin::RemoteServiceAdmin;
use crate::endpoint::EndpointDescription;
use crate::provider::{EndpointAdvertiser, EndpointDirectory};
use crate::work::{Rounds, Runner, locked};

/// How long an advertiser may take to take over one change.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is exported, and which discovery has been told what of it.
pub(super) struct Advertising {
    context: BundleContext,
    admin: Arc<dyn RemoteServiceAdmin>,
    rounds: Rounds<(u64, Arc<str>)>,
    /// The exports by their identity, and what the listeners were told of them.
    exported: EndpointDirectory,
    advertisers: Mutex<BTreeMap<u64, Advertiser>>,
}

struct Advertiser {
    service: ServiceGuard<dyn EndpointAdvertiser>,
    told: HashMap<Arc<str>, EndpointDescription>,
}

impl Advertising {
    /// For a topology manager of that name, which is the source of the events.
    ///
    /// # Errors
    /// As [`EndpointDirectory::open`].
    pub(super) fn new(
        context: &BundleContext,
        name: &str,
        admin: Arc<dyn RemoteServiceAdmin>,
        runner: Runner,
    ) -> Result<Arc<Self>, ferlix_core::Error> {
        let manager = <dyn TopologyManager as Service>::interface().name;
        let wants = |listener: &ServiceRef| {
            let mut names = listener.specifications().iter();
            !names.any(|name| **name == *manager)
        };
        Ok(Arc::new(Self {
            context: context.clone(),
            admin,
            rounds: Rounds::new(runner),
            exported: EndpointDirectory::open_for(context, name, wants)?,
            advertisers: Mutex::default(),
        }))
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
        self.exported.put(endpoint.shared_id(), endpoint.clone());
        self.request_endpoint(endpoint);
    }

    /// An endpoint is withdrawn.
    pub(super) fn withdrawn(self: &Arc<Self>, endpoint: &EndpointDescription) {
        self.exported.remove(endpoint.id());
        self.request_endpoint(endpoint);
    }

    pub(super) fn advertiser_came(self: &Arc<Self>, reference: &ServiceRef) {
        let Some(service) = self.context.get::<dyn EndpointAdvertiser>(reference) else {
            return;
        };
        {
            let mut advertisers = locked(&self.advertisers);
            if advertisers.contains_key(&reference.id()) || !reference.is_registered() {
                return;
            }
            let advertiser = Advertiser {
                service,
                told: HashMap::new(),
            };
            advertisers.insert(reference.id(), advertiser);
        }
        // In the order of their export, so that two runs are alike.
        let mut exported = self.exported.discovered();
        exported.sort_by_key(|record| record.endpoint.remote_service_id());
        for record in exported {
            self.request(reference.id(), &record.endpoint);
        }
    }

    /// A discovery that goes withdraws by itself what it wrote.
    pub(super) fn advertiser_went(&self, reference: &ServiceRef) {
        let removed = locked(&self.advertisers).remove(&reference.id());
        drop(removed);
    }

    /// Withdraws everything.
    pub(super) async fn close(self: &Arc<Self>) {
        let exported = self.exported.discovered();
        let unadvertise = async {
            for record in &exported {
                self.request_endpoint(&record.endpoint);
            }
            self.rounds.idle().await;
        };
        // The directory is empty from its first step on, before anybody is asked what is left.
        tokio::join!(self.exported.close(), unadvertise);
        let advertisers = std::mem::take(&mut *locked(&self.advertisers));
        drop(advertisers);
    }

    fn request_endpoint(self: &Arc<Self>, endpoint: &EndpointDescription) {
        let advertisers: Vec<u64> = locked(&self.advertisers).keys().copied().collect();
        advertisers
            .into_iter()
            .for_each(|advertiser| self.request(advertiser, endpoint));
    }

    fn request(self: &Arc<Self>, advertiser: u64, endpoint: &EndpointDescription) {
        let this = Arc::clone(self);
        let id = endpoint.shared_id();
        self.rounds.begin((advertiser, Arc::clone(&id)), move || {
            let (this, id) = (Arc::clone(&this), Arc::clone(&id));
            async move { this.bring_in_line(advertiser, &id).await }
        });
    }

    /// Tells one discovery what is new of one endpoint.
    async fn bring_in_line(&self, advertiser: u64, id: &str) {
        let exported = self.exported.get(id);
        let (service, told) = match locked(&self.advertisers).get(&advertiser) {
            Some(advertiser) => (
                Arc::clone(&advertiser.service),
                advertiser.told.get(id).cloned(),
            ),
            None => return,
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
        if let Some(advertiser) = locked(&self.advertisers).get_mut(&advertiser) {
            match exported {
                Some(endpoint) => advertiser.told.insert(endpoint.shared_id(), endpoint),
                None => advertiser.told.remove(id),
            };
        }
    }
}

fn is_news(told: &EndpointDescription, endpoint: &EndpointDescription) -> bool {
    told.timestamp() != endpoint.timestamp() || !told.same_content(endpoint)
}

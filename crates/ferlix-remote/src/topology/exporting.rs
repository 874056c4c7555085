//! Exports every service that asks for it and that the policy lets through, and keeps the exports in line with it.
//!
//! OSGi has the Remote Service Admin export nothing when it knows none of the types that a service names, and yet the whole
//! distribution a default type then: so the default is asked for here, and follows the providers as they come and go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ferlix_core::framework::BundleContext;
use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRef;

use super::decision::Policy;
use crate::Error;
use crate::admin::{
    ExportRegistration, RemoteServiceAdmin, default_configuration, is_export_relevant,
    wanted_interfaces,
};
use crate::endpoint::names;
use crate::provider::ExportProvider;
use crate::work::{Rounds, Runner, locked};

/// What one manager exports.
pub(super) struct Exporting {
    context: BundleContext,
    admin: Arc<dyn RemoteServiceAdmin>,
    policy: Arc<dyn Policy>,
    rounds: Rounds<u64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closing: bool,
    /// Grows with each export provider that comes.
    providers: u64,
    services: HashMap<u64, Known>,
}

/// A service that asks, or asked, to be exported.
struct Known {
    reference: ServiceRef,
    exported: Option<Exported>,
}

/// What came of the last export.
#[derive(Clone)]
struct Exported {
    properties: Arc<Properties>,
    providers: u64,
    registrations: Vec<ExportRegistration>,
}

impl Exporting {
    pub(super) fn new(
        context: &BundleContext,
        admin: Arc<dyn RemoteServiceAdmin>,
        policy: Arc<dyn Policy>,
        runner: Runner,
    ) -> Arc<Self> {
        Arc::new(Self {
            context: context.clone(),
            admin,
            policy,
            rounds: Rounds::new(runner),
            state: Mutex::default(),
        })
    }

    /// Whether a service is exported, or was tried to be.
    pub(super) fn knows(&self, service: u64) -> bool {
        locked(&self.state).services.contains_key(&service)
    }

    /// A service came, changed or went.
    pub(super) fn service_changed(self: &Arc<Self>, service: &ServiceRef) {
        {
            let mut state = locked(&self.state);
            if state.closing {
                return;
            }
            let known = Known {
                reference: service.clone(),
                exported: None,
            };
            state.services.entry(service.id()).or_insert(known);
        }
        self.request(service.id());
    }

    /// One more provider may export what could not be exported, or export more.
    pub(super) fn provider_came(self: &Arc<Self>) {
        locked(&self.state).providers += 1;
        self.request_all();
    }

    /// A provider goes, and the admin withdraws what it exported, or it is ranked anew: another default may hold.
    pub(super) fn default_may_change(self: &Arc<Self>) {
        self.request_all();
    }

    /// The policy says something else than before of those that are known.
    pub(super) fn reconsider(self: &Arc<Self>) {
        self.request_all();
    }

    /// Why the policy keeps a service from being exported.
    pub(super) fn refusal(&self, service: &ServiceRef) -> Option<String> {
        self.policy.export(&service.properties()).err()
    }

    pub(super) async fn close(self: &Arc<Self>) {
        locked(&self.state).closing = true;
        self.request_all();
        self.rounds.idle().await;
    }

    fn request_all(self: &Arc<Self>) {
        let mut services: Vec<u64> = locked(&self.state).services.keys().copied().collect();
        services.sort_unstable();
        services
            .into_iter()
            .for_each(|service| self.request(service));
    }

    fn request(self: &Arc<Self>, service: u64) {
        let this = Arc::clone(self);
        self.rounds.begin(service, move || {
            let this = Arc::clone(&this);
            async move { this.bring_in_line(service).await }
        });
    }

    /// Exports, updates or withdraws, so that the exports are what the service asks for now.
    async fn bring_in_line(&self, id: u64) {
        let (service, exported, providers, closing) = {
            let state = locked(&self.state);
            let Some(known) = state.services.get(&id) else {
                return;
            };
            (
                known.reference.clone(),
                known.exported.clone(),
                state.providers,
                state.closing,
            )
        };
        let properties = service.properties();
        let overrides = self.policy.export(&properties);
        let (mut overrides, asks) = match overrides {
            Ok(overrides) => (overrides, true),
            Err(reason) => {
                tracing::debug!(%service, reason, "the policy keeps a service from being exported");
                (Properties::new(), false)
            }
        };
        let mut properties = match overrides.is_empty() {
            true => properties,
            false => {
                let mut all = Properties::clone(&properties);
                all.merge(&overrides);
                Arc::new(all)
            }
        };
        if let Some(default) = self.default_configuration(&properties) {
            tracing::debug!(%service, default, "nobody knows the configuration types of a service");
            overrides.insert(names::SERVICE_EXPORTED_CONFIGS, default.as_str());
            Arc::make_mut(&mut properties).insert(names::SERVICE_EXPORTED_CONFIGS, default);
        }
        let asks = asks && !wanted_interfaces(&properties).is_empty();
        if closing || !asks || !service.is_registered() || service.is_imported() {
            close_all(exported).await;
            let mut state = locked(&self.state);
            match state.services.get_mut(&id) {
                // It may ask again at any moment, even now: it is kept in sight until it goes.
                Some(known) if !closing && service.is_registered() => known.exported = None,
                _ => drop(state.services.remove(&id)),
            }
            return;
        }
        let registrations = match exported {
            None => self.export(&service, &overrides).await,
            Some(exported) if exported.is_outdated(&properties) => {
                close_all(Some(exported)).await;
                self.export(&service, &overrides).await
            }
            Some(exported) if exported.providers != providers => {
                // New shares first, so that what is exported already stays.
                let registrations = self.export(&service, &overrides).await;
                close_all(Some(exported)).await;
                registrations
            }
            Some(exported) if exported.properties != properties => {
                for registration in &exported.registrations {
                    report(
                        &service,
                        registration.update(Some(&overrides)).await.map(drop),
                    );
                }
                exported.registrations
            }
            Some(_) => return,
        };
        if let Some(known) = locked(&self.state).services.get_mut(&id) {
            known.exported = Some(Exported {
                properties,
                providers,
                registrations,
            });
        }
    }

    /// The type that stands for those that a service names, if nobody knows one of them.
    fn default_configuration(&self, properties: &Properties) -> Option<String> {
        if !properties.contains(names::SERVICE_EXPORTED_CONFIGS) {
            return None;
        }
        let providers = self.context.services::<dyn ExportProvider>(None);
        default_configuration(properties, providers.iter().map(|provider| &***provider))
    }

    async fn export(
        &self,
        service: &ServiceRef,
        overrides: &Properties,
    ) -> Vec<ExportRegistration> {
        match self.admin.export_service(service, overrides).await {
            Ok(registrations) => registrations,
            Err(error) => {
                report(service, Err(error));
                Vec::new()
            }
        }
    }
}

async fn close_all(exported: Option<Exported>) {
    for registration in exported
        .into_iter()
        .flat_map(|exported| exported.registrations)
    {
        registration.close().await;
    }
}

/// Reports an error, unless it only says that the endpoint or the admin is gone: whoever closed it knows.
fn report(service: &ServiceRef, result: Result<(), Error>) {
    if let Err(error) = result
        && !matches!(error, Error::Closed { .. })
        && service.is_registered()
    {
        tracing::warn!(%service, error = &error as &dyn std::error::Error, "a service cannot be exported as it asks");
    }
}

impl Exported {
    /// Whether a service with these properties asks for other endpoints than these, so that an update is not enough.
    fn is_outdated(&self, properties: &Properties) -> bool {
        let references = self
            .registrations
            .iter()
            .filter_map(|registration| registration.reference().ok());
        let endpoints = references.filter_map(|reference| reference.exported_endpoint());
        let used: Vec<String> = endpoints
            .flat_map(|endpoint| endpoint.configurations().to_vec())
            .collect();
        asks_otherwise(&self.properties, properties, &used)
    }
}

/// Whether the properties that decide how a service is exported differ; those of the configuration types in use are among them.
fn asks_otherwise(before: &Properties, now: &Properties, used: &[String]) -> bool {
    let relevant = |properties: &Properties| {
        let entries = properties
            .iter()
            .filter(|(key, _)| is_export_relevant(key, used));
        entries
            .map(|(key, value)| (key.to_ascii_lowercase(), value.clone()))
            .collect::<Vec<_>>()
    };
    relevant(before) != relevant(now)
}

#[cfg(test)]
mod tests {
    use ferlix_core::property::Value;

    use super::*;

    #[test]
    fn what_makes_other_endpoints() {
        let before = Properties::from([
            ("service.exported.interfaces", Value::from("*")),
            ("x.server.port", Value::from(1)),
            ("x.serverless", Value::from(1)),
            ("hello", Value::from("a")),
        ]);
        let with = |key: &str, value: &str| {
            let mut changed = before.clone();
            changed.insert(key, value);
            asks_otherwise(&before, &changed, &["x.server".to_owned()])
        };
        for key in [
            "Service.Exported.Configs",
            "service.exported.intents",
            "service.intents",
            "x.server.port",
            "x.server.path",
        ] {
            assert!(with(key, "new"), "{key}");
        }
        for key in ["hello", "x.serverless", "new", "x.server"] {
            assert!(!with(key, "new"), "{key}");
        }
    }
}

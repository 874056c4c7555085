//! `why`: for a service, why it is exported or not; for an endpoint, why it is imported or not.
//!
//! Everything is asked anew, step by step: the rules of the Remote Service Admin, the topology managers, the discoveries, and
//! what came of the last attempt. Deliberately absent: any record of the past.

use ferlix_core::command::{CommandError, CommandResult, Session, printable};
use ferlix_core::error_chain;
use ferlix_core::filter::Filter;
use ferlix_core::framework::BundleContext;
use ferlix_core::property::Value;
use ferlix_core::registry::ServiceRef;
use ferlix_core::service::Service;

use super::component::RsaCommand;
use crate::admin::{Step, explain_export, explain_import};
use crate::endpoint::EndpointDescription;
use crate::provider::{
    DiscoveredEndpoint, DiscoveredEndpoints, EndpointAdvertiser, EndpointEventListener, SCOPE,
};
use crate::topology::TopologyManager;

impl RsaCommand {
    /// Says why, for the number of a service or the identity of an endpoint.
    pub(super) fn why(&self, subject: &str, session: &Session) -> CommandResult {
        let service = subject
            .parse()
            .ok()
            .and_then(|id| self.context().ok()?.reference_by_id(id));
        match service {
            Some(service) => self.why_service(&service, session),
            None => self.why_endpoint(subject, session),
        }
    }

    fn why_service(&self, service: &ServiceRef, session: &Session) -> CommandResult {
        let context = self.context()?;
        let providers = self.export_providers.get();
        let mut steps = explain_export(service, providers.iter().map(|provider| &**provider));
        let mut endpoints = Vec::new();
        let mut errors = Vec::new();
        for registration in self.admin.export_registrations() {
            if registration.service() != service {
                continue;
            }
            match registration.reference() {
                Ok(reference) => endpoints.extend(reference.exported_endpoint()),
                Err(error) => errors.push(error_chain(&error)),
            }
        }
        endpoints.dedup();
        let asked_for = steps.iter().all(|step| step.passed);
        if endpoints.is_empty() && asked_for && managers(context).is_empty() {
            let found = "there is no topology manager, which would ask for it";
            steps.push(Step::failed("policy", found));
        }
        if endpoints.is_empty() {
            let managers = context.services::<dyn TopologyManager>(None);
            let refusals = managers
                .iter()
                .filter_map(|manager| manager.export_refusal(service));
            steps.extend(refusals.map(|refusal| Step::failed("policy", refusal)));
        }
        for error in errors {
            steps.push(Step::failed("error", error));
        }
        for endpoint in &endpoints {
            let found = format!("endpoint {} at {}", endpoint.id(), endpoint.container_id());
            steps.push(Step::passed("endpoint", found));
        }
        if endpoints.is_empty() && steps.iter().all(|step| step.passed) {
            let found = "nobody asked for it, or somebody withdrew it";
            steps.push(Step::failed("endpoint", found));
        } else if !endpoints.is_empty() {
            let advertiser = <dyn EndpointAdvertiser as Service>::interface().name;
            let count = context.references(Some(advertiser), None).len();
            steps.push(match count {
                0 => Step::failed("discovery", "none is there, so no peer hears of it"),
                count => Step::passed("discovery", format!("{count} told of it")),
            });
        }
        let state = if endpoints.is_empty() {
            "not exported"
        } else {
            "exported"
        };
        print(&format!("{service} is {state}"), &steps, session);
        Ok(Some(Value::from(!endpoints.is_empty())))
    }

    fn why_endpoint(&self, id: &str, session: &Session) -> CommandResult {
        let context = self.context()?;
        let exported = self.admin.export_registrations();
        let exported = exported.iter().find(|registration| {
            let reference = registration.reference().ok();
            let endpoint = reference.and_then(|reference| reference.exported_endpoint());
            endpoint.is_some_and(|endpoint| endpoint.id() == id)
        });
        if let Some(registration) = exported {
            session.line(format_args!(
                "endpoint {id} is of this framework, which does not import what it exports"
            ));
            return self.why_service(registration.service(), session);
        }
        let records: Vec<(String, DiscoveredEndpoint)> = context
            .services::<dyn DiscoveredEndpoints>(None)
            .iter()
            .flat_map(|discovery| {
                let source = discovery.source();
                let records = discovery.discovered().into_iter();
                let records = records.filter(|record| record.endpoint.id() == id);
                records.map(move |record| (source.clone(), record))
            })
            .collect();
        let registrations: Vec<_> = self
            .admin
            .import_registrations()
            .into_iter()
            .filter(|registration| registration.endpoint().id() == id)
            .collect();
        let known = records
            .first()
            .map(|(_, record)| record.endpoint.clone())
            .or_else(|| Some(registrations.first()?.endpoint().clone()));
        let Some(endpoint) = known else {
            session.line(format_args!(
                "Neither a service nor an endpoint: {}. No discovery knows it, and nobody imported it from a file.",
                printable(id)
            ));
            return Err(CommandError::Failed);
        };

        let mut steps: Vec<Step> = Vec::new();
        if records.is_empty() {
            steps.push(Step::passed(
                "discovery",
                "none knows it: it was given by hand",
            ));
        }
        for (source, record) in &records {
            let found = format!("{source}: {}, {}", record.key, record.state);
            steps.push(Step::passed("discovery", found));
        }
        if endpoint.framework_uuid() == Some(context.framework().uuid()) {
            let found = "it is of this framework, which does not import what it exports";
            steps.push(Step::failed("framework", found));
        }
        let providers = self.import_providers.get();
        steps.extend(explain_import(
            &endpoint,
            providers.iter().map(|provider| &**provider),
        ));
        let mut proxies = Vec::new();
        for registration in &registrations {
            match registration.reference() {
                Ok(reference) => proxies.extend(reference.imported_service()),
                Err(error) => steps.push(Step::failed("error", error_chain(&error))),
            }
        }
        proxies.dedup();
        if !records.is_empty() {
            steps.extend(ask_managers(context, &endpoint, proxies.is_empty()));
        }
        for proxy in &proxies {
            let health = proxy.health().map(|health| health.status().to_string());
            let health = health.map_or_else(String::new, |health| format!(", {health}"));
            steps.push(Step::passed("proxy", format!("{proxy}{health}")));
        }
        let state = if proxies.is_empty() {
            "not imported"
        } else {
            "imported"
        };
        print(&format!("endpoint {id} is {state}"), &steps, session);
        Ok(Some(Value::from(!proxies.is_empty())))
    }
}

/// The services that import, and may.
fn managers(context: &BundleContext) -> Vec<ServiceRef> {
    let name = <dyn EndpointEventListener as Service>::interface().name;
    context.references(Some(name), None)
}

/// What the scopes and the policies of the topology managers say of an endpoint.
fn ask_managers(
    context: &BundleContext,
    endpoint: &EndpointDescription,
    absent: bool,
) -> Vec<Step> {
    let managers = managers(context);
    if managers.is_empty() {
        let found = "there is no topology manager, which would ask for it";
        return vec![Step::failed("policy", found)];
    }
    let mut steps = Vec::new();
    let mut missed = Vec::new();
    for manager in &managers {
        let properties = manager.properties();
        let scopes = properties.texts(SCOPE);
        let matching = scopes.iter().find(|scope| {
            let filter = scope.parse::<Filter>();
            filter.is_ok_and(|filter| endpoint.matches(&filter))
        });
        let Some(scope) = matching else {
            missed.push(format!("{manager} has {}", Value::from(scopes)));
            continue;
        };
        steps.push(Step::passed("scope", format!("{manager} has {scope}")));
        let listener = context.get::<dyn EndpointEventListener>(manager);
        let refusal = listener.and_then(|listener| listener.refusal(endpoint));
        if let Some(refusal) = refusal.filter(|_| absent) {
            steps.push(Step::failed("policy", refusal));
        }
    }
    if steps.is_empty() {
        let found = format!("it is in none: {}", missed.join("; "));
        steps.push(Step::failed("scope", found));
    }
    steps
}

/// The steps in a column, those that speak against it with a mark, and the first of these again as the answer.
fn print(state: &str, steps: &[Step], session: &Session) {
    let reason = steps.iter().find(|step| !step.passed);
    session.line(match reason {
        Some(step) => format!("{state}: {}", printable(&step.found)),
        None => state.to_owned(),
    });
    for step in steps {
        let mark = if step.passed { "+" } else { "-" };
        session.line(format_args!(
            "  {mark} {:<10} {}",
            step.name,
            printable(&step.found)
        ));
    }
}

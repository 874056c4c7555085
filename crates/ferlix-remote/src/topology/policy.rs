//! The bundle `ferlix.rsa.topologymanagers.policy`: a topology manager that goes by rules.
//!
//! It exports and imports only what its rules let through, with the properties that they set, and of the endpoints of one
//! interface only so many, the best first; when one of these goes or does not answer, the next one comes in. Rules change
//! while it runs, and everything follows. `docs/topology.md` shows it at work.

use std::fmt;
use std::sync::{Arc, OnceLock};

use ferlix_core::component::ComponentContext;
use ferlix_core::framework::BundleContext;
use ferlix_core::property::{FromValue, Properties};
use ferlix_core::registry::EventListenerHook;
use ferlix_core::{bundle, component, lifecycle};

use super::decision::{Admitted, Limit, Policy};
use super::rule::{Preference, Rule, Rules};
use super::{Topology, TopologyManager, component::manager};
use crate::admin::{RemoteServiceAdmin, RemoteServiceAdminListener};
use crate::endpoint::{EndpointDescription, names};
use crate::provider::EndpointEventListener;

/// The name of the factory.
pub const FACTORY: &str = "policy-topology-manager-factory";
/// The usual name of the instance.
pub const INSTANCE: &str = "policy-topology-manager";
/// The property with the rules for exports; without rules everything that asks is exported.
pub const EXPORT_RULES: &str = "topology.export.rules";
/// The property with the rules for imports; without rules everything in the scope is imported.
pub const IMPORT_RULES: &str = "topology.import.rules";

/// Makes the topology manager, as instance [`INSTANCE`], with [`EXPORT_RULES`], [`IMPORT_RULES`] and
/// `endpoint.listener.scope`.
///
/// # Errors
/// When the bundle is not started or the instance is there already. Rules that do not parse make the instance ERRONEOUS.
pub async fn instantiate(
    context: &BundleContext,
    properties: Properties,
) -> Result<(), ferlix_core::Error> {
    let components = context.components();
    components.instantiate(FACTORY, INSTANCE, properties).await
}

/// The manager as a component.
#[component(
    factory = FACTORY,
    provides(
        dyn EventListenerHook,
        dyn RemoteServiceAdminListener,
        dyn EndpointEventListener,
        dyn TopologyManager,
    ),
    property("endpoint.listener.scope" = "(ecf.endpoint.id.ns=*)")
)]
struct PolicyTopologyManager {
    #[inject]
    admin: Arc<dyn RemoteServiceAdmin>,
    #[property("topology.export.rules")]
    exports: Rules<false>,
    #[property("topology.import.rules")]
    imports: Rules<true>,
    topology: OnceLock<Arc<Topology>>,
}

#[lifecycle]
impl PolicyTopologyManager {
    #[validate]
    fn start(&self, context: &ComponentContext) -> Result<(), ferlix_core::Error> {
        let policy = ByRules {
            exports: self.exports.clone(),
            imports: self.imports.clone(),
        };
        let topology = Topology::open(context, Arc::clone(&self.admin), Arc::new(policy))?;
        let weak = Arc::downgrade(&topology);
        let follow = move || {
            if let Some(topology) = weak.upgrade() {
                topology.reconsider();
            }
        };
        self.exports.on_change(follow.clone());
        self.imports.on_change(follow);
        let _ = self.topology.set(topology);
        Ok(())
    }

    #[invalidate]
    async fn stop(&self) {
        if let Some(topology) = self.topology.get() {
            topology.close().await;
        }
    }
}

manager!(PolicyTopologyManager);

bundle!(
    /// The topology manager that goes by rules; it makes no instance by itself.
    pub BUNDLE = "ferlix.rsa.topologymanagers.policy",
    components = [PolicyTopologyManager]
);

/// Decides by rules.
struct ByRules {
    exports: Rules<false>,
    imports: Rules<true>,
}

/// The number of the rule that decides, from 1, and the rule.
fn deciding<'a>(rules: &'a [Rule], properties: &Properties) -> Option<(usize, &'a Rule)> {
    let mut numbered = rules.iter().enumerate();
    let (index, rule) = numbered.find(|(_, rule)| rule.matches(properties))?;
    Some((index + 1, rule))
}

impl Policy for ByRules {
    fn concerns(&self, properties: &Properties) -> bool {
        let asks = names::SERVICE_EXPORTED_INTERFACES;
        properties.contains(asks) || {
            let rules = self.exports.load();
            deciding(&rules, properties).is_some_and(|(_, rule)| rule.set.contains(asks))
        }
    }

    fn export(&self, properties: &Properties) -> Result<Properties, String> {
        let rules = self.exports.load();
        match deciding(&rules, properties) {
            None if rules.is_empty() => Ok(Properties::new()),
            None => Err(format!(
                "none of the {} export rules lets it through",
                rules.len()
            )),
            Some((number, rule)) if !rule.allow => {
                Err(format!("export rule {number} keeps it out"))
            }
            Some((_, rule)) => Ok(rule.set.clone()),
        }
    }

    fn import(&self, endpoint: &EndpointDescription) -> Result<Admitted, String> {
        let rules = self.imports.load();
        let (number, rule) = match deciding(&rules, endpoint.properties()) {
            None if rules.is_empty() => {
                return Ok(Admitted {
                    endpoint: endpoint.clone(),
                    limit: None,
                });
            }
            None => {
                return Err(format!(
                    "none of the {} import rules lets it through",
                    rules.len()
                ));
            }
            Some((number, rule)) if !rule.allow => {
                return Err(format!("import rule {number} keeps it out"));
            }
            Some(found) => found,
        };
        let endpoint = match rule.set.is_empty() {
            true => endpoint.clone(),
            false => {
                let mut properties = endpoint.properties().clone();
                properties.merge(&rule.set);
                EndpointDescription::new(properties).map_err(|error| {
                    format!("what import rule {number} makes of it is no description: {error}")
                })?
            }
        };
        let limit = rule.maximum.map(|maximum| Limit {
            rule: number,
            maximum,
            order: rule
                .prefer
                .iter()
                .map(|one| place(*one, rule, &endpoint))
                .collect(),
        });
        Ok(Admitted { endpoint, limit })
    }
}

/// Where an endpoint stands among those of its interface: the lower, the better.
fn place(preference: Preference, rule: &Rule, endpoint: &EndpointDescription) -> i64 {
    match preference {
        Preference::Ranking => {
            let ranking = endpoint.properties().get(names::SERVICE_RANKING).cloned();
            let ranking = ranking.and_then(|ranking| i32::from_value(ranking).ok());
            -i64::from(ranking.unwrap_or(0))
        }
        Preference::Locality => {
            let near = match &rule.near {
                Some(filter) => filter.matches(endpoint.properties()),
                None => is_loopback(endpoint.container_id()),
            };
            i64::from(!near)
        }
    }
}

/// Whether the URL of a container names this very machine.
fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn what_is_near_without_a_filter() {
        for near in [
            "http://127.0.0.1:80/x",
            "https://LOCALHOST/",
            "http://[::1]:5",
            "ecftcp://localhost:3282/server",
            "http://127.9.8.7",
        ] {
            assert!(is_loopback(near), "{near}");
        }
        for far in [
            "http://10.0.0.1:80/x",
            "http://example.org/localhost",
            "http://[fe80::1]:5",
            "",
            "x://there",
        ] {
            assert!(!is_loopback(far), "{far}");
        }
    }
}

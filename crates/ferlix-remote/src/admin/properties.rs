//! The properties of endpoints and of proxies: pure functions from what a service or a description has.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ferlix_core::property::{FromValue, Properties, Value, keys};
use ferlix_core::registry::ServiceRef;
use ferlix_core::service::Dispatch;

use crate::Error;
use crate::endpoint::{EndpointDescription, names};
use crate::provider::ContainerId;

/// What of an endpoint is decided when the service is exported and stays until it is withdrawn.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) endpoint_id: String,
    pub(super) framework_uuid: String,
    pub(super) service_id: u64,
    pub(super) remote_service_id: u64,
    pub(super) container: ContainerId,
    pub(super) configuration: String,
    pub(super) interfaces: Vec<String>,
    /// Packages and their versions.
    pub(super) versions: Vec<(String, String)>,
    /// The configuration types and intents that the provider supports.
    pub(super) supported_configurations: Vec<String>,
    pub(super) supported_intents: Vec<String>,
    /// The intents that the endpoint meets.
    pub(super) intents: Vec<String>,
}

impl Template {
    /// The description of the endpoint for these properties of the service, which is newer than `previous`.
    pub(super) fn describe(
        &self,
        service: &Properties,
        previous: Option<i64>,
    ) -> Result<EndpointDescription, Error> {
        let mut properties = service.filtered(|key, _| is_public(key));
        for (package, version) in &self.versions {
            properties.insert_absent(names::package_version_key(package), version.as_str());
        }
        let mut set = |key: &str, value: Value| properties.insert(names::shared(key), value);
        set(names::OBJECT_CLASS, texts(&self.interfaces));
        set(
            names::REMOTE_CONFIGS_SUPPORTED,
            texts(&self.supported_configurations),
        );
        set(
            names::SERVICE_IMPORTED_CONFIGS,
            Value::from([self.configuration.as_str()]),
        );
        set(
            names::REMOTE_INTENTS_SUPPORTED,
            texts(&self.supported_intents),
        );
        if !self.intents.is_empty() {
            set(names::SERVICE_INTENTS, texts(&self.intents));
        }
        set(names::ENDPOINT_SERVICE_ID, number(self.service_id));
        set(names::SERVICE_ID, number(self.service_id));
        set(
            names::ENDPOINT_FRAMEWORK_UUID,
            Value::from(&self.framework_uuid),
        );
        set(names::ENDPOINT_ID, Value::from(&self.endpoint_id));
        set(names::SERVICE_IMPORTED, Value::from("true"));
        set(names::ECF_ENDPOINT_ID, Value::from(&self.container.id));
        set(
            names::ECF_ENDPOINT_ID_NS,
            Value::from(&self.container.namespace),
        );
        set(names::ECF_RSVC_ID, number(self.remote_service_id));
        // Peers take a time stamp that does not grow for a repetition, or even for a second endpoint.
        let timestamp = previous.map_or_else(now, |previous| now().max(previous + 1));
        set(names::ECF_ENDPOINT_TIMESTAMP, Value::Long(timestamp));
        EndpointDescription::new(properties)
    }
}

/// Whether a service property describes the service to peers, rather than how it is kept or exported here.
fn is_public(key: &str) -> bool {
    let own = [keys::SERVICE_BUNDLE_ID, keys::SERVICE_SCOPE];
    let allowed = names::ECF_ASYNC_INTERFACES.eq_ignore_ascii_case(key);
    (allowed || !names::is_reserved(key)) && !own.iter().any(|name| name.eq_ignore_ascii_case(key))
}

/// The properties of the proxy of an endpoint, imported by a provider of this configuration type that supports these intents.
pub(crate) fn proxy_properties(
    endpoint: &EndpointDescription,
    configuration: &str,
    supported: &[String],
) -> Properties {
    let described = endpoint.properties();
    let mut properties = described.filtered(|key, _| !names::is_reserved(key));
    // From a peer that sends texts only it is a text; the registry orders by a number.
    if let Some(ranking) = properties.remove(names::SERVICE_RANKING)
        && let Ok(ranking) = i32::from_value(ranking)
    {
        properties.insert(names::SERVICE_RANKING, ranking);
    }
    let mut set = |key: &str, value: Value| properties.insert(names::shared(key), value);
    set(names::SERVICE_IMPORTED, true.into());
    set(names::SERVICE_IMPORTED_CONFIGS, [configuration].into());
    set(names::ENDPOINT_ID, endpoint.id().into());
    for key in [names::ENDPOINT_FRAMEWORK_UUID, names::ECF_ASYNC_INTERFACES] {
        if let Some(value) = described.get(key) {
            set(key, value.clone());
        }
    }
    let intents = proxy_intents(endpoint, supported);
    if !intents.is_empty() {
        set(names::SERVICE_INTENTS, texts(&intents));
    }
    properties
}

/// What a proxy meets: what its service asked for, and what both providers support whatever the endpoint. Of a qualified
/// intent, `a.b`, it also meets what it qualifies, `a`.
fn proxy_intents<'a>(endpoint: &'a EndpointDescription, supported: &'a [String]) -> Vec<&'a str> {
    let exporter = endpoint.properties().texts(names::REMOTE_INTENTS_SUPPORTED);
    let both = supported
        .iter()
        .map(String::as_str)
        .filter(|intent| exporter.contains(intent));
    let mut intents: Vec<&str> = Vec::new();
    for intent in endpoint.intents().iter().map(String::as_str).chain(both) {
        let prefixes = intent.match_indices('.').map(|(end, _)| &intent[..end]);
        for intent in std::iter::once(intent).chain(prefixes) {
            if !intent.is_empty() && !intents.contains(&intent) {
                intents.push(intent);
            }
        }
    }
    intents
}

/// Whether an intent is another one, or that with a qualification: `a.b` qualifies `a`.
pub(super) fn is_or_qualifies(intent: &str, other: &str) -> bool {
    intent
        .strip_prefix(other)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The properties of a service with the overrides of an export, whatever their case; its interfaces and number stay.
///
/// # Errors
/// [`Error::NotExportable`] for an override that is `null`: it would neither replace nor remove anything.
pub(super) fn merged(service: &ServiceRef, overrides: &Properties) -> Result<Properties, Error> {
    let mut properties = Properties::clone(&service.properties());
    for (key, value) in overrides.iter() {
        if *value == Value::Null {
            return Err(Error::NotExportable {
                service: service.to_string(),
                reason: format!("the value of {key} among the overrides is null"),
            });
        }
        let fixed = [names::OBJECT_CLASS, names::SERVICE_ID]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(key));
        if !fixed {
            properties.insert(key, value.clone());
        }
    }
    Ok(properties)
}

/// The names in `service.exported.interfaces`; none when nothing is to be exported.
pub(crate) fn wanted_interfaces(properties: &Properties) -> Vec<&str> {
    let mut wanted = properties.texts(names::SERVICE_EXPORTED_INTERFACES);
    wanted.retain(|name| !name.trim().is_empty());
    wanted
}

/// The interfaces that these properties export, and what serves each.
///
/// # Errors
/// [`Error::NotExportable`], saying why.
pub(super) fn exported_interfaces(
    service: &ServiceRef,
    properties: &Properties,
) -> Result<Vec<Arc<dyn Dispatch>>, Error> {
    let refuse = |reason: String| Error::NotExportable {
        service: service.to_string(),
        reason,
    };
    let wanted = wanted_interfaces(properties);
    if wanted.is_empty() {
        return Err(refuse(format!(
            "it has no property {}",
            names::SERVICE_EXPORTED_INTERFACES
        )));
    }
    let served = service.dispatchers();
    if wanted == ["*"] {
        if served.is_empty() {
            return Err(refuse(
                "none of its interfaces is remote: declare one with #[remote_service]".to_owned(),
            ));
        }
        return Ok(served);
    }
    let find = |name: &str| {
        let found = served
            .iter()
            .find(|dispatch| dispatch.interface().name == name);
        found.cloned().ok_or_else(|| {
            if service.specifications().iter().any(|own| **own == *name) {
                refuse(format!(
                    "its interface {name} is local: declare it with #[remote_service]"
                ))
            } else {
                refuse(format!("it does not provide {name}"))
            }
        })
    };
    wanted.into_iter().map(find).collect()
}

/// The versions of the packages of these interfaces.
pub(super) fn package_versions(interfaces: &[Arc<dyn Dispatch>]) -> Vec<(String, String)> {
    let version = |dispatch: &Arc<dyn Dispatch>| {
        let interface = dispatch.interface();
        Some((
            interface.package().to_owned(),
            interface.version?.to_owned(),
        ))
    };
    interfaces
        .iter()
        .filter_map(version)
        .filter(|(package, _)| !package.is_empty())
        .collect()
}

/// The names of the properties that decide how a service is exported: a change of one makes other endpoints.
pub(crate) fn is_export_relevant(key: &str, configurations: &[String]) -> bool {
    names::has_prefix(key, names::SERVICE_EXPORTED)
        || key.eq_ignore_ascii_case(names::SERVICE_INTENTS)
        || configurations.iter().any(|configuration| {
            key.len() > configuration.len()
                && names::has_prefix(key, configuration)
                && key.as_bytes()[configuration.len()] == b'.'
        })
}

fn texts(texts: &[impl AsRef<str>]) -> Value {
    Value::List(texts.iter().map(|text| text.as_ref().into()).collect())
}

/// Identifiers never reach the end of `i64`.
fn number(id: u64) -> Value {
    Value::Long(i64::try_from(id).unwrap_or(i64::MAX))
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

//! [`EndpointDescription`]: the checked, immutable properties of one endpoint.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ferlix_core::filter::Filter;
use ferlix_core::property::{Properties, Value};

use super::excerpt::{QUOTED, excerpt};
use super::names;
use super::version::is_version;
use crate::Error;

/// The description of one endpoint: immutable, cheap to clone, equal to another of the same `endpoint.id`.
///
/// ```
/// use ferlix_core::property::{Properties, Value};
/// use ferlix_remote::endpoint::EndpointDescription;
///
/// let description = EndpointDescription::new(Properties::from([
///     ("endpoint.id", Value::from("3b395a20")),
///     ("objectClass", Value::from(["org.example.Greeter"])),
///     ("service.imported.configs", Value::from("ecf.xmlrpc.server")),
/// ]))?;
/// assert_eq!(description.interfaces(), ["org.example.Greeter"]);
/// assert_eq!(description.package_version("org.example"), "0.0.0");
/// # Ok::<(), ferlix_remote::Error>(())
/// ```
#[derive(Clone)]
pub struct EndpointDescription {
    inner: Arc<Inner>,
}

struct Inner {
    id: Arc<str>,
    service_id: u64,
    remote_service_id: u64,
    timestamp: i64,
    interfaces: Vec<String>,
    configurations: Vec<String>,
    intents: Vec<String>,
    properties: Properties,
}

impl EndpointDescription {
    /// Checks the properties and makes a description of them.
    ///
    /// Keys that say how to export (`service.exported.…`) are left out, `endpoint.id` is trimmed, and
    /// `service.imported` is added when absent.
    ///
    /// # Errors
    /// [`Error::MissingProperty`] without `endpoint.id`, `objectClass` or `service.imported.configs`;
    /// [`Error::InvalidProperty`] when one of these is empty or of the wrong type, when a number is none or negative,
    /// or when a package version is no version.
    pub fn new(mut properties: Properties) -> Result<Self, Error> {
        properties.retain(|key, _| !names::has_prefix(key, names::SERVICE_EXPORTED));
        let id = match properties.get(names::ENDPOINT_ID) {
            Some(Value::String(id)) if !id.trim().is_empty() => Arc::from(id.trim()),
            Some(Value::String(_)) => {
                return Err(Error::invalid(names::ENDPOINT_ID, "it is empty"));
            }
            Some(other) => return Err(wrong_type(names::ENDPOINT_ID, "a string", other)),
            None => {
                return Err(Error::MissingProperty {
                    name: names::ENDPOINT_ID,
                });
            }
        };
        if properties.text(names::ENDPOINT_ID) != Some(&*id) {
            properties.insert(names::shared(names::ENDPOINT_ID), &*id);
        }
        properties.insert_absent(names::shared(names::SERVICE_IMPORTED), "true");
        check_versions(&properties)?;
        check_text(&properties, names::ENDPOINT_FRAMEWORK_UUID)?;
        let inner = Inner {
            service_id: number(&properties, names::ENDPOINT_SERVICE_ID)?.unwrap_or(0),
            remote_service_id: match number(&properties, names::ECF_RSVC_ID)? {
                Some(id) => id,
                None => number(&properties, names::ENDPOINT_SERVICE_ID)?.unwrap_or(0),
            },
            timestamp: number(&properties, names::ECF_ENDPOINT_TIMESTAMP)?
                .and_then(|timestamp| i64::try_from(timestamp).ok())
                .unwrap_or(0),
            interfaces: required_texts(&properties, names::OBJECT_CLASS)?,
            configurations: required_texts(&properties, names::SERVICE_IMPORTED_CONFIGS)?,
            intents: owned(properties.texts(names::SERVICE_INTENTS)),
            id,
            properties,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The identity of the endpoint, unique across the network.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// The same, for those who keep it.
    #[must_use]
    pub fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.inner.id)
    }

    /// The identity of the exporting framework, if it is known.
    #[must_use]
    pub fn framework_uuid(&self) -> Option<&str> {
        self.properties().text(names::ENDPOINT_FRAMEWORK_UUID)
    }

    /// The `service.id` of the service in its own framework; 0 when it is no service there.
    #[must_use]
    pub fn service_id(&self) -> u64 {
        self.inner.service_id
    }

    /// What selects the service inside its container (`ecf.rsvc.id`, else [`Self::service_id`]).
    #[must_use]
    pub fn remote_service_id(&self) -> u64 {
        self.inner.remote_service_id
    }

    /// The exported interfaces; at least one.
    #[must_use]
    pub fn interfaces(&self) -> &[String] {
        &self.inner.interfaces
    }

    /// The configuration types by which the endpoint can be imported; at least one.
    #[must_use]
    pub fn configurations(&self) -> &[String] {
        &self.inner.configurations
    }

    /// The configuration types that the exporter supports, else [`Self::configurations`].
    #[must_use]
    pub fn remote_configurations(&self) -> Vec<&str> {
        let remote = self.properties().texts(names::REMOTE_CONFIGS_SUPPORTED);
        if remote.is_empty() {
            self.configurations().iter().map(String::as_str).collect()
        } else {
            remote
        }
    }

    /// The intents that the service meets.
    #[must_use]
    pub fn intents(&self) -> &[String] {
        &self.inner.intents
    }

    /// The identity of the container, e.g. a URL (`ecf.endpoint.id`, else the endpoint's own identity).
    #[must_use]
    pub fn container_id(&self) -> &str {
        self.properties()
            .text(names::ECF_ENDPOINT_ID)
            .unwrap_or(&self.inner.id)
    }

    /// The name space of the container's identity, if it is known.
    #[must_use]
    pub fn container_namespace(&self) -> Option<&str> {
        self.properties().text(names::ECF_ENDPOINT_ID_NS)
    }

    /// When the endpoint was made or last updated, in milliseconds since 1970; 0 when unknown.
    #[must_use]
    pub fn timestamp(&self) -> i64 {
        self.inner.timestamp
    }

    /// The version of a package of the interfaces; `0.0.0` when it is not given.
    #[must_use]
    pub fn package_version(&self, package: &str) -> &str {
        self.properties()
            .text(&names::package_version_key(package))
            .map_or("0.0.0", str::trim)
    }

    /// Whether a filter matches the properties.
    #[must_use]
    pub fn matches(&self, filter: &Filter) -> bool {
        filter.matches(self.properties())
    }

    /// All properties.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        &self.inner.properties
    }

    /// Whether both descriptions stand for the same service: the same framework and service, or the same endpoint.
    #[must_use]
    pub fn is_same_service(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        self.service_id() != 0
            && self.framework_uuid().is_some()
            && self.framework_uuid() == other.framework_uuid()
            && self.service_id() == other.service_id()
    }

    /// Whether both say the same, but for the time stamp: an exporter that repeats itself changes nothing.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        fn without_time(description: &EndpointDescription) -> impl Iterator<Item = (&str, &Value)> {
            let properties = description.properties().iter();
            properties.filter(|(key, _)| !key.eq_ignore_ascii_case(names::ECF_ENDPOINT_TIMESTAMP))
        }
        Arc::ptr_eq(&self.inner, &other.inner) || without_time(self).eq(without_time(other))
    }
}

impl PartialEq for EndpointDescription {
    fn eq(&self, other: &Self) -> bool {
        self.inner.id == other.inner.id
    }
}

impl Eq for EndpointDescription {}

impl Hash for EndpointDescription {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.id.hash(state);
    }
}

impl fmt::Debug for EndpointDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EndpointDescription")
            .field(&self.inner.properties)
            .finish()
    }
}

fn wrong_type(name: &str, expected: &str, found: &Value) -> Error {
    Error::invalid(
        name,
        format!("expected {expected}, found {}", found.type_name()),
    )
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

fn check_text(properties: &Properties, name: &'static str) -> Result<(), Error> {
    match properties.get(name) {
        None | Some(Value::String(_)) => Ok(()),
        Some(other) => Err(wrong_type(name, "a string", other)),
    }
}

/// A number that is not negative; a text that reads as one is taken too.
fn number(properties: &Properties, name: &'static str) -> Result<Option<u64>, Error> {
    let Some(value) = properties.get(name) else {
        return Ok(None);
    };
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    };
    number
        .and_then(|number: i64| u64::try_from(number).ok())
        .map(Some)
        .ok_or_else(|| {
            let value = value.to_string();
            let value = excerpt(&value, QUOTED);
            Error::invalid(name, format!("{value} is not a number from 0 to 2^63-1"))
        })
}

fn required_texts(properties: &Properties, name: &'static str) -> Result<Vec<String>, Error> {
    let Some(value) = properties.get(name) else {
        return Err(Error::MissingProperty { name });
    };
    let elements = match value {
        Value::String(_) => std::slice::from_ref(value),
        other => other
            .as_list()
            .ok_or_else(|| wrong_type(name, "strings", value))?,
    };
    let mut texts = Vec::with_capacity(elements.len());
    for element in elements {
        match element.as_str() {
            Some(text) if text.trim().is_empty() => {}
            Some(text) => texts.push(text.to_owned()),
            None => return Err(wrong_type(name, "strings", value)),
        }
    }
    if texts.is_empty() {
        return Err(Error::invalid(name, "it is empty"));
    }
    Ok(texts)
}

fn check_versions(properties: &Properties) -> Result<(), Error> {
    for (key, value) in properties.iter() {
        if names::is_package_version(key) && !value.as_str().is_some_and(is_version) {
            let value = value.to_string();
            let value = excerpt(&value, QUOTED);
            return Err(Error::invalid(key, format!("{value} is not a version")));
        }
    }
    Ok(())
}

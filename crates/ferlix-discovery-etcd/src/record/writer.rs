//! [`Draft`]: an endpoint description as it goes to etcd.

use std::borrow::Cow;
use std::sync::Arc;

use ferlix_core::property::Value;
use ferlix_remote::endpoint::{EndpointDescription, WireProperty, encode, names};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::{SERVICE_TYPE, check};
use crate::Error;

/// The port that ECF puts into a location, for a URI needs one; nothing listens there.
const LOCATION_PORT: &str = ":32565/";

/// Seconds; what ECF writes. Nobody acts on it: the lease is what counts.
const TTL: u32 = 30;

/// Room for the record of most endpoints, in bytes.
const USUAL_SIZE: usize = 2048;

/// What stands for itself in a URI.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The record of one endpoint, checked, ready to be written with a time stamp.
///
/// ```
/// use ferlix_core::property::{Properties, Value};
/// use ferlix_discovery_etcd::{Draft, read};
/// use ferlix_remote::endpoint::EndpointDescription;
///
/// let endpoint = EndpointDescription::new(Properties::from([
///     ("endpoint.id", Value::from("3b395a20")),
///     ("endpoint.framework.uuid", Value::from("422d15ab")),
///     ("objectClass", Value::from(["org.example.Greeter"])),
///     ("service.imported.configs", Value::from("ecf.xmlrpc.server")),
///     ("ecf.endpoint.id", Value::from("http://127.0.0.1:8181/xml-rpc")),
///     ("ecf.endpoint.id.ns", Value::from("ecf.namespace.xmlrpc")),
/// ]))?;
/// let bytes = Draft::new(&endpoint)?.write("127.0.0.1", 1_795_347_821_642);
/// assert!(bytes.starts_with(br#"{"location":"ecfosgirsvc://127.0.0.1:32565/osgirsvc_3b395a20","#));
/// assert_eq!(read(&bytes)?.timestamp(), 1_795_347_821_642);
/// # Ok::<(), ferlix_discovery_etcd::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    endpoint_id: Arc<str>,
    /// The properties without their time stamp; it belongs before the one of this index.
    properties: Vec<WireProperty>,
    timestamp_index: usize,
}

impl Draft {
    /// Turns a description into its flat form and checks that every peer can stand it.
    ///
    /// # Errors
    /// [`Error::Refused`] with the reason.
    pub fn new(endpoint: &EndpointDescription) -> Result<Self, Error> {
        let refused = |reason: String| Error::Refused {
            endpoint: endpoint.id().to_owned(),
            reason,
        };
        let mut properties = encode(endpoint).map_err(|error| refused(error.to_string()))?;
        check::check(endpoint.id(), &properties).map_err(refused)?;
        let timestamp_index = properties
            .iter()
            .position(|property| &*property.name == names::ECF_ENDPOINT_TIMESTAMP)
            .ok_or_else(|| refused(format!("{} is missing", names::ECF_ENDPOINT_TIMESTAMP)))?;
        properties.remove(timestamp_index);
        Ok(Self {
            endpoint_id: endpoint.shared_id(),
            properties,
            timestamp_index,
        })
    }

    /// The endpoint.
    #[must_use]
    pub fn endpoint_id(&self) -> &str {
        &self.endpoint_id
    }

    /// The same, for those who keep it.
    #[must_use]
    pub(crate) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.endpoint_id)
    }

    /// The container that serves it, as the exporter names it.
    #[must_use]
    pub(crate) fn container_id(&self) -> &str {
        let property = self.properties.iter();
        let mut container = property.filter(|property| &*property.name == names::ECF_ENDPOINT_ID);
        container
            .next()
            .and_then(|property| property.value.as_str())
            .unwrap_or_default()
    }

    /// The bytes, for a host that goes into `location` (an IPv6 address without brackets) and a time stamp in
    /// milliseconds since 1970.
    ///
    /// `location` must be the same for the whole life of an endpoint: ECF matches removals by it.
    #[must_use]
    pub fn write(&self, host: &str, timestamp: i64) -> Vec<u8> {
        let service_name = ["osgirsvc_", &self.endpoint_id].concat();
        let safe_name = Cow::from(utf8_percent_encode(&service_name, UNRESERVED));
        let host = if host.contains(':') {
            Cow::from(format!("[{host}]"))
        } else {
            Cow::from(host)
        };
        let record = Record {
            location: [SERVICE_TYPE, "://", &host, LOCATION_PORT, &safe_name].concat(),
            priority: 0,
            weight: 0,
            servicename: &service_name,
            ttl: TTL,
            servicetype: ServiceType {
                services: [SERVICE_TYPE],
                scopes: ["default"],
                protocols: ["default"],
                namingauth: "iana",
            },
            properties: AllProperties {
                draft: self,
                timestamp: timestamp.to_string(),
            },
        };
        let mut bytes = Vec::with_capacity(USUAL_SIZE);
        serde_json::to_writer(&mut bytes, &record)
            .expect("the check lets only through what JSON can hold");
        bytes
    }
}

/// The record in the order in which both peers write it.
#[derive(Serialize)]
struct Record<'d> {
    location: String,
    priority: u8,
    weight: u8,
    servicename: &'d str,
    ttl: u32,
    servicetype: ServiceType,
    properties: AllProperties<'d>,
}

#[derive(Serialize)]
struct ServiceType {
    services: [&'static str; 1],
    scopes: [&'static str; 1],
    protocols: [&'static str; 1],
    namingauth: &'static str,
}

struct AllProperties<'d> {
    draft: &'d Draft,
    timestamp: String,
}

impl Serialize for AllProperties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (before, after) = self.draft.properties.split_at(self.draft.timestamp_index);
        let mut all = serializer.serialize_seq(Some(self.draft.properties.len() + 1))?;
        for property in before {
            all.serialize_element(&OneProperty::of(property))?;
        }
        all.serialize_element(&Text {
            kind: "string",
            name: names::ECF_ENDPOINT_TIMESTAMP,
            value: &self.timestamp,
        })?;
        for property in after {
            all.serialize_element(&OneProperty::of(property))?;
        }
        all.end()
    }
}

#[derive(Serialize)]
struct Text<'d> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'d str,
    value: &'d str,
}

#[derive(Serialize)]
struct OneProperty<'d> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'d str,
    value: Plain<'d>,
}

impl<'d> OneProperty<'d> {
    fn of(property: &'d WireProperty) -> Self {
        Self {
            kind: property.kind.name(),
            name: &property.name,
            value: Plain(&property.value),
        }
    }
}

/// A plain value as JSON.
struct Plain<'d>(&'d Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Double(value) => serializer.serialize_f64(*value),
            Value::Long(value) => serializer.serialize_i64(*value),
            Value::String(text) => serializer.serialize_str(text),
            Value::List(elements) => {
                let mut all = serializer.serialize_seq(Some(elements.len()))?;
                for element in elements {
                    all.serialize_element(&Plain(element))?;
                }
                all.end()
            }
            Value::Map(members) => {
                let mut all = serializer.serialize_map(Some(members.len()))?;
                for (name, member) in members {
                    all.serialize_entry(name, &Plain(member))?;
                }
                all.end()
            }
            other => Err(S::Error::custom(format!(
                "a value of type {} has no plain form",
                other.type_name()
            ))),
        }
    }
}

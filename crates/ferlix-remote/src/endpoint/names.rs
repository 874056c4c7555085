//! The names of the properties that describe endpoints, as OSGi and ECF define them and peers expect them.
//!
//! Only names and what they mean; who sets and reads them is in the Remote Service Admin and in the codecs.

use std::sync::{Arc, LazyLock};

pub use ferlix_core::property::keys::{OBJECT_CLASS, SERVICE_ID, SERVICE_RANKING};

// --- OSGi Remote Services and Remote Service Admin -------------------------------------------------------------

/// The identity of an endpoint, unique across the whole network.
pub const ENDPOINT_ID: &str = "endpoint.id";
/// The `service.id` of the exported service in its own framework.
pub const ENDPOINT_SERVICE_ID: &str = "endpoint.service.id";
/// The identity of the exporting framework.
pub const ENDPOINT_FRAMEWORK_UUID: &str = "endpoint.framework.uuid";
/// What precedes a package name in the key of its version.
pub const ENDPOINT_PACKAGE_VERSION: &str = "endpoint.package.version.";
/// Marks a service for export: the interfaces, or `*` for all.
pub const SERVICE_EXPORTED_INTERFACES: &str = "service.exported.interfaces";
/// The configuration types by which to export.
pub const SERVICE_EXPORTED_CONFIGS: &str = "service.exported.configs";
/// Intents that the endpoint must meet.
pub const SERVICE_EXPORTED_INTENTS: &str = "service.exported.intents";
/// More intents that the endpoint must meet, set by an administrator.
pub const SERVICE_EXPORTED_INTENTS_EXTRA: &str = "service.exported.intents.extra";
/// The prefix of all keys that say how to export.
pub const SERVICE_EXPORTED: &str = "service.exported.";
/// Intents that the service itself meets.
pub const SERVICE_INTENTS: &str = "service.intents";
/// Marks an imported service.
pub const SERVICE_IMPORTED: &str = "service.imported";
/// The configuration types by which an endpoint can be imported, or by which a service was imported.
pub const SERVICE_IMPORTED_CONFIGS: &str = "service.imported.configs";
/// The configuration types that the exporter supports.
pub const REMOTE_CONFIGS_SUPPORTED: &str = "remote.configs.supported";
/// The intents that the exporter supports.
pub const REMOTE_INTENTS_SUPPORTED: &str = "remote.intents.supported";
/// The identity of a component, set by its container; never sent.
pub const COMPONENT_ID: &str = "component.id";
/// The name of a component, set by its container; never sent.
pub const COMPONENT_NAME: &str = "component.name";

/// The intent of plain calls with basic types.
pub const OSGI_BASIC: &str = "osgi.basic";
/// How long a call may take, in milliseconds: a string or a number.
pub const OSGI_BASIC_TIMEOUT: &str = "osgi.basic.timeout";
/// The intent of methods that answer later.
pub const OSGI_ASYNC: &str = "osgi.async";
/// The intent of calls that only the recipient can read.
pub const OSGI_CONFIDENTIAL: &str = "osgi.confidential";
/// The intent of endpoints on private addresses only.
pub const OSGI_PRIVATE: &str = "osgi.private";
/// Among the exported configurations: do not fall back to a default when none is known.
pub const NO_DEFAULT: &str = "<<nodefault>>";

// --- Eclipse ECF -------------------------------------------------------------------------------------------------

/// The identity of the container that serves the endpoint, e.g. a URL.
pub const ECF_ENDPOINT_ID: &str = "ecf.endpoint.id";
/// The name space of [`ECF_ENDPOINT_ID`].
pub const ECF_ENDPOINT_ID_NS: &str = "ecf.endpoint.id.ns";
/// Selects the service inside its container.
pub const ECF_RSVC_ID: &str = "ecf.rsvc.id";
/// When the endpoint was made or last updated, in milliseconds since 1970; grows with each update.
pub const ECF_ENDPOINT_TIMESTAMP: &str = "ecf.endpoint.ts";
/// A container to connect to before the endpoint can be used.
pub const ECF_ENDPOINT_CONNECT_TARGET: &str = "ecf.endpoint.connecttarget.id";
/// Identities that limit the look-up inside the container.
pub const ECF_ENDPOINT_ID_FILTER: &str = "ecf.endpoint.idfilter.ids";
/// A filter that limits the look-up inside the container.
pub const ECF_ENDPOINT_SERVICE_FILTER: &str = "ecf.endpoint.rsfilter";
/// The interfaces that have an asynchronous sibling.
pub const ECF_ASYNC_INTERFACES: &str = "ecf.exported.async.interfaces";
/// Prefix of the properties that switch the asynchronous proxy.
pub const ECF_ASYNC_PREFIX: &str = "ecf.rsvc.async.";
/// What `service.imported` holds at the importer.
pub const ECF_IMPORTED_VALUE_TYPE: &str = "ecf.service.imported.valuetype";

// --- Ferlix --------------------------------------------------------------------------------------------------------

/// The types of the properties that travel as text, so that Ferlix gets them back: `name=type` pairs.
pub const FERLIX_TYPES: &str = "ferlix.types";

/// The keys that never travel as a further property and are never copied to a proxy.
pub const RESERVED: [&str; 26] = [
    ENDPOINT_ID,
    ENDPOINT_SERVICE_ID,
    ENDPOINT_FRAMEWORK_UUID,
    SERVICE_EXPORTED_INTERFACES,
    REMOTE_CONFIGS_SUPPORTED,
    REMOTE_INTENTS_SUPPORTED,
    SERVICE_EXPORTED_CONFIGS,
    SERVICE_EXPORTED_INTENTS,
    SERVICE_EXPORTED_INTENTS_EXTRA,
    SERVICE_IMPORTED,
    SERVICE_IMPORTED_CONFIGS,
    SERVICE_INTENTS,
    SERVICE_ID,
    OBJECT_CLASS,
    ferlix_core::property::keys::INSTANCE_NAME,
    COMPONENT_ID,
    COMPONENT_NAME,
    ECF_ENDPOINT_ID_NS,
    ECF_ENDPOINT_ID,
    ECF_RSVC_ID,
    ECF_ENDPOINT_TIMESTAMP,
    ECF_ENDPOINT_CONNECT_TARGET,
    ECF_ENDPOINT_ID_FILTER,
    ECF_ENDPOINT_SERVICE_FILTER,
    ECF_ASYNC_INTERFACES,
    ECF_IMPORTED_VALUE_TYPE,
];

/// Whether a key is one of [`RESERVED`] or starts with a dot (a private property), whatever its case.
#[must_use]
pub fn is_reserved(key: &str) -> bool {
    let is_key = |standard: &Standard| standard.reserved && standard.name.eq_ignore_ascii_case(key);
    key.starts_with('.') || Standard::of_length(key.len()).iter().any(is_key)
}

/// A name as a property map keeps it. That of a standard property is one for all descriptions: a directory of thousands
/// holds it once.
#[must_use]
pub fn shared(name: &str) -> Arc<str> {
    let mut standard = Standard::of_length(name.len()).iter();
    match standard.find(|standard| *standard.name == *name) {
        Some(standard) => Arc::clone(&standard.name),
        None => name.into(),
    }
}

/// The name of a standard property.
struct Standard {
    name: Arc<str>,
    reserved: bool,
}

impl Standard {
    /// Those of a length: few, where a look at all would be needed several times for each property of each endpoint.
    fn of_length(length: usize) -> &'static [Self] {
        static BY_LENGTH: LazyLock<Vec<Vec<Standard>>> = LazyLock::new(|| {
            let others = [OSGI_BASIC_TIMEOUT, FERLIX_TYPES].map(|name| (name, false));
            let mut by_length = Vec::new();
            for (name, reserved) in RESERVED.map(|name| (name, true)).into_iter().chain(others) {
                if by_length.len() <= name.len() {
                    by_length.resize_with(name.len() + 1, Vec::new);
                }
                by_length[name.len()].push(Standard {
                    name: name.into(),
                    reserved,
                });
            }
            by_length
        });
        BY_LENGTH.get(length).map_or(&[], Vec::as_slice)
    }
}

/// The package version key of a package.
#[must_use]
pub fn package_version_key(package: &str) -> String {
    format!("{ENDPOINT_PACKAGE_VERSION}{package}")
}

/// Whether a key is that of a package version, whatever its case.
#[must_use]
pub fn is_package_version(key: &str) -> bool {
    has_prefix(key, ENDPOINT_PACKAGE_VERSION)
}

/// Whether a key starts with a prefix, whatever its case.
pub(crate) fn has_prefix(key: &str, prefix: &str) -> bool {
    key.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The package of an interface: its name up to the last dot, empty when there is none.
#[must_use]
pub fn package_of(interface: &str) -> &str {
    interface
        .rsplit_once('.')
        .map_or("", |(package, _)| package)
}

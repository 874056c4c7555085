//! Names of the properties that the framework itself reads or sets (OSGi core and iPOPO).

/// The specifications of a service: a list of strings. Set by the registry.
pub const OBJECT_CLASS: &str = "objectClass";
/// The number of a service in its framework, from 1, never reused. Set by the registry.
pub const SERVICE_ID: &str = "service.id";
/// The ranking of a service: a 32-bit integer, 0 when absent; the highest is found first.
pub const SERVICE_RANKING: &str = "service.ranking";
/// The number of the bundle that registered a service. Set by the registry.
pub const SERVICE_BUNDLE_ID: &str = "service.bundleid";
/// The scope of a service: `singleton`, `bundle` or `prototype`. Set by the registry.
pub const SERVICE_SCOPE: &str = "service.scope";
/// The persistent name of a service.
pub const SERVICE_PID: &str = "service.pid";
/// The name of a component instance.
pub const INSTANCE_NAME: &str = "instance.name";
/// The identity of a framework: a random UUID unless it was given.
pub const FRAMEWORK_UID: &str = "framework.uid";
/// The same as [`FRAMEWORK_UID`], under its OSGi name.
pub const OSGI_FRAMEWORK_UUID: &str = "org.osgi.framework.uuid";
/// How long a departure (unregister, kill, stop) waits for those that hold the service, in milliseconds (default 10,000).
pub const DEPARTURE_TIMEOUT: &str = "ferlix.departure_timeout";
/// How long one callback of a component may take, in milliseconds (default 60,000).
pub const CALLBACK_TIMEOUT: &str = "ferlix.callback_timeout";

/// The keys that only the registry sets: a caller's value for them is ignored.
pub const REGISTRY_OWNED: [&str; 4] = [OBJECT_CLASS, SERVICE_ID, SERVICE_BUNDLE_ID, SERVICE_SCOPE];

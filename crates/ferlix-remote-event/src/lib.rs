//! What the Remote Service Admin does, on the topics of the event admin, as OSGi has it (chapter 122, events).
//!
//! In: the events of every admin. Out: events of the topic [`TOPIC`] and the kind, e.g.
//! `org/osgi/service/remoteserviceadmin/EXPORT_REGISTRATION`, posted. It is a crate of its own so that neither remote services
//! nor the event admin need the other. Deliberately absent: the properties `bundle`, `event` and `cause` as objects, for a
//! property is plain data; their texts and numbers are there.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ferlix_core::property::{Properties, Value};
use ferlix_core::{bundle, component, error_chain};
use ferlix_event::EventAdmin;
use ferlix_remote::admin::{RemoteServiceAdminEvent, RemoteServiceAdminListener};
use ferlix_remote::endpoint::names;

/// What the topics begin with; the kind of the event follows.
pub const TOPIC: &str = "org/osgi/service/remoteserviceadmin/";

/// Posts while there is an event admin.
#[component(
    factory = "ferlix-rsa-eventadmin-factory",
    instance = "ferlix-rsa-eventadmin",
    provides(dyn RemoteServiceAdminListener)
)]
struct RemoteServiceAdminTopics {
    #[inject]
    events: Arc<dyn EventAdmin>,
}

impl RemoteServiceAdminListener for RemoteServiceAdminTopics {
    fn remote_admin_event(&self, event: &RemoteServiceAdminEvent) {
        let topic = format!("{TOPIC}{}", event.kind);
        if let Err(error) = self.events.post(&topic, properties(event)) {
            tracing::debug!(%topic, %error, "an event of the remote service admin was not posted");
        }
    }
}

impl fmt::Debug for RemoteServiceAdminTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteServiceAdminTopics")
    }
}

/// The properties of an event, by the names of the specification.
fn properties(event: &RemoteServiceAdminEvent) -> Properties {
    let bundle = &event.bundle;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let mut properties = Properties::from([
        ("bundle.id", number(bundle.id())),
        ("bundle.symbolicname", Value::from(bundle.symbolic_name())),
        ("bundle.version", Value::from(bundle.version())),
        // Bundles are parts of the program: nobody signs them apart from it.
        ("bundle.signer", Value::List(Vec::new())),
        (
            "timestamp",
            Value::Long(i64::try_from(now).unwrap_or(i64::MAX)),
        ),
    ]);
    if let Some(endpoint) = &event.endpoint {
        for name in [
            names::ENDPOINT_SERVICE_ID,
            names::ENDPOINT_FRAMEWORK_UUID,
            names::ENDPOINT_ID,
            names::OBJECT_CLASS,
            names::SERVICE_IMPORTED_CONFIGS,
        ] {
            if let Some(value) = endpoint.properties().get(name) {
                properties.insert(name, value.clone());
            }
        }
    } else if let Some(service) = &event.service {
        // What could not be exported has no endpoint.
        properties.insert(names::ENDPOINT_SERVICE_ID, number(service.id()));
        let interfaces = service.specifications().iter();
        let interfaces = interfaces.map(|name| Value::from(&**name)).collect();
        properties.insert(names::OBJECT_CLASS, Value::List(interfaces));
    }
    if let Some(error) = &event.error {
        properties.insert("exception", error_chain(error));
        properties.insert("exception.class", std::any::type_name_of_val(error));
        properties.insert("exception.message", error.to_string());
    }
    properties
}

/// Identifiers never reach the end of `i64`.
fn number(id: u64) -> Value {
    Value::Long(i64::try_from(id).unwrap_or(i64::MAX))
}

bundle!(
    /// Posts the events of the Remote Service Admin: one instance, `ferlix-rsa-eventadmin`, valid while there is an event admin.
    pub BUNDLE = "ferlix.rsa.eventadmin",
    components = [RemoteServiceAdminTopics]
);

//! [`RemoteServiceAdminEvent`]: what the Remote Service Admin did, and who wants to know.

use std::fmt;
use std::sync::{Arc, Weak};

use ferlix_core::framework::{Bundle, BundleContext, EventSender, EventStream};
use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRef;

use crate::Error;
use crate::endpoint::EndpointDescription;
use crate::provider::{ContainerId, local_service};

/// What happened; the numbers are OSGi's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoteServiceAdminEventKind {
    /// An endpoint was imported: its proxy is registered.
    ImportRegistration = 1,
    /// A service was exported.
    ExportRegistration = 2,
    /// An endpoint of a service was withdrawn.
    ExportUnregistration = 3,
    /// A proxy was withdrawn.
    ImportUnregistration = 4,
    /// An endpoint could not be imported, or its import failed later.
    ImportError = 5,
    /// A service could not be exported, or its export failed later.
    ExportError = 6,
    /// An export goes on, but something about it is wrong.
    ExportWarning = 7,
    /// An import goes on, but something about it is wrong.
    ImportWarning = 8,
    /// A proxy has new properties.
    ImportUpdate = 9,
    /// An endpoint has new properties.
    ExportUpdate = 10,
}

/// OSGi's name of the event, e.g. `EXPORT_REGISTRATION`.
impl fmt::Display for RemoteServiceAdminEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ImportRegistration => "IMPORT_REGISTRATION",
            Self::ExportRegistration => "EXPORT_REGISTRATION",
            Self::ExportUnregistration => "EXPORT_UNREGISTRATION",
            Self::ImportUnregistration => "IMPORT_UNREGISTRATION",
            Self::ImportError => "IMPORT_ERROR",
            Self::ExportError => "EXPORT_ERROR",
            Self::ExportWarning => "EXPORT_WARNING",
            Self::ImportWarning => "IMPORT_WARNING",
            Self::ImportUpdate => "IMPORT_UPDATE",
            Self::ExportUpdate => "EXPORT_UPDATE",
        })
    }
}

/// What the Remote Service Admin did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RemoteServiceAdminEvent {
    /// What happened.
    pub kind: RemoteServiceAdminEventKind,
    /// The bundle of the admin.
    pub bundle: Bundle,
    /// The endpoint; for an export that failed there may be none.
    pub endpoint: Option<EndpointDescription>,
    /// The exported service or the proxy; for an import that failed there is none.
    pub service: Option<ServiceRef>,
    /// The container that serves or calls the endpoint in this framework, if it got so far.
    pub container: Option<ContainerId>,
    /// For errors and warnings: what happened.
    pub error: Option<Error>,
}

/// Wants to know what the admin does: the service `ferlix.rsa.remoteserviceadmineventlistener`.
pub trait RemoteServiceAdminListener: Send + Sync {
    /// Called while the admin works on that endpoint, on its thread: it should be quick, and must not wait for the admin.
    /// A panic is reported and starves nobody.
    fn remote_admin_event(&self, event: &RemoteServiceAdminEvent);
}

local_service!(
    dyn RemoteServiceAdminListener,
    "ferlix.rsa.remoteserviceadmineventlistener"
);

/// What every Remote Service Admin of the framework does from now on, as a stream; it ends when the bundle stops.
///
/// # Errors
/// As [`BundleContext::register`].
pub fn events(
    context: &BundleContext,
) -> Result<EventStream<RemoteServiceAdminEvent>, ferlix_core::Error> {
    struct Listener(Weak<EventSender<RemoteServiceAdminEvent>>);

    impl RemoteServiceAdminListener for Listener {
        fn remote_admin_event(&self, event: &RemoteServiceAdminEvent) {
            if let Some(sender) = self.0.upgrade() {
                sender.send(event.clone());
            }
        }
    }

    let (sender, stream) = EventStream::channel();
    // A registration keeps its object even when the bundle has stopped, a listener is dropped then: so it owns the sender.
    let sender = Arc::new(sender);
    let listener = Arc::new(Listener(Arc::downgrade(&sender)));
    let owner = context.add_framework_listener(move |_| {
        let _owned = &sender;
    });
    let registration =
        context.register::<dyn RemoteServiceAdminListener>(listener, Properties::new());
    let registration = registration.inspect_err(|_| {
        context.remove_listener(owner);
    })?;
    let context = context.clone();
    Ok(stream.on_drop(move || {
        context.remove_listener(owner);
        // The stop of the bundle may have taken it.
        drop(registration.unregister_now());
    }))
}

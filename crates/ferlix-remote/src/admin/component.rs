//! The bundle `ferlix.rsa.remoteserviceadmin` and its component.

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use ferlix_core::component::ComponentContext;
use ferlix_core::property::{FromValue, Properties};
use ferlix_core::registry::{ServiceRef, ServiceRegistration};
use ferlix_core::{bundle, component, lifecycle};

use super::debug::{DEBUG, DebugListener};
use super::{
    Admin, ExportReference, ExportRegistration, ImportReference, ImportRegistration,
    RemoteServiceAdmin, RemoteServiceAdminListener,
};
use crate::Error;
use crate::endpoint::EndpointDescription;

/// The admin as a component: it works while the component is valid, and withdraws everything when it is not any more.
#[component(
    factory = "ferlix-rsa-remoteserviceadminimpl-factory",
    instance = "ferlix-rsa-remoteserviceadminimpl",
    provides(dyn RemoteServiceAdmin)
)]
struct RemoteServiceAdminImpl {
    admin: OnceLock<Arc<Admin>>,
    debug: OnceLock<ServiceRegistration>,
}

#[lifecycle]
impl RemoteServiceAdminImpl {
    #[validate]
    fn start(&self, context: &ComponentContext) -> Result<(), ferlix_core::Error> {
        let bundle = context.bundle();
        let wanted = bundle
            .property(DEBUG)
            .is_some_and(|value| bool::from_value(value).unwrap_or(false));
        if wanted {
            let listener = Arc::new(DebugListener::to_stdout());
            let registration =
                bundle.register::<dyn RemoteServiceAdminListener>(listener, Properties::new());
            let _ = self.debug.set(registration?);
        }
        let _ = self.admin.set(Admin::open(bundle)?);
        Ok(())
    }

    #[invalidate]
    async fn stop(&self) {
        if let Some(admin) = self.admin.get() {
            admin.close().await;
        }
        if let Some(registration) = self.debug.get() {
            // The stop of the bundle may have taken it.
            let _ = registration.unregister_now();
        }
    }
}

impl RemoteServiceAdminImpl {
    fn admin(&self) -> Result<&Arc<Admin>, Error> {
        self.admin.get().ok_or(Error::Closed {
            what: "RemoteServiceAdmin",
        })
    }
}

#[async_trait]
impl RemoteServiceAdmin for RemoteServiceAdminImpl {
    async fn export_service(
        &self,
        service: &ServiceRef,
        overrides: &Properties,
    ) -> Result<Vec<ExportRegistration>, Error> {
        self.admin()?.export_service(service, overrides).await
    }

    async fn import_service(
        &self,
        endpoint: &EndpointDescription,
    ) -> Result<ImportRegistration, Error> {
        self.admin()?.import_service(endpoint).await
    }

    fn exported_services(&self) -> Vec<ExportReference> {
        self.admin()
            .map(|admin| admin.exported_services())
            .unwrap_or_default()
    }

    fn imported_endpoints(&self) -> Vec<ImportReference> {
        self.admin()
            .map(|admin| admin.imported_endpoints())
            .unwrap_or_default()
    }

    fn export_registrations(&self) -> Vec<ExportRegistration> {
        self.admin()
            .map(|admin| admin.export_registrations())
            .unwrap_or_default()
    }

    fn import_registrations(&self) -> Vec<ImportRegistration> {
        self.admin()
            .map(|admin| admin.import_registrations())
            .unwrap_or_default()
    }
}

impl fmt::Debug for RemoteServiceAdminImpl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteServiceAdminImpl")
            .field(&self.admin.get())
            .finish()
    }
}

bundle!(
    /// The Remote Service Admin: one instance, `ferlix-rsa-remoteserviceadminimpl`.
    pub BUNDLE = "ferlix.rsa.remoteserviceadmin",
    components = [RemoteServiceAdminImpl]
);

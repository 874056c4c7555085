//! The bundle `ferlix.rsa.remoteserviceadmin` and its component.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use ferlix_core::component::ComponentContext;
use ferlix_core::property::{FromValue, Properties};
use ferlix_core::registry::{ServiceFactory, ServiceRef, ServiceRegistration};
use ferlix_core::{bundle, component, lifecycle};

use super::bundled::BundleAdmin;
use super::debug::{DEBUG, DebugListener};
use super::{Admin, RemoteServiceAdmin, RemoteServiceAdminListener};
use crate::Error;
use crate::provider::BoxError;
use crate::work::locked;

/// The admin as a component: it works while the component is valid, and withdraws everything when it is not any more.
#[component(
    factory = "ferlix-rsa-remoteserviceadminimpl-factory",
    instance = "ferlix-rsa-remoteserviceadminimpl",
    provides(dyn RemoteServiceAdmin, scope = "bundle")
)]
struct RemoteServiceAdminImpl {
    admin: OnceLock<Arc<Admin>>,
    /// What the bundles have that use it.
    made: Mutex<Vec<Arc<BundleAdmin>>>,
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

impl ServiceFactory<dyn RemoteServiceAdmin> for RemoteServiceAdminImpl {
    fn get(&self, _: u64, _: &ServiceRef) -> Result<Arc<dyn RemoteServiceAdmin>, BoxError> {
        let admin = self.admin.get().ok_or(Error::Closed {
            what: "RemoteServiceAdmin",
        })?;
        let made = Arc::new(BundleAdmin::new(admin));
        locked(&self.made).push(Arc::clone(&made));
        Ok(made)
    }

    fn unget(&self, _: u64, _: &ServiceRef, service: Arc<dyn RemoteServiceAdmin>) {
        let is_it =
            |one: &mut Arc<BundleAdmin>| std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(&service));
        let back: Vec<_> = locked(&self.made).extract_if(.., is_it).collect();
        back.iter().for_each(|admin| admin.release());
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

//! [`BundleAdmin`]: the Remote Service Admin as one bundle has it.
//!
//! The service is made for each bundle that uses it, as OSGi has it: what a bundle exported and imported through its object ends
//! when it lets go of that, at the latest when it stops. An endpoint that another bundle has a share in stays. The listings
//! show what all bundles have.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRef;

use super::{
    Admin, ExportReference, ExportRegistration, ImportReference, ImportRegistration,
    RemoteServiceAdmin,
};
use crate::Error;
use crate::endpoint::EndpointDescription;
use crate::work::locked;

/// For whom registrations were made, and whether it has let go of the admin.
#[derive(Debug, Default)]
pub(super) struct Owner {
    gone: AtomicBool,
}

impl Owner {
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
}

/// The admin, and for whom it works.
pub(super) struct BundleAdmin {
    admin: Arc<Admin>,
    owner: Arc<Owner>,
}

impl BundleAdmin {
    pub(super) fn new(admin: &Arc<Admin>) -> Self {
        Self {
            admin: Arc::clone(admin),
            owner: Arc::default(),
        }
    }

    /// The bundle lets go: its registrations are closed, and what it asks for from now on fails.
    pub(super) fn release(&self) {
        // Whoever makes a registration notes it first, and looks at this then: one of the two closes it.
        self.owner.gone.store(true, Ordering::Release);
        let exports = locked(&self.admin.exports).all();
        for share in exports {
            self.admin.close_if_abandoned(&ExportRegistration(share));
        }
        let imports = locked(&self.admin.imports).all();
        for share in imports {
            self.admin.close_if_abandoned(&ImportRegistration(share));
        }
    }

    fn check(&self) -> Result<(), Error> {
        match self.owner.is_gone() {
            true => Err(Error::Closed {
                what: "RemoteServiceAdmin",
            }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl RemoteServiceAdmin for BundleAdmin {
    async fn export_service(
        &self,
        service: &ServiceRef,
        overrides: &Properties,
    ) -> Result<Vec<ExportRegistration>, Error> {
        self.check()?;
        self.admin.export(&self.owner, service, overrides).await
    }

    async fn import_service(
        &self,
        endpoint: &EndpointDescription,
    ) -> Result<ImportRegistration, Error> {
        self.check()?;
        self.admin.import(&self.owner, endpoint).await
    }

    fn exported_services(&self) -> Vec<ExportReference> {
        locked(&self.admin.exports)
            .endpoints
            .values()
            .map(|export| ExportReference(Arc::clone(export)))
            .collect()
    }

    fn imported_endpoints(&self) -> Vec<ImportReference> {
        locked(&self.admin.imports)
            .endpoints
            .values()
            .map(|import| ImportReference(Arc::clone(import)))
            .collect()
    }

    fn export_registrations(&self) -> Vec<ExportRegistration> {
        locked(&self.admin.exports)
            .all()
            .into_iter()
            .map(ExportRegistration)
            .collect()
    }

    fn import_registrations(&self) -> Vec<ImportRegistration> {
        locked(&self.admin.imports)
            .all()
            .into_iter()
            .map(ImportRegistration)
            .collect()
    }
}

impl fmt::Debug for BundleAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BundleAdmin").field(&self.admin).finish()
    }
}

//! Registrations and references: what callers of the admin hold of an export or an import.
//!
//! A registration is one caller's share in an endpoint: the endpoint is there until the last share is closed. A registration that
//! failed carries its error instead. A reference only looks: it says nothing more once the endpoint is withdrawn.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRef;

use super::bundled::Owner;
use super::exports::Export;
use super::imports::Import;
use super::state::{Admin, Subject};
use crate::Error;
use crate::endpoint::EndpointDescription;
use crate::provider::ContainerId;
use crate::work::locked;

/// What a registration holds.
pub(super) enum Held<T> {
    Open(Arc<T>),
    Failed(Error),
    Closed,
}

/// What the clones of a registration have in common.
pub(super) struct Share<T: Withdrawable> {
    pub(super) admin: Weak<Admin>,
    /// Whose it is.
    pub(super) owner: Arc<Owner>,
    /// What was to be exported or imported.
    asked: T::Asked,
    held: Mutex<Held<T>>,
}

/// An endpoint of this framework or of another.
pub(super) trait Withdrawable {
    /// What it was asked for with.
    type Asked;

    /// The number of it; they are never used twice.
    fn serial(&self) -> u64;

    /// What is worked on alone with it.
    fn subject(&self) -> Subject;

    /// Whether it has been withdrawn.
    fn is_withdrawn(&self) -> bool;
}

impl<T: Withdrawable> Share<T> {
    pub(super) fn new(
        admin: Weak<Admin>,
        owner: &Arc<Owner>,
        asked: T::Asked,
        held: Held<T>,
    ) -> Arc<Self> {
        Arc::new(Self {
            admin,
            owner: Arc::clone(owner),
            asked,
            held: Mutex::new(held),
        })
    }

    /// The endpoint, while this share is open and the endpoint there.
    pub(super) fn open(&self, what: &'static str) -> Result<Arc<T>, Error> {
        match &*locked(&self.held) {
            Held::Open(endpoint) if !endpoint.is_withdrawn() => Ok(Arc::clone(endpoint)),
            Held::Failed(error) => Err(error.clone()),
            _ => Err(Error::Closed { what }),
        }
    }

    pub(super) fn is_failed(&self) -> bool {
        matches!(&*locked(&self.held), Held::Failed(_))
    }

    fn error(&self) -> Option<Error> {
        match &*locked(&self.held) {
            Held::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Whether this is an open share in that endpoint.
    pub(super) fn is_in(&self, endpoint: &Arc<T>) -> bool {
        matches!(&*locked(&self.held), Held::Open(held) if Arc::ptr_eq(held, endpoint))
    }

    /// The endpoint failed: what was open has the error from now on.
    pub(super) fn fail(&self, error: &Error) {
        let before = std::mem::replace(&mut *locked(&self.held), Held::Failed(error.clone()));
        drop(before);
    }

    /// Closes this share; returns the endpoint if it was open.
    pub(super) fn close(&self) -> Option<Arc<T>> {
        match std::mem::replace(&mut *locked(&self.held), Held::Closed) {
            Held::Open(endpoint) => Some(endpoint),
            _ => None,
        }
    }
}

/// One share in the export of a service by one provider, or the error of it. Cheap to clone.
///
/// It belongs to the admin of the bundle that asked for it, and ends when that lets go of the admin: dropping it undoes nothing.
#[derive(Clone)]
pub struct ExportRegistration(pub(super) Arc<Share<Export>>);

const EXPORT: &str = "ExportRegistration";

impl ExportRegistration {
    /// The export.
    ///
    /// # Errors
    /// The error of a failed registration; [`Error::Closed`] once this share is closed or the endpoint withdrawn.
    pub fn reference(&self) -> Result<ExportReference, Error> {
        self.0.open(EXPORT).map(ExportReference)
    }

    /// The error of a failed registration.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.0.error()
    }

    /// The service that was to be exported, also when that failed or is over.
    #[must_use]
    pub fn service(&self) -> &ServiceRef {
        &self.0.asked
    }

    /// Brings the endpoint in line with the service's properties now, and these overrides, or else those of the export.
    ///
    /// Properties that went are gone from the endpoint, too. Interfaces, configuration type and container stay as exported.
    /// Nothing different means no event.
    ///
    /// # Errors
    /// As [`Self::reference`]; [`Error::NotExportable`] when an override is `null`; as [`EndpointDescription::new`] when the
    /// properties make no description; [`Error::Provider`] when the container does not follow. The endpoint then stays as it
    /// was, and the listeners are told by an `EXPORT_WARNING`.
    pub async fn update(
        &self,
        overrides: Option<&Properties>,
    ) -> Result<EndpointDescription, Error> {
        let export = self.0.open(EXPORT)?;
        let admin = self
            .0
            .admin
            .upgrade()
            .ok_or(Error::Closed { what: EXPORT })?;
        admin.update_export(&export, overrides).await
    }

    /// Gives up this share; with the last one the endpoint is withdrawn. Closing again, or a failed one, does nothing.
    pub async fn close(&self) {
        if let (Some(export), Some(admin)) = (self.0.close(), self.0.admin.upgrade()) {
            admin.release_export(&export).await;
        }
    }
}

/// A look at an exported endpoint.
#[derive(Clone)]
pub struct ExportReference(pub(super) Arc<Export>);

impl ExportReference {
    /// The exported service, while the endpoint is there.
    #[must_use]
    pub fn exported_service(&self) -> Option<ServiceRef> {
        (!self.0.is_withdrawn()).then(|| self.0.service.clone())
    }

    /// The description, while the endpoint is there.
    #[must_use]
    pub fn exported_endpoint(&self) -> Option<EndpointDescription> {
        (!self.0.is_withdrawn()).then(|| self.0.endpoint())
    }

    /// The container that serves it.
    #[must_use]
    pub fn container_id(&self) -> &ContainerId {
        &self.0.container_id
    }
}

/// One share in an imported endpoint, or the error of it. Cheap to clone.
///
/// It belongs to the admin of the bundle that asked for it, and ends when that lets go of the admin: dropping it undoes nothing.
#[derive(Clone)]
pub struct ImportRegistration(pub(super) Arc<Share<Import>>);

const IMPORT: &str = "ImportRegistration";

impl ImportRegistration {
    /// The import.
    ///
    /// # Errors
    /// The error of a failed registration; [`Error::Closed`] once this share is closed or the proxy withdrawn.
    pub fn reference(&self) -> Result<ImportReference, Error> {
        self.0.open(IMPORT).map(ImportReference)
    }

    /// The error of a failed registration.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.0.error()
    }

    /// The endpoint as it was to be imported, also when that failed or is over.
    #[must_use]
    pub fn endpoint(&self) -> &EndpointDescription {
        &self.0.asked
    }

    /// Brings the proxy in line with a new description of the same endpoint. Nothing different means no event.
    ///
    /// # Errors
    /// As [`Self::reference`]; [`Error::WrongEndpoint`]; [`Error::NotUpdatable`] when interfaces, configuration types, container
    /// or remote service changed: close and import anew; [`Error::Provider`] when the provider does not follow. The proxy then
    /// stays as it was; of what the provider refuses the listeners are told by an `IMPORT_WARNING`.
    pub async fn update(&self, endpoint: &EndpointDescription) -> Result<(), Error> {
        let import = self.0.open(IMPORT)?;
        let admin = self
            .0
            .admin
            .upgrade()
            .ok_or(Error::Closed { what: IMPORT })?;
        admin.update_import(&import, endpoint).await
    }

    /// Gives up this share; with the last one the proxy is withdrawn, and this returns when its users have let go of it (at
    /// most after `ferlix.departure_timeout`). Closing again, or a failed one, does nothing.
    pub async fn close(&self) {
        if let (Some(import), Some(admin)) = (self.0.close(), self.0.admin.upgrade()) {
            admin.release_import(&import).await;
        }
    }
}

/// A look at an imported endpoint.
#[derive(Clone)]
pub struct ImportReference(pub(super) Arc<Import>);

impl ImportReference {
    /// The proxy, while the endpoint is imported.
    #[must_use]
    pub fn imported_service(&self) -> Option<ServiceRef> {
        (!self.0.is_withdrawn()).then(|| self.0.proxy.reference().clone())
    }

    /// The description, while the endpoint is imported.
    #[must_use]
    pub fn imported_endpoint(&self) -> Option<EndpointDescription> {
        (!self.0.is_withdrawn()).then(|| self.0.endpoint())
    }

    /// The container that calls it (not the exporter's).
    #[must_use]
    pub fn container_id(&self) -> &ContainerId {
        &self.0.container_id
    }
}

/// A registration of either kind, as the admin closes it.
pub(super) trait Registration: Clone + Send + Sync + 'static {
    fn owner(&self) -> &Owner;

    fn closed(&self) -> impl Future<Output = ()> + Send;
}

macro_rules! registration {
    ($($name:ident),*) => { $(
        impl Registration for $name {
            fn owner(&self) -> &Owner {
                &self.0.owner
            }

            fn closed(&self) -> impl Future<Output = ()> + Send {
                self.close()
            }
        }
    )* };
}

registration!(ExportRegistration, ImportRegistration);

macro_rules! debug {
    ($($name:ident => $body:expr),* $(,)?) => { $(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let show: fn(&Self) -> Result<String, Error> = $body;
                match show(self) {
                    Ok(id) => write!(f, concat!(stringify!($name), "({})"), id),
                    Err(error) => write!(f, concat!(stringify!($name), "({})"), error),
                }
            }
        }
    )* };
}

debug! {
    ExportRegistration => |this| Ok(this.0.open(EXPORT)?.endpoint().id().to_owned()),
    ImportRegistration => |this| Ok(this.0.open(IMPORT)?.endpoint().id().to_owned()),
    ExportReference => |this| Ok(this.0.endpoint().id().to_owned()),
    ImportReference => |this| Ok(this.0.endpoint().id().to_owned()),
}

//! [`Admin`]: the endpoints of one framework, and what happens when providers and services go.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use ferlix_core::framework::BundleContext;
use ferlix_core::property::FromValue;
use ferlix_core::registry::{ListenerId, ServiceEvent, ServiceEventKind};
use ferlix_core::service::Service;
use futures_util::future::join_all;

use super::event::{
    RemoteServiceAdminEvent, RemoteServiceAdminEventKind, RemoteServiceAdminListener,
};
use super::exports::Export;
use super::imports::Import;
use super::registration::Registration;
use super::table::Table;
use crate::Error;
use crate::endpoint::EndpointDescription;
use crate::provider::{BoxError, ExportProvider, ImportProvider};
use crate::work::{Runner, Turns, locked};

/// The framework property that limits each step of a provider (making a container, exporting, importing, …), in milliseconds
/// (default 30,000).
pub const PROVIDER_TIMEOUT: &str = "ferlix.rsa.provider_timeout";
const DEFAULT_PROVIDER_TIMEOUT: u64 = 30_000;

/// What is worked on alone: all exports of a service, or all imports of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Service(u64),
    Endpoint(Arc<str>),
}

/// The Remote Service Admin of a framework.
///
/// The tables stand under one lock that is held only to look things up; work on one service or endpoint goes in turns.
pub(crate) struct Admin {
    pub(super) this: Weak<Admin>,
    pub(super) context: BundleContext,
    pub(super) runner: Runner,
    pub(super) turns: Turns<Subject>,
    pub(super) exports: Mutex<Table<Export>>,
    pub(super) imports: Mutex<Table<Import>>,
    serial: AtomicU64,
    closed: AtomicBool,
    timeout: Duration,
    listeners: Mutex<Vec<ListenerId>>,
}

impl Admin {
    /// An admin that works for a bundle and follows the providers.
    ///
    /// # Errors
    /// As [`BundleContext::add_service_listener`].
    pub(crate) fn open(context: &BundleContext) -> Result<Arc<Self>, ferlix_core::Error> {
        let timeout = context
            .property(PROVIDER_TIMEOUT)
            .and_then(|value| u64::from_value(value).ok())
            .unwrap_or(DEFAULT_PROVIDER_TIMEOUT);
        let admin = Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            context: context.clone(),
            runner: Runner::new(context.framework()),
            turns: Turns::default(),
            exports: Mutex::default(),
            imports: Mutex::default(),
            serial: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            timeout: Duration::from_millis(timeout),
            listeners: Mutex::default(),
        });
        let this = Arc::downgrade(&admin);
        let id = context.add_service_listener(None, None, move |event| {
            if let Some(admin) = this.upgrade() {
                admin.service_changed(event);
            }
        })?;
        locked(&admin.listeners).push(id);
        Ok(admin)
    }

    /// Withdraws everything; what is asked of the admin from now on fails.
    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let exports: Vec<_> = locked(&self.exports).endpoints.values().cloned().collect();
        let imports: Vec<_> = locked(&self.imports).endpoints.values().cloned().collect();
        let exports = join_all(exports.iter().map(|export| self.close_export(export)));
        let imports = join_all(imports.iter().map(|import| self.close_import(import)));
        tokio::join!(exports, imports);
        for id in std::mem::take(&mut *locked(&self.listeners)) {
            self.context.remove_listener(id);
        }
    }

    /// # Errors
    /// [`Error::Closed`].
    pub(super) fn check_open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed {
                what: "RemoteServiceAdmin",
            });
        }
        Ok(())
    }

    /// The next number, for an endpoint or a remote service; they are never used twice.
    pub(super) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Withdraws what depends on a service or a provider that goes.
    fn service_changed(&self, event: &ServiceEvent) {
        if event.kind != ServiceEventKind::Unregistering {
            return;
        }
        let going = &event.reference;
        let of_provider = |name: &str| going.specifications().iter().any(|own| **own == *name);
        let by_provider = of_provider(<dyn ExportProvider as Service>::interface().name);
        let exports: Vec<Arc<Export>> = {
            let table = locked(&self.exports);
            if by_provider {
                let depends = |export: &&Arc<Export>| {
                    export.service == *going || export.provider.reference() == going
                };
                table.endpoints.values().filter(depends).cloned().collect()
            } else {
                table.of(&Subject::Service(going.id())).cloned().collect()
            }
        };
        let imports: Vec<Arc<Import>> =
            if of_provider(<dyn ImportProvider as Service>::interface().name) {
                let table = locked(&self.imports);
                table
                    .endpoints
                    .values()
                    .filter(|import| import.provider.reference() == going)
                    .cloned()
                    .collect()
            } else {
                Vec::new()
            };
        for export in exports {
            let Some(admin) = self.this.upgrade() else {
                return;
            };
            self.runner
                .begin(async move { admin.close_export(&export).await });
        }
        for import in imports {
            let Some(admin) = self.this.upgrade() else {
                return;
            };
            self.runner
                .begin(async move { admin.close_import(&import).await });
        }
    }

    /// Closes a registration whose bundle has let go of the admin, also while it was made.
    pub(super) fn close_if_abandoned(&self, registration: &impl Registration) {
        if registration.owner().is_gone() {
            let registration = registration.clone();
            self.runner
                .begin(async move { registration.closed().await });
        }
    }

    /// Tells the listeners, best ranked first.
    pub(super) fn notify(
        &self,
        kind: RemoteServiceAdminEventKind,
        fill: impl FnOnce(&mut RemoteServiceAdminEvent),
    ) {
        let mut event = RemoteServiceAdminEvent {
            kind,
            bundle: self.context.bundle().clone(),
            endpoint: None,
            service: None,
            container: None,
            error: None,
        };
        fill(&mut event);
        let endpoint = event.endpoint.as_ref().map(EndpointDescription::id);
        match &event.error {
            Some(error) => {
                tracing::warn!(%kind, endpoint, error = error as &dyn std::error::Error, "remote service");
            }
            None => tracing::debug!(%kind, endpoint, "remote service"),
        }
        for listener in self
            .context
            .services::<dyn RemoteServiceAdminListener>(None)
        {
            let told = catch_unwind(AssertUnwindSafe(|| listener.remote_admin_event(&event)));
            if told.is_err() {
                tracing::error!(%kind, listener = %listener.reference(), "a remote service admin listener panicked");
            }
        }
    }

    /// Waits for a step of a provider, within the limit that holds for each.
    pub(super) async fn step<T>(
        &self,
        step: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, BoxError> {
        match tokio::time::timeout(self.timeout, step).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {:?}", self.timeout).into()),
        }
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("exports", &locked(&self.exports).endpoints.len())
            .field("imports", &locked(&self.imports).endpoints.len())
            .finish_non_exhaustive()
    }
}

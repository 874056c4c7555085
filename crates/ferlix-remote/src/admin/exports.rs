//! Exports: services of this framework that others can call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ferlix_core::property::Properties;
use ferlix_core::registry::{ServiceGuard, ServiceRef};
use ferlix_core::service::Dispatch;
use uuid::Uuid;

use super::basic::check_basic;
use super::bundled::Owner;
use super::event::RemoteServiceAdminEventKind as Kind;
use super::properties::{Template, exported_interfaces, merged, package_versions};
use super::registration::{ExportRegistration, Held, Share, Withdrawable};
use super::selection::{Choice, Offer, Reason, Wish, select_exporters};
use super::state::{Admin, Subject};
use crate::Error;
use crate::endpoint::EndpointDescription;
use crate::provider::{BoxError, ContainerId, EndpointFailure, ExportContainer, ExportProvider};
use crate::work::locked;

/// One exported endpoint.
pub(super) struct Export {
    serial: u64,
    pub(super) service: ServiceRef,
    pub(super) provider: ServiceGuard<dyn ExportProvider>,
    container: Arc<dyn ExportContainer>,
    pub(super) container_id: ContainerId,
    template: Template,
    /// What the service was exported with.
    overrides: Properties,
    state: Mutex<State>,
    withdrawn: AtomicBool,
}

struct State {
    endpoint: EndpointDescription,
    /// How many shares are open.
    shares: usize,
}

impl Export {
    /// The description now.
    pub(super) fn endpoint(&self) -> EndpointDescription {
        locked(&self.state).endpoint.clone()
    }
}

impl Withdrawable for Export {
    type Asked = ServiceRef;

    fn serial(&self) -> u64 {
        self.serial
    }

    fn subject(&self) -> Subject {
        Subject::Service(self.service.id())
    }

    fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Acquire)
    }
}

impl Admin {
    /// Exports a service by every provider that fits, and says what came of each.
    pub(super) async fn export(
        &self,
        owner: &Arc<Owner>,
        service: &ServiceRef,
        overrides: &Properties,
    ) -> Result<Vec<ExportRegistration>, Error> {
        let _turn = self.turns.take(Subject::Service(service.id())).await;
        self.check_open()?;
        let refuse = |reason: &str| Error::NotExportable {
            service: service.to_string(),
            reason: reason.to_owned(),
        };
        if !service.is_registered() {
            return Err(refuse("it is not registered any more"));
        }
        if service.is_imported() {
            return Err(refuse("it is imported itself"));
        }
        let properties = merged(service, overrides)?;
        let interfaces = exported_interfaces(service, &properties)?;
        let wish = Wish::of(&properties);
        let providers = self.context.services::<dyn ExportProvider>(None);
        let offers: Vec<Offer> = providers
            .iter()
            .map(|provider| Offer::of_exporter(&***provider, &wish.intents))
            .collect();
        let (choices, reasons) = select_exporters(&wish, &offers);
        for reason in &reasons {
            match reason {
                Reason::Synonym(text) => tracing::warn!(%service, "{text}"),
                Reason::Other(text) => {
                    tracing::debug!(%service, reason = text, "not exported by a provider");
                }
            }
        }
        if choices.is_empty() && !providers.is_empty() {
            let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
            tracing::warn!(%service, reasons = reasons.join("; "), "no provider exports the service");
        }
        let mut registrations = Vec::with_capacity(choices.len());
        let mut providers: Vec<Option<_>> = providers.into_iter().map(Some).collect();
        for choice in choices {
            let Some(provider) = providers[choice.offer].take() else {
                continue;
            };
            let request = Request {
                owner,
                service,
                overrides,
                properties: &properties,
                interfaces: &interfaces,
                intents: &wish.intents,
                offer: &offers[choice.offer],
                choice,
            };
            // On the heap for itself: all that an export needs together is more than an allocator has at hand.
            registrations.push(Box::pin(self.export_by(provider, &request)).await);
        }
        // Its departure may have come before there was anything to withdraw.
        if !service.is_registered() {
            for registration in &registrations {
                if let Some(export) = registration.0.close() {
                    self.withdraw_export(&export).await;
                }
            }
        }
        Ok(registrations)
    }

    /// Exports by one provider; what fails becomes a failed registration and an event.
    async fn export_by(
        &self,
        provider: ServiceGuard<dyn ExportProvider>,
        request: &Request<'_>,
    ) -> ExportRegistration {
        let service = request.service.clone();
        let owner = request.owner;
        let provider_reference = provider.reference().clone();
        let result = self.find_or_make(provider, request).await;
        let (held, event) = match result {
            Ok(export) => (Held::Open(Arc::clone(&export)), Ok(export)),
            Err(error) => (Held::Failed(error.clone()), Err(error)),
        };
        let share = Share::new(self.this.clone(), owner, service.clone(), held);
        match event {
            Ok(export) => {
                locked(&self.exports).add(&export, &share);
                self.notify_export(Kind::ExportRegistration, &export);
                if !provider_reference.is_registered() {
                    self.withdraw_export(&export).await;
                }
            }
            Err(error) => {
                locked(&self.exports).add_failed(&share);
                self.notify(Kind::ExportError, |event| {
                    event.service = Some(service);
                    event.error = Some(error);
                });
            }
        }
        let registration = ExportRegistration(share);
        self.close_if_abandoned(&registration);
        registration
    }

    /// One more share in the endpoint of that service in that container, or a new endpoint.
    async fn find_or_make(
        &self,
        provider: ServiceGuard<dyn ExportProvider>,
        request: &Request<'_>,
    ) -> Result<Arc<Export>, Error> {
        let name = request.offer.name.clone();
        let failed = |action| {
            let name = name.clone();
            move |error| Error::provider(&name, action, error)
        };
        let configuration = &request.choice.configuration;
        check_basic(request.service, request.intents, request.interfaces)?;
        let container = self
            .step(provider.container(configuration, request.intents, request.properties))
            .await;
        let container = container.map_err(failed("make a container"))?;
        let container_id = container.id();
        let shared = locked(&self.exports)
            .of(&Subject::Service(request.service.id()))
            .find(|export| {
                export.container_id == container_id
                    && export.template.configuration == *configuration
            })
            .cloned();
        if let Some(export) = shared {
            locked(&export.state).shares += 1;
            return Ok(export);
        }
        let interfaces: Vec<Arc<dyn Dispatch>> = request.interfaces.to_vec();
        let serial = self.next_serial();
        let template = Template {
            endpoint_id: Uuid::new_v4().to_string(),
            framework_uuid: self.context.framework().uuid().to_owned(),
            service_id: request.service.id(),
            remote_service_id: serial,
            container: container_id.clone(),
            configuration: configuration.clone(),
            interfaces: interfaces
                .iter()
                .map(|dispatch| dispatch.interface().name.to_owned())
                .collect(),
            versions: package_versions(&interfaces),
            supported_configurations: request.offer.configurations.clone(),
            supported_intents: provider.intents(),
            intents: request.intents.to_vec(),
        };
        let endpoint = template.describe(request.properties, None)?;
        self.step(container.export(&endpoint, interfaces))
            .await
            .map_err(failed("export the service"))?;
        let export = Arc::new(Export {
            serial,
            service: request.service.clone(),
            provider,
            container,
            container_id,
            template,
            overrides: request.overrides.clone(),
            state: Mutex::new(State {
                endpoint,
                shares: 1,
            }),
            withdrawn: AtomicBool::new(false),
        });
        locked(&self.exports).insert(&export);
        let (admin, failing) = (self.this.clone(), Arc::downgrade(&export));
        let failure = EndpointFailure::new(move |error| {
            if let (Some(admin), Some(export)) = (admin.upgrade(), failing.upgrade()) {
                let runner = admin.runner.clone();
                runner.begin(async move { admin.fail_export(&export, error).await });
            }
        });
        export.container.on_failure(&export.endpoint(), failure);
        Ok(export)
    }

    /// Brings an endpoint in line with its service.
    pub(super) async fn update_export(
        &self,
        export: &Arc<Export>,
        overrides: Option<&Properties>,
    ) -> Result<EndpointDescription, Error> {
        let _turn = self.turns.take(export.subject()).await;
        if export.is_withdrawn() {
            return Err(Error::Closed {
                what: "ExportRegistration",
            });
        }
        let updated = self.follow_service(export, overrides).await;
        if let Err(error) = &updated {
            self.notify(Kind::ExportWarning, |event| {
                event.endpoint = Some(export.endpoint());
                event.service = Some(export.service.clone());
                event.container = Some(export.container_id.clone());
                event.error = Some(error.clone());
            });
        }
        updated
    }

    async fn follow_service(
        &self,
        export: &Arc<Export>,
        overrides: Option<&Properties>,
    ) -> Result<EndpointDescription, Error> {
        let before = export.endpoint();
        let overrides = overrides.unwrap_or(&export.overrides);
        let properties = merged(&export.service, overrides)?;
        let endpoint = export
            .template
            .describe(&properties, Some(before.timestamp()))?;
        if endpoint.same_content(&before) {
            return Ok(before);
        }
        let updated = self.step(export.container.update(&endpoint)).await;
        updated.map_err(|error| {
            Error::provider(export.provider.name(), "update the endpoint", error)
        })?;
        locked(&export.state).endpoint = endpoint.clone();
        self.notify_export(Kind::ExportUpdate, export);
        Ok(endpoint)
    }

    /// Takes back one share; the last one withdraws the endpoint.
    pub(super) async fn release_export(&self, export: &Arc<Export>) {
        let _turn = self.turns.take(export.subject()).await;
        let last = {
            let mut state = locked(&export.state);
            state.shares = state.shares.saturating_sub(1);
            state.shares == 0
        };
        if last {
            self.withdraw_export(export).await;
        } else {
            let closed = locked(&self.exports).tidy(export);
            drop(closed);
        }
    }

    /// Withdraws an endpoint however many shares are open.
    pub(super) async fn close_export(&self, export: &Arc<Export>) {
        let _turn = self.turns.take(export.subject()).await;
        self.withdraw_export(export).await;
    }

    /// The provider says that it can serve an endpoint no more: the registrations have its error.
    async fn fail_export(&self, export: &Arc<Export>, error: BoxError) {
        let _turn = self.turns.take(export.subject()).await;
        let error = Error::provider(export.provider.name(), "go on serving the endpoint", error);
        {
            let mut table = locked(&self.exports);
            // Under the lock, so that nobody takes the shares for closed ones meanwhile.
            if export.withdrawn.swap(true, Ordering::AcqRel) {
                return;
            }
            table.fail(export, &error);
        }
        self.notify(Kind::ExportError, |event| {
            event.endpoint = Some(export.endpoint());
            event.service = Some(export.service.clone());
            event.container = Some(export.container_id.clone());
            event.error = Some(error);
        });
        self.let_go(export).await;
    }

    /// Withdraws an endpoint: the listeners are told first, so that peers hear of it before calls are refused.
    async fn withdraw_export(&self, export: &Arc<Export>) {
        if export.withdrawn.swap(true, Ordering::AcqRel) {
            return;
        }
        let shares = locked(&self.exports).remove(export);
        drop(shares);
        self.notify_export(Kind::ExportUnregistration, export);
        self.let_go(export).await;
    }

    /// Has the container stop to serve an endpoint.
    async fn let_go(&self, export: &Export) {
        let endpoint = export.endpoint();
        if let Err(error) = self.step(export.container.unexport(&endpoint)).await {
            tracing::warn!(
                endpoint = endpoint.id(),
                error = &*error as &dyn std::error::Error,
                "a container did not let go of an endpoint"
            );
        }
    }

    fn notify_export(&self, kind: Kind, export: &Export) {
        self.notify(kind, |event| {
            event.endpoint = Some(export.endpoint());
            event.service = Some(export.service.clone());
            event.container = Some(export.container_id.clone());
        });
    }
}

/// What is to be exported by one provider.
struct Request<'a> {
    owner: &'a Arc<Owner>,
    service: &'a ServiceRef,
    overrides: &'a Properties,
    /// The service's properties with the overrides.
    properties: &'a Properties,
    interfaces: &'a [Arc<dyn Dispatch>],
    intents: &'a [String],
    offer: &'a Offer,
    choice: Choice,
}

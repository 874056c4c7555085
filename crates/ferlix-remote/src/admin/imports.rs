//! Imports: services of other frameworks that have a proxy here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ferlix_core::registry::{ServiceGuard, ServiceRegistration};
use ferlix_core::service::Caller;

use super::bundled::Owner;
use super::caller::ProxyCaller;
use super::event::RemoteServiceAdminEventKind as Kind;
use super::properties::proxy_properties;
use super::registration::{Held, ImportRegistration, Share, Withdrawable};
use super::selection::{Offer, select_importer};
use super::state::{Admin, Subject};
use crate::Error;
use crate::endpoint::EndpointDescription;
use crate::provider::{BoxError, ContainerId, EndpointFailure, ImportContainer, ImportProvider};
use crate::work::locked;

/// One imported endpoint.
pub(super) struct Import {
    serial: u64,
    pub(super) provider: ServiceGuard<dyn ImportProvider>,
    container: Arc<dyn ImportContainer>,
    pub(super) container_id: ContainerId,
    caller: Arc<ProxyCaller>,
    pub(super) proxy: ServiceRegistration,
    state: Mutex<State>,
    withdrawn: AtomicBool,
}

struct State {
    endpoint: EndpointDescription,
    /// How many shares are open.
    shares: usize,
}

impl Import {
    /// The description now.
    pub(super) fn endpoint(&self) -> EndpointDescription {
        locked(&self.state).endpoint.clone()
    }
}

impl Withdrawable for Import {
    type Asked = EndpointDescription;

    fn serial(&self) -> u64 {
        self.serial
    }

    fn subject(&self) -> Subject {
        Subject::Endpoint(self.endpoint().shared_id())
    }

    fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Acquire)
    }
}

impl Admin {
    /// Imports an endpoint, or gives one more share in its proxy.
    pub(super) async fn import(
        &self,
        owner: &Arc<Owner>,
        endpoint: &EndpointDescription,
    ) -> Result<ImportRegistration, Error> {
        let subject = Subject::Endpoint(endpoint.shared_id());
        let _turn = self.turns.take(subject.clone()).await;
        self.check_open()?;
        let shared = locked(&self.imports).of(&subject).next().cloned();
        let result = match shared {
            Some(import) => self.update_proxy(&import, endpoint).await.map(|()| {
                locked(&import.state).shares += 1;
                import
            }),
            None => {
                let provider = self.importer(endpoint)?;
                self.make_proxy(provider, endpoint).await
            }
        };
        let held = match &result {
            Ok(import) => Held::Open(Arc::clone(import)),
            Err(error) => Held::Failed(error.clone()),
        };
        let share = Share::new(self.this.clone(), owner, endpoint.clone(), held);
        match result {
            Ok(import) => {
                locked(&self.imports).add(&import, &share);
                self.notify_import(Kind::ImportRegistration, &import);
                // The provider's departure may have come before there was anything to withdraw.
                if !import.provider.reference().is_registered() {
                    self.withdraw_import(&import).await;
                }
            }
            Err(error) => {
                locked(&self.imports).add_failed(&share);
                self.notify(Kind::ImportError, |event| {
                    event.endpoint = Some(endpoint.clone());
                    event.error = Some(error);
                });
            }
        }
        let registration = ImportRegistration(share);
        self.close_if_abandoned(&registration);
        Ok(registration)
    }

    /// The provider that imports an endpoint.
    fn importer(
        &self,
        endpoint: &EndpointDescription,
    ) -> Result<ServiceGuard<dyn ImportProvider>, Error> {
        let mut providers = self.context.services::<dyn ImportProvider>(None);
        let offers: Vec<Offer> = providers
            .iter()
            .map(|provider| Offer::of_importer(&***provider, endpoint.intents()))
            .collect();
        let configurations: Vec<&str> = endpoint
            .configurations()
            .iter()
            .map(String::as_str)
            .collect();
        match select_importer(&configurations, endpoint.intents(), &offers) {
            Ok(index) => Ok(providers.swap_remove(index)),
            Err(reasons) => Err(Error::NoProvider {
                what: format!("endpoint {} cannot be imported", endpoint.id()),
                reason: reasons.join("; "),
            }),
        }
    }

    /// Makes a proxy and registers it, in the name of the provider's bundle.
    async fn make_proxy(
        &self,
        provider: ServiceGuard<dyn ImportProvider>,
        endpoint: &EndpointDescription,
    ) -> Result<Arc<Import>, Error> {
        let failed = |action| {
            let name = provider.name().to_owned();
            move |error| Error::provider(&name, action, error)
        };
        let container = self
            .step(provider.container(endpoint))
            .await
            .map_err(failed("make a container"))?;
        let caller = self
            .step(container.import(endpoint))
            .await
            .map_err(failed("import the endpoint"))?;
        let caller = ProxyCaller::new(endpoint.interfaces().join(", "), caller);
        let framework = self.context.framework();
        let bundle = framework
            .bundle(provider.reference().bundle_id())
            .map_or_else(|| self.context.clone(), |bundle| bundle.context());
        let interfaces = endpoint.interfaces().to_vec();
        let properties = proxy_properties(endpoint, provider.name(), &provider.intents());
        let proxy = match bundle.register_remote(
            interfaces,
            Arc::clone(&caller) as Arc<dyn Caller>,
            properties,
        ) {
            Ok(proxy) => proxy,
            Err(source) => {
                container.release(endpoint).await;
                return Err(Error::Registry {
                    endpoint: endpoint.id().to_owned(),
                    source: Arc::new(source),
                });
            }
        };
        let serial = self.next_serial();
        let import = Arc::new(Import {
            serial,
            container_id: container.id(),
            provider,
            container,
            caller,
            proxy,
            state: Mutex::new(State {
                endpoint: endpoint.clone(),
                shares: 1,
            }),
            withdrawn: AtomicBool::new(false),
        });
        locked(&self.imports).insert(&import);
        self.watch(&import);
        Ok(import)
    }

    /// Lets the container report that the endpoint is gone for good.
    fn watch(&self, import: &Arc<Import>) {
        let (admin, failing) = (self.this.clone(), Arc::downgrade(import));
        let failure = EndpointFailure::new(move |error| {
            if let (Some(admin), Some(import)) = (admin.upgrade(), failing.upgrade()) {
                let runner = admin.runner.clone();
                runner.begin(async move { admin.fail_import(&import, error).await });
            }
        });
        import.container.on_failure(&import.endpoint(), failure);
    }

    /// Brings a proxy in line with a new description.
    pub(super) async fn update_import(
        &self,
        import: &Arc<Import>,
        endpoint: &EndpointDescription,
    ) -> Result<(), Error> {
        let before = import.endpoint();
        if before != *endpoint {
            return Err(Error::WrongEndpoint {
                expected: before.id().to_owned(),
                given: endpoint.id().to_owned(),
            });
        }
        let _turn = self.turns.take(import.subject()).await;
        if import.is_withdrawn() {
            return Err(Error::Closed {
                what: "ImportRegistration",
            });
        }
        self.update_proxy(import, endpoint).await
    }

    async fn update_proxy(
        &self,
        import: &Arc<Import>,
        endpoint: &EndpointDescription,
    ) -> Result<(), Error> {
        let before = import.endpoint();
        if before.same_content(endpoint) {
            locked(&import.state).endpoint = endpoint.clone();
            return Ok(());
        }
        if let Some(what) = identity_change(&before, endpoint) {
            return Err(Error::NotUpdatable {
                endpoint: endpoint.id().to_owned(),
                what,
            });
        }
        if let Err(error) = self.step(import.container.update(endpoint)).await {
            tracing::debug!(
                endpoint = endpoint.id(),
                error = &*error as &dyn std::error::Error,
                "the container imports the endpoint anew"
            );
            let anew = self.step(import.container.import(endpoint)).await;
            match anew {
                Ok(caller) => {
                    import.caller.replace(caller);
                    self.watch(import);
                }
                Err(error) => {
                    let error = Error::provider(import.provider.name(), "update the proxy", error);
                    self.notify(Kind::ImportWarning, |event| {
                        event.endpoint = Some(import.endpoint());
                        event.service = Some(import.proxy.reference().clone());
                        event.container = Some(import.container_id.clone());
                        event.error = Some(error.clone());
                    });
                    return Err(error);
                }
            }
        }
        locked(&import.state).endpoint = endpoint.clone();
        let properties =
            proxy_properties(endpoint, import.provider.name(), &import.provider.intents());
        let replaced = import.proxy.replace_properties(properties);
        replaced.map_err(|source| Error::Registry {
            endpoint: endpoint.id().to_owned(),
            source: Arc::new(source),
        })?;
        self.notify_import(Kind::ImportUpdate, import);
        Ok(())
    }

    /// Takes back one share; the last one withdraws the proxy.
    pub(super) async fn release_import(&self, import: &Arc<Import>) {
        let _turn = self.turns.take(import.subject()).await;
        let last = {
            let mut state = locked(&import.state);
            state.shares = state.shares.saturating_sub(1);
            state.shares == 0
        };
        if last {
            self.withdraw_import(import).await;
        } else {
            let closed = locked(&self.imports).tidy(import);
            drop(closed);
        }
    }

    /// Withdraws a proxy however many shares are open.
    pub(super) async fn close_import(&self, import: &Arc<Import>) {
        let _turn = self.turns.take(import.subject()).await;
        self.withdraw_import(import).await;
    }

    /// The provider says that an endpoint is gone for good: the registrations have its error.
    async fn fail_import(&self, import: &Arc<Import>, error: BoxError) {
        let _turn = self.turns.take(import.subject()).await;
        let error = Error::provider(import.provider.name(), "go on calling the endpoint", error);
        {
            let mut table = locked(&self.imports);
            // Under the lock, so that nobody takes the shares for closed ones meanwhile.
            if import.withdrawn.swap(true, Ordering::AcqRel) {
                return;
            }
            table.fail(import, &error);
        }
        self.depart(import).await;
        self.notify(Kind::ImportError, |event| {
            event.endpoint = Some(import.endpoint());
            event.container = Some(import.container_id.clone());
            event.error = Some(error);
        });
    }

    /// Withdraws a proxy however many shares are open; the turn is the caller's.
    async fn withdraw_import(&self, import: &Arc<Import>) {
        if import.withdrawn.swap(true, Ordering::AcqRel) {
            return;
        }
        let shares = locked(&self.imports).remove(import);
        drop(shares);
        self.depart(import).await;
        self.notify_import(Kind::ImportUnregistration, import);
    }

    /// Calls fail at once, then the users of the proxy let go of it, then the provider does.
    async fn depart(&self, import: &Import) {
        import.caller.close();
        let endpoint = import.endpoint();
        match import.proxy.unregister().await {
            // The provider's bundle stopped and took the proxy with it.
            Ok(()) | Err(ferlix_core::Error::Unregistered { .. }) => {}
            Err(error) => tracing::warn!(endpoint = endpoint.id(), %error, "a proxy departed late"),
        }
        let released = self.step(async {
            import.container.release(&endpoint).await;
            Ok(())
        });
        if let Err(error) = released.await {
            tracing::warn!(endpoint = endpoint.id(), %error, "a container did not let go of an endpoint");
        }
    }

    fn notify_import(&self, kind: Kind, import: &Import) {
        self.notify(kind, |event| {
            event.endpoint = Some(import.endpoint());
            event.service = Some(import.proxy.reference().clone());
            event.container = Some(import.container_id.clone());
        });
    }
}

/// What of a change no proxy can follow.
fn identity_change(
    before: &EndpointDescription,
    after: &EndpointDescription,
) -> Option<&'static str> {
    if before.interfaces() != after.interfaces() {
        Some("its interfaces")
    } else if before.configurations() != after.configurations() {
        Some("its configuration types")
    } else if before.container_id() != after.container_id()
        || before.container_namespace() != after.container_namespace()
    {
        Some("its container")
    } else if before.remote_service_id() != after.remote_service_id() {
        Some("its remote service")
    } else {
        None
    }
}

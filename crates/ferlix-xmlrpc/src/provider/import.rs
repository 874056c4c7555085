//! The import side of the distribution provider: one transport, one caller for each endpoint.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ferlix_core::component::{ComponentContext, ComponentError};
use ferlix_core::property::{Properties, Value};
use ferlix_core::service::Caller;
use ferlix_core::{component, lifecycle};
use ferlix_remote::endpoint::{EndpointDescription, names};
use ferlix_remote::provider::{ContainerId, ImportContainer, ImportProvider};

use super::intents::{self, INTENTS};
use super::options::{flag, limits};
use super::{CLIENT_CONFIGURATION, NAMESPACE, SERVER_CONFIGURATION};
use crate::client::{Credentials, Secret, TlsFiles, Transport, TransportOptions, XmlRpcCaller};
use crate::error::{BoxError, Error};
use crate::statistics::CallStatistics;
use crate::timeout::{from_milliseconds, from_seconds};

/// Imports endpoints that were exported by `ecf.xmlrpc.server`, ours and those of iPOPO and Eclipse ECF.
#[component(
    factory = "xmlrpc-import-distribution-provider-factory",
    instance = "xmlrpc-import-distribution-provider",
    provides(dyn ImportProvider),
    property(
        "config_name" = CLIENT_CONFIGURATION,
        "namespace" = NAMESPACE,
        "supported_configs" = [SERVER_CONFIGURATION],
        "supported_intents" = INTENTS,
        "remote.configs.supported" = [SERVER_CONFIGURATION],
        "remote.intents.supported" = INTENTS,
    )
)]
pub(crate) struct XmlRpcImportProvider {
    #[inject]
    calls: Arc<dyn CallStatistics>,
    #[property("ecf.xmlrpc.client.timeout", default = 30)]
    timeout: Value,
    #[property("ecf.xmlrpc.client.tls.ca_file")]
    ca_file: Option<String>,
    #[property("ecf.xmlrpc.client.tls.cert_file")]
    cert_file: Option<String>,
    #[property("ecf.xmlrpc.client.tls.key_file")]
    key_file: Option<String>,
    #[property("ecf.xmlrpc.client.auth.user")]
    user: Option<String>,
    #[property("ecf.xmlrpc.client.auth.secret_file")]
    secret_file: Option<String>,
    #[property("ecf.xmlrpc.client.auth.secret_env")]
    secret_env: Option<String>,
    #[property("ecf.xmlrpc.client.auth.hosts")]
    hosts: Value,
    importing: OnceLock<Importing>,
}

/// What there is from validate to invalidate.
struct Importing {
    context: ComponentContext,
    importer: Arc<Importer>,
}

#[lifecycle]
impl XmlRpcImportProvider {
    #[validate]
    fn start(&self, context: &ComponentContext) -> Result<(), ComponentError> {
        let timeout = from_seconds(Some(&self.timeout)).ok_or_else(|| {
            ComponentError::other(Error::Property {
                name: "ecf.xmlrpc.client.timeout".into(),
                value: self.timeout.to_string(),
                reason: "expected seconds, more than 0".to_owned(),
            })
        })?;
        let framework = context.bundle().framework();
        let given = |key: &str| {
            context
                .property(key)
                .or_else(|| framework.properties().get(key).cloned())
        };
        let mut options = TransportOptions {
            limits: limits("client", &given).map_err(ComponentError::other)?,
            tls: self.tls()?,
            credentials: self.credentials()?,
            statistics: Arc::clone(self.calls.statistics()),
            ..TransportOptions::default()
        };
        flag("client", "gzip", &given, &mut options.gzip).map_err(ComponentError::other)?;
        let importer = Importer {
            id: uuid::Uuid::new_v4().to_string(),
            transport: Transport::new(&options).map_err(ComponentError::other)?,
            timeout,
            callers: Mutex::default(),
        };
        let importing = Importing {
            context: context.clone(),
            importer: Arc::new(importer),
        };
        // An object is validated once.
        drop(self.importing.set(importing));
        Ok(())
    }

    #[invalidate]
    async fn stop(&self, context: &ComponentContext) {
        if let Some(importing) = self.importing.get() {
            // It is not there when nothing was imported.
            let components = context.bundle().components();
            drop(components.kill(&importing.importer.id).await);
        }
    }
}

impl XmlRpcImportProvider {
    fn credentials(&self) -> Result<Option<Credentials>, ComponentError> {
        let user = given(&self.user);
        let secret = match (given(&self.secret_file), given(&self.secret_env)) {
            (Some(file), None) => Secret::File(file.into()),
            (None, Some(variable)) => Secret::Environment(variable),
            (None, None) if user.is_none() => return Ok(None),
            (None, None) => {
                return Err(
                    "ecf.xmlrpc.client.auth.user needs a password: set ecf.xmlrpc.client.auth.secret_file \
                            or ecf.xmlrpc.client.auth.secret_env"
                        .into(),
                );
            }
            (Some(_), Some(_)) => {
                return Err(
                    "set ecf.xmlrpc.client.auth.secret_file or ecf.xmlrpc.client.auth.secret_env, not both"
                        .into(),
                );
            }
        };
        let hosts = self.hosts.strings().into_iter();
        let hosts = hosts.flat_map(|text| text.split(',')).map(str::trim);
        let hosts = hosts.filter(|host| !host.is_empty());
        Ok(Some(Credentials {
            user,
            secret,
            hosts: hosts.map(str::to_owned).collect(),
        }))
    }

    fn tls(&self) -> Result<Option<TlsFiles>, ComponentError> {
        let identity = match (given(&self.cert_file), given(&self.key_file)) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some((PathBuf::from(certificate), PathBuf::from(key)))
            }
            _ => {
                return Err(
                    "set both ecf.xmlrpc.client.tls.cert_file and ecf.xmlrpc.client.tls.key_file, \
                            or neither"
                        .into(),
                );
            }
        };
        match given(&self.ca_file) {
            Some(authorities) => Ok(Some(TlsFiles {
                authorities: authorities.into(),
                identity,
            })),
            None if identity.is_some() => Err(
                "a client certificate is of no use without ecf.xmlrpc.client.tls.ca_file".into(),
            ),
            None => Ok(None),
        }
    }
}

fn given(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

#[async_trait]
impl ImportProvider for XmlRpcImportProvider {
    fn name(&self) -> &str {
        CLIENT_CONFIGURATION
    }

    fn configurations(&self) -> Vec<String> {
        vec![SERVER_CONFIGURATION.to_owned()]
    }

    fn intents(&self) -> Vec<String> {
        intents::intents()
    }

    fn conditional_intents(&self) -> Vec<String> {
        intents::conditional()
    }

    async fn container(
        &self,
        _endpoint: &EndpointDescription,
    ) -> Result<Arc<dyn ImportContainer>, BoxError> {
        let Importing { context, importer } = self
            .importing
            .get()
            .ok_or("the XML-RPC provider is not running")?;
        let components = context.bundle().components();
        if !components.contains(&importer.id) {
            let made = components
                .instantiate(CLIENT_CONFIGURATION, &importer.id, Properties::new())
                .await;
            match made {
                // The second: two imports at once.
                Ok(()) | Err(ferlix_core::Error::Duplicate { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Arc::clone(importer) as Arc<dyn ImportContainer>)
    }
}

/// The container of all imported endpoints.
struct Importer {
    id: String,
    transport: Transport,
    timeout: Duration,
    /// By the identity of the endpoint.
    callers: Mutex<HashMap<Arc<str>, XmlRpcCaller>>,
}

impl Importer {
    fn callers(&self) -> MutexGuard<'_, HashMap<Arc<str>, XmlRpcCaller>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn timeout_of(&self, endpoint: &EndpointDescription) -> Duration {
        from_milliseconds(endpoint.properties().get(names::OSGI_BASIC_TIMEOUT))
            .unwrap_or(self.timeout)
    }
}

#[async_trait]
impl ImportContainer for Importer {
    fn id(&self) -> ContainerId {
        ContainerId::new(NAMESPACE, self.id.as_str())
    }

    fn configuration(&self) -> &str {
        CLIENT_CONFIGURATION
    }

    async fn import(&self, endpoint: &EndpointDescription) -> Result<Arc<dyn Caller>, BoxError> {
        if let Some(other) = endpoint
            .container_namespace()
            .filter(|&namespace| namespace != NAMESPACE)
        {
            return Err(
                format!("the endpoint is in the name space {other}, not {NAMESPACE}").into(),
            );
        }
        let confidential = intents::has(endpoint.intents(), names::OSGI_CONFIDENTIAL);
        let secure = endpoint
            .container_id()
            .get(..8)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        if confidential && !secure {
            return Err(format!(
                "the endpoint says {} and is called by plain HTTP, at {}",
                names::OSGI_CONFIDENTIAL,
                endpoint.container_id()
            )
            .into());
        }
        let caller = XmlRpcCaller::new(
            &self.transport,
            endpoint.container_id(),
            endpoint.remote_service_id(),
            endpoint.interfaces().join(", "),
        )?;
        caller.set_timeout(self.timeout_of(endpoint));
        let former = self.callers().insert(endpoint.shared_id(), caller.clone());
        if let Some(former) = former {
            former.close();
        }
        Ok(Arc::new(caller))
    }

    async fn update(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        match self.callers().get(endpoint.id()) {
            Some(caller)
                if caller.is_for(endpoint.container_id(), endpoint.remote_service_id()) =>
            {
                caller.set_timeout(self.timeout_of(endpoint));
                Ok(())
            }
            Some(_) => Err("the service is at another address now".into()),
            None => Err("the endpoint is not imported".into()),
        }
    }

    async fn release(&self, endpoint: &EndpointDescription) {
        if let Some(caller) = self.callers().remove(endpoint.id()) {
            caller.close();
        }
    }

    fn class(&self) -> &'static str {
        std::any::type_name::<XmlRpcImportContainer>()
    }
}

/// Shows the container as a component and a service. It lives as long as its provider and hands everything to the
/// provider's container.
#[component(factory = "ecf.xmlrpc.client", provides(dyn ImportContainer))]
pub(crate) struct XmlRpcImportContainer {
    #[inject(filter = "(config_name=ecf.xmlrpc.client)")]
    provider: Arc<dyn ImportProvider>,
    context: OnceLock<ComponentContext>,
}

#[lifecycle]
impl XmlRpcImportContainer {
    #[validate]
    fn start(&self, context: &ComponentContext) {
        drop(self.context.set(context.clone()));
    }
}

#[async_trait]
impl ImportContainer for XmlRpcImportContainer {
    fn id(&self) -> ContainerId {
        let name = self.context.get().map_or("", ComponentContext::name);
        ContainerId::new(NAMESPACE, name)
    }

    fn configuration(&self) -> &str {
        CLIENT_CONFIGURATION
    }

    async fn import(&self, endpoint: &EndpointDescription) -> Result<Arc<dyn Caller>, BoxError> {
        self.provider
            .container(endpoint)
            .await?
            .import(endpoint)
            .await
    }

    async fn update(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        self.provider
            .container(endpoint)
            .await?
            .update(endpoint)
            .await
    }

    async fn release(&self, endpoint: &EndpointDescription) {
        if let Ok(container) = self.provider.container(endpoint).await {
            container.release(endpoint).await;
        }
    }
}

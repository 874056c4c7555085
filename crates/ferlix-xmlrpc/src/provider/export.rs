//! The export side of the distribution provider: one mount for all containers, one container for each address.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use ferlix_core::component::{ComponentContext, ComponentError};
use ferlix_core::property::{FromValue, Properties, Value};
use ferlix_core::service::Dispatch;
use ferlix_core::{component, lifecycle};
use ferlix_http::{HttpService, Mount, MountOptions};
use ferlix_remote::endpoint::{EndpointDescription, names};
use ferlix_remote::provider::{ContainerId, ExportContainer, ExportProvider};
use http::Uri;

use super::intents::{self, INTENTS};
use super::{NAMESPACE, Rules, SERVER_CONFIGURATION, Services, ServicesOptions, handler, host};
use crate::error::{BoxError, Error};
use crate::statistics::CallStatistics;
use crate::timeout::{from_milliseconds, from_seconds};

const PATH: &str = "ecf.xmlrpc.server.path";
const TIMEOUT: &str = "ecf.xmlrpc.server.timeout";
const HOSTNAME: &str = "ecf.xmlrpc.server.hostname";
const PORT: &str = "ecf.xmlrpc.server.port";
const RULES: &str = "ecf.xmlrpc.server.rules";
/// Of an exported service; by its prefix it is not sent to peers.
const SERVICE_RULES: &str = "service.exported.rules";

/// Exports services on the HTTP service, at one path.
///
/// Containers differ by the address that peers are told – a service may have a host name of its own – but whatever the
/// address, its calls arrive at the one mount, whose table knows services by numbers that are unique in the framework.
#[component(
    factory = "xmlrpc-export-distribution-provider-factory",
    instance = "xmlrpc-export-distribution-provider",
    provides(dyn ExportProvider),
    property(
        "config_name" = SERVER_CONFIGURATION,
        "namespace" = NAMESPACE,
        "supported_configs" = [SERVER_CONFIGURATION],
        "supported_intents" = INTENTS,
        "remote.configs.supported" = [SERVER_CONFIGURATION],
        "remote.intents.supported" = INTENTS,
    )
)]
pub(crate) struct XmlRpcExportProvider {
    #[inject]
    http: Arc<dyn HttpService>,
    #[inject]
    calls: Arc<dyn CallStatistics>,
    #[property("ecf.xmlrpc.server.path", default = "/xml-rpc")]
    path: String,
    #[property("ecf.xmlrpc.server.timeout", default = 30)]
    timeout: Value,
    #[property("ecf.xmlrpc.server.hostname")]
    hostname: Value,
    #[property("ecf.xmlrpc.server.port")]
    port: Value,
    #[property("ecf.xmlrpc.server.rules")]
    rules: Value,
    serving: OnceLock<Serving>,
}

/// What there is from validate to invalidate.
struct Serving {
    context: ComponentContext,
    services: Arc<Services>,
    mount: Mount,
    /// The components that show our containers.
    shown: Mutex<Vec<String>>,
    warned: AtomicBool,
}

#[lifecycle]
impl XmlRpcExportProvider {
    #[validate]
    fn start(&self, context: &ComponentContext) -> Result<(), ComponentError> {
        let timeout = from_seconds(Some(&self.timeout))
            .ok_or_else(|| invalid(TIMEOUT, &self.timeout, "expected seconds, more than 0"))?;
        hostname(&self.hostname)?;
        port(&self.port)?;
        if format!("http://host{}", self.path).parse::<Uri>().is_err() {
            let path = Value::from(self.path.as_str());
            return Err(invalid(PATH, &path, "expected a path as it stands in a URL").into());
        }
        let framework = context.bundle().framework();
        let given = |key: &str| {
            context
                .property(key)
                .or_else(|| framework.properties().get(key).cloned())
        };
        let options = ServicesOptions {
            timeout,
            ..ServicesOptions::read(&given).map_err(ComponentError::other)?
        };
        let largest = u64::try_from(options.limits.bytes).unwrap_or(u64::MAX);
        let mut services =
            Services::new(options).with_statistics(Arc::clone(self.calls.statistics()));
        if let Some(rules) = rules(RULES, &self.rules)? {
            services = services.with_rules(rules);
        }
        let services = Arc::new(services);
        let options = MountOptions::new(context.name()).max_body_size(largest);
        let mount = self
            .http
            .mount(&self.path, handler(Arc::clone(&services)), options)
            .map_err(ComponentError::other)?;
        let serving = Serving {
            context: context.clone(),
            services,
            mount,
            shown: Mutex::default(),
            warned: AtomicBool::new(false),
        };
        // An object is validated once.
        drop(self.serving.set(serving));
        Ok(())
    }

    #[invalidate]
    async fn stop(&self, context: &ComponentContext) {
        let Some(serving) = self.serving.get() else {
            return;
        };
        serving.mount.unmount();
        // They are named by an address that may be another one when the HTTP service comes back.
        let shown = std::mem::take(&mut *serving.shown());
        for name in shown {
            // One that somebody killed already is no error.
            drop(context.bundle().components().kill(&name).await);
        }
    }
}

#[async_trait]
impl ExportProvider for XmlRpcExportProvider {
    fn name(&self) -> &str {
        SERVER_CONFIGURATION
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
        configuration: &str,
        intents: &[String],
        properties: &Properties,
    ) -> Result<Arc<dyn ExportContainer>, BoxError> {
        if configuration != SERVER_CONFIGURATION {
            return Err(format!("{configuration} is not exported by XML-RPC").into());
        }
        let serving = self
            .serving
            .get()
            .ok_or("the XML-RPC provider is not running")?;
        let (id, host) = self.container_id(serving, properties).await?;
        intents::check(intents, &*self.http, &host)?;
        serving.show(&id, properties).await?;
        let own = properties.get(SERVICE_RULES).unwrap_or(&Value::Null);
        let rules = rules(SERVICE_RULES, own)?.map(Arc::new);
        Ok(Arc::new(Exporter {
            id,
            rules,
            services: Arc::clone(&serving.services),
        }))
    }
}

impl XmlRpcExportProvider {
    /// The address that peers are told, and its host: the service's own host and port, else ours, else the HTTP service's.
    async fn container_id(
        &self,
        serving: &Serving,
        properties: &Properties,
    ) -> Result<(String, String), BoxError> {
        let of_service = |key| properties.get(key).unwrap_or(&Value::Null);
        let given = match hostname(of_service(HOSTNAME))? {
            None => hostname(&self.hostname)?,
            own => own,
        };
        let context = serving.context.bundle();
        let host = match given {
            Some(host) => host,
            None => host::of(&*self.http, context).await,
        };
        if !serving.warned.swap(true, Ordering::Relaxed) {
            host::warn_of_loopback(&host, context);
        }
        let port = match port(of_service(PORT))? {
            None => port(&self.port)?,
            own => own,
        };
        let port = port.unwrap_or_else(|| self.http.address().port());
        let scheme = if self.http.is_secure() {
            "https"
        } else {
            "http"
        };
        let id = format!("{scheme}://{host}:{port}{}", serving.mount.path());
        id.parse::<Uri>().map_err(|error| Error::Address {
            url: id.clone(),
            reason: error.to_string(),
        })?;
        Ok((id, host))
    }
}

impl Serving {
    fn shown(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the component that shows a container, unless it is there.
    async fn show(&self, id: &str, properties: &Properties) -> Result<(), ferlix_core::Error> {
        let components = self.context.bundle().components();
        if components.contains(id) {
            return Ok(());
        }
        let mut own = Properties::new();
        for key in [HOSTNAME, PORT] {
            if let Some(value) = properties.get(key) {
                own.insert(key, value.clone());
            }
        }
        match components.instantiate(SERVER_CONFIGURATION, id, own).await {
            Ok(()) => self.shown().push(id.to_owned()),
            // Two exports at once.
            Err(ferlix_core::Error::Duplicate { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn invalid(name: &'static str, value: &Value, reason: &str) -> BoxError {
    let error = Error::Property {
        name: name.into(),
        value: value.to_string(),
        reason: reason.to_owned(),
    };
    error.into()
}

/// The rules of a property, a text or a list of texts; `None` when absent or empty.
fn rules(name: &'static str, value: &Value) -> Result<Option<Rules>, BoxError> {
    let texts = match value {
        Value::Null => return Ok(None),
        other => other.strings(),
    };
    let text = texts.join("\n");
    if text.trim().is_empty() {
        // A value of another type must not be taken for none: nothing would be restricted.
        return match value {
            Value::String(_) => Ok(None),
            other => Err(invalid(name, other, "expected rules, as texts")),
        };
    }
    let rules = text
        .parse()
        .map_err(|source| Error::Rule { name, source })?;
    Ok(Some(rules))
}

/// The host name of a property; `None` when absent or empty.
fn hostname(value: &Value) -> Result<Option<String>, BoxError> {
    const EXPECTED: &str = "expected a host name or an address";
    let host = match value {
        Value::Null => return Ok(None),
        Value::String(host) => host.trim(),
        other => return Err(invalid(HOSTNAME, other, EXPECTED)),
    };
    if host.contains(['/', '@', ' ']) {
        return Err(invalid(HOSTNAME, value, EXPECTED));
    }
    // An IPv6 address stands in brackets in a URL.
    let is_bare = host.contains(':') && !host.starts_with('[');
    let host = if is_bare {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    Ok((!host.is_empty()).then_some(host))
}

/// The port of a property; `None` when absent, empty or 0.
fn port(value: &Value) -> Result<Option<u16>, BoxError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        other => u16::from_value(other.clone())
            .map(|port| Some(port).filter(|port| *port != 0))
            .map_err(|_| invalid(PORT, other, "expected a port up to 65535")),
    }
}

/// A container: an address, and the table that all our addresses lead to; with the rules of the service to be exported.
struct Exporter {
    id: String,
    rules: Option<Arc<Rules>>,
    services: Arc<Services>,
}

#[async_trait]
impl ExportContainer for Exporter {
    fn id(&self) -> ContainerId {
        ContainerId::new(NAMESPACE, self.id.as_str())
    }

    fn configuration(&self) -> &str {
        SERVER_CONFIGURATION
    }

    async fn export(
        &self,
        endpoint: &EndpointDescription,
        interfaces: Vec<Arc<dyn Dispatch>>,
    ) -> Result<(), BoxError> {
        if interfaces.is_empty() {
            return Err(
                "none of the exported interfaces can be called from outside: \
                        their traits need #[remote_service]"
                    .into(),
            );
        }
        let id = endpoint.remote_service_id();
        let rules = self.rules.clone();
        self.services
            .insert_restricted(id, interfaces, timeout_of(endpoint), rules);
        Ok(())
    }

    async fn update(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        let id = endpoint.remote_service_id();
        if self.services.set_timeout(id, timeout_of(endpoint)) {
            Ok(())
        } else {
            Err(format!("service {id} is not exported by {}", self.id).into())
        }
    }

    async fn unexport(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        self.services.remove(endpoint.remote_service_id());
        Ok(())
    }

    fn class(&self) -> &'static str {
        std::any::type_name::<XmlRpcExportContainer>()
    }
}

fn timeout_of(endpoint: &EndpointDescription) -> Option<std::time::Duration> {
    from_milliseconds(endpoint.properties().get(names::OSGI_BASIC_TIMEOUT))
}

/// Shows one container as a component and a service, by the name that peers call it by. It lives as long as its provider
/// and hands everything to the provider's container of the same address.
#[component(factory = "ecf.xmlrpc.server", provides(dyn ExportContainer))]
pub(crate) struct XmlRpcExportContainer {
    #[inject(filter = "(config_name=ecf.xmlrpc.server)")]
    provider: Arc<dyn ExportProvider>,
    context: OnceLock<ComponentContext>,
}

#[lifecycle]
impl XmlRpcExportContainer {
    #[validate]
    fn start(&self, context: &ComponentContext) {
        drop(self.context.set(context.clone()));
    }
}

impl XmlRpcExportContainer {
    fn name(&self) -> &str {
        self.context.get().map_or("", ComponentContext::name)
    }

    async fn real(&self) -> Result<Arc<dyn ExportContainer>, BoxError> {
        let properties = self.context.get().map(ComponentContext::properties);
        let properties = properties.unwrap_or_default();
        let container = self
            .provider
            .container(SERVER_CONFIGURATION, &[], &properties)
            .await?;
        if container.id().id == self.name() {
            Ok(container)
        } else {
            Err(format!("{} is not an address of this framework", self.name()).into())
        }
    }
}

#[async_trait]
impl ExportContainer for XmlRpcExportContainer {
    fn id(&self) -> ContainerId {
        ContainerId::new(NAMESPACE, self.name())
    }

    fn configuration(&self) -> &str {
        SERVER_CONFIGURATION
    }

    async fn export(
        &self,
        endpoint: &EndpointDescription,
        interfaces: Vec<Arc<dyn Dispatch>>,
    ) -> Result<(), BoxError> {
        self.real().await?.export(endpoint, interfaces).await
    }

    async fn update(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        self.real().await?.update(endpoint).await
    }

    async fn unexport(&self, endpoint: &EndpointDescription) -> Result<(), BoxError> {
        self.real().await?.unexport(endpoint).await
    }
}

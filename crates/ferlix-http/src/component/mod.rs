//! The bundle `ferlix.http.basic`: the HTTP server as a component.
//!
//! In: properties and servlet services. Out: the service `ferlix.http.service`. The component is ERRONEOUS when it cannot
//! listen, with a line that says what to do, and tries again until the address is free.

mod settings;
mod whiteboard;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use ferlix_core::component::{
    Callbacks, Component, ComponentContext, ComponentError, ComponentFactory, FieldCallback,
    Fields, Many,
};
use ferlix_core::framework::{BundleContext, BundleDefinition};
use ferlix_core::property::{Properties, Value};

use self::whiteboard::{Board, Whiteboard};
use crate::error::HttpError;
use crate::handler::Handler;
use crate::metrics::MetricsSource;
use crate::server::{Server, ServerOptions};
use crate::service::{HttpService, Mount, MountOptions};
use crate::servlet::Servlet;

/// The names of the component's properties.
pub mod properties {
    pub use super::settings::{
        ADDRESS, ANONYMOUS, AUTH_FAILURES, AUTH_REALM, CASE_SENSITIVE_PATHS, CERT_FILE,
        CLIENT_AUTH, CLIENT_CA_FILE, DRAIN, EXTRA, HEADER_TIMEOUT, HTTPS, KEY_FILE, MAX_BODY_SIZE,
        MAX_CONNECTIONS, MAX_HEADER_SIZE, METRICS, OPEN_PATHS, PASSWORD_FILE, PORT, RATE_BURST,
        RATE_LIMIT, RELOAD_INTERVAL, SOCKET_TIMEOUT, TOKEN_FILE,
    };
}

/// The factory of the HTTP service.
pub const FACTORY: &str = "ferlix.http.service.basic.factory";
/// The usual name of its instance.
pub const INSTANCE: &str = "http-server";

/// The bundle of the HTTP service. It instantiates nothing: [`instantiate`] does.
pub static BUNDLE: BundleDefinition = BundleDefinition {
    symbolic_name: "ferlix.http.basic",
    version: env!("CARGO_PKG_VERSION"),
    location: file!(),
    components: &[HttpServer::factory],
    activator: None,
};

/// Makes the HTTP service, as instance [`INSTANCE`]; the properties are those of [`properties`], over the framework's.
///
/// Returns when it listens or is ERRONEOUS.
///
/// # Errors
/// When the bundle is not started or the instance is there already.
pub async fn instantiate(
    context: &BundleContext,
    properties: Properties,
) -> Result<(), ferlix_core::Error> {
    context
        .components()
        .instantiate(FACTORY, INSTANCE, properties)
        .await
}

/// The HTTP service as a component.
struct HttpServer {
    options: ServerOptions,
    extra: Value,
    /// Where the metrics are shown.
    metrics: Option<String>,
    sources: Many<dyn MetricsSource>,
    board: OnceLock<Board>,
    servlets: Whiteboard,
}

impl Component for HttpServer {
    fn factory() -> ComponentFactory {
        let callbacks = Callbacks::<Self> {
            validate: Some(|this, context| {
                Box::pin(async move { Ok(this.start(&context).await?) })
            }),
            invalidate: Some(|this, _| {
                Box::pin(async move {
                    this.stop().await;
                    Ok(())
                })
            }),
            bind: vec![FieldCallback::new("servlets", |this, servlet| {
                this.servlets
                    .add(servlet.reference().clone(), this.board.get());
                Box::pin(async { Ok(()) })
            })],
            update: vec![FieldCallback::new("servlets", |this, _| {
                this.servlets.update(this.board.get());
                Box::pin(async { Ok(()) })
            })],
            unbind: vec![FieldCallback::new("servlets", |this, servlet| {
                this.servlets.remove(servlet.reference(), this.board.get());
                Box::pin(async { Ok(()) })
            })],
            ..Callbacks::default()
        };
        let factory = ComponentFactory::of::<Self>(FACTORY)
            .provides::<Self, dyn HttpService>(|this| this)
            .inject::<Many<dyn Servlet>>("servlets", "(!(service.imported=*))", 0)
            .inject::<Many<dyn MetricsSource>>("sources", "(!(service.imported=*))", 0)
            .callbacks(callbacks);
        settings::declared()
            .into_iter()
            .fold(factory, |factory, (key, default)| {
                factory.value::<Value>(key, default)
            })
    }

    fn build(fields: &mut Fields) -> Result<Self, ComponentError> {
        let properties = fields.properties();
        Ok(Self {
            options: settings::read(properties).map_err(line)?,
            extra: properties.get(settings::EXTRA).cloned().unwrap_or_default(),
            metrics: settings::metrics(properties).map_err(line)?,
            sources: fields.injected("sources")?,
            board: OnceLock::new(),
            servlets: Whiteboard::default(),
        })
    }
}

impl HttpServer {
    async fn start(&self, context: &ComponentContext) -> Result<(), ComponentError> {
        let scheme = if self.options.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let (host, port) = (&self.options.host, self.options.port);
        // A taken port is tried again and again; that it is taken is said once, and nothing starts until it is free.
        let server = Server::bind(self.options.clone()).await.map_err(line)?;
        tracing::info!("HTTP server starting on {scheme}://{host}:{port}");
        self.warn_of_plain_credentials(&server);
        self.show_metrics(&server)?;
        let address = server.address();
        let parameters = Properties::from([
            ("http.address", Value::from(address.ip().to_string())),
            ("http.port", Value::from(address.port())),
            ("http.https", Value::from(server.is_secure())),
            ("http.name", Value::from(context.name())),
            ("http.extra", self.extra.clone()),
        ]);
        context.set_property(settings::ADDRESS, host.as_str());
        context.set_property(settings::PORT, address.port());
        context.set_property(settings::HTTPS, server.is_secure());
        let board = self.board.get_or_init(|| Board {
            server,
            context: context.bundle().clone(),
            parameters,
        });
        self.servlets.open(board);
        tracing::info!("HTTP server started on {scheme}://{address}");
        Ok(())
    }

    /// Credentials that go over the network unencrypted are everybody's.
    fn warn_of_plain_credentials(&self, server: &Server) {
        let security = &self.options.security;
        let asks = security.password_file.is_some() || security.token_file.is_some();
        let address = server.address();
        if asks && !server.is_secure() && !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "passwords and tokens come unencrypted: set ferlix.https.cert_file and ferlix.https.key_file"
            );
        }
    }

    fn show_metrics(&self, server: &Server) -> Result<(), ComponentError> {
        let Some(path) = &self.metrics else {
            return Ok(());
        };
        let sources = self.sources.clone();
        let sources = move || sources.get().to_vec();
        let page = crate::metrics::page(server.metrics(), sources);
        let options = MountOptions::new("the metrics");
        server.mount(path, page, options).map_err(line)?;
        Ok(())
    }

    async fn stop(&self) {
        if let Some(board) = self.board.get() {
            let address = board.server.address();
            // The servlets answer what was read; they are told when that is done.
            board.server.shutdown().await;
            self.servlets.close(board);
            tracing::info!("HTTP server stopped on {address}");
        }
    }

    fn server(&self) -> Option<&Server> {
        self.board.get().map(|board| &board.server)
    }
}

/// The service is registered after `start` only, so whoever has it finds the server there.
impl HttpService for HttpServer {
    fn mount(
        &self,
        path: &str,
        handler: Arc<dyn Handler>,
        options: MountOptions,
    ) -> Result<Mount, HttpError> {
        self.server()
            .ok_or(HttpError::NotRunning)?
            .mount(path, handler, options)
    }

    fn unmount(&self, path: &str) -> bool {
        self.server().is_some_and(|server| server.unmount(path))
    }

    fn address(&self) -> SocketAddr {
        self.server()
            .map_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into(), HttpService::address)
    }

    fn host(&self) -> &str {
        &self.options.host
    }

    fn is_secure(&self) -> bool {
        self.options.tls.is_some()
    }

    fn mounts(&self) -> Vec<String> {
        self.server().map(HttpService::mounts).unwrap_or_default()
    }
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer")
            .field("server", &self.server())
            .finish_non_exhaustive()
    }
}

/// The error as the one line that the component shows: its text says the cause already.
#[expect(clippy::needless_pass_by_value, reason = "it is what map_err calls")]
fn line(error: HttpError) -> ComponentError {
    ComponentError::new(error.to_string())
}

//! [`instantiate`]: makes an instance of the provider, with what is to be called at its first connection.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use ferlix_core::component::ComponentContext;
use ferlix_core::framework::BundleContext;
use ferlix_core::property::Properties;
use ferlix_core::property::keys::INSTANCE_NAME;
use ferlix_core::service;
use ferlix_etcd::Session;

use crate::{FACTORY, INSTANCE};

/// What is called at the first connection.
type Callback = Box<dyn FnOnce(Session) + Send>;

/// A callback on its way from [`Instantiation::on_connected`] to the component, which shares nothing else with it than
/// the registry.
struct FirstConnection(Mutex<Option<Callback>>);

/// The service under which it waits there.
#[service("ferlix.rsa.discovery.etcd3.connected")]
trait WhenConnected: Send + Sync {
    /// The callback, the first time.
    fn take(&self) -> Option<Callback>;
}

impl WhenConnected for FirstConnection {
    fn take(&self) -> Option<Callback> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The callbacks that wait for the connection of an instance.
pub(crate) fn when_connected(context: &ComponentContext) -> Vec<Callback> {
    let services = context.bundle().services::<dyn WhenConnected>(None);
    let of_instance = services.iter().filter(|service| {
        let properties = service.reference().properties();
        properties.text(INSTANCE_NAME) == Some(context.name())
    });
    of_instance.filter_map(|service| service.take()).collect()
}

/// Makes an instance of the provider with these properties (see [`settings`](crate::settings)); the framework's stand for
/// those that are not given. The bundle [`BUNDLE`](crate::BUNDLE) must have been started.
///
/// ```
/// # use ferlix_core::framework::Framework;
/// # use ferlix_core::property::Properties;
/// # use ferlix_etcd::embedded::EmbeddedEtcd;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let etcd = EmbeddedEtcd::bind(([127, 0, 0, 1], 0).into()).await?;
/// let framework = Framework::builder()
///     .property("etcd.port", etcd.local_addr().port())
///     .install(&ferlix_discovery_etcd::BUNDLE)
///     .start()
///     .await?;
/// let (sender, connected) = tokio::sync::oneshot::channel();
/// ferlix_discovery_etcd::instantiate(&framework.context(), Properties::new())
///     .on_connected(|session| {
///         println!("Etcd3 connected!");
///         let _ = sender.send(session.session_id().to_owned());
///     })
///     .await?;
/// println!("as session {}", connected.await?);
/// framework.stop().await?;
/// # Ok(())
/// # }
/// ```
pub fn instantiate(context: &BundleContext, properties: Properties) -> Instantiation {
    Instantiation {
        context: context.clone(),
        name: INSTANCE.to_owned(),
        properties,
        callback: None,
    }
}

/// An instance to be made; `.await` makes it.
#[must_use = "nothing is made before it is awaited"]
pub struct Instantiation {
    context: BundleContext,
    name: String,
    properties: Properties,
    callback: Option<Callback>,
}

impl Instantiation {
    /// The name of the instance; default [`INSTANCE`].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Calls a function once, when the instance is connected for the first time: in a task of its own, so it may take its
    /// time and spawn what it likes.
    pub fn on_connected(mut self, callback: impl FnOnce(Session) + Send + 'static) -> Self {
        self.callback = Some(Box::new(callback));
        self
    }

    async fn make(self) -> Result<(), ferlix_core::Error> {
        let registration = match self.callback {
            None => None,
            Some(callback) => {
                let waiting: Arc<dyn WhenConnected> =
                    Arc::new(FirstConnection(Mutex::new(Some(callback))));
                let properties = Properties::from([(INSTANCE_NAME, self.name.as_str())]);
                Some(self.context.register(waiting, properties)?)
            }
        };
        let components = self.context.components();
        let made = components
            .instantiate(FACTORY, &self.name, self.properties)
            .await;
        if made.is_err()
            && let Some(registration) = registration
        {
            registration.unregister().await?;
        }
        made
    }
}

/// Returns when the instance has started, which does not wait for etcd, or is ERRONEOUS because a property makes no sense:
/// that is logged, and it can be tried again with other properties.
///
/// # Errors
/// [`Error::Unknown`](ferlix_core::Error::Unknown) when the bundle is not started,
/// [`Error::Duplicate`](ferlix_core::Error::Duplicate) when the instance is there already.
impl IntoFuture for Instantiation {
    type Output = Result<(), ferlix_core::Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

impl fmt::Debug for Instantiation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the properties: there may be a password among them.
        f.debug_struct("Instantiation")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

//! Services that are looked up, and a log of what listeners are told.

use std::sync::{Arc, Mutex};

use ferlix_core::filter::Filter;
use ferlix_core::framework::{BundleContext, Framework};
use ferlix_core::registry::ServiceEvent;
use ferlix_core::service::{Argument, BoxFuture, CallError, Caller, Interface, Reply, Service};

pub(crate) trait Greeter: Send + Sync {
    fn greet(&self) -> String;
}

impl Service for dyn Greeter {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.greeter");
        &INTERFACE
    }
}

pub(crate) trait Counter: Send + Sync {
    fn count(&self) -> usize;
}

impl Service for dyn Counter {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.counter");
        &INTERFACE
    }
}

pub(crate) struct Named(pub(crate) &'static str);

impl Greeter for Named {
    fn greet(&self) -> String {
        format!("I am {}", self.0)
    }
}

impl Counter for Named {
    fn count(&self) -> usize {
        self.0.len()
    }
}

pub(crate) async fn started() -> (Framework, BundleContext) {
    let framework = Framework::builder().start().await.unwrap();
    let context = framework.context();
    (framework, context)
}

pub(crate) fn greeter(name: &'static str) -> Arc<dyn Greeter> {
    Arc::new(Named(name))
}

pub(crate) type Log = Arc<Mutex<Vec<String>>>;

pub(crate) fn listen(context: &BundleContext, filter: Option<&str>, log: &Log) {
    let log = Arc::clone(log);
    let filter = filter.map(|text| Filter::parse(text).unwrap());
    let listener =
        move |event: &ServiceEvent| log.lock().unwrap().push(format!("{:?}", event.kind));
    context
        .add_service_listener(Some("test.greeter"), filter, listener)
        .unwrap();
}

pub(crate) fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// A peer that knows no method.
pub(crate) struct Nobody;

impl Caller for Nobody {
    fn call<'a>(
        &'a self,
        method: &'a str,
        _: &'a [Argument<'a>],
        _: Reply<'a>,
    ) -> BoxFuture<'a, Result<(), CallError>> {
        let method = method.to_owned();
        Box::pin(async move { Err(CallError::UnknownMethod { method }) })
    }
}

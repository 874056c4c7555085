//! Everything at once in a crate that allows no warning: the macros' output makes none.

#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, rust_2018_idioms)]
#![deny(unused_qualifications, single_use_lifetimes, trivial_casts, elided_lifetimes_in_paths)]

use std::sync::Arc;

use ferlix_core::component::{Best, ComponentContext, Many};
use ferlix_core::framework::{BoxError, BundleActivator};
use ferlix_core::registry::{ServiceFactory, ServiceRef};
use ferlix_core::service::CallError;
use ferlix_core::{RemoteError, Structure, bundle, component, lifecycle, remote_service, service, service_impl};

const NAME: &str = "constant.name";

/// A point.
#[derive(Clone, Copy, Debug, Structure)]
pub struct Point {
    /// Across.
    pub x: i32,
    /// Up.
    #[structure(rename = "Y")]
    pub y: i32,
}

/// Nothing.
#[derive(Debug, Structure)]
pub struct Nothing {}

/// What can go wrong.
#[derive(Debug, thiserror::Error, RemoteError)]
pub enum PlanError {
    /// Too far.
    #[error("{0} is too far")]
    TooFar(i32),
    /// Not reached.
    #[error(transparent)]
    Call {
        /// Why.
        #[from]
        cause: CallError,
    },
}

/// Draws.
#[remote_service(NAME, version = "1.0.0", rename_all = "snake_case")]
pub trait Plan: Send + Sync + 'static {
    /// Names that the output uses too.
    async fn draw(&self, caller: Point, service: &Point, arguments: &[Point], method: &str) -> Result<Vec<Point>, PlanError>;

    /// With a body.
    async fn twice(&self, mut number: i64) -> Result<i64, CallError> {
        number *= 2;
        Ok(number)
    }

    /// Not on this platform.
    #[cfg(any())]
    async fn never(&self, value: NoSuchType) -> Result<(), CallError>;

    /// Old.
    #[deprecated]
    async fn old(&self, r#type: u8, _unused: u8) -> Result<(), CallError>;
}

/// Local, without async methods.
#[service("local")]
pub trait Local: Send + Sync {
    /// Calls.
    fn call(&self);
}

/// More than a plan.
#[service("detailed")]
pub trait Detailed: Plan + Send + Sync {}

fn planned(local: Arc<dyn Local>) -> Arc<dyn Plan> {
    local.call();
    Arc::new(Unit)
}

/// Makes what it offers.
#[component(factory = "maker-factory", provides(dyn Local, scope = "bundle"))]
#[derive(Debug)]
pub struct Maker;

impl ServiceFactory<dyn Local> for Maker {
    fn get(&self, _bundle_id: u64, _reference: &ServiceRef) -> Result<Arc<dyn Local>, BoxError> {
        Ok(Arc::new(Unit))
    }
}

#[component(factory = "unit-factory", instance = NAME, instance = "two", provides(dyn Local, dyn Plan), property(NAME = "x", "b" = ["c", "d"]))]
#[derive(Debug, Default)]
struct Unit;

#[service_impl]
impl Local for Unit {
    fn call(&self) {}
}

#[service_impl]
impl Plan for Unit {
    async fn draw(&self, caller: Point, service: &Point, arguments: &[Point], method: &str) -> Result<Vec<Point>, PlanError> {
        if caller.x > 9 {
            return Err(PlanError::TooFar(caller.x));
        }
        Ok([&[caller, *service], arguments].concat().into_iter().take(method.len()).collect())
    }

    async fn old(&self, _type: u8, _unused: u8) -> Result<(), CallError> {
        Ok(())
    }
}

/// A public component.
#[component(factory = "public-factory", retry = "back-off")]
#[derive(Debug)]
pub struct Public {
    #[inject]
    local: Best<dyn Local>,
    #[inject(filter = "(a=b)", or(dyn Detailed, dyn Local = planned))]
    plans: Many<dyn Plan>,
    #[property(NAME, default = -1.5)]
    number: f64,
    #[cfg(any())]
    #[inject]
    never: NoSuchType,
    #[init(vec![1, 2])]
    list: Vec<u8>,
    text: String,
}

#[lifecycle]
impl Public {
    #[validate]
    async fn start(self: &Arc<Self>, context: &ComponentContext) -> Result<(), PlanError> {
        self.local.load().call();
        let _ = (context, self.number, &self.list, &self.text);
        Ok(())
    }

    #[bind(plans)]
    #[update(plans)]
    fn changed(&self, reference: &ServiceRef, plan: &Arc<dyn Plan>) {
        let _ = (plan, reference);
    }

    #[unbind(plans, if_valid)]
    fn left(&self) {}

    #[cfg(any())]
    #[unbind(never)]
    fn never(&self, never: &Arc<NoSuchType>) {}

    /// Not a callback.
    pub fn number(&self) -> f64 {
        self.number
    }
}

#[derive(Default)]
struct Activator;

impl BundleActivator for Activator {}

bundle!(pub BUNDLE = NAME, components = [Unit, Public, Maker], activator = Activator);

bundle!(
    /// Documented.
    pub EMPTY = "empty",
    activator = None,
);

fn main() {
    assert_eq!((BUNDLE.components.len(), EMPTY.components.len()), (3, 0));
    assert!(BUNDLE.activator.is_some() && EMPTY.activator.is_none());
}

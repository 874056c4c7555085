//! Fields of wrong types, and services that are not implemented.

use std::sync::Arc;

use ferlix_core::component::{Balanced, Live};
use ferlix_core::{component, service, service_impl};

#[service("log")]
trait Log: Send + Sync {}

mod elsewhere {
    pub(crate) use super::Log;
}

struct NoDefault;

#[component(factory = "injected")]
struct Injected {
    #[inject]
    text: String,
    #[inject]
    log: Box<dyn Log>,
    #[inject]
    local: Balanced<dyn Log>,
}

#[component(factory = "properties")]
struct Properties {
    #[property("log")]
    log: Arc<dyn Log>,
    #[property("live")]
    live: Live<NoDefault>,
    #[property("default", default = NoDefault)]
    default: u32,
}

#[component(factory = "rest")]
struct Rest {
    rest: NoDefault,
}

#[component(factory = "provides", provides(dyn Log))]
struct Provides;

#[component(factory = "twice", provides(dyn Log, dyn elsewhere::Log))]
struct Twice;

#[service_impl]
impl Log for Twice {}

#[service("other")]
trait Other: Send + Sync {}

fn wrong(other: Arc<dyn Other>) -> Arc<dyn Other> {
    other
}

#[component(factory = "or")]
struct Or {
    #[inject(or(dyn Other))]
    no_supertrait: Arc<dyn Log>,
    #[inject(or(dyn Other = wrong))]
    wrong_view: Arc<dyn Log>,
    #[inject(or(dyn std::fmt::Debug))]
    no_service: Arc<dyn Log>,
}

#[component(factory = "scoped", provides(dyn Log, scope = "bundle"))]
struct NoFactory;

#[component(factory = "not-shared")]
struct NotShared {
    cell: std::cell::Cell<u8>,
}

fn main() {}

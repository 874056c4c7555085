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

#[component(factory = "not-shared")]
struct NotShared {
    cell: std::cell::Cell<u8>,
}

fn main() {}

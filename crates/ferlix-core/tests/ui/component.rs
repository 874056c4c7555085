//! `#[component]` used wrongly: all errors come at once.

use std::sync::Arc;

use ferlix_core::component::{Best, Many, Map, Opt, Switch, Temporal};
use ferlix_core::{component, service};

#[service("log")]
trait Log: Send + Sync {}

#[component]
struct Nameless;

#[component(instance = "a")]
struct NoFactory;

#[component(factory = "tuple")]
struct Tuple(u8);

#[component(factory = "generic")]
struct Generic<T> {
    value: Vec<T>,
}

#[component(factory = "enum")]
enum Choice {}

#[component(
    factory = "options",
    factory = "again",
    provides(Log, dyn Log, dyn Log, Arc<dyn Log>),
    property("a" = 1, "A" = 2),
    retry = "sometimes",
    single = true,
    instance "b",
)]
struct Options {
    #[property("a", default = 3)]
    a: u32,
}

#[component(factory = "fields")]
struct Fields {
    #[inject]
    log: Option<Arc<dyn Log>>,
    #[inject(min = 1)]
    one: Arc<dyn Log>,
    #[inject(min = 1)]
    best: Best<dyn Log>,
    #[inject(min = 1)]
    maybe: Opt<dyn Log>,
    #[inject(filter = "(a=1)", filter = "(b=2)", max = 3)]
    all: Many<dyn Log>,
    #[property]
    keyless: u32,
    #[property("key", 5)]
    default: u32,
    #[init]
    value: u32,
    #[inject]
    #[property("both")]
    both: Arc<dyn Log>,
    #[inject = "x"]
    assigned: Arc<dyn Log>,
}

#[component(factory = "kinds", retry = "fixed(5)")]
struct Kinds {
    #[inject]
    keyless: Map<String, dyn Log>,
    #[inject(key = "k")]
    keyed: Many<dyn Log>,
    #[inject(grace = "10s")]
    graced: Arc<dyn Log>,
    #[inject(grace = "soon")]
    soon: Temporal<dyn Log>,
    #[inject(balance = "latency")]
    unbalanced: Many<dyn Log>,
    #[inject(balance = "fair", order = best_first)]
    fair: Balanced<dyn Log>,
    #[switch(on)]
    on: Switch,
    #[switch(dyn Log, dyn Log)]
    two: Switch,
    #[property("key", secret)]
    secret: String,
}

#[component(
    factory = "scopes",
    provides(dyn Log, scope = "prototype", dyn Other),
    provides(dyn Third, scope = "request"),
    provides(dyn Fourth, when = "asked"),
)]
struct Scopes {
    #[inject(or = "x")]
    log: Arc<dyn Log>,
    #[inject(or(dyn Other =))]
    other: Arc<dyn Log>,
}

fn main() {}

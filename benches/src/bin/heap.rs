//! Counts the heap that services and components hold, by dhat: a program of its own, because counting slows every other
//! benchmark down.
//!
//! Out goes a line for each figure: bytes for one, a tab, and of what. The benchmark `memory` prints them. Each is what is
//! allocated when all are there, less what was before, divided by their number: the tables of the registry are in it.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::process::ExitCode;

use ferlix::prelude::*;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SERVICES: usize = 100_000;
const COMPONENTS: usize = 10_000;

/// Does nothing.
#[service("ferlix.benches.part")]
trait Part: Send + Sync {}

struct Nothing;

impl Part for Nothing {}

/// Offers something.
#[service("ferlix.benches.product")]
trait Product: Send + Sync {}

/// Has a service.
#[component(factory = "ferlix.benches.using-factory")]
struct Using {
    #[inject]
    _part: Arc<dyn Part>,
}

/// Has a service, and offers one.
#[component(factory = "ferlix.benches.offering-factory", provides(dyn Product))]
struct Offering {
    #[inject]
    _part: Arc<dyn Part>,
}

impl Product for Offering {}

bundle!(
    COMPONENTS_BUNDLE = "ferlix.benches.heap",
    components = [Using, Offering]
);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let _profiler = dhat::Profiler::builder()
        .testing()
        .trim_backtraces(Some(1))
        .build();
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot count the heap: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), ferlix::Error> {
    let before = allocated();
    let mut map: HashMap<String, Arc<dyn Part>> = HashMap::new();
    for number in 0..SERVICES {
        map.insert(format!("service-{number}"), Arc::new(Nothing));
    }
    say("floor", before, map.len());
    drop(map);

    let framework = Framework::builder()
        .install(&COMPONENTS_BUNDLE)
        .start()
        .await?;
    let context = framework.context();
    context.register::<dyn Part>(Arc::new(Nothing), Properties::new())?;

    let before = allocated();
    for number in 0..SERVICES {
        context.register::<dyn Part>(Arc::new(Nothing), properties(number))?;
    }
    say("service", before, SERVICES);

    for (what, factory) in [
        ("component", "ferlix.benches.using-factory"),
        ("offering", "ferlix.benches.offering-factory"),
    ] {
        let framework = Framework::builder()
            .install(&COMPONENTS_BUNDLE)
            .start()
            .await?;
        let context = framework.context();
        context.register::<dyn Part>(Arc::new(Nothing), Properties::new())?;
        let components = framework.components();
        let before = allocated();
        for number in 0..COMPONENTS {
            let name = format!("component-{number}");
            let made = components.instantiate(factory, &name, properties(number));
            made.await?;
        }
        say(what, before, COMPONENTS);
        framework.stop().await?;
    }
    framework.stop().await
}

/// Three properties: what a service usually has.
fn properties(number: usize) -> Properties {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let mut properties = Properties::from([("number", number)]);
    properties.insert("colour", "red");
    properties.insert("place", format!("place-{}", number % 100));
    properties
}

fn allocated() -> usize {
    dhat::HeapStats::get().curr_bytes
}

fn say(what: &str, before: usize, count: usize) {
    println!("{}\t{what}", allocated().saturating_sub(before) / count);
}

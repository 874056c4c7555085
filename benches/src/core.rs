//! The core: registry, look-ups, events and components, on one core and a runtime of one thread, beside other
//! services of the same name.
//!
//! The floors are what no registry can do without: a hit in a `HashMap` of as many entries, a call of an
//! `Arc<dyn …>`, an empty task.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ferlix::prelude::*;

use crate::cores::Cores;
use crate::error::Error;
use crate::micro::Comparison;
use crate::{REPETITIONS, table};

/// How many services there are.
const SIZES: &[u64] = &[100, 1_000, 10_000, 100_000];
/// How many components are made and ended.
const COMPONENTS: usize = 10_000;
/// The key of a number that each service has for itself.
const NUMBER: &str = "number";

const ADDER: &str = "ferlix.benches.adder";

/// Adds: as little as a call can do.
#[service(ADDER)]
trait Adder: Send + Sync {
    fn add(&self, number: u64) -> u64;
}

struct One;

impl Adder for One {
    fn add(&self, number: u64) -> u64 {
        number + 1
    }
}

/// Calls an adder as often as it is told, from where it has it.
#[service("ferlix.benches.counter")]
trait Counter: Send + Sync {
    fn count(&self, count: u64) -> u64;
}

/// Has it injected.
#[component(
    factory = "ferlix.benches.counter-factory",
    instance = "counter",
    provides(dyn Counter)
)]
struct Injected {
    #[inject]
    adder: Arc<dyn Adder>,
}

impl Counter for Injected {
    fn count(&self, count: u64) -> u64 {
        (0..count).fold(0, |sum, _| self.adder.add(black_box(sum)))
    }
}

/// Was given it.
struct Bare {
    adder: Arc<dyn Adder>,
}

impl Counter for Bare {
    fn count(&self, count: u64) -> u64 {
        (0..count).fold(0, |sum, _| self.adder.add(black_box(sum)))
    }
}

const DEPENDENT: &str = "ferlix.benches.dependent-factory";

/// A component with one dependency, made by the thousand.
#[component(factory = DEPENDENT)]
struct Dependent {
    #[inject]
    _adder: Arc<dyn Adder>,
}

bundle!(
    CORE = "ferlix.benches.core",
    components = [Injected, Dependent],
    activator = None
);

/// Measures and prints the tables.
pub(crate) fn run() -> Result<(), Error> {
    let rows = Cores::One.run(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(measure())
    })?;
    let headings = ["", "services", "time", "floor", "ratio"];
    table::print("The core, one thread on one core", &headings, &rows);
    Ok(())
}

async fn measure() -> Result<Vec<Vec<String>>, Error> {
    let mut rows = Vec::new();
    let mut row = |words: &str, size: u64, comparison: Comparison| {
        rows.push(vec![
            words.to_owned(),
            table::thousands(size as f64),
            duration(comparison.subject),
            duration(comparison.floor),
            format!("{:.1}", comparison.ratio),
        ]);
    };
    for size in SIZES {
        let beside = Beside::start(*size).await?;
        row("register and unregister", *size, beside.register().await?);
        row("best of a name: its reference", *size, beside.best().await?);
        row("best of a name: the object", *size, beside.guard().await?);
        row("one by name and filter", *size, beside.filtered().await?);
    }
    row("call of an injected Arc", 1, injected().await?);
    for listeners in [1, 100] {
        let words = format!("event to {listeners} with a filter");
        row(&words, 1, events(listeners).await?);
    }
    let words = format!(
        "{} components up and down",
        table::thousands(COMPONENTS as f64)
    );
    row(&words, 1, components().await?);
    Ok(rows)
}

/// Other services, and a map of as many entries for the floors.
struct Beside {
    context: BundleContext,
    map: HashMap<u64, Arc<dyn Adder>>,
    size: u64,
}

impl Beside {
    async fn start(size: u64) -> Result<Self, Error> {
        let context = Framework::builder().start().await?.context();
        let adder: Arc<dyn Adder> = Arc::new(One);
        let mut map = HashMap::new();
        for number in 0..size {
            context.register(Arc::clone(&adder), numbered(number))?;
            map.insert(number, Arc::clone(&adder));
        }
        Ok(Self { context, map, size })
    }

    async fn register(&self) -> Result<Comparison, Error> {
        let adder: Arc<dyn Adder> = Arc::new(One);
        let mut map = self.map.clone();
        Comparison::take(
            async |count| {
                for _ in 0..count {
                    map.insert(black_box(self.size), Arc::clone(&adder));
                    map.remove(&black_box(self.size));
                }
                Ok(())
            },
            async |count| {
                for _ in 0..count {
                    let properties = numbered(self.size);
                    let registration = self.context.register(Arc::clone(&adder), properties)?;
                    registration.unregister().await?;
                }
                Ok(())
            },
        )
        .await
    }

    async fn best(&self) -> Result<Comparison, Error> {
        self.look_up(|| self.context.reference(black_box(ADDER), None).is_some())
            .await
    }

    async fn guard(&self) -> Result<Comparison, Error> {
        self.look_up(|| self.context.service::<dyn Adder>(None).is_some())
            .await
    }

    /// The one that matches is the last that is looked at.
    async fn filtered(&self) -> Result<Comparison, Error> {
        let filter: Filter = format!("({NUMBER}={})", self.size - 1)
            .parse()
            .map_err(ferlix::Error::Filter)?;
        self.look_up(|| {
            self.context
                .reference(black_box(ADDER), Some(&filter))
                .is_some()
        })
        .await
    }

    /// A look-up beside a hit in the map.
    async fn look_up(&self, find: impl Fn() -> bool) -> Result<Comparison, Error> {
        let hit = || self.map.contains_key(&black_box(self.size / 2));
        Comparison::take(
            async |count| all(count, hit),
            async |count| all(count, &find),
        )
        .await
    }
}

fn numbered(number: u64) -> Properties {
    Properties::from([(NUMBER, i64::try_from(number).unwrap_or(i64::MAX))])
}

/// Does it as often as told, and checks that it finds something each time.
fn all(count: u64, find: impl Fn() -> bool) -> Result<(), Error> {
    let found = (0..count).filter(|_| black_box(find())).count() as u64;
    expect(found, count)
}

fn expect(found: u64, expected: u64) -> Result<(), Error> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::Answer(format!("{found} instead of {expected}")))
    }
}

async fn injected() -> Result<Comparison, Error> {
    let framework = Framework::builder().install(&CORE).start().await?;
    let context = framework.context();
    let adder: Arc<dyn Adder> = Arc::new(One);
    context.register(Arc::clone(&adder), Properties::new())?;
    framework.settle().await;
    let missing = || Error::Answer("the component was not validated".to_owned());
    let injected = context.service::<dyn Counter>(None).ok_or_else(missing)?;
    let bare = Bare { adder };
    Comparison::take(
        async |count| expect(bare.count(count), count),
        async |count| expect(injected.count(count), count),
    )
    .await
}

/// A change of a property, told to listeners that look at it; beside as many calls of what they do.
async fn events(listeners: usize) -> Result<Comparison, Error> {
    let context = Framework::builder().start().await?.context();
    let adder: Arc<dyn Adder> = Arc::new(One);
    let registration = context.register(adder, numbered(0))?;
    let told = Arc::new(AtomicU64::new(0));
    for _ in 0..listeners {
        let told = Arc::clone(&told);
        let filter: Filter = format!("({NUMBER}>=0)")
            .parse()
            .map_err(ferlix::Error::Filter)?;
        context.add_service_listener(Some(ADDER), Some(filter), move |_| {
            told.fetch_add(1, Ordering::Relaxed);
        })?;
    }
    let direct: Vec<Arc<dyn Fn() + Send + Sync>> = (0..listeners)
        .map(|_| {
            let counted = AtomicU64::new(0);
            Arc::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
            }) as Arc<dyn Fn() + Send + Sync>
        })
        .collect();
    let mut number = 0;
    Comparison::take(
        async |count| {
            for _ in 0..count {
                black_box(&direct).iter().for_each(|call| call());
            }
            Ok(())
        },
        async |count| {
            let before = told.load(Ordering::Relaxed);
            for _ in 0..count {
                number += 1;
                registration.set_properties(&numbered(number))?;
            }
            let told = told.load(Ordering::Relaxed) - before;
            expect(told, count * listeners as u64)
        },
    )
    .await
}

/// All of them from instantiate to validated to killed, beside as many empty tasks.
async fn components() -> Result<Comparison, Error> {
    let framework = Framework::builder().install(&CORE).start().await?;
    let adder: Arc<dyn Adder> = Arc::new(One);
    framework.context().register(adder, Properties::new())?;
    let names: Vec<String> = (0..COMPONENTS).map(|number| format!("c{number}")).collect();
    let (mut floors, mut subjects) = (Vec::new(), Vec::new());
    // The first turn warms up.
    for _ in 0..=REPETITIONS {
        let begin = Instant::now();
        for _ in 0..COMPONENTS {
            tokio::spawn(async {}).await.map_err(|_| Error::Task)?;
        }
        floors.push(begin.elapsed().as_secs_f64() * 1e9);

        let components = framework.components();
        let begin = Instant::now();
        for name in &names {
            components
                .instantiate(DEPENDENT, name, Properties::new())
                .await?;
        }
        let up = begin.elapsed();
        let valid = components
            .instances()
            .iter()
            .filter(|instance| instance.factory == DEPENDENT)
            .filter(|instance| instance.state == ComponentState::Valid)
            .count();
        expect(valid as u64, COMPONENTS as u64)?;
        let begin = Instant::now();
        for name in &names {
            components.kill(name).await?;
        }
        subjects.push((up + begin.elapsed()).as_secs_f64() * 1e9);
    }
    framework.stop().await?;
    Ok(Comparison::of(&floors[1..], &subjects[1..]))
}

/// Nanoseconds in the unit that suits them.
fn duration(nanoseconds: f64) -> String {
    match nanoseconds {
        small if small < 1e3 => format!("{small:.1} ns"),
        middle if middle < 1e6 => format!("{:.2} µs", middle / 1e3),
        large => format!("{:.1} ms", large / 1e6),
    }
}

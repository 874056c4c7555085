//! Components: calls through what was injected, and ten thousand that come and go.

use std::hint::black_box;

use ferlix::prelude::*;

use super::report::{Goal, Report};
use super::{Adder, One, expect};
use crate::error::Error;
use crate::micro::{Comparison, now};
use crate::{REPETITIONS, table};

/// How many components are made and ended.
const COMPONENTS: usize = 10_000;

/// Calls an adder as often as it is told, from where it has it.
#[service("ferlix.benches.counter")]
pub(super) trait Counter: Send + Sync {
    fn count(&self, count: u64) -> u64;
}

/// Has it injected, for good.
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

/// Calls what follows the ranking, through a guard for each call or through an owned `Arc`.
#[service("ferlix.benches.following")]
pub(super) trait Following: Send + Sync {
    fn guarded(&self, count: u64) -> u64;
    fn owned(&self, count: u64) -> u64;
}

/// Has it injected, and followed.
#[component(
    factory = "ferlix.benches.following-factory",
    instance = "following",
    provides(dyn Following)
)]
struct Followed {
    #[inject]
    adder: Best<dyn Adder>,
}

impl Following for Followed {
    fn guarded(&self, count: u64) -> u64 {
        (0..count).fold(0, |sum, _| self.adder.load().add(black_box(sum)))
    }

    fn owned(&self, count: u64) -> u64 {
        (0..count).fold(0, |sum, _| self.adder.get().add(black_box(sum)))
    }
}

/// Was given it.
pub(super) struct Bare {
    pub(super) adder: Arc<dyn Adder>,
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
    pub(super) CORE = "ferlix.benches.core",
    components = [Injected, Followed, Dependent],
    activator = None
);

pub(super) async fn measure(report: &mut Report) -> Result<(), Error> {
    let (injected, guarded) = calls().await?;
    report.row("call of an injected Arc", 1, injected, Goal::Over(2.0));
    report.row("call through Best::load", 1, guarded, Goal::Within(8.0));
    let count = table::thousands(COMPONENTS as f64);
    let words = format!("{count} components up and down");
    report.row(&words, 1, components().await?, Goal::Within(60e6));
    Ok(())
}

/// A framework with an adder and the components that have it.
pub(super) async fn start() -> Result<(Framework, Arc<dyn Adder>), Error> {
    let framework = Framework::builder().install(&CORE).start().await?;
    let adder: Arc<dyn Adder> = Arc::new(One);
    let context = framework.context();
    context.register(Arc::clone(&adder), Properties::new())?;
    framework.settle().await;
    Ok((framework, adder))
}

/// The error of a component that is not there.
pub(super) fn missing() -> Error {
    Error::Answer("the component was not validated".to_owned())
}

async fn calls() -> Result<(Comparison, Comparison), Error> {
    let (framework, adder) = start().await?;
    let context = framework.context();
    let injected = context.service::<dyn Counter>(None).ok_or_else(missing)?;
    let followed = context.service::<dyn Following>(None).ok_or_else(missing)?;
    let bare = Bare { adder };
    let fixed = Comparison::take(
        async |count| expect(bare.count(count), count),
        async |count| expect(injected.count(count), count),
    )
    .await?;
    // The least that does the same: a clone of the Arc for each call.
    let cloning = |count| (0..count).fold(0, |sum, _| Arc::clone(black_box(&bare.adder)).add(sum));
    let guarded = Comparison::take(
        async |count| expect(cloning(count), count),
        async |count| expect(followed.guarded(count), count),
    )
    .await?;
    Ok((fixed, guarded))
}

/// All of them from instantiate to validated to killed, beside as many empty tasks.
async fn components() -> Result<Comparison, Error> {
    let (framework, _) = start().await?;
    let names: Vec<String> = (0..COMPONENTS).map(|number| format!("c{number}")).collect();
    let (mut floors, mut subjects) = (Vec::new(), Vec::new());
    // The first turn warms up.
    for _ in 0..=REPETITIONS {
        let begin = now()?;
        for _ in 0..COMPONENTS {
            tokio::spawn(async {}).await.map_err(|_| Error::Task)?;
        }
        floors.push((now()? - begin).as_secs_f64() * 1e9);

        let components = framework.components();
        let begin = now()?;
        for name in &names {
            components
                .instantiate(DEPENDENT, name, Properties::new())
                .await?;
        }
        let up = now()? - begin;
        let valid = components
            .instances()
            .iter()
            .filter(|instance| instance.factory == DEPENDENT)
            .filter(|instance| instance.state == ComponentState::Valid)
            .count();
        expect(valid as u64, COMPONENTS as u64)?;
        let begin = now()?;
        for name in &names {
            components.kill(name).await?;
        }
        subjects.push((up + (now()? - begin)).as_secs_f64() * 1e9);
    }
    framework.stop().await?;
    Ok(Comparison::of(&floors[1..], &subjects[1..]))
}

//! Registering and looking up beside other services of the same name.

use std::collections::HashMap;
use std::hint::black_box;

use ferlix::prelude::*;

use super::report::{Goal, Report};
use super::{ADDER, Adder, NUMBER, One, SERIAL, all, filter, numbered};
use crate::error::Error;
use crate::micro::Comparison;

/// How many services there are.
const SIZES: &[u64] = &[100, 1_000, 10_000, 100_000];
/// Up to how many candidates a scan is held to a time.
const SCANNED: u64 = 10_000;

pub(super) async fn measure(report: &mut Report) -> Result<(), Error> {
    let mut smallest = None;
    for size in SIZES.iter().copied() {
        let beside = Beside::start(size).await?;
        let registered = beside.register().await?;
        report.row(
            "register and unregister",
            size,
            registered,
            Goal::Within(3e3),
        );
        let first = *smallest.get_or_insert(registered.subject);
        let best = beside.best().await?;
        report.row("best of a name: reference", size, best, Goal::Within(60.0));
        let guard = beside.guard().await?;
        report.row("best of a name: object", size, guard, Goal::Within(60.0));
        let scanned = beside.scan(&format!("({NUMBER}={})", size - 1)).await?;
        let goal = match size {
            ..=SCANNED => Goal::Each(size, 25.0),
            _ => Goal::None,
        };
        report.row("by name and filter: the last of all", size, scanned, goal);
        let found = beside
            .scan(&format!("({SERIAL}=serial-{})", size - 1))
            .await?;
        report.row("by name and indexed key", size, found, Goal::Within(250.0));
        if size == SIZES[SIZES.len() - 1] {
            let growth = Comparison {
                floor: first,
                subject: registered.subject,
                ratio: registered.subject / first,
            };
            let words = "register and unregister, beside that with 100";
            report.row(words, size, growth, Goal::Times(2.5));
        }
    }
    Ok(())
}

/// Other services, and a map of as many entries for the floors.
pub(super) struct Beside {
    pub(super) context: BundleContext,
    map: HashMap<u64, Arc<dyn Adder>>,
    size: u64,
}

impl Beside {
    pub(super) async fn start(size: u64) -> Result<Self, Error> {
        let context = Framework::builder().start().await?.context();
        context.index_property(SERIAL);
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
                    let properties = Properties::from([(NUMBER, 1)]);
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

    /// The one that matches is the last that is looked at, unless an index leads to it.
    async fn scan(&self, text: &str) -> Result<Comparison, Error> {
        let filter = filter(text)?;
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

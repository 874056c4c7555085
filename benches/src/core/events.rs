//! Events: of services to listeners with filters, and of topics to handlers.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use ferlix::event::{self, Event, EventAdmin, EventHandler};
use ferlix::prelude::*;

use super::report::{Goal, Report};
use super::{ADDER, Adder, NUMBER, One, expect, filter};
use crate::error::Error;
use crate::micro::Comparison;

/// How many listeners there are.
const LISTENERS: &[u64] = &[1, 100, 10_000];
/// What one handler may take for an event.
const HANDLED: Goal = Goal::Within(150.0);
/// The key by which each listener wants another service.
const ZONE: &str = "zone";

pub(super) async fn measure(report: &mut Report) -> Result<(), Error> {
    for listeners in LISTENERS.iter().copied() {
        let goal = if listeners == 1 { HANDLED } else { Goal::None };
        let told = service_events(listeners, |_| format!("({NUMBER}>=0)"), listeners).await?;
        report.row("service event, all listeners match", listeners, told, goal);
    }
    for listeners in LISTENERS.iter().copied() {
        let goal = if listeners == 1 { HANDLED } else { Goal::None };
        let text = |number: u64| format!("(&({ZONE}=zone-{number})({NUMBER}>=0))");
        let told = service_events(listeners, text, 1).await?;
        let words = "service event, one listener's value matches";
        report.row(words, listeners, told, goal);
    }
    for listeners in LISTENERS.iter().copied() {
        let text = |number: u64| format!("({ZONE}=zone-{number})");
        let told = registrations(listeners, text).await?;
        let words = "register and unregister, one listener's value matches";
        report.row(words, listeners, told, Goal::None);
    }
    let (sent, posted) = topics().await?;
    report.row("event sent to one handler", 1, sent, HANDLED);
    report.row("event posted to one handler", 1, posted, Goal::None);
    Ok(())
}

/// Listeners that count what they are told, each with its filter.
fn listen(
    context: &BundleContext,
    listeners: u64,
    text: impl Fn(u64) -> String,
) -> Result<Arc<AtomicU64>, Error> {
    let told = Arc::new(AtomicU64::new(0));
    for number in 0..listeners {
        let told = Arc::clone(&told);
        context.add_service_listener(Some(ADDER), Some(filter(&text(number))?), move |_| {
            told.fetch_add(1, Ordering::Relaxed);
        })?;
    }
    Ok(told)
}

/// As many calls as listeners are told, as a floor.
fn direct(listeners: u64) -> Vec<Arc<dyn Fn() + Send + Sync>> {
    let call = |_| {
        let counted = AtomicU64::new(0);
        Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }) as Arc<dyn Fn() + Send + Sync>
    };
    (0..listeners).map(call).collect()
}

fn in_zone(number: u64) -> Properties {
    let value = i64::try_from(number).unwrap_or(i64::MAX);
    let mut properties = Properties::from([(NUMBER, value)]);
    properties.insert(ZONE, "zone-0");
    properties
}

/// A change of a property, told to the listeners that it concerns; beside as many calls of what they do.
async fn service_events(
    listeners: u64,
    text: impl Fn(u64) -> String,
    concerned: u64,
) -> Result<Comparison, Error> {
    let context = Framework::builder().start().await?.context();
    let adder: Arc<dyn Adder> = Arc::new(One);
    let registration = context.register(adder, in_zone(0))?;
    let told = listen(&context, listeners, text)?;
    let direct = direct(concerned);
    let mut number = 0_i64;
    let mut change = Properties::from([(NUMBER, number)]);
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
                change.insert(NUMBER, number);
                registration.set_properties(&change)?;
            }
            let told = told.load(Ordering::Relaxed) - before;
            expect(told, count * concerned)
        },
    )
    .await
}

/// A service that comes and goes, of which one listener is told each time.
async fn registrations(listeners: u64, text: impl Fn(u64) -> String) -> Result<Comparison, Error> {
    let context = Framework::builder().start().await?.context();
    let adder: Arc<dyn Adder> = Arc::new(One);
    let told = listen(&context, listeners, text)?;
    let direct = direct(2);
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
                let registration = context.register(Arc::clone(&adder), in_zone(0))?;
                registration.unregister().await?;
            }
            let told = told.load(Ordering::Relaxed) - before;
            expect(told, count * 2)
        },
    )
    .await
}

/// Counts the events that it is told.
struct Counting(Arc<AtomicU64>);

#[service_impl]
impl EventHandler for Counting {
    async fn handle_event(&self, _: &Event) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// An event to one handler, sent and posted; beside a direct call, and beside an empty task.
async fn topics() -> Result<(Comparison, Comparison), Error> {
    const TOPIC: &str = "ferlix/benches/tick";
    let framework = Framework::builder().install(&event::BUNDLE).start().await?;
    let context = framework.context();
    context
        .components()
        .instantiate(event::FACTORY, event::INSTANCE, Properties::new())
        .await?;
    let told = Arc::new(AtomicU64::new(0));
    let handler = Counting(Arc::clone(&told));
    context.register::<dyn EventHandler>(Arc::new(handler), [("event.topics", TOPIC)].into())?;
    framework.settle().await;
    let missing = || Error::Answer("there is no event admin".to_owned());
    let admin = context
        .service::<dyn EventAdmin>(None)
        .ok_or_else(missing)?;
    let direct: Arc<dyn EventHandler> = Arc::new(Counting(Arc::default()));
    let event = Arc::new(std::sync::OnceLock::new());
    let keep = Arc::clone(&event);
    // One real event, for the direct calls.
    struct Keep(Arc<std::sync::OnceLock<Event>>);
    #[service_impl]
    impl EventHandler for Keep {
        async fn handle_event(&self, event: &Event) {
            let _ = self.0.set(event.clone());
        }
    }
    let keeper = context.register::<dyn EventHandler>(
        Arc::new(Keep(keep)),
        [("event.topics", "ferlix/benches/keep")].into(),
    )?;
    framework.settle().await;
    let failed = |error: event::EventError| Error::Answer(error.to_string());
    admin
        .send("ferlix/benches/keep", Properties::new())
        .await
        .map_err(failed)?;
    keeper.unregister().await?;
    let event = event.get().ok_or_else(missing)?;
    let sent = Comparison::take(
        async |count| {
            for _ in 0..count {
                direct.handle_event(black_box(event)).await;
            }
            Ok(())
        },
        async |count| {
            let before = told.load(Ordering::Relaxed);
            for _ in 0..count {
                let sent = admin.send(black_box(TOPIC), Properties::new()).await;
                sent.map_err(failed)?;
            }
            expect(told.load(Ordering::Relaxed) - before, count)
        },
    )
    .await?;
    // Posted events are handled by a task: each is waited for, as the empty tasks are.
    let posted = Comparison::take(
        async |count| {
            for _ in 0..count {
                tokio::spawn(async {}).await.map_err(|_| Error::Task)?;
            }
            Ok(())
        },
        async |count| {
            for _ in 0..count {
                let before = told.load(Ordering::Relaxed);
                admin
                    .post(black_box(TOPIC), Properties::new())
                    .map_err(failed)?;
                while told.load(Ordering::Relaxed) == before {
                    tokio::task::yield_now().await;
                }
            }
            Ok(())
        },
    )
    .await?;
    drop(admin);
    framework.stop().await?;
    Ok((sent, posted))
}

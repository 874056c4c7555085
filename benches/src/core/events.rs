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
/// What telling one listener may add to a change, and to the two of a registration that ends.
const TOLD: Goal = Goal::Over(150.0);
const TOLD_TWICE: Goal = Goal::Over(300.0);
/// The key by which each listener wants another service.
const ZONE: &str = "zone";

pub(super) async fn measure(report: &mut Report) -> Result<(), Error> {
    let among = |number: u64| format!("(&({ZONE}=zone-{number})({NUMBER}>=0))");
    for listeners in LISTENERS.iter().copied() {
        let goal = if listeners == 1 { TOLD } else { Goal::None };
        let told = changes(listeners, |_| format!("({NUMBER}>=0)"), listeners).await?;
        report.row("change told to all listeners", listeners, told, goal);
    }
    for listeners in LISTENERS.iter().copied() {
        let told = changes(listeners, among, 1).await?;
        report.row("change told to the one it concerns", listeners, told, TOLD);
    }
    for listeners in LISTENERS.iter().copied() {
        let told = registrations(listeners, among).await?;
        let words = "register and unregister, told to the one";
        report.row(words, listeners, told, TOLD_TWICE);
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

fn in_zone(number: u64) -> Properties {
    let value = i64::try_from(number).unwrap_or(i64::MAX);
    let mut properties = Properties::from([(NUMBER, value)]);
    properties.insert(ZONE, "zone-0");
    properties
}

/// A service, and the change of one of its properties.
struct Changing {
    registration: ServiceRegistration,
    number: i64,
    change: Properties,
}

impl Changing {
    fn register(context: &BundleContext) -> Result<Self, Error> {
        let adder: Arc<dyn Adder> = Arc::new(One);
        Ok(Self {
            registration: context.register(adder, in_zone(0))?,
            number: 0,
            change: Properties::new(),
        })
    }

    fn change(&mut self, count: u64) -> Result<(), Error> {
        for _ in 0..count {
            self.number += 1;
            self.change.insert(NUMBER, self.number);
            self.registration.set_properties(&self.change)?;
        }
        Ok(())
    }
}

/// A change of a property, told to the listeners that it concerns; beside the same told to nobody.
async fn changes(
    listeners: u64,
    text: impl Fn(u64) -> String,
    concerned: u64,
) -> Result<Comparison, Error> {
    let quiet = Framework::builder().start().await?.context();
    let mut alone = Changing::register(&quiet)?;
    let context = Framework::builder().start().await?.context();
    let mut heard = Changing::register(&context)?;
    let told = listen(&context, listeners, text)?;
    Comparison::take(
        async |count| alone.change(count),
        async |count| {
            let before = told.load(Ordering::Relaxed);
            heard.change(count)?;
            let told = told.load(Ordering::Relaxed) - before;
            expect(told, count * concerned)
        },
    )
    .await
}

/// A service that comes and goes, of which one listener is told each time; beside the same told to nobody.
async fn registrations(listeners: u64, text: impl Fn(u64) -> String) -> Result<Comparison, Error> {
    let quiet = Framework::builder().start().await?.context();
    let context = Framework::builder().start().await?.context();
    let adder: Arc<dyn Adder> = Arc::new(One);
    let told = listen(&context, listeners, text)?;
    let come_and_go = async |context: &BundleContext, count| {
        for _ in 0..count {
            let registration = context.register(Arc::clone(&adder), in_zone(0))?;
            registration.unregister().await?;
        }
        Ok(())
    };
    Comparison::take(
        async |count| come_and_go(&quiet, count).await,
        async |count| {
            let before = told.load(Ordering::Relaxed);
            come_and_go(&context, count).await?;
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

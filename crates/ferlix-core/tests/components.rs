//! The component model without macros: when instances are built, rebound, dropped, and what happens when they fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use ferlix_core::Error;
use ferlix_core::component::{
    Best, CallbackFuture, Callbacks, Component, ComponentContext, ComponentError, ComponentFactory,
    ComponentState, FieldCallback, Fields, Live, Many, Opt, RetryPolicy,
};
use ferlix_core::framework::{BundleDefinition, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::{ServiceRef, ServiceRegistration};
use ferlix_core::service::{Interface, Service};

trait Log: Send + Sync {
    fn add(&self, text: String);
}

impl Service for dyn Log {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.log");
        &INTERFACE
    }
}

trait Part: Send + Sync {
    fn name(&self) -> String;
}

impl Service for dyn Part {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.part");
        &INTERFACE
    }
}

trait Whole: Send + Sync {
    fn describe(&self) -> String;
}

impl Service for dyn Whole {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.whole");
        &INTERFACE
    }
}

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn add(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

impl Lines {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Piece(&'static str);

impl Part for Piece {
    fn name(&self) -> String {
        self.0.to_owned()
    }
}

/// A component with a field of each kind, which logs what happens to it.
struct Assembly {
    log: Arc<dyn Log>,
    fixed: Arc<dyn Part>,
    best: Best<dyn Part>,
    maybe: Opt<dyn Part>,
    all: Many<dyn Part>,
    label: String,
    pause: Live<u32>,
}

impl Whole for Assembly {
    fn describe(&self) -> String {
        let all: Vec<String> = self.all.get().iter().map(|part| part.name()).collect();
        let maybe = self.maybe.get().map_or("-".to_owned(), |part| part.name());
        let (fixed, best) = (self.fixed.name(), self.best.load().name());
        format!(
            "{} fixed={fixed} best={best} maybe={maybe} all={all:?} pause={}",
            self.label,
            self.pause.get()
        )
    }
}

fn logged(this: &Assembly, text: String) -> CallbackFuture {
    this.log.add(text);
    Box::pin(async { Ok(()) })
}

fn name_of(reference: &ServiceRef) -> String {
    reference.property("part").unwrap_or_default().to_string()
}

impl Component for Assembly {
    fn factory() -> ComponentFactory {
        let callbacks = Callbacks::<Self> {
            validate: Some(|this, _| logged(&this, "validate".into())),
            invalidate: Some(|this, _| {
                let text = format!("invalidate {}", this.describe());
                logged(&this, text)
            }),
            bind: vec![FieldCallback::new("all", |this, service| {
                logged(&this, format!("bind {}", name_of(service.reference())))
            })],
            update: vec![FieldCallback::new("all", |this, service| {
                logged(&this, format!("update {}", name_of(service.reference())))
            })],
            unbind: vec![FieldCallback::new("all", |this, service| {
                logged(&this, format!("unbind {}", name_of(service.reference())))
            })],
            ..Callbacks::default()
        };
        ComponentFactory::of::<Self>("assembly-factory")
            .provides::<Self, dyn Whole>(|this| this)
            .property("kind", "assembly")
            .value::<String>("label", Some(Value::from("L")))
            .value::<Live<u32>>("pause", Some(Value::from(5)))
            .inject::<Arc<dyn Log>>("log", "", 0)
            .inject::<Arc<dyn Part>>("fixed", "(role=main)", 0)
            .inject::<Best<dyn Part>>("best", "", 0)
            .inject::<Opt<dyn Part>>("maybe", "(role=extra)", 0)
            .inject::<Many<dyn Part>>("all", "", 1)
            .callbacks(callbacks)
    }

    fn build(fields: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self {
            log: fields.injected("log")?,
            fixed: fields.injected("fixed")?,
            best: fields.injected("best")?,
            maybe: fields.injected("maybe")?,
            all: fields.injected("all")?,
            label: fields.property("label")?,
            pause: fields.property("pause")?,
        })
    }
}

static ASSEMBLY: BundleDefinition = BundleDefinition {
    symbolic_name: "test.assembly",
    version: "0.0.0",
    location: file!(),
    components: &[Assembly::factory],
    activator: None,
};

struct Bench {
    framework: Framework,
    log: Arc<Lines>,
}

impl Bench {
    async fn new() -> Self {
        let framework = Framework::builder()
            .property("label", "F")
            .install(&ASSEMBLY)
            .start()
            .await
            .unwrap();
        let log = Arc::new(Lines::default());
        framework
            .context()
            .register::<dyn Log>(log.clone(), Properties::new())
            .unwrap();
        Self { framework, log }
    }

    fn part(&self, name: &'static str, role: &str, ranking: i32) -> ServiceRegistration {
        let properties = Properties::from([
            ("part", Value::from(name)),
            ("role", role.into()),
            ("service.ranking", ranking.into()),
        ]);
        let part: Arc<dyn Part> = Arc::new(Piece(name));
        self.framework.context().register(part, properties).unwrap()
    }

    fn whole(&self) -> Option<String> {
        self.framework
            .context()
            .service::<dyn Whole>(None)
            .map(|whole| whole.describe())
    }

    fn state(&self, name: &str) -> ComponentState {
        self.framework.components().instance(name).unwrap().state
    }
}

#[tokio::test]
async fn fields_follow_the_services_as_their_types_say() {
    let bench = Bench::new().await;
    let components = bench.framework.components();
    components
        .instantiate("assembly-factory", "a", Properties::from([("pause", 7)]))
        .await
        .unwrap();
    assert_eq!(bench.state("a"), ComponentState::Invalid);
    assert_eq!(
        components.instance("a").unwrap().missing(),
        ["test.part", "test.part", "test.part"]
    );

    let main = bench.part("m", "main", 0);
    assert_eq!(
        bench.state("a"),
        ComponentState::Valid,
        "validated before register returns"
    );
    assert_eq!(bench.log.take(), ["bind m", "validate"]);
    assert_eq!(
        bench.whole().unwrap(),
        "F fixed=m best=m maybe=- all=[\"m\"] pause=7"
    );

    let extra = bench.part("x", "extra", 3);
    let better = bench.part("b", "main", 9);
    assert_eq!(
        bench.whole().unwrap(),
        "F fixed=m best=b maybe=x all=[\"b\", \"x\", \"m\"] pause=7"
    );
    assert_eq!(bench.log.take(), ["bind x", "bind b"]);

    extra
        .set_properties(&Properties::from([("service.ranking", 20)]))
        .unwrap();
    assert_eq!(
        bench.whole().unwrap(),
        "F fixed=m best=x maybe=x all=[\"x\", \"b\", \"m\"] pause=7"
    );
    assert_eq!(bench.log.take(), ["update x"]);
    extra.unregister().await.unwrap();
    assert_eq!(
        bench.whole().unwrap(),
        "F fixed=m best=b maybe=- all=[\"b\", \"m\"] pause=7"
    );
    assert_eq!(bench.log.take(), ["unbind x"]);

    main.unregister().await.unwrap();
    assert_eq!(
        bench.whole().unwrap(),
        "F fixed=b best=b maybe=- all=[\"b\"] pause=7",
        "built anew on the other one"
    );
    let text = "invalidate F fixed=m best=b maybe=- all=[\"b\", \"m\"] pause=7";
    assert_eq!(
        bench.log.take(),
        [text, "unbind b", "unbind m", "bind b", "validate"]
    );

    better.unregister().await.unwrap();
    assert_eq!(bench.whole(), None);
    assert_eq!(bench.state("a"), ComponentState::Invalid);
    bench.framework.settle().await;
    components.kill("a").await.unwrap();
    assert!(components.instance("a").is_none());
    assert!(matches!(
        components.kill("a").await,
        Err(Error::Unknown { .. })
    ));
}

#[tokio::test]
async fn reconfigure_changes_live_fields_in_place_and_builds_anew_for_others() {
    let bench = Bench::new().await;
    let components = bench.framework.components();
    components
        .instantiate("assembly-factory", "a", Properties::new())
        .await
        .unwrap();
    bench.part("m", "main", 0);
    bench.log.take();
    components
        .reconfigure("a", Properties::from([("pause", "9")]))
        .await
        .unwrap();
    assert!(bench.whole().unwrap().ends_with("pause=9"));
    assert!(bench.log.take().is_empty());
    let reference = bench
        .framework
        .context()
        .reference("test.whole", None)
        .unwrap();
    assert_eq!(reference.property("pause"), Some(Value::from("9")));
    assert_eq!(reference.property("kind"), Some(Value::from("assembly")));
    assert_eq!(reference.property("instance.name"), Some(Value::from("a")));
    components
        .reconfigure("a", Properties::from([("label", "new")]))
        .await
        .unwrap();
    assert!(bench.whole().unwrap().starts_with("new "));
    assert_eq!(
        bench.log.take().len(),
        4,
        "invalidate, unbind, bind, validate"
    );
    let state = components
        .reconfigure("a", Properties::from([("pause", "many")]))
        .await
        .unwrap();
    assert_eq!(state, ComponentState::Erroneous);
    let cause = components.instance("a").unwrap().cause.unwrap();
    assert_eq!(
        cause.to_string(),
        "property pause: expected a 32-bit integer, found string".replace("a 32", "an unsigned 32")
    );
    let state = components
        .retry("a", Properties::from([("pause", 1)]))
        .await
        .unwrap();
    assert_eq!(state, ComponentState::Valid);
}

#[tokio::test]
async fn names_of_instances_and_factories_are_checked() {
    let bench = Bench::new().await;
    let components = bench.framework.components();
    components
        .instantiate("assembly-factory", "a", Properties::new())
        .await
        .unwrap();
    let duplicate = components
        .instantiate("assembly-factory", "a", Properties::new())
        .await
        .unwrap_err();
    assert_eq!(
        duplicate.to_string(),
        "the instance name 'a' is taken by an instance of assembly-factory"
    );
    let unknown = components
        .instantiate("no-factory", "b", Properties::new())
        .await
        .unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "there is no factory 'no-factory'; there are: assembly-factory"
    );
    assert!(
        components
            .instantiate("assembly-factory", " ", Properties::new())
            .await
            .is_err()
    );
}

static ATTEMPTS: AtomicU32 = AtomicU32::new(0);

/// Fails to validate until the third attempt.
struct Stubborn;

impl Component for Stubborn {
    fn factory() -> ComponentFactory {
        let callbacks = Callbacks::<Self> {
            validate: Some(|_, _| {
                Box::pin(async {
                    match ATTEMPTS.fetch_add(1, Ordering::SeqCst) {
                        0 => Err("not yet".into()),
                        1 => panic!("still not"),
                        _ => Ok(()),
                    }
                })
            }),
            ..Callbacks::default()
        };
        ComponentFactory::of::<Self>("stubborn-factory")
            .instance("stubborn")
            .callbacks(callbacks)
    }

    fn build(_: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self)
    }
}

/// Never comes up, and is not retried by itself; its validation outlasts the deadline.
struct Sleeper;

impl Component for Sleeper {
    fn factory() -> ComponentFactory {
        let callbacks = Callbacks::<Self> {
            validate: Some(|_, _: ComponentContext| Box::pin(std::future::pending())),
            ..Callbacks::default()
        };
        ComponentFactory::of::<Self>("sleeper-factory")
            .instance("sleeper")
            .retry(RetryPolicy::Off)
            .callbacks(callbacks)
    }

    fn build(_: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self)
    }
}

static FAILING: BundleDefinition = BundleDefinition {
    symbolic_name: "test.failing",
    version: "0.0.0",
    location: file!(),
    components: &[Stubborn::factory, Sleeper::factory],
    activator: None,
};

#[tokio::test(start_paused = true)]
async fn failures_are_shown_and_retried_with_back_off() {
    let framework = Framework::builder()
        .property("ferlix.callback_timeout", 2_000)
        .install(&FAILING)
        .start()
        .await
        .unwrap();
    let components = framework.components();
    let sleeper = components.instance("sleeper").unwrap();
    assert_eq!(sleeper.state, ComponentState::Erroneous);
    assert_eq!(
        sleeper.cause.unwrap().to_string(),
        "validate took longer than 2s and was dropped"
    );
    // Time is virtual: the pauses pass as soon as nothing else is to be done.
    let valid = async {
        while components.instance("stubborn").unwrap().state != ComponentState::Valid {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), valid)
        .await
        .unwrap();
    assert_eq!(ATTEMPTS.load(Ordering::SeqCst), 3);
    assert_eq!(
        components.instance("sleeper").unwrap().state,
        ComponentState::Erroneous
    );
    framework.stop().await.unwrap();
    assert!(components.instances().is_empty());
}

/// A link of a chain: needs the part of the one before and is the part of the next.
struct Link;

impl Part for Link {
    fn name(&self) -> String {
        "link".into()
    }
}

impl Component for Link {
    fn factory() -> ComponentFactory {
        ComponentFactory::of::<Self>("link-factory")
            .provides::<Self, dyn Part>(|this| this)
            .value::<u32>("link", None)
            .inject::<Arc<dyn Log>>("log", "", 0)
    }

    fn build(fields: &mut Fields) -> Result<Self, ComponentError> {
        fields.injected::<Arc<dyn Log>>("log")?;
        fields.property::<u32>("link")?;
        Ok(Self)
    }
}

/// Needs any part, and offers a log: so a log that comes makes links, which make it.
struct Echo;

impl Log for Echo {
    fn add(&self, _: String) {}
}

impl Component for Echo {
    fn factory() -> ComponentFactory {
        ComponentFactory::of::<Self>("echo-factory")
            .provides::<Self, dyn Log>(|this| this)
            .inject::<Best<dyn Part>>("part", "", 0)
    }

    fn build(fields: &mut Fields) -> Result<Self, ComponentError> {
        fields.injected::<Best<dyn Part>>("part")?;
        Ok(Self)
    }
}

static CHAIN: BundleDefinition = BundleDefinition {
    symbolic_name: "test.chain",
    version: "0.0.0",
    location: file!(),
    components: &[Link::factory, Echo::factory],
    activator: None,
};

#[tokio::test]
async fn cycles_settle_and_a_departure_waits_for_all_who_let_go() {
    let framework = Framework::builder().install(&CHAIN).start().await.unwrap();
    let context = framework.context();
    for number in 0..500_u32 {
        let given = Properties::from([("link", number)]);
        framework
            .components()
            .instantiate("link-factory", &format!("link-{number}"), given)
            .await
            .unwrap();
    }
    framework
        .components()
        .instantiate("echo-factory", "echo", Properties::new())
        .await
        .unwrap();
    let log: Arc<dyn Log> = Arc::new(Lines::default());
    let registration = context
        .register(log, Properties::from([("service.ranking", 1)]))
        .unwrap();
    framework.settle().await;
    assert_eq!(context.references(Some("test.part"), None).len(), 500);
    assert!(
        framework
            .components()
            .instances()
            .iter()
            .all(|one| one.state == ComponentState::Valid)
    );
    registration.unregister().await.unwrap();
    framework.settle().await;
    // Fixed fields let go of the first log and are built anew on the echo's, as long as a part keeps the echo alive.
    let states: Vec<_> = framework
        .components()
        .instances()
        .iter()
        .map(|one| one.state)
        .collect();
    assert!(
        states
            .iter()
            .all(|state| matches!(state, ComponentState::Valid | ComponentState::Invalid)),
        "{states:?}"
    );
    framework.stop().await.unwrap();
    assert!(context.references(None, None).is_empty());
}

/// Takes a free port, say, and publishes which.
struct Chooser;

impl Part for Chooser {
    fn name(&self) -> String {
        "chooser".into()
    }
}

static CHOSEN: AtomicU32 = AtomicU32::new(0);

impl Component for Chooser {
    fn factory() -> ComponentFactory {
        let callbacks = Callbacks::<Self> {
            validate: Some(|_, context| {
                context.set_property("port", CHOSEN.fetch_add(1, Ordering::SeqCst) + 8000);
                Box::pin(async { Ok(()) })
            }),
            ..Callbacks::default()
        };
        ComponentFactory::of::<Self>("chooser-factory")
            .instance("chooser")
            .provides::<Self, dyn Part>(|this| this)
            .value::<u32>("port", Some(Value::from(0)))
            .value::<Live<u32>>("pause", Some(Value::from(1)))
            .callbacks(callbacks)
    }

    fn build(fields: &mut Fields) -> Result<Self, ComponentError> {
        assert_eq!(
            fields.property::<u32>("port")?,
            0,
            "what the component set is not what it is built from"
        );
        fields.property::<Live<u32>>("pause")?;
        Ok(Self)
    }
}

static CHOOSING: BundleDefinition = BundleDefinition {
    symbolic_name: "test.choosing",
    version: "0.0.0",
    location: file!(),
    components: &[Chooser::factory],
    activator: None,
};

#[tokio::test]
async fn what_a_component_sets_itself_is_no_configuration() {
    let framework = Framework::builder()
        .install(&CHOOSING)
        .start()
        .await
        .unwrap();
    let port = || {
        framework
            .context()
            .reference("test.part", None)
            .unwrap()
            .property("port")
            .and_then(|port| port.as_i64())
    };
    assert_eq!(port(), Some(8000));
    let components = framework.components();
    components
        .reconfigure("chooser", Properties::from([("pause", 2)]))
        .await
        .unwrap();
    assert_eq!(port(), Some(8000), "not built anew");
    components
        .reconfigure("chooser", Properties::from([("port", "0")]))
        .await
        .unwrap();
    assert_eq!(
        port(),
        Some(8001),
        "the same port as a text is another value: built anew"
    );
    assert_eq!(
        components.instance("chooser").unwrap().state,
        ComponentState::Valid
    );
}

trait Left: Send + Sync {}

impl Service for dyn Left {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.left");
        &INTERFACE
    }
}

trait Right: Send + Sync {}

impl Service for dyn Right {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.right");
        &INTERFACE
    }
}

/// Needs the log, and takes a right one if it is there.
struct LeftHalf;

impl Left for LeftHalf {}

impl Component for LeftHalf {
    fn factory() -> ComponentFactory {
        ComponentFactory::of::<Self>("left-factory")
            .instance("left")
            .provides::<Self, dyn Left>(|this| this)
            .inject::<Arc<dyn Log>>("log", "", 0)
            .inject::<Opt<dyn Right>>("right", "", 0)
    }

    fn build(_: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self)
    }
}

/// Needs the log and a left one.
struct RightHalf;

impl Right for RightHalf {}

impl Component for RightHalf {
    fn factory() -> ComponentFactory {
        ComponentFactory::of::<Self>("right-factory")
            .instance("right")
            .provides::<Self, dyn Right>(|this| this)
            .inject::<Arc<dyn Log>>("log", "", 0)
            .inject::<Arc<dyn Left>>("left", "", 0)
    }

    fn build(_: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self)
    }
}

/// Offers the log, so that both halves hear in one go that it departs.
struct Logger;

impl Log for Logger {
    fn add(&self, _: String) {}
}

impl Component for Logger {
    fn factory() -> ComponentFactory {
        ComponentFactory::of::<Self>("logger-factory")
            .instance("logger")
            .provides::<Self, dyn Log>(|this| this)
    }

    fn build(_: &mut Fields) -> Result<Self, ComponentError> {
        Ok(Self)
    }
}

static HALVES: BundleDefinition = BundleDefinition {
    symbolic_name: "test.halves",
    version: "0.0.0",
    location: file!(),
    components: &[LeftHalf::factory, RightHalf::factory, Logger::factory],
    activator: None,
};

#[tokio::test(start_paused = true)]
async fn two_that_use_each_other_go_down_at_once_without_waiting_for_each_other() {
    let framework = Framework::builder().install(&HALVES).start().await.unwrap();
    framework.settle().await;
    let states = || -> Vec<ComponentState> {
        let instances = framework.components().instances();
        instances.iter().map(|one| one.state).collect()
    };
    assert_eq!(states(), [ComponentState::Valid; 3]);
    let begin = tokio::time::Instant::now();
    framework.components().kill("logger").await.unwrap();
    framework.settle().await;
    // Time is virtual: any of it that passed was waited for in vain.
    assert_eq!(begin.elapsed(), std::time::Duration::ZERO);
    assert_eq!(states(), [ComponentState::Invalid; 2]);
    framework.stop().await.unwrap();
}

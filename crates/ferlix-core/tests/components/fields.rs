//! What the fields of a component hold: services as their types say, and properties.

use std::sync::Arc;

use ferlix_core::Error;
use ferlix_core::component::{
    Best, CallbackFuture, Callbacks, Component, ComponentError, ComponentFactory, ComponentState,
    FieldCallback, Fields, Live, Many, Opt,
};
use ferlix_core::framework::{BundleDefinition, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::{ServiceRef, ServiceRegistration};
use ferlix_core::service::{Interface, Service};

use crate::support::{Lines, Log, Part, Piece};

trait Whole: Send + Sync {
    fn describe(&self) -> String;
}

impl Service for dyn Whole {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.whole");
        &INTERFACE
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

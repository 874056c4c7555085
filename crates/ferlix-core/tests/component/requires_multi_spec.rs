//! Services that are of several specifications.

use std::sync::Arc;

use ferlix_core::component::{Best, Many, Map, Opt};
use ferlix_core::property::Properties;
use ferlix_core::registry::{ServiceObject, ServiceRef, ServiceRegistration};
use ferlix_core::{bundle, component, lifecycle, service, service_impl};

use crate::support::{Echo, Journal, Named, Stage, Translator, ranked};

#[component(factory = "polyglot-factory")]
struct Polyglot {
    #[inject(also(dyn Translator))]
    fixed: Arc<dyn Echo>,
    #[inject(also(dyn Translator), filter = "(!(shy=true))")]
    best: Best<dyn Echo>,
    #[inject(also(dyn Translator, dyn Journal))]
    never: Opt<dyn Echo>,
    #[inject(also(dyn Echo))]
    all: Many<dyn Translator>,
}

impl Drop for Polyglot {
    fn drop(&mut self) {
        let all = self.all.get();
        assert!(self.never.get().is_none() && !all.is_empty());
        assert!(self.best.get().name() >= self.fixed.name());
    }
}

/// An echo that shouts: every one of them is an echo.
#[service("test.shouter")]
trait Shouter: Echo + Send + Sync {}

#[service_impl]
impl Shouter for Named {}

/// A translator seen as an echo.
struct Translated(Arc<dyn Translator>);

#[service_impl]
impl Echo for Translated {
    fn name(&self) -> String {
        self.0.language()
    }
}

fn translated(translator: Arc<dyn Translator>) -> Arc<dyn Echo> {
    let language = translator.language();
    assert!(!language.starts_with("broken"), "cannot be seen as an echo");
    Arc::new(Translated(translator))
}

/// Takes whatever can be heard.
#[component(factory = "listener-factory")]
struct Listener {
    #[inject]
    journal: Arc<dyn Journal>,
    #[inject(or(dyn Shouter, dyn Translator = translated))]
    best: Best<dyn Echo>,
    #[inject(or(dyn Translator = translated), key = "place")]
    places: Map<String, dyn Echo>,
    #[inject(or(dyn Shouter), filter = "(quiet=true)")]
    quiet: Opt<dyn Echo>,
}

#[lifecycle]
impl Listener {
    #[bind(best)]
    fn came(&self, echo: &Arc<dyn Echo>) {
        let same = Arc::ptr_eq(echo, &self.best.get());
        self.journal.write(format!("bind {} {same}", echo.name()));
    }

    #[update(best)]
    fn changed(&self, echo: &Arc<dyn Echo>) {
        let same = Arc::ptr_eq(echo, &self.best.get());
        self.journal.write(format!("update {} {same}", echo.name()));
    }

    #[unbind(best)]
    fn went(&self, echo: &Arc<dyn Echo>) {
        let quiet = self.quiet.get().map(|echo| echo.name());
        let places = self.places.load();
        let places: Vec<String> = places.values().map(|echo| echo.name()).collect();
        self.journal
            .write(format!("unbind {} {quiet:?} {places:?}", echo.name()));
    }
}

bundle!(
    POLYGLOT = "test.polyglot",
    components = [Polyglot, Listener]
);

#[tokio::test]
async fn a_service_of_any_specification_fits_and_is_seen_as_one() {
    let stage = Stage::new(&[&POLYGLOT]).await;
    let context = stage.framework.context();
    stage.make("listener-factory", "l", Properties::new()).await;
    let details = stage.framework.components().instance("l").unwrap();
    assert_eq!(
        details.waits_for(),
        ["test.echo or test.shouter or test.translator"]
    );
    let translator: Arc<dyn Translator> = Arc::new(Named("a"));
    let there = Properties::from([("place", "there")]);
    let first = context.register(translator, there).unwrap();
    assert!(stage.valid("l"));
    first
        .set_properties(&Properties::from([("colour", "red")]))
        .unwrap();
    let shouter: Arc<dyn Shouter> = Arc::new(Named("b"));
    let mut quiet = ranked(1);
    quiet.insert("quiet", true);
    context.register(shouter, quiet).unwrap();
    assert_eq!(
        stage.lines(),
        [
            "bind a-language true",
            "update a-language true",
            "unbind a-language None [\"a-language\"]",
            "bind b true",
        ],
        "one view for as long as the field has the service"
    );
    // Of several specifications the first that the field names is taken, and the service is told of once.
    let both = stage.both("c", ranked(2));
    both.set_properties(&Properties::from([("colour", "red")]))
        .unwrap();
    assert_eq!(
        stage.lines(),
        [
            "unbind b Some(\"b\") [\"a-language\"]",
            "bind c true",
            "update c true"
        ]
    );
    assert_eq!(
        first.reference().use_count(stage.bundle("test.polyglot")),
        1
    );
    first.unregister().await.unwrap();
    both.unregister().await.unwrap();
    assert_eq!(stage.lines(), ["unbind c Some(\"b\") []", "bind b true"]);
}

#[tokio::test]
async fn a_view_that_cannot_be_made_hurts_nobody() {
    let stage = Stage::new(&[&POLYGLOT]).await;
    stage.make("listener-factory", "l", Properties::new()).await;
    let broken: Arc<dyn Translator> = Arc::new(Named("broken"));
    let context = stage.framework.context();
    let broken = context.register(broken, ranked(9)).unwrap();
    let details = stage.framework.components().instance("l").unwrap();
    let cannot = format!(
        "test.echo or test.shouter or test.translator: {} cannot be had",
        broken.reference()
    );
    assert_eq!(details.waits_for(), [cannot]);
    assert_eq!(
        broken.reference().use_count(stage.bundle("test.polyglot")),
        0
    );
    stage.echo("a", Properties::new());
    assert!(stage.valid("l"), "it has another one");
}

impl Stage {
    fn both(&self, name: &'static str, properties: Properties) -> ServiceRegistration {
        let both = Arc::new(Named(name));
        let object = ServiceObject::new::<dyn Echo>(both.clone()).and::<dyn Translator>(both);
        self.framework
            .context()
            .register_object(object, properties)
            .unwrap()
    }

    fn bound(&self, field: usize) -> Vec<u64> {
        let details = self.framework.components().instance("p").unwrap();
        details.dependencies[field]
            .bindings
            .iter()
            .map(ServiceRef::id)
            .collect()
    }
}

#[tokio::test]
async fn only_services_of_all_specifications_fit() {
    let stage = Stage::new(&[&POLYGLOT]).await;
    let factory = stage
        .framework
        .components()
        .factory("polyglot-factory")
        .unwrap();
    assert_eq!(
        factory.requirements[2].also,
        ["test.translator", "test.journal"]
    );
    stage.make("polyglot-factory", "p", Properties::new()).await;
    stage.echo("a", ranked(50));
    let translator: Arc<dyn Translator> = Arc::new(Named("b"));
    stage
        .framework
        .context()
        .register(translator, ranked(50))
        .unwrap();
    assert!(!stage.valid("p"), "each has one of the two only");
    let first = stage.both("c", ranked(1));
    assert!(stage.valid("p"));
    let id = first.reference().id();
    assert_eq!(
        [stage.bound(0), stage.bound(1), stage.bound(3)],
        [[id], [id], [id]]
    );
    assert!(stage.bound(2).is_empty());
    let second = stage.both("d", ranked(2));
    let other = second.reference().id();
    assert_eq!([stage.bound(0), stage.bound(1)], [[id], [other]]);
    assert_eq!(stage.bound(3), [other, id]);
    second
        .set_properties(&Properties::from([("shy", true)]))
        .unwrap();
    assert_eq!(stage.bound(1), [id], "the filter holds besides");
    first.unregister().await.unwrap();
    assert!(!stage.valid("p"));
}

//! Services that are of several specifications.

use std::sync::Arc;

use ferlix_core::component::{Best, Many, Opt};
use ferlix_core::property::Properties;
use ferlix_core::registry::{ServiceObject, ServiceRef, ServiceRegistration};
use ferlix_core::{bundle, component};

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

bundle!(POLYGLOT = "test.polyglot", components = [Polyglot]);

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

//! `Map` and `MultiMap`: services by a property.

use std::sync::Arc;

use ferlix_core::component::{Map, MultiMap};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRef;
use ferlix_core::{bundle, component, lifecycle, service_impl};

use crate::support::{Echo, Journal, Stage, Translator};

#[component(factory = "index-factory", provides(dyn Translator))]
struct Index {
    #[inject]
    journal: Arc<dyn Journal>,
    #[inject(key = "lang")]
    best: Map<String, dyn Echo>,
    #[inject(key = "lang")]
    maybe: Map<Option<String>, dyn Echo>,
    #[inject(key = "lang")]
    all: MultiMap<String, dyn Echo>,
}

#[service_impl]
impl Translator for Index {
    fn language(&self) -> String {
        let entry = |(key, echo): (&String, &Arc<dyn Echo>)| format!("{key}={}", echo.name());
        let best: Vec<String> = self.best.load().iter().map(entry).collect();
        assert_eq!(
            (best.len(), best.is_empty()),
            (self.best.len(), self.best.is_empty())
        );
        let without = self.maybe.get(&None).map(|echo| echo.name());
        let names =
            |echoes: &Vec<Arc<dyn Echo>>| echoes.iter().map(|echo| echo.name()).collect::<String>();
        let all: Vec<String> = self
            .all
            .load()
            .iter()
            .map(|(key, echoes)| format!("{key}:{}", names(echoes)))
            .collect();
        assert_eq!(self.all.get(&"xx".to_owned()).len(), 0);
        format!(
            "{} | {} | {}",
            best.join(" "),
            without.unwrap_or_default(),
            all.join(" ")
        )
    }
}

#[lifecycle]
impl Index {
    #[bind(best)]
    fn came(&self, echo: &Arc<dyn Echo>) {
        self.journal.write(format!("bind {}", echo.name()));
    }

    #[update(best)]
    fn changed(&self, echo: &Arc<dyn Echo>, reference: &ServiceRef) {
        let lang = reference.property("lang").unwrap_or_default();
        self.journal.write(format!("update {} {lang}", echo.name()));
    }

    #[unbind(best)]
    fn went(&self, echo: &Arc<dyn Echo>) {
        self.journal.write(format!("unbind {}", echo.name()));
    }
}

#[component(factory = "atlas-factory")]
struct Atlas {
    #[inject(key = "lang", min = 2)]
    best: Map<String, dyn Echo>,
}

impl Drop for Atlas {
    fn drop(&mut self) {
        assert!(self.best.get(&"xx".to_owned()).is_none());
    }
}

bundle!(INDEX = "test.index", components = [Index, Atlas]);

fn lang(lang: &str, ranking: i32) -> Properties {
    Properties::from([
        ("lang", Value::from(lang)),
        ("service.ranking", ranking.into()),
    ])
}

#[tokio::test]
async fn each_key_has_its_best_service_and_follows_changes_of_it() {
    let stage = Stage::new(&[&INDEX]).await;
    stage.make("index-factory", "i", Properties::new()).await;
    let shown = || {
        stage
            .framework
            .context()
            .service::<dyn Translator>(None)
            .unwrap()
            .language()
    };
    assert_eq!(shown(), " |  | ");
    let a = stage.echo("a", lang("en", 0));
    let b = stage.echo("b", lang("de", 0));
    stage.echo("n", Properties::new());
    stage.echo("w", Properties::from([("lang", 5)]));
    assert_eq!(
        shown(),
        "de=b en=a | n | de:b en:a",
        "one without the key, or with another type, is not in"
    );
    assert_eq!(stage.lines(), ["bind a", "bind b"]);
    // A collision: the better ranked one has the key, the other one waits.
    let c = stage.echo("c", lang("en", 7));
    assert_eq!(shown(), "de=b en=c | n | de:b en:ca");
    assert_eq!(stage.lines(), ["unbind a", "bind c"]);
    c.unregister().await.unwrap();
    assert_eq!(shown(), "de=b en=a | n | de:b en:a");
    stage.lines();
    // A key that changes moves the service; into a collision, it waits.
    b.set_properties(&lang("fr", 0)).unwrap();
    assert_eq!(shown(), "en=a fr=b | n | en:a fr:b");
    assert_eq!(stage.lines(), ["update b fr"]);
    b.set_properties(&lang("en", 0)).unwrap();
    assert_eq!(shown(), "en=a | n | en:ab");
    a.remove_properties(&["lang"]).unwrap();
    assert_eq!(shown(), "en=b | a | en:b");
    assert_eq!(stage.lines(), ["unbind b", "unbind a", "bind b"]);
}

#[tokio::test]
async fn a_minimum_counts_keys() {
    let stage = Stage::new(&[&INDEX]).await;
    stage.make("atlas-factory", "a", Properties::new()).await;
    stage.echo("a", lang("en", 0));
    stage.echo("b", lang("en", 1));
    assert!(!stage.valid("a"));
    let c = stage.echo("c", lang("de", 0));
    assert!(stage.valid("a"));
    c.set_properties(&lang("en", 0)).unwrap();
    assert!(!stage.valid("a"));
}

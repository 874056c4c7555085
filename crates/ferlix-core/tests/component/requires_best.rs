//! `Best`: the ranking, a comparator of one's own, and what stays although something better comes.

use std::cmp::Ordering;
use std::sync::Arc;

use ferlix_core::component::{Best, Many};
use ferlix_core::property::Properties;
use ferlix_core::registry::ServiceRef;
use ferlix_core::{bundle, component, lifecycle, service_impl};

use crate::support::{Echo, Journal, Stage, Translator, ranked};

fn cheaper(one: &ServiceRef, other: &ServiceRef) -> Ordering {
    let cost = |reference: &ServiceRef| {
        reference
            .property("cost")
            .and_then(|cost| cost.as_i64())
            .unwrap_or(i64::MAX)
    };
    cost(one).cmp(&cost(other))
}

#[component(factory = "choice-factory", provides(dyn Translator))]
struct Choice {
    #[inject]
    journal: Arc<dyn Journal>,
    #[inject]
    best: Best<dyn Echo>,
    #[inject(order = cheaper)]
    cheapest: Best<dyn Echo>,
    #[inject(order = cheaper)]
    all: Many<dyn Echo>,
    #[inject]
    fixed: Arc<dyn Echo>,
}

#[service_impl]
impl Translator for Choice {
    fn language(&self) -> String {
        let all: Vec<String> = self.all.get().iter().map(|echo| echo.name()).collect();
        format!(
            "{} {} {} {}",
            self.best.load().name(),
            self.cheapest.get().name(),
            all.join(","),
            self.fixed.name()
        )
    }
}

#[lifecycle]
impl Choice {
    #[bind(best)]
    fn came(&self, echo: &Arc<dyn Echo>) {
        self.journal.write(format!("bind {}", echo.name()));
    }

    #[unbind(best)]
    fn went(&self, echo: &Arc<dyn Echo>) {
        self.journal.write(format!("unbind {}", echo.name()));
    }

    #[invalidate]
    fn stop(&self) {
        self.journal.write("invalidate".to_owned());
    }
}

bundle!(CHOICE = "test.choice", components = [Choice]);

#[tokio::test]
async fn the_best_one_is_followed_by_ranking_or_by_a_comparator() {
    let stage = Stage::new(&[&CHOICE]).await;
    stage.make("choice-factory", "c", Properties::new()).await;
    let costs =
        |cost: i32, ranking: i32| Properties::from([("cost", cost), ("service.ranking", ranking)]);
    let chosen = || {
        stage
            .framework
            .context()
            .service::<dyn Translator>(None)
            .map(|one| one.language())
    };
    let a = stage.echo("a", costs(5, 0));
    assert_eq!(chosen().unwrap(), "a a a a");
    let b = stage.echo("b", costs(9, 10));
    assert_eq!(chosen().unwrap(), "b a a,b a");
    let c = stage.echo("c", costs(1, -10));
    assert_eq!(
        chosen().unwrap(),
        "b c c,a,b a",
        "a fixed field keeps what it has"
    );
    b.set_properties(&costs(0, -20)).unwrap();
    assert_eq!(chosen().unwrap(), "a b b,c,a a");
    assert_eq!(
        stage.lines(),
        ["bind a", "unbind a", "bind b", "unbind b", "bind a"]
    );
    b.unregister().await.unwrap();
    assert_eq!(chosen().unwrap(), "a c c,a a");
    // Equal costs: the better ranked one.
    let d = stage.echo("d", costs(1, 3));
    assert_eq!(chosen().unwrap(), "d d d,c,a a");
    for gone in [a, c] {
        gone.unregister().await.unwrap();
    }
    assert_eq!(chosen().unwrap(), "d d d d");
    d.unregister().await.unwrap();
    assert_eq!(chosen(), None);
}

#[tokio::test]
async fn a_better_one_that_comes_later_rebinds_without_invalidation() {
    let stage = Stage::new(&[&CHOICE]).await;
    stage.make("choice-factory", "c", Properties::new()).await;
    let first = stage.echo("a", ranked(0));
    let second = stage.echo("b", ranked(1));
    second.unregister().await.unwrap();
    assert_eq!(
        stage.lines(),
        ["bind a", "unbind a", "bind b", "unbind b", "bind a"]
    );
    first.unregister().await.unwrap();
    assert_eq!(stage.lines(), ["invalidate", "unbind a"]);
}

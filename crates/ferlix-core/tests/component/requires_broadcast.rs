//! `Broadcast`: one call to all services.

use std::sync::Arc;

use ferlix_core::component::Broadcast;
use ferlix_core::property::Properties;
use ferlix_core::service::CallError;
use ferlix_core::{bundle, component, remote_service, service_impl};

use crate::support::{Echo, Stage, Translator, ranked};

/// Answers or fails.
#[remote_service("test.answering")]
trait Answering: Send + Sync {
    async fn answer(&self, question: &str) -> Result<String, CallError>;
}

struct Answers(Option<&'static str>);

#[service_impl]
impl Answering for Answers {
    async fn answer(&self, question: &str) -> Result<String, CallError> {
        tokio::task::yield_now().await;
        match self.0 {
            Some(answer) => Ok(format!("{answer} to {question}")),
            None => Err(CallError::Gone {
                service: "test.answering".to_owned(),
            }),
        }
    }
}

/// Asks all.
#[remote_service("test.asking")]
trait Asking: Send + Sync {
    async fn ask(&self) -> Result<Vec<String>, CallError>;
}

#[component(factory = "caller-factory", provides(dyn Translator), provides(dyn Asking))]
struct CallsAll {
    #[inject]
    all: Broadcast<dyn Echo>,
    #[inject]
    answering: Broadcast<dyn Answering>,
}

#[service_impl]
impl Translator for CallsAll {
    fn language(&self) -> String {
        let names = self.all.each(Echo::name);
        assert_eq!(
            (names.len(), names.is_empty()),
            (self.all.len(), self.all.is_empty())
        );
        names.join(" ")
    }
}

#[service_impl]
impl Asking for CallsAll {
    async fn ask(&self) -> Result<Vec<String>, CallError> {
        let call = |one: Arc<dyn Answering>| async move { one.answer("it").await };
        let answers = self.answering.each_async(call).await;
        let text =
            |answer: Result<String, CallError>| answer.unwrap_or_else(|error| error.to_string());
        Ok(answers.into_iter().map(text).collect())
    }
}

#[component(factory = "needy-factory")]
struct Needy {
    #[inject(min = 1)]
    all: Broadcast<dyn Echo>,
}

impl Drop for Needy {
    fn drop(&mut self) {
        assert!(self.all.len() < 10);
    }
}

bundle!(CALLERS = "test.callers", components = [CallsAll, Needy]);

#[tokio::test]
async fn a_call_goes_to_all_in_order_and_to_none_without_harm() {
    let stage = Stage::new(&[&CALLERS]).await;
    stage.make("caller-factory", "c", Properties::new()).await;
    let names = || {
        stage
            .framework
            .context()
            .service::<dyn Translator>(None)
            .unwrap()
            .language()
    };
    assert_eq!(
        names(),
        "",
        "nobody is there: the component is valid all the same"
    );
    let a = stage.echo("a", ranked(1));
    stage.echo("b", ranked(5));
    assert_eq!(names(), "b a");
    a.set_properties(&ranked(9)).unwrap();
    assert_eq!(names(), "a b");
    a.unregister().await.unwrap();
    assert_eq!(names(), "b");
}

#[tokio::test]
async fn each_result_is_its_own() {
    let stage = Stage::new(&[&CALLERS]).await;
    stage.make("caller-factory", "c", Properties::new()).await;
    let context = stage.framework.context();
    for (ranking, answer) in [(3, Some("yes")), (2, None), (1, Some("no"))] {
        let answers: Arc<dyn Answering> = Arc::new(Answers(answer));
        context.register(answers, ranked(ranking)).unwrap();
    }
    let asking = context.service::<dyn Asking>(None).unwrap();
    let answers = asking.ask().await.unwrap();
    assert_eq!(
        answers,
        [
            "yes to it",
            "the service test.answering is gone: its endpoint was withdrawn",
            "no to it"
        ]
    );
}

#[tokio::test]
async fn a_minimum_makes_it_required_early_or_late() {
    let stage = Stage::new(&[&CALLERS]).await;
    stage.make("needy-factory", "late", Properties::new()).await;
    assert!(!stage.valid("late"));
    let echo = stage.echo("a", Properties::new());
    stage
        .make("needy-factory", "early", Properties::new())
        .await;
    assert!(stage.valid("late") && stage.valid("early"));
    echo.unregister().await.unwrap();
    assert!(!stage.valid("late") && !stage.valid("early"));
}

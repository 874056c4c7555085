//! `Temporal`: a service that may be away for a while. Time is virtual here: it passes only while nothing else is to do.

use std::sync::Arc;
use std::time::Duration;

use ferlix_core::component::{ServiceAbsent, Temporal};
use ferlix_core::property::{Properties, Value};
use ferlix_core::service::CallError;
use ferlix_core::{bundle, component, lifecycle, remote_service, service_impl};
use tokio::time::{Instant, sleep};

use crate::support::{Echo, Journal, Stage};

/// Asks the service that may be away.
#[remote_service("test.relay")]
trait Relay: Send + Sync {
    async fn ask(&self) -> Result<String, CallError>;
}

#[component(factory = "relay-factory", provides(dyn Relay))]
struct Relays {
    #[inject]
    journal: Arc<dyn Journal>,
    #[inject(grace = "3s")]
    echo: Temporal<dyn Echo>,
}

#[service_impl]
impl Relay for Relays {
    async fn ask(&self) -> Result<String, CallError> {
        Ok(self.echo.get().await?.name())
    }
}

#[lifecycle]
impl Relays {
    #[bind(echo)]
    fn came(&self, echo: &Arc<dyn Echo>) {
        self.journal.write(format!("bind {}", echo.name()));
    }

    #[unbind(echo)]
    fn went(&self, echo: &Arc<dyn Echo>) {
        let there = self.echo.try_get().is_some();
        self.journal
            .write(format!("unbind {} {there}", echo.name()));
    }

    #[invalidate]
    async fn stop(&self) {
        let absent = self.echo.get().await.err();
        self.journal.write(format!(
            "invalidate {}",
            absent.map(|absent| absent.to_string()).unwrap_or_default()
        ));
    }
}

bundle!(RELAY = "test.relay", components = [Relays]);

#[tokio::test(start_paused = true)]
async fn calls_wait_for_a_service_that_comes_back_in_time() {
    let stage = Stage::new(&[&RELAY]).await;
    stage.make("relay-factory", "r", Properties::new()).await;
    assert!(!stage.valid("r"), "it is required at first");
    let first = stage.echo("a", Properties::new());
    let relay = stage
        .framework
        .context()
        .service::<dyn Relay>(None)
        .unwrap();
    assert_eq!(relay.ask().await.unwrap(), "a");
    first.unregister().await.unwrap();
    assert!(stage.valid("r"));
    assert_eq!(stage.lines(), ["bind a", "unbind a false"]);
    let begin = Instant::now();
    let comes_back = async {
        sleep(Duration::from_secs(2)).await;
        stage.echo("b", Properties::new())
    };
    let (answer, second) = tokio::join!(relay.ask(), comes_back);
    assert_eq!(answer.unwrap(), "b");
    assert_eq!(begin.elapsed().as_secs(), 2);
    assert_eq!(stage.lines(), ["bind b"], "the same object all the time");
    // The end of the first grace period means nothing now.
    sleep(Duration::from_secs(20)).await;
    assert!(stage.valid("r") && stage.lines().is_empty());
    // Another one that is there takes the place at once.
    stage.echo("c", Properties::new());
    second.unregister().await.unwrap();
    assert_eq!(relay.ask().await.unwrap(), "c");
    assert_eq!(stage.lines(), ["unbind b true", "bind c"]);
}

#[tokio::test(start_paused = true)]
async fn calls_fail_when_none_comes_and_the_component_is_invalidated() {
    let stage = Stage::new(&[&RELAY]).await;
    stage.make("relay-factory", "r", Properties::new()).await;
    let first = stage.echo("a", Properties::new());
    let relay = stage
        .framework
        .context()
        .service::<dyn Relay>(None)
        .unwrap();
    first.unregister().await.unwrap();
    let begin = Instant::now();
    let error = relay.ask().await.unwrap_err();
    assert!(matches!(error, CallError::Gone { .. }), "{error}");
    assert_eq!(begin.elapsed().as_secs(), 3);
    sleep(Duration::from_millis(10)).await;
    stage.framework.settle().await;
    assert!(!stage.valid("r"));
    assert_eq!(
        stage.lines(),
        [
            "bind a",
            "unbind a false",
            "invalidate no service test.echo came back within 3s"
        ]
    );
    // Whoever still holds the object is told at once.
    let begin = Instant::now();
    assert!(relay.ask().await.is_err());
    assert!(begin.elapsed().is_zero());
    stage.echo("b", Properties::new());
    assert!(stage.valid("r"));
    let relay = stage
        .framework
        .context()
        .service::<dyn Relay>(None)
        .unwrap();
    assert_eq!(relay.ask().await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn an_instance_has_its_own_grace_period_and_a_wrong_one_is_left_out() {
    let cases = [
        (Value::from(1), 1_000),
        (Value::from(0.5), 500),
        (Value::from("2"), 2_000),
        (Value::from(0), 3_000),
        (Value::from(-5), 3_000),
        (Value::from("soon"), 3_000),
        (Value::from(f64::NAN), 3_000),
    ];
    for (grace, expected) in cases {
        let stage = Stage::new(&[&RELAY]).await;
        let timeouts = Value::Map([("echo".to_owned(), grace.clone())].into());
        let given = Properties::from([("temporal.timeouts", timeouts)]);
        stage.make("relay-factory", "r", given).await;
        let first = stage.echo("a", Properties::new());
        let relay = stage
            .framework
            .context()
            .service::<dyn Relay>(None)
            .unwrap();
        first.unregister().await.unwrap();
        let begin = Instant::now();
        assert!(relay.ask().await.is_err());
        let waited = begin.elapsed().as_millis();
        assert!(
            (expected..expected + 10).contains(&waited),
            "{grace}: {waited}"
        );
    }
}

#[test]
fn absence_says_of_what_and_how_long() {
    fn check<T: Into<CallError> + Into<ferlix_core::component::ComponentError>>() {}
    check::<ServiceAbsent>();
}

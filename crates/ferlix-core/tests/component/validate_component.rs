//! What `validate` gets and what its errors do; and the order of everything around it.

use std::sync::Arc;

use ferlix_core::component::{ComponentContext, ComponentState};
use ferlix_core::property::{Properties, Value};
use ferlix_core::{bundle, component, lifecycle, service_impl};

use crate::support::{Echo, Journal, Stage};

#[component(factory = "strict-factory", provides(dyn Echo), retry = "off", property("declared" = 5))]
struct Strict {
    #[inject]
    journal: Arc<dyn Journal>,
    #[property("fail")]
    fail: Option<String>,
}

#[service_impl]
impl Echo for Strict {
    fn name(&self) -> String {
        "strict".to_owned()
    }
}

#[lifecycle]
impl Strict {
    #[validate]
    async fn start(
        &self,
        context: &ComponentContext,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        assert_eq!(context.factory(), "strict-factory");
        assert_eq!(context.property("declared"), Some(Value::from(5)));
        assert_eq!(
            context.properties().text("instance.name"),
            Some(context.name())
        );
        let offered = context.bundle().service::<dyn Echo>(None).is_some();
        self.journal
            .write(format!("validate {} {offered}", context.name()));
        match self.fail.as_deref() {
            Some("panic") => panic!("as asked"),
            Some("error") => Err("as asked".into()),
            _ => Ok(()),
        }
    }

    #[invalidate]
    fn stop(&self, context: &ComponentContext) -> Result<(), &'static str> {
        let offered = context.bundle().service::<dyn Echo>(None).is_some();
        self.journal
            .write(format!("invalidate {} {offered}", context.name()));
        if self.fail.as_deref() == Some("late") {
            Err("logged")
        } else {
            Ok(())
        }
    }
}

bundle!(STRICT = "test.strict", components = [Strict]);

#[tokio::test]
async fn the_service_is_offered_after_validate_and_before_invalidate_no_more() {
    let stage = Stage::new(&[&STRICT]).await;
    stage
        .make("strict-factory", "s", Properties::from([("fail", "late")]))
        .await;
    assert_eq!(stage.count("test.echo"), 1);
    stage.framework.components().kill("s").await.unwrap();
    assert_eq!(stage.lines(), ["validate s false", "invalidate s false"]);
}

#[tokio::test]
async fn an_error_or_a_panic_in_validate_makes_it_erroneous_and_offers_nothing() {
    for (fail, cause) in [
        ("error", "validate: as asked"),
        ("panic", "validate panicked: as asked"),
    ] {
        let stage = Stage::new(&[&STRICT]).await;
        stage
            .make("strict-factory", "s", Properties::from([("fail", fail)]))
            .await;
        assert_eq!(stage.state("s"), ComponentState::Erroneous);
        assert_eq!(stage.count("test.echo"), 0);
        let details = stage.framework.components().instance("s").unwrap();
        assert_eq!(details.cause.unwrap().to_string(), cause);
        assert_eq!(stage.lines(), ["validate s false", "invalidate s false"]);
        stage.framework.stop().await.unwrap();
    }
}

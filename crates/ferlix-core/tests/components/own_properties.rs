//! Properties that a component sets itself.

use std::sync::atomic::{AtomicU32, Ordering};

use ferlix_core::component::{
    Callbacks, Component, ComponentError, ComponentFactory, ComponentState, Fields, Live,
};
use ferlix_core::framework::{BundleDefinition, Framework};
use ferlix_core::property::{Properties, Value};

use crate::support::Part;

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

//! What the component manager tells and does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_core::Error;
use ferlix_core::component::{ComponentEvent, ComponentEventKind, DependencyKind, Many};
use ferlix_core::property::Properties;
use ferlix_core::{bundle, component, service_impl};
use futures_util::StreamExt;

use crate::support::{Echo, Stage, Translator};

#[component(factory = "speaker-factory", instance = "speaker", provides(dyn Translator), property("voice" = "low"))]
struct Speaker {
    #[inject(filter = "(loud=true)")]
    echo: Arc<dyn Echo>,
    #[inject(min = 1)]
    all: Many<dyn Echo>,
    #[property("volume")]
    volume: Option<u32>,
}

#[service_impl]
impl Translator for Speaker {
    fn language(&self) -> String {
        format!("{} {} {:?}", self.echo.name(), self.all.len(), self.volume)
    }
}

bundle!(SPEAKER = "test.speaker", components = [Speaker]);

#[tokio::test]
async fn factories_come_and_go_with_their_bundle() {
    let stage = Stage::new(&[&SPEAKER]).await;
    let components = stage.framework.components();
    let factory = components.factory("speaker-factory").unwrap();
    let bundle = stage.framework.context().framework().bundles();
    let bundle = bundle
        .into_iter()
        .find(|bundle| bundle.symbolic_name() == "test.speaker");
    let bundle = bundle.unwrap();
    assert_eq!(factory.bundle_id, bundle.id());
    assert_eq!(factory.provides, ["test.translator"]);
    assert_eq!(factory.properties.text("voice"), Some("low"));
    assert!(factory.properties.contains("volume"));
    let requirements: Vec<_> = factory
        .requirements
        .iter()
        .map(|one| (one.field, one.kind, one.optional, one.minimum))
        .collect();
    assert_eq!(
        requirements,
        [
            ("echo", DependencyKind::Fixed, false, 1),
            ("all", DependencyKind::Many, false, 1)
        ]
    );
    bundle.stop().await.unwrap();
    assert!(components.factory("speaker-factory").is_none());
    assert!(components.instance("speaker").is_none());
    let error = components
        .instantiate("speaker-factory", "x", Properties::new())
        .await;
    assert!(matches!(
        error,
        Err(Error::Unknown {
            kind: "factory",
            ..
        })
    ));
}

#[tokio::test]
async fn details_of_an_instance_follow_it() {
    let stage = Stage::new(&[&SPEAKER]).await;
    let components = stage.framework.components();
    let details = components.instance("speaker").unwrap();
    assert_eq!(details.missing(), ["test.echo", "test.echo"]);
    assert_eq!(details.waits_for(), ["test.echo (loud=true)", "test.echo"]);
    let quiet = stage.echo("quiet", Properties::new());
    let details = components.instance("speaker").unwrap();
    assert_eq!(details.waits_for(), ["test.echo (loud=true)"]);
    assert_eq!(
        details.dependencies[1].bindings,
        [quiet.reference().clone()]
    );
    let loud = stage.echo("loud", Properties::from([("loud", true)]));
    let details = components.instance("speaker").unwrap();
    assert!(details.waits_for().is_empty());
    assert_eq!(details.dependencies[0].bindings, [loud.reference().clone()]);
    assert_eq!(details.services.len(), 1);
    let speaker = stage
        .framework
        .context()
        .service::<dyn Translator>(None)
        .unwrap();
    assert_eq!(speaker.language(), "loud 2 None");
}

#[tokio::test]
async fn events_tell_the_life_of_factories_and_instances() {
    let stage = Stage::new(&[]).await;
    let components = stage.framework.components().clone();
    let context = stage.framework.context();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let shared = Arc::clone(&told);
    let text = |event: &ComponentEvent| {
        format!(
            "{:?} {}",
            event.kind,
            event.instance.as_deref().unwrap_or("-")
        )
    };
    let id = components.add_listener(&context, move |event| {
        shared.lock().unwrap().push(text(event));
    });
    components.add_listener(&context, |_| panic!("hurts nobody"));
    let mut stream = components.events(&context);
    let take = || std::mem::take(&mut *told.lock().unwrap());

    let bundle = stage.framework.install(&SPEAKER).unwrap();
    bundle.start().await.unwrap();
    assert_eq!(take(), ["Registered -", "Instantiated speaker"]);
    let loud = stage.echo("loud", Properties::from([("loud", true)]));
    assert_eq!(take(), ["Validated speaker"]);
    loud.unregister().await.unwrap();
    assert_eq!(take(), ["Invalidated speaker"]);
    bundle.stop().await.unwrap();
    assert_eq!(take(), ["Unregistered -", "Killed speaker"]);
    let kinds: Vec<ComponentEventKind> = tokio::time::timeout(
        Duration::from_secs(5),
        stream.by_ref().take(6).map(|event| event.kind).collect(),
    )
    .await
    .unwrap();
    assert_eq!(
        kinds.iter().map(|kind| *kind as u8).collect::<Vec<_>>(),
        [1, 2, 3, 4, 10, 9]
    );
    assert_eq!(stream.dropped(), 0);

    assert!(components.remove_listener(id));
    assert!(!components.remove_listener(id));
    bundle.start().await.unwrap();
    assert!(take().is_empty());
    for _ in 0..600 {
        bundle.stop().await.unwrap();
        bundle.start().await.unwrap();
    }
    assert!(stream.dropped() > 0, "what is not read is bounded");
}

#[tokio::test]
async fn a_name_and_a_factory_are_there_once() {
    let stage = Stage::new(&[&SPEAKER]).await;
    let components = stage.framework.components();
    let again = components
        .instantiate("speaker-factory", "speaker", Properties::new())
        .await;
    assert!(matches!(again, Err(Error::Duplicate { .. })));
    bundle!(RIVAL = "test.rival", components = [Speaker]);
    let rival = stage.framework.install(&RIVAL).unwrap();
    rival.start().await.unwrap();
    let first = components.factory("speaker-factory").unwrap();
    assert_ne!(first.bundle_id, rival.id(), "the first one keeps the name");
}

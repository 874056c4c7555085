//! Services whose object is made for their users: offered by components, and injected into components.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use ferlix_core::component::{Best, Many, Opt};
use ferlix_core::framework::BoxError;
use ferlix_core::property::Properties;
use ferlix_core::registry::{ServiceFactory, ServiceObject, ServiceRef};
use ferlix_core::{bundle, component, lifecycle, service, service_impl};

use crate::support::{Journal, Stage, ranked};

/// One for each bundle.
#[service("test.desk")]
trait Desk: Send + Sync {
    fn number(&self) -> u32;
}

/// One for each use.
#[service("test.chair")]
trait Chair: Send + Sync {
    fn number(&self) -> u32;
}

struct Made(u32);

#[service_impl]
impl Desk for Made {
    fn number(&self) -> u32 {
        self.0
    }
}

#[service_impl]
impl Chair for Made {
    fn number(&self) -> u32 {
        self.0
    }
}

/// Makes desks and chairs.
#[component(
    factory = "carpenter-factory",
    provides(dyn Desk, scope = "bundle"),
    provides(dyn Chair, scope = "prototype")
)]
struct Carpenter {
    #[inject]
    journal: Arc<dyn Journal>,
    made: AtomicU32,
}

impl Carpenter {
    fn made(&self, what: &str) -> Made {
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        self.journal.write(format!("make {what} {number}"));
        Made(number)
    }
}

impl ServiceFactory<dyn Desk> for Carpenter {
    fn get(&self, _: u64, reference: &ServiceRef) -> Result<Arc<dyn Desk>, BoxError> {
        assert_eq!(reference.scope().as_str(), "bundle");
        Ok(Arc::new(self.made("desk")))
    }

    fn unget(&self, _: u64, _: &ServiceRef, desk: Arc<dyn Desk>) {
        self.journal.write(format!("desk {} back", desk.number()));
    }
}

impl ServiceFactory<dyn Chair> for Carpenter {
    fn get(&self, _: u64, reference: &ServiceRef) -> Result<Arc<dyn Chair>, BoxError> {
        assert_eq!(reference.scope().as_str(), "prototype");
        Ok(Arc::new(self.made("chair")))
    }

    fn unget(&self, _: u64, _: &ServiceRef, chair: Arc<dyn Chair>) {
        self.journal.write(format!("chair {} back", chair.number()));
    }
}

#[lifecycle]
impl Carpenter {
    #[invalidate]
    fn stop(&self) {
        self.journal.write("carpenter stops".to_owned());
    }
}

/// Sits at a desk.
#[component(factory = "clerk-factory")]
struct Clerk {
    #[inject]
    journal: Arc<dyn Journal>,
    #[inject]
    desk: Arc<dyn Desk>,
    #[inject]
    chair: Best<dyn Chair>,
    #[inject]
    chairs: Many<dyn Chair>,
    #[property("colour", default = "")]
    _colour: String,
}

#[lifecycle]
impl Clerk {
    #[bind(chair)]
    fn seat(&self, chair: &Arc<dyn Chair>) {
        let same = Arc::ptr_eq(chair, &self.chair.get());
        let number = chair.number();
        self.journal.write(format!("bind chair {number} {same}"));
    }

    #[validate]
    fn start(&self) {
        let chairs: Vec<u32> = self.chairs.get().iter().map(|one| one.number()).collect();
        let (desk, chair) = (self.desk.number(), self.chair.load().number());
        self.journal
            .write(format!("desk {desk}, chair {chair}, all {chairs:?}"));
    }

    #[unbind(chair)]
    fn stand(&self, chair: &Arc<dyn Chair>) {
        self.journal
            .write(format!("unbind chair {}", chair.number()));
    }
}

/// Has a desk if there is one.
#[component(factory = "guest-factory")]
struct Guest {
    #[inject]
    _desk: Opt<dyn Desk>,
}

/// Needs a desk, and does not wait long for one that cannot be had.
#[component(factory = "boss-factory", retry = "fixed(20ms)")]
struct Boss {
    #[inject]
    _desk: Arc<dyn Desk>,
}

bundle!(WORKSHOP = "test.workshop", components = [Carpenter]);
bundle!(OFFICE = "test.office", components = [Clerk, Guest, Boss]);

#[tokio::test]
async fn a_component_makes_one_object_for_each_bundle() {
    let stage = Stage::new(&[&WORKSHOP]).await;
    let context = stage.framework.context();
    stage
        .make("carpenter-factory", "c", Properties::new())
        .await;
    let desk = context.service::<dyn Desk>(None).unwrap();
    let again = context.service::<dyn Desk>(None).unwrap();
    assert_eq!((desk.number(), again.number()), (1, 1));
    drop(again);
    assert_eq!(stage.lines(), ["make desk 1"]);
    drop(desk);
    assert_eq!(stage.lines(), ["desk 1 back"]);
}

#[tokio::test]
async fn a_component_makes_one_object_for_each_use() {
    let stage = Stage::new(&[&WORKSHOP]).await;
    let context = stage.framework.context();
    stage
        .make("carpenter-factory", "c", Properties::new())
        .await;
    let references = context.references(Some("test.chair"), None);
    let chairs = context
        .service_objects::<dyn Chair>(&references[0])
        .unwrap();
    let (one, other) = (chairs.get().unwrap(), chairs.get().unwrap());
    assert_eq!((one.number(), other.number()), (1, 2));
    drop(one);
    assert_eq!(
        stage.lines(),
        ["make chair 1", "make chair 2", "chair 1 back"]
    );
    stage.framework.components().kill("c").await.unwrap();
    assert_eq!(
        stage.lines(),
        ["chair 2 back", "carpenter stops"],
        "what is in use comes back while the component can still take it"
    );
    assert!(!other.reference().is_registered() && other.number() == 2);
}

#[tokio::test]
async fn a_field_has_its_bundle_s_object_or_one_of_its_own_until_it_lets_go() {
    let stage = Stage::new(&[&WORKSHOP, &OFFICE]).await;
    let components = stage.framework.components();
    stage
        .make("carpenter-factory", "c", Properties::new())
        .await;
    stage
        .make("clerk-factory", "first", Properties::new())
        .await;
    assert_eq!(
        stage.lines(),
        [
            "make desk 1",
            "make chair 2",
            "make chair 3",
            "bind chair 2 true",
            "desk 1, chair 2, all [3]"
        ]
    );
    stage
        .make("guest-factory", "guest", Properties::new())
        .await;
    assert!(stage.lines().is_empty(), "it shares its bundle's desk");
    let given = Properties::from([("colour", "red")]);
    components.reconfigure("first", given).await.unwrap();
    assert_eq!(
        stage.lines(),
        [
            "unbind chair 2",
            "chair 2 back",
            "chair 3 back",
            "make chair 4",
            "make chair 5",
            "bind chair 4 true",
            "desk 1, chair 4, all [5]"
        ],
        "the object is built anew, while the guest keeps the desk"
    );
    components.kill("first").await.unwrap();
    assert_eq!(
        stage.lines(),
        ["unbind chair 4", "chair 4 back", "chair 5 back"]
    );
    components.kill("guest").await.unwrap();
    assert_eq!(stage.lines(), ["desk 1 back"]);
    let references = stage.framework.context().references(None, None);
    let office = stage.bundle("test.office");
    assert!(references.iter().all(|one| one.use_count(office) == 0));
}

#[tokio::test]
async fn what_was_made_goes_back_when_the_maker_or_the_user_s_bundle_goes() {
    let stage = Stage::new(&[&WORKSHOP, &OFFICE]).await;
    let components = stage.framework.components();
    stage
        .make("carpenter-factory", "c", Properties::new())
        .await;
    stage
        .make("clerk-factory", "clerk", Properties::new())
        .await;
    stage.lines();
    components.kill("c").await.unwrap();
    assert!(!stage.valid("clerk"));
    let lines = stage.lines();
    assert_eq!(lines.last().unwrap(), "carpenter stops");
    let mut back: Vec<&String> = lines.iter().filter(|line| line.ends_with("back")).collect();
    back.sort();
    assert_eq!(back, ["chair 2 back", "chair 3 back", "desk 1 back"]);
    stage
        .make("carpenter-factory", "c", Properties::new())
        .await;
    assert!(stage.valid("clerk"));
    stage.lines();
    let office = stage.framework.bundles().pop().unwrap();
    assert_eq!(office.symbolic_name(), "test.office");
    office.stop().await.unwrap();
    let mut back = stage.lines();
    back.retain(|line| line.ends_with("back"));
    assert_eq!(back, ["desk 1 back", "chair 2 back", "chair 3 back"]);
}

/// Makes desks while it may.
#[derive(Default)]
struct Moody(AtomicBool, AtomicU32);

impl ServiceFactory<dyn Desk> for Moody {
    fn get(&self, _: u64, _: &ServiceRef) -> Result<Arc<dyn Desk>, BoxError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        match self.0.load(Ordering::Relaxed) {
            true => Ok(Arc::new(Made(7))),
            false => Err("no wood".into()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_cannot_be_had_is_done_without_and_asked_for_again() {
    let stage = Stage::new(&[&WORKSHOP, &OFFICE]).await;
    let context = stage.framework.context();
    let moody = Arc::new(Moody::default());
    let object = ServiceObject::bundle_scoped::<dyn Desk>(moody.clone());
    let desks = context.register_object(object, ranked(5)).unwrap();
    stage.make("boss-factory", "boss", Properties::new()).await;
    stage
        .make("guest-factory", "guest", Properties::new())
        .await;
    assert!(stage.valid("guest"), "it can do without");
    let waits = stage.framework.components().instance("boss").unwrap();
    let cannot = format!("test.desk: {} cannot be had", desks.reference());
    assert_eq!(waits.waits_for(), [cannot]);
    stage
        .make("carpenter-factory", "c", Properties::new())
        .await;
    assert!(stage.valid("boss"), "there is another one");
    stage.framework.components().kill("c").await.unwrap();
    assert!(!stage.valid("boss"));
    let asked = moody.1.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(70)).await;
    assert!(moody.1.load(Ordering::Relaxed) > asked, "it is asked again");
    moody.0.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(stage.valid("boss"));
    desks.unregister().await.unwrap();
    assert!(!stage.valid("boss"));
    let asked = moody.1.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(moody.1.load(Ordering::Relaxed), asked);
}

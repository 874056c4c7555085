//! The registry against a simple model: any sequence of changes finds the same services in the same order and tells
//! listeners the same story; and two threads at once tell a story that fits together for each service.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ferlix_core::filter::Filter;
use ferlix_core::framework::{BundleContext, BundleDefinition, Framework};
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::{
    ServiceEvent, ServiceEventKind, ServiceObject, ServiceRef, ServiceRegistration,
};
use ferlix_core::service::{Interface, Service};
use proptest::prelude::*;

trait Red: Send + Sync {}
trait Blue: Send + Sync {}

impl Service for dyn Red {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("model.red");
        &INTERFACE
    }
}

impl Service for dyn Blue {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("model.blue");
        &INTERFACE
    }
}

struct Thing;

impl Red for Thing {}
impl Blue for Thing {}

static OWNER: BundleDefinition = BundleDefinition {
    symbolic_name: "model.owner",
    version: "0.0.0",
    location: file!(),
    components: &[],
    activator: None,
};

const NAMES: [&str; 2] = ["model.red", "model.blue"];

#[derive(Clone, Debug)]
enum Change {
    Register {
        red: bool,
        blue: bool,
        ranking: i32,
        size: i32,
    },
    Unregister(usize),
    SetRanking(usize, i32),
    SetSize(usize, i32),
    RemoveSize(usize),
    /// The bundle that owns the services stops and starts again.
    Restart,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (any::<bool>(), any::<bool>(), -2..3, 0..3)
            .prop_map(|(red, blue, ranking, size)| Change::Register { red: red || !blue, blue, ranking, size }),
        2 => any::<usize>().prop_map(Change::Unregister),
        2 => (any::<usize>(), -2..3).prop_map(|(which, ranking)| Change::SetRanking(which, ranking)),
        2 => (any::<usize>(), 0..3).prop_map(|(which, size)| Change::SetSize(which, size)),
        1 => any::<usize>().prop_map(Change::RemoveSize),
        1 => Just(Change::Restart),
    ]
}

/// A service as the model knows it.
#[derive(Clone, Debug)]
struct Known {
    id: u64,
    names: Vec<&'static str>,
    ranking: i32,
    size: Option<i32>,
}

/// What a listener for services of size 1 would be told.
fn told(before: Option<&Known>, after: Option<&Known>) -> Option<ServiceEventKind> {
    let fits = |known: &Known| known.size == Some(1);
    match (before, after) {
        (None, Some(after)) => fits(after).then_some(ServiceEventKind::Registered),
        (Some(before), None) => fits(before).then_some(ServiceEventKind::Unregistering),
        (Some(before), Some(after))
            if before.size == after.size && before.ranking == after.ranking =>
        {
            None
        }
        (Some(_), Some(after)) if fits(after) => Some(ServiceEventKind::Modified),
        (Some(before), Some(_)) if fits(before) => Some(ServiceEventKind::ModifiedEndMatch),
        _ => None,
    }
}

/// The registry and the model, changed in step.
struct Pair {
    context: BundleContext,
    registrations: Vec<ServiceRegistration>,
    known: Vec<Known>,
    told: Vec<(u64, ServiceEventKind)>,
}

impl Pair {
    fn apply(&mut self, change: &Change) {
        let which = |index: usize, count: usize| (count > 0).then(|| index % count);
        match *change {
            Change::Register {
                red,
                blue,
                ranking,
                size,
            } => {
                let thing = Arc::new(Thing);
                let object = match (red, blue) {
                    (true, true) => {
                        ServiceObject::new::<dyn Red>(thing.clone()).and::<dyn Blue>(thing)
                    }
                    (true, false) => ServiceObject::new::<dyn Red>(thing),
                    _ => ServiceObject::new::<dyn Blue>(thing),
                };
                let properties = Properties::from([("service.ranking", ranking), ("size", size)]);
                let registration = self.context.register_object(object, properties).unwrap();
                let wanted = [red, blue];
                let names = NAMES
                    .into_iter()
                    .zip(wanted)
                    .filter(|(_, wanted)| *wanted)
                    .map(|(name, _)| name)
                    .collect();
                let known = Known {
                    id: registration.reference().id(),
                    names,
                    ranking,
                    size: Some(size),
                };
                self.tell(None, Some(&known));
                self.registrations.push(registration);
                self.known.push(known);
            }
            Change::Unregister(index) => {
                if let Some(index) = which(index, self.known.len()) {
                    self.registrations.remove(index).unregister_now().unwrap();
                    let known = self.known.remove(index);
                    self.tell(Some(&known), None);
                }
            }
            Change::SetRanking(index, ranking) => self.change(index, |known, registration| {
                known.ranking = ranking;
                registration
                    .set_properties(&Properties::from([("service.ranking", ranking)]))
                    .unwrap();
            }),
            Change::SetSize(index, size) => self.change(index, |known, registration| {
                known.size = Some(size);
                registration
                    .set_properties(&Properties::from([("SIZE", size)]))
                    .unwrap();
            }),
            Change::RemoveSize(index) => self.change(index, |known, registration| {
                known.size = None;
                registration.remove_properties(&["size"]).unwrap();
            }),
            Change::Restart => {}
        }
    }

    /// Its stop unregisters what the bundle registered, newest first.
    async fn restart(&mut self) {
        let used = self.context.service::<dyn Red>(None);
        self.context.bundle().stop().await.unwrap();
        assert!(
            used.is_none_or(|used| !used.release()),
            "its uses have ended"
        );
        self.registrations.clear();
        for known in std::mem::take(&mut self.known).iter().rev() {
            self.tell(Some(known), None);
        }
        self.context.bundle().start().await.unwrap();
    }

    fn change(&mut self, index: usize, act: impl FnOnce(&mut Known, &ServiceRegistration)) {
        if self.known.is_empty() {
            return;
        }
        let index = index % self.known.len();
        let before = self.known[index].clone();
        act(&mut self.known[index], &self.registrations[index]);
        let after = self.known[index].clone();
        self.tell(Some(&before), Some(&after));
    }

    fn tell(&mut self, before: Option<&Known>, after: Option<&Known>) {
        let Some(known) = before.or(after) else {
            return;
        };
        if known.names.contains(&NAMES[0])
            && let Some(kind) = told(before, after)
        {
            self.told.push((known.id, kind));
        }
    }

    fn compare(&self) {
        for name in NAMES {
            for size in [None, Some(1)] {
                let fits = |known: &&Known| {
                    known.names.contains(&name) && (size.is_none() || known.size == size)
                };
                let mut expected: Vec<&Known> = self.known.iter().filter(fits).collect();
                expected.sort_by_key(|known| (std::cmp::Reverse(known.ranking), known.id));
                let expected: Vec<u64> = expected.iter().map(|known| known.id).collect();
                let filter = size.map(|size| Filter::equal("size", &size.to_string()));
                let found = self.context.references(Some(name), filter.as_ref());
                assert_eq!(
                    found.iter().map(ServiceRef::id).collect::<Vec<_>>(),
                    expected
                );
                let best = self.context.reference(name, filter.as_ref());
                assert_eq!(best.map(|one| one.id()), expected.first().copied());
            }
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_sequence_of_changes_tells_the_model_s_story(
        changes in prop::collection::vec(change(), 0..60),
        indexed in any::<bool>(),
    ) {
        runtime().block_on(async {
            let framework = Framework::builder().install(&OWNER).start().await.unwrap();
            let context = framework.context();
            // An index changes the way to what is found, never what is found.
            if indexed {
                context.index_property("Size");
            }
            let heard: Arc<Mutex<Vec<(u64, ServiceEventKind)>>> = Arc::default();
            let ears = Arc::clone(&heard);
            let listener = move |event: &ServiceEvent| ears.lock().unwrap().push((event.reference.id(), event.kind));
            let filter = Filter::parse("(size=1)").unwrap();
            context.add_service_listener(Some(NAMES[0]), Some(filter), listener).unwrap();
            let context = framework.bundle_by_name(OWNER.symbolic_name).unwrap().context();
            let mut pair = Pair { context, registrations: Vec::new(), known: Vec::new(), told: Vec::new() };
            for change in &changes {
                if matches!(change, Change::Restart) {
                    pair.restart().await;
                } else {
                    pair.apply(change);
                }
                pair.compare();
            }
            assert_eq!(*heard.lock().unwrap(), pair.told);
            framework.stop().await.unwrap();
            assert!(pair.context.references(None, None).is_empty());
        });
    }

    #[test]
    fn two_threads_tell_a_story_that_fits_together(
        left in prop::collection::vec(change(), 0..60),
        right in prop::collection::vec(change(), 0..60),
    ) {
        let runtime = runtime();
        let framework = runtime.block_on(Framework::builder().start()).unwrap();
        let context = framework.context();
        let stories: Arc<Mutex<HashMap<u64, Vec<ServiceEvent>>>> = Arc::default();
        let ears = Arc::clone(&stories);
        let listener = move |event: &ServiceEvent| {
            let mut stories = ears.lock().unwrap();
            stories.entry(event.reference.id()).or_default().push(event.clone());
        };
        context.add_service_listener(None, None, listener).unwrap();
        let work = |changes: Vec<Change>| {
            let context = context.clone();
            move || {
                let mut pair = Pair { context, registrations: Vec::new(), known: Vec::new(), told: Vec::new() };
                changes.iter().for_each(|change| pair.apply(change));
                pair.known
            }
        };
        let (left, right) = (std::thread::spawn(work(left)), std::thread::spawn(work(right)));
        let mut known = left.join().unwrap();
        known.extend(right.join().unwrap());
        Pair { context: context.clone(), registrations: Vec::new(), known: known.clone(), told: Vec::new() }.compare();
        for (id, story) in stories.lock().unwrap().iter() {
            assert_eq!(story[0].kind, ServiceEventKind::Registered);
            assert!(story.windows(2).all(|pair| pair[0].revision < pair[1].revision));
            for pair in story.windows(2).filter(|pair| pair[1].kind == ServiceEventKind::Modified) {
                assert_eq!(pair[1].previous.as_ref(), Some(&pair[0].properties), "service {id}");
            }
            let last = story.last().unwrap();
            let lives = known.iter().find(|known| known.id == *id);
            assert_eq!(last.kind == ServiceEventKind::Unregistering, lives.is_none());
            if let Some(lives) = lives {
                assert_eq!(last.properties.get("size").and_then(Value::as_i64), lives.size.map(i64::from));
            }
        }
        runtime.block_on(framework.stop()).unwrap();
    }
}

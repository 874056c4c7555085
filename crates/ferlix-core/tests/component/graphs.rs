//! Any graph of components, against a model: after each change the instances that can be satisfied are valid, and no other,
//! and at the end nothing is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use ferlix_core::component::{ComponentState, Opt};
use ferlix_core::framework::Framework;
use ferlix_core::property::{Properties, Value};
use ferlix_core::registry::ServiceRegistration;
use ferlix_core::{bundle, component, service_impl};
use proptest::prelude::*;

use crate::support::{Echo, Named};

/// Needs the service of another node.
#[component(factory = "hard-factory", provides(dyn Echo))]
struct Hard {
    #[inject(filter = "(node={wants})")]
    other: Arc<dyn Echo>,
}

#[service_impl]
impl Echo for Hard {
    fn name(&self) -> String {
        Arc::strong_count(&self.other).to_string()
    }
}

/// Takes the service of another node if it is there.
#[component(factory = "soft-factory", provides(dyn Echo))]
struct Soft {
    #[inject(filter = "(node={wants})")]
    other: Opt<dyn Echo>,
}

#[service_impl]
impl Echo for Soft {
    fn name(&self) -> String {
        self.other.get().is_some().to_string()
    }
}

bundle!(NODES = "test.nodes", components = [Hard, Soft]);

#[derive(Clone, Debug)]
enum Change {
    Make { hard: bool, node: u8, wants: u8 },
    Kill(usize),
    Rewire(usize, u8),
    Register(u8),
    Unregister(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let node = 0..5_u8;
    prop_oneof![
        6 => (prop::bool::weighted(0.8), node.clone(), node.clone()).prop_map(|(hard, node, wants)| Change::Make { hard, node, wants }),
        2 => any::<usize>().prop_map(Change::Kill),
        3 => (any::<usize>(), node.clone()).prop_map(|(which, wants)| Change::Rewire(which, wants)),
        2 => node.prop_map(Change::Register),
        2 => any::<usize>().prop_map(Change::Unregister),
    ]
}

struct Node {
    hard: bool,
    node: u8,
    wants: u8,
}

/// What is valid in the end: a node is when what it wants is offered by something that needs nothing of it.
fn satisfied(nodes: &BTreeMap<String, Node>, plain: impl Iterator<Item = u8>) -> BTreeSet<String> {
    let mut offered: BTreeSet<u8> = plain.collect();
    let mut valid = BTreeSet::new();
    loop {
        let before = valid.len();
        for (name, node) in nodes {
            if !node.hard || offered.contains(&node.wants) {
                valid.insert(name.clone());
                offered.insert(node.node);
            }
        }
        if valid.len() == before {
            return valid;
        }
    }
}

async fn follow(changes: Vec<Change>) {
    let framework = Framework::builder().install(&NODES).start().await.unwrap();
    let components = framework.components();
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    let mut plain: Vec<(u8, ServiceRegistration)> = Vec::new();
    let mut objects: Vec<Weak<Named>> = Vec::new();
    for (number, change) in changes.into_iter().enumerate() {
        match change {
            Change::Make { hard, node, wants } => {
                let name = format!("node-{number}");
                let factory = if hard { "hard-factory" } else { "soft-factory" };
                let given = Properties::from([("node", i32::from(node)), ("wants", wants.into())]);
                components.instantiate(factory, &name, given).await.unwrap();
                nodes.insert(name, Node { hard, node, wants });
            }
            Change::Kill(which) if !nodes.is_empty() => {
                let name = nodes.keys().nth(which % nodes.len()).unwrap().clone();
                components.kill(&name).await.unwrap();
                nodes.remove(&name);
            }
            Change::Rewire(which, wants) if !nodes.is_empty() => {
                let at = which % nodes.len();
                let (name, node) = nodes.iter_mut().nth(at).unwrap();
                node.wants = wants;
                let given = Properties::from([("wants", i32::from(wants))]);
                components.reconfigure(name, given).await.unwrap();
            }
            Change::Register(node) => {
                let object = Arc::new(Named("plain"));
                objects.push(Arc::downgrade(&object));
                let properties = Properties::from([("node", Value::from(i32::from(node)))]);
                let registered = framework.context().register::<dyn Echo>(object, properties);
                plain.push((node, registered.unwrap()));
            }
            Change::Unregister(which) if !plain.is_empty() => {
                let (_, registration) = plain.swap_remove(which % plain.len());
                registration.unregister().await.unwrap();
            }
            Change::Kill(_) | Change::Rewire(..) | Change::Unregister(_) => {}
        }
        framework.settle().await;
        let valid: BTreeSet<String> = components
            .instances()
            .iter()
            .filter(|one| one.state == ComponentState::Valid)
            .map(|one| one.name.to_string())
            .collect();
        let expected = satisfied(&nodes, plain.iter().map(|(node, _)| *node));
        assert_eq!(valid, expected, "after change {number}");
        let offered = framework.context().references(Some("test.echo"), None);
        assert_eq!(offered.len(), expected.len() + plain.len());
        for instance in components.instances() {
            let details = components.instance(&instance.name).unwrap();
            let waits = details.waits_for();
            assert_eq!(
                waits.is_empty(),
                expected.contains(&*instance.name),
                "{waits:?}"
            );
        }
    }
    framework.stop().await.unwrap();
    assert!(components.instances().is_empty());
    drop(plain);
    assert!(
        objects.iter().all(|object| object.upgrade().is_none()),
        "something is kept"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn any_graph_settles_where_the_model_says(changes in prop::collection::vec(change(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(follow(changes));
    }
}

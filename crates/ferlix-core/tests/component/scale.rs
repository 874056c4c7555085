//! A large framework goes down without a trace.

use std::sync::Arc;

use ferlix_core::component::ComponentState;
use ferlix_core::framework::Framework;
use ferlix_core::property::{Properties, Value};
use ferlix_core::{bundle, component};

use crate::support::{Echo, Named};

/// Needs a service and offers none.
#[component(factory = "leaf-factory")]
struct Leaf {
    #[inject(filter = "(node={wants})")]
    other: Arc<dyn Echo>,
}

impl Drop for Leaf {
    fn drop(&mut self) {
        assert_eq!(self.other.name(), "plain");
    }
}

bundle!(NODES = "test.nodes", components = [Leaf]);

#[tokio::test]
async fn ten_thousand_components_go_down_without_a_trace() {
    let framework = Framework::builder().install(&NODES).start().await.unwrap();
    let object = Arc::new(Named("plain"));
    let weak = Arc::downgrade(&object);
    let properties = Properties::from([("node", Value::from(0))]);
    let registration = framework
        .context()
        .register::<dyn Echo>(object, properties)
        .unwrap();
    for number in 0..10_000_i32 {
        let given = Properties::from([("wants", 0)]);
        let name = format!("n{number}");
        let made = framework
            .components()
            .instantiate("leaf-factory", &name, given);
        made.await.unwrap();
    }
    let valid = |one: &ferlix_core::component::InstanceInfo| one.state == ComponentState::Valid;
    assert!(framework.components().instances().iter().all(valid));
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let before = threads();
    framework.stop().await.unwrap();
    assert!(framework.components().instances().is_empty());
    assert!(framework.context().references(None, None).is_empty());
    drop(registration);
    assert!(weak.upgrade().is_none(), "a component is kept");
    let left = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert!(left <= tasks, "{left} tasks, {tasks} before the stop");
    assert!(threads() <= before, "a thread is left");
}

/// The threads of this process, where the system tells.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

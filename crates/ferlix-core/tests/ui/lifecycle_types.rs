//! Callbacks of fields that are not there, of other interfaces, and with other results.

use std::sync::Arc;

use ferlix_core::component::Many;
use ferlix_core::{component, lifecycle, service};

#[service("log")]
trait Log: Send + Sync {}

#[service("clock")]
trait Clock: Send + Sync {}

#[component(factory = "callbacks")]
struct Callbacks {
    #[inject]
    logs: Many<dyn Log>,
    plain: u32,
}

#[lifecycle]
impl Callbacks {
    #[bind(lugs)]
    fn misspelt(&self) {}
    #[update(logs)]
    fn other_interface(&self, _clock: &Arc<dyn Clock>) {}
    #[unbind(plain)]
    fn not_injected(&self) {}
    #[validate]
    fn answers(&self) -> u32 {
        0
    }
}

struct NoComponent;

#[lifecycle]
impl NoComponent {
    #[validate]
    fn start(&self) {}
}

fn main() {}

//! `#[lifecycle]` used wrongly: all errors come at once.

use std::sync::Arc;

use ferlix_core::component::{ComponentContext, Many};
use ferlix_core::registry::ServiceRef;
use ferlix_core::{component, lifecycle, service};

#[service("log")]
trait Log: Send + Sync {}

#[component(factory = "callbacks")]
struct Callbacks {
    #[inject]
    logs: Many<dyn Log>,
}

#[lifecycle]
impl Callbacks {
    #[validate]
    fn first(&self) {}
    #[validate]
    fn second(&self) {}
    #[invalidate(logs)]
    fn with_field(&self) {}
    #[validate]
    fn wants_a_service(&self, _log: &Arc<dyn Log>) {}
    #[validate]
    fn by_value(&self, _context: ComponentContext) {}
    #[bind]
    fn no_field(&self) {}
    #[bind(logs, logs)]
    fn two_fields(&self) {}
    #[bind(logs, if_valid, if_valid)]
    fn twice_valid(&self) {}
    #[validate(if_valid)]
    fn valid(&self) {}
    #[update(logs)]
    fn changes(&mut self) {}
    #[update(logs)]
    fn no_object(_reference: &ServiceRef) {}
    #[unbind(logs)]
    fn wants_the_context(&self, _context: &ComponentContext) {}
    #[unbind(logs)]
    fn twice(&self, _one: &ServiceRef, _two: &ServiceRef) {}
    #[unbind(logs)]
    fn generic<T>(&self) {}
}

#[lifecycle(now)]
impl Clone for Callbacks {
    fn clone(&self) -> Self {
        todo!()
    }
}

#[lifecycle]
struct NoBlock;

fn main() {}

//! `bundle!` used wrongly.

use ferlix_core::bundle;

struct NoComponent;

#[derive(Default)]
struct NoActivator;

bundle!();

bundle!(pub NAMELESS);

bundle!(EMPTY = "");

bundle!(OPTIONS = "options", parts = [NoComponent], version = "1", version = "2", components = NoComponent);

bundle!(COMPONENT = "component", components = [NoComponent]);

bundle!(ACTIVATOR = "activator", activator = NoActivator);

fn main() {}

//! [`Condition`]: a named fact that components wait for.

use crate::property::{Properties, Value};
use crate::service::{Interface, Service};

/// The property that names a condition.
pub const CONDITION_ID: &str = "condition.id";

/// A service without methods, which says by its presence that something is the case; a component with
/// `conditions("name")` is valid only while the condition of that name is there.
///
/// ```
/// # use std::sync::Arc;
/// use ferlix_core::component::Condition;
/// # use ferlix_core::framework::Framework;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ferlix_core::Error> {
/// # let framework = Framework::builder().start().await?;
/// # let context = framework.context();
/// let there = context.register(Arc::new(Condition), Condition::named("database.migrated"))?;
/// // … and when it is the case no more:
/// there.unregister().await?;
/// # framework.stop().await
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Condition;

impl Condition {
    /// The properties to register it with.
    #[must_use]
    pub fn named(name: &str) -> Properties {
        Properties::from([(CONDITION_ID, Value::from(name))])
    }
}

impl Service for Condition {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("ferlix.condition");
        &INTERFACE
    }
}

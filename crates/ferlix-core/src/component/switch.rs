//! [`Switch`]: a component's hold on whether its services are offered.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use super::instance::{Instance, Work};

/// Turns a provided service on and off while the component is valid. Cheap to clone.
///
/// Turned off, the service is unregistered; turned on again it is a new registration. Several switches of one service must
/// all be on. Each object starts with what its field declares.
#[derive(Clone)]
pub struct Switch(Arc<Inner>);

struct Inner {
    on: AtomicBool,
    instance: Weak<Instance>,
}

impl Switch {
    pub(super) fn new(instance: &Arc<Instance>, on: bool) -> Self {
        Self(Arc::new(Inner {
            on: on.into(),
            instance: Arc::downgrade(instance),
        }))
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Acquire)
    }

    /// Turns it on or off. The service has followed when this returns, unless the instance is busy (as in its own
    /// callbacks): then it follows when that work is done.
    pub fn set(&self, on: bool) {
        if self.0.on.swap(on, Ordering::AcqRel) != on
            && let Some(instance) = self.0.instance.upgrade()
        {
            instance.enqueue(Work::Publish);
        }
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Switch").field(&self.is_on()).finish()
    }
}

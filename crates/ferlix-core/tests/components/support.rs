//! The services that the components of the tests need and provide.

use std::sync::Mutex;

use ferlix_core::service::{Interface, Service};

/// Where components write down what happens to them.
pub(crate) trait Log: Send + Sync {
    fn add(&self, text: String);
}

impl Service for dyn Log {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.log");
        &INTERFACE
    }
}

/// What they need, or provide.
pub(crate) trait Part: Send + Sync {
    fn name(&self) -> String;
}

impl Service for dyn Part {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("test.part");
        &INTERFACE
    }
}

/// A log in memory.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn add(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

impl Lines {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A part with a name.
pub(crate) struct Piece(pub(crate) &'static str);

impl Part for Piece {
    fn name(&self) -> String {
        self.0.to_owned()
    }
}

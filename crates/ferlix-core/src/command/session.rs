//! [`Session`]: where a command prints, and the variables of one user.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One user of the shell: an output and variables. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    output: Arc<dyn Fn(&str) + Send + Sync>,
    variables: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Session {
    /// A session that prints with `output`, which gets whole texts (with their line ends).
    pub fn new(output: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            output: Arc::new(output),
            variables: Arc::default(),
        }
    }

    /// Prints a text as it is.
    pub fn write(&self, text: &str) {
        (self.output)(text);
    }

    /// Prints a text and a line end, in one piece.
    pub fn line(&self, text: impl fmt::Display) {
        (self.output)(&format!("{text}\n"));
    }

    /// The value of a variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        self.locked().get(name).cloned()
    }

    /// Sets a variable.
    pub fn set_variable(&self, name: &str, value: impl Into<String>) {
        self.locked().insert(name.to_owned(), value.into());
    }

    /// Removes a variable and returns whether it was there.
    #[must_use]
    pub fn unset_variable(&self, name: &str) -> bool {
        self.locked().remove(name).is_some()
    }

    /// All variables, by name.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.variables
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("variables", &self.variables())
            .finish_non_exhaustive()
    }
}

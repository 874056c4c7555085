//! [`Arguments`]: the words of a command line after parsing.

use std::collections::BTreeMap;

use super::CommandError;
use crate::property::{Properties, Value};

/// The arguments of one command: words by position, and `name=value` words.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Arguments {
    /// The words by position.
    pub words: Vec<String>,
    /// The `name=value` words.
    pub keywords: BTreeMap<String, String>,
}

impl Arguments {
    /// Arguments of these words and keywords.
    #[must_use]
    pub fn new(words: Vec<String>, keywords: BTreeMap<String, String>) -> Self {
        Self { words, keywords }
    }

    /// The word at a position.
    #[must_use]
    pub fn word(&self, position: usize) -> Option<&str> {
        self.words.get(position).map(String::as_str)
    }

    /// The word at a position that the command requires.
    ///
    /// # Errors
    /// [`CommandError::Arguments`] naming the parameter; the shell has checked this already for commands it runs.
    pub fn required(&self, position: usize, name: &str) -> Result<&str, CommandError> {
        self.word(position)
            .ok_or_else(|| CommandError::Arguments(format!("missing argument: {name}")))
    }

    /// The keywords as properties; every value is a text, which a typed component property reads as its own type.
    #[must_use]
    pub fn properties(&self) -> Properties {
        self.keywords
            .iter()
            .map(|(key, value)| (key.as_str(), Value::from(value)))
            .collect()
    }
}

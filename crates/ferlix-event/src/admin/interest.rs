//! [`Interest`]: which events a handler wants.

use ferlix_core::filter::Filter;
use ferlix_core::property::{Properties, Value};

use super::properties::{FILTER, TOPICS};
use crate::{Event, EventError, TopicPattern};

/// What the properties of a handler say.
pub(super) struct Interest {
    /// Empty: every topic.
    patterns: Vec<TopicPattern>,
    filter: Option<Filter>,
}

/// Why the properties of a handler cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum InterestError {
    #[error(transparent)]
    Event(#[from] EventError),
    #[error("{FILTER} does not parse: {0}")]
    Filter(#[from] ferlix_core::filter::FilterError),
    #[error("{key} is {found}: it must be {wanted}")]
    Type {
        key: &'static str,
        found: &'static str,
        wanted: &'static str,
    },
}

impl Interest {
    pub(super) fn read(properties: &Properties) -> Result<Self, InterestError> {
        let texts: Vec<&str> = match properties.get(TOPICS) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) if text.is_empty() => Vec::new(),
            Some(value) => {
                let texts = value.strings();
                let count = value.as_list().map_or(1, <[Value]>::len);
                if texts.len() != count {
                    return Err(InterestError::Type {
                        key: TOPICS,
                        found: value.type_name(),
                        wanted: "a text or a list of texts",
                    });
                }
                texts
            }
        };
        let patterns = texts
            .into_iter()
            .map(TopicPattern::parse)
            .collect::<Result<_, _>>()?;
        let filter = match properties.get(FILTER) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Filter::parse_optional(text)?,
            Some(other) => {
                return Err(InterestError::Type {
                    key: FILTER,
                    found: other.type_name(),
                    wanted: "a text",
                });
            }
        };
        Ok(Self { patterns, filter })
    }

    /// The topics, when there is no wildcard among them.
    pub(super) fn literals(&self) -> Option<Vec<&str>> {
        let literals: Option<Vec<&str>> = self.patterns.iter().map(TopicPattern::literal).collect();
        literals.filter(|literals| !literals.is_empty())
    }

    pub(super) fn wants_topic(&self, topic: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(topic))
    }

    pub(super) fn accepts(&self, event: &Event) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| filter.matches(event.properties()))
    }
}

//! [`Event`]: what handlers are told.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use ferlix_core::property::{Properties, Value};

use crate::admin::properties::{FRAMEWORK_UID, TIMESTAMP, TOPICS};

/// One event: a topic and properties, the same for every handler. Cheap to clone.
#[derive(Clone)]
pub struct Event(Arc<Inner>);

struct Inner {
    topic: Arc<str>,
    given: Properties,
    taken: SystemTime,
    framework_uid: Arc<str>,
    /// Made when somebody asks: most handlers look at a property or two.
    all: OnceLock<Properties>,
}

impl Event {
    pub(crate) fn new(topic: Arc<str>, given: Properties, framework_uid: &Arc<str>) -> Self {
        Self(Arc::new(Inner {
            topic,
            given,
            taken: SystemTime::now(),
            framework_uid: Arc::clone(framework_uid),
            all: OnceLock::new(),
        }))
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.0.topic
    }

    /// When the event was taken, in milliseconds since 1970: the property `event.timestamp`.
    #[must_use]
    pub fn timestamp(&self) -> i64 {
        let since = self.0.taken.duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }

    /// The framework in which it was taken: the property `event.sender.framework.uid`.
    #[must_use]
    pub fn framework_uid(&self) -> &str {
        &self.0.framework_uid
    }

    /// One of the properties that the sender gave, or one of those that the event admin adds.
    #[must_use]
    pub fn property(&self, key: &str) -> Option<Value> {
        match self.added(key) {
            Some(value) => Some(value),
            None => self.0.given.get(key).cloned(),
        }
    }

    /// All properties: what the sender gave, and over it `event.topics`, `event.timestamp` and
    /// `event.sender.framework.uid`.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        self.0.all.get_or_init(|| {
            let mut all = self.0.given.clone();
            for key in [TOPICS, TIMESTAMP, FRAMEWORK_UID] {
                all.insert(key, self.added(key).unwrap_or_default());
            }
            all
        })
    }

    fn added(&self, key: &str) -> Option<Value> {
        if key.eq_ignore_ascii_case(TOPICS) {
            Some(Value::from(self.topic()))
        } else if key.eq_ignore_ascii_case(TIMESTAMP) {
            Some(Value::from(self.timestamp()))
        } else if key.eq_ignore_ascii_case(FRAMEWORK_UID) {
            Some(Value::from(self.framework_uid()))
        } else {
            None
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("topic", &self.0.topic)
            .field("timestamp", &self.timestamp())
            .field("properties", &self.0.given)
            .finish_non_exhaustive()
    }
}

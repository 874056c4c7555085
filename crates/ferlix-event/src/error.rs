//! [`EventError`]: why an event was not taken.

/// Why an event was not taken, or a handler is not told of any.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The event admin has stopped (nobody is at fault: it was asked too late).
    #[error("the event admin is not running")]
    NotRunning,
    /// The pattern of a handler is not one (the handler is at fault).
    #[error("invalid topic pattern {pattern:?}: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The topic of an event is not one (the sender is at fault).
    #[error("invalid topic {topic:?}: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

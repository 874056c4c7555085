//! The interface that all peers of the tutorial know.

use ferlix::prelude::*;

/// A greeting service, known by this name to Python and Java peers.
///
/// 1.1.0 is the version that the Java API bundle exports: a Java importer compares it for equality.
#[remote_service("org.eclipse.ecf.examples.hello.IHello", version = "1.1.0")]
pub trait Hello: Send + Sync {
    /// Greets, while the caller waits.
    async fn say_hello(&self, from: &str, message: &str) -> Result<String, CallError>;

    /// Greets a caller that goes on meanwhile (a `CompletableFuture` in Java).
    async fn say_hello_async(&self, from: &str, message: &str) -> Result<String, CallError>;

    /// Greets a caller that goes on meanwhile (a `Promise` in Java).
    async fn say_hello_promise(&self, from: &str, message: &str) -> Result<String, CallError>;
}

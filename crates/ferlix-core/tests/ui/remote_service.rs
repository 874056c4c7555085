//! `#[remote_service]` on traits that cannot be remote: all errors come at once.

use ferlix_core::remote_service;
use ferlix_core::service::CallError;

#[remote_service]
trait Nameless: Send + Sync {}

#[remote_service("options", version = 1, rename_all = "kebab-case", colour = "red", version = "2")]
trait Options: Send + Sync {}

#[remote_service("supertraits")]
trait Supertraits: Send + std::fmt::Debug {}

#[remote_service("items")]
trait Items: Send + Sync {
    type Kind;
    const LIMIT: u32;
}

#[remote_service("methods")]
trait Methods: Send + Sync {
    fn not_async(&self) -> Result<(), CallError>;
    async fn returns_nothing(&self);
    async fn returns_a_value(&self) -> Vec<String>;
    async fn leaves_the_error_out(&self) -> std::io::Result<u8>;
    async fn generic<T>(&self, what: T) -> Result<(), CallError>;
    async fn changes(&mut self) -> Result<(), CallError>;
    async fn consumes(self) -> Result<(), CallError>;
    async fn no_object() -> Result<(), CallError>;
    async fn mutable(&self, buffer: &mut String) -> Result<(), CallError>;
    async fn forever(&self, text: &'static str) -> Result<(), CallError>;
    async fn inside(&self, text: Option<&str>) -> Result<(), CallError>;
    async fn any(&self, text: impl Into<String>) -> Result<(), CallError>;
    async fn unnamed(&self, (_a, _b): (u8, u8)) -> Result<(), CallError> {
        Ok(())
    }
}

#[remote_service("names")]
trait Names: Send + Sync {
    #[remote(name = "")]
    async fn empty(&self) -> Result<(), CallError>;
    #[remote]
    async fn bare(&self) -> Result<(), CallError>;
    #[remote(rename = "x")]
    async fn wrong(&self) -> Result<(), CallError>;
    #[remote(idempotent = true)]
    async fn assigned(&self) -> Result<(), CallError>;
    async fn say_hello(&self) -> Result<(), CallError>;
    #[remote(name = "sayHello")]
    async fn say_hello_again(&self) -> Result<(), CallError>;
}

#[remote_service("an.enum")]
enum NoTrait {}

fn main() {}

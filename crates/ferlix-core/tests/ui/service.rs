//! `#[service]` and `#[service_impl]` used wrongly.

use ferlix_core::{service, service_impl};

#[service]
trait Nameless: Send + Sync {}

#[service("")]
trait Empty: Send + Sync {}

#[service("a)(b=*")]
trait Injected: Send + Sync {}

#[service(12)]
trait Number: Send + Sync {}

#[service("a.b", version = "1")]
trait Versioned: Send + Sync {}

#[service("not.shared")]
trait NotShared: Send {
    fn call(&self);
}

#[service("generic")]
trait Generic<T>: Send + Sync {
    fn call(&self) -> T;
}

#[service("a.struct")]
struct NoTrait;

#[service_impl]
impl NoTrait {
    async fn call(&self) {}
}

#[service("fine")]
trait Fine: Send + Sync {
    async fn call(&self);
}

#[service_impl(now)]
impl Fine for NoTrait {
    async fn call(&self) {}
}

fn main() {}

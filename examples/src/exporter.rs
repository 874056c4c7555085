//! The exporter's bundle: an implementation of the greeting service, marked for export.

use std::time::Duration;

use ferlix::prelude::*;

use crate::hello::Hello;

/// Greets, and says on stdout who called.
#[component(
    factory = "helloimpl-xmlrpc-factory",
    instance = "helloimpl-xmlrpc",
    provides(dyn Hello),
    property(
        "service.exported.interfaces" = "*",
        "service.exported.configs" = "ecf.xmlrpc.server",
        "osgi.basic.timeout" = 60_000,
    ),
)]
#[derive(Debug)]
pub struct HelloImpl {
    /// How long `sayHelloAsync` takes, in milliseconds: to see that its caller goes on meanwhile.
    #[property("hello.async.delay")]
    async_delay: Option<u64>,
}

#[service_impl]
impl Hello for HelloImpl {
    async fn say_hello(&self, from: &str, message: &str) -> Result<String, CallError> {
        Ok(greet("sayHello", "Sync", from, message))
    }

    async fn say_hello_async(&self, from: &str, message: &str) -> Result<String, CallError> {
        if let Some(delay) = self.async_delay {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        Ok(greet("sayHelloAsync", "Async", from, message))
    }

    async fn say_hello_promise(&self, from: &str, message: &str) -> Result<String, CallError> {
        Ok(greet("sayHelloPromise", "Promise", from, message))
    }
}

fn greet(method: &str, kind: &str, from: &str, message: &str) -> String {
    println!("Rust.{method} called by: {from} with message: '{message}'");
    format!("Rust{kind} says: Howdy {from} that's a nice runtime you got there")
}

bundle!(pub BUNDLE = "samples.rsa.helloimpl_xmlrpc", components = [HelloImpl], activator = None);

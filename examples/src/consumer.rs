//! The consumer's bundle: a component that needs an imported greeting service, and calls it as soon as it is there.

use ferlix::prelude::*;

use crate::hello::Hello;

/// Calls the three methods of the greeting service and prints what they answer.
#[component(
    factory = "remote-hello-consumer-factory",
    instance = "remote-hello-consumer"
)]
#[expect(missing_debug_implementations, reason = "a proxy has nothing to show")]
pub struct HelloConsumer {
    #[inject(filter = "(service.imported=*)")]
    hello: Arc<dyn Hello>,
}

const NAME: &str = "Consumer";
const MESSAGE: &str = "Hello Impl";

#[lifecycle]
impl HelloConsumer {
    #[validate]
    async fn start(&self) -> Result<(), ComponentError> {
        let reply = self.hello.say_hello("ConsumerSync", MESSAGE).await?;
        println!("{NAME} IHello service consumer received sync response: {reply}");

        let hello = Arc::clone(&self.hello);
        tokio::spawn(async move {
            print(
                "async",
                hello.say_hello_async("ConsumerAsync", MESSAGE).await,
            );
        });
        println!("done with sayHelloAsync method");

        let hello = Arc::clone(&self.hello);
        tokio::spawn(async move {
            print(
                "promise",
                hello.say_hello_promise("ConsumerPromise", MESSAGE).await,
            );
        });
        println!("done with sayHelloPromise method");
        Ok(())
    }
}

fn print(kind: &str, reply: Result<String, CallError>) {
    match reply {
        Ok(reply) => println!("{kind} response: {reply}"),
        Err(error) => println!("{kind} call failed: {}", ferlix::error_chain(&error)),
    }
}

bundle!(pub BUNDLE = "samples.rsa.helloconsumer_xmlrpc", components = [HelloConsumer], activator = None);

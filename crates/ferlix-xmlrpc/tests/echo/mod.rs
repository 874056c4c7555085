//! [`Echo`]: a service without Rust types that answers what it is asked, once a test has done what it wants to do meanwhile.

use ferlix_core::property::{Decoder, Encoder, Event, FromValue as _, IntoValue as _, Value};
use ferlix_core::service::{CallError, Dispatch, Interface, Method};
use futures_util::future::BoxFuture;

static ECHO: Interface = Interface {
    name: "org.example.Echo",
    version: None,
    methods: &[Method::new("echo", &["value"])],
};

/// Waits for what this makes, for each call, and says the same then.
pub(crate) struct Echo<F>(pub(crate) F);

impl<F, W> Dispatch for Echo<F>
where
    F: Fn() -> W + Send + Sync,
    W: Future<Output = ()> + Send + 'static,
{
    fn interface(&self) -> &'static Interface {
        &ECHO
    }

    fn dispatch<'a>(
        &self,
        _: &str,
        arguments: &mut dyn Decoder<'_>,
        reply: &'a mut (dyn Encoder + Send),
    ) -> BoxFuture<'a, Result<(), CallError>> {
        let mut arguments = Vec::<Value>::decode(Event::List, arguments).unwrap_or_default();
        let meanwhile = (self.0)();
        Box::pin(async move {
            meanwhile.await;
            let written = arguments.pop().unwrap_or_default().encode(reply);
            written.map_err(|error| CallError::fault(error.to_string()))
        })
    }
}

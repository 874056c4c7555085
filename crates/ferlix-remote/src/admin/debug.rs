//! [`DebugListener`]: prints what the admin does, with the endpoint as EDEF.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use super::event::{RemoteServiceAdminEvent, RemoteServiceAdminListener};
use crate::edef;

/// The framework property that prints every event of the admin to the standard output (default false).
pub const DEBUG: &str = "ferlix.rsa.remoteserviceadmin.debug";

/// Prints each event.
pub(super) struct DebugListener {
    print: Box<dyn Fn(&str) + Send + Sync>,
}

impl DebugListener {
    /// Prints to the standard output, as iPOPO does.
    pub(super) fn to_stdout() -> Self {
        Self {
            print: Box::new(|text| println!("{text}")),
        }
    }
}

impl RemoteServiceAdminListener for DebugListener {
    fn remote_admin_event(&self, event: &RemoteServiceAdminEvent) {
        let since_midnight = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis()
            % 86_400_000;
        (self.print)(&describe(event, since_midnight));
    }
}

/// The text for an event at a time of the day, in milliseconds (UTC).
fn describe(event: &RemoteServiceAdminEvent, millis: u128) -> String {
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let (seconds, millis) = (millis / 1_000 % 60, millis % 1_000);
    let mut text = format!(
        "{hours:02}:{minutes:02}:{seconds:02}.{millis:03};{}",
        event.kind
    );
    if let Some(service) = &event.service {
        text += &format!(";{service}");
    }
    if let Some(container) = &event.container {
        text += &format!(";local={container}");
    }
    if let Some(endpoint) = &event.endpoint {
        text += &format!(
            ";remote={}:{}",
            endpoint.container_id(),
            endpoint.remote_service_id()
        );
    }
    if let Some(error) = &event.error {
        text += &format!(";error={}", ferlix_core::error_chain(error));
    }
    if let Some(endpoint) = &event.endpoint {
        text += &format!(
            "\n---Endpoint Description---\n{}\n---End Endpoint Description---",
            edef::write([endpoint])
        );
    }
    text
}

impl fmt::Debug for DebugListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DebugListener")
    }
}

#[cfg(test)]
mod tests {
    use ferlix_core::framework::Framework;
    use ferlix_core::property::{Properties, Value};

    use super::*;
    use crate::Error;
    use crate::admin::RemoteServiceAdminEventKind;
    use crate::endpoint::EndpointDescription;
    use crate::provider::ContainerId;

    #[test]
    fn an_event_is_one_line_and_the_endpoint() {
        let endpoint = EndpointDescription::new(Properties::from([
            ("endpoint.id", Value::from("e1")),
            ("objectClass", Value::from(["a.B"])),
            ("service.imported.configs", Value::from(["x"])),
            ("ecf.endpoint.id", Value::from("x://there")),
            ("ecf.rsvc.id", Value::from(3)),
        ]))
        .unwrap();
        let mut event = RemoteServiceAdminEvent {
            kind: RemoteServiceAdminEventKind::ImportError,
            bundle: Framework::builder().build().unwrap().system_bundle(),
            endpoint: Some(endpoint.clone()),
            service: None,
            container: Some(ContainerId::new("ns", "client")),
            error: Some(Error::provider(
                "x",
                "import the endpoint",
                "no route".into(),
            )),
        };
        let text = describe(&event, 45_296_007);
        let edef = edef::write([&endpoint]);
        assert_eq!(
            text,
            format!(
                "12:34:56.007;IMPORT_ERROR;local=('ns', 'client');remote=x://there:3;\
                 error=provider x could not import the endpoint: no route\n\
                 ---Endpoint Description---\n{edef}\n---End Endpoint Description---"
            )
        );
        event.endpoint = None;
        event.error = None;
        assert_eq!(
            describe(&event, 0),
            "00:00:00.000;IMPORT_ERROR;local=('ns', 'client')"
        );
    }
}

//! The spans of calls at both ends, as a subscriber of `tracing` gets them: service, method, peer, caller, trace and outcome.

use std::io::Write;
use std::sync::Mutex;

use ferlix_core::service::TraceContext;
use ferlix_xmlrpc::provider::Rules;
use tracing_subscriber::fmt::format::FmtSpan;

use super::*;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What the subscriber wrote.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Written {
    /// A subscriber that writes a line for each span when it is closed; ends with the guard.
    fn subscribe(&self) -> tracing::subscriber::DefaultGuard {
        let written = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("off,ferlix_xmlrpc=debug")
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false)
            .without_time()
            .with_writer(move || written.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    /// The fields of the span of this name and method, once it is closed.
    async fn closed(&self, name: &str, method: &str) -> String {
        let (opening, wanted) = (format!("DEBUG {name}{{"), format!("method=\"{method}\""));
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            let mut lines = text.lines().filter(|line| line.ends_with(": close"));
            let found = lines.find_map(|line| {
                let (span, _) = line.split_once("}: ferlix_xmlrpc")?;
                let fields = span.trim_start().strip_prefix(&opening)?;
                fields.contains(&wanted).then(|| fields.to_owned())
            });
            if let Some(fields) = found {
                return fields;
            }
            let now = tokio::time::Instant::now();
            assert!(now < deadline, "no {name} of {method} in:\n{text}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

// One thread, whose subscriber sees all that happens in the test.
#[tokio::test]
async fn calls_have_spans_with_method_peer_and_outcome() {
    let written = Written::default();
    let _guard = written.subscribe();
    let tokens = Tokens::new(&["alice"]);
    let services = Arc::new(Services::new(ServicesOptions {
        timeout: Duration::from_millis(200),
        ..ServicesOptions::default()
    }));
    services.insert(3, dispatchers(None), None);
    let server = serve(services, tokens.server()).await;
    let caller = caller(&server, &tokens.client("alice"));
    let proxy = witness(&caller);
    let context =
        CallContext::default().with_trace(Arc::new(TraceContext::new(TRACE, None).unwrap()));
    soon(context.scope(proxy.tell())).await.unwrap();
    soon(proxy.fail()).await.unwrap_err();
    soon(proxy.panic()).await.unwrap_err();
    soon(proxy.never()).await.unwrap_err();

    let service = "service=\"org.example.Witness\"";
    let url = format!("peer=\"http://{}/xml-rpc\"", server.address());
    for (method, here, there) in [
        ("tell", "ok", "ok"),
        ("fail", "fault", "fault"),
        ("panic", "fault", "panic"),
        ("never", "fault", "timeout"),
    ] {
        let imported = written.closed("remote_call", method).await;
        assert_eq!(
            imported,
            format!("{service} method=\"{method}\" {url} outcome=\"{here}\"")
        );
        let exported = written.closed("call", method).await;
        let begun = format!("{service} method=\"{method}\" peer=127.0.0.1:");
        let ended = format!(" outcome=\"{there}\"");
        assert!(exported.starts_with(&begun), "{exported}");
        assert!(exported.contains(" caller=alice"), "{exported}");
        assert!(exported.ends_with(&ended), "{exported}");
        assert_eq!(
            exported.contains(&format!("trace=\"{TRACE}\"")),
            method == "tell",
            "{exported}"
        );
    }
    // Neither end's spans say the secret.
    let (_, secret) = &tokens.secrets[0];
    let said = written.text();
    assert!(!said.contains(secret), "{said}");

    soon(server.shutdown()).await;
    caller.close();
    soon(proxy.relay()).await.unwrap_err();
    let gone = written.closed("remote_call", "relay").await;
    assert!(gone.ends_with(" outcome=\"gone\""), "{gone}");
}

#[tokio::test]
async fn calls_that_come_to_nothing_have_spans_too() {
    let written = Written::default();
    let _guard = written.subscribe();
    let rules: Rules = "deny anyone org.example.Witness fail; allow anyone"
        .parse()
        .unwrap();
    let services = Arc::new(Services::new(ServicesOptions::default()).with_rules(rules));
    services.insert(3, dispatchers(None), None);
    let server = serve(Arc::clone(&services), options()).await;
    let caller = caller(&server, &TransportOptions::default());
    for method in ["fail", "nothing"] {
        soon(caller.call_values(method, vec![])).await.unwrap_err();
    }
    let proxy = witness(&caller);
    {
        let mut given_up = std::pin::pin!(proxy.never());
        while services.running() == 0 {
            let poll = futures_util::poll!(&mut given_up);
            assert!(poll.is_pending(), "{poll:?}");
            tokio::task::yield_now().await;
        }
    }
    let wrong = services
        .answer(&http::HeaderMap::new(), b"<methodCall>")
        .await;
    assert!(!wrong.is_empty());

    for (method, outcome) in [
        ("3.fail", "refused"),
        ("3.nothing", "unknown"),
        ("never", "cancelled"),
        ("", "invalid"),
    ] {
        let exported = written.closed("call", method).await;
        let ended = format!(" outcome=\"{outcome}\"");
        assert!(exported.ends_with(&ended), "{method}: {exported}");
    }
    let imported = written.closed("remote_call", "never").await;
    assert!(imported.ends_with(" outcome=\"cancelled\""), "{imported}");
}

//! What a session writes to the log.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use ferlix_etcd::{Credentials, Password};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::memory::Network;
use crate::records::fixed;
use crate::view::{status_is, watching};

/// Keeps all that is logged in this thread, by whomever and on whichever level.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<Line>>>);

#[derive(Debug)]
struct Line {
    target: String,
    text: String,
    state: Option<String>,
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line::new(span.metadata().target());
        span.record(&mut line);
        self.0.lock().unwrap().push(line);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line::new("");
        values.record(&mut line);
        self.0.lock().unwrap().push(line);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::new(event.metadata().target());
        event.record(&mut line);
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Line {
    fn new(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            text: String::new(),
            state: None,
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "state" {
            self.state = Some(value.to_owned());
        }
        self.record_debug(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.text, "{field}={value:?} ").unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn each_step_is_one_line_and_no_line_has_the_password() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let (network, store) = Network::with_etcd();
    let (session, _events) = network.session_with("a", |config| {
        let password = Password::Value("s3cret".into());
        config.client.credentials = Some(Credentials::new("discovery", password));
    });
    watching(&session).await;
    session.put("one", fixed("1")).await.unwrap();
    store.drop_connections();
    status_is(&session, "it has recovered", |status| {
        status.counts.resyncs == 2
    })
    .await;
    session.close().await;
    let lines = log.0.lock().unwrap();
    let ours = lines
        .iter()
        .filter(|line| line.target.starts_with("ferlix_etcd::session"));
    let states: Vec<_> = ours.filter_map(|line| line.state.as_deref()).collect();
    let connected = ["connecting", "leased", "watching"];
    assert_eq!(
        states,
        [&connected[..], &["lost"], &connected, &["closed"]].concat()
    );
    assert!(lines.len() > 50, "everything is logged: {}", lines.len());
    let telling = lines.iter().find(|line| line.text.contains("s3cret"));
    assert!(telling.is_none(), "{telling:?}");
}

//! What a session writes to the log.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferlix_etcd::embedded::EmbeddedEtcd;
use ferlix_etcd::{Credentials, Password};
use tokio::time::sleep;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::memory::Network;
use crate::records::fixed;
use crate::room::fill;
use crate::view::{status_is, watching};

/// Keeps all that is logged in this thread, by whomever and on whichever level.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<Line>>>);

#[derive(Debug)]
struct Line {
    target: String,
    level: Level,
    text: String,
    state: Option<String>,
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let metadata = span.metadata();
        let mut line = Line::new(metadata.target(), *metadata.level());
        span.record(&mut line);
        self.0.lock().unwrap().push(line);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line::new("", Level::TRACE);
        values.record(&mut line);
        self.0.lock().unwrap().push(line);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line::new(metadata.target(), *metadata.level());
        event.record(&mut line);
        self.0.lock().unwrap().push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Log {
    /// Which of these beginnings the warnings of sessions have, in the order in which they came.
    fn warnings<'b>(&self, beginnings: &[&'b str]) -> Vec<&'b str> {
        let lines = self.0.lock().unwrap();
        let warnings = lines.iter().filter(|line| {
            line.target.starts_with("ferlix_etcd::session") && line.level == Level::WARN
        });
        let beginning = |line: &Line| {
            let of = |beginning: &&&str| line.text.contains(&format!("message={beginning}"));
            *beginnings
                .iter()
                .find(of)
                .unwrap_or_else(|| panic!("{line:?}"))
        };
        warnings.map(beginning).collect()
    }
}

impl Line {
    fn new(target: &str, level: Level) -> Self {
        Self {
            target: target.to_owned(),
            level,
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

#[tokio::test(start_paused = true)]
async fn what_lasts_is_warned_of_once() {
    const AWAY: &str = "no etcd for this session";
    const INTERVAL: &str = "the keep-alive interval is more than half";
    const LOST: &str = "DISCONNECTED";
    const FULL: &str = "etcd did not take a write";
    const NO_LEASE: &str = "etcd grants no lease";
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let warnings = || log.warnings(&[AWAY, INTERVAL, LOST, FULL, NO_LEASE]);
    let network = Network::default();
    let store = network.start_with("etcd", EmbeddedEtcd::builder().memory_limit(1_000_000));
    network.refuse("etcd", true);
    let minute = || sleep(Duration::from_secs(60));
    let (a, _events) = network.session_with("a", |config| {
        config.keepalive_interval = Some(Duration::from_secs(29));
    });
    minute().await;
    network.refuse("etcd", false);
    watching(&a).await;
    network.refuse("etcd", true);
    store.drop_connections();
    // Longer than its lease lives, so that there is a new one.
    minute().await;
    network.refuse("etcd", false);
    watching(&a).await;
    assert_eq!(warnings(), [AWAY, INTERVAL, LOST]);

    let other = network.client().await;
    for size in [100_000, 1000, 0] {
        fill(&other, "top/o", size).await;
    }
    a.put("one", fixed("1")).await.unwrap();
    minute().await;
    assert_eq!(warnings()[3..], [FULL]);
    let (b, _events) = network.session_with("b", |_| {});
    watching(&b).await;
    minute().await;
    assert_eq!(warnings()[4..], [NO_LEASE]);
}

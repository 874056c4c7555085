//! The component that holds the statistics of a framework, and shows them: command `calls`, and the metrics.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use ferlix_core::command::{
    Arguments, Command, CommandError, CommandProvider, CommandResult, Completion, Session, table,
};
use ferlix_core::property::Value;
use ferlix_core::service::{Interface, Service};
use ferlix_core::{component, service_impl};
use ferlix_http::{MetricsSource, MetricsText};

use super::{Direction, MethodCalls, Outcome, Statistics, text};

/// The statistics as a service, for both sides of the provider.
pub(crate) trait CallStatistics: Send + Sync {
    /// What calls are counted in.
    fn statistics(&self) -> &Arc<Statistics>;
}

impl Service for dyn CallStatistics {
    fn interface() -> &'static Interface {
        static INTERFACE: Interface = Interface::local("ferlix.xmlrpc.calls");
        &INTERFACE
    }
}

/// Holds the statistics. They are kept while the bundle runs, whatever comes and goes.
#[component(
    factory = "xmlrpc-calls-factory",
    instance = "xmlrpc-calls",
    provides(dyn CallStatistics, dyn MetricsSource, dyn CommandProvider)
)]
#[derive(Default)]
pub(crate) struct XmlRpcCalls {
    statistics: Arc<Statistics>,
}

#[service_impl]
impl CallStatistics for XmlRpcCalls {
    fn statistics(&self) -> &Arc<Statistics> {
        &self.statistics
    }
}

impl MetricsSource for XmlRpcCalls {
    fn write(&self, text: &mut MetricsText) {
        text::write(&self.statistics.snapshot(), text);
    }
}

static COMMANDS: LazyLock<Vec<Command>> = LazyLock::new(|| {
    let help = "Shows the remote calls of each method, exported and imported: counts, errors, times, bytes";
    vec![Command::new("calls", help).optional("service_or_method", Completion::None)]
});

#[async_trait]
impl CommandProvider for XmlRpcCalls {
    fn namespace(&self) -> &str {
        "xmlrpc"
    }

    fn commands(&self) -> &[Command] {
        &COMMANDS
    }

    async fn run(&self, command: &str, arguments: &Arguments, session: &Session) -> CommandResult {
        if command != "calls" {
            return Err(CommandError::Arguments(format!("no command {command}")));
        }
        let part = arguments.word(0).unwrap_or_default();
        let mut calls = self.statistics.snapshot();
        calls.retain(|calls| {
            let used = calls.total() > 0 || calls.in_flight > 0;
            used && (calls.service.contains(part) || calls.method.contains(part))
        });
        for direction in [Direction::Exported, Direction::Imported] {
            show(direction, &calls, session);
        }
        let all = calls.iter().map(MethodCalls::total).sum::<u64>();
        Ok(Some(Value::Long(i64::try_from(all).unwrap_or(i64::MAX))))
    }
}

fn show(direction: Direction, calls: &[MethodCalls], session: &Session) {
    let rows: Vec<Vec<String>> = calls
        .iter()
        .filter(|calls| calls.direction == direction)
        .map(row)
        .collect();
    if rows.is_empty() {
        session.line(format_args!("No {} calls.", direction.as_str()));
        return;
    }
    let title = match direction {
        Direction::Exported => "Calls of exported services:",
        Direction::Imported => "Calls of imported services:",
    };
    session.line(title);
    let headings = [
        "Service",
        "Method",
        "Calls",
        "Errors",
        "In flight",
        "Mean",
        "p50 <",
        "p99 <",
        "Received",
        "Sent",
    ];
    session.write(&table("", &headings, rows));
}

fn row(calls: &MethodCalls) -> Vec<String> {
    let errors: Vec<_> = Outcome::ALL
        .into_iter()
        .filter(|outcome| *outcome != Outcome::Ok && calls.count(*outcome) > 0)
        .map(|outcome| format!("{} {}", calls.count(outcome), outcome.as_str()))
        .collect();
    let errors = if errors.is_empty() {
        "0".to_owned()
    } else {
        errors.join(", ")
    };
    let total = calls.total();
    let mean = (total > 0).then(|| calls.time.div_f64(total.max(1) as f64));
    vec![
        calls.service.to_string(),
        calls.method.to_string(),
        total.to_string(),
        errors,
        calls.in_flight.to_string(),
        time(mean),
        time(calls.quantile(0.5)),
        time(calls.quantile(0.99)),
        bytes(calls.received),
        bytes(calls.sent),
    ]
}

/// A time as people read it; a dash for one that is not known.
fn time(time: Option<Duration>) -> String {
    let Some(time) = time else {
        return "-".to_owned();
    };
    let seconds = time.as_secs_f64();
    let (number, unit) = match time.as_micros() {
        0..1_000 => (seconds * 1e6, "us"),
        1_000..1_000_000 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    // Three digits say enough, and a bound is shown as it is.
    let text = match number {
        ..10.0 => format!("{number:.2}"),
        ..100.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    };
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text} {unit}")
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_240_000 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / (1024 * 1024)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_as_people_read_them() {
        for (given, shown) in [
            (Duration::from_nanos(1_234), "1.23 us"),
            (Duration::from_micros(50), "50 us"),
            (Duration::from_micros(250), "250 us"),
            (Duration::from_micros(2_500), "2.5 ms"),
            (Duration::from_millis(100), "100 ms"),
            (Duration::from_secs(30), "30 s"),
            (Duration::from_secs(100), "100 s"),
        ] {
            assert_eq!(time(Some(given)), shown);
        }
        assert_eq!(time(None), "-");
        assert_eq!(bytes(9_999), "9999 B");
        assert_eq!(bytes(1_048_576), "1024 KiB");
        assert_eq!(bytes(104_857_600), "100 MiB");
    }
}

//! The shell command `etcd` of the bundle: what there is to say of the sessions, in full.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ferlix_core::command::{
    Arguments, Command, CommandError, CommandProvider, CommandResult, Session, printable,
};
use ferlix_core::framework::{BoxError, BundleActivator, BundleContext};
use ferlix_core::property::Properties;
use ferlix_etcd::{SessionState, SessionStatus};

use crate::status::{DiscoveryStatus, EtcdStatus};

/// Registers the command while the bundle runs.
#[derive(Default)]
pub(crate) struct Activator;

#[async_trait]
impl BundleActivator for Activator {
    async fn start(&self, context: &BundleContext) -> Result<(), BoxError> {
        let commands: Arc<dyn CommandProvider> = Arc::new(Commands {
            context: context.clone(),
            commands: vec![Command::new(
                "etcd",
                "Shows the etcd sessions of the discovery: state, lease, counts, what was skipped or refused and why",
            )],
        });
        context.register(commands, Properties::new())?;
        Ok(())
    }
}

struct Commands {
    context: BundleContext,
    commands: Vec<Command>,
}

#[async_trait]
impl CommandProvider for Commands {
    fn namespace(&self) -> &str {
        "etcd"
    }

    fn commands(&self) -> &[Command] {
        &self.commands
    }

    async fn run(&self, command: &str, _: &Arguments, session: &Session) -> CommandResult {
        match command {
            "etcd" => self.etcd(session),
            _ => Err(CommandError::Arguments(format!("no command {command}"))),
        }
    }
}

impl Commands {
    fn etcd(&self, session: &Session) -> CommandResult {
        let providers = self.context.services::<dyn EtcdStatus>(None);
        for provider in &providers {
            session.line(provider.name());
            match provider.status() {
                None => session.line("    State      : not running"),
                Some(status) => {
                    for (name, value) in describe(&status) {
                        session.line(format_args!("    {name:<10} : {}", printable(&value)));
                    }
                }
            }
        }
        if providers.is_empty() {
            session.line("No instance of the etcd discovery is running.");
        }
        Ok(None)
    }
}

/// What there is to say, in the order in which it is shown; a line without a name goes on with the one before.
fn describe(status: &DiscoveryStatus) -> Vec<(&'static str, String)> {
    let session = &status.session;
    let mut lines = vec![
        ("State", state(status)),
        ("Session", status.session_id.clone()),
        ("Endpoint", endpoint(status)),
        ("Address", or_none(session.local_address)),
        ("Lease", lease(session)),
        ("Revision", session.revision.to_string()),
        ("Last error", or_none(last_error(session))),
        (
            "Advertised",
            format!(
                "{} ({} writes pending)",
                session.advertised, session.pending
            ),
        ),
        ("Refused", or_none(count(status.refused.len()))),
    ];
    let refused = status.refused.iter();
    lines.extend(refused.map(|(endpoint, reason)| ("", format!("{endpoint}: {reason}"))));
    lines.push((
        "Discovered",
        format!(
            "{} from {} sessions ({} held)",
            status.discovered, status.sessions, status.held
        ),
    ));
    lines.push(("Counts", counts(session)));
    lines.push(("Skipped", skipped(status)));
    let bad = status.bad_records.iter();
    lines.extend(bad.map(|record| ("", format!("{}: {}", record.key, record.reason))));
    lines
}

fn state(status: &DiscoveryStatus) -> String {
    let session = &status.session;
    let since = format!(
        "{} since {}",
        session.state.as_str(),
        ago(session.since.elapsed())
    );
    if matches!(session.state, SessionState::Watching | SessionState::Closed)
        || status.discovered == 0
    {
        return since;
    }
    match status.stale_after {
        None => format!("{since}; what was discovered stays"),
        Some(time) => format!(
            "{since}; what was discovered stays for {} after the loss",
            ago(time)
        ),
    }
}

fn endpoint(status: &DiscoveryStatus) -> String {
    let used = or_none(status.session.endpoint.as_ref());
    if status.members.len() > 1 {
        format!("{used} of {}", status.members.join(", "))
    } else {
        used
    }
}

fn or_none(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// A number, unless it is none.
fn count(number: usize) -> Option<usize> {
    (number > 0).then_some(number)
}

fn lease(status: &SessionStatus) -> String {
    match (status.lease_id, status.granted_ttl) {
        (Some(id), Some(ttl)) => format!("{id:x} ({} s)", ttl.as_secs()),
        _ => "none".to_owned(),
    }
}

fn counts(status: &SessionStatus) -> String {
    let counts = &status.counts;
    let all = [
        ("attempts", counts.attempts),
        ("connections", counts.connections),
        ("recoveries", counts.recoveries),
        ("leases", counts.leases),
        ("renewals", counts.renewals),
        ("puts", counts.puts),
        ("deletes", counts.deletes),
        ("restored", counts.restored),
        ("refused", counts.refused),
        ("events", counts.events),
        ("resyncs", counts.resyncs),
    ];
    all.map(|(name, count)| format!("{name} {count}"))
        .join(", ")
}

fn skipped(status: &DiscoveryStatus) -> String {
    if status.skipped.is_empty() {
        return "none".to_owned();
    }
    let all = status.skipped.iter();
    let all: Vec<String> = all.map(|(kind, count)| format!("{kind} {count}")).collect();
    match status.bad_records.len() {
        0 => all.join(", "),
        shown => format!("{}; bad now, {shown} shown:", all.join(", ")),
    }
}

/// The last thing that went wrong, and how long ago: it stays when all is well again.
fn last_error(session: &SessionStatus) -> Option<String> {
    let error = session.last_error.as_ref()?.in_full();
    Some(match session.last_error_at {
        Some(at) => format!("{error} ({} ago)", ago(at.elapsed())),
        None => error,
    })
}

/// A time span in its two largest units.
fn ago(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds @ 3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        seconds => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_two_largest_units() {
        let told = |seconds| ago(Duration::from_secs(seconds));
        assert_eq!(told(59), "59 s");
        assert_eq!(told(61), "1 min 1 s");
        assert_eq!(told(3 * 3600 + 120), "3 h 2 min");
        assert_eq!(told(49 * 3600), "2 d 1 h");
    }
}

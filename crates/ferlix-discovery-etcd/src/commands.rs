//! The shell commands of the bundle: `etcd` shows the sessions, `discovered` what they see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ferlix_core::command::{
    Arguments, Command, CommandError, CommandProvider, CommandResult, Completion, Session,
    printable, table,
};
use ferlix_core::filter::Filter;
use ferlix_core::framework::{BoxError, BundleActivator, BundleContext};
use ferlix_core::property::{Properties, Value};
use ferlix_etcd::SessionStatus;
use ferlix_remote::endpoint::names;

use crate::provider::Discovery;

/// Registers the commands while the bundle runs.
#[derive(Default)]
pub(crate) struct Activator;

#[async_trait]
impl BundleActivator for Activator {
    async fn start(&self, context: &BundleContext) -> Result<(), BoxError> {
        let commands: Arc<dyn CommandProvider> = Arc::new(Commands {
            context: context.clone(),
            commands: vec![
                Command::new(
                    "etcd",
                    "Shows the etcd sessions of the discovery: state, lease, counts",
                ),
                Command::new(
                    "discovered",
                    "Lists the endpoints that were discovered in etcd: all, or those with these properties",
                )
                .optional("filter", Completion::None)
                .keywords("property"),
            ],
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

    async fn run(&self, command: &str, arguments: &Arguments, session: &Session) -> CommandResult {
        match command {
            "etcd" => self.etcd(session),
            "discovered" => self.discovered(&filters(arguments)?, session),
            _ => Err(CommandError::Arguments(format!("no command {command}"))),
        }
    }
}

impl Commands {
    fn etcd(&self, session: &Session) -> CommandResult {
        let providers = self.context.services::<dyn Discovery>(None);
        for provider in &providers {
            session.line(provider.name());
            for (name, value) in describe(&***provider) {
                session.line(format_args!("    {name:<10} : {}", printable(&value)));
            }
        }
        if providers.is_empty() {
            session.line("No instance of the etcd discovery is running.");
        }
        Ok(None)
    }

    fn discovered(&self, filters: &[Filter], session: &Session) -> CommandResult {
        let imported = self.imported();
        let mut rows = Vec::new();
        for provider in &self.context.services::<dyn Discovery>(None) {
            for known in provider.known() {
                let endpoint = &known.endpoint;
                if !filters.iter().all(|filter| endpoint.matches(filter)) {
                    continue;
                }
                let state = if known.held { "held" } else { "present" };
                rows.push(vec![
                    endpoint.id().to_owned(),
                    endpoint.interfaces().join(" "),
                    endpoint.container_id().to_owned(),
                    known.session,
                    state.to_owned(),
                    if imported.contains(endpoint.id()) {
                        "yes"
                    } else {
                        "no"
                    }
                    .to_owned(),
                ]);
            }
        }
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let headings = [
            "Endpoint",
            "Interfaces",
            "Container",
            "Session",
            "State",
            "Imported",
        ];
        session.write(&table("", &headings, rows));
        Ok(Some(Value::from(count)))
    }

    /// The endpoints behind the imported services of this framework.
    fn imported(&self) -> BTreeSet<String> {
        let services = self.context.references(None, None);
        services
            .iter()
            .filter(|service| service.is_imported())
            .filter_map(|service| {
                let properties = service.properties();
                properties.text(names::ENDPOINT_ID).map(str::to_owned)
            })
            .collect()
    }
}

/// The filters that an endpoint must match: LDAP filters, and `property=value` as short for one. The shell takes an
/// unquoted filter for a `name=value` word, so those are put together again.
fn filters(arguments: &Arguments) -> Result<Vec<Filter>, CommandError> {
    let words = arguments.words.iter().cloned();
    let pairs = arguments.keywords.iter().map(|(key, value)| {
        if key == "filter" && value.starts_with('(') {
            value.clone()
        } else if key.starts_with('(') {
            format!("{key}={value}")
        } else {
            format!("({key}={value})")
        }
    });
    words
        .chain(pairs)
        .map(|text| Filter::parse(&text))
        .collect::<Result<_, _>>()
        .map_err(|error| CommandError::new("FilterError", &error))
}

/// What there is to say of a provider, in the order in which it is shown.
fn describe(provider: &dyn Discovery) -> Vec<(&'static str, String)> {
    let Some((session_id, status)) = provider.status() else {
        return vec![("State", "not running".to_owned())];
    };
    let none = || "none".to_owned();
    let known = provider.known();
    let held = known.iter().filter(|known| known.held).count();
    let mut sessions: Vec<&str> = known.iter().map(|known| known.session.as_str()).collect();
    sessions.dedup();
    vec![
        (
            "State",
            format!(
                "{} since {}",
                status.state.as_str(),
                ago(status.since.elapsed())
            ),
        ),
        ("Session", session_id),
        ("Endpoint", status.endpoint.clone().unwrap_or_else(none)),
        (
            "Address",
            status
                .local_address
                .map_or_else(none, |address| address.to_string()),
        ),
        ("Lease", lease(&status)),
        ("Revision", status.revision.to_string()),
        (
            "Last error",
            status
                .last_error
                .as_ref()
                .map_or_else(none, ferlix_etcd::Error::in_full),
        ),
        (
            "Advertised",
            format!("{} ({} writes pending)", status.advertised, status.pending),
        ),
        (
            "Discovered",
            format!(
                "{} from {} sessions ({held} held)",
                known.len(),
                sessions.len()
            ),
        ),
        ("Counts", counts(&status)),
        ("Skipped", skipped(&provider.skipped())),
    ]
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

fn skipped(skipped: &BTreeMap<&'static str, u64>) -> String {
    if skipped.is_empty() {
        return "none".to_owned();
    }
    let all = skipped
        .iter()
        .map(|(kind, count)| format!("{kind} {count}"));
    all.collect::<Vec<_>>().join(", ")
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
    fn a_filter_may_be_quoted_bare_named_or_short() {
        let read = |words: &[&str], pairs: &[(&str, &str)]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            let pairs = pairs.iter();
            let pairs = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            let filters = filters(&Arguments::new(words, pairs.collect())).unwrap();
            filters.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let nested = "(&(a=b)(c=d))";
        assert_eq!(read(&[], &[]), [""; 0]);
        assert_eq!(read(&[nested], &[]), [nested]);
        assert_eq!(read(&[], &[("(&(a", "b)(c=d))")]), [nested]);
        assert_eq!(read(&[], &[("filter", nested)]), [nested]);
        assert_eq!(read(&[], &[("a", "b*"), ("c", "d")]), ["(a=b*)", "(c=d)"]);
        let wrong = Arguments::new(vec!["(a".to_owned()], BTreeMap::new());
        assert!(matches!(filters(&wrong), Err(CommandError::Error { .. })));
    }

    #[test]
    fn spans_are_told_in_their_two_largest_units() {
        let told = |seconds| ago(Duration::from_secs(seconds));
        assert_eq!(told(59), "59 s");
        assert_eq!(told(61), "1 min 1 s");
        assert_eq!(told(3 * 3600 + 120), "3 h 2 min");
        assert_eq!(told(49 * 3600), "2 d 1 h");
    }
}

//! `discovered`: every endpoint that any discovery knows, whether it is imported and, if not, why not.
//!
//! The discoveries say what they know, the Remote Service Admin what is imported, and the listeners that were told of an
//! endpoint why they did not import it. Deliberately absent: any decision.

use std::collections::{BTreeMap, HashMap};

use ferlix_core::command::{Arguments, CommandError, CommandResult, Session, printable, table};
use ferlix_core::filter::Filter;
use ferlix_core::framework::BundleContext;
use ferlix_core::property::Value;
use ferlix_core::registry::ServiceGuard;
use ferlix_core::service::Service;

use super::component::RsaCommand;
use crate::provider::{DiscoveredEndpoint, DiscoveredEndpoints, EndpointEventListener, SCOPE};

impl RsaCommand {
    pub(super) fn discovered(&self, arguments: &Arguments, session: &Session) -> CommandResult {
        let wanted = Wanted::read(arguments)?;
        let context = self.context()?;
        let sources = context.services::<dyn DiscoveredEndpoints>(None);
        if sources.is_empty() {
            session.line("No discovery is running.");
            return Ok(Some(Value::from(0_i64)));
        }
        let imported = self.imported();
        let listeners = Listeners::of(context);
        let mut rows = Vec::new();
        let mut reasons: BTreeMap<String, String> = BTreeMap::new();
        for source in &sources {
            let name = source.source();
            for record in source.discovered() {
                if !wanted.fits(&record) {
                    continue;
                }
                let id = record.endpoint.id();
                let service = imported.get(id);
                if service.is_none() {
                    reasons
                        .entry(id.to_owned())
                        .or_insert_with(|| listeners.why_not(&record));
                }
                rows.push(vec![
                    id.to_owned(),
                    record.endpoint.interfaces().join(" "),
                    record.endpoint.container_id().to_owned(),
                    record.exporter.clone(),
                    name.clone(),
                    record.state.clone(),
                    service.map_or_else(|| "no".to_owned(), |service| format!("service {service}")),
                ]);
            }
        }
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let headings = [
            "Endpoint",
            "Interfaces",
            "Container",
            "Exporter",
            "Discovery",
            "State",
            "Imported",
        ];
        session.write(&table("", &headings, rows));
        if !reasons.is_empty() {
            session.line("Not imported:");
        }
        for (id, reason) in &reasons {
            session.line(format_args!("    {}: {}", printable(id), printable(reason)));
        }
        Ok(Some(Value::from(count)))
    }

    /// The identities of the imported endpoints, each with its proxy's `service.id`.
    fn imported(&self) -> HashMap<String, u64> {
        let references = self.admin.imported_endpoints();
        let imported = references.iter().filter_map(|reference| {
            let endpoint = reference.imported_endpoint()?;
            Some((endpoint.id().to_owned(), reference.imported_service()?.id()))
        });
        imported.collect()
    }
}

/// Those who may import, by `service.id`.
struct Listeners {
    listeners: BTreeMap<u64, ServiceGuard<dyn EndpointEventListener>>,
    scopes: Vec<String>,
}

impl Listeners {
    fn of(context: &BundleContext) -> Self {
        let name = <dyn EndpointEventListener as Service>::interface().name;
        let references = context.references(Some(name), None);
        let scopes = references.iter().flat_map(|reference| {
            let properties = reference.properties();
            let texts = properties.texts(SCOPE);
            texts.into_iter().map(str::to_owned).collect::<Vec<_>>()
        });
        let scopes = scopes.collect();
        let listeners = references
            .iter()
            .filter_map(|reference| Some((reference.id(), context.get(reference)?)));
        Self {
            scopes,
            listeners: listeners.collect(),
        }
    }

    fn why_not(&self, record: &DiscoveredEndpoint) -> String {
        if self.listeners.is_empty() {
            return "there is no topology manager".to_owned();
        }
        if record.listeners.is_empty() {
            return format!(
                "no topology manager asks for it: it is not in {}",
                self.scopes.join(" nor in ")
            );
        }
        let told = record
            .listeners
            .iter()
            .filter_map(|id| self.listeners.get(id));
        let refusals: Vec<String> = told
            .filter_map(|listener| listener.refusal(&record.endpoint))
            .collect();
        if refusals.is_empty() {
            "the topology manager was told of it and gives no reason".to_owned()
        } else {
            refusals.join("; ")
        }
    }
}

/// Which records are listed: those that match every filter and have every word somewhere.
#[derive(Debug, Default)]
struct Wanted {
    filters: Vec<Filter>,
    words: Vec<String>,
}

impl Wanted {
    /// LDAP filters, `property=value` as short for one, and words. The shell takes an unquoted filter for a `name=value`
    /// word, so those are put together again.
    fn read(arguments: &Arguments) -> Result<Self, CommandError> {
        let mut wanted = Self::default();
        let mut filters = Vec::new();
        for word in &arguments.words {
            if word.starts_with('(') {
                filters.push(word.clone());
            } else {
                wanted.words.push(word.clone());
            }
        }
        for (key, value) in &arguments.keywords {
            filters.push(if key == "filter" && value.starts_with('(') {
                value.clone()
            } else if key.starts_with('(') {
                format!("{key}={value}")
            } else {
                format!("({key}={value})")
            });
        }
        for text in filters {
            let filter = Filter::parse(&text);
            wanted
                .filters
                .push(filter.map_err(|error| CommandError::new("FilterError", &error))?);
        }
        Ok(wanted)
    }

    fn fits(&self, record: &DiscoveredEndpoint) -> bool {
        let endpoint = &record.endpoint;
        let has = |word: &String| {
            let word = word.as_str();
            endpoint.id().contains(word)
                || endpoint.container_id().contains(word)
                || record.exporter.contains(word)
                || endpoint.interfaces().iter().any(|name| name.contains(word))
        };
        self.filters.iter().all(|filter| endpoint.matches(filter)) && self.words.iter().all(has)
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
            let wanted = Wanted::read(&Arguments::new(words, pairs.collect())).unwrap();
            let filters = wanted.filters.iter().map(ToString::to_string);
            (filters.collect::<Vec<_>>(), wanted.words)
        };
        let nested = "(&(a=b)(c=d))";
        let filter = |text: &str| (vec![text.to_owned()], Vec::<String>::new());
        assert_eq!(read(&[], &[]), (vec![], vec![]));
        assert_eq!(read(&[nested], &[]), filter(nested));
        assert_eq!(read(&[], &[("(&(a", "b)(c=d))")]), filter(nested));
        assert_eq!(read(&[], &[("filter", nested)]), filter(nested));
        let (filters, words) = read(&["Hello"], &[("a", "b*"), ("c", "d")]);
        assert_eq!(filters, ["(a=b*)", "(c=d)"]);
        assert_eq!(words, ["Hello"]);
        let wrong = Arguments::new(vec!["(a".to_owned()], BTreeMap::new());
        assert!(matches!(
            Wanted::read(&wrong),
            Err(CommandError::Error { .. })
        ));
    }
}

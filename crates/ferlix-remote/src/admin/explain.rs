//! Why something is exported or imported, or not: the admin's own decisions, step by step, for whoever asks.
//!
//! In: a service or an endpoint, and the providers there are. Out: what each rule says of it. The rules are those by which the
//! admin decides, asked again, and that of the default type, which is the same for every topology manager; nothing is recorded
//! beforehand. Deliberately absent: what the policies of topology managers and the discoveries decide.

use ferlix_core::property::Value;
use ferlix_core::registry::ServiceRef;

use super::basic::check_basic;
use super::properties::{exported_interfaces, wanted_interfaces};
use super::selection::{Offer, Wish, default_among, select_exporters, select_importer};
use crate::Error;
use crate::endpoint::{EndpointDescription, names};
use crate::provider::{ExportProvider, ImportProvider};

/// What one rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// What is looked at, in a word or two.
    pub(crate) name: &'static str,
    /// Whether it speaks for the export or import; `false` is a reason why there is none.
    pub(crate) passed: bool,
    /// What was found.
    pub(crate) found: String,
}

impl Step {
    pub(crate) fn passed(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            passed: true,
            found: found.into(),
        }
    }

    pub(crate) fn failed(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            passed: false,
            found: found.into(),
        }
    }
}

/// The rules for an export of a service as it is now.
pub(crate) fn explain_export<'a>(
    service: &ServiceRef,
    providers: impl IntoIterator<Item = &'a dyn ExportProvider>,
) -> Vec<Step> {
    if service.is_imported() {
        let found = "it is imported itself, and what is imported is not exported again";
        return vec![Step::failed("service", found)];
    }
    let properties = service.properties();
    let mut steps = Vec::new();
    let wanted = wanted_interfaces(&properties);
    if wanted.is_empty() {
        let found = format!(
            "it does not ask to be exported: set {} to *, or to names of its interfaces",
            names::SERVICE_EXPORTED_INTERFACES
        );
        return vec![Step::failed("mark", found)];
    }
    let found = format!(
        "{} is {}",
        names::SERVICE_EXPORTED_INTERFACES,
        list(&wanted)
    );
    steps.push(Step::passed("mark", found));
    let interfaces = match exported_interfaces(service, &properties) {
        Ok(interfaces) => interfaces,
        Err(error) => {
            steps.push(Step::failed("interfaces", reason(&error)));
            return steps;
        }
    };
    let names: Vec<_> = interfaces
        .iter()
        .map(|dispatch| dispatch.interface().name)
        .collect();
    steps.push(Step::passed("interfaces", names.join(", ")));

    let mut wish = Wish::of(&properties);
    let offer = |provider| Offer::of_exporter(provider, &wish.intents);
    let offers: Vec<Offer> = providers.into_iter().map(offer).collect();
    let named = properties.texts(names::SERVICE_EXPORTED_CONFIGS);
    steps.push(match default_among(&wish, &offers) {
        Some(default) => {
            let found = format!(
                "nobody knows {}, so the default is taken: {default}",
                list(&named)
            );
            wish.configurations = Some(vec![default]);
            Step::passed(CONFIG, found)
        }
        None => configurations(&named, &offers, "export"),
    });
    steps.push(intents(&wish.intents, &offers));
    if let Err(error) = check_basic(service, &wish.intents, &interfaces) {
        steps.push(Step::failed("types", reason(&error)));
    }
    let (choices, reasons) = select_exporters(&wish, &offers);
    let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    let chosen: Vec<_> = choices
        .iter()
        .map(|choice| {
            format!(
                "{} exports by {}",
                offers[choice.offer].name, choice.configuration
            )
        })
        .collect();
    steps.push(if chosen.is_empty() {
        Step::failed("provider", reasons.join("; "))
    } else {
        Step::passed("provider", [chosen, reasons].concat().join("; "))
    });
    steps
}

/// The rules for an import of an endpoint.
pub(crate) fn explain_import<'a>(
    endpoint: &EndpointDescription,
    providers: impl IntoIterator<Item = &'a dyn ImportProvider>,
) -> Vec<Step> {
    let offer = |provider| Offer::of_importer(provider, endpoint.intents());
    let offers: Vec<Offer> = providers.into_iter().map(offer).collect();
    let named: Vec<&str> = endpoint
        .configurations()
        .iter()
        .map(String::as_str)
        .collect();
    let mut steps = vec![
        Step::passed("interfaces", endpoint.interfaces().join(", ")),
        configurations(&named, &offers, "import"),
        intents(endpoint.intents(), &offers),
    ];
    steps.push(match select_importer(&named, endpoint.intents(), &offers) {
        Ok(index) => Step::passed("provider", format!("{} imports it", offers[index].name)),
        Err(reasons) => Step::failed("provider", reasons.join("; ")),
    });
    steps
}

const CONFIG: &str = "config";

/// Which of the configuration types that are named some provider knows.
fn configurations(named: &[&str], offers: &[Offer], what: &str) -> Step {
    if offers.is_empty() {
        return Step::failed(CONFIG, format!("there is no {what} provider"));
    }
    let (forbidden, named): (Vec<&str>, Vec<&str>) =
        named.iter().partition(|name| **name == names::NO_DEFAULT);
    let mut known: Vec<&str> = offers
        .iter()
        .flat_map(|offer| offer.configurations.iter().map(String::as_str))
        .collect();
    known.dedup();
    if named.is_empty() && forbidden.is_empty() {
        let found = format!(
            "none is named, so each provider takes its own: {}",
            list(&known)
        );
        return Step::passed(CONFIG, found);
    }
    let (good, bad): (Vec<&str>, Vec<&str>) = named.iter().partition(|name| known.contains(name));
    if good.is_empty() {
        let mut found = match bad.is_empty() {
            true => format!("none is asked for, and the providers know {}", list(&known)),
            false => format!(
                "{} is asked for, and the providers know {}",
                list(&bad),
                list(&known)
            ),
        };
        if !forbidden.is_empty() {
            found += &format!("; {} forbids a default", names::NO_DEFAULT);
        }
        return Step::failed(CONFIG, found);
    }
    let mut found = list(&good);
    if !bad.is_empty() {
        found += &format!(" (nobody knows {}, which is left out)", list(&bad));
    }
    Step::passed(CONFIG, found)
}

/// Whether some provider supports all intents.
fn intents(asked: &[String], offers: &[Offer]) -> Step {
    const NAME: &str = "intents";
    if asked.is_empty() {
        return Step::passed(NAME, "none is asked for");
    }
    let asked_for = asked.join(", ");
    let lacking: Vec<(&str, Vec<&str>)> = offers
        .iter()
        .map(|offer| (offer.name.as_str(), offer.lacks(asked)))
        .collect();
    if offers.is_empty() || lacking.iter().any(|(_, lacks)| lacks.is_empty()) {
        return Step::passed(NAME, asked_for);
    }
    let lacking: Vec<_> = lacking
        .iter()
        .map(|(name, lacks)| format!("{name} does not support {}", lacks.join(", ")))
        .collect();
    Step::failed(
        NAME,
        format!("{asked_for} is asked for, and {}", lacking.join(", ")),
    )
}

/// The reason alone: what it is about stands above.
fn reason(error: &Error) -> String {
    match error {
        Error::NotExportable { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}

fn list(texts: &[&str]) -> String {
    match texts {
        [one] => (*one).to_owned(),
        more => Value::from(more.to_vec()).to_string(),
    }
}

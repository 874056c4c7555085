//! Which providers export a service or import an endpoint: pure decisions on names.
//!
//! OSGi's rule: a service may name several configuration types; each one that a provider knows makes an endpoint, the others
//! are left out. A provider must support all intents that are asked for. A service that names no type is exported by every
//! provider, by its first type. One that names only types that nobody knows is not exported by the admin; a topology manager
//! then asks for the [default type](default_configuration), unless the service forbids it.

use std::collections::BTreeSet;
use std::fmt;

use ferlix_core::property::Properties;

use super::properties::is_or_qualifies;
use crate::endpoint::names;
use crate::provider::{ExportProvider, ImportProvider};

/// What a provider can do.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) name: String,
    pub(super) configurations: Vec<String>,
    /// Those that every endpoint meets, then those that some do; none where none is asked for, as mostly.
    pub(super) intents: Vec<String>,
}

/// The intents of a provider, which are gathered only where any is asked for.
fn where_asked(asked: &[String], intents: impl FnOnce() -> [Vec<String>; 2]) -> Vec<String> {
    if asked.is_empty() {
        return Vec::new();
    }
    intents().concat()
}

impl Offer {
    /// Of what an exporter can do, what matters where these intents are asked for.
    pub(super) fn of_exporter(provider: &dyn ExportProvider, asked: &[String]) -> Self {
        Self {
            name: provider.name().to_owned(),
            configurations: provider.configurations(),
            intents: where_asked(asked, || {
                [provider.intents(), provider.conditional_intents()]
            }),
        }
    }

    /// Of what an importer can do, what matters where these intents are asked for.
    pub(super) fn of_importer(provider: &dyn ImportProvider, asked: &[String]) -> Self {
        Self {
            name: provider.name().to_owned(),
            configurations: provider.configurations(),
            intents: where_asked(asked, || {
                [provider.intents(), provider.conditional_intents()]
            }),
        }
    }

    /// The intents that it lacks; one with a qualified intent `a.b` also has `a`.
    pub(super) fn lacks<'a>(&self, intents: &'a [String]) -> Vec<&'a str> {
        let has = |intent: &str| self.intents.iter().any(|own| is_or_qualifies(own, intent));
        intents
            .iter()
            .map(String::as_str)
            .filter(|intent| !has(intent))
            .collect()
    }
}

/// What a service asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// The configuration types, in order; `None` when it leaves the choice to the providers.
    pub(super) configurations: Option<Vec<String>>,
    /// Whether it forbids any other type than those that it names.
    pub(super) no_default: bool,
    /// All intents that the endpoint must meet.
    pub(super) intents: Vec<String>,
}

impl Wish {
    /// What a service with these properties asks for.
    pub(super) fn of(properties: &Properties) -> Self {
        let configurations = properties.texts(names::SERVICE_EXPORTED_CONFIGS);
        let named = !configurations.is_empty();
        let no_default = configurations.contains(&names::NO_DEFAULT);
        let configurations = configurations
            .into_iter()
            .filter(|name| *name != names::NO_DEFAULT);
        let mut seen = BTreeSet::new();
        let intents = [
            names::SERVICE_INTENTS,
            names::SERVICE_EXPORTED_INTENTS,
            names::SERVICE_EXPORTED_INTENTS_EXTRA,
        ];
        Self {
            configurations: named.then(|| configurations.map(str::to_owned).collect()),
            no_default,
            intents: intents
                .iter()
                .flat_map(|name| properties.texts(name))
                .filter(|intent| seen.insert(*intent))
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// The type by which a service with these properties is exported because nobody knows one of those that it names: the first of
/// the best provider that supports all its intents (of the best one, if none does). `None` when it names no type, or one that is
/// known, or `<<nodefault>>`.
pub(crate) fn default_configuration<'a>(
    properties: &Properties,
    providers: impl IntoIterator<Item = &'a dyn ExportProvider>,
) -> Option<String> {
    let wish = Wish::of(properties);
    // Most services name none: their providers need not be asked.
    wish.configurations.as_ref().filter(|_| !wish.no_default)?;
    let offer = |provider| Offer::of_exporter(provider, &wish.intents);
    let offers: Vec<Offer> = providers.into_iter().map(offer).collect();
    default_among(&wish, &offers)
}

/// As [`default_configuration`], of what is known already.
pub(super) fn default_among(wish: &Wish, offers: &[Offer]) -> Option<String> {
    let named = wish.configurations.as_ref().filter(|_| !wish.no_default)?;
    let known = |offer: &Offer| named.iter().any(|name| offer.configurations.contains(name));
    if offers.iter().any(known) {
        return None;
    }
    let supports = |offer: &&Offer| offer.lacks(&wish.intents).is_empty();
    let best = offers.iter().find(supports).or_else(|| offers.first())?;
    best.configurations.first().cloned()
}

/// A provider, by its place among the offers, and the configuration type by which it exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) offer: usize,
    pub(super) configuration: String,
}

/// Why a provider or a configuration type is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The service names one thing twice, which is a mistake.
    Synonym(String),
    /// Anything else.
    Other(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Synonym(text) | Self::Other(text)) = self;
        f.write_str(text)
    }
}

/// Chooses among the offers (best first), and says why each of the others is left out.
pub(super) fn select_exporters(wish: &Wish, offers: &[Offer]) -> (Vec<Choice>, Vec<Reason>) {
    let mut choices: Vec<Choice> = Vec::new();
    let mut reasons = Vec::new();
    let candidates: Vec<(usize, String)> = match &wish.configurations {
        None => {
            let first = |(index, offer): (usize, &Offer)| {
                Some((index, offer.configurations.first()?.clone()))
            };
            offers.iter().enumerate().filter_map(first).collect()
        }
        Some(names) => {
            let mut candidates = Vec::new();
            for name in names {
                let knows = |offer: &&Offer| offer.configurations.contains(name);
                if !offers.iter().any(|offer| knows(&offer)) {
                    let text = format!("no provider knows the configuration type {name}");
                    reasons.push(Reason::Other(text));
                }
                let indices = offers.iter().enumerate().filter(|(_, offer)| knows(offer));
                candidates.extend(indices.map(|(index, _)| (index, name.clone())));
            }
            candidates
        }
    };
    for (index, configuration) in candidates {
        let offer = &offers[index];
        let lacking = offer.lacks(&wish.intents);
        if !lacking.is_empty() {
            reasons.push(Reason::Other(format!(
                "provider {} does not support {}",
                offer.name,
                lacking.join(", ")
            )));
        } else if let Some(other) = choices.iter().find(|choice| choice.offer == index) {
            // Two names for the same thing would make two endpoints of one kind.
            reasons.push(Reason::Synonym(format!(
                "provider {} exports by {} already, of which {configuration} is another name",
                offer.name, other.configuration
            )));
        } else if wish.configurations.is_some()
            && choices
                .iter()
                .any(|choice| choice.configuration == configuration)
        {
            reasons.push(Reason::Other(format!(
                "a better ranked provider than {} exports by {configuration}",
                offer.name
            )));
        } else {
            choices.push(Choice {
                offer: index,
                configuration,
            });
        }
    }
    if offers.is_empty() {
        reasons.push(Reason::Other("there is no export provider".to_owned()));
    }
    (choices, reasons)
}

/// The best offer that can import an endpoint of these configuration types and intents.
///
/// # Errors
/// Why each offer is left out.
pub(super) fn select_importer(
    configurations: &[&str],
    intents: &[String],
    offers: &[Offer],
) -> Result<usize, Vec<String>> {
    let mut reasons = Vec::new();
    for (index, offer) in offers.iter().enumerate() {
        let knows = |name: &str| offer.configurations.iter().any(|own| own == name);
        let lacking = offer.lacks(intents);
        if !configurations.iter().any(|name| knows(name)) {
            reasons.push(format!(
                "provider {} imports none of {}",
                offer.name,
                configurations.join(", ")
            ));
        } else if !lacking.is_empty() {
            reasons.push(format!(
                "provider {} does not support {}",
                offer.name,
                lacking.join(", ")
            ));
        } else {
            return Ok(index);
        }
    }
    if offers.is_empty() {
        reasons.push("there is no import provider".to_owned());
    }
    Err(reasons)
}

#[cfg(test)]
mod tests {
    use ferlix_core::property::Value;

    use super::*;

    fn offer(name: &str, configurations: &[&str], intents: &[&str]) -> Offer {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        Offer {
            name: name.to_owned(),
            configurations: owned(configurations),
            intents: owned(intents),
        }
    }

    fn chosen(properties: &Properties, offers: &[Offer]) -> Vec<(usize, String)> {
        let (choices, _) = select_exporters(&Wish::of(properties), offers);
        choices
            .into_iter()
            .map(|choice| (choice.offer, choice.configuration))
            .collect()
    }

    #[test]
    fn any_of_several_types_one_endpoint_for_each_known_one() {
        let offers = [
            offer("x", &["x"], &["osgi.basic"]),
            offer("g", &["g"], &["osgi.basic"]),
        ];
        let configs =
            |texts: Vec<&str>| Properties::from([("service.exported.configs", Value::from(texts))]);
        assert_eq!(
            chosen(&configs(vec!["x", "other"]), &offers),
            [(0, "x".into())]
        );
        assert_eq!(
            chosen(&configs(vec!["g", "x"]), &offers),
            [(1, "g".into()), (0, "x".into())]
        );
        assert_eq!(chosen(&configs(vec!["other"]), &offers), []);
        assert_eq!(chosen(&configs(vec!["<<nodefault>>"]), &offers), []);
        assert_eq!(
            chosen(&Properties::new(), &offers),
            [(0, "x".into()), (1, "g".into())]
        );
        let string = Properties::from([("service.exported.configs", "g")]);
        assert_eq!(chosen(&string, &offers), [(1, "g".into())]);
    }

    #[test]
    fn the_default_is_of_the_best_provider_that_supports_the_intents() {
        let offers = [
            offer("x", &["x", "xx"], &["osgi.basic"]),
            offer("g", &["g"], &["osgi.basic", "osgi.private"]),
        ];
        let default = |named: &[&str], intent: &str, offers: &[Offer]| {
            let properties = Properties::from([
                ("service.exported.configs", Value::from(named.to_vec())),
                ("service.intents", Value::from(intent)),
            ]);
            default_among(&Wish::of(&properties), offers)
        };
        let x = Some("x".to_owned());
        assert_eq!(default(&["other", "another"], "osgi.basic", &offers), x);
        let g = Some("g".to_owned());
        assert_eq!(default(&["other"], "osgi.private", &offers), g);
        assert_eq!(default(&["other"], "unknown", &offers), x);
        for named in [
            &["other", "g"] as &[_],
            &["<<nodefault>>"],
            &["other", "<<nodefault>>"],
            &[],
        ] {
            assert_eq!(default(named, "osgi.basic", &offers), None, "{named:?}");
        }
        assert_eq!(default(&["other"], "osgi.basic", &[]), None);
    }

    #[test]
    fn all_intents_from_all_three_properties_as_strings_or_lists() {
        let offers = [offer("x", &["x"], &["osgi.basic", "osgi.async"])];
        let mut properties = Properties::from([
            ("service.intents", Value::from("osgi.basic")),
            ("service.exported.intents", Value::from(["osgi.async"])),
        ]);
        assert_eq!(Wish::of(&properties).intents, ["osgi.basic", "osgi.async"]);
        assert_eq!(chosen(&properties, &offers), [(0, "x".into())]);
        properties.insert("service.exported.intents.extra", "osgi.confidential");
        let (choices, reasons) = select_exporters(&Wish::of(&properties), &offers);
        assert!(choices.is_empty());
        let reason = Reason::Other("provider x does not support osgi.confidential".to_owned());
        assert_eq!(reasons, [reason]);
        assert_eq!(
            chosen(&Properties::from([("service.intents", "osgi")]), &offers),
            [(0, "x".into())]
        );
        assert_eq!(
            chosen(
                &Properties::from([("service.intents", "osgi.bas")]),
                &offers
            ),
            []
        );
    }

    #[test]
    fn one_endpoint_only_for_synonyms_and_for_rivals() {
        let synonyms = [offer("x", &["x", "y"], &[])];
        let both = Properties::from([("service.exported.configs", Value::from(["y", "x"]))]);
        assert_eq!(chosen(&both, &synonyms), [(0, "y".into())]);
        let (_, reasons) = select_exporters(&Wish::of(&both), &synonyms);
        let text = "provider x exports by y already, of which x is another name".to_owned();
        assert_eq!(reasons, [Reason::Synonym(text)]);
        let rivals = [offer("best", &["x"], &[]), offer("second", &["x"], &[])];
        let one = Properties::from([("service.exported.configs", "x")]);
        assert_eq!(chosen(&one, &rivals), [(0, "x".into())]);
    }

    #[test]
    fn the_importer_knows_one_type_and_all_intents() {
        let offers = [offer("g", &["g"], &[]), offer("x", &["x"], &["osgi.basic"])];
        assert_eq!(
            select_importer(&["other", "x"], &["osgi.basic".into()], &offers),
            Ok(1)
        );
        assert_eq!(
            select_importer(&["x"], &["osgi.private".into()], &offers).unwrap_err(),
            [
                "provider g imports none of x",
                "provider x does not support osgi.private"
            ]
        );
    }
}

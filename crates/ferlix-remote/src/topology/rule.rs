//! [`Rule`]: what a policy says of the services or endpoints that match a filter.
//!
//! In flow the value of a component property, a list of maps (tables in a file) or of filters; out come rules, or an error
//! that names the rule and the key. `docs/topology.md` has the form.

use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock};

use ferlix_core::component::{Configured, Follower};
use ferlix_core::filter::Filter;
use ferlix_core::property::{FromValue, Properties, Value, ValueError};

use crate::endpoint::names;
use crate::work::locked;

/// The most rules of one kind.
const LIMIT: usize = 1000;

/// What rules are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Export,
    Import,
}

/// One rule: the first whose filter matches decides.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// `None` matches everything.
    filter: Option<Filter>,
    pub(super) allow: bool,
    /// The properties to add or to put in the place of others.
    pub(super) set: Properties,
    /// How many endpoints of one interface.
    pub(super) maximum: Option<usize>,
    /// Which of them come first.
    pub(super) prefer: Vec<Preference>,
    /// Which of them are near.
    pub(super) near: Option<Filter>,
}

/// By what endpoints are put in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preference {
    /// Those with the higher `service.ranking`.
    Ranking,
    /// Those that are near.
    Locality,
}

impl Rule {
    pub(super) fn matches(&self, properties: &Properties) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| filter.matches(properties))
    }

    fn new(filter: Option<Filter>, allow: bool) -> Self {
        Self {
            filter,
            allow,
            set: Properties::new(),
            maximum: None,
            prefer: vec![Preference::Ranking, Preference::Locality],
            near: None,
        }
    }

    /// A filter alone lets through what matches; with `!` before it, it keeps that out.
    fn from_text(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        match text.strip_prefix('!') {
            Some(filter) => Ok(Self::new(parse_filter(filter)?, false)),
            None => Ok(Self::new(parse_filter(text)?, true)),
        }
    }

    fn from_value(value: Value, direction: Direction) -> Result<Self, ValueError> {
        let members = match value {
            Value::String(text) => return Self::from_text(&text),
            Value::Map(members) => members,
            other => return Err(ValueError::wrong_type("a filter or a map", &other)),
        };
        let mut rule = Self::new(None, true);
        for (key, value) in members {
            let read = rule.read(&key, value, direction);
            read.map_err(|source| ValueError::Member {
                name: key,
                source: Box::new(source),
            })?;
        }
        Ok(rule)
    }

    fn read(&mut self, key: &str, value: Value, direction: Direction) -> Result<(), ValueError> {
        let import = direction == Direction::Import;
        match key {
            "filter" => self.filter = parse_filter(&String::from_value(value)?)?,
            "action" => {
                let word = String::from_value(value)?;
                self.allow = match (word.as_str(), direction) {
                    ("ignore", _) => false,
                    ("export", Direction::Export) | ("import", Direction::Import) => true,
                    (_, Direction::Export) => {
                        return Err(invalid(format!(
                            "{word:?} is neither \"export\" nor \"ignore\""
                        )));
                    }
                    (_, Direction::Import) => {
                        return Err(invalid(format!(
                            "{word:?} is neither \"import\" nor \"ignore\""
                        )));
                    }
                };
            }
            "set" => {
                let Value::Map(entries) = value else {
                    return Err(ValueError::wrong_type("a map of properties", &value));
                };
                for (key, value) in entries {
                    check_key(&key, direction)?;
                    self.set.insert(key, value);
                }
            }
            "max" if import => {
                let maximum = usize::from_value(value)?;
                if maximum == 0 {
                    return Err(invalid("write action = \"ignore\" for none".to_owned()));
                }
                self.maximum = Some(maximum);
            }
            "prefer" if import => {
                let words = match value {
                    Value::String(word) => vec![word],
                    value => Vec::<String>::from_value(value)?,
                };
                self.prefer = words
                    .iter()
                    .map(|word| word.parse())
                    .collect::<Result<_, _>>()?;
            }
            "near" if import => self.near = parse_filter(&String::from_value(value)?)?,
            _ => {
                let known = match import {
                    true => "filter, action, set, max, prefer and near",
                    false => "filter, action and set",
                };
                return Err(invalid(format!("there is no such key: there are {known}")));
            }
        }
        Ok(())
    }
}

impl FromStr for Preference {
    type Err = ValueError;

    fn from_str(word: &str) -> Result<Self, ValueError> {
        match word {
            "ranking" => Ok(Self::Ranking),
            "locality" => Ok(Self::Locality),
            _ => Err(invalid(format!(
                "{word:?} is neither \"ranking\" nor \"locality\""
            ))),
        }
    }
}

fn parse_filter(text: &str) -> Result<Option<Filter>, ValueError> {
    Filter::parse_optional(text)
        .map_err(|error| invalid(format!("the filter {text:?} does not parse: {error}")))
}

/// Refuses to set what identifies the service or the endpoint.
fn check_key(key: &str, direction: Direction) -> Result<(), ValueError> {
    let fixed = match direction {
        // What an export asks for may be set: that is how a service is exported that does not ask itself.
        Direction::Export => [names::OBJECT_CLASS, names::SERVICE_ID]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(key)),
        Direction::Import => names::is_reserved(key),
    };
    if fixed {
        return Err(invalid(format!(
            "{key} cannot be set: it says what the service is"
        )));
    }
    Ok(())
}

fn invalid(reason: String) -> ValueError {
    ValueError::Invalid { reason }
}

/// Reads rules: a list of them, or a single one; nothing is none.
fn read_rules(value: Value, direction: Direction) -> Result<Vec<Rule>, ValueError> {
    let values = match value {
        Value::Null => Vec::new(),
        Value::List(values) => values,
        Value::String(text) if text.trim().is_empty() => Vec::new(),
        one => vec![one],
    };
    if values.len() > LIMIT {
        return Err(invalid(format!(
            "{} rules are more than {LIMIT}",
            values.len()
        )));
    }
    let numbered = values.into_iter().enumerate();
    numbered
        .map(|(index, value)| {
            Rule::from_value(value, direction).map_err(|source| ValueError::Member {
                name: format!("rule {}", index + 1),
                source: Box::new(source),
            })
        })
        .collect()
}

/// Rules that follow their property in place; whoever goes by them is told.
#[derive(Clone)]
pub(super) struct Rules<const IMPORT: bool>(Arc<Cell>);

struct Cell {
    rules: Mutex<Arc<Vec<Rule>>>,
    changed: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl<const IMPORT: bool> Rules<IMPORT> {
    const DIRECTION: Direction = match IMPORT {
        true => Direction::Import,
        false => Direction::Export,
    };

    /// Those in force now.
    pub(super) fn load(&self) -> Arc<Vec<Rule>> {
        Arc::clone(&locked(&self.0.rules))
    }

    /// Calls a function whenever they change; the first one that is given counts.
    pub(super) fn on_change(&self, changed: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.changed.set(Box::new(changed));
    }
}

impl<const IMPORT: bool> Configured for Rules<IMPORT> {
    const LIVE: bool = true;

    fn configure(value: Value) -> Result<Self, ValueError> {
        let rules = read_rules(value, Self::DIRECTION)?;
        Ok(Self(Arc::new(Cell {
            rules: Mutex::new(Arc::new(rules)),
            changed: OnceLock::new(),
        })))
    }

    fn follower(&self) -> Option<Follower> {
        let cell = Arc::clone(&self.0);
        Some(Box::new(move |value| {
            let rules = read_rules(value, Self::DIRECTION)?;
            *locked(&cell.rules) = Arc::new(rules);
            if let Some(changed) = cell.changed.get() {
                changed();
            }
            Ok(())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, Value)]) -> Value {
        Value::Map(
            entries
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect(),
        )
    }

    fn refused(value: Value, direction: Direction) -> String {
        ferlix_core::error_chain(&read_rules(value, direction).unwrap_err())
    }

    #[test]
    fn rules_are_maps_or_filters() {
        let rules = Value::List(vec![
            "(zone=north)".into(),
            "!(zone=south)".into(),
            map(&[
                ("filter", "(a=b)".into()),
                ("action", "import".into()),
                (
                    "set",
                    map(&[("service.ranking", 5.into()), ("x", "y".into())]),
                ),
                ("max", 2.into()),
                ("prefer", Value::from(["locality"])),
                ("near", "(rack=7)".into()),
            ]),
            map(&[]),
        ]);
        let rules = read_rules(rules, Direction::Import).unwrap();
        let north = Properties::from([("zone", "north")]);
        assert_eq!(
            rules
                .iter()
                .map(|rule| rule.matches(&north))
                .collect::<Vec<_>>(),
            [true, false, false, true]
        );
        assert_eq!(
            rules.iter().map(|rule| rule.allow).collect::<Vec<_>>(),
            [true, false, true, true]
        );
        assert_eq!((rules[2].maximum, rules[2].set.len()), (Some(2), 2));
        assert_eq!(rules[2].prefer, [Preference::Locality]);
        for none in [Value::Null, Value::from(""), Value::List(Vec::new())] {
            assert!(read_rules(none, Direction::Export).unwrap().is_empty());
        }
        assert_eq!(
            read_rules("(a=b)".into(), Direction::Export).unwrap().len(),
            1
        );
    }

    #[test]
    fn wrong_rules_say_what_is_wrong_where() {
        use Direction::{Export, Import};
        let cases = [
            (
                Value::from(["(a=b)", "(a"]),
                Import,
                "rule 2: the filter \"(a\" does not parse",
            ),
            (
                Value::List(vec![5.into()]),
                Import,
                "rule 1: expected a filter or a map",
            ),
            (
                map(&[("maximum", 1.into())]),
                Import,
                "rule 1: member maximum: there is no such key: there are filter, action, set, max",
            ),
            (
                map(&[("max", 1.into())]),
                Export,
                "there are filter, action and set",
            ),
            (
                map(&[("max", 0.into())]),
                Import,
                "write action = \"ignore\"",
            ),
            (map(&[("max", (-1).into())]), Import, "member max"),
            (
                map(&[("action", "deny".into())]),
                Import,
                "\"deny\" is neither \"import\" nor \"ignore\"",
            ),
            (
                map(&[("action", "import".into())]),
                Export,
                "neither \"export\" nor \"ignore\"",
            ),
            (
                map(&[("prefer", "health".into())]),
                Import,
                "\"health\" is neither",
            ),
            (
                map(&[("set", map(&[("Endpoint.Id", "x".into())]))]),
                Import,
                "Endpoint.Id cannot be set",
            ),
            (
                map(&[("set", map(&[("objectclass", "x".into())]))]),
                Export,
                "objectclass cannot be set",
            ),
            (
                map(&[("set", "x".into())]),
                Export,
                "expected a map of properties",
            ),
            (
                Value::List(vec![Value::from("(a=b)"); 1001]),
                Import,
                "1001 rules are more than 1000",
            ),
        ];
        for (value, direction, expected) in cases {
            let error = refused(value, direction);
            assert!(
                error.contains(expected),
                "{error:?} does not say {expected:?}"
            );
        }
    }
}

//! Random filters against an evaluator that is as plain as can be, random text against the parser.

use std::hash::{BuildHasher, RandomState};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::filter::{Filter, escape};
use crate::property::{Properties, Value};

/// A filter as the model has it: it shares nothing with the one under test.
#[derive(Clone, Debug)]
enum Model {
    All(Vec<Model>),
    Any(Vec<Model>),
    Not(Box<Model>),
    Compare(&'static str, &'static str, String),
    Present(&'static str),
    /// A key and the pieces between wildcards.
    Substring(&'static str, Vec<String>),
}

const KEYS: [&str; 4] = ["a", "B", "service.id", "x y"];

fn text_of(model: &Model, space: &str) -> String {
    match model {
        Model::All(children) => joined('&', children, space),
        Model::Any(children) => joined('|', children, space),
        Model::Not(child) => format!("{space}(!{}{space})", text_of(child, space)),
        Model::Compare(key, operator, operand) => {
            format!("({space}{key}{space}{operator}{})", escape(operand))
        }
        Model::Present(key) => format!("({space}{key}{space}=*{space}){space}"),
        Model::Substring(key, pieces) => {
            let pieces: Vec<String> = pieces.iter().map(|piece| escape(piece)).collect();
            format!("({key}={})", pieces.join("*"))
        }
    }
}

fn joined(operator: char, children: &[Model], space: &str) -> String {
    let children: String = children.iter().map(|child| text_of(child, space)).collect();
    format!("({space}{operator}{space}{children}{space})")
}

fn expected(model: &Model, properties: &Properties) -> bool {
    let value = |key: &str| {
        let found = properties
            .iter()
            .find(|(other, _)| other.to_lowercase() == key.to_lowercase());
        found.map_or(Value::Null, |(_, value)| value.clone())
    };
    match model {
        Model::All(children) => !children.iter().any(|child| !expected(child, properties)),
        Model::Any(children) => {
            children
                .iter()
                .filter(|child| expected(child, properties))
                .count()
                > 0
        }
        Model::Not(child) => !expected(child, properties),
        Model::Present(key) => value(key) != Value::Null,
        Model::Compare(key, operator, operand) => {
            any_element(&value(key), &|value| compares(value, operator, operand))
        }
        Model::Substring(key, pieces) => any_element(&value(key), &|value| match value {
            Value::String(text) => {
                let text: Vec<char> = text.chars().collect();
                let pattern: Vec<char> = pieces.join("\0").chars().collect();
                wild(&text, &pattern)
            }
            _ => false,
        }),
    }
}

fn any_element(value: &Value, test: &dyn Fn(&Value) -> bool) -> bool {
    match value {
        Value::List(values) | Value::Set(values) => {
            values.iter().any(|value| any_element(value, test))
        }
        other => test(other),
    }
}

/// NUL is the wildcard.
fn wild(text: &[char], pattern: &[char]) -> bool {
    match (text, pattern) {
        (text, ['\0', rest @ ..]) => (0..=text.len()).any(|skipped| wild(&text[skipped..], rest)),
        ([first, text @ ..], [wanted, rest @ ..]) => first == wanted && wild(text, rest),
        (text, pattern) => text.is_empty() && pattern.is_empty(),
    }
}

/// Every number that is generated is exact as an `f64`.
fn compares(value: &Value, operator: &str, operand: &str) -> bool {
    let ordered = |less: bool, equal: bool| match operator {
        "<" => less,
        "<=" => less || equal,
        ">" => !less && !equal,
        ">=" => !less,
        _ => equal,
    };
    let bare = |text: &str| text.to_lowercase().split_whitespace().collect::<String>();
    match value {
        Value::String(text) if operator == "~=" => bare(text) == bare(operand),
        Value::String(text) => ordered(text.as_str() < operand, text == operand),
        Value::Char(one) => match operator {
            "~=" => bare(&one.to_string()) == bare(operand),
            _ => {
                let trimmed = if operand.chars().count() == 1 {
                    operand
                } else {
                    operand.trim()
                };
                let only = Some(trimmed.chars().next()).filter(|_| trimmed.chars().count() == 1);
                only.flatten()
                    .is_some_and(|other| ordered(*one < other, *one == other))
            }
        },
        Value::Bool(value) => {
            bare(operand) == value.to_string() && operator != "<" && operator != ">"
        }
        number => match (number.as_f64(), operand.trim().parse::<f64>()) {
            (Some(number), Ok(operand)) => ordered(number < operand, number == operand),
            _ => false,
        },
    }
}

fn some_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[abAB é*()\\\\=~!1]{0,4}",
        "[ab]{1,3}",
        select(vec![
            "true", "False", " TRUE", "0", "1", "-1", "1.0", " 2", "0.5", "-1.5e0", "01"
        ])
        .prop_map(str::to_owned),
    ]
}

fn some_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        some_text().prop_map(Value::String),
        (-3_i32..3).prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        (-6_i8..6).prop_map(|half| Value::Double(f64::from(half) / 2.0)),
        (-6_i8..6).prop_map(|half| Value::Float(f32::from(half) / 2.0)),
        any::<bool>().prop_map(Value::from),
        select(vec!['a', 'A', 'é', ' ', '1', '*']).prop_map(Value::from),
        Just(Value::Null),
    ];
    scalar.prop_recursive(2, 6, 3, |element| {
        prop_oneof![
            vec(element.clone(), 0..3).prop_map(Value::List),
            vec(element, 0..3).prop_map(Value::Set)
        ]
    })
}

fn some_properties() -> impl Strategy<Value = Properties> {
    let keys = select(vec!["a", "A", "b", "Service.ID", "x y", "other"]);
    vec((keys, some_value()), 0..5).prop_map(Properties::from_iter)
}

fn some_model() -> impl Strategy<Value = Model> {
    let operators = select(vec!["=", "=", "~=", ">=", "<=", ">", "<"]);
    let leaf = prop_oneof![
        4 => (select(KEYS.to_vec()), operators, some_text()).prop_map(|(key, operator, operand)| {
            // Only equality has an empty operand.
            let operator = if operand.is_empty() { "=" } else { operator };
            Model::Compare(key, operator, operand)
        }),
        1 => select(KEYS.to_vec()).prop_map(Model::Present),
        2 => (select(KEYS.to_vec()), "[ab ]{0,2}", vec("[ab*]{0,2}", 0..3), "[ab]{1,2}").prop_map(
            |(key, first, middle, last)| {
                let pieces = [vec![first], middle, vec![last]].concat();
                Model::Substring(key, pieces)
            }
        ),
    ];
    leaf.prop_recursive(5, 24, 4, |child| {
        prop_oneof![
            vec(child.clone(), 0..4).prop_map(Model::All),
            vec(child.clone(), 0..4).prop_map(Model::Any),
            child.prop_map(|child| Model::Not(Box::new(child))),
        ]
    })
}

fn reversed(model: &Model) -> Model {
    match model {
        Model::All(children) => Model::All(children.iter().rev().map(reversed).collect()),
        Model::Any(children) => Model::Any(children.iter().rev().map(reversed).collect()),
        Model::Not(child) => Model::Not(Box::new(reversed(child))),
        leaf => leaf.clone(),
    }
}

/// Printing is stable and parses to the same filter, which matches the same.
fn check_round_trip(filter: &Filter, properties: &Properties) -> Result<(), TestCaseError> {
    let printed = filter.to_string();
    let again = Filter::parse(&printed)
        .map_err(|error| TestCaseError::fail(format!("{printed}: {error}")))?;
    prop_assert_eq!(&again, filter);
    prop_assert_eq!(again.to_string(), printed);
    prop_assert_eq!(again.matches(properties), filter.matches(properties));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn filters_agree_with_the_model(
        model in some_model(),
        space in select(vec!["", " ", "\t\n "]),
        properties in vec(some_properties(), 1..5),
    ) {
        let text = text_of(&model, space);
        // A negation may have put space before the first parenthesis and a presence after the last: both are allowed.
        let filter = Filter::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        for properties in &properties {
            prop_assert_eq!(filter.matches(properties), expected(&model, properties), "{} on {:?}", text, properties);
            check_round_trip(&filter, properties)?;
        }
    }

    #[test]
    fn equality_has_no_order(model in some_model()) {
        let left = Filter::parse(&text_of(&model, "")).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let right = Filter::parse(&text_of(&reversed(&model), " ")).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&left, &right);
        let hasher = RandomState::new();
        prop_assert_eq!(hasher.hash_one(&left), hasher.hash_one(&right));
    }

    #[test]
    fn any_text_is_a_filter_or_an_error_within_it(
        text in prop_oneof![any::<String>(), "[()&|!=<>~*\\\\ ab1é]{0,12}", "\\([ab]{1,2}[=<>~]{1,2}[*\\\\ ab1fé=]{0,6}\\)"],
        properties in some_properties(),
    ) {
        match Filter::parse(&text) {
            Ok(filter) => check_round_trip(&filter, &properties)?,
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column())),
        }
    }

    #[test]
    fn any_key_and_value_can_be_tested(key in any::<String>(), value in any::<String>()) {
        let filter = Filter::equal(&key, &value);
        let properties = Properties::from([(key.as_str(), value.as_str())]);
        prop_assert_eq!(filter.matches(&properties), !key.is_empty());
        check_round_trip(&filter, &properties)?;
    }
}

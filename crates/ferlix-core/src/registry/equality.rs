//! Services by the value of one property: what makes `(key=value)` a look-up instead of a search.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::ServiceRef;
use crate::property::{Properties, Value};

/// The services by what one of their properties equals. It may say too much, never too little: the filter decides.
#[derive(Default)]
pub(super) struct Equality {
    by_text: HashMap<Box<str>, Group>,
    /// Those whose property has a type that more than one text equals.
    others: BTreeMap<u64, ServiceRef>,
    /// The bundles that asked for it; none for the keys that are always there.
    pub(super) owners: Vec<u64>,
}

/// Nearly always one.
enum Group {
    One(ServiceRef),
    Many(BTreeMap<u64, ServiceRef>),
}

impl Equality {
    pub(super) fn insert(&mut self, value: &Value, service: &ServiceRef) {
        match value {
            Value::List(values) | Value::Set(values) => {
                for value in values {
                    self.insert(value, service);
                }
            }
            value => match text_of(value) {
                Some(text) => self.insert_text(&text, service),
                None => {
                    self.others.insert(service.id(), service.clone());
                }
            },
        }
    }

    fn insert_text(&mut self, text: &str, service: &ServiceRef) {
        match self.by_text.get_mut(text) {
            None => {
                self.by_text
                    .insert(text.into(), Group::One(service.clone()));
            }
            Some(Group::Many(services)) => {
                services.insert(service.id(), service.clone());
            }
            Some(group) => {
                if let Group::One(one) = group
                    && one != service
                {
                    let both = [one.clone(), service.clone()];
                    *group = Group::Many(both.map(|one| (one.id(), one)).into());
                }
            }
        }
    }

    pub(super) fn remove(&mut self, value: &Value, service: &ServiceRef) {
        match value {
            Value::List(values) | Value::Set(values) => {
                for value in values {
                    self.remove(value, service);
                }
            }
            value => match text_of(value) {
                None => {
                    self.others.remove(&service.id());
                }
                Some(text) => {
                    let empty = match self.by_text.get_mut(&*text) {
                        Some(Group::One(one)) => one == service,
                        Some(Group::Many(services)) => {
                            services.remove(&service.id());
                            services.is_empty()
                        }
                        None => false,
                    };
                    if empty {
                        self.by_text.remove(&*text);
                    }
                }
            },
        }
    }

    /// How many services [`Equality::candidates`] would give, at most.
    pub(super) fn count(&self, text: &str) -> usize {
        self.groups(text)
            .map(|group| match group {
                Group::One(_) => 1,
                Group::Many(services) => services.len(),
            })
            .sum::<usize>()
            + self.others.len()
    }

    /// Every service whose property may equal what a filter has as text; one may come twice.
    pub(super) fn candidates(&self, text: &str) -> impl Iterator<Item = &ServiceRef> {
        self.groups(text)
            .flat_map(|group| {
                let (one, many) = match group {
                    Group::One(one) => (Some(one), None),
                    Group::Many(services) => (None, Some(services.values())),
                };
                one.into_iter().chain(many.into_iter().flatten())
            })
            .chain(self.others.values())
    }

    fn groups(&self, text: &str) -> impl Iterator<Item = &Group> {
        let integer = integer(text).filter(|integer| **integer != *text);
        let integer = integer.and_then(|integer| self.by_text.get(&*integer));
        self.by_text.get(text).into_iter().chain(integer)
    }
}

/// The only text of a filter that equals this value, but for other spellings of the same integer.
pub(super) fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.as_str().into()),
        other => other.as_i64().map(|integer| integer.to_string().into()),
    }
}

/// The plain spelling of a text that reads as an integer (`05`, `5.0` and `5e0` are `5`).
pub(super) fn integer(text: &str) -> Option<Box<str>> {
    let text = text.trim();
    if !text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
        return None;
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.to_string().into());
    }
    /// 2^63: the first float that is beyond every `i64`.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    let float: f64 = text.parse().ok()?;
    if float.fract() != 0.0 || !(-BEYOND..BEYOND).contains(&float) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole and in the range of an i64"
    )]
    let integer = float as i64;
    Some(integer.to_string().into())
}

/// The indexed value of a service, if its properties have one.
pub(super) fn indexed<'a>(properties: &'a Properties, key: &str) -> Option<&'a Value> {
    properties
        .get(key)
        .filter(|value| !matches!(value, Value::Null))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_plain_spelling() {
        for text in ["5", "05", "+5", "5.0", "5e0", " 5 "] {
            assert_eq!(integer(text).as_deref(), Some("5"), "{text:?}");
        }
        assert_eq!(integer("-0.0").as_deref(), Some("0"));
        assert_eq!(
            integer("9223372036854775807").as_deref(),
            Some("9223372036854775807")
        );
        for text in ["", "x", "5.5", "1e300", "inf", "nan", "9223372036854775808"] {
            assert_eq!(integer(text), None, "{text:?}");
        }
    }
}

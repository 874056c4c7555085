//! [`ServiceType`]: whether the `servicetype` of a record names services of another kind than endpoints.
//!
//! It is looked at where it lies: nothing of it is kept, and what it is not expected to hold says nothing.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::SERVICE_TYPE;
use super::reader::Text;

/// Where one is while reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServiceType {
    /// At the value of `servicetype`. Read as whether it names services, and ours is not among them.
    Whole,
    /// At its `services`. Read as the same.
    Services,
    /// At one of them. Read as whether it is ours.
    Service,
}

impl<'de> DeserializeSeed<'de> for ServiceType {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ServiceType {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(self == Self::Service && text == SERVICE_TYPE)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<bool, A::Error> {
        if self != Self::Services {
            while elements.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(false);
        }
        let mut is_ours = false;
        while let Some(service) = elements.next_element_seed(Self::Service)? {
            is_ours |= service;
        }
        Ok(!is_ours)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let mut others = None;
        while let Some(is_services) = members.next_key_seed(Text(|name| name == "services"))? {
            if self == Self::Whole && is_services {
                let read = members.next_value_seed(Self::Services)?;
                if others.replace(read).is_some() {
                    return Err(A::Error::duplicate_field("services"));
                }
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(others.unwrap_or(false))
    }
}

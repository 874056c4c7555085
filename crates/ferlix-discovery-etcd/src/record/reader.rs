//! [`read`]: an endpoint description from the bytes of a record.
//!
//! Only `properties` is needed, as for iPOPO; `servicetype` is looked at when it is there, since ECF stores services of
//! other kinds in the same way. Everything else is skipped: `location` differs between peers and says nothing of use.

use std::fmt;

use ferlix_core::property::Value;
use ferlix_remote::endpoint::{
    EndpointDescription, MAX_PROPERTIES, WireKind, WireProperty, decode, names,
};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::SERVICE_TYPE;
use super::node::{Budget, Node};
use super::service_type::ServiceType;
use crate::Error;

/// How large a record may be, in bytes; etcd's own default limit is 1.5 MiB.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Reads a record: every type of ECF, iPOPO's texts, and our own.
///
/// # Errors
/// [`Error::Limit`], [`Error::Json`], [`Error::OtherService`], or [`Error::Endpoint`] when the properties are not those of
/// an endpoint.
pub fn read(bytes: &[u8]) -> Result<EndpointDescription, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::Limit {
            what: "the size of a record",
            limit: MAX_BYTES,
        });
    }
    let budget = Budget::new();
    // One look at all of the text spares one at each string in it. What is not all text may be so in what is skipped alone.
    let parsed = match std::str::from_utf8(bytes) {
        Ok(text) => parse(serde_json::Deserializer::from_str(text), &budget),
        Err(_) => parse(serde_json::Deserializer::from_slice(bytes), &budget),
    };
    let record = parsed.map_err(|error| budget.error(error))?;
    if record.is_other_service {
        return Err(Error::OtherService {
            expected: SERVICE_TYPE,
        });
    }
    Ok(decode(record.properties)?)
}

fn parse<'de, R: serde_json::de::Read<'de>>(
    mut json: serde_json::Deserializer<R>,
    budget: &Budget,
) -> Result<Record, serde_json::Error> {
    let record = RecordSeed(budget).deserialize(&mut json)?;
    json.end()?;
    Ok(record)
}

/// The members of objects that mean something.
enum Member {
    Name,
    Other,
    Properties,
    ServiceType,
    Type,
    Value,
}

impl Member {
    fn of(name: &str) -> Self {
        match name {
            "name" => Self::Name,
            "properties" => Self::Properties,
            "servicetype" => Self::ServiceType,
            "type" => Self::Type,
            "value" => Self::Value,
            _ => Self::Other,
        }
    }
}

/// Reads a text where it lies, without a copy, as what a function makes of it.
pub(super) struct Text<T>(pub(super) fn(&str) -> T);

impl<'de, T> DeserializeSeed<'de> for Text<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }
}

struct Record {
    properties: Vec<WireProperty>,
    is_other_service: bool,
}

struct RecordSeed<'b>(&'b Budget);

impl<'de> DeserializeSeed<'de> for RecordSeed<'_> {
    type Value = Record;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Record, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordSeed<'_> {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with properties")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Record, A::Error> {
        let mut properties = None;
        let mut is_other_service = false;
        while let Some(member) = members.next_key_seed(Text(Member::of))? {
            self.0.spend()?;
            match member {
                Member::Properties if properties.is_some() => {
                    return Err(A::Error::duplicate_field("properties"));
                }
                Member::Properties => {
                    properties = Some(members.next_value_seed(PropertiesSeed(self.0))?);
                }
                Member::ServiceType => {
                    is_other_service = members.next_value_seed(ServiceType::Whole)?;
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Record {
            properties: properties.ok_or_else(|| A::Error::missing_field("properties"))?,
            is_other_service,
        })
    }
}

struct PropertiesSeed<'b>(&'b Budget);

impl<'de> DeserializeSeed<'de> for PropertiesSeed<'_> {
    type Value = Vec<WireProperty>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PropertiesSeed<'_> {
    type Value = Vec<WireProperty>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of properties")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        // Room for those of a usual endpoint.
        let mut properties = Vec::with_capacity(16);
        while let Some(property) = elements.next_element_seed(PropertySeed(self.0))? {
            if properties.len() == MAX_PROPERTIES {
                return Err(self
                    .0
                    .exceed("the number of endpoint properties", MAX_PROPERTIES));
            }
            properties.push(property);
        }
        Ok(properties)
    }
}

struct PropertySeed<'b>(&'b Budget);

impl<'de> DeserializeSeed<'de> for PropertySeed<'_> {
    type Value = WireProperty;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<WireProperty, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PropertySeed<'_> {
    type Value = WireProperty;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with type, name and value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<WireProperty, A::Error> {
        let mut name = None;
        // Without a type, or with one that nobody knows, the value speaks for itself.
        let mut kind = WireKind::Object;
        let mut value = Value::Null;
        while let Some(member) = members.next_key_seed(Text(Member::of))? {
            self.0.spend()?;
            match member {
                Member::Name => name = Some(members.next_value_seed(Text(names::shared))?),
                Member::Type => kind = members.next_value_seed(Text(WireKind::from_name))?,
                Member::Value => value = members.next_value_seed(Node::new(self.0))?,
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(WireProperty {
            name: name.ok_or_else(|| A::Error::missing_field("name"))?,
            kind,
            value,
        })
    }
}

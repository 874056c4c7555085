//! Properties as TOML.
//!
//! A dotted key and a table in brackets make dotted names (`greeting.name = "x"` is the property `greeting.name`, and so is
//! `name` under `[greeting]`); an inline table is a map; an array of tables is a list of maps. A file knows fewer types than
//! properties: whatever is stored is what is read back from the text, so that a restart changes nothing.

use std::collections::BTreeMap;

use ferlix_core::property::{DateTime, Properties, Value};
use toml_edit::{Array, Datetime, Document, DocumentMut, InlineTable, Item, TableLike};

/// What is wrong with a text, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
    pub(crate) message: String,
}

impl Fault {
    fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |position| position + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
        }
    }
}

/// Reads a TOML text.
pub(crate) fn parse(text: &str) -> Result<Properties, Fault> {
    let document = Document::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        Fault::at(text, offset, error.message())
    })?;
    let mut properties = Properties::new();
    flatten(text, "", document.as_table(), &mut properties)?;
    Ok(properties)
}

/// Takes the keys of a table as dotted names.
fn flatten(
    text: &str,
    prefix: &str,
    table: &dyn TableLike,
    properties: &mut Properties,
) -> Result<(), Fault> {
    for (key, item) in table.iter() {
        let name = match prefix {
            "" => key.to_owned(),
            prefix => format!("{prefix}.{key}"),
        };
        let offset = table
            .key(key)
            .and_then(toml_edit::Key::span)
            .or_else(|| item.span())
            .map_or(0, |span| span.start);
        let value = match item {
            Item::None => continue,
            Item::Table(inner) => {
                flatten(text, &name, inner, properties)?;
                continue;
            }
            Item::Value(value) => read(text, value)?,
            Item::ArrayOfTables(tables) => {
                let maps = tables.iter().map(|table| map(text, table));
                Value::List(maps.collect::<Result<_, _>>()?)
            }
        };
        // Keys compare without case, and `a.b` can be written in two ways.
        if properties.insert(name.as_str(), value).is_some() {
            return Err(Fault::at(text, offset, format!("{name} is there twice")));
        }
    }
    Ok(())
}

fn map(text: &str, table: &dyn TableLike) -> Result<Value, Fault> {
    let mut members = BTreeMap::new();
    for (key, item) in table.iter() {
        let value = match item {
            Item::None => continue,
            Item::Table(inner) => map(text, inner)?,
            Item::Value(value) => read(text, value)?,
            Item::ArrayOfTables(tables) => {
                let maps = tables.iter().map(|table| map(text, table));
                Value::List(maps.collect::<Result<_, _>>()?)
            }
        };
        members.insert(key.to_owned(), value);
    }
    Ok(Value::Map(members))
}

fn read(text: &str, value: &toml_edit::Value) -> Result<Value, Fault> {
    Ok(match value {
        toml_edit::Value::String(text) => Value::from(text.value()),
        toml_edit::Value::Integer(number) => match i32::try_from(*number.value()) {
            Ok(int) => Value::Int(int),
            Err(_) => Value::Long(*number.value()),
        },
        toml_edit::Value::Float(number) => Value::Double(*number.value()),
        toml_edit::Value::Boolean(boolean) => Value::Bool(*boolean.value()),
        toml_edit::Value::Datetime(moment) => match local(moment.value()) {
            Some(moment) => Value::DateTime(moment),
            None => {
                let offset = value.span().map_or(0, |span| span.start);
                let message = "a date must have a time and no zone, as in 2026-01-31T12:30:00";
                return Err(Fault::at(text, offset, message));
            }
        },
        toml_edit::Value::Array(values) => {
            let values = values.iter().map(|value| read(text, value));
            Value::List(values.collect::<Result<_, _>>()?)
        }
        toml_edit::Value::InlineTable(table) => map(text, table)?,
    })
}

fn local(moment: &Datetime) -> Option<DateTime> {
    let (Some(date), Some(clock), None) = (moment.date, moment.time, moment.offset) else {
        return None;
    };
    let month = time::Month::try_from(date.month).ok()?;
    let day = time::Date::from_calendar_date(date.year.into(), month, date.day).ok()?;
    let (second, nanosecond) = (clock.second.unwrap_or(0), clock.nanosecond.unwrap_or(0));
    let clock = time::Time::from_hms_nano(clock.hour, clock.minute, second, nanosecond).ok()?;
    Some(DateTime::new(day, clock))
}

/// Writes properties as a TOML text, one line for each, and no line for `Null`.
///
/// # Errors
/// The property that cannot be written, and why.
pub(crate) fn render(properties: &Properties) -> Result<String, (String, &'static str)> {
    let mut document = DocumentMut::new();
    for (key, value) in properties.iter() {
        if *value == Value::Null {
            continue;
        }
        let value = write(value).map_err(|reason| (key.to_owned(), reason))?;
        document.insert(key, Item::Value(value));
    }
    Ok(document.to_string())
}

fn write(value: &Value) -> Result<toml_edit::Value, &'static str> {
    Ok(match value {
        Value::Bool(value) => (*value).into(),
        Value::Float(value) => f64::from(*value).into(),
        Value::Double(value) => (*value).into(),
        Value::Char(value) => value.to_string().into(),
        Value::String(text) => text.as_str().into(),
        Value::DateTime(moment) => moment_of(moment)?.into(),
        Value::List(values) | Value::Set(values) => {
            let values = values.iter().map(write);
            values.collect::<Result<Array, _>>()?.into()
        }
        Value::Map(members) => {
            let mut table = InlineTable::new();
            for (key, value) in members.iter().filter(|(_, value)| **value != Value::Null) {
                table.insert(key, write(value)?);
            }
            table.into()
        }
        Value::Bytes(_) => return Err("TOML has no bytes"),
        Value::Null => return Err("a list in TOML holds no null"),
        other => other
            .as_i64()
            .map(toml_edit::Value::from)
            .ok_or("TOML has no such type")?,
    })
}

fn moment_of(moment: &DateTime) -> Result<Datetime, &'static str> {
    let year = u16::try_from(moment.year()).map_err(|_| "the year is out of range")?;
    if year > 9999 {
        return Err("the year is out of range");
    }
    Ok(Datetime {
        date: Some(toml_edit::Date {
            year,
            month: moment.month().into(),
            day: moment.day(),
        }),
        time: Some(toml_edit::Time {
            hour: moment.hour(),
            minute: moment.minute(),
            second: Some(moment.second()),
            nanosecond: Some(moment.nanosecond()),
        }),
        offset: None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dotted_keys_and_tables_make_dotted_names() {
        let text = "\
            greeting.name = 'x'\n\
            'quoted.key' = 5\n\
            big = 5000000000\n\
            map = { a = 1, b.c = true }\n\
            when = 2026-01-31T12:30:00\n\
            [http]\n\
            port = 8080\n\
            [http.tls]\n\
            files = ['a', 'b']\n\
            [[user]]\n\
            name = 'ada'\n";
        let properties = parse(text).unwrap();
        let shown: Vec<String> = properties
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            shown,
            [
                "big=5000000000",
                "greeting.name=x",
                "http.port=8080",
                "http.tls.files=['a', 'b']",
                "map={'a': 1, 'b': {'c': true}}",
                "quoted.key=5",
                "user=[{'name': 'ada'}]",
                "when=2026-01-31 12:30:00.0",
            ]
        );
    }

    #[test]
    fn a_fault_says_where() {
        let fault = |text: &str| {
            let fault = parse(text).unwrap_err();
            (fault.line, fault.column)
        };
        assert_eq!(fault("a = 1\nb = \nc = 2\n").0, 2);
        assert_eq!(fault("a = 1\nä = 'x\n").0, 2);
        assert_eq!(fault("a = 1\nb = 2026-01-31\n"), (2, 5));
        assert_eq!(fault("a.b = 1\n'A.B' = 2\n"), (2, 1));
        assert!(parse(&format!("a = {}{}", "[".repeat(10_000), "]".repeat(10_000))).is_err());
    }

    #[test]
    fn what_toml_cannot_hold_is_named() {
        for value in [Value::Bytes(vec![1]), Value::List(vec![Value::Null])] {
            let (key, _) =
                render(&Properties::from([("a", Value::from(1)), ("b", value)])).unwrap_err();
            assert_eq!(key, "b");
        }
        assert_eq!(render(&Properties::from([("a", Value::Null)])).unwrap(), "");
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            (i64::from(i32::MAX) + 1..).prop_map(Value::Long),
            (-1e300..1e300).prop_map(Value::Double),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::btree_map(".*", inner, 0..4).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(entries in prop::collection::vec(("[a-z.\"'= äA-Z]{1,9}", values()), 0..6)) {
            let properties: Properties = entries.into_iter().collect();
            let text = render(&properties).unwrap();
            prop_assert_eq!(parse(&text).unwrap(), properties);
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = parse(&text);
        }
    }
}

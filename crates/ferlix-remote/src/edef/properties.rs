//! Reads the `.properties` form of endpoint descriptions, which Eclipse ECF reads beside EDEF's XML.
//!
//! In: a file of Java's `.properties` syntax in UTF-8, whose lines are `name=text`, `name:type=value` or
//! `name:array|list|set[:type]=value, value`. The types are those of EDEF in either spelling, and `uuid`, which makes a new one;
//! `unique`, `nanoTime` and `milliTime` after a number's type make a number. A name that comes again adds to its list.
//! Out: properties, which the caller lays over defaults or over the descriptions of an XML file. Deliberately absent: files.
//!
//! Where ECF reads a typo of a type as nothing at all, or the text after the last `=` of a value, this says what is wrong, or
//! keeps the text.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI8, AtomicI16, AtomicI32, AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ferlix_core::property::{Properties, Value};
use uuid::Uuid;

use super::kind::Kind;
use super::reader::{MAX_BYTES, MAX_VALUES, too_large};
use crate::Error;
use crate::endpoint::excerpt::{QUOTED, excerpt};
use crate::endpoint::scalar::Scalar;

/// Reads a `.properties` file.
///
/// # Errors
/// [`Error::TooLarge`] beyond [`MAX_BYTES`] or [`MAX_VALUES`]; [`Error::Edef`] for a broken escape, an unknown type, a text that
/// its type cannot hold, a name without a text, and a value given twice that is no list.
pub fn read_properties(text: &str) -> Result<Properties, Error> {
    if text.len() > MAX_BYTES {
        return Err(too_large("the size in bytes", MAX_BYTES));
    }
    let mut properties = Properties::new();
    let mut values = 0;
    let mut lines = Lines { text, offset: 0 };
    while let Some((offset, line)) = lines.next_logical() {
        let entry = Entry::read(&line).map_err(|reason| at(offset, reason))?;
        let found = entry.value().map_err(|reason| at(offset, reason))?;
        values += found.as_list().map_or(1, <[Value]>::len).max(1);
        if values > MAX_VALUES {
            return Err(too_large("the number of values", MAX_VALUES));
        }
        let name = entry.name;
        match properties.remove(&name) {
            None => properties.insert(name, found),
            Some(before) => {
                let both = join(before, found).ok_or_else(|| {
                    let name = excerpt(&name, QUOTED);
                    at(
                        offset,
                        format!("property {name} is given twice, and is no list"),
                    )
                })?;
                properties.insert(name, both)
            }
        };
    }
    Ok(properties)
}

fn at(offset: usize, reason: impl Into<String>) -> Error {
    Error::Edef {
        offset: u64::try_from(offset).ok(),
        reason: reason.into(),
    }
}

/// A list with the values of another one, or with one more.
fn join(before: Value, more: Value) -> Option<Value> {
    let extend = |mut elements: Vec<Value>| {
        match more {
            Value::List(more) | Value::Set(more) => elements.extend(more),
            one => elements.push(one),
        }
        elements
    };
    Some(match before {
        Value::List(elements) => Value::List(extend(elements)),
        Value::Set(elements) => Value::Set(unique(extend(elements))),
        _ => return None,
    })
}

/// Each value once, where it came first.
fn unique(elements: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::with_capacity(elements.len());
    for element in elements {
        if !kept.contains(&element) {
            kept.push(element);
        }
    }
    kept
}

/// The lines that mean something: comments and blank ones are passed over, continued ones put together.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
}

impl Lines<'_> {
    /// The next one, and where it begins.
    fn next_logical(&mut self) -> Option<(usize, String)> {
        loop {
            let (begin, line) = self.next_natural()?;
            let line = line.trim_start_matches([' ', '\t', '\u{C}']);
            if line.is_empty() || line.starts_with(['#', '!']) {
                continue;
            }
            let mut logical = line.to_owned();
            while logical
                .bytes()
                .rev()
                .take_while(|byte| *byte == b'\\')
                .count()
                % 2
                == 1
            {
                logical.pop();
                let Some((_, more)) = self.next_natural() else {
                    break;
                };
                logical.push_str(more.trim_start_matches([' ', '\t', '\u{C}']));
            }
            return Some((begin, logical));
        }
    }

    fn next_natural(&mut self) -> Option<(usize, &str)> {
        let begin = self.offset;
        let rest = self.text.get(begin..).filter(|rest| !rest.is_empty())?;
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let line = &rest[..length];
        self.offset = begin
            + length
            + if rest[length..].starts_with("\r\n") {
                2
            } else {
                1
            };
        Some((begin, line))
    }
}

/// One property as it is written.
struct Entry {
    name: String,
    /// What stands before the value: `array:long`, say.
    kind: Option<String>,
    text: String,
}

impl Entry {
    fn read(line: &str) -> Result<Self, String> {
        let mut escaped = false;
        let end = line.find(|character: char| {
            if escaped {
                escaped = false;
                return false;
            }
            escaped = character == '\\';
            matches!(character, '=' | ':' | ' ' | '\t' | '\u{C}')
        });
        let (name, rest) = line.split_at(end.unwrap_or(line.len()));
        let name = unescape(name)?;
        if name.is_empty() {
            return Err("a value has no name".to_owned());
        }
        let rest = rest.trim_start_matches([' ', '\t', '\u{C}']);
        let typed = rest.starts_with(':');
        let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
        let rest = unescape(rest.trim_start_matches([' ', '\t', '\u{C}']))?;
        let kind = rest.split_once('=').filter(|(kind, _)| {
            let is_word = |word: &str| {
                !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
            };
            typed && kind.trim().split(':').all(|word| is_word(word.trim()))
        });
        Ok(match kind {
            Some((kind, text)) => Self {
                name,
                kind: Some(kind.trim().to_owned()),
                text: text.to_owned(),
            },
            None => Self {
                name,
                kind: None,
                text: rest,
            },
        })
    }

    fn value(&self) -> Result<Value, String> {
        let Some(kind) = &self.kind else {
            return Ok(Value::from(self.text.as_str()));
        };
        let (first, second) = match kind.split_once(':') {
            Some((first, second)) => (first.trim(), Some(second.trim())),
            None => (kind.as_str(), None),
        };
        let elements = |kind: Option<&str>| {
            let kind = kind.unwrap_or("string");
            let texts = self.text.split(',').map(str::trim);
            texts
                .filter(|text| !text.is_empty())
                .map(|text| self.one(kind, None, text))
                .collect::<Result<Vec<_>, _>>()
        };
        if first.eq_ignore_ascii_case("array") || first.eq_ignore_ascii_case("list") {
            return elements(second).map(Value::List);
        }
        if first.eq_ignore_ascii_case("set") {
            return elements(second).map(unique).map(Value::Set);
        }
        self.one(first, second, &self.text)
    }

    /// One value of a type, with what may stand after the type.
    fn one(&self, kind: &str, more: Option<&str>, text: &str) -> Result<Value, String> {
        let name = excerpt(&self.name, QUOTED);
        if kind.eq_ignore_ascii_case("uuid") {
            return Ok(Value::from(Uuid::new_v4().to_string()));
        }
        let Some(known) = Kind::from_name(kind) else {
            let kind = excerpt(kind, QUOTED);
            return Err(format!("property {name} has the unknown type {kind}"));
        };
        if let Some(more) = more {
            return generate(known, more).ok_or_else(|| {
                let more = excerpt(more, QUOTED);
                format!("property {name}: a {} is not made by {more}", known.name())
            });
        }
        let shown = excerpt(text, QUOTED);
        let failed = || format!("property {name}: {shown:?} is no {}", known.name());
        known.parse(text.to_owned()).ok_or_else(failed)
    }
}

/// A number that is made anew each time. Those that are `unique` are so in this process.
fn generate(kind: Kind, how: &str) -> Option<Value> {
    static LONG: AtomicI64 = AtomicI64::new(0);
    static INT: AtomicI32 = AtomicI32::new(0);
    static SHORT: AtomicI16 = AtomicI16::new(0);
    static BYTE: AtomicI8 = AtomicI8::new(0);
    /// Java's clock has no fixed beginning either.
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let Kind::Scalar { scalar, .. } = kind else {
        return None;
    };
    if how.eq_ignore_ascii_case("unique") {
        return Some(match scalar {
            Scalar::Long => Value::Long(LONG.fetch_add(1, Ordering::Relaxed).wrapping_add(1)),
            Scalar::Int => Value::Int(INT.fetch_add(1, Ordering::Relaxed).wrapping_add(1)),
            Scalar::Short => Value::Short(SHORT.fetch_add(1, Ordering::Relaxed).wrapping_add(1)),
            Scalar::Byte => Value::Byte(BYTE.fetch_add(1, Ordering::Relaxed).wrapping_add(1)),
            _ => return None,
        });
    }
    if scalar != Scalar::Long {
        return None;
    }
    let time = if how.eq_ignore_ascii_case("nanoTime") {
        BEGIN.elapsed().as_nanos()
    } else if how.eq_ignore_ascii_case("milliTime") {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_millis()
    } else {
        return None;
    };
    Some(Value::Long(i64::try_from(time).unwrap_or(i64::MAX)))
}

/// Resolves the escapes of `.properties`.
fn unescape(text: &str) -> Result<String, String> {
    let mut units = Vec::new();
    let mut characters = text.chars();
    let mut buffer = [0; 2];
    while let Some(character) = characters.next() {
        let character = match character {
            '\\' => match characters.next() {
                None => break,
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{C}',
                Some('u') => {
                    let digits: String = characters.by_ref().take(4).collect();
                    let unit = u16::from_str_radix(&digits, 16)
                        .ok()
                        .filter(|_| digits.len() == 4 && !digits.starts_with('+'));
                    units.push(unit.ok_or_else(|| {
                        format!("\\u{} is no character", excerpt(&digits, QUOTED))
                    })?);
                    continue;
                }
                Some(other) => other,
            },
            other => other,
        };
        units.extend_from_slice(character.encode_utf16(&mut buffer));
    }
    String::from_utf16(&units).map_err(|_| "half of a surrogate pair is no character".to_owned())
}

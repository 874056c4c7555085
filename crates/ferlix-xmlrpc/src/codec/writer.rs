//! From values straight into text: strictly, in the forms that both iPOPO and ECF read.

use std::fmt::Write as _;

use ferlix_core::property::{DateTime, Value};

use super::characters::{escape, is_allowed};
use super::fault::DATA;
use super::{CodecError, Fault, Limits, scalar};

const PROLOG: &str = "<?xml version='1.0'?>\n";
/// Apache XML-RPC takes `nil` and `i8` in this namespace only; Python takes them with any prefix.
const EXTENSIONS: &str = " xmlns:ex=\"http://ws.apache.org/xmlrpc/namespaces/extensions\"";

/// Writes a call.
///
/// # Errors
/// [`CodecError::Character`], [`CodecError::TooDeep`] or [`CodecError::Unwritable`], with the argument that is at fault.
pub fn write_call(method: &str, arguments: &[Value]) -> Result<Vec<u8>, CodecError> {
    let mut writer = Writer::new("<methodCall");
    writer.raw("<methodName>");
    writer
        .text(method)
        .map_err(|error| error.inside("the name of the method"))?;
    writer.raw("</methodName><params>");
    for (index, argument) in arguments.iter().enumerate() {
        writer.raw("<param>");
        writer
            .value(argument, 1)
            .map_err(|error| error.inside(&format!("argument {}", index + 1)))?;
        writer.raw("</param>");
    }
    writer.raw("</params></methodCall>");
    Ok(writer.finish())
}

/// Writes the result of a call.
///
/// # Errors
/// [`CodecError::Character`], [`CodecError::TooDeep`] or [`CodecError::Unwritable`], with the part of the result that is at fault.
pub fn write_response(result: &Value) -> Result<Vec<u8>, CodecError> {
    let mut writer = Writer::new("<methodResponse");
    writer.raw("<params><param>");
    writer
        .value(result, 1)
        .map_err(|error| error.inside("the result"))?;
    writer.raw("</param></params></methodResponse>");
    Ok(writer.finish())
}

/// Writes a fault. It can always be written: a character that XML cannot hold becomes U+FFFD, and an error's data that cannot
/// be written is left out.
#[must_use]
pub fn write_fault(fault: &Fault) -> Vec<u8> {
    let mut writer = Writer::new("<methodResponse");
    writer.raw("<fault><value><struct><member><name>faultCode</name><value><int>");
    writer.format(format_args!("{}", fault.code));
    writer.raw("</int></value></member><member><name>faultString</name><value><string>");
    let text = fault
        .text
        .replace(|character| !is_allowed(character), "\u{FFFD}");
    let escaped = escape(&text, &mut writer.out);
    debug_assert_eq!(escaped, Ok(()), "what XML cannot hold was replaced");
    writer.raw("</string></value></member>");
    if let Some(data) = &fault.data {
        let before = writer.out.len();
        writer.raw("<member><name>");
        writer.raw(DATA);
        writer.raw("</name>");
        match writer.value(data, 2) {
            Ok(()) => writer.raw("</member>"),
            Err(error) => {
                tracing::debug!("an error goes out without what it holds: {error}");
                writer.out.truncate(before);
            }
        }
    }
    writer.raw("</struct></value></fault></methodResponse>");
    writer.finish()
}

#[derive(Debug)]
struct Writer {
    out: String,
    /// Where the name of the root ends: a namespace goes in there when it was needed.
    root_end: usize,
    extensions: bool,
    depth: u8,
}

impl Writer {
    /// Begins a document: `root` is the start tag without its `>`.
    fn new(root: &str) -> Self {
        let mut out = String::with_capacity(512);
        out.push_str(PROLOG);
        out.push_str(root);
        let root_end = out.len();
        out.push('>');
        Self {
            out,
            root_end,
            extensions: false,
            depth: Limits::default().depth,
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.extensions {
            self.out.insert_str(self.root_end, EXTENSIONS);
        }
        self.out.into_bytes()
    }

    fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    fn format(&mut self, arguments: std::fmt::Arguments<'_>) {
        let written = self.out.write_fmt(arguments);
        debug_assert_eq!(written, Ok(()), "a string takes every text");
    }

    fn text(&mut self, text: &str) -> Result<(), CodecError> {
        escape(text, &mut self.out).map_err(|(index, character)| CodecError::Character {
            character,
            index,
            place: String::new(),
        })
    }

    fn value(&mut self, value: &Value, depth: u8) -> Result<(), CodecError> {
        if depth > self.depth {
            return Err(CodecError::TooDeep {
                maximum: self.depth,
                place: String::new(),
            });
        }
        match value {
            Value::Null => {
                self.extensions = true;
                self.raw("<value><ex:nil/></value>");
            }
            Value::Bool(value) => {
                let digit = if *value { "1" } else { "0" };
                self.raw("<value><boolean>");
                self.raw(digit);
                self.raw("</boolean></value>");
            }
            Value::Byte(number) => self.int(i32::from(*number)),
            Value::Short(number) => self.int(i32::from(*number)),
            Value::Int(number) => self.int(*number),
            Value::Long(number) => {
                self.extensions = true;
                self.raw("<value><ex:i8>");
                self.format(format_args!("{number}"));
                self.raw("</ex:i8></value>");
            }
            Value::Float(number) => self.double(f64::from(*number)),
            Value::Double(number) => self.double(*number),
            Value::Char(character) => self.string(character.encode_utf8(&mut [0; 4]))?,
            Value::String(text) => self.string(text)?,
            Value::Bytes(bytes) => {
                self.raw("<value><base64>");
                scalar::encode(bytes, &mut self.out);
                self.raw("</base64></value>");
            }
            Value::DateTime(moment) => self.date_time(*moment)?,
            Value::List(values) | Value::Set(values) => {
                self.raw("<value><array><data>");
                for (index, value) in values.iter().enumerate() {
                    self.value(value, depth + 1)
                        .map_err(|error| error.inside(&format!("[{index}]")))?;
                }
                self.raw("</data></array></value>");
            }
            Value::Map(members) => {
                self.raw("<value><struct>");
                for (name, value) in members {
                    self.raw("<member><name>");
                    self.text(name)
                        .map_err(|error| error.inside(&format!(", the name {name:?}")))?;
                    self.raw("</name>");
                    self.value(value, depth + 1)
                        .map_err(|error| error.inside(&format!(".{name}")))?;
                    self.raw("</member>");
                }
                self.raw("</struct></value>");
            }
            other => {
                return Err(CodecError::Unwritable {
                    reason: format!("XML-RPC has no {}", other.type_name()),
                    place: String::new(),
                });
            }
        }
        Ok(())
    }

    fn int(&mut self, number: i32) {
        self.raw("<value><int>");
        self.format(format_args!("{number}"));
        self.raw("</int></value>");
    }

    /// The shortest text that reads as the same number, with an exponent where it is long: Java and Python read one.
    fn double(&mut self, number: f64) {
        self.raw("<value><double>");
        if number.is_nan() {
            self.raw("NaN");
        } else if number.is_infinite() {
            let name = if number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            self.raw(name);
        } else {
            self.format(format_args!("{number:?}"));
        }
        self.raw("</double></value>");
    }

    fn string(&mut self, text: &str) -> Result<(), CodecError> {
        self.raw("<value><string>");
        self.text(text)?;
        self.raw("</string></value>");
        Ok(())
    }

    /// Whole seconds, as XML-RPC has them.
    fn date_time(&mut self, moment: DateTime) -> Result<(), CodecError> {
        let (year, month, day) = moment.to_calendar_date();
        if !(0..=9999).contains(&year) {
            return Err(CodecError::Unwritable {
                reason: format!("the year {year} is not between 0 and 9999"),
                place: String::new(),
            });
        }
        let (hour, minute, second) = moment.as_hms();
        let month = u8::from(month);
        self.raw("<value><dateTime.iso8601>");
        self.format(format_args!(
            "{year:04}{month:02}{day:02}T{hour:02}:{minute:02}:{second:02}"
        ));
        self.raw("</dateTime.iso8601></value>");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn written(value: &Value) -> String {
        String::from_utf8(write_response(value).unwrap()).unwrap()
    }

    fn result(inner: &str) -> String {
        format!(
            "<?xml version='1.0'?>\n<methodResponse><params><param><value>{inner}</value></param></params></methodResponse>"
        )
    }

    #[test]
    fn each_type_has_its_form() {
        let moment = DateTime::new(
            time::Date::from_calendar_date(2026, time::Month::January, 2).unwrap(),
            time::Time::from_hms(3, 4, 5).unwrap(),
        );
        for (value, form) in [
            (Value::Bool(true), "<boolean>1</boolean>"),
            (Value::Byte(-1), "<int>-1</int>"),
            (Value::Short(300), "<int>300</int>"),
            (Value::Int(i32::MIN), "<int>-2147483648</int>"),
            (Value::Double(3.5), "<double>3.5</double>"),
            (Value::Double(1e300), "<double>1e300</double>"),
            (Value::Double(1.0), "<double>1.0</double>"),
            (
                Value::Double(f64::NEG_INFINITY),
                "<double>-Infinity</double>",
            ),
            (Value::Float(2.5), "<double>2.5</double>"),
            (Value::Char('&'), "<string>&amp;</string>"),
            (Value::String(String::new()), "<string></string>"),
            (Value::Bytes(vec![0, 1]), "<base64>AAE=</base64>"),
            (
                Value::DateTime(moment),
                "<dateTime.iso8601>20260102T03:04:05</dateTime.iso8601>",
            ),
            (
                Value::Set(vec![Value::Int(1)]),
                "<array><data><value><int>1</int></value></data></array>",
            ),
            (
                Value::Map(BTreeMap::from([("k".to_owned(), Value::Bool(false))])),
                "<struct><member><name>k</name><value><boolean>0</boolean></value></member></struct>",
            ),
        ] {
            assert_eq!(written(&value), result(form));
        }
    }

    #[test]
    fn the_namespace_stands_on_the_root_when_it_is_used() {
        let declared = "<methodResponse xmlns:ex=\"http://ws.apache.org/xmlrpc/namespaces/extensions\"><params>";
        let long = written(&Value::Long(5));
        assert!(long.contains(declared) && long.contains("<value><ex:i8>5</ex:i8></value>"));
        let null = written(&Value::List(vec![Value::Null]));
        assert!(null.contains(declared) && null.contains("<data><value><ex:nil/></value></data>"));
    }

    #[test]
    fn what_cannot_be_written_is_named_with_its_place() {
        let inner = Value::Map(BTreeMap::from([("b".to_owned(), Value::from("xy\u{1}"))]));
        let error =
            write_call("1.m", &[Value::Null, Value::List(vec![Value::Null, inner])]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "argument 2[1].b: XML cannot hold the character U+0001 at byte 2 of the text"
        );
        let error = write_call("m\0", &[]).unwrap_err();
        assert!(matches!(
            error,
            CodecError::Character {
                character: '\0',
                index: 1,
                ..
            }
        ));
        let mut deep = Value::Null;
        for _ in 0..64 {
            deep = Value::List(vec![deep]);
        }
        assert!(matches!(
            write_response(&deep),
            Err(CodecError::TooDeep { maximum: 64, .. })
        ));
        let ancient = time::Date::MIN.midnight();
        let error = write_response(&Value::DateTime(ancient)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the result: the year -9999 is not between 0 and 9999"
        );
    }

    #[test]
    fn a_fault_can_always_be_written() {
        let fault = Fault {
            code: 1,
            text: "a\0<b>\u{FFFF}".to_owned(),
            data: Some(Value::List(vec![Value::from("x"), Value::from("\u{1}")])),
        };
        let text = String::from_utf8(write_fault(&fault)).unwrap();
        assert!(
            text.contains("<string>a\u{FFFD}&lt;b&gt;\u{FFFD}</string></value></member></struct>")
        );
    }
}

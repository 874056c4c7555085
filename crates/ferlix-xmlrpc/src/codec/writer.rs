//! From events straight into text: strictly, in the forms that both iPOPO and ECF read.

use std::fmt::Write as _;

use ferlix_core::property::{DateTime, Encoder, Event, IntoValue as _, Value, ValueError};

use super::characters::{escape, is_allowed, unescape};
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
    let mut writer = Writer::call(method)?;
    // What is wrong with one is kept by the writer.
    let _ = arguments
        .iter()
        .try_for_each(|argument| argument.encode(&mut writer));
    writer.finish()
}

/// Writes the result of a call.
///
/// # Errors
/// [`CodecError::Character`], [`CodecError::TooDeep`] or [`CodecError::Unwritable`], with the part of the result that is at fault.
pub fn write_response(result: &Value) -> Result<Vec<u8>, CodecError> {
    let mut writer = Writer::response();
    // What is wrong with it is kept by the writer.
    let _ = result.encode(&mut writer);
    writer.finish()
}

/// Writes a fault. It can always be written: a character that XML cannot hold becomes U+FFFD, and an error's data that cannot
/// be written is left out.
#[must_use]
pub fn write_fault(fault: &Fault) -> Vec<u8> {
    let mut writer = Writer::new(Kind::Fault);
    writer.begin("<methodResponse");
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
        match data.encode(&mut writer) {
            Ok(()) => writer.raw("</member>"),
            Err(error) => {
                tracing::debug!("an error goes out without what it holds: {error}");
                writer.out.truncate(before);
            }
        }
    }
    writer.raw("</struct></value></fault></methodResponse>");
    writer.close()
}

/// Writes a call or a response whose values write themselves.
///
/// ```
/// use ferlix_core::property::IntoValue as _;
/// use ferlix_xmlrpc::codec::{Writer, write_call};
///
/// let mut writer = Writer::call("3.sayHello")?;
/// "you".encode(&mut writer).unwrap();
/// 5_i64.encode(&mut writer).unwrap();
/// assert_eq!(writer.finish()?, write_call("3.sayHello", &["you".into(), 5_i64.into()])?);
/// # Ok::<(), ferlix_xmlrpc::codec::CodecError>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    out: String,
    /// Where the name of the root ends: a namespace goes in there when it was needed.
    root_end: usize,
    extensions: bool,
    kind: Kind,
    /// How many values are written whole, outside of lists and maps.
    written: usize,
    open: Vec<Open>,
    /// What cannot be written.
    failed: Option<CodecError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Call,
    Response,
    Fault,
}

/// A list or a map that is being written.
#[derive(Debug)]
enum Open {
    /// How many elements it has.
    Array(usize),
    /// Where in the text the name of the member stands whose value is due.
    Struct(Option<(usize, usize)>),
}

impl Writer {
    /// Begins a call: each value that follows is an argument.
    ///
    /// # Errors
    /// [`CodecError::Character`] in the name of the method.
    pub fn call(method: &str) -> Result<Self, CodecError> {
        let mut writer = Self::new(Kind::Call);
        writer.begin("<methodCall");
        writer.raw("<methodName>");
        writer
            .text(method)
            .map_err(|error| error.inside("the name of the method"))?;
        writer.raw("</methodName><params>");
        Ok(writer)
    }

    /// Begins a response, of which the one value that follows is the result; without any it is `Null`. It takes no memory
    /// before.
    #[must_use]
    pub const fn response() -> Self {
        Self::new(Kind::Response)
    }

    const fn new(kind: Kind) -> Self {
        Self {
            out: String::new(),
            root_end: 0,
            extensions: false,
            kind,
            written: 0,
            open: Vec::new(),
            failed: None,
        }
    }

    /// Ends the document and takes it; the writer is of no more use then.
    ///
    /// # Errors
    /// [`CodecError::Character`], [`CodecError::TooDeep`] or [`CodecError::Unwritable`], with the value that is at fault.
    pub fn finish(&mut self) -> Result<Vec<u8>, CodecError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if !self.open.is_empty() {
            return Err(self.misplaced("the end of the document"));
        }
        if self.kind == Kind::Response && self.written == 0 {
            self.write(Event::Null)?;
        }
        self.raw(match self.kind {
            Kind::Call => "</params></methodCall>",
            Kind::Response | Kind::Fault => "</params></methodResponse>",
        });
        Ok(self.close())
    }

    /// What could not be written, if that is why its type gave up.
    #[must_use]
    pub fn take_error(&mut self) -> Option<CodecError> {
        self.failed.take()
    }

    /// Begins the document: `root` is the start tag without its `>`.
    fn begin(&mut self, root: &str) {
        self.out.reserve(512);
        self.raw(PROLOG);
        self.raw(root);
        self.root_end = self.out.len();
        self.raw(">");
    }

    fn close(&mut self) -> Vec<u8> {
        if self.extensions {
            self.out.insert_str(self.root_end, EXTENSIONS);
        }
        std::mem::take(&mut self.out).into_bytes()
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

    fn write(&mut self, event: Event<'_>) -> Result<(), CodecError> {
        if matches!(event, Event::End) {
            self.end()?;
        } else {
            self.value_begins()?;
            let begins = event.begins();
            self.value(event)
                .map_err(|error| error.inside(&self.place()))?;
            if begins {
                return Ok(());
            }
        }
        self.value_ends();
        Ok(())
    }

    /// Before a value: what it stands in.
    fn value_begins(&mut self) -> Result<(), CodecError> {
        match (self.open.last(), self.kind) {
            (Some(Open::Struct(None)), _) => return Err(self.misplaced("a value without a name")),
            (Some(_), _) | (None, Kind::Fault) => {}
            (None, Kind::Call) => self.raw("<param>"),
            (None, Kind::Response) if self.written == 0 => {
                self.begin("<methodResponse");
                self.raw("<params><param>");
            }
            (None, Kind::Response) => return Err(self.misplaced("a second result")),
        }
        let maximum = Limits::default().depth;
        // The data of a fault lies in a struct of its own.
        let outside = if self.kind == Kind::Fault { 2 } else { 1 };
        if self.open.len() + outside > usize::from(maximum) {
            let place = self.place();
            return Err(CodecError::TooDeep { maximum, place });
        }
        Ok(())
    }

    /// Behind a value: the end of what it stands in, if that holds it alone.
    fn value_ends(&mut self) {
        match self.open.last_mut() {
            Some(Open::Array(elements)) => *elements += 1,
            Some(Open::Struct(name)) => {
                *name = None;
                self.raw("</member>");
            }
            None => {
                self.written += 1;
                if self.kind != Kind::Fault {
                    self.raw("</param>");
                }
            }
        }
    }

    fn value(&mut self, event: Event<'_>) -> Result<(), CodecError> {
        match event {
            Event::Null => {
                self.extensions = true;
                self.raw("<value><ex:nil/></value>");
            }
            Event::Bool(true) => self.raw("<value><boolean>1</boolean></value>"),
            Event::Bool(false) => self.raw("<value><boolean>0</boolean></value>"),
            Event::Byte(number) => self.int(i32::from(number)),
            Event::Short(number) => self.int(i32::from(number)),
            Event::Int(number) => self.int(number),
            Event::Long(number) => {
                self.extensions = true;
                self.raw("<value><ex:i8>");
                self.format(format_args!("{number}"));
                self.raw("</ex:i8></value>");
            }
            Event::Float(number) => self.double(f64::from(number)),
            Event::Double(number) => self.double(number),
            Event::Char(character) => self.string(character.encode_utf8(&mut [0; 4]))?,
            Event::String(text) => self.string(&text)?,
            Event::Bytes(bytes) => {
                self.raw("<value><base64>");
                scalar::encode(&bytes, &mut self.out);
                self.raw("</base64></value>");
            }
            Event::DateTime(moment) => self.date_time(moment)?,
            Event::List | Event::Set => {
                self.raw("<value><array><data>");
                self.open.push(Open::Array(0));
            }
            Event::Map => {
                self.raw("<value><struct>");
                self.open.push(Open::Struct(None));
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

    /// The end of a list or a map.
    fn end(&mut self) -> Result<(), CodecError> {
        match self.open.last() {
            Some(Open::Array(_)) => self.raw("</data></array></value>"),
            Some(Open::Struct(None)) => self.raw("</struct></value>"),
            Some(Open::Struct(Some(_))) => return Err(self.misplaced("a name without a value")),
            None => return Err(self.misplaced("the end of nothing")),
        }
        self.open.pop();
        Ok(())
    }

    fn name(&mut self, name: &str) -> Result<(), CodecError> {
        if !matches!(self.open.last(), Some(Open::Struct(None))) {
            return Err(self.misplaced("a name"));
        }
        self.raw("<member><name>");
        let begin = self.out.len();
        self.text(name).map_err(|error| {
            error
                .inside(&format!(", the name {name:?}"))
                .inside(&self.place())
        })?;
        let end = self.out.len();
        self.raw("</name>");
        if let Some(Open::Struct(open)) = self.open.last_mut() {
            *open = Some((begin, end));
        }
        Ok(())
    }

    /// Where the value is that is being written, e.g. `argument 1[3].name`.
    #[cold]
    fn place(&self) -> String {
        let mut place = match self.kind {
            Kind::Call => format!("argument {}", self.written + 1),
            Kind::Response => "the result".to_owned(),
            Kind::Fault => "the error".to_owned(),
        };
        for open in &self.open {
            match open {
                Open::Array(index) => place.push_str(&format!("[{index}]")),
                Open::Struct(Some((begin, end))) => {
                    place.push('.');
                    place.push_str(&unescape(&self.out[*begin..*end]));
                }
                Open::Struct(None) => {}
            }
        }
        place
    }

    /// A conversion by hand has lost its way.
    #[cold]
    fn misplaced(&self, what: &str) -> CodecError {
        CodecError::Unwritable {
            reason: format!("{what} does not belong here"),
            place: self.place(),
        }
    }

    /// Keeps an error for the end; the type that writes itself is told that there is one.
    #[cold]
    fn keep(&mut self, error: CodecError) -> ValueError {
        let reason = error.to_string();
        self.failed.get_or_insert(error);
        ValueError::Invalid { reason }
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

/// The values of a call or a response, as they come.
impl Encoder for Writer {
    fn event(&mut self, event: Event<'_>) -> Result<(), ValueError> {
        self.write(event).map_err(|error| self.keep(error))
    }

    fn key(&mut self, name: &str) -> Result<(), ValueError> {
        self.name(name).map_err(|error| self.keep(error))
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

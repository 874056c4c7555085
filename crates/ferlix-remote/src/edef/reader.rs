//! Reads EDEF. The input is not trusted: it is limited in size, depth and number of values, and may declare no document type.

use ferlix_core::property::{Properties, Value};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;
use quick_xml::writer::Writer;

use super::NAMESPACE;
use super::kind::Kind;
use crate::Error;
use crate::endpoint::excerpt::{QUOTED, excerpt};
use crate::endpoint::scalar::{self, Scalar};
use crate::endpoint::{EndpointDescription, MAX_PROPERTIES, names};

/// How many bytes a document may have.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How deep its elements may be nested (`xml` values included).
pub const MAX_DEPTH: usize = 64;
/// How many properties and values it may have in all.
pub const MAX_VALUES: usize = 65_536;

/// Reads a document and returns its descriptions, in order.
///
/// # Errors
/// [`Error::TooLarge`] beyond a limit, [`MAX_PROPERTIES`] of a description among them (`service.imported` does not count);
/// [`Error::Edef`] for what is not EDEF: broken XML, a character that XML 1.0 forbids, a document type declaration, an unknown
/// element or value type, a text that its type cannot hold, a value given twice or not at all; and as for
/// [`EndpointDescription::new`].
pub fn read(text: &str) -> Result<Vec<EndpointDescription>, Error> {
    if text.len() > MAX_BYTES {
        return Err(too_large("the size in bytes", MAX_BYTES));
    }
    let bad = text
        .char_indices()
        .find(|(_, character)| !is_allowed(*character));
    if let Some((offset, character)) = bad {
        return Err(Error::Edef {
            offset: u64::try_from(offset).ok(),
            reason: forbidden(character),
        });
    }
    let mut xml = NsReader::from_str(text);
    xml.config_mut().expand_empty_elements = true;
    xml.config_mut().check_end_names = true;
    Reader {
        xml,
        values: 0,
        depth: 0,
    }
    .document()
}

/// What the reader distinguishes.
enum Node<'a> {
    /// An element of EDEF, by its local name.
    Element(BytesStart<'a>),
    /// An element of another name space.
    Foreign(BytesStart<'a>),
    End,
    Text(String),
    Eof,
}

struct Reader<'a> {
    xml: NsReader<&'a [u8]>,
    values: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn document(mut self) -> Result<Vec<EndpointDescription>, Error> {
        let mut descriptions = None;
        loop {
            match self.node()? {
                Node::Element(start)
                    if start.local_name().as_ref() == "endpoint-descriptions"
                        && descriptions.is_none() =>
                {
                    descriptions = Some(self.descriptions()?);
                }
                Node::Element(start) | Node::Foreign(start) => {
                    let name = start.name();
                    let name = excerpt(name.as_ref(), QUOTED);
                    return Err(self.error(format!("unexpected element {name}")));
                }
                Node::Text(text) if text.trim().is_empty() => {}
                Node::Text(_) => return Err(self.error("text outside of the root element")),
                Node::End => return Err(self.error("an element ends that did not begin")),
                Node::Eof => {
                    return descriptions
                        .ok_or_else(|| self.error("there is no endpoint-descriptions element"));
                }
            }
        }
    }

    fn descriptions(&mut self) -> Result<Vec<EndpointDescription>, Error> {
        let mut descriptions = Vec::new();
        while let Some(start) = self.child("endpoint-descriptions")? {
            self.expect(&start, "endpoint-description")?;
            let mut properties = Properties::new();
            let mut count = 0;
            while let Some(start) = self.child("endpoint-description")? {
                self.expect(&start, "property")?;
                let (name, value) = self.property(&start)?;
                // It is added where it is absent, so what was just small enough would not be when it is written.
                if !name.eq_ignore_ascii_case(names::SERVICE_IMPORTED) {
                    count += 1;
                }
                if count > MAX_PROPERTIES {
                    return Err(too_large(
                        "the number of endpoint properties",
                        MAX_PROPERTIES,
                    ));
                }
                if properties.contains(&name) {
                    let name = excerpt(&name, QUOTED);
                    return Err(self.error(format!("property {name} is given twice")));
                }
                properties.insert(name, value);
            }
            descriptions.push(EndpointDescription::new(properties)?);
        }
        Ok(descriptions)
    }

    fn property(&mut self, start: &BytesStart<'_>) -> Result<(String, Value), Error> {
        self.count()?;
        let Some(name) = self.attribute(start, "name")? else {
            return Err(self.error("a property has no name"));
        };
        let shown = excerpt(&name, QUOTED).into_owned();
        let kind = match self.attribute(start, "value-type")? {
            None => Kind::String,
            Some(kind) => Kind::from_name(kind.trim()).ok_or_else(|| {
                let kind = excerpt(&kind, QUOTED);
                self.error(format!(
                    "property {shown} has the unknown value type {kind}"
                ))
            })?,
        };
        let mut value = match self.attribute(start, "value")? {
            Some(text) => Some(self.convert(&shown, kind, text)?),
            None => None,
        };
        // Aries takes the text of the element where the attribute is absent.
        let mut content = String::new();
        loop {
            match self.node()? {
                Node::Element(start) => {
                    if value.is_some() {
                        return Err(self.error(format!("property {shown} has more than one value")));
                    }
                    value = Some(self.value_element(&shown, kind, &start)?);
                }
                Node::Foreign(_) => self.skip()?,
                Node::Text(text) => content.push_str(&text),
                Node::End => break,
                Node::Eof => return Err(self.error("the document ends inside a property")),
            }
        }
        if value.is_none() && !content.trim().is_empty() {
            value = Some(self.convert(&shown, kind, content)?);
        }
        let value = value.ok_or_else(|| self.error(format!("property {shown} has no value")))?;
        Ok((name, value))
    }

    /// An `array`, `list`, `set` or `xml` element; `name` is the one for messages.
    fn value_element(
        &mut self,
        name: &str,
        kind: Kind,
        start: &BytesStart<'_>,
    ) -> Result<Value, Error> {
        let tag = start.local_name().as_ref().to_owned();
        match (tag.as_str(), kind) {
            ("array", Kind::BYTES) => {
                let values = self.values(&tag, name, kind)?;
                let byte = |value: &Value| scalar::read(value, Scalar::Byte);
                let bytes = values
                    .iter()
                    .filter_map(byte)
                    .filter_map(|value| match value {
                        Value::Byte(byte) => Some(byte.to_ne_bytes()[0]),
                        _ => None,
                    });
                Ok(Value::Bytes(bytes.collect()))
            }
            ("array" | "list", _) => self.values(&tag, name, kind).map(Value::List),
            ("set", _) => self.values(&tag, name, kind).map(Value::Set),
            ("xml", Kind::String) => self.xml(name),
            ("xml", _) => Err(self.error(format!("property {name} is XML but not of type String"))),
            _ => {
                let tag = excerpt(&tag, QUOTED);
                Err(self.error(format!("property {name} has the unknown element {tag}")))
            }
        }
    }

    fn values(&mut self, tag: &str, name: &str, kind: Kind) -> Result<Vec<Value>, Error> {
        let mut values = Vec::new();
        while let Some(start) = self.child(tag)? {
            self.expect(&start, "value")?;
            self.count()?;
            let mut text = String::new();
            loop {
                match self.node()? {
                    Node::Text(more) => text.push_str(&more),
                    Node::End => break,
                    Node::Foreign(_) => self.skip()?,
                    Node::Element(_) => return Err(self.error("a value holds an element")),
                    Node::Eof => return Err(self.error("the document ends inside a value")),
                }
            }
            values.push(self.convert(name, kind, text)?);
        }
        Ok(values)
    }

    /// The text of the one element inside `xml`, without processing instructions and comments.
    fn xml(&mut self, name: &str) -> Result<Value, Error> {
        let mut text = None;
        loop {
            match self.node()? {
                Node::Foreign(start) | Node::Element(start) if text.is_none() => {
                    text = Some(self.raw(&start)?);
                }
                Node::Foreign(_) | Node::Element(_) => {
                    return Err(
                        self.error(format!("property {name} has more than one root in its XML"))
                    );
                }
                Node::Text(text) if text.trim().is_empty() => {}
                Node::Text(_) => {
                    return Err(self.error(format!("property {name} has text beside its XML")));
                }
                Node::End => break,
                Node::Eof => return Err(self.error("the document ends inside an xml element")),
            }
        }
        text.map(Value::String)
            .ok_or_else(|| self.error(format!("property {name} has no root in its XML")))
    }

    /// One element as it was written.
    fn raw(&mut self, start: &BytesStart<'_>) -> Result<String, Error> {
        let mut writer = Writer::new(Vec::new());
        let failed = |this: &Self, error: std::io::Error| this.broken(&error);
        writer
            .write_event(Event::Start(start.borrow()))
            .map_err(|error| failed(self, error))?;
        let inside = self.depth;
        while self.depth >= inside {
            let event = self.event()?.1;
            match event {
                Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => return Err(self.error("the document ends inside an xml element")),
                other => writer
                    .write_event(other)
                    .map_err(|error| failed(self, error))?,
            }
        }
        String::from_utf8(writer.into_inner()).map_err(|error| self.broken(&error))
    }

    /// The next child element of EDEF; `None` at the end of the parent.
    fn child(&mut self, parent: &str) -> Result<Option<BytesStart<'a>>, Error> {
        loop {
            match self.node()? {
                Node::Element(start) => return Ok(Some(start)),
                Node::Foreign(_) => self.skip()?,
                // The schema declares the content as mixed: text between the elements means nothing.
                Node::Text(_) => {}
                Node::End => return Ok(None),
                Node::Eof => return Err(self.error(format!("the document ends inside {parent}"))),
            }
        }
    }

    /// Passes over the rest of an element that has begun.
    fn skip(&mut self) -> Result<(), Error> {
        let inside = self.depth;
        while self.depth >= inside {
            if matches!(self.event()?.1, Event::Eof) {
                return Err(self.error("the document ends inside an element"));
            }
        }
        Ok(())
    }

    fn node(&mut self) -> Result<Node<'a>, Error> {
        loop {
            let (ours, event) = self.event()?;
            return Ok(match event {
                Event::Start(start) if ours => Node::Element(start),
                Event::Start(start) => Node::Foreign(start),
                Event::End(_) => Node::End,
                Event::Text(text) => Node::Text(text.xml10_content().into_owned()),
                Event::CData(text) => Node::Text(text.xml10_content().into_owned()),
                Event::GeneralRef(reference) => Node::Text(self.resolve(&reference)?),
                Event::Eof => Node::Eof,
                Event::Empty(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_) => continue,
            });
        }
    }

    /// The next event, and whether its element is one of EDEF; the depth is counted and document types are refused.
    fn event(&mut self) -> Result<(bool, Event<'a>), Error> {
        let (ours, event) = match self.xml.read_resolved_event() {
            Ok((ResolveResult::Bound(Namespace(namespace)), event)) => {
                (namespace == NAMESPACE, event)
            }
            Ok((ResolveResult::Unbound, event)) => (true, event),
            Ok((ResolveResult::Unknown(_), event)) => (false, event),
            Err(error) => return Err(self.broken(&error)),
        };
        match &event {
            Event::Start(_) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(too_large("the depth of the elements", MAX_DEPTH));
                }
            }
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::GeneralRef(reference) => {
                if let Ok(Some(character)) = reference.resolve_char_ref() {
                    self.allow(character)?;
                }
            }
            Event::DocType(_) => {
                return Err(self.error("a document type declaration is not allowed"));
            }
            _ => {}
        }
        Ok((ours, event))
    }

    /// The text of a character reference or of one of XML's own entities.
    fn resolve(&self, reference: &quick_xml::events::BytesRef<'_>) -> Result<String, Error> {
        match reference.resolve_char_ref() {
            Ok(Some(character)) => Ok(character.to_string()),
            Ok(None) => {
                let name = reference.xml10_content();
                quick_xml::escape::resolve_xml_entity(&name)
                    .map(str::to_owned)
                    .ok_or_else(|| {
                        let name = excerpt(&name, QUOTED);
                        self.error(format!("unknown entity {name}"))
                    })
            }
            Err(error) => Err(self.broken(&error)),
        }
    }

    fn attribute(&self, start: &BytesStart<'_>, name: &str) -> Result<Option<String>, Error> {
        let attribute = start
            .try_get_attribute(name)
            .map_err(|error| self.broken(&error))?;
        let Some(attribute) = attribute else {
            return Ok(None);
        };
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| self.broken(&error))?;
        value
            .chars()
            .try_for_each(|character| self.allow(character))?;
        Ok(Some(value.into_owned()))
    }

    /// Refuses what XML cannot hold, not even as a reference: the parser lets it pass.
    fn allow(&self, character: char) -> Result<(), Error> {
        if is_allowed(character) {
            return Ok(());
        }
        Err(self.error(forbidden(character)))
    }

    fn expect(&self, start: &BytesStart<'_>, name: &str) -> Result<(), Error> {
        let found = start.local_name();
        if found.as_ref() == name {
            return Ok(());
        }
        let found = excerpt(found.as_ref(), QUOTED);
        Err(self.error(format!("expected element {name}, found {found}")))
    }

    fn convert(&self, name: &str, kind: Kind, text: String) -> Result<Value, Error> {
        let shown = excerpt(&text, QUOTED).into_owned();
        kind.parse(text)
            .ok_or_else(|| self.error(format!("property {name}: {shown:?} is no {}", kind.name())))
    }

    fn count(&mut self) -> Result<(), Error> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(too_large("the number of values", MAX_VALUES));
        }
        Ok(())
    }

    /// What the parser says, which may repeat names.
    fn broken(&self, error: &impl ToString) -> Error {
        const LONGEST: usize = 3 * QUOTED;
        self.error(excerpt(&error.to_string(), LONGEST))
    }

    fn error(&self, reason: impl Into<String>) -> Error {
        Error::Edef {
            offset: Some(self.xml.buffer_position()),
            reason: reason.into(),
        }
    }
}

/// Whether XML 1.0 can hold the character (production `Char`).
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

fn forbidden(character: char) -> String {
    format!(
        "the character U+{:04X} is not allowed in XML",
        u32::from(character)
    )
}

pub(super) fn too_large(what: &'static str, limit: usize) -> Error {
    Error::TooLarge { what, limit }
}

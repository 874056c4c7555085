//! The grammar of XML-RPC: from tokens straight into events.
//!
//! A type reads itself out of the events as they come; a document that is read as [`Value`] is read the same way. What is wrong
//! with the document is kept here, and told in place of what was made of it.

use std::borrow::Cow;

use ferlix_core::property::{Decoder, Event, FromValue as _, Value, ValueDecoder, ValueError};

use super::characters::{is_blank, trim};
use super::error::shortened;
use super::scalar::Scalar;
use super::scanner::{Tokens, text_of};
use super::token::{Tag, Token};
use super::{CodecError, Fault, Limit, Limits, MethodCall, Response};

/// Reads a method call.
///
/// # Errors
/// What is wrong with the document and where; the limit it exceeds.
pub fn read_call(document: &[u8], limits: &Limits) -> Result<MethodCall, CodecError> {
    decode_call(document, limits, |method, arguments| MethodCall {
        method: method.to_owned(),
        // It fails only when the document is wrong, which is told then.
        arguments: Vec::decode(Event::List, arguments).unwrap_or_default(),
    })
}

/// Reads a method call whose arguments are taken one by one: `read` is given the method, and its arguments as the elements of
/// a list that was begun. Those that it leaves are passed over, so that the document is checked to its end.
///
/// # Errors
/// What is wrong with the document and where; the limit it exceeds. What was read is lost then.
pub fn decode_call<T>(
    document: &[u8],
    limits: &Limits,
    read: impl FnOnce(&str, &mut dyn Decoder<'_>) -> T,
) -> Result<T, CodecError> {
    const EXPECTED: &str = "methodName, then params";
    let mut reader = Reader::new(text_of(document, limits)?, limits);
    reader.root("<methodCall>", Tag::MethodCall, "methodCall")?;
    if !reader
        .tokens
        .child_is("<methodName>", Tag::MethodName, "</methodCall>", EXPECTED)?
    {
        return Err(reader.missing("the name of a method"));
    }
    let method = reader.tokens.content("the name of a method")?;
    let method = trim(&method);
    reader.has_more = reader
        .tokens
        .child_is("<params>", Tag::Params, "</methodCall>", EXPECTED)?;
    let has_params = reader.has_more;
    if !has_params && method.is_empty() {
        return Err(reader.missing("the name of a method"));
    }
    let made = read(method, &mut reader);
    reader.rest()?;
    if has_params {
        reader.tokens.close("</methodCall>", EXPECTED)?;
    }
    if method.is_empty() {
        return Err(reader.missing("the name of a method"));
    }
    reader.end()?;
    Ok(made)
}

/// Reads a response: a result or a fault. One without any value reads as `Null`.
///
/// # Errors
/// What is wrong with the document and where; the limit it exceeds.
pub fn read_response(document: &[u8], limits: &Limits) -> Result<Response, CodecError> {
    let mut result = Value::Null;
    let fault = decode_response(document, limits, |event, decoder| {
        // It fails only when the document is wrong, which is told then.
        result = Value::decode(event, decoder).unwrap_or_default();
    })?;
    Ok(fault.map_or_else(|| Response::Value(result), Response::Fault))
}

/// Reads a response whose result is taken over by `read`, which is given what it begins with. What it leaves is passed over.
/// When the response is a fault, that is returned and `read` is not called.
///
/// # Errors
/// What is wrong with the document and where; the limit it exceeds. What was read means nothing then.
pub fn decode_response<'a>(
    document: &'a [u8],
    limits: &'a Limits,
    read: impl FnOnce(Event<'a>, &mut dyn Decoder<'a>),
) -> Result<Option<Fault>, CodecError> {
    const EXPECTED: &str = "params or fault, one of them";
    let mut reader = Reader::new(text_of(document, limits)?, limits);
    reader.root("<methodResponse>", Tag::MethodResponse, "methodResponse")?;
    let begun = if reader.tokens.begins("<params>") {
        Some(Tag::Params)
    } else {
        reader.tokens.child(EXPECTED)?
    };
    let fault = match begun {
        Some(Tag::Params) => {
            reader.has_more = true;
            match reader.step()? {
                Event::End => read(Event::Null, &mut reader),
                event => {
                    read(event, &mut reader);
                    reader.check()?;
                    reader.pass_over(0)?;
                    let further = reader.has_more && reader.step()? != Event::End;
                    reader.rest()?;
                    if further {
                        return Err(reader.missing("one result"));
                    }
                }
            }
            None
        }
        Some(Tag::Fault) => {
            let event = reader.begin_value()?;
            let value = Value::decode(event, &mut reader);
            reader.check()?;
            reader.tokens.close("</fault>", "one value")?;
            let fault = value.ok().and_then(Fault::from_value);
            Some(fault.ok_or_else(|| reader.missing("a struct of faultCode and faultString"))?)
        }
        Some(other) => return Err(reader.unexpected(other, EXPECTED)),
        None => return Err(reader.missing(EXPECTED)),
    };
    reader.tokens.close("</methodResponse>", EXPECTED)?;
    reader.end()?;
    Ok(fault)
}

#[derive(Debug)]
struct Reader<'a> {
    tokens: Tokens<'a>,
    limits: &'a Limits,
    /// The arrays and structs that are open.
    open: Vec<Open>,
    /// `params` is open: there may be more of them.
    has_more: bool,
    /// What is wrong with the document.
    broken: Option<CodecError>,
    /// The value of a member whose name stands behind it.
    early: Option<Box<ValueDecoder>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// An array without `data`.
    EmptyArray,
    /// The `data` of an array.
    Array,
    /// A struct, between its members.
    Struct,
    /// A struct, at the value of a member, which ends behind it.
    Member,
    /// A struct, at the value of a member, whose name follows.
    NamelessMember,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, limits: &'a Limits) -> Self {
        Self {
            tokens: Tokens::new(text, limits),
            limits,
            open: Vec::new(),
            has_more: false,
            broken: None,
            early: None,
        }
    }

    /// Up to and with the start tag of the root.
    fn root(
        &mut self,
        plain: &'static str,
        tag: Tag,
        expected: &'static str,
    ) -> Result<(), CodecError> {
        if self.tokens.declares() && self.tokens.begins(plain) {
            return Ok(());
        }
        loop {
            match self.tokens.next()? {
                Token::Start(found) if found == tag => return Ok(()),
                Token::Text(text) if self.is_between(&text) => {}
                other => return Err(self.tokens.unexpected(&other, expected)),
            }
        }
    }

    /// Nothing but white space and comments after the root.
    fn end(&mut self) -> Result<(), CodecError> {
        loop {
            match self.tokens.next()? {
                Token::Eof => return Ok(()),
                Token::Text(text) if self.is_between(&text) => {}
                other => {
                    let expected = "the end of the document";
                    return Err(self.tokens.unexpected(&other, expected));
                }
            }
        }
    }

    /// Whether this is white space as it may stand outside the root: literal, not by a reference or CDATA.
    fn is_between(&self, text: &str) -> bool {
        is_blank(text) && self.tokens.is_literal()
    }

    /// What was found wrong while a type read itself.
    fn check(&mut self) -> Result<(), CodecError> {
        self.broken.take().map_or(Ok(()), Err)
    }

    /// Passes over what was not read, up to and with the end tag of `params`.
    fn rest(&mut self) -> Result<(), CodecError> {
        self.check()?;
        self.pass_over(0)?;
        while self.has_more {
            self.step()?;
            self.pass_over(0)?;
        }
        Ok(())
    }

    /// The next value of what is open, or its end.
    fn step(&mut self) -> Result<Event<'a>, CodecError> {
        match self.open.last() {
            None if !self.has_more => Ok(Event::End),
            None => {
                // Most are texts, and those take one step.
                if self.limits.depth > 0
                    && let Some(text) = self.tokens.between(
                        "<param><value><string>",
                        3,
                        "</string></value></param>",
                    )
                {
                    return Ok(Event::String(Cow::Borrowed(text)));
                }
                if self
                    .tokens
                    .child_is("<param>", Tag::Param, "</params>", "param")?
                {
                    return self.begin_value();
                }
                self.has_more = false;
                Ok(Event::End)
            }
            Some(Open::Array) => {
                if self
                    .tokens
                    .child_is("<value>", Tag::Value, "</data>", "value")?
                {
                    return self.value();
                }
                self.tokens.close("</array>", "</array>")?;
                self.close_open()
            }
            Some(Open::EmptyArray) => self.close_open(),
            Some(Open::Struct | Open::Member | Open::NamelessMember) => self.value(),
        }
    }

    /// The value that has to come next.
    fn begin_value(&mut self) -> Result<Event<'a>, CodecError> {
        if self
            .tokens
            .child_is("<value>", Tag::Value, "</param>", "value")?
        {
            return self.value();
        }
        Err(self.missing("value"))
    }

    /// The end of the innermost array or struct, whose own end tag was read.
    fn close_open(&mut self) -> Result<Event<'a>, CodecError> {
        self.tokens.close("</value>", "</value>")?;
        self.open.pop();
        self.value_ended()?;
        Ok(Event::End)
    }

    /// The name of the next member, up to and with the start tag of its value.
    fn name(&mut self) -> Result<Option<Cow<'a, str>>, CodecError> {
        const EXPECTED: &str = "one name and one value";
        if !self
            .tokens
            .child_is("<member>", Tag::Member, "</struct>", "member")?
        {
            self.close_open()?;
            return Ok(None);
        }
        let first = if self.tokens.begins("<name>") {
            Some(Tag::Name)
        } else {
            self.tokens.child(EXPECTED)?
        };
        match first {
            Some(Tag::Name) => {
                let name = self.tokens.content("the name of a member")?;
                if !self
                    .tokens
                    .child_is("<value>", Tag::Value, "</member>", EXPECTED)?
                {
                    return Err(self.missing(EXPECTED));
                }
                self.set_open(Open::Member);
                Ok(Some(name))
            }
            Some(Tag::Value) => self.name_behind_value().map(Some),
            Some(other) => Err(self.unexpected(other, EXPECTED)),
            None => Err(self.missing(EXPECTED)),
        }
    }

    /// The name that stands behind its value, which is kept until it is asked for: nobody writes so, and it may be read.
    #[cold]
    fn name_behind_value(&mut self) -> Result<Cow<'a, str>, CodecError> {
        const EXPECTED: &str = "one name and one value";
        self.set_open(Open::NamelessMember);
        let event = self.value()?;
        let value = Value::decode(event, self);
        self.check()?;
        if !self
            .tokens
            .child_is("<name>", Tag::Name, "</member>", EXPECTED)?
        {
            return Err(self.missing(EXPECTED));
        }
        let name = self.tokens.content("the name of a member")?;
        self.set_open(Open::Member);
        self.value_ended()?;
        let value = vec![value.unwrap_or_default()];
        self.early = Some(Box::new(ValueDecoder::list(value)));
        Ok(name)
    }

    fn set_open(&mut self, state: Open) {
        if let Some(open) = self.open.last_mut() {
            *open = state;
        }
    }

    /// Behind a value: the end tag of what holds it alone.
    fn value_ended(&mut self) -> Result<(), CodecError> {
        match self.open.last() {
            Some(Open::Member) => {
                self.set_open(Open::Struct);
                self.tokens.close("</member>", "one name and one value")
            }
            None if self.has_more => self.tokens.close("</param>", "one value"),
            _ => Ok(()),
        }
    }

    /// What a `value` that was begun holds: a scalar, up to and with its end tag, or the begin of an array or struct.
    fn value(&mut self) -> Result<Event<'a>, CodecError> {
        if self.open.len() >= usize::from(self.limits.depth) {
            return Err(CodecError::Limit {
                limit: Limit::Depth,
                maximum: usize::from(self.limits.depth),
                offset: self.tokens.offset(),
            });
        }
        // A `p:value` is not ended by `</value>`.
        if self.tokens.is_in("value")
            && let Some(text) = self.tokens.between("<string>", 1, "</string></value>")
        {
            self.tokens.ended();
            self.value_ended()?;
            return Ok(Event::String(Cow::Borrowed(text)));
        }
        if let Some(tag) = self.tokens.type_begins() {
            return self.typed(tag);
        }
        let mut text = Cow::Borrowed("");
        let tag = loop {
            match self.tokens.next()? {
                Token::Start(tag) => break tag,
                Token::Text(part) => self.tokens.append(&mut text, part)?,
                Token::End => {
                    self.value_ended()?;
                    return Ok(Event::String(text));
                }
                Token::Eof => return Err(self.tokens.unexpected(&Token::Eof, "</value>")),
            }
        };
        if !is_blank(&text) {
            return Err(self.unexpected(tag, "a text alone, or one type alone"));
        }
        self.typed(tag)
    }

    /// What an element that was begun in a `value` holds.
    fn typed(&mut self, tag: Tag) -> Result<Event<'a>, CodecError> {
        match tag {
            Tag::Scalar(scalar) => {
                let event = self.scalar(scalar)?;
                self.tokens.close("</value>", "</value>")?;
                self.value_ended()?;
                Ok(event)
            }
            Tag::Array => {
                // No data is not in the letter of XML-RPC, but there is only one thing it can mean.
                let has_data = self
                    .tokens
                    .child_is("<data>", Tag::Data, "</array>", "data")?;
                self.open.push(if has_data {
                    Open::Array
                } else {
                    Open::EmptyArray
                });
                Ok(Event::List)
            }
            Tag::Struct => {
                self.open.push(Open::Struct);
                Ok(Event::Map)
            }
            other => Err(self.unexpected(other, "a type")),
        }
    }

    fn scalar(&mut self, scalar: Scalar) -> Result<Event<'a>, CodecError> {
        let text = self.tokens.content("a text")?;
        if scalar == Scalar::String {
            return Ok(Event::String(text));
        }
        scalar.parse(&text).ok_or_else(|| CodecError::Scalar {
            text: shortened(trim(&text)),
            kind: scalar.kind(),
            offset: self.tokens.offset(),
        })
    }

    /// Passes over what is left until only so many arrays and structs are open.
    fn pass_over(&mut self, depth: usize) -> Result<(), CodecError> {
        while self.open.len() > depth {
            if self.open.last() == Some(&Open::Struct) {
                self.name()?;
                // It was checked when it was read.
                self.early = None;
            } else {
                self.step()?;
            }
        }
        Ok(())
    }

    /// Takes a step for a type that reads itself, unless the document was found wrong before.
    fn guarded<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, CodecError>,
    ) -> Result<T, ValueError> {
        let unreadable = || ValueError::Invalid {
            reason: "the document cannot be read".to_owned(),
        };
        if self.broken.is_some() {
            return Err(unreadable());
        }
        step(self).map_err(|error| {
            self.broken = Some(error);
            unreadable()
        })
    }

    /// A step within the value that stood before its name.
    fn of_early<T>(
        &mut self,
        step: impl FnOnce(&mut ValueDecoder) -> Result<T, ValueError>,
    ) -> Result<T, ValueError> {
        let Some(early) = &mut self.early else {
            return Err(ValueError::misplaced("a value"));
        };
        let result = step(early);
        if early.depth() == 0 {
            self.early = None;
        }
        result
    }

    #[cold]
    fn unexpected(&self, tag: Tag, expected: &'static str) -> CodecError {
        self.tokens.unexpected(&Token::Start(tag), expected)
    }

    /// The element that was open ended, or held something else.
    #[cold]
    fn missing(&self, expected: &'static str) -> CodecError {
        self.tokens.unexpected(&Token::End, expected)
    }
}

/// The steps of a type that reads itself.
impl<'a> Decoder<'a> for Reader<'a> {
    fn event(&mut self) -> Result<Event<'a>, ValueError> {
        if self.early.is_some() {
            return self.of_early(ValueDecoder::event);
        }
        if self.open.last() == Some(&Open::Struct) {
            return Err(ValueError::misplaced("a value without a name"));
        }
        self.guarded(Self::step)
    }

    fn key(&mut self) -> Result<Option<Cow<'a, str>>, ValueError> {
        if self.early.as_ref().is_some_and(|early| early.depth() > 0) {
            return self.of_early(ValueDecoder::key);
        }
        // A value that was not read, whose name was.
        self.early = None;
        match self.open.last() {
            Some(Open::Member) => {
                let depth = self.open.len();
                self.guarded(|reader| {
                    reader.value()?;
                    reader.pass_over(depth)
                })?;
            }
            Some(Open::Struct) => {}
            _ => return Err(ValueError::misplaced("a name outside of a map")),
        }
        self.guarded(Self::name)
    }

    fn depth(&self) -> usize {
        let early = self.early.as_ref().map_or(0, |early| early.depth());
        self.open.len() + early
    }

    fn leave(&mut self, depth: usize) -> Result<(), ValueError> {
        if self.depth() <= depth {
            return Ok(());
        }
        if let Some(early) = &mut self.early
            && depth > self.open.len()
        {
            return early.leave(depth - self.open.len());
        }
        self.early = None;
        self.guarded(|reader| reader.pass_over(depth))
    }
}

//! The grammar of XML-RPC: from tokens straight into values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ferlix_core::property::Value;

use super::characters::{is_blank, trim};
use super::error::shortened;
use super::scalar::Scalar;
use super::scanner::Tokens;
use super::token::{Tag, Token};
use super::{CodecError, Fault, Limit, Limits, MethodCall, Response};

/// Reads a method call.
///
/// # Errors
/// What is wrong with the document and where; the limit it exceeds.
pub fn read_call(document: &[u8], limits: &Limits) -> Result<MethodCall, CodecError> {
    let mut reader = Reader::new(document, limits)?;
    reader.root(Tag::MethodCall, "methodCall")?;
    let mut method = None;
    let mut arguments = None;
    while let Some(tag) = reader.tokens.child("methodName or params")? {
        match tag {
            Tag::MethodName if method.is_none() => {
                let text = reader.tokens.content("the name of a method")?;
                method = Some(trim(&text).to_owned());
            }
            Tag::Params if method.is_some() && arguments.is_none() => {
                arguments = Some(reader.params()?);
            }
            other => return Err(reader.unexpected(other, "methodName, then params")),
        }
    }
    let method = method
        .filter(|name| !name.is_empty())
        .ok_or_else(|| reader.missing("the name of a method"))?;
    reader.end()?;
    Ok(MethodCall {
        method,
        arguments: arguments.unwrap_or_default(),
    })
}

/// Reads a response: a result or a fault. One without any value reads as `Null`.
///
/// # Errors
/// What is wrong with the document and where; the limit it exceeds.
pub fn read_response(document: &[u8], limits: &Limits) -> Result<Response, CodecError> {
    let mut reader = Reader::new(document, limits)?;
    reader.root(Tag::MethodResponse, "methodResponse")?;
    let mut response = None;
    while let Some(tag) = reader.tokens.child("params or fault")? {
        response = Some(match tag {
            Tag::Params if response.is_none() => {
                let mut values = reader.params()?;
                let value = values.pop().unwrap_or(Value::Null);
                if !values.is_empty() {
                    return Err(reader.missing("one result"));
                }
                Response::Value(value)
            }
            Tag::Fault if response.is_none() => {
                let value = reader.only_value()?;
                let fault = Fault::from_value(value)
                    .ok_or_else(|| reader.missing("a struct of faultCode and faultString"))?;
                Response::Fault(fault)
            }
            other => return Err(reader.unexpected(other, "params or fault, one of them")),
        });
    }
    let response = response.ok_or_else(|| reader.missing("params or fault"))?;
    reader.end()?;
    Ok(response)
}

#[derive(Debug)]
struct Reader<'a> {
    tokens: Tokens<'a>,
    limits: &'a Limits,
}

impl<'a> Reader<'a> {
    fn new(document: &'a [u8], limits: &'a Limits) -> Result<Self, CodecError> {
        Ok(Self {
            tokens: Tokens::new(document, limits)?,
            limits,
        })
    }

    /// Up to and with the start tag of the root.
    fn root(&mut self, tag: Tag, expected: &'static str) -> Result<(), CodecError> {
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

    /// The values of `params`, up to and with its end tag.
    fn params(&mut self) -> Result<Vec<Value>, CodecError> {
        let mut values = Vec::new();
        while let Some(tag) = self.tokens.child("param")? {
            match tag {
                Tag::Param => values.push(self.only_value()?),
                other => return Err(self.unexpected(other, "param")),
            }
        }
        Ok(values)
    }

    /// The one value of `param` or `fault`, up to and with the end tag of that.
    fn only_value(&mut self) -> Result<Value, CodecError> {
        let value = match self.tokens.child("value")? {
            Some(Tag::Value) => self.value(self.limits.depth)?,
            Some(other) => return Err(self.unexpected(other, "value")),
            None => return Err(self.missing("value")),
        };
        self.close("one value")?;
        Ok(value)
    }

    /// The end tag of the element that is open.
    fn close(&mut self, expected: &'static str) -> Result<(), CodecError> {
        match self.tokens.child(expected)? {
            None => Ok(()),
            Some(other) => Err(self.unexpected(other, expected)),
        }
    }

    /// What stands in a `value` that was begun, up to and with its end tag; `levels` may nest, this one included.
    fn value(&mut self, levels: u8) -> Result<Value, CodecError> {
        let inner = levels.checked_sub(1).ok_or_else(|| CodecError::Limit {
            limit: Limit::Depth,
            maximum: usize::from(self.limits.depth),
            offset: self.tokens.offset(),
        })?;
        let mut text = Cow::Borrowed("");
        let tag = loop {
            match self.tokens.next()? {
                Token::Start(tag) => break tag,
                Token::Text(part) => self.tokens.append(&mut text, part)?,
                Token::End => return Ok(Value::String(text.into_owned())),
                Token::Eof => return Err(self.tokens.unexpected(&Token::Eof, "</value>")),
            }
        };
        if !is_blank(&text) {
            return Err(self.unexpected(tag, "a text alone, or one type alone"));
        }
        let value = match tag {
            Tag::Scalar(scalar) => self.scalar(scalar)?,
            Tag::Array => self.array(inner)?,
            Tag::Struct => self.members(inner)?,
            other => return Err(self.unexpected(other, "a type")),
        };
        self.close("</value>")?;
        Ok(value)
    }

    fn scalar(&mut self, scalar: Scalar) -> Result<Value, CodecError> {
        let text = self.tokens.content("a text")?;
        if scalar == Scalar::String {
            return Ok(Value::String(text.into_owned()));
        }
        scalar.parse(&text).ok_or_else(|| CodecError::Scalar {
            text: shortened(trim(&text)),
            kind: scalar.kind(),
            offset: self.tokens.offset(),
        })
    }

    fn array(&mut self, levels: u8) -> Result<Value, CodecError> {
        let mut values = Vec::new();
        match self.tokens.child("data")? {
            Some(Tag::Data) => {
                while let Some(tag) = self.tokens.child("value")? {
                    match tag {
                        Tag::Value => values.push(self.value(levels)?),
                        other => return Err(self.unexpected(other, "value")),
                    }
                }
                self.close("</array>")?;
            }
            Some(other) => return Err(self.unexpected(other, "data")),
            // Not in the letter of XML-RPC, but there is only one thing it can mean.
            None => {}
        }
        Ok(Value::List(values))
    }

    fn members(&mut self, levels: u8) -> Result<Value, CodecError> {
        let mut members = BTreeMap::new();
        while let Some(tag) = self.tokens.child("member")? {
            if tag != Tag::Member {
                return Err(self.unexpected(tag, "member"));
            }
            let mut name = None;
            let mut value = None;
            while let Some(tag) = self.tokens.child("name or value")? {
                match tag {
                    Tag::Name if name.is_none() => {
                        name = Some(self.tokens.content("the name of a member")?.into_owned());
                    }
                    Tag::Value if value.is_none() => {
                        value = Some(self.value(levels)?);
                    }
                    other => return Err(self.unexpected(other, "one name and one value")),
                }
            }
            let (Some(name), Some(value)) = (name, value) else {
                return Err(self.missing("one name and one value"));
            };
            // The last of two equal names wins, as in Python.
            members.insert(name, value);
        }
        Ok(Value::Map(members))
    }

    fn unexpected(&self, tag: Tag, expected: &'static str) -> CodecError {
        self.tokens.unexpected(&Token::Start(tag), expected)
    }

    /// The element that was open ended, or held something else.
    fn missing(&self, expected: &'static str) -> CodecError {
        self.tokens.unexpected(&Token::End, expected)
    }
}

//! What a document is made of, by the names of XML-RPC, and the steps that the grammar takes over it: the next child, the
//! whole text of an element.

use std::borrow::Cow;

use super::characters::is_blank;
use super::error::shortened;
use super::scalar::Scalar;
use super::scanner::Tokens;
use super::{CodecError, Limit, attributes};

/// An element of XML-RPC, by its local name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Array,
    Data,
    Fault,
    Member,
    MethodCall,
    MethodName,
    MethodResponse,
    Name,
    Param,
    Params,
    Scalar(Scalar),
    Struct,
    Value,
}

impl Tag {
    /// By the name as it stands in a document, with any prefix.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        // Few names have a prefix: it is looked for in those that are not known as they stand.
        Self::from_local(name).or_else(|| {
            let (_, local) = name.split_once(':')?;
            attributes::is_name(name).then(|| Self::from_local(local))?
        })
    }

    fn from_local(name: &str) -> Option<Self> {
        Some(match name {
            "value" => Self::Value,
            "member" => Self::Member,
            "name" => Self::Name,
            "struct" => Self::Struct,
            "array" => Self::Array,
            "data" => Self::Data,
            "param" => Self::Param,
            "params" => Self::Params,
            "methodCall" => Self::MethodCall,
            "methodName" => Self::MethodName,
            "methodResponse" => Self::MethodResponse,
            "fault" => Self::Fault,
            other => Self::Scalar(Scalar::from_local(other)?),
        })
    }
}

/// What comes next in a document.
#[derive(Debug)]
pub(super) enum Token<'a> {
    /// An element begins.
    Start(Tag),
    /// The innermost element ends.
    End,
    /// A piece of text, with references resolved and line ends made one.
    Text(Cow<'a, str>),
    /// The document ends.
    Eof,
}

impl<'a> Tokens<'a> {
    /// The next child element of the one that is open; `None` where it ends.
    pub(super) fn child(&mut self, expected: &'static str) -> Result<Option<Tag>, CodecError> {
        loop {
            match self.next()? {
                Token::Start(tag) => return Ok(Some(tag)),
                Token::End => return Ok(None),
                Token::Text(text) if is_blank(&text) => {}
                other => return Err(self.unexpected(&other, expected)),
            }
        }
    }

    /// Begins the next child of the element that is open, which has to be `tag` and is mostly written as `plain`; `false`
    /// where the element ends instead, mostly by `end`.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "so that the comparison is with a known tag"
    )]
    pub(super) fn child_is(
        &mut self,
        plain: &'static str,
        tag: Tag,
        end: &'static str,
        expected: &'static str,
    ) -> Result<bool, CodecError> {
        if self.begins(plain) {
            return Ok(true);
        }
        if self.ends(end) {
            return Ok(false);
        }
        match self.child(expected)? {
            Some(found) if found == tag => Ok(true),
            Some(other) => Err(self.unexpected(&Token::Start(other), expected)),
            None => Ok(false),
        }
    }

    /// The end of the element that is open, which has no further child and mostly ends as `plain`.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "so that the comparison is with a known tag"
    )]
    pub(super) fn close(
        &mut self,
        plain: &'static str,
        expected: &'static str,
    ) -> Result<(), CodecError> {
        if self.ends(plain) {
            return Ok(());
        }
        match self.child(expected)? {
            None => Ok(()),
            Some(other) => Err(self.unexpected(&Token::Start(other), expected)),
        }
    }

    /// The type that begins a value, if it stands here just as it is mostly written.
    pub(super) fn type_begins(&mut self) -> Option<Tag> {
        const COMMON: [(&str, Tag); 7] = [
            ("<string>", Tag::Scalar(Scalar::String)),
            ("<int>", Tag::Scalar(Scalar::Int)),
            ("<double>", Tag::Scalar(Scalar::Double)),
            ("<struct>", Tag::Struct),
            ("<boolean>", Tag::Scalar(Scalar::Boolean)),
            ("<array>", Tag::Array),
            ("<ex:i8>", Tag::Scalar(Scalar::Long)),
        ];
        let common = COMMON.iter().find(|(text, _)| self.begins(text));
        common.map(|(_, tag)| *tag)
    }

    /// The text of the element that was begun, up to and with its end tag.
    pub(super) fn content(&mut self, expected: &'static str) -> Result<Cow<'a, str>, CodecError> {
        if let Some(text) = self.plain() {
            return Ok(Cow::Borrowed(text));
        }
        let mut content = Cow::Borrowed("");
        loop {
            match self.next()? {
                Token::Text(part) => self.append(&mut content, part)?,
                Token::End => return Ok(content),
                other => return Err(self.unexpected(&other, expected)),
            }
        }
    }

    /// Adds a piece of text; one piece alone is not copied.
    pub(super) fn append(
        &self,
        content: &mut Cow<'a, str>,
        part: Cow<'a, str>,
    ) -> Result<(), CodecError> {
        if content.len() + part.len() > self.limits().text {
            return Err(CodecError::Limit {
                limit: Limit::Text,
                maximum: self.limits().text,
                offset: self.offset(),
            });
        }
        if content.is_empty() {
            *content = part;
        } else {
            content.to_mut().push_str(&part);
        }
        Ok(())
    }

    #[cold]
    pub(super) fn unexpected(&self, token: &Token<'_>, expected: &'static str) -> CodecError {
        CodecError::Structure {
            expected,
            found: match token {
                Token::Start(tag) => format!("{tag:?}"),
                Token::End => "the end of an element".to_owned(),
                Token::Text(text) => format!("the text {:?}", shortened(text)),
                Token::Eof => "the end of the document".to_owned(),
            },
            offset: self.offset(),
        }
    }
}

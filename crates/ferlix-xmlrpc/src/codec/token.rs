//! The strict tokens of a document: start, end and text, with everything refused that the parser beneath lets pass.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};

use super::characters::{forbidden, is_allowed, is_blank};
use super::error::shortened;
use super::scalar::Scalar;
use super::{CodecError, Limit, Limits, attributes};

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

/// Reads tokens, and counts what the limits bound.
pub(super) struct Tokens<'a> {
    xml: quick_xml::Reader<&'a [u8]>,
    limits: &'a Limits,
    /// How long the byte order mark was: the parser does not count it.
    skipped: usize,
    /// Where the current token begins.
    at: usize,
    elements: usize,
    /// An empty element was reported as begun; its end is due.
    end_due: bool,
    /// The current text stands in the document as it is, not as a reference or in CDATA.
    literal: bool,
}

impl std::fmt::Debug for Tokens<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl<'a> Tokens<'a> {
    pub(super) fn new(document: &'a [u8], limits: &'a Limits) -> Result<Self, CodecError> {
        if document.len() > limits.bytes {
            return Err(CodecError::Limit {
                limit: Limit::Bytes,
                maximum: limits.bytes,
                offset: limits.bytes,
            });
        }
        let malformed = |reason: String, offset| CodecError::Malformed {
            reason,
            offset,
            source: None,
        };
        let text = std::str::from_utf8(document)
            .map_err(|error| malformed("not UTF-8".to_owned(), error.valid_up_to()))?;
        let body = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let skipped = text.len() - body.len();
        if let Some((index, character)) = forbidden(body) {
            let reason = format!(
                "the character U+{:04X} is not for XML",
                u32::from(character)
            );
            return Err(malformed(reason, skipped + index));
        }
        let mut xml = quick_xml::Reader::from_str(body);
        xml.config_mut().check_comments = true;
        Ok(Self {
            xml,
            limits,
            skipped,
            at: skipped,
            elements: 0,
            end_due: false,
            literal: false,
        })
    }

    /// Where the current token begins, in bytes from the start of the document.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Whether the current text stands in the document as it is, not as a reference or in CDATA.
    pub(super) fn is_literal(&self) -> bool {
        self.literal
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, CodecError> {
        if std::mem::take(&mut self.end_due) {
            return Ok(Token::End);
        }
        loop {
            self.at = self.position(self.xml.buffer_position());
            let event = self.xml.read_event().map_err(|error| self.ill(error))?;
            self.literal = matches!(event, Event::Text(_));
            return Ok(match event {
                Event::Start(start) => Token::Start(self.element(&start)?),
                Event::Empty(start) => {
                    self.end_due = true;
                    Token::Start(self.element(&start)?)
                }
                Event::End(_) => Token::End,
                Event::Text(text) => Token::Text(self.text(text.into_inner())?),
                Event::CData(text) => Token::Text(one_line_end(text.into_inner())),
                Event::GeneralRef(reference) => {
                    let character = resolve(&reference).map_err(|reason| self.malformed(reason))?;
                    Token::Text(Cow::Owned(character.to_string()))
                }
                Event::Comment(_) => continue,
                Event::Decl(declaration) if self.at == self.skipped => {
                    self.declaration(&declaration)?;
                    continue;
                }
                Event::Decl(_) => {
                    return Err(self.forbidden("an XML declaration after the start"));
                }
                Event::PI(_) => return Err(self.forbidden("a processing instruction")),
                Event::DocType(_) => return Err(self.forbidden("a document type declaration")),
                Event::Eof => Token::Eof,
            });
        }
    }

    fn element(&mut self, start: &BytesStart<'_>) -> Result<Tag, CodecError> {
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(CodecError::Limit {
                limit: Limit::Elements,
                maximum: self.limits.elements,
                offset: self.at,
            });
        }
        let attributes = start.attributes_raw();
        if !attributes.is_empty() {
            attributes::check(attributes).map_err(|reason| self.malformed(reason))?;
        }
        let full = start.name().0;
        // Few names have a prefix: it is looked for in those that are not known as they stand.
        let tag = Tag::from_local(full).or_else(|| {
            let (_, local) = full.split_once(':')?;
            attributes::is_name(full).then(|| Tag::from_local(local))?
        });
        tag.ok_or_else(|| CodecError::Unknown {
            name: shortened(full),
            offset: self.at,
        })
    }

    fn text(&self, text: Cow<'a, str>) -> Result<Cow<'a, str>, CodecError> {
        let special = text.bytes().fold(false, |found, byte| {
            found | (byte == b'\r') | (byte == b'>')
        });
        if !special {
            return Ok(text);
        }
        if text.contains("]]>") {
            return Err(self.malformed("]]> in a text".to_owned()));
        }
        Ok(one_line_end(text))
    }

    fn declaration(&self, raw: &str) -> Result<(), CodecError> {
        let encoding = attributes::declaration(raw).map_err(|reason| self.malformed(reason))?;
        match encoding {
            Some(name)
                if !["utf-8", "us-ascii", "ascii"]
                    .iter()
                    .any(|known| name.eq_ignore_ascii_case(known)) =>
            {
                Err(CodecError::Encoding {
                    name: shortened(name),
                    offset: self.at,
                })
            }
            _ => Ok(()),
        }
    }

    fn position(&self, parser: u64) -> usize {
        usize::try_from(parser).map_or(usize::MAX, |position| position + self.skipped)
    }

    fn ill(&self, error: quick_xml::Error) -> CodecError {
        CodecError::Malformed {
            reason: shortened(&error.to_string()),
            offset: self.position(self.xml.error_position()).max(self.at),
            source: Some(Box::new(error)),
        }
    }

    fn malformed(&self, reason: String) -> CodecError {
        CodecError::Malformed {
            reason,
            offset: self.at,
            source: None,
        }
    }

    fn forbidden(&self, what: &'static str) -> CodecError {
        CodecError::Forbidden {
            what,
            offset: self.at,
        }
    }

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

    /// The text of the element that was begun, up to and with its end tag.
    pub(super) fn content(&mut self, expected: &'static str) -> Result<Cow<'a, str>, CodecError> {
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
        if content.len() + part.len() > self.limits.text {
            return Err(CodecError::Limit {
                limit: Limit::Text,
                maximum: self.limits.text,
                offset: self.at,
            });
        }
        if content.is_empty() {
            *content = part;
        } else {
            content.to_mut().push_str(&part);
        }
        Ok(())
    }

    pub(super) fn unexpected(&self, token: &Token<'_>, expected: &'static str) -> CodecError {
        CodecError::Structure {
            expected,
            found: match token {
                Token::Start(tag) => format!("{tag:?}"),
                Token::End => "the end of an element".to_owned(),
                Token::Text(text) => format!("the text {:?}", shortened(text)),
                Token::Eof => "the end of the document".to_owned(),
            },
            offset: self.at,
        }
    }
}

/// Carriage returns, with or without a line feed, become line feeds (XML 1.0, 2.11).
fn one_line_end(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        text
    }
}

/// The character that a reference (without `&` and `;`) stands for.
///
/// # Errors
/// What is wrong: a name other than the five of XML, or a number of no allowed character.
pub(super) fn resolve(reference: &str) -> Result<char, String> {
    let number = match reference {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "apos" => return Ok('\''),
        "quot" => return Ok('"'),
        other => other
            .strip_prefix('#')
            .ok_or_else(|| format!("the reference &{};", shortened(other)))?,
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    Some(digits)
        .filter(|digits| digits.bytes().all(|byte| char::from(byte).is_digit(radix)))
        .and_then(|digits| u32::from_str_radix(digits, radix).ok())
        .and_then(char::from_u32)
        .filter(|&character| is_allowed(character))
        .ok_or_else(|| format!("the reference &{};", shortened(reference)))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn only_references_of_xml_resolve() {
        assert_eq!(resolve("amp"), Ok('&'));
        assert_eq!(resolve("#65"), Ok('A'));
        assert_eq!(resolve("#x1F600"), Ok('😀'));
        for wrong in [
            "",
            "#",
            "#x",
            "#X41",
            "#+65",
            "#x+41",
            "#0",
            "#1",
            "#xD800",
            "#xFFFE",
            "#x110000",
            "#99999999999",
            "nbsp",
            "AMP",
            "#6 5",
        ] {
            assert!(resolve(wrong).is_err(), "{wrong} passed");
        }
    }
}

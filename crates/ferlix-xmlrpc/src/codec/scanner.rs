//! [`Tokens`]: the scanner. It cuts a document into start tags, end tags and text, in one pass and without a copy.
//!
//! It knows as much of XML 1.0 as documents of XML-RPC may hold, and is strict about that: no DOCTYPE, no processing
//! instruction, only the five named and valid numeric references, end tags that match, no `]]>` in a text, no character that
//! XML forbids. What it accepts is well-formed XML, but for that the one root is the grammar's business. It is our own
//! because a general parser was the largest part of the cost of a call.

use std::borrow::Cow;

use memchr::{memchr2, memchr3, memmem};
use smallvec::SmallVec;

use super::characters::{forbidden, is_allowed, is_space, is_suspicious, is_usual};
use super::error::shortened;
use super::token::{Tag, Token};
use super::{CodecError, Limit, Limits, attributes};

/// The declaration as Python, and Ferlix, write it: seen at a glance.
const COMMON_DECLARATION: &str = "<?xml version='1.0'?>\n";

/// Reads tokens, and counts what the limits bound.
pub(super) struct Tokens<'a> {
    /// The document.
    text: &'a str,
    limits: &'a Limits,
    /// Where the document begins, behind a byte order mark.
    start: usize,
    /// The document is of usual characters alone, so that its texts need no further look.
    usual: bool,
    /// No character of the document is one that XML forbids. It is looked at before the first step that could meet one; those
    /// that find just what is written by everybody cannot.
    allowed: bool,
    /// Where the current token begins.
    at: usize,
    /// Where the next token begins.
    next: usize,
    elements: usize,
    /// The names of the elements that are open, as they stand in the document.
    /// Calls of scalars take no memory for them.
    open: SmallVec<[&'a str; 8]>,
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

/// The text of a document that is not too long.
pub(super) fn text_of<'a>(document: &'a [u8], limits: &Limits) -> Result<&'a str, CodecError> {
    if document.len() > limits.bytes {
        return Err(CodecError::Limit {
            limit: Limit::Bytes,
            maximum: limits.bytes,
            offset: limits.bytes,
        });
    }
    std::str::from_utf8(document).map_err(|error| CodecError::Malformed {
        reason: "not UTF-8".to_owned(),
        offset: error.valid_up_to(),
    })
}

impl<'a> Tokens<'a> {
    /// Before the first token of a document that [`text_of`] has let pass.
    pub(super) fn new(text: &'a str, limits: &'a Limits) -> Self {
        let body = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let start = text.len() - body.len();
        // Behind the declaration, whose line feed would cost a second look.
        let usual = is_usual(body.strip_prefix(COMMON_DECLARATION).unwrap_or(body));
        Self {
            text,
            limits,
            start,
            usual,
            allowed: usual,
            at: start,
            next: start,
            elements: 0,
            open: SmallVec::new(),
            end_due: false,
            literal: false,
        }
    }

    /// Where the current token begins, in bytes from the start of the document.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    pub(super) fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// Whether the current text stands in the document as it is, not as a reference or in CDATA.
    pub(super) fn is_literal(&self) -> bool {
        self.literal
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, CodecError> {
        if std::mem::take(&mut self.end_due) {
            return Ok(Token::End);
        }
        self.literal = false;
        if !self.allowed && self.next < self.text.len() {
            self.check_characters()?;
        }
        loop {
            self.at = self.next;
            return match &self.text.as_bytes()[self.at..] {
                [] => Ok(Token::Eof),
                [b'<', b'/', ..] => self.end_tag(),
                [b'<', b'!', ..] => match self.comment_or_cdata()? {
                    Some(text) => Ok(Token::Text(text)),
                    None => continue,
                },
                [b'<', b'?', ..] => {
                    self.declaration()?;
                    continue;
                }
                [b'<', ..] => self.start_tag(),
                [b'&', ..] => self.reference(),
                _ => self.literal_text(),
            };
        }
    }

    fn check_characters(&mut self) -> Result<(), CodecError> {
        if let Some((index, character)) = forbidden(&self.text[self.start..]) {
            let reason = format!(
                "the character U+{:04X} is not for XML",
                u32::from(character)
            );
            let offset = self.start + index;
            return Err(CodecError::Malformed { reason, offset });
        }
        self.allowed = true;
        Ok(())
    }

    /// The start tag `tag`, if it stands here just as it is written by everybody: the steps that are taken most cost a comparison.
    /// Where they are not, nothing has happened.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "the comparison with a known tag is a few instructions, the call of one is many"
    )]
    pub(super) fn begins(&mut self, tag: &'static str) -> bool {
        let found = !self.end_due
            && self.text.as_bytes()[self.next..].starts_with(tag.as_bytes())
            && self.elements < self.limits.elements;
        if found {
            self.elements += 1;
            self.at = self.next;
            self.next += tag.len();
            self.open.push(&tag[1..tag.len() - 1]);
        }
        found
    }

    /// The end tag of the element that is open, if it is `tag`, in the same way.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    pub(super) fn ends(&mut self, tag: &'static str) -> bool {
        let found = !self.end_due
            && self.text.as_bytes()[self.next..].starts_with(tag.as_bytes())
            && self.open.last() == Some(&&tag[2..tag.len() - 1]);
        if found {
            self.open.pop();
            self.at = self.next;
            self.next += tag.len();
        }
        found
    }

    /// The text of the element that is open, up to and with its end tag, when it is a plain one; where it is not, nothing has
    /// happened.
    pub(super) fn plain(&mut self) -> Option<&'a str> {
        if self.end_due {
            return None;
        }
        let (text, after) = self.plain_text(&self.text[self.next..])?;
        let name = self.open.last()?;
        let is_end = after
            .strip_prefix("</")
            .and_then(|after| after.strip_prefix(name))
            .is_some_and(|after| after.starts_with('>'));
        if !is_end {
            return None;
        }
        self.at = self.next + text.len();
        self.next = self.at + name.len() + "</>".len();
        self.open.pop();
        Some(text)
    }

    /// The plain text between some start tags and some end tags, if they stand here just as they are written by everybody; where
    /// they do not, nothing has happened. `begin` has so many start tags, and `end` may end elements that are open already.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    pub(super) fn between(
        &mut self,
        begin: &'static str,
        elements: usize,
        end: &'static str,
    ) -> Option<&'a str> {
        if self.end_due || self.elements + elements > self.limits.elements {
            return None;
        }
        let rest = self.text[self.next..].strip_prefix(begin)?;
        let (text, after) = self.plain_text(rest)?;
        if !after.starts_with(end) {
            return None;
        }
        self.elements += elements;
        self.at = self.next + begin.len() + text.len();
        self.next = self.at + end.len();
        Some(text)
    }

    /// The plain text that something begins with, and what comes behind it.
    fn plain_text(&self, rest: &'a str) -> Option<(&'a str, &'a str)> {
        // A `>` is looked at by the other way: it may end a `]]>`.
        let length = memchr3(b'<', b'&', b'>', rest.as_bytes())?;
        let (text, after) = rest.split_at(length);
        let is_plain = length <= self.limits.text && (self.usual || !is_suspicious(text));
        is_plain.then_some((text, after))
    }

    /// Whether the innermost element is open under this very name.
    pub(super) fn is_in(&self, name: &'static str) -> bool {
        self.open.last() == Some(&name)
    }

    /// The innermost element was ended by [`between`](Self::between).
    pub(super) fn ended(&mut self) {
        self.open.pop();
    }

    /// The declaration as Ferlix and Python write it, if the document begins so.
    #[inline]
    pub(super) fn declares(&mut self) -> bool {
        let rest = &self.text.as_bytes()[self.next..];
        let found = self.next == self.start && rest.starts_with(COMMON_DECLARATION.as_bytes());
        if found {
            self.next += COMMON_DECLARATION.len();
        }
        found
    }

    fn start_tag(&mut self) -> Result<Token<'a>, CodecError> {
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(CodecError::Limit {
                limit: Limit::Elements,
                maximum: self.limits.elements,
                offset: self.at,
            });
        }
        let bytes = self.text.as_bytes();
        let begin = self.at + 1;
        let end = bytes[begin..]
            .iter()
            // No character below a blank got here but white space.
            .position(|&byte| byte == b'>' || byte == b'/' || byte <= b' ')
            .map(|length| begin + length)
            .ok_or_else(|| self.unclosed("a tag"))?;
        let name = &self.text[begin..end];
        let (close, empty) = match bytes[end] {
            b'>' => (end, false),
            b'/' => (end + 1, true),
            _ => self.attributes(end)?,
        };
        if bytes.get(close) != Some(&b'>') {
            return Err(self.malformed("a / inside a tag".to_owned()));
        }
        let tag = Tag::from_name(name).ok_or_else(|| CodecError::Unknown {
            name: shortened(name),
            offset: self.at,
        })?;
        self.next = close + 1;
        self.end_due = empty;
        if !empty {
            self.open.push(name);
        }
        Ok(Token::Start(tag))
    }

    /// Checks the attributes that begin at `begin`; where the tag closes, and whether its element is empty.
    fn attributes(&self, begin: usize) -> Result<(usize, bool), CodecError> {
        let mut quote = None;
        let close = self.text.as_bytes()[begin..]
            .iter()
            .position(|&byte| {
                match quote {
                    Some(open) if open == byte => quote = None,
                    None if byte == b'"' || byte == b'\'' => quote = Some(byte),
                    None => return byte == b'>',
                    Some(_) => {}
                }
                false
            })
            .map(|length| begin + length)
            .ok_or_else(|| self.unclosed("a tag"))?;
        let raw = &self.text[begin..close];
        let attributes = raw.strip_suffix('/');
        attributes::check(attributes.unwrap_or(raw)).map_err(|reason| self.malformed(reason))?;
        Ok((close, attributes.is_some()))
    }

    fn end_tag(&mut self) -> Result<Token<'a>, CodecError> {
        let name = self
            .open
            .pop()
            .ok_or_else(|| self.malformed("an end tag without its start".to_owned()))?;
        let after = &self.text.as_bytes()[self.at + 2..];
        let closes = after.strip_prefix(name.as_bytes()).and_then(|rest| {
            let blanks = rest.iter().take_while(|&&byte| is_space(byte)).count();
            (rest.get(blanks) == Some(&b'>')).then_some(name.len() + blanks)
        });
        let length =
            closes.ok_or_else(|| self.malformed(format!("expected </{}>", shortened(name))))?;
        self.next = self.at + length + 3;
        Ok(Token::End)
    }

    /// A comment, which is passed over, or the text of a CDATA section.
    fn comment_or_cdata(&mut self) -> Result<Option<Cow<'a, str>>, CodecError> {
        let rest = &self.text[self.at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            let length = memmem::find(comment.as_bytes(), b"--")
                .ok_or_else(|| self.unclosed("a comment"))?;
            if comment.as_bytes().get(length + 2) != Some(&b'>') {
                return Err(self.malformed("-- in a comment".to_owned()));
            }
            self.next = self.at + length + "<!---->".len();
            return Ok(None);
        }
        if let Some(section) = rest.strip_prefix("<![CDATA[") {
            let length = memmem::find(section.as_bytes(), b"]]>")
                .ok_or_else(|| self.unclosed("a CDATA section"))?;
            self.next = self.at + length + "<![CDATA[]]>".len();
            return Ok(Some(one_line_end(&section[..length])));
        }
        if rest.starts_with("<!DOCTYPE") {
            return Err(self.forbidden("a document type declaration"));
        }
        Err(self.malformed("<! that begins nothing".to_owned()))
    }

    /// The XML declaration, if it stands at the start; nothing else may begin with `<?`.
    fn declaration(&mut self) -> Result<(), CodecError> {
        let inner = &self.text[self.at + 2..];
        let is_declaration = inner.strip_prefix("xml").is_some_and(|rest| {
            rest.bytes()
                .next()
                .is_none_or(|byte| byte == b'?' || is_space(byte))
        });
        if !is_declaration {
            return Err(self.forbidden("a processing instruction"));
        }
        if self.at != self.start {
            return Err(self.forbidden("an XML declaration after the start"));
        }
        let length = memmem::find(inner.as_bytes(), b"?>")
            .ok_or_else(|| self.unclosed("the XML declaration"))?;
        let encoding =
            attributes::declaration(&inner[..length]).map_err(|reason| self.malformed(reason))?;
        if let Some(name) = encoding
            && !["utf-8", "us-ascii", "ascii"]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
        {
            return Err(CodecError::Encoding {
                name: shortened(name),
                offset: self.at,
            });
        }
        self.next = self.at + length + "<??>".len();
        Ok(())
    }

    fn reference(&mut self) -> Result<Token<'a>, CodecError> {
        let rest = &self.text[self.at + 1..];
        let length = rest
            .bytes()
            .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'#')
            .filter(|&length| rest.as_bytes()[length] == b';')
            .ok_or_else(|| self.malformed("a lone &".to_owned()))?;
        let character = resolve(&rest[..length]).map_err(|reason| self.malformed(reason))?;
        self.next = self.at + length + 2;
        Ok(Token::Text(match character {
            '&' => Cow::Borrowed("&"),
            '<' => Cow::Borrowed("<"),
            '>' => Cow::Borrowed(">"),
            other => Cow::Owned(other.to_string()),
        }))
    }

    fn literal_text(&mut self) -> Result<Token<'a>, CodecError> {
        let rest = &self.text[self.at..];
        let length = memchr2(b'<', b'&', rest.as_bytes()).unwrap_or(rest.len());
        self.next = self.at + length;
        self.literal = true;
        let text = &rest[..length];
        if text.contains("]]>") {
            return Err(self.malformed("]]> in a text".to_owned()));
        }
        Ok(Token::Text(one_line_end(text)))
    }

    #[cold]
    fn unclosed(&self, what: &str) -> CodecError {
        self.malformed(format!("{what} is not closed"))
    }

    #[cold]
    fn malformed(&self, reason: String) -> CodecError {
        CodecError::Malformed {
            reason,
            offset: self.at,
        }
    }

    #[cold]
    fn forbidden(&self, what: &'static str) -> CodecError {
        CodecError::Forbidden {
            what,
            offset: self.at,
        }
    }
}

/// Carriage returns, with or without a line feed, become line feeds (XML 1.0, 2.11).
fn one_line_end(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
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

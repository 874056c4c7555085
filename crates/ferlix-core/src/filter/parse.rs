//! The parser: text in, tree or [`FilterError`] out. It works through the text once, from left to right.

use super::error::FilterError;
use super::node::{Check, Node};
use super::operand::{Comparison, Operand, Pattern};

/// The longest text, in bytes.
pub(super) const MAXIMUM_LENGTH: usize = 64 * 1024;
/// The most parentheses open at once.
pub(super) const MAXIMUM_DEPTH: usize = 64;

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Result<Node, FilterError> {
    if text.len() > MAXIMUM_LENGTH {
        return Err(FilterError::TooLong {
            length: text.len(),
            limit: MAXIMUM_LENGTH,
        });
    }
    if text.trim().is_empty() {
        return Err(FilterError::Empty);
    }
    let mut parser = Parser { text, position: 0 };
    parser.skip_space();
    let node = parser.filter(1)?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.expected("the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// In bytes, always between two characters.
    position: usize,
}

impl Parser<'_> {
    fn filter(&mut self, depth: usize) -> Result<Node, FilterError> {
        if depth > MAXIMUM_DEPTH && self.peek() == Some('(') {
            return Err(FilterError::TooDeep {
                column: self.column(self.position),
                limit: MAXIMUM_DEPTH,
            });
        }
        self.take('(', "'('")?;
        self.skip_space();
        let node = match self.peek() {
            Some('&') => Node::all(self.children(depth)?),
            Some('|') => Node::any(self.children(depth)?),
            Some('!') => {
                self.skip();
                self.skip_space();
                let child = self.filter(depth + 1)?;
                self.skip_space();
                child.negate()
            }
            _ => self.test()?,
        };
        self.take(')', "')'")?;
        Ok(node)
    }

    /// What follows `&` or `|`: any number of filters.
    fn children(&mut self, depth: usize) -> Result<Vec<Node>, FilterError> {
        self.skip();
        let mut children = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some('(') => children.push(self.filter(depth + 1)?),
                Some(')') => return Ok(children),
                _ => return Err(self.expected("'(' or ')'")),
            }
        }
    }

    /// An attribute, an operator and a value, up to the closing parenthesis.
    fn test(&mut self) -> Result<Node, FilterError> {
        let start = self.position;
        let key = self.attribute()?;
        let everywhere = self.text[start..self.position].trim_end() == "*";
        let comparison = self.operator()?;

        let wildcards = matches!(comparison, Comparison::Equal | Comparison::Approximate);
        let mut pieces = if wildcards && self.is_presence() {
            vec![String::new(), String::new()]
        } else {
            self.value(wildcards)?
        };
        let check = match pieces.len() {
            1 => {
                let text = pieces.remove(0);
                if text.is_empty() && comparison != Comparison::Equal {
                    return Err(self.expected("a value"));
                }
                Check::Compare(comparison, Operand::new(comparison, &text))
            }
            2 if pieces.iter().all(String::is_empty) => Check::Present,
            _ => Check::Substring(Pattern::new(comparison == Comparison::Approximate, pieces)),
        };
        Ok(match check {
            Check::Present if everywhere => Node::everything(),
            check => Node::test(key, check),
        })
    }

    /// A name, without the spaces around it; it ends before an operator.
    fn attribute(&mut self) -> Result<String, FilterError> {
        let start = self.position;
        let mut name = Vec::new();
        // What comes after is white space that was not escaped.
        let mut end = 0;
        loop {
            match self.peek() {
                Some('=' | '<' | '>' | '~') if end > 0 => break,
                Some('(' | ')' | '=' | '<' | '>' | '~') | None => {
                    return Err(self.expected(if end > 0 {
                        "an operator (=, ~=, >=, <=, > or <)"
                    } else {
                        "an attribute, '&', '|' or '!'"
                    }));
                }
                Some('\\') => {
                    self.escape(&mut name)?;
                    end = name.len();
                }
                Some(character) => {
                    self.plain(character, &mut name);
                    if !character.is_whitespace() {
                        end = name.len();
                    }
                }
            }
        }
        name.truncate(end);
        self.decode(start, name)
    }

    fn operator(&mut self) -> Result<Comparison, FilterError> {
        let first = self.peek();
        self.skip();
        let equals = self.peek() == Some('=');
        let (comparison, length) = match (first, equals) {
            (Some('~'), true) => (Comparison::Approximate, 2),
            (Some('>'), true) => (Comparison::AtLeast, 2),
            (Some('<'), true) => (Comparison::AtMost, 2),
            (Some('>'), false) => (Comparison::Greater, 1),
            (Some('<'), false) => (Comparison::Less, 1),
            (Some('='), _) => (Comparison::Equal, 1),
            _ => return Err(self.expected("'=' after '~'")),
        };
        if length == 2 {
            self.skip();
        }
        Ok(comparison)
    }

    /// Whether the value is one wildcard, maybe with spaces after it; goes past it if so.
    fn is_presence(&mut self) -> bool {
        let start = self.position;
        if self.peek() == Some('*') {
            self.skip();
            self.skip_space();
            if self.peek() == Some(')') {
                return true;
            }
        }
        self.position = start;
        false
    }

    /// A value up to the closing parenthesis, in the pieces between its wildcards (always one without `wildcards`).
    fn value(&mut self, wildcards: bool) -> Result<Vec<String>, FilterError> {
        let mut pieces = Vec::new();
        let mut start = self.position;
        let mut piece = Vec::new();
        loop {
            match self.peek() {
                Some(')') => break,
                Some('(') => return Err(self.expected("')' or an escaped '\\('")),
                None => return Err(self.expected("')'")),
                Some('\\') => self.escape(&mut piece)?,
                Some('*') if wildcards => {
                    let complete = self.decode(start, std::mem::take(&mut piece))?;
                    // Wildcards side by side are one.
                    if pieces.is_empty() || !complete.is_empty() {
                        pieces.push(complete);
                    }
                    self.skip();
                    start = self.position;
                }
                Some(character) => self.plain(character, &mut piece),
            }
        }
        pieces.push(self.decode(start, piece)?);
        Ok(pieces)
    }

    /// A backslash and what it protects: two hexadecimal digits are a byte, anything else is the next character.
    fn escape(&mut self, into: &mut Vec<u8>) -> Result<(), FilterError> {
        self.skip();
        let hexadecimal = self
            .text
            .get(self.position..self.position + 2)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (hexadecimal, self.peek()) {
            (Some(byte), _) => {
                into.push(byte);
                self.position += 2;
            }
            (None, Some(character)) => self.plain(character, into),
            (None, None) => {
                return Err(self.expected("a character or two hexadecimal digits after '\\'"));
            }
        }
        Ok(())
    }

    fn plain(&mut self, character: char, into: &mut Vec<u8>) {
        into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.skip();
    }

    fn decode(&self, start: usize, bytes: Vec<u8>) -> Result<String, FilterError> {
        String::from_utf8(bytes).map_err(|_| FilterError::Encoding {
            column: self.column(start),
        })
    }

    fn take(&mut self, wanted: char, name: &'static str) -> Result<(), FilterError> {
        if self.peek() == Some(wanted) {
            self.skip();
            Ok(())
        } else {
            Err(self.expected(name))
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.position..].chars().next()
    }

    fn skip(&mut self) {
        self.position += self.peek().map_or(0, char::len_utf8);
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.position..];
        self.position += rest.len() - rest.trim_start().len();
    }

    fn column(&self, position: usize) -> usize {
        self.text[..position].chars().count() + 1
    }

    fn expected(&self, expected: &'static str) -> FilterError {
        FilterError::Syntax {
            column: self.column(self.position),
            expected,
            found: self.peek(),
        }
    }
}

//! The check of a filter that stands in the program: the parser's grammar once more, as a function that the compiler
//! runs. It says yes to nothing that the parser refuses; a test holds the two together.
//!
//! It is stricter in one point: `\c3` and other bytes beyond ASCII must be written as the characters they make up.

use super::parse::{MAXIMUM_DEPTH, MAXIMUM_LENGTH};

/// A filter that is checked when the program is compiled: a text that is no filter does not compile. It is parsed once,
/// at the first use; each use shares it.
///
/// ```
/// use ferlix_core::property::Properties;
/// let filter = ferlix_core::filter!("(&(color=red)(size>=5))");
/// assert!(filter.matches(&Properties::from([("color", "red"), ("size", "7")])));
/// ```
///
/// ```compile_fail
/// let filter = ferlix_core::filter!("(&(color=red)size>=5)");
/// ```
#[macro_export]
macro_rules! filter {
    ($text:literal) => {{
        const _: () = $crate::filter::check_literal($text);
        static FILTER: ::std::sync::LazyLock<$crate::filter::Filter> =
            ::std::sync::LazyLock::new(|| $crate::filter::checked_literal($text));
        $crate::filter::Filter::clone(&FILTER)
    }};
    ($($other:tt)*) => {
        ::core::compile_error!(
            "write the filter as a string literal: filter!(\"(key=value)\"); `Filter::parse` takes a text of run time"
        )
    };
}

/// Fails to compile, with the column, when the text is no filter.
#[doc(hidden)]
pub const fn check_literal(text: &str) {
    if let Some((position, expected)) = problem(text) {
        let mut message = Message::new();
        message.push("invalid filter, column ");
        message.push_number(column(text.as_bytes(), position));
        message.push(": expected ");
        message.push(expected);
        match core::str::from_utf8(message.bytes.split_at(message.length).0) {
            Ok(message) => panic!("{}", message),
            Err(_) => panic!("invalid filter"),
        }
    }
}

/// The filter of a text that [`check_literal`] accepted.
#[doc(hidden)]
#[must_use]
pub fn checked_literal(text: &'static str) -> super::Filter {
    super::Filter::parse(text).expect("the compiler has checked the text")
}

/// A message that the compiler puts together.
struct Message {
    bytes: [u8; 128],
    length: usize,
}

impl Message {
    const fn new() -> Self {
        Self {
            bytes: [0; 128],
            length: 0,
        }
    }

    const fn push(&mut self, text: &str) {
        let mut index = 0;
        while index < text.len() && self.length < self.bytes.len() {
            self.bytes[self.length] = text.as_bytes()[index];
            self.length += 1;
            index += 1;
        }
    }

    const fn push_number(&mut self, number: usize) {
        if number >= 10 {
            self.push_number(number / 10);
        }
        const DIGITS: &str = "0123456789";
        let (_, rest) = DIGITS.split_at(number % 10);
        self.push(rest.split_at(1).0);
    }
}

const fn column(text: &[u8], position: usize) -> usize {
    let (mut column, mut index) = (1, 0);
    while index < position && index < text.len() {
        index += width(text[index]);
        column += 1;
    }
    column
}

/// Where the text stops being a filter, in bytes, and what may stand there; `None` for a filter.
const fn problem(text: &str) -> Option<(usize, &'static str)> {
    let text = text.as_bytes();
    if text.len() > MAXIMUM_LENGTH {
        return Some((0, "at most 65536 bytes"));
    }
    // Of each filter that is open around this place, whether it may have any number of filters in it.
    let mut several = [false; MAXIMUM_DEPTH];
    let mut depth = 0;
    let mut position = skip_space(text, 0);
    loop {
        // A filter begins here.
        if at(text, position) != b'(' {
            return Some((position, "'('"));
        }
        if depth == MAXIMUM_DEPTH {
            return Some((position, "at most 64 nested parentheses"));
        }
        position = skip_space(text, position + 1);
        match at(text, position) {
            b'&' | b'|' => {
                several[depth] = true;
                depth += 1;
                position += 1;
            }
            b'!' => {
                several[depth] = false;
                depth += 1;
                position = skip_space(text, position + 1);
                continue;
            }
            _ => match test(text, position) {
                Ok(end) => position = end + 1,
                Err(problem) => return Some(problem),
            },
        }
        // What may follow a filter, or the operator of several.
        loop {
            position = skip_space(text, position);
            if depth == 0 {
                return if position == text.len() {
                    None
                } else {
                    Some((position, "the end"))
                };
            }
            match at(text, position) {
                b')' => {
                    depth -= 1;
                    position += 1;
                }
                b'(' if several[depth - 1] => break,
                _ if several[depth - 1] => return Some((position, "'(' or ')'")),
                _ => return Some((position, "')'")),
            }
        }
    }
}

/// An attribute, an operator and a value; gives the place of the closing parenthesis.
const fn test(text: &[u8], start: usize) -> Result<usize, (usize, &'static str)> {
    let mut position = start;
    let mut named = false;
    loop {
        match at(text, position) {
            b'=' | b'<' | b'>' | b'~' if named => break,
            b'=' | b'<' | b'>' | b'~' | b'(' | b')' | END => {
                return Err((
                    position,
                    if named {
                        "an operator (=, ~=, >=, <=, > or <)"
                    } else {
                        "an attribute, '&', '|' or '!'"
                    },
                ));
            }
            b'\\' => {
                position = match escape(text, position) {
                    Ok(next) => next,
                    Err(problem) => return Err(problem),
                };
                named = true;
            }
            _ => {
                if !is_space(text, position) {
                    named = true;
                }
                position += width(text[position]);
            }
        }
    }
    let operator = at(text, position);
    position += 1;
    let equals = at(text, position) == b'=';
    if operator == b'~' && !equals {
        return Err((position, "'=' after '~'"));
    }
    if operator != b'=' && equals {
        position += 1;
    }
    let value = position;
    loop {
        match at(text, position) {
            b')' if position == value && operator != b'=' => return Err((position, "a value")),
            b')' => return Ok(position),
            b'(' => return Err((position, "')' or an escaped '\\('")),
            END => return Err((position, "')'")),
            b'\\' => {
                position = match escape(text, position) {
                    Ok(next) => next,
                    Err(problem) => return Err(problem),
                };
            }
            first => position += width(first),
        }
    }
}

/// Goes past a backslash and what it protects.
const fn escape(text: &[u8], position: usize) -> Result<usize, (usize, &'static str)> {
    let (first, second) = (at(text, position + 1), at(text, position + 2));
    if first == END && position + 1 >= text.len() {
        let expected = "a character or two hexadecimal digits after '\\'";
        return Err((position + 1, expected));
    }
    if first.is_ascii_hexdigit() && second.is_ascii_hexdigit() {
        if first > b'7' {
            return Err((position, "the character itself, not its bytes"));
        }
        return Ok(position + 3);
    }
    Ok(position + 1 + width(first))
}

/// What [`at`] gives beyond the last byte. A NUL in the text is taken for it, and so is refused outside of an escape.
const END: u8 = 0;

const fn at(text: &[u8], position: usize) -> u8 {
    if position < text.len() {
        text[position]
    } else {
        END
    }
}

/// How many bytes the character has that begins with this one.
const fn width(first: u8) -> usize {
    match first {
        0..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

const fn is_space(text: &[u8], position: usize) -> bool {
    if position >= text.len() {
        return false;
    }
    let first = text[position];
    let length = width(first);
    let mut code = match length {
        1 => first as u32,
        2 => (first & 0x1f) as u32,
        3 => (first & 0x0f) as u32,
        _ => (first & 0x07) as u32,
    };
    let mut index = 1;
    while index < length {
        code = code << 6 | (text[position + index] & 0x3f) as u32;
        index += 1;
    }
    match char::from_u32(code) {
        Some(character) => character.is_whitespace(),
        None => false,
    }
}

const fn skip_space(text: &[u8], mut position: usize) -> usize {
    while is_space(text, position) {
        position += width(text[position]);
    }
    position
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::{Filter, FilterError};

    /// Both agree, on the column too, but for what the check alone refuses.
    fn agree(text: &str) {
        let found = problem(text);
        match (Filter::parse(text), found) {
            (Ok(_), None) => {}
            (
                Err(
                    FilterError::Empty | FilterError::TooLong { .. } | FilterError::Encoding { .. },
                ),
                found,
            ) => {
                assert!(found.is_some(), "{text:?}");
            }
            (Err(error), Some((position, _))) => {
                // Bytes beyond ASCII and NUL are refused where they stand, before what else is wrong.
                assert!(
                    column(text.as_bytes(), position) <= error.column(),
                    "{text:?}"
                );
            }
            (Ok(_), Some((_, expected))) => {
                let stricter = text.contains('\0') || expected.starts_with("the character itself");
                assert!(stricter, "{text:?}: {expected}");
            }
            (Err(error), None) => panic!("{text:?} is accepted: {error}"),
        }
    }

    #[test]
    fn the_check_and_the_parser_agree_on_what_is_special() {
        let nested = |depth: usize| format!("{}(a=1){}", "(!".repeat(depth), ")".repeat(depth));
        for text in [
            "",
            " ",
            "(",
            ")",
            "()",
            "(a)",
            "(a=",
            "(a=)",
            "(=a)",
            "(a>=)",
            "(a~b)",
            "(a~=*)",
            "(a<>x)",
            "(a=1))",
            "(a=1)(b=2)",
            "((a=1))",
            "(&)",
            "(|)",
            "(!)",
            "(!(a=1)(b=2))",
            "(! (a=1) )",
            "(&(a=1)b=2)",
            " ( a = * ) ",
            "(\u{a0}=1)",
            "(\u{a0}a=1)",
            r"(a=\",
            r"(a=\)",
            r"(a=\c3\a9)",
            r"(\!a=b)",
            "(!a=b)",
            r"(\66=1)",
            "(é=é)",
            "(a=\0)",
            "(&(a=1)(|(b=2)(c=3))(!(d=4)))",
            "(*=*)",
        ] {
            agree(text);
        }
        agree(&nested(63));
        agree(&nested(64));
        agree(&format!("(a={})", "x".repeat(MAXIMUM_LENGTH)));
    }

    #[test]
    fn the_message_has_the_column() {
        let refused = std::panic::catch_unwind(|| check_literal("(&(a=1)b=2)")).unwrap_err();
        let message = refused.downcast_ref::<String>().unwrap();
        assert_eq!(message, "invalid filter, column 8: expected '(' or ')'");
    }

    proptest! {
        #[test]
        fn the_check_and_the_parser_agree_on_any_text(text in r"[()&|!=<>~*\\a-cé\u{a0} 0-9]{0,24}") {
            agree(&text);
        }

        #[test]
        fn the_check_accepts_only_filters(text in any::<String>()) {
            agree(&text);
        }
    }
}

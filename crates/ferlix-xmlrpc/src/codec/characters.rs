//! Which characters XML 1.0 can hold, and how a text is escaped.

/// Whether XML 1.0 can hold the character (production `Char`).
pub(super) fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// What XML calls white space (production `S`).
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether the text is white space only, or empty.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(is_space)
}

/// The text without white space around it.
pub(super) fn trim(text: &str) -> &str {
    match text.as_bytes() {
        // Most have none, which two looks tell.
        [first, .., last] if !is_space(*first) && !is_space(*last) => text,
        _ => text.trim_matches([' ', '\t', '\n', '\r']),
    }
}

/// What a byte of a text means to the writer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Copied.
    Plain,
    /// Written as a reference.
    Escaped,
    /// Not for XML.
    Forbidden,
    /// The first byte of U+F000 to U+FFFF, of which XML lacks the last two.
    Suspect,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 0x20 {
        classes[byte] = Class::Forbidden;
        byte += 1;
    }
    classes[b'\t' as usize] = Class::Plain;
    classes[b'\n' as usize] = Class::Plain;
    // A reader turns a bare carriage return into a line feed.
    classes[b'\r' as usize] = Class::Escaped;
    classes[b'&' as usize] = Class::Escaped;
    classes[b'<' as usize] = Class::Escaped;
    classes[b'>' as usize] = Class::Escaped;
    classes[0xEF] = Class::Suspect;
    classes
};

/// Where the first character is that XML cannot hold, in bytes, with the character.
pub(super) fn forbidden(text: &str) -> Option<(usize, char)> {
    let suspicious = |byte: u8| (byte == 0xEF) | ((byte < 0x20) & !is_space(byte));
    let mut start = first_chunk(text.as_bytes(), suspicious)?;
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    text[start..]
        .char_indices()
        .find(|&(_, character)| !is_allowed(character))
        .map(|(index, character)| (start + index, character))
}

/// Whether a text is of ASCII alone, without what XML forbids and without carriage returns, which a reader changes.
pub(super) fn is_usual(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(start) = first_chunk(bytes, is_control_or_not_ascii) else {
        return true;
    };
    // Tabs and line feeds are usual, but few texts have any: they are told apart only then.
    let unusual = |byte| is_control_or_not_ascii(byte) & !is_tab_or_line_feed(byte);
    first_chunk(&bytes[start..], unusual).is_none()
}

/// Whether a text without references may be another one than it seems, or hold what XML cannot.
pub(super) fn is_suspicious(text: &str) -> bool {
    let suspicious = |byte: u8| (byte == 0xEF) | ((byte < b' ') & !is_tab_or_line_feed(byte));
    first_chunk(text.as_bytes(), suspicious).is_some()
}

/// As a number with a sign, what is not ASCII is below zero: so it is one comparison.
fn is_control_or_not_ascii(byte: u8) -> bool {
    byte.cast_signed() < b' '.cast_signed()
}

fn is_tab_or_line_feed(byte: u8) -> bool {
    (byte == b'\t') | (byte == b'\n')
}

/// Where a piece of some bytes begins, one of which is as wanted; none are before it.
///
/// Each piece is looked at without an early exit, which the compiler turns into vector instructions. The last one overlaps
/// that before it, so that there is no rest to be looked at byte by byte.
fn first_chunk(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    const LENGTH: usize = 64;
    let has_one = |chunk: &[u8]| {
        chunk
            .iter()
            .fold(false, |found, &byte| found | wanted(byte))
    };
    let (chunks, rest) = bytes.as_chunks::<LENGTH>();
    if let Some(index) = chunks.iter().position(|chunk| has_one(chunk)) {
        return Some(index * LENGTH);
    }
    if rest.is_empty() {
        return None;
    }
    match bytes.last_chunk::<LENGTH>() {
        Some(chunk) => has_one(chunk).then_some(bytes.len() - LENGTH),
        None => has_one(bytes).then_some(0),
    }
}

/// Appends a text, escaped.
///
/// # Errors
/// The first character that XML cannot hold, and where it is in the text; what was appended before stays.
pub(super) fn escape(text: &str, out: &mut String) -> Result<(), (usize, char)> {
    let bytes = text.as_bytes();
    let is_markup = |byte: u8| (byte == b'&') | (byte | 2 == b'>');
    // What is not ASCII is told apart from what is special only where there is any.
    let first = first_chunk(bytes, |byte| {
        is_control_or_not_ascii(byte) | is_markup(byte)
    });
    let special = |byte| (byte < b' ') | (byte == 0xEF) | is_markup(byte);
    let found = first.and_then(|first| Some(first + first_chunk(&bytes[first..], special)?));
    match found {
        Some(start) => escape_from(start, text, out),
        None => {
            out.push_str(text);
            Ok(())
        }
    }
}

/// The same of a text in which nothing is to be escaped before `start`.
#[inline(never)]
fn escape_from(start: usize, text: &str, out: &mut String) -> Result<(), (usize, char)> {
    let bytes = text.as_bytes();
    let mut done = 0;
    for (index, &byte) in bytes.iter().enumerate().skip(start) {
        let reference = match CLASSES[usize::from(byte)] {
            Class::Plain => continue,
            Class::Suspect => match bytes.get(index + 1..index + 3) {
                Some([0xBF, 0xBE | 0xBF]) => return Err((index, first_character(text, index))),
                _ => continue,
            },
            Class::Forbidden => return Err((index, first_character(text, index))),
            Class::Escaped => match byte {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                _ => "&#13;",
            },
        };
        out.push_str(&text[done..index]);
        out.push_str(reference);
        done = index + 1;
    }
    out.push_str(&text[done..]);
    Ok(())
}

/// What [`escape`] made of a text, undone.
pub(super) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#13;", "\r")
        .replace("&amp;", "&")
}

fn first_character(text: &str, index: usize) -> char {
    text[index..]
        .chars()
        .next()
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_allowed_or_found() {
        for character in '\0'..=char::MAX {
            let text = format!("a{character}b");
            let mut out = String::new();
            if is_allowed(character) {
                assert_eq!(forbidden(&text), None);
                assert_eq!(escape(&text, &mut out), Ok(()));
            } else {
                assert_eq!(forbidden(&text), Some((1, character)));
                assert_eq!(escape(&text, &mut out), Err((1, character)));
            }
        }
    }

    #[test]
    fn a_forbidden_character_is_found_wherever_it_is() {
        for length in 0..100 {
            for place in 0..=length {
                let text = format!("{}\u{1}{}", "x".repeat(place), "y".repeat(length - place));
                assert_eq!(forbidden(&text), Some((place, '\u{1}')));
                assert_eq!(escape(&text, &mut String::new()), Err((place, '\u{1}')));
            }
        }
        let text = format!("{}é\u{1}", "é".repeat(700));
        assert_eq!(forbidden(&text), Some((1402, '\u{1}')));
        let text = format!("{}\u{FFFE}", "x".repeat(255));
        assert_eq!(forbidden(&text), Some((255, '\u{FFFE}')));
        assert_eq!(forbidden(&"\u{F8FF}".repeat(300)), None);
    }

    #[test]
    fn markup_and_carriage_returns_are_escaped() {
        let mut out = String::new();
        assert_eq!(escape("a<&>\r\n\"é", &mut out), Ok(()));
        assert_eq!(out, "a&lt;&amp;&gt;&#13;\n\"é");
        for text in ["a<&>\r\n\"é", "&lt;", "&amp;gt;"] {
            let mut out = String::new();
            escape(text, &mut out).unwrap();
            assert_eq!(unescape(&out), text);
        }
    }
}

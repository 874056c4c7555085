//! Attributes and the XML declaration: checked to the letter, then ignored but for the encoding.

use super::characters::{is_allowed, is_space};
use super::error::shortened;
use super::scanner::resolve;

/// Checks the attributes of a start tag: what stands between its name and its end.
///
/// # Errors
/// What is wrong with them.
pub(super) fn check(raw: &str) -> Result<(), String> {
    let mut names: Vec<&str> = Vec::new();
    let mut rest = raw;
    while let Some((name, value, after)) = next(rest)? {
        if names.contains(&name) {
            return Err(format!("attribute {} stands twice", shortened(name)));
        }
        // Namespace declarations and the like: a handful. More is an attack on the search above.
        if names.len() == 16 {
            return Err("more than 16 attributes".to_owned());
        }
        names.push(name);
        check_value(value)?;
        rest = after;
    }
    Ok(())
}

/// Checks an XML declaration (`xml version='1.0' …` without the marks around it) and returns the encoding it names.
///
/// # Errors
/// What is wrong with it.
pub(super) fn declaration(raw: &str) -> Result<Option<&str>, String> {
    let mut rest = raw
        .strip_prefix("xml")
        .ok_or_else(|| "no XML declaration".to_owned())?;
    let mut encoding = None;
    let mut wanted = ["version", "encoding", "standalone"].iter();
    let mut first = true;
    while let Some((name, value, after)) = next(rest)? {
        // The three stand in this order, and the first must be there.
        if !wanted.any(|&other| other == name) || (first && name != "version") {
            return Err(format!(
                "{} does not belong here in an XML declaration",
                shortened(name)
            ));
        }
        match name {
            "version" if !is_version(value) => {
                return Err(format!("XML version {:?}", shortened(value)));
            }
            "standalone" if !matches!(value, "yes" | "no") => {
                return Err(format!(
                    "standalone is {:?}, not yes or no",
                    shortened(value)
                ));
            }
            "encoding" => encoding = Some(value),
            _ => {}
        }
        first = false;
        rest = after;
    }
    if first {
        return Err("an XML declaration without a version".to_owned());
    }
    Ok(encoding)
}

fn is_version(value: &str) -> bool {
    value
        .strip_prefix("1.")
        .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The next `name = "value"`, and what follows it; `None` at the end.
fn next(raw: &str) -> Result<Option<(&str, &str, &str)>, String> {
    let start = raw.trim_start_matches([' ', '\t', '\n', '\r']);
    if start.is_empty() {
        return Ok(None);
    }
    if start.len() == raw.len() {
        return Err("no white space before an attribute".to_owned());
    }
    let end = start
        .bytes()
        .position(|byte| is_space(byte) || byte == b'=')
        .ok_or_else(|| "an attribute without a value".to_owned())?;
    let (name, after) = start.split_at(end);
    if !is_name(name) {
        return Err(format!("{:?} is no attribute name", shortened(name)));
    }
    let after = after.trim_start_matches([' ', '\t', '\n', '\r']);
    let after = after
        .strip_prefix('=')
        .ok_or_else(|| format!("attribute {} has no value", shortened(name)))?
        .trim_start_matches([' ', '\t', '\n', '\r']);
    let quote = after
        .chars()
        .next()
        .filter(|quote| matches!(quote, '"' | '\''))
        .ok_or_else(|| format!("the value of attribute {} is not quoted", shortened(name)))?;
    let (value, after) = after[1..]
        .split_once(quote)
        .ok_or_else(|| format!("the value of attribute {} is not closed", shortened(name)))?;
    Ok(Some((name, value, after)))
}

fn check_value(value: &str) -> Result<(), String> {
    if value.contains('<') {
        return Err("an attribute value has a <".to_owned());
    }
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('&') {
        let (reference, after) = after
            .split_once(';')
            .ok_or_else(|| "an attribute value has a lone &".to_owned())?;
        resolve(reference)?;
        rest = after;
    }
    Ok(())
}

/// Whether this is a name with at most one prefix; beyond ASCII every letter-like character is let through.
pub(super) fn is_name(name: &str) -> bool {
    let mut parts = name.split(':');
    let well_formed = |part: &str| {
        let mut characters = part.chars();
        characters.next().is_some_and(starts_name)
            && characters.all(|c| starts_name(c) || c.is_ascii_digit() || matches!(c, '-' | '.'))
    };
    parts.next().is_some_and(well_formed)
        && parts.next().is_none_or(well_formed)
        && parts.next().is_none()
}

fn starts_name(character: char) -> bool {
    // The ranges of production NameStartChar, without the colon.
    matches!(character, 'A'..='Z' | 'a'..='z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
        && is_allowed(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_checked_to_the_letter() {
        assert_eq!(check(""), Ok(()));
        assert_eq!(check(" \n"), Ok(()));
        assert_eq!(
            check(" xmlns:ex = 'http://a' b=\"&amp;&#x41;>\" \n"),
            Ok(())
        );
        for wrong in [
            " a",
            " a=",
            " a=b",
            " a='b",
            " a='<'",
            " a='&b;'",
            " a='&'",
            " a='1'b='2'",
            " a='1' a='2'",
            " 1='2'",
            " a:b:c='1'",
            " :a='1'",
            "a='1'",
        ] {
            assert!(check(wrong).is_err(), "{wrong} passed");
        }
    }

    #[test]
    fn an_error_does_not_repeat_a_long_text() {
        let long = "a".repeat(10_000);
        for wrong in [
            format!(" {long}='1' {long}='1'"),
            format!(" {long} "),
            format!(" {long}=a"),
            format!(" {long}='"),
            format!(" a='&{long};'"),
            format!(" 1{long}='1'"),
        ] {
            assert!(check(&wrong).unwrap_err().len() < 200);
        }
        for wrong in [
            format!("xml version='{long}'"),
            format!("xml version='1.0' standalone='{long}'"),
            format!("xml {long}='1.0'"),
        ] {
            assert!(declaration(&wrong).unwrap_err().len() < 200);
        }
    }

    #[test]
    fn a_declaration_has_its_three_parts_in_order() {
        assert_eq!(declaration("xml version='1.0'"), Ok(None));
        let full = "xml version=\"1.0\" encoding='utf-8' standalone='yes' ";
        assert_eq!(declaration(full), Ok(Some("utf-8")));
        for wrong in [
            "xml",
            "xml encoding='utf-8'",
            "xml version='2.0'",
            "xml version='1.'",
            "xml version='1.0' standalone='maybe'",
            "xml encoding='utf-8' version='1.0'",
            "xml version='1.0' version='1.0'",
            "xml version='1.0' other='1'",
        ] {
            assert!(declaration(wrong).is_err(), "{wrong} passed");
        }
    }
}

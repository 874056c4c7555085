//! `$name`, `${name}` and `$$` in the words of a line.
//!
//! A name begins with a letter, `_` or `?` and goes on with letters, digits, `_` and `.`; it does not end with a `.`, so
//! that a sentence may end with a variable. What is no variable stays as it is.

/// Puts the variables' values into a text; one that is unknown is empty.
pub(super) fn substitute(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        result.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            result.push('$');
            rest = after;
        } else if let Some((name, after)) = braced(rest).or_else(|| bare(rest)) {
            result.push_str(&lookup(name).unwrap_or_default());
            rest = after;
        } else {
            result.push('$');
        }
    }
    result.push_str(rest);
    result
}

/// The name in braces, and what follows.
fn braced(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix('{')?.split_once('}')?;
    (bare(name)?.0 == name).then_some((name, after))
}

/// The longest name at the beginning, and what follows.
fn bare(text: &str) -> Option<(&str, &str)> {
    let first = text.chars().next()?;
    if !(first.is_ascii_alphabetic() || matches!(first, '_' | '?')) {
        return None;
    }
    let more =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.');
    let end = text[1..]
        .find(|character| !more(character))
        .map_or(text.len(), |end| end + 1);
    Some(text.split_at(text[..end].trim_end_matches('.').len()))
}

#[cfg(test)]
mod tests {
    use super::substitute;

    #[test]
    fn values_and_what_is_none() {
        let lookup = |name: &str| match name {
            "x" => Some("1".to_owned()),
            "x.y" => Some("2".to_owned()),
            "?" => Some("3".to_owned()),
            "_A1" => Some("4".to_owned()),
            "all" => Some("$x".to_owned()),
            _ => None,
        };
        let table = [
            ("", ""),
            ("plain", "plain"),
            ("$x", "1"),
            ("a$x-b", "a1-b"),
            ("$x.y", "2"),
            ("$x.", "1."),
            ("$x..", "1.."),
            ("$?", "3"),
            ("$_A1", "4"),
            ("$X", ""),
            ("$nope|", "|"),
            ("${x}y", "1y"),
            ("${x", "${x"),
            ("${x y}", "${x y}"),
            ("${}", "${}"),
            ("$1", "$1"),
            ("$", "$"),
            ("a$", "a$"),
            ("$$", "$"),
            ("$$x", "$x"),
            ("$$$x", "$1"),
            ("$é", "$é"),
            ("$xé", "1é"),
            ("$all", "$x"),
            ("$x$x", "11"),
        ];
        for (text, wanted) in table {
            assert_eq!(substitute(text, lookup), wanted, "{text}");
        }
    }
}

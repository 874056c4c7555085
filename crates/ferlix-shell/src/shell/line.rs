//! From the text of a line to its words: POSIX quoting and comments by `shlex`, then `name=value` words.
//!
//! The first word names the command and is taken as it is; variables are put into the others when they are turned
//! into [`Arguments`], after the split, so that a variable never makes more words than one.

use std::collections::BTreeMap;

use ferlix_core::command::Arguments;

use super::variables;

/// Stands for `\=` while a line is split: Unicode keeps this code point for such internal use.
const ESCAPED_EQUALS: char = '\u{FDD0}';

/// A line in words.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    /// The command as it was typed, with its name space if it had one.
    pub(super) command: String,
    words: Vec<String>,
}

/// Splits a line; `None` for one without words.
///
/// # Errors
/// What is not closed, as text.
pub(super) fn parse(line: &str) -> Result<Option<Line>, &'static str> {
    let Some(words) = shlex::split(&hide_escaped_equals(line)) else {
        let open_escape = line.len() - line.trim_end_matches('\\').len();
        return Err(if open_escape % 2 == 1 {
            "No escaped character"
        } else {
            "No closing quotation"
        });
    };
    let mut words = words.into_iter();
    Ok(words.next().map(|command| Line {
        command: show_escaped_equals(&command),
        words: words.collect(),
    }))
}

/// Whether a line holds anything but blanks and a comment.
pub(crate) fn significant(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

impl Line {
    /// The arguments, with the variables' values.
    pub(super) fn arguments(&self, lookup: impl Fn(&str) -> Option<String>) -> Arguments {
        let mut positional = Vec::new();
        let mut keywords = BTreeMap::new();
        for word in &self.words {
            let value = |text: &str| variables::substitute(&show_escaped_equals(text), &lookup);
            match word.split_once('=') {
                Some((key, text)) if !key.is_empty() => {
                    keywords.insert(show_escaped_equals(key), value(text));
                }
                _ => positional.push(value(word)),
            }
        }
        Arguments::new(positional, keywords)
    }

    /// The words as they were typed, for completion.
    pub(super) fn word_count(&self) -> usize {
        let keyword = |word: &&String| word.split_once('=').is_some_and(|(key, _)| !key.is_empty());
        self.words.iter().filter(|word| !keyword(word)).count()
    }
}

/// Takes `\=` out of the reach of `shlex`, which would drop the backslash.
fn hide_escaped_equals(line: &str) -> String {
    let mut hidden = String::with_capacity(line.len());
    let mut characters = line
        .chars()
        .filter(|character| *character != ESCAPED_EQUALS);
    while let Some(character) = characters.next() {
        if character != '\\' {
            hidden.push(character);
            continue;
        }
        match characters.next() {
            Some('=') => hidden.push(ESCAPED_EQUALS),
            next => {
                hidden.push('\\');
                hidden.extend(next);
            }
        }
    }
    hidden
}

fn show_escaped_equals(text: &str) -> String {
    text.replace(ESCAPED_EQUALS, "=")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The command, the words and the keywords of a line, without variables.
    fn split(line: &str) -> (String, Vec<String>, Vec<(String, String)>) {
        let line = parse(line).unwrap().unwrap();
        let arguments = line.arguments(|_| None);
        (
            line.command.clone(),
            arguments.words,
            arguments.keywords.into_iter().collect(),
        )
    }

    #[test]
    fn words() {
        let table: [(&str, &[&str]); 13] = [
            ("echo", &[]),
            ("echo a b", &["a", "b"]),
            ("  echo \t a  ", &["a"]),
            ("echo a # b", &["a"]),
            ("echo a#b", &["a#b"]),
            ("echo http://host/#top", &["http://host/#top"]),
            ("echo 'a # b'", &["a # b"]),
            (r#"echo 'a#b' "c d" e\ f"#, &["a#b", "c d", "e f"]),
            (r#"echo "a \" b" 'c \ d'"#, &["a \" b", "c \\ d"]),
            (r"echo a\=b", &["a=b"]),
            (r#"echo "a\=b" 'c\=d'"#, &["a=b", "c=d"]),
            ("echo '' =a", &["", "=a"]),
            ("echo ä€", &["ä€"]),
        ];
        for (line, words) in table {
            let (command, found, keywords) = split(line);
            assert_eq!(
                (command.as_str(), found),
                ("echo", words.iter().map(ToString::to_string).collect()),
                "{line}"
            );
            assert!(keywords.is_empty(), "{line}");
        }
    }

    #[test]
    fn keywords() {
        let table = [
            ("set a=b", "a", "b"),
            ("set a=", "a", ""),
            ("set a=b=c", "a", "b=c"),
            (r"set a=b\=c", "a", "b=c"),
            (r"set a\=b=c", "a=b", "c"),
            (r"set a\\=b", r"a\", "b"),
            ("set 'a b=c'", "a b", "c"),
            ("set a='b c'", "a", "b c"),
            ("set a=1 a=2", "a", "2"),
            (r"set \=a=b", "=a", "b"),
        ];
        for (line, key, value) in table {
            let (_, words, keywords) = split(line);
            assert_eq!(keywords, [(key.to_owned(), value.to_owned())], "{line}");
            assert!(words.is_empty(), "{line}");
        }
    }

    #[test]
    fn variables_are_put_in_after_the_split_and_not_into_names() {
        let line = parse(r#"$x $x "$x" '$x' \$x $x=$x a$$x"#).unwrap().unwrap();
        assert_eq!(line.command, "$x");
        let arguments = line.arguments(|name| (name == "x").then(|| "k=v w".to_owned()));
        assert_eq!(arguments.words, ["k=v w", "k=v w", "k=v w", "k=v w", "a$x"]);
        assert_eq!(
            arguments.keywords.into_iter().collect::<Vec<_>>(),
            [("$x".to_owned(), "k=v w".to_owned())]
        );
    }

    #[test]
    fn what_is_not_closed_is_an_error() {
        for line in ["echo \"a", "echo 'a", "'"] {
            assert_eq!(parse(line), Err("No closing quotation"), "{line}");
        }
        for line in ["echo a\\", "\\", "echo \\\\\\"] {
            assert_eq!(parse(line), Err("No escaped character"), "{line}");
        }
        for line in ["", "  ", "# comment", " \t# 'comment"] {
            assert_eq!(parse(line), Ok(None), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(text in ".*", blank in "[ \\t'\"\\\\$={}#a]*") {
            for line in [text, blank] {
                if let Ok(Some(line)) = parse(&line) {
                    line.arguments(|name| Some(name.to_owned()));
                }
            }
        }

        #[test]
        fn a_quoted_word_comes_back(word in "[^\\x00\\uFDD0=$]*") {
            let quoted = shlex::try_quote(&word).unwrap();
            prop_assert_eq!(split(&format!("echo {quoted}")).1, [word]);
        }
    }

    #[test]
    fn the_internal_code_point_cannot_be_typed() {
        assert_eq!(split("echo a\u{FDD0}b").1, ["ab"]);
    }
}

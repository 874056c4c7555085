//! [`TopicPattern`]: how the topics of events are matched.

use std::fmt;

use crate::EventError;

/// The longest topic and the longest pattern, in bytes.
const LONGEST: usize = 4096;

/// What a handler names in `event.topics`: iPOPO's patterns, of which OSGi's are a part.
///
/// | written | matches |
/// |---|---|
/// | `weather/rain` | that topic |
/// | `weather/*` | whatever begins with `weather/` (not `weather` itself): OSGi's form |
/// | `*` | any run of characters, also an empty one and one with slashes, anywhere in the pattern |
/// | `?` | any one character |
/// | `[abc]`, `[a-z]`, `[!abc]` | one character of those, or not of those; a `[` that is never closed stands for itself |
///
/// Matching looks at case. It takes time linear in the topic for each `*` at most.
///
/// ```
/// use ferlix_event::TopicPattern;
/// let pattern = TopicPattern::parse("weather/*").unwrap();
/// assert!(pattern.matches("weather/rain/heavy"));
/// assert!(!pattern.matches("weather"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TopicPattern {
    text: Box<str>,
    parts: Box<[Part]>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Part {
    Character(char),
    Any,
    Run,
    Class {
        negated: bool,
        ranges: Box<[(char, char)]>,
    },
}

impl Part {
    fn fits(&self, character: char) -> bool {
        match self {
            Self::Character(own) => *own == character,
            Self::Any | Self::Run => true,
            Self::Class { negated, ranges } => {
                let within = |(low, high): &(char, char)| (*low..=*high).contains(&character);
                ranges.iter().any(within) != *negated
            }
        }
    }
}

impl TopicPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`EventError::Pattern`] when it is empty, longer than 4096 bytes, or has control characters.
    pub fn parse(text: &str) -> Result<Self, EventError> {
        if let Some(reason) = fault(text) {
            return Err(EventError::Pattern {
                pattern: text.to_owned(),
                reason,
            });
        }
        let characters: Vec<char> = text.chars().collect();
        let mut parts = Vec::with_capacity(characters.len());
        let mut index = 0;
        while let Some(&character) = characters.get(index) {
            index += 1;
            parts.push(match character {
                '*' if matches!(parts.last(), Some(Part::Run)) => continue,
                '*' => Part::Run,
                '?' => Part::Any,
                '[' => match class(&characters[index..]) {
                    Some((part, length)) => {
                        index += length;
                        part
                    }
                    None => Part::Character('['),
                },
                other => Part::Character(other),
            });
        }
        Ok(Self {
            text: text.into(),
            parts: parts.into(),
        })
    }

    /// Whether a topic fits.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        // The common forms need no search.
        match &*self.parts {
            [Part::Run] => return true,
            [head @ .., Part::Run] if head.iter().all(Part::is_character) => {
                return topic.starts_with(&self.text[..self.text.trim_end_matches('*').len()]);
            }
            _ => {}
        }
        let mut part = 0;
        let mut rest = topic.chars();
        // Where to go on when what follows the last run does not fit: the run takes one character more. Runs before it
        // need not be tried again, as the first place where their successors fit is the best.
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            match self.parts.get(part) {
                Some(Part::Run) => {
                    part += 1;
                    retry = Some((part, rest.clone()));
                    continue;
                }
                Some(wanted) => {
                    let mut ahead = rest.clone();
                    if ahead.next().is_some_and(|character| wanted.fits(character)) {
                        rest = ahead;
                        part += 1;
                        continue;
                    }
                }
                None if rest.as_str().is_empty() => return true,
                None => {}
            }
            let Some((after, from)) = &mut retry else {
                return false;
            };
            if from.next().is_none() {
                return false;
            }
            part = *after;
            rest = from.clone();
        }
    }

    /// The one topic that fits, if the pattern has no wildcard.
    pub(crate) fn literal(&self) -> Option<&str> {
        self.parts
            .iter()
            .all(Part::is_character)
            .then_some(&*self.text)
    }
}

impl Part {
    fn is_character(&self) -> bool {
        matches!(self, Self::Character(_))
    }
}

/// Reads a class after its `[`, and how many characters it takes; `None` when it is never closed.
fn class(characters: &[char]) -> Option<(Part, usize)> {
    let negated = characters.first() == Some(&'!');
    let start = usize::from(negated);
    // A bracket that comes first stands for itself.
    let length = characters.iter().skip(start + 1).position(|&c| c == ']')? + 1;
    let members = &characters[start..start + length];
    let mut ranges = Vec::new();
    let mut index = 0;
    while index < members.len() {
        let low = members[index];
        if members.get(index + 1) == Some(&'-') && index + 2 < members.len() {
            ranges.push((low, members[index + 2]));
            index += 3;
        } else {
            ranges.push((low, low));
            index += 1;
        }
    }
    let part = Part::Class {
        negated,
        ranges: ranges.into(),
    };
    Some((part, start + length + 1))
}

/// Refuses what cannot be the topic of an event.
pub(crate) fn check_topic(topic: &str) -> Result<(), EventError> {
    match fault(topic) {
        None => Ok(()),
        Some(reason) => Err(EventError::Topic {
            topic: topic.chars().take(200).collect(),
            reason,
        }),
    }
}

fn fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.len() > LONGEST {
        Some("it is longer than 4096 bytes")
    } else if text.contains(char::is_control) {
        Some("it has control characters")
    } else {
        None
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicPattern({:?})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(pattern: &str, topic: &str) -> bool {
        TopicPattern::parse(pattern).unwrap().matches(topic)
    }

    #[test]
    fn wildcards_stand_for_what_the_table_says() {
        let table = [
            ("a/b", &["a/b"][..], &["a/b/", "a/c", "A/b", "a"][..]),
            ("a/*", &["a/", "a/b", "a/b/c"], &["a", "ab", "b/a/"]),
            ("*", &["a", "/", "a/b"], &[]),
            ("**", &["a"], &[]),
            (
                "*/end",
                &["a/end", "a/b/end", "/end/end"],
                &["end", "a/ends"],
            ),
            (
                "a*b*c",
                &["abc", "a1b2c", "abbcc", "abcbc"],
                &["acb", "abcd"],
            ),
            ("a?c", &["abc", "a/c", "aäc"], &["ac", "abbc"]),
            ("[a-c]x[!0-9]", &["bxa", "cx/"], &["dxa", "bx7", "bx"]),
            ("[]]", &["]"], &["[]]", ""]),
            ("[!]]", &["a"], &["]"]),
            ("a[b", &["a[b"], &["ab"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[!a", &["[!a"], &["b"]),
        ];
        for (pattern, yes, no) in table {
            for topic in yes {
                assert!(fits(pattern, topic), "{pattern} should match {topic}");
            }
            for topic in no {
                assert!(!fits(pattern, topic), "{pattern} should not match {topic}");
            }
        }
    }

    #[test]
    fn what_is_no_topic_is_no_pattern() {
        for text in ["", "a\nb", "a\0", &"a".repeat(LONGEST + 1)] {
            assert!(TopicPattern::parse(text).is_err());
            assert!(check_topic(text).is_err());
        }
    }

    #[test]
    fn many_runs_take_no_exponential_time() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!fits(&pattern, &"a".repeat(4000)));
    }

    /// The same by plain recursion, for short texts.
    fn model(parts: &[Part], topic: &[char]) -> bool {
        match (parts.split_first(), topic.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some((Part::Run, rest)), None) => model(rest, topic),
            (Some((Part::Run, rest)), Some((_, later))) => {
                model(rest, topic) || model(parts, later)
            }
            (Some(_), None) => false,
            (Some((part, rest)), Some((first, later))) => part.fits(*first) && model(rest, later),
        }
    }

    proptest! {
        #[test]
        fn matching_is_what_recursion_says(pattern in "[ab/*?\\[\\]!-]{1,8}", topic in "[ab/]{0,9}") {
            let pattern = TopicPattern::parse(&pattern).unwrap();
            let characters: Vec<char> = topic.chars().collect();
            prop_assert_eq!(pattern.matches(&topic), model(&pattern.parts, &characters));
        }
    }
}

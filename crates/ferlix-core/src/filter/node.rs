//! The tree behind a filter: evaluation, normal form, text, and equality without regard to order.
//!
//! What flows in comes from the parser or the builders; a tree made with the functions here is always in normal form.

use std::collections::HashSet;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::operand::{Comparison, Operand, Pattern};
use crate::property::{Properties, Value};

/// One test, or several joined. An [`All`](Node::All) of nothing matches everything, an [`Any`](Node::Any) of nothing
/// matches nothing; neither ever has exactly one child, one of its own kind, or one child twice.
#[derive(Clone, Debug)]
pub(super) enum Node {
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
    Test(Test),
}

/// A test of one property.
#[derive(Clone, Debug)]
pub(super) struct Test {
    pub(super) key: Box<str>,
    pub(super) check: Check,
}

/// What a property's value must be.
#[derive(Clone, Debug)]
pub(super) enum Check {
    Compare(Comparison, Operand),
    Present,
    Substring(Pattern),
}

impl Node {
    pub(super) fn everything() -> Self {
        Self::All(Box::default())
    }

    pub(super) fn nothing() -> Self {
        Self::Any(Box::default())
    }

    pub(super) fn test(key: impl Into<Box<str>>, check: Check) -> Self {
        Self::Test(Test {
            key: key.into(),
            check,
        })
    }

    /// What matches when every child does.
    pub(super) fn all(children: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for child in children {
            match child {
                Self::All(children) => flat.extend(children),
                Self::Any(children) if children.is_empty() => return Self::nothing(),
                other => flat.push(other),
            }
        }
        single_or(flat, Self::All)
    }

    /// What matches when one child does.
    pub(super) fn any(children: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for child in children {
            match child {
                Self::Any(children) => flat.extend(children),
                Self::All(children) if children.is_empty() => return Self::everything(),
                other => flat.push(other),
            }
        }
        single_or(flat, Self::Any)
    }

    /// What matches when this does not.
    pub(super) fn negate(self) -> Self {
        match self {
            Self::Not(child) => *child,
            Self::All(children) if children.is_empty() => Self::nothing(),
            Self::Any(children) if children.is_empty() => Self::everything(),
            other => Self::Not(Box::new(other)),
        }
    }

    pub(super) fn matches(&self, properties: &Properties) -> bool {
        match self {
            Self::Test(test) => properties
                .get(&test.key)
                .is_some_and(|value| match &test.check {
                    Check::Compare(comparison, operand) => operand.accepts(*comparison, value),
                    Check::Present => !matches!(value, Value::Null),
                    Check::Substring(pattern) => pattern.accepts(value),
                }),
            Self::All(children) => children.iter().all(|child| child.matches(properties)),
            Self::Any(children) => children.iter().any(|child| child.matches(properties)),
            Self::Not(child) => !child.matches(properties),
        }
    }
}

/// Drops the later ones of equal children; one child stands for itself.
fn single_or(mut children: Vec<Node>, join: fn(Box<[Node]>) -> Node) -> Node {
    if children.len() > 1 {
        let mut seen = HashSet::with_capacity(children.len());
        let first: Vec<bool> = children.iter().map(|child| seen.insert(child)).collect();
        let mut first = first.into_iter();
        children.retain(|_| first.next().unwrap_or(true));
    }
    match children.pop() {
        Some(only) if children.is_empty() => only,
        last => {
            children.extend(last);
            join(children.into_boxed_slice())
        }
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Test(left), Self::Test(right)) => {
                left.key.eq_ignore_ascii_case(&right.key) && left.check == right.check
            }
            (Self::All(left), Self::All(right)) | (Self::Any(left), Self::Any(right)) => {
                // No child is there twice, so that one inclusion is enough.
                left.len() == right.len() && {
                    let left: HashSet<&Node> = left.iter().collect();
                    right.iter().all(|child| left.contains(child))
                }
            }
            (Self::Not(left), Self::Not(right)) => left == right,
            _ => false,
        }
    }
}

impl Eq for Node {}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::All(children) | Self::Any(children) => children
                .iter()
                .map(|child| {
                    let mut state = DefaultHasher::new();
                    child.hash(&mut state);
                    state.finish()
                })
                // A sum is the same in any order.
                .fold(0, u64::wrapping_add)
                .hash(state),
            Self::Not(child) => child.hash(state),
            Self::Test(test) => {
                for byte in test.key.bytes() {
                    state.write_u8(byte.to_ascii_lowercase());
                }
                test.check.hash(state);
            }
        }
    }
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Compare(left, first), Self::Compare(right, second)) => {
                left == right && first.text() == second.text()
            }
            (Self::Present, Self::Present) => true,
            (Self::Substring(left), Self::Substring(right)) => {
                left.is_approximate() == right.is_approximate() && left.pieces() == right.pieces()
            }
            _ => false,
        }
    }
}

impl Hash for Check {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Compare(comparison, operand) => (comparison, operand.text()).hash(state),
            Self::Present => {}
            Self::Substring(pattern) => (pattern.is_approximate(), pattern.pieces()).hash(state),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(children) if children.is_empty() => f.write_str("(*=*)"),
            Self::All(children) => joined(f, '&', children),
            Self::Any(children) => joined(f, '|', children),
            Self::Not(child) => write!(f, "(!{child})"),
            Self::Test(test) => write!(f, "{test}"),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, operator: char, children: &[Node]) -> fmt::Result {
    write!(f, "({operator}")?;
    for child in children {
        write!(f, "{child}")?;
    }
    f.write_char(')')
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}", Escaped(&self.key))?;
        match &self.check {
            Check::Compare(comparison, operand) => {
                write!(f, "{}{})", comparison.symbol(), Escaped(operand.text()))
            }
            Check::Present => f.write_str("=*)"),
            Check::Substring(pattern) => {
                f.write_str(if pattern.is_approximate() { "~=" } else { "=" })?;
                for (index, piece) in pattern.pieces().iter().enumerate() {
                    if index > 0 {
                        f.write_char('*')?;
                    }
                    write!(f, "{}", Escaped(piece))?;
                }
                f.write_char(')')
            }
        }
    }
}

/// Prints a text so that it stands for itself on either side of an operator.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, character) in self.0.char_indices() {
            let first = index == 0;
            let last = index + character.len_utf8() == self.0.len();
            let special = match character {
                '\\' | '(' | ')' | '*' | '=' | '<' | '>' | '~' => true,
                '&' | '|' | '!' => first,
                _ => (first || last) && character.is_whitespace(),
            };
            if special {
                f.write_char('\\')?;
            }
            f.write_char(character)?;
        }
        Ok(())
    }
}

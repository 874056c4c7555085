//! [`CodecError`]: what is wrong with a document or a value, and where.

use std::fmt;

/// Which of the [`Limits`](super::Limits) was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// The length of the document.
    Bytes,
    /// How deep values nest.
    Depth,
    /// The number of elements.
    Elements,
    /// The length of one text.
    Text,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Depth => "levels of depth",
            Self::Elements => "elements",
            Self::Text => "bytes of text",
        })
    }
}

/// Why a document cannot be read, or a value not be written.
///
/// Offsets are in bytes from the start of the document. All but [`Character`](Self::Character), [`TooDeep`](Self::TooDeep)
/// and [`Unwritable`](Self::Unwritable) are about a document, so the peer that sent it is at fault; those three are
/// about a value, so its owner is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A text to be written has a character that XML cannot hold, escaped or not.
    #[error("{place}: XML cannot hold the character U+{:04X} at byte {index} of the text", u32::from(*.character))]
    Character {
        /// The character.
        character: char,
        /// Where it is in the text, in bytes.
        index: usize,
        /// Which text, e.g. `argument 1[3].name`.
        place: String,
    },
    /// The document says it is in an encoding that is not read.
    #[error("the encoding {name:?} is not read: send UTF-8")]
    Encoding {
        /// The encoding's name.
        name: String,
        /// Where the XML declaration is.
        offset: usize,
    },
    /// The document holds something that XML allows and this codec does not.
    #[error("{what} is not allowed (at byte {offset})")]
    Forbidden {
        /// What was found.
        what: &'static str,
        /// Where.
        offset: usize,
    },
    /// The document is larger than the limits.
    #[error("more than {maximum} {limit} (at byte {offset})")]
    Limit {
        /// Which limit.
        limit: Limit,
        /// What it is set to.
        maximum: usize,
        /// Where it was exceeded.
        offset: usize,
    },
    /// The document is not XML.
    #[error("not well-formed XML at byte {offset}: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
        /// Where.
        offset: usize,
    },
    /// The text of an element is not of the element's type.
    #[error("{text:?} is no {kind} (at byte {offset})")]
    Scalar {
        /// The text, shortened.
        text: String,
        /// The type.
        kind: &'static str,
        /// Where the element ends.
        offset: usize,
    },
    /// The elements are not in the order that XML-RPC has.
    #[error("expected {expected}, found {found} (at byte {offset})")]
    Structure {
        /// What would have been right.
        expected: &'static str,
        /// What was there.
        found: String,
        /// Where.
        offset: usize,
    },
    /// A value to be written nests deeper than any peer of ours reads.
    #[error("{place}: deeper than {maximum} levels")]
    TooDeep {
        /// The greatest depth that is written.
        maximum: u8,
        /// Where, e.g. `argument 1[3].name`.
        place: String,
    },
    /// An element that XML-RPC does not have, or a type that is not read (`ex:serializable`).
    #[error("unknown element or type <{name}> (at byte {offset})")]
    Unknown {
        /// The element's name with its prefix, shortened.
        name: String,
        /// Where.
        offset: usize,
    },
    /// A value that XML-RPC has no form for.
    #[error("{place}: {reason}")]
    Unwritable {
        /// Why.
        reason: String,
        /// Where, e.g. `argument 1[3].name`.
        place: String,
    },
}

impl CodecError {
    /// Puts a step before the place of an error that a writer met further inside.
    #[cold]
    pub(super) fn inside(mut self, step: &str) -> Self {
        if let Self::Character { place, .. }
        | Self::TooDeep { place, .. }
        | Self::Unwritable { place, .. } = &mut self
        {
            place.insert_str(0, step);
        }
        self
    }
}

/// The start of a text for an error message: a peer chooses its length.
#[cold]
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

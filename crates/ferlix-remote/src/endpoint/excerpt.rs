//! [`excerpt`]: what an error message repeats of a foreign text, so that no message is as long as what a peer sent.

use std::borrow::Cow;

/// How many characters of a name or value a message repeats.
pub(crate) const QUOTED: usize = 80;

/// The text if it has no more characters than `limit`, else as many of its characters and an ellipsis.
pub(crate) fn excerpt(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn only_what_is_too_long_is_cut_and_between_characters() {
        assert_eq!(excerpt("", 2), "");
        assert_eq!(excerpt("éé", 2), "éé");
        assert_eq!(excerpt("ééé", 2), "éé…");
    }
}

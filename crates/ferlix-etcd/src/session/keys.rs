//! The names of a session's keys, and the range of everything below the top key.
//!
//! The range is `[top/, top0)`: `0` follows `/`, so it holds what begins with `top/` and nothing else. (iPOPO and ECF
//! read `[top, top\)`, which brings them the keys of every top key that begins like theirs.)

/// The keys of one session.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    start: String,
    end: String,
    session: String,
}

impl Keys {
    pub(crate) fn new(top: &str, session_id: &str) -> Self {
        Self {
            start: format!("{top}/"),
            end: format!("{top}0"),
            session: format!("{top}/{session_id}"),
        }
    }

    /// The first key of everything.
    pub(crate) fn start(&self) -> &[u8] {
        self.start.as_bytes()
    }

    /// The first key after everything.
    pub(crate) fn end(&self) -> &[u8] {
        self.end.as_bytes()
    }

    /// The session's own key.
    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    /// The range of the session's records, without its own key.
    pub(crate) fn records(&self) -> (String, String) {
        (format!("{}/", self.session), format!("{}0", self.session))
    }

    /// The key of a record.
    pub(crate) fn record(&self, name: &str) -> String {
        [&self.session, "/", name].concat()
    }

    /// The key as text, if it belongs to this session. Ours are all text: what is not cannot be ours.
    pub(crate) fn own<'k>(&self, key: &'k [u8]) -> Option<&'k str> {
        let rest = key.strip_prefix(self.session.as_bytes())?;
        if rest.is_empty() || rest[0] == b'/' {
            std::str::from_utf8(key).ok()
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_holds_what_is_below_the_top_key_only() {
        let keys = Keys::new("top", "me");
        let inside = |key: &[u8]| key >= keys.start() && key < keys.end();
        assert!(inside(b"top/a") && inside(b"top/\xff\xff"));
        for other in [&b"top"[..], b"top.x/a", b"top0", b"top2/a", b"topA/a"] {
            assert!(!inside(other));
        }
    }

    #[test]
    fn own_keys_are_told_from_those_of_a_session_that_begins_alike() {
        let keys = Keys::new("top", "me");
        assert_eq!(keys.own(b"top/me"), Some("top/me"));
        assert_eq!(keys.own(b"top/me/x"), Some(keys.record("x").as_str()));
        assert_eq!(keys.own(b"top/me2/x"), None);
        assert_eq!(keys.own(b"top/me/\xff"), None);
    }
}

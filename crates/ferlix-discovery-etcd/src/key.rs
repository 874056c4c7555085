//! The keys of sessions and endpoints: `<top>/<session>` and `<top>/<session>/<endpoint.id>`.
//!
//! Read leniently: any session identifier, empty segments dropped, segments after the third ignored, all as iPOPO does.
//! Unlike iPOPO, the top key must be there exactly, so that the keys of another top key are never taken for ours.

/// What the key of an endpoint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndpointKey<'k> {
    /// Who put it.
    pub(crate) session: &'k str,
    /// The endpoint, as a peer names it; the record itself has the last word.
    pub(crate) endpoint: &'k str,
}

/// Reads a key below the top key; `None` for the key of a session and for what is not below.
pub(crate) fn parse<'k>(top: &str, key: &'k str) -> Option<EndpointKey<'k>> {
    let rest = key.strip_prefix(top)?.strip_prefix('/')?;
    let mut segments = rest.split('/').filter(|segment| !segment.is_empty());
    Some(EndpointKey {
        session: segments.next()?,
        endpoint: segments.next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_ipopo_reads_them_but_for_the_top_key() {
        let read = |key| parse("top", key).map(|key| (key.session, key.endpoint));
        assert_eq!(read("top/s/e"), Some(("s", "e")));
        assert_eq!(read("top//s//e/"), Some(("s", "e")));
        assert_eq!(read("top/s/e/more/and/more"), Some(("s", "e")));
        for other in ["top/s", "top/", "top", "top2/s/e", "topA/s/e", "x/s/e", ""] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}

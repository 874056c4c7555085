//! [`Credentials`]: what a client says of itself in `Authorization`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// Credentials of a request.
pub(super) enum Credentials<'a> {
    /// HTTP basic (RFC 7617).
    Basic { name: String, password: Vec<u8> },
    /// A bearer token (RFC 6750).
    Bearer(&'a [u8]),
}

impl<'a> Credentials<'a> {
    /// `None` when they are of another scheme or malformed.
    pub(super) fn read(header: &'a HeaderValue) -> Option<Self> {
        let text = header.as_bytes();
        let space = text.iter().position(|byte| *byte == b' ')?;
        let (scheme, rest) = text.split_at(space);
        let rest = rest.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return (!rest.is_empty()).then_some(Self::Bearer(rest));
        }
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return None;
        }
        let plain = STANDARD.decode(rest).ok()?;
        let colon = plain.iter().position(|byte| *byte == b':')?;
        let name = std::str::from_utf8(&plain[..colon]).ok()?.to_owned();
        Some(Self::Basic {
            name,
            password: plain[colon + 1..].to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(header: &str) -> Option<(String, Vec<u8>)> {
        match Credentials::read(&header.parse().unwrap())? {
            Credentials::Basic { name, password } => Some((name, password)),
            Credentials::Bearer(_) => None,
        }
    }

    #[test]
    fn both_schemes_are_read() {
        let expected = ("Aladdin".to_owned(), b"open sesame".to_vec());
        let known = basic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(known, Some(expected.clone()));
        assert_eq!(
            basic("bASIC   QWxhZGRpbjpvcGVuIHNlc2FtZQ== "),
            Some(expected)
        );
        let colons = basic(&format!("Basic {}", STANDARD.encode("a:b:c")));
        assert_eq!(colons, Some(("a".to_owned(), b"b:c".to_vec())));
        let header = HeaderValue::from_static("Bearer abc.d");
        let read = Credentials::read(&header);
        assert!(matches!(read, Some(Credentials::Bearer(b"abc.d"))));
    }

    #[test]
    fn what_is_malformed_is_none() {
        for wrong in [
            "",
            "Basic",
            "Basic ",
            "Basic !!!",
            "Basic QWxhZGRpbg==",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",
            "Basic /zph",
            "Bearer",
            "Bearer ",
            "Digest username=\"a\"",
            "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ] {
            assert!(
                Credentials::read(&wrong.parse().unwrap()).is_none(),
                "{wrong}"
            );
        }
    }
}

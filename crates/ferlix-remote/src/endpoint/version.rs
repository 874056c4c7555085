//! The check of OSGi version texts: `major[.minor[.micro[.qualifier]]]`.

/// Whether a text is an OSGi version.
pub(crate) fn is_version(text: &str) -> bool {
    let mut parts = text.trim().splitn(4, '.');
    let number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u32>().is_ok()
    };
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    parts.next().is_some_and(number)
        && parts.next().is_none_or(number)
        && parts.next().is_none_or(number)
        && parts.next().is_none_or(word)
}

#[cfg(test)]
mod tests {
    use super::is_version;

    #[test]
    fn the_four_parts() {
        for good in ["1", "1.2", "0.0.0", " 1.2.3 ", "1.2.3.v2026-01_a"] {
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "",
            "1.",
            "a",
            "1.2.3.",
            "1.2.3.x.y",
            "-1",
            "1.2.3.é",
            "99999999999",
        ] {
            assert!(!is_version(bad), "{bad}");
        }
    }
}

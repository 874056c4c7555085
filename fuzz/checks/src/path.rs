//! HTTP paths: normalised, a path cannot hide anything any more.

use std::fmt::Write;

use ferlix_http::normalise;

/// Checks that a path that is not refused is absolute, has single slashes and no dot segments or control characters, and
/// that it is normal: escaped as a whole, it normalises to itself.
///
/// # Panics
/// When it does not hold.
pub fn path(data: &[u8]) {
    let Ok(target) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(normal) = normalise(target) else {
        return;
    };
    let Some(relative) = normal.strip_prefix('/') else {
        panic!("{target:?} became {normal:?}, which is not absolute");
    };
    assert!(
        !normal.chars().any(char::is_control),
        "{target:?} became {normal:?}, with a control character"
    );
    let segments: Vec<&str> = relative.split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        assert!(
            !matches!(*segment, "." | "..") && (last || !segment.is_empty()),
            "{target:?} became {normal:?}, with the segment {segment:?}"
        );
    }

    let mut escaped = String::with_capacity(3 * normal.len());
    for byte in normal.bytes() {
        // Writing to a `String` cannot fail.
        let _ = write!(escaped, "%{byte:02x}");
    }
    assert_eq!(
        normalise(&escaped).as_deref(),
        Ok(&*normal),
        "{target:?} is normal only after a second time"
    );
}

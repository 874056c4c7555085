//! Normalisation of request and mount paths, so that one resource has one name.
//!
//! In: the path of a request target as it came, or the path given to a mount. Out: the path that is compared, decoded
//! once, with single slashes and without dot segments. The steps are iPOPO's: the query is cut, percent escapes are
//! decoded exactly once, a control character or a climb above the root is refused, slashes are collapsed, dot segments
//! resolved, and a trailing slash is kept.
//!
//! Deliberately absent: letter case (the routing table decides) and any look at files.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Why a path is refused; the client is at fault, and is answered 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The decoded path holds a control character.
    #[error("it holds a control character")]
    ControlCharacter,
    /// The decoded path is no UTF-8.
    #[error("it is not UTF-8 once decoded")]
    NotUtf8,
    /// A `..` leads above the root.
    #[error("it leads above the root")]
    OutsideRoot,
}

/// Normalises a path; borrows it when it is normal already, which is what nearly every request sends.
///
/// # Errors
/// [`PathError`] when the path must not be served.
///
/// ```
/// use ferlix_http::normalise;
/// assert_eq!(normalise("/a//b/../%63/?q=1").unwrap(), "/a/c/");
/// assert!(normalise("/%2e%2e/secret").is_err());
/// ```
pub fn normalise(target: &str) -> Result<Cow<'_, str>, PathError> {
    if is_normal(target) {
        return Ok(Cow::Borrowed(target));
    }
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    if is_normal(path) {
        return Ok(Cow::Borrowed(path));
    }
    let decoded = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| PathError::NotUtf8)?;
    if decoded.chars().any(char::is_control) {
        return Err(PathError::ControlCharacter);
    }
    resolve(&decoded).map(Cow::Owned)
}

/// Whether nothing needs to be done: absolute, ASCII without control characters and escapes, no empty or dotted segment, no
/// query.
///
/// A segment that merely begins with a dot (`/.well-known`) takes the slow way and comes out unchanged.
fn is_normal(path: &str) -> bool {
    let mut previous = 0;
    let plain = path.bytes().all(|byte| {
        let class = CLASSES[usize::from(byte)];
        let fits = class == Class::Plain || (class == Class::Segment && previous != b'/');
        previous = byte;
        fits
    });
    plain && path.starts_with('/')
}

/// What a byte of a path means to [`is_normal`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    /// A slash or a dot: fine but behind a slash.
    Segment,
    Other,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = b' ';
    while byte < 0x7f {
        classes[byte as usize] = match byte {
            b'%' | b'?' => Class::Other,
            b'/' | b'.' => Class::Segment,
            _ => Class::Plain,
        };
        byte += 1;
    }
    classes
};

/// Collapses slashes and resolves dot segments of a decoded path.
fn resolve(path: &str) -> Result<String, PathError> {
    let mut segments: Vec<&str> = Vec::new();
    let mut directory = false;
    for segment in path.split('/') {
        directory = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop().ok_or(PathError::OutsideRoot)?),
            name => segments.push(name),
        }
    }
    let mut resolved = String::with_capacity(path.len() + 1);
    for segment in &segments {
        resolved.push('/');
        resolved.push_str(segment);
    }
    // A path that ends with a slash or with a dot segment names a directory.
    if directory || segments.is_empty() {
        resolved.push('/');
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_normal() {
        for (given, expected) in [
            ("/", "/"),
            ("", "/"),
            ("a", "/a"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a/b", "/a/b"),
            ("/a//b", "/a/b"),
            ("//a///b//", "/a/b/"),
            ("/./a", "/a"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/../", "/"),
            ("/a/b/../c", "/a/c"),
            ("/a/b/..", "/a/"),
            ("/a/./b/./", "/a/b/"),
            ("/a?b/../../c", "/a"),
            ("/a%3Fb", "/a?b"),
            ("/%61", "/a"),
            ("/%2561", "/%61"),
            ("/a%2Fb", "/a/b"),
            ("/a%2f..%2fb", "/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/a%", "/a%"),
            ("/a%zz", "/a%zz"),
            ("/a+b", "/a+b"),
            ("/%C3%A9", "/é"),
            ("/é", "/é"),
            ("/...", "/..."),
            ("/.well-known/x", "/.well-known/x"),
            ("/a.b/..c", "/a.b/..c"),
            ("*", "/*"),
        ] {
            assert_eq!(normalise(given).as_deref(), Ok(expected), "{given:?}");
        }
    }

    #[test]
    fn dangerous_paths_are_refused() {
        for (given, expected) in [
            ("/..", PathError::OutsideRoot),
            ("/../a", PathError::OutsideRoot),
            ("..", PathError::OutsideRoot),
            ("/a/../../b", PathError::OutsideRoot),
            ("/%2e%2e/a", PathError::OutsideRoot),
            ("/a/..%2f..%2fb", PathError::OutsideRoot),
            ("/a%00", PathError::ControlCharacter),
            ("/a%0d%0aSet-Cookie:x", PathError::ControlCharacter),
            ("/a\tb", PathError::ControlCharacter),
            ("/a%7f", PathError::ControlCharacter),
            ("/%C2%85", PathError::ControlCharacter),
            ("/%ff", PathError::NotUtf8),
            ("/%C3", PathError::NotUtf8),
        ] {
            assert_eq!(normalise(given), Err(expected), "{given:?}");
        }
    }

    #[test]
    fn a_normal_path_is_borrowed() {
        assert!(matches!(
            normalise("/xml-rpc?x"),
            Ok(Cow::Borrowed("/xml-rpc"))
        ));
    }

    #[test]
    fn normalising_a_normal_path_changes_nothing() {
        for path in ["/a//b/", "/a/../b", "/x/./y/", "/.a", "//", "/a/.."] {
            let once = normalise(path).unwrap().into_owned();
            assert_eq!(normalise(&once).unwrap(), once);
        }
    }
}

//! PIDs: the names of configurations, which are names of files too.

use crate::ConfigError;

/// The longest PID, in bytes: with the ending of its file and of the temporary one it stays below what file systems take.
const LONGEST: usize = 200;

/// Refuses what cannot be a PID.
pub(crate) fn check(pid: &str) -> Result<(), ConfigError> {
    let reason = if pid.trim().is_empty() {
        "it is empty"
    } else if pid.contains(['/', '\\']) {
        "it has a slash or a backslash"
    } else if pid.contains(char::is_control) {
        "it has a NUL or another control character"
    } else if pid.starts_with('.') {
        "it begins with a dot"
    } else if pid.trim() != pid {
        "it begins or ends with a blank"
    } else if pid.len() > LONGEST {
        "it is longer than 200 bytes"
    } else {
        return Ok(());
    };
    Err(ConfigError::Pid {
        pid: pid.chars().take(LONGEST).collect(),
        reason,
    })
}

/// The factory PID in a PID of the form `factory~name`.
pub(crate) fn factory_of(pid: &str) -> Option<&str> {
    let (factory, name) = pid.split_once('~')?;
    (!factory.is_empty() && !name.is_empty()).then_some(factory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pids_that_leave_the_folder_are_refused() {
        for pid in [
            "",
            "  ",
            "../x",
            "a/b",
            "..\\x",
            "a\\b",
            "/etc/passwd",
            "C:\\x",
            "a\0b",
            "a\nb",
            "..",
            ".hidden",
            " a",
            "a ",
        ] {
            assert!(check(pid).is_err(), "{pid:?}");
        }
        assert!(check(&"a".repeat(LONGEST + 1)).is_err());
        for pid in [
            "a",
            "test.pid",
            "a-b_c",
            "häßlich",
            "a b",
            "a~b",
            "a..b",
            "C:x",
        ] {
            assert!(check(pid).is_ok(), "{pid:?}");
        }
    }

    #[test]
    fn a_tilde_parts_factory_and_name() {
        assert_eq!(factory_of("a.b~c~d"), Some("a.b"));
        assert_eq!(factory_of("a.b"), None);
        assert_eq!(factory_of("~c"), None);
        assert_eq!(factory_of("c~"), None);
    }
}

//! Which properties hold a password or the like, and what is shown in its place.
//!
//! The name tells it, so that whoever lists properties need not know whose they are. It hides what is listed and printed;
//! who may read a property gets its value as before.

use std::borrow::Cow;

use super::Value;

/// What a listing shows in place of a secret.
pub const HIDDEN: &str = "(hidden)";

/// How the names of secrets end.
const ENDS: [&str; 5] = ["password", "passwd", "passphrase", "secret", "token"];

/// Whether the name of a property, or of an environment variable, says that its value is a secret: `etcd.password`,
/// `ETCD_PASSWORD` and `clientSecret` do, `etcd.password_file` does not.
///
/// ```
/// use ferlix_core::property::is_secret;
///
/// assert!(is_secret("etcd.password"));
/// assert!(!is_secret("etcd.password_file"));
/// ```
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ENDS.iter().any(|end| key.ends_with(end))
}

/// The value of a property as a listing shows it: [`HIDDEN`] if it [is a secret](is_secret), unless there is none.
pub fn shown<'v>(key: &str, value: &'v Value) -> Cow<'v, Value> {
    if *value != Value::Null && is_secret(key) {
        Cow::Owned(Value::from(HIDDEN))
    } else {
        Cow::Borrowed(value)
    }
}

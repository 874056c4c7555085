//! The form that the password file and the token file have in common, and how entries for them are made.

use std::path::Path;

use argon2::Argon2;
use argon2::password_hash::PasswordHasher as _;

use super::tokens;
use crate::error::{BoxError, HttpError};
use crate::reload::FileError;

/// The most entries of a file.
const MOST: usize = 10_000;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 256;

/// One entry: `name:secret`.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) line: usize,
    pub(super) name: &'a str,
    pub(super) secret: &'a str,
}

/// The entries of a file: one a line; empty lines and those that begin with `#` are skipped. No error shows a secret.
pub(super) fn entries<'a>(file: &Path, content: &'a [u8]) -> Result<Vec<Entry<'a>>, FileError> {
    let text = std::str::from_utf8(content)
        .map_err(|error| FileError::new(file, format!("it is not UTF-8: {error}")))?;
    let mut entries = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let line = index + 1;
        let wrong = |what: &str| FileError::new(file, format!("line {line}: {what}"));
        let (name, secret) = text
            .split_once(':')
            .ok_or_else(|| wrong("expected name:secret"))?;
        check_name(name).map_err(wrong)?;
        if entries.len() >= MOST {
            return Err(wrong(&format!("there are more than {MOST} entries")));
        }
        entries.push(Entry { line, name, secret });
    }
    Ok(entries)
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("the name is empty");
    }
    if name.len() > LONGEST_NAME {
        return Err("the name is longer than 256 bytes");
    }
    if name.contains(|character: char| character.is_control() || character == ':')
        || name.trim() != name
    {
        return Err(
            "the name holds a control character or a colon, or begins or ends with a space",
        );
    }
    Ok(())
}

/// The entry of a password file for a name and a password: `name:$argon2id$…`, salted, of the cost that the argon2 crate
/// chooses by default (19 MiB, 2 passes). Takes some 50 ms by intention.
///
/// # Errors
/// [`HttpError::Entry`] when the name cannot stand in the file or the password is empty or longer than 1,024 bytes.
pub fn password_entry(name: &str, password: &str) -> Result<String, HttpError> {
    let wrong = |reason: BoxError| HttpError::Entry {
        name: name.to_owned(),
        reason: reason.to_string(),
    };
    check_name(name).map_err(|reason| wrong(reason.into()))?;
    if password.is_empty() || password.len() > super::passwords::LONGEST {
        return Err(wrong(
            "the password is empty or longer than 1,024 bytes".into(),
        ));
    }
    let hash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|error| wrong(error.to_string().into()))?;
    Ok(format!("{name}:{hash}"))
}

/// A new token for a name, and its entry for a token file: `name:sha256:…`.
///
/// # Errors
/// [`HttpError::Entry`] when the name cannot stand in the file.
pub fn new_token(name: &str) -> Result<(String, String), HttpError> {
    check_name(name).map_err(|reason| HttpError::Entry {
        name: name.to_owned(),
        reason: reason.to_owned(),
    })?;
    let token = new_password();
    let entry = tokens::entry(name, &token);
    Ok((token, entry))
}

/// A random secret of 244 bits, as 64 hexadecimal digits: a password or a token that nobody guesses, and that is written
/// anywhere as it is (one that began with a `-` would be an option to most programs).
#[must_use]
pub fn new_password() -> String {
    [0; 2]
        .map(|_| uuid::Uuid::new_v4().simple().to_string())
        .concat()
}

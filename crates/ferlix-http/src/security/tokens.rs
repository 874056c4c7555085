//! The token file: `name:sha256:<digest>`, one entry a line. A token is 244 random bits, so its plain digest says nothing
//! of it, and needs no salt.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ferlix_core::service::{Identity, Proof};
use ring::digest::{SHA256, digest};
use ring::hmac::{self, HMAC_SHA256};

use super::entries::{Entry, entries};
use crate::reload::FileError;

/// How a digest begins.
const SCHEME: &str = "sha256:";
/// The length of a digest in hexadecimal digits.
const DIGITS: usize = 64;

/// Who has which token.
pub(super) struct Tokens {
    /// Of this process alone: what is looked up cannot be steered from outside, so the time of a look-up tells nothing.
    key: hmac::Key,
    identities: HashMap<Vec<u8>, Arc<Identity>>,
}

impl Tokens {
    pub(super) fn read(file: &Path, content: &[u8], key: hmac::Key) -> Result<Self, FileError> {
        let mut identities = HashMap::new();
        for Entry { line, name, secret } in entries(file, content)? {
            let wrong = |what: &str| FileError::new(file, format!("line {line}: {what}"));
            let digits = secret
                .strip_prefix(SCHEME)
                .filter(|digits| digits.len() == DIGITS)
                .and_then(digits);
            let digest = digits.ok_or_else(|| {
                wrong("expected name:sha256:<64 hexadecimal digits>, as the command `ferlix token` prints it")
            })?;
            let identity = Arc::new(Identity::new(name, Proof::Token));
            let tag = hmac::sign(&key, &digest).as_ref().to_vec();
            if identities.insert(tag, identity).is_some() {
                return Err(wrong("the token is another's too"));
            }
        }
        Ok(Self { key, identities })
    }

    /// Whose token this is.
    pub(super) fn find(&self, token: &[u8]) -> Option<Arc<Identity>> {
        let digest = digest(&SHA256, token);
        let tag = hmac::sign(&self.key, digest.as_ref());
        self.identities.get(tag.as_ref()).cloned()
    }
}

/// An entry of the file.
pub(super) fn entry(name: &str, token: &str) -> String {
    let digest = digest(&SHA256, token.as_bytes());
    format!("{name}:{SCHEME}{}", hexadecimal(digest.as_ref()))
}

/// A key that only this process knows.
pub(super) fn process_key() -> hmac::Key {
    let seed: [[u8; 16]; 2] = [0; 2].map(|_| uuid::Uuid::new_v4().into_bytes());
    hmac::Key::new(HMAC_SHA256, &seed.concat())
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digits(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<Tokens, FileError> {
        Tokens::read(Path::new("tokens"), content.as_bytes(), process_key())
    }

    #[test]
    fn a_token_is_its_owners() {
        let (alice, bob) = (entry("alice", "one"), entry("bob", "two"));
        let tokens = read(&format!("# who\n\n{alice}\r\n{bob}\n")).unwrap();
        assert_eq!(tokens.find(b"one").unwrap().name(), "alice");
        assert_eq!(tokens.find(b"two").unwrap().name(), "bob");
        assert_eq!(tokens.find(b"two").unwrap().proof(), Proof::Token);
        for other in ["", "on", "onee", "One", "sha256:", &alice] {
            assert!(tokens.find(other.as_bytes()).is_none(), "{other}");
        }
        // Several tokens of one name, so that one can replace the other.
        assert!(read(&format!("{}\n{}", entry("a", "1"), entry("a", "2"))).is_ok());
    }

    #[test]
    fn a_wrong_entry_is_named_by_its_line_and_never_shown() {
        let digest = "0".repeat(64);
        for (wrong, line) in [
            ("alice".to_owned(), 1),
            (format!("\nalice:md5:{digest}"), 2),
            (format!("alice:sha256:{}", &digest[1..]), 1),
            (format!("alice:sha256:{}g", &digest[1..]), 1),
            (format!(":sha256:{digest}"), 1),
            (format!("a:sha256:{digest}\nb:sha256:{digest}"), 2),
        ] {
            let Err(error) = read(&wrong) else {
                panic!("{wrong} was read")
            };
            let said = error.to_string();
            assert!(said.contains(&format!("line {line}: ")), "{said}");
            assert!(!said.contains("000"), "{said}");
        }
    }
}

//! The password file: `name:$argon2id$…`, one entry a line, and what of it was checked already.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params};
use ferlix_core::service::{Identity, Proof};
use ring::hmac;

use super::entries::{Entry, entries};
use super::tokens::process_key;
use crate::reload::FileError;

/// The longest password, in bytes: longer ones are wrong without a look.
pub(super) const LONGEST: usize = 1024;
/// The most credentials that are remembered as right.
const REMEMBERED: usize = 1024;
/// The most memory that the check of an entry may take, in KiB, and the most passes.
const MOST_MEMORY: u32 = 256 * 1024;
const MOST_PASSES: u32 = 64;

/// Who has which password. A file that changes makes a new one, so that nothing is remembered of the old.
pub(super) struct Passwords {
    hashes: HashMap<String, (Arc<Identity>, PasswordHash)>,
    /// Checked in place of one that is not there, so that a name that exists takes as long as one that does not.
    stand_in: Option<PasswordHash>,
    key: hmac::Key,
    remembered: Mutex<HashMap<Tag, Arc<Identity>>>,
}

/// Credentials as they are remembered: a keyed digest, of no use to another process.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Tag([u8; 32]);

impl Passwords {
    pub(super) fn read(file: &Path, content: &[u8]) -> Result<Self, FileError> {
        let mut hashes = HashMap::new();
        let mut stand_in = None;
        for Entry { line, name, secret } in entries(file, content)? {
            let wrong = |what: &str| FileError::new(file, format!("line {line}: {what}"));
            let hash = PasswordHash::new(secret).map_err(|_| {
                wrong("expected name:$argon2id$…, as the command `ferlix password` prints it")
            })?;
            // The parameters are the file's: a slip of the pen must not take all memory at the first request.
            let parameters = hash
                .algorithm
                .as_str()
                .starts_with("argon2")
                .then(|| Params::try_from(&hash).ok())
                .flatten()
                .filter(|_| hash.salt.is_some() && hash.hash.is_some())
                .ok_or_else(|| wrong("the hash is not a whole one of argon2"))?;
            if parameters.m_cost() > MOST_MEMORY || parameters.t_cost() > MOST_PASSES {
                return Err(wrong(&format!(
                    "the hash asks for more than {MOST_MEMORY} KiB or {MOST_PASSES} passes"
                )));
            }
            stand_in.get_or_insert_with(|| hash.clone());
            let identity = Arc::new(Identity::new(name, Proof::Password));
            if hashes.insert(name.to_owned(), (identity, hash)).is_some() {
                return Err(wrong("the name is there twice"));
            }
        }
        Ok(Self {
            hashes,
            stand_in,
            key: process_key(),
            remembered: Mutex::default(),
        })
    }

    /// What credentials are remembered by.
    pub(super) fn tag(&self, name: &str, password: &[u8]) -> Tag {
        let mut context = hmac::Context::with_key(&self.key);
        // A name has no colon.
        for part in [name.as_bytes(), b":", password] {
            context.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(&context.sign().as_ref()[..32]);
        Tag(tag)
    }

    /// Who it is, if these credentials were right before.
    pub(super) fn recall(&self, tag: &Tag) -> Option<Arc<Identity>> {
        let remembered = self.remembered.lock();
        let remembered = remembered.unwrap_or_else(PoisonError::into_inner);
        remembered.get(tag).cloned()
    }

    /// Checks a password at full cost, by intention tens of milliseconds of one core.
    pub(super) fn check(&self, name: &str, password: &[u8], tag: &Tag) -> Option<Arc<Identity>> {
        let found = self.hashes.get(name);
        let hash = found.map(|(_, hash)| hash).or(self.stand_in.as_ref())?;
        // The comparison in it takes the same time for every wrong password.
        let is_right = Argon2::default().verify_password(password, hash).is_ok();
        let (identity, _) = found.filter(|_| is_right)?;
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED
            && let Some(any) = remembered.keys().next().copied()
        {
            remembered.remove(&any);
        }
        remembered.insert(*tag, Arc::clone(identity));
        Some(Arc::clone(identity))
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("entries", &self.hashes.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher as _;

    use super::*;

    /// An entry of little cost, for tests.
    fn entry(name: &str, password: &str) -> String {
        let little = Argon2::from(Params::new(8, 1, 1, None).unwrap());
        let hash = little.hash_password(password.as_bytes()).unwrap();
        format!("{name}:{hash}")
    }

    fn read(content: &str) -> Result<Passwords, FileError> {
        Passwords::read(Path::new("passwords"), content.as_bytes())
    }

    fn check(passwords: &Passwords, name: &str, password: &str) -> Option<Arc<Identity>> {
        let tag = passwords.tag(name, password.as_bytes());
        passwords.check(name, password.as_bytes(), &tag)
    }

    #[test]
    fn what_was_right_is_remembered_and_nothing_else() {
        let passwords = read(&format!("{}\n{}", entry("a", "x:y"), entry("b", "ß"))).unwrap();
        assert!(check(&passwords, "a", "wrong").is_none());
        assert!(check(&passwords, "c", "x:y").is_none());
        assert!(passwords.recall(&passwords.tag("a", b"x:y")).is_none());
        assert_eq!(check(&passwords, "a", "x:y").unwrap().name(), "a");
        assert_eq!(
            check(&passwords, "b", "ß").unwrap().proof(),
            Proof::Password
        );
        assert!(passwords.recall(&passwords.tag("a", b"x:y")).is_some());
        assert!(passwords.recall(&passwords.tag("a", b"x:z")).is_none());
        assert!(passwords.recall(&passwords.tag("b", b"x:y")).is_none());
        let other = read(&entry("a", "x:y")).unwrap();
        assert!(other.recall(&passwords.tag("a", b"x:y")).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let passwords = read(&entry("a", "x")).unwrap();
        assert!(check(&passwords, "a", "x").is_some());
        for index in 0..2 * REMEMBERED {
            let tag = passwords.tag("a", index.to_string().as_bytes());
            assert!(passwords.check("a", b"x", &tag).is_some());
        }
        assert_eq!(passwords.remembered.lock().unwrap().len(), REMEMBERED);
    }

    #[test]
    fn an_entry_of_the_command_is_read() {
        let entry = super::super::password_entry("alice", "secret").unwrap();
        assert!(
            entry.starts_with("alice:$argon2id$v=19$m=19456,t=2,p=1$"),
            "{entry}"
        );
        assert!(check(&read(&entry).unwrap(), "alice", "secret").is_some());
        for (name, password) in [("", "x"), ("a:b", "x"), (" a", "x"), ("a", "")] {
            assert!(
                super::super::password_entry(name, password).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_wrong_entry_is_named_by_its_line_and_never_shown() {
        let good = entry("a", "x");
        let costly = good.replace("m=8,", "m=4000000,");
        for (wrong, line) in [
            ("alice", 1),
            ("# who\nalice:geheim", 2),
            (
                "alice:$2b$12$geheimgeheimgeheimgeheimgeheimgeheimgeheimgeheimgeheim",
                1,
            ),
            ("alice:$argon2id$v=19$m=8,t=1,p=1", 1),
            (costly.as_str(), 1),
            (&format!("{good}\n{good}"), 2),
        ] {
            let said = read(wrong).unwrap_err().to_string();
            assert!(said.contains(&format!("line {line}: ")), "{said}");
            assert!(!said.contains("geheim"), "{said}");
        }
    }
}

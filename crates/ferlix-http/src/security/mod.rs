//! Who may come in: authentication of requests, and how many requests a client may send.
//!
//! In: the head of a request, and the certificate of its connection. Out: an [`Identity`], none where none is needed, or the
//! page that refuses. This is done before a handler is looked for, so that a stranger learns nothing of what is there.
//!
//! Passwords are checked on a thread that may block, few at a time, and once: what was right is remembered, in a form that
//! is of no use elsewhere, until the file changes. Deliberately absent: who may call what (that is for handlers, which know
//! services and methods), sessions and cookies.
//!
//! [`Identity`]: ferlix_core::service::Identity

mod certificate;
mod credentials;
mod entries;
mod guard;
mod passwords;
mod rates;
mod tokens;

use std::path::PathBuf;

pub(crate) use certificate::{Clients, identity_of};
pub use entries::{new_password, new_token, password_entry};
pub(crate) use guard::{Admission, Guard};

/// Who may come in, and how often. The fields are the properties of the component; see there for each.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SecurityOptions {
    /// The file of names and salted password hashes, for HTTP basic (default: none).
    pub password_file: Option<PathBuf>,
    /// The file of names and token digests, for bearer tokens (default: none).
    pub token_file: Option<PathBuf>,
    /// What clients are told that credentials are for (default `ferlix`).
    pub realm: String,
    /// Whether a request without credentials comes in too, without an identity (default false).
    pub anonymous: bool,
    /// The paths that need no credentials, and everything below them (default none).
    pub open_paths: Vec<String>,
    /// How many failed attempts an address has in a minute; 0 for no limit (default 30).
    pub failures: u32,
    /// How many requests a client may send in a second (default: no limit).
    pub rate: Option<RateLimit>,
}

impl Default for SecurityOptions {
    fn default() -> Self {
        Self {
            password_file: None,
            token_file: None,
            realm: "ferlix".to_owned(),
            anonymous: false,
            open_paths: Vec::new(),
            failures: 30,
            rate: None,
        }
    }
}

/// How many requests a client may send. A client is who it has proved to be, else its address.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// In the long run, each second.
    pub per_second: f64,
    /// At once.
    pub burst: u32,
}

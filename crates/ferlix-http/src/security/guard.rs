//! [`Guard`]: lets requests in, with the identity of who sent them, or refuses them.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use ferlix_core::service::Identity;
use futures_util::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Response};
use tokio::sync::Semaphore;

use super::credentials::Credentials;
use super::passwords::{LONGEST, Passwords};
use super::rates::{Client, Rates};
use super::tokens::{Tokens, process_key};
use super::{RateLimit, SecurityOptions};
use crate::body::Body;
use crate::error::HttpError;
use crate::metrics::{Counters, Refused};
use crate::pages;
use crate::path::normalise;
use crate::reload::Reloaded;

/// The most requests that wait for their passwords to be checked.
const MOST_WAITING: usize = 64;

/// Decides who comes in.
pub(crate) struct Guard {
    passwords: Option<Reloaded<Passwords>>,
    tokens: Option<Reloaded<Tokens>>,
    /// Whether a request needs an identity at all.
    asks: bool,
    challenges: Vec<HeaderValue>,
    open_paths: Vec<String>,
    rates: Option<Rates>,
    failures: Option<Rates>,
    checks: Arc<Semaphore>,
    waiting: AtomicUsize,
    counters: Arc<Counters>,
}

/// What comes of a request.
pub(crate) enum Admission {
    /// It comes in, with an identity or without.
    Granted(Option<Arc<Identity>>),
    /// It is answered with this page.
    Refused(Box<Response<Body>>),
    /// That takes some time.
    Checking(BoxFuture<'static, Result<Option<Arc<Identity>>, Response<Body>>>),
}

impl Guard {
    /// `None` when everybody may come in at any rate. `certificates`: whether clients may show one.
    pub(crate) fn new(
        options: &SecurityOptions,
        certificates: bool,
        counters: &Arc<Counters>,
    ) -> Result<Option<Arc<Self>>, HttpError> {
        let (password_file, token_file) = (&options.password_file, &options.token_file);
        let proves = password_file.is_some() || token_file.is_some() || certificates;
        if !proves && options.rate.is_none() {
            return Ok(None);
        }
        let realm = &options.realm;
        let mut challenges = Vec::new();
        let mut challenge = |text: String| {
            let value =
                HeaderValue::from_str(&text).map_err(|error| HttpError::InvalidProperty {
                    name: crate::component::properties::AUTH_REALM,
                    value: realm.clone(),
                    reason: error.to_string(),
                })?;
            challenges.push(value);
            Ok::<_, HttpError>(())
        };
        if password_file.is_some() {
            challenge(format!("Basic realm=\"{realm}\", charset=\"UTF-8\""))?;
        }
        if token_file.is_some() {
            challenge(format!("Bearer realm=\"{realm}\""))?;
        }
        let mut open_paths = Vec::new();
        for path in &options.open_paths {
            let normal = normalise(path).map_err(|source| HttpError::Path {
                path: path.clone(),
                source,
            })?;
            open_paths.push(normal.trim_end_matches('/').to_owned());
        }
        let per_minute = |failures: u32| {
            Rates::new(RateLimit {
                per_second: f64::from(failures) / 60.0,
                burst: failures,
            })
        };
        let half = available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        Ok(Some(Arc::new(Self {
            passwords: password_file.clone().map(passwords).transpose()?,
            tokens: token_file.clone().map(tokens).transpose()?,
            asks: proves && !options.anonymous,
            challenges,
            open_paths,
            rates: options.rate.map(Rates::new),
            failures: Some(options.failures)
                .filter(|most| *most > 0)
                .map(per_minute),
            checks: Arc::new(Semaphore::new(half)),
            waiting: AtomicUsize::new(0),
            counters: Arc::clone(counters),
        })))
    }

    /// Looks whether the files have changed. Reads files: not to be called on a task.
    pub(crate) fn refresh(&self) {
        if let Some(passwords) = &self.passwords {
            passwords.refresh();
        }
        if let Some(tokens) = &self.tokens {
            tokens.refresh();
        }
    }

    /// Whether there is any file to look at.
    pub(crate) const fn has_files(&self) -> bool {
        self.passwords.is_some() || self.tokens.is_some()
    }

    /// Decides on a request: from where, with which certificate, for which (normalised) path.
    pub(crate) fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        certificate: Option<&Arc<Identity>>,
        headers: &HeaderMap,
        path: &str,
    ) -> Admission {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let header = given.next().filter(|_| self.has_files());
        let Some(header) = header else {
            let refused = self.asks && certificate.is_none() && !self.is_open(path);
            return self.settle(address, certificate.cloned(), !refused);
        };
        // Two of them: who is to say which one was meant.
        let credentials = match given.next() {
            Some(_) => None,
            None => Credentials::read(header),
        };
        match (credentials, &self.passwords, &self.tokens) {
            (Some(Credentials::Bearer(token)), _, Some(tokens)) => {
                match tokens.load().find(token) {
                    Some(identity) => self.settle(address, Some(identity), true),
                    None => self.failed(address),
                }
            }
            (Some(Credentials::Basic { name, password }), Some(passwords), _)
                if password.len() <= LONGEST =>
            {
                let passwords = passwords.load();
                let tag = passwords.tag(&name, &password);
                if let Some(identity) = passwords.recall(&tag) {
                    return self.settle(address, Some(identity), true);
                }
                if let Err(wait) = self.may_try(address) {
                    return Admission::Refused(Box::new(self.too_many(wait)));
                }
                let guard = Arc::clone(self);
                Admission::Checking(Box::pin(async move {
                    guard.check(address, passwords, name, password).await
                }))
            }
            _ => self.failed(address),
        }
    }

    /// Checks a password on a thread that may block, when it is its turn.
    async fn check(
        &self,
        address: IpAddr,
        passwords: Arc<Passwords>,
        name: String,
        password: Vec<u8>,
    ) -> Result<Option<Arc<Identity>>, Response<Body>> {
        let tag = passwords.tag(&name, &password);
        let Some(_waiting) = Waiting::new(&self.waiting) else {
            self.counters.refused(Refused::Busy);
            return Err(pages::busy());
        };
        let permit = Arc::clone(&self.checks).acquire_owned().await;
        // Many that came with the same password wait for one check only.
        let found = match passwords.recall(&tag) {
            Some(identity) => Some(identity),
            None => {
                // It may have failed often meanwhile.
                self.may_try(address).map_err(|wait| self.too_many(wait))?;
                let checking = tokio::task::spawn_blocking(move || {
                    let _permit = permit;
                    passwords.check(&name, &password, &tag)
                });
                checking.await.unwrap_or_default()
            }
        };
        let admission = match found {
            Some(identity) => self.settle(address, Some(identity), true),
            None => self.failed(address),
        };
        match admission {
            Admission::Granted(identity) => Ok(identity),
            Admission::Refused(page) => Err(*page),
            Admission::Checking(later) => later.await,
        }
    }

    /// The last step: whoever it is may not come too often.
    fn settle(&self, address: IpAddr, identity: Option<Arc<Identity>>, granted: bool) -> Admission {
        if let Some(rates) = &self.rates {
            let client = Client::new(identity.as_ref(), address);
            if let Err(wait) = rates.take(&client, Instant::now()) {
                return Admission::Refused(Box::new(self.too_many(wait)));
            }
        }
        if granted {
            return Admission::Granted(identity);
        }
        self.counters.refused(Refused::Unauthenticated);
        Admission::Refused(Box::new(pages::unauthenticated(&self.challenges)))
    }

    /// Wrong credentials. They are not logged: what is given for a name is a password now and then.
    fn failed(&self, address: IpAddr) -> Admission {
        if let Some(failures) = &self.failures
            && let Err(wait) = failures.take(&Client::at(address), Instant::now())
        {
            return Admission::Refused(Box::new(self.too_many(wait)));
        }
        tracing::debug!(%address, "wrong credentials");
        self.settle(address, None, false)
    }

    fn may_try(&self, address: IpAddr) -> Result<(), Duration> {
        self.failures.as_ref().map_or(Ok(()), |failures| {
            failures.look(&Client::at(address), Instant::now())
        })
    }

    fn too_many(&self, wait: Duration) -> Response<Body> {
        self.counters.refused(Refused::TooMany);
        pages::too_many(wait)
    }

    fn is_open(&self, path: &str) -> bool {
        self.open_paths.iter().any(|open| {
            path.strip_prefix(open.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("passwords", &self.passwords)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

fn passwords(file: PathBuf) -> Result<Reloaded<Passwords>, HttpError> {
    let read = move |contents: &[Vec<u8>], file: &PathBuf| Passwords::read(file, &contents[0]);
    let files = vec![file.clone()];
    let made = Reloaded::new("the passwords", files, move |contents| {
        read(contents, &file)
    });
    made.map_err(HttpError::File)
}

fn tokens(file: PathBuf) -> Result<Reloaded<Tokens>, HttpError> {
    let key = process_key();
    let files = vec![file.clone()];
    let made = Reloaded::new("the tokens", files, move |contents| {
        Tokens::read(&file, &contents[0], key.clone())
    });
    made.map_err(HttpError::File)
}

/// A place among those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicUsize) -> Option<Self> {
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        // From here on it is dropped in any case.
        let place = Self(waiting);
        (before < MOST_WAITING).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_wait_for_a_check_are_bounded() {
        let waiting = AtomicUsize::new(0);
        let places: Vec<_> = (0..MOST_WAITING).map(|_| Waiting::new(&waiting)).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(Waiting::new(&waiting).is_none());
        assert_eq!(waiting.load(Ordering::Relaxed), MOST_WAITING);
        drop(places);
        assert!(Waiting::new(&waiting).is_some());
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
    }
}

//! [`Credentials`]: what our calls say of us, and to whom they say it.
//!
//! In: a file or a variable of the environment that holds a password or a token; never a property, which could be listed.
//! Out: the header `Authorization`, marked as sensitive. A file is read again when a peer refuses what was in it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ferlix_http::{FileError, Reloaded};
use http::uri::Scheme;
use http::{HeaderValue, Uri};

use crate::error::Error;

/// A file is looked at again no sooner than this.
const PAUSE: Duration = Duration::from_millis(500);

/// Where a password or a token comes from. What it is never shows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Secret {
    /// A file, without the line end that it may end with.
    File(PathBuf),
    /// A variable of the environment.
    Environment(String),
}

/// What calls say of us.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The name for HTTP basic; `None` for a bearer token.
    pub user: Option<String>,
    /// The password, or the token.
    pub secret: Secret,
    /// The hosts that are told. When there are none: those that are called by `https`, whose certificates were checked, and
    /// this machine.
    pub hosts: Vec<String>,
}

/// Credentials in use.
pub(super) struct Authorization {
    header: Header,
    hosts: Vec<String>,
}

enum Header {
    Fixed(HeaderValue),
    File(Arc<Reloaded<HeaderValue>>),
}

impl Authorization {
    pub(super) fn new(credentials: &Credentials) -> Result<Self, Error> {
        let user = credentials.user.clone();
        if let Some(name) = &user
            && (name.contains(':') || name.contains(char::is_control))
        {
            return Err(Error::Property {
                name: "ecf.xmlrpc.client.auth.user".into(),
                value: name.clone(),
                reason: "expected a name without colons and control characters".to_owned(),
            });
        }
        let header = match &credentials.secret {
            Secret::File(file) => {
                let make = move |file: &Path, contents: &[Vec<u8>]| {
                    let wrong = |reason| FileError::new(file, reason);
                    let text =
                        std::str::from_utf8(&contents[0]).map_err(|_| wrong("it is not UTF-8"))?;
                    header(user.as_deref(), text.trim_end_matches(['\r', '\n'])).map_err(wrong)
                };
                let (file, files) = (file.clone(), vec![file.clone()]);
                let made = Reloaded::new("the credentials of our calls", files, move |contents| {
                    make(&file, contents)
                })?;
                Header::File(Arc::new(made))
            }
            Secret::Environment(variable) => {
                let wrong = |reason: &str| Error::Property {
                    name: "ecf.xmlrpc.client.auth.…_env".into(),
                    value: variable.clone(),
                    reason: format!("the variable {reason}"),
                };
                let secret =
                    std::env::var(variable).map_err(|_| wrong("is not set, or not UTF-8"))?;
                Header::Fixed(header(user.as_deref(), &secret).map_err(wrong)?)
            }
        };
        Ok(Self {
            header,
            hosts: credentials.hosts.clone(),
        })
    }

    /// Whether an endpoint is told who we are.
    pub(super) fn is_for(&self, uri: &Uri) -> bool {
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if self.hosts.is_empty() {
            let is_local = host.eq_ignore_ascii_case("localhost")
                || host
                    .parse()
                    .is_ok_and(|address: IpAddr| address.is_loopback());
            return uri.scheme() == Some(&Scheme::HTTPS) || is_local;
        }
        self.hosts
            .iter()
            .any(|known| known.eq_ignore_ascii_case(host))
    }

    /// The header.
    pub(super) fn header(&self) -> HeaderValue {
        match &self.header {
            Header::Fixed(header) => header.clone(),
            Header::File(file) => HeaderValue::clone(&file.load()),
        }
    }

    /// After a refusal: whether there are other credentials now.
    pub(super) async fn refresh(&self) -> bool {
        match &self.header {
            Header::Fixed(_) => false,
            Header::File(file) => file.refresh_after(PAUSE).await,
        }
    }
}

/// The header for a password or a token; the error never shows it.
fn header(user: Option<&str>, secret: &str) -> Result<HeaderValue, &'static str> {
    if secret.is_empty() {
        return Err("it is empty");
    }
    let text = match user {
        Some(user) => format!("Basic {}", STANDARD.encode(format!("{user}:{secret}"))),
        None => format!("Bearer {secret}"),
    };
    let mut header =
        HeaderValue::try_from(text).map_err(|_| "it holds characters that a token cannot")?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(hosts: &[&str]) -> Authorization {
        Authorization {
            header: Header::Fixed(header(None, "t").unwrap()),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        }
    }

    #[test]
    fn credentials_go_to_whom_they_are_meant_for() {
        let nobody_named = to(&[]);
        let named = to(&["Example.org", "::1"]);
        for (url, by_default, when_named) in [
            ("https://example.com/x", true, false),
            ("http://example.com/x", false, false),
            ("http://example.org/x", false, true),
            ("https://example.org:8443/x", true, true),
            ("http://127.0.0.1:8080/x", true, false),
            ("http://localhost:8080/x", true, false),
            ("http://[::1]:8080/x", true, true),
            ("http://localhost.example.com/x", false, false),
            ("http://127.0.0.1.example.com/x", false, false),
        ] {
            let uri: Uri = url.parse().unwrap();
            assert_eq!(nobody_named.is_for(&uri), by_default, "{url}");
            assert_eq!(named.is_for(&uri), when_named, "{url}");
        }
    }

    #[test]
    fn the_header_does_not_show_the_secret() {
        let basic = header(Some("Aladdin"), "open sesame").unwrap();
        assert_eq!(basic.as_bytes(), b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{basic:?}"), "Sensitive");
        assert_eq!(header(None, ""), Err("it is empty"));
        assert!(header(None, "a\nb").is_err());
    }

    #[test]
    fn a_secret_that_is_not_there_is_an_error_that_says_where() {
        let error = |secret| {
            let credentials = Credentials {
                user: Some("a".to_owned()),
                secret,
                hosts: Vec::new(),
            };
            Authorization::new(&credentials).err().unwrap().to_string()
        };
        let file = error(Secret::File("/none/secret".into()));
        assert!(file.starts_with("cannot use /none/secret: "), "{file}");
        let variable = error(Secret::Environment("FERLIX_NO_SUCH_VARIABLE".to_owned()));
        assert!(variable.contains("FERLIX_NO_SUCH_VARIABLE"), "{variable}");
    }
}

//! Logging in: the token of a connection, and its renewal when etcd says that it is no longer good.
//!
//! Tokens are never renewed by a timer: etcd ends them for several reasons (age, a restart, a changed user), and says so.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Status};

use super::Client;
use crate::error::Error;
use crate::proto::etcdserverpb::AuthenticateRequest;
use crate::proto::etcdserverpb::auth_client::AuthClient;

/// One token; the number tells it from its successors.
#[derive(Clone)]
pub(super) struct Issued {
    pub(super) value: MetadataValue<Ascii>,
    number: u64,
}

/// The token in use, if any, and the turn to renew it.
#[derive(Default)]
pub(super) struct Token {
    issued: RwLock<Option<Issued>>,
    turn: tokio::sync::Mutex<()>,
}

impl Token {
    pub(super) fn current(&self) -> Option<Issued> {
        self.issued
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn replace(&self, value: MetadataValue<Ascii>) {
        let mut issued = self.issued.write().unwrap_or_else(PoisonError::into_inner);
        let number = issued.as_ref().map_or(0, |old| old.number + 1);
        *issued = Some(Issued { value, number });
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Client {
    /// Gets a token where a user is configured; an etcd without authentication needs none.
    pub(super) async fn log_in(&self) -> Result<(), Error> {
        const CALL: &str = "a login";
        let Some(credentials) = &self.inner.config.credentials else {
            return Ok(());
        };
        let request = AuthenticateRequest {
            name: credentials.user.clone(),
            password: credentials.password.reveal().await?,
        };
        let (channel, origin) = (self.inner.channel.clone(), self.inner.origin.clone());
        let mut service = AuthClient::with_origin(channel, origin);
        let limit = self.inner.config.call_timeout;
        let answer = tokio::time::timeout(limit, service.authenticate(request))
            .await
            .map_err(|_| Error::Timeout {
                call: CALL,
                endpoint: self.inner.endpoint.clone(),
                after: limit,
            })?;
        match answer {
            Ok(answer) => {
                let mut value: MetadataValue<Ascii> =
                    answer
                        .into_inner()
                        .token
                        .parse()
                        .map_err(|_| Error::Protocol {
                            call: CALL,
                            what: "a token that is not ASCII",
                        })?;
                value.set_sensitive(true);
                self.inner.token.replace(value);
                Ok(())
            }
            Err(status) if status.message().contains("authentication is not enabled") => Ok(()),
            Err(status) if status.message().contains("authentication failed") => {
                Err(Error::Authentication {
                    user: credentials.user.clone(),
                    reason: status.message().to_owned(),
                })
            }
            Err(status) => Err(self.said(CALL, status)),
        }
    }

    /// Renews the token, unless somebody else did since `used` was sent.
    pub(super) async fn renew_token(&self, used: Option<Issued>) -> Result<(), Error> {
        let _turn = self.inner.token.turn.lock().await;
        let now = self.inner.token.current().map(|issued| issued.number);
        if now != used.map(|issued| issued.number) {
            return Ok(());
        }
        self.log_in().await
    }

    /// True when etcd refused a call because of the token, or for want of one that we could get.
    pub(super) fn wants_a_new_token(&self, status: &Status) -> bool {
        self.inner.config.credentials.is_some()
            && match status.code() {
                Code::Unauthenticated => true,
                Code::InvalidArgument => {
                    status.message().contains("user name is empty")
                        || status.message().contains("revision of auth store is old")
                }
                // What etcd 3.4 and 3.5.1 say for the latter, without a code, after users or roles were changed.
                Code::Unknown => status.message().contains("revision in header is old"),
                _ => false,
            }
    }
}

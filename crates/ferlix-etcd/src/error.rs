//! What can go wrong between a program and etcd, by who has to act: the program's author or operator (configuration,
//! permissions, a record that is too large), the network, or etcd itself.
//!
//! Errors are `Clone`, because a session keeps its last one to show it. The gRPC library's own types stay inside.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Code, Status};

/// A cause from a library, shared so that the error can be cloned.
pub type Cause = Arc<dyn StdError + Send + Sync>;

/// Why something with etcd did not work.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// etcd does not know the user or the password (the operator's fault), or knows no user at all.
    #[error("etcd refused the user {user:?}: {reason}")]
    Authentication {
        /// The user that was tried; empty for none.
        user: String,
        /// What etcd said.
        reason: String,
    },
    /// An established connection broke (the network, or etcd went away).
    #[error("the connection to etcd at {endpoint} broke during {call}{hint}")]
    Broken {
        /// What was being done.
        call: &'static str,
        /// Where etcd is.
        endpoint: String,
        /// What to look at first, or empty.
        hint: &'static str,
        /// What the transport said.
        #[source]
        source: Cause,
    },
    /// The session or its consumer is closed (the caller is late).
    #[error("the etcd session is closed")]
    Closed,
    /// The history that was asked for is gone; reading anew heals it.
    #[error("etcd has compacted the history before revision {revision}")]
    Compacted {
        /// The oldest revision that is still there; 0 where etcd does not say.
        revision: i64,
    },
    /// The configuration cannot work (the program's or the operator's fault).
    #[error("invalid etcd configuration: {0}")]
    Config(String),
    /// No connection could be opened (etcd is down, or the address is wrong).
    #[error("no connection to etcd at {endpoint}")]
    Connect {
        /// Where etcd should be.
        endpoint: String,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// A file of the configuration cannot be read or holds something else (the operator's fault).
    #[error("cannot use the file {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The lease ended: it ran out while etcd was away, or somebody revoked it.
    #[error("the lease {lease:x} is gone")]
    LeaseGone {
        /// Its identifier.
        lease: i64,
    },
    /// etcd sent more than we are willing to hold.
    #[error("etcd sent more than the limit of {limit} {what}")]
    Limit {
        /// What there was too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
    /// A record's name cannot be part of a key (the caller's fault).
    #[error("the record name {name:?} must not be empty nor contain a slash or a zero byte")]
    Name {
        /// The name.
        name: String,
    },
    /// etcd is full: it is read, and takes no writes before somebody makes room, compacts, and disarms its alarm (the
    /// operator's fault).
    #[error("etcd has no space left for {call}: {message}")]
    NoSpace {
        /// What was tried.
        call: &'static str,
        /// What etcd said.
        message: String,
    },
    /// The user may not do this (the operator's fault).
    #[error("etcd denies permission for {call}: {reason}")]
    PermissionDenied {
        /// What was tried.
        call: &'static str,
        /// What etcd said.
        reason: String,
    },
    /// etcd sent something that the protocol does not allow (etcd's fault, or it is not etcd).
    #[error("not what an etcd would send in answer to {call}: {what}")]
    Protocol {
        /// What was asked.
        call: &'static str,
        /// What is wrong with the answer.
        what: &'static str,
    },
    /// [`Record::value`](crate::Record::value) panicked (the record's author's fault).
    #[error("the record for the key {key} panicked when asked for its value")]
    RecordPanicked {
        /// The key.
        key: String,
    },
    /// etcd refused a call for another reason.
    #[error("etcd refused {call}: {message} ({code})")]
    Refused {
        /// What was tried.
        call: &'static str,
        /// The gRPC code, in words.
        code: String,
        /// What etcd said.
        message: String,
    },
    /// The answer is larger than `max_message_size`, though it was asked for in the smallest portion.
    #[error("the answer to {call} is too large: {message}")]
    ReplyTooLarge {
        /// What was asked.
        call: &'static str,
        /// What the transport said.
        message: String,
    },
    /// The value is larger than etcd accepts, by default 1.5 MiB (the caller's fault).
    #[error("too large for etcd: {message}")]
    RequestTooLarge {
        /// What etcd said.
        message: String,
    },
    /// etcd ended a stream that it should have kept.
    #[error("etcd ended the {what} stream")]
    StreamEnded {
        /// Which.
        what: &'static str,
    },
    /// Nothing came in time (etcd is overloaded, stopped, or cut off).
    #[error("no answer from etcd at {endpoint} to {call} within {} ms", after.as_millis())]
    Timeout {
        /// What was asked.
        call: &'static str,
        /// Who did not answer.
        endpoint: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// No TLS connection could be agreed on (certificates or names do not fit).
    #[error("no TLS connection to etcd at {endpoint}{hint}")]
    Tls {
        /// Where etcd is.
        endpoint: String,
        /// What to look at first, or empty.
        hint: &'static str,
        /// What TLS said.
        #[source]
        source: Cause,
    },
    /// etcd answers, but cannot do this now: no leader, no quorum, too many requests.
    #[error("etcd cannot serve {call} now: {message}")]
    Unavailable {
        /// What was asked.
        call: &'static str,
        /// What etcd said.
        message: String,
    },
    /// etcd ended the watch.
    #[error("etcd cancelled the watch: {reason}")]
    WatchCanceled {
        /// What etcd said; often nothing.
        reason: String,
    },
}

/// Said when TLS is used without a certificate of our own and etcd hangs up: it tells no more than that.
pub(crate) const NO_IDENTITY_HINT: &str =
    " (etcd may demand a client certificate, and none is configured)";

impl Error {
    /// The error and its causes in one line, for logs and status pages.
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(inner) = cause {
            let said = inner.to_string();
            // Transport libraries repeat the inner text in the outer one.
            if !text.contains(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            cause = inner.source();
        }
        text
    }

    /// True when only somebody who changes a configuration or a permission can help, so that retrying fast is noise.
    pub(crate) fn needs_an_operator(&self) -> bool {
        matches!(
            self,
            Self::Authentication { .. }
                | Self::Config(_)
                | Self::File { .. }
                | Self::Limit { .. }
                | Self::PermissionDenied { .. }
                | Self::ReplyTooLarge { .. }
                | Self::Tls { .. }
        )
    }

    /// False when etcd was there all the time and only the way we watched it has to be begun anew.
    pub(crate) fn may_be_an_outage(&self) -> bool {
        !matches!(
            self,
            Self::Authentication { .. }
                | Self::Compacted { .. }
                | Self::Limit { .. }
                | Self::NoSpace { .. }
                | Self::PermissionDenied { .. }
        )
    }

    pub(crate) fn stream_ended(what: &'static str) -> Self {
        Self::StreamEnded { what }
    }

    /// Says what a gRPC status of etcd means; `endpoint` and `hint` are for the case that there is no etcd behind it.
    pub(crate) fn from_status(
        call: &'static str,
        endpoint: &str,
        hint: &'static str,
        status: Status,
    ) -> Self {
        let message = status.message().to_owned();
        // A status with a source was made up by the transport on our side.
        if status.source().is_some() {
            return Self::Broken {
                call,
                endpoint: endpoint.to_owned(),
                hint,
                source: Arc::new(status),
            };
        }
        match status.code() {
            Code::PermissionDenied => Self::PermissionDenied {
                call,
                reason: message,
            },
            Code::Unauthenticated => Self::Authentication {
                user: String::new(),
                reason: message,
            },
            Code::InvalidArgument if message.contains("user name is empty") => {
                Self::Authentication {
                    user: String::new(),
                    reason: "a user and a password are needed".to_owned(),
                }
            }
            Code::InvalidArgument if message.contains("request is too large") => {
                Self::RequestTooLarge { message }
            }
            Code::ResourceExhausted if message.contains("message larger than max") => {
                Self::RequestTooLarge { message }
            }
            Code::ResourceExhausted if message.contains("space exceeded") => {
                Self::NoSpace { call, message }
            }
            Code::OutOfRange if message.contains("has been compacted") => {
                Self::Compacted { revision: 0 }
            }
            Code::OutOfRange if message.contains("message length too large") => {
                Self::ReplyTooLarge { call, message }
            }
            Code::NotFound if message.contains("requested lease not found") => {
                Self::LeaseGone { lease: 0 }
            }
            Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded => {
                Self::Unavailable { call, message }
            }
            Code::Cancelled | Code::Aborted => Self::Broken {
                call,
                endpoint: endpoint.to_owned(),
                hint,
                source: Arc::new(status),
            },
            code => Self::Refused {
                call,
                code: code.to_string(),
                message,
            },
        }
    }

    pub(crate) fn connect(endpoint: &str, source: io::Error) -> Self {
        Self::Connect {
            endpoint: endpoint.to_owned(),
            source: Arc::new(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: Code, message: &str) -> Error {
        Error::from_status("a put", "here:1", "", Status::new(code, message))
    }

    #[test]
    fn what_etcd_says_is_told_apart() {
        assert!(matches!(
            read(Code::InvalidArgument, "etcdserver: request is too large"),
            Error::RequestTooLarge { .. }
        ));
        assert!(matches!(
            read(
                Code::OutOfRange,
                "etcdserver: mvcc: required revision has been compacted"
            ),
            Error::Compacted { .. }
        ));
        assert!(matches!(
            read(Code::NotFound, "etcdserver: requested lease not found"),
            Error::LeaseGone { .. }
        ));
        assert!(matches!(
            read(
                Code::ResourceExhausted,
                "etcdserver: mvcc: database space exceeded"
            ),
            Error::NoSpace { .. }
        ));
        assert!(matches!(
            read(Code::Unknown, "something else"),
            Error::Refused { .. }
        ));
    }

    #[test]
    fn the_full_text_names_each_cause_once() {
        let error = Error::connect(
            "here:1",
            io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused"),
        );
        assert_eq!(
            error.in_full(),
            "no connection to etcd at here:1: connection refused"
        );
    }
}

//! Leases: granted, renewed over a stream, revoked.
//!
//! A renewal counts when its answer is there. That a request could be written proves nothing: it may sit in a buffer of
//! a connection whose other end is gone.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::Client;
use super::channel::Channel;
use crate::error::Error;
use crate::proto::etcdserverpb::lease_client::LeaseClient;
use crate::proto::etcdserverpb::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseRevokeRequest,
};

/// A lease and how long it lives without a renewal, as granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// Its identifier.
    pub id: i64,
    /// Its granted time.
    pub ttl: Duration,
}

impl Client {
    /// Asks for a lease of at least this time; etcd counts in seconds and may grant more.
    pub async fn lease_grant(&self, ttl: Duration) -> Result<Lease, Error> {
        const CALL: &str = "a lease";
        let whole = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        let request = LeaseGrantRequest {
            ttl: i64::try_from(whole).unwrap_or(i64::MAX),
            id: 0,
        };
        let answer = self
            .call(CALL, request, |client, request| async move {
                client.leases().lease_grant(request).await
            })
            .await?;
        match u64::try_from(answer.ttl) {
            Ok(ttl) if ttl > 0 && answer.id != 0 => Ok(Lease {
                id: answer.id,
                ttl: Duration::from_secs(ttl),
            }),
            _ => Err(Error::Protocol {
                call: CALL,
                what: "a lease without a time or an identifier",
            }),
        }
    }

    /// Ends a lease, and with it all keys that were put under it. A lease that is gone already is no error.
    pub async fn lease_revoke(&self, lease: i64) -> Result<(), Error> {
        let request = LeaseRevokeRequest { id: lease };
        let answer = self
            .call(
                "a lease revocation",
                request,
                |client, request| async move { client.leases().lease_revoke(request).await },
            )
            .await;
        match answer {
            Ok(_) | Err(Error::LeaseGone { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Opens a stream of renewals and renews the lease for the first time. [`Error::LeaseGone`] says that there is no
    /// such lease (any more).
    pub async fn keep_alive(&self, lease: i64) -> Result<(KeepAlive, Lease), Error> {
        let limit = self.inner.config.call_timeout;
        let opened = timeout(limit, async {
            // One renewal is on its way at a time, so there is always room.
            let (requests, receiver) = mpsc::channel(2);
            let first = LeaseKeepAliveRequest { id: lease };
            requests
                .try_send(first)
                .map_err(|_| Error::stream_ended(KEEP_ALIVE))?;
            let answers = self
                .leases()
                .lease_keep_alive(self.request(ReceiverStream::new(receiver)))
                .await
                .map_err(|status| self.said(KEEP_ALIVE, status))?
                .into_inner();
            let mut stream = KeepAlive {
                lease,
                requests,
                answers,
                client: self.clone(),
            };
            let lease = stream.answer().await?;
            Ok((stream, lease))
        });
        opened.await.unwrap_or_else(|_| {
            Err(Error::Timeout {
                call: KEEP_ALIVE,
                endpoint: self.inner.endpoint.clone(),
                after: limit,
            })
        })
    }

    fn leases(&self) -> LeaseClient<Channel> {
        LeaseClient::with_origin(self.inner.channel.clone(), self.inner.origin.clone())
    }
}

const KEEP_ALIVE: &str = "lease keep-alive";

/// The open stream of renewals of one lease.
#[derive(Debug)]
pub struct KeepAlive {
    lease: i64,
    requests: mpsc::Sender<LeaseKeepAliveRequest>,
    answers: Streaming<LeaseKeepAliveResponse>,
    client: Client,
}

impl KeepAlive {
    /// Asks for one more renewal; at most one is to be on its way at a time.
    pub fn renew(&self) -> Result<(), Error> {
        self.requests
            .try_send(LeaseKeepAliveRequest { id: self.lease })
            .map_err(|_| Error::stream_ended(KEEP_ALIVE))
    }

    /// The next answer: the renewed lease, or [`Error::LeaseGone`]. It may be dropped and called again.
    pub async fn answer(&mut self) -> Result<Lease, Error> {
        let answer = self
            .answers
            .message()
            .await
            .map_err(|status| self.client.said(KEEP_ALIVE, status))?
            .ok_or_else(|| Error::stream_ended(KEEP_ALIVE))?;
        if answer.id != self.lease {
            return Err(Error::Protocol {
                call: KEEP_ALIVE,
                what: "an answer for another lease",
            });
        }
        match u64::try_from(answer.ttl) {
            Ok(ttl) if ttl > 0 => Ok(Lease {
                id: self.lease,
                ttl: Duration::from_secs(ttl),
            }),
            _ => Err(Error::LeaseGone { lease: self.lease }),
        }
    }
}

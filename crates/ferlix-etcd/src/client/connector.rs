//! From a configuration to an open connection: dials the endpoint in use, falls over to the next ones, logs in.
//!
//! Nothing redials behind our back: whoever holds a [`Client`] learns that its connection ended, and decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::timeout;
use tracing::debug;

use super::Client;
use super::address::Address;
use super::channel::Channel;
use super::dial::{Dialed, secure};
use crate::config::EtcdConfig;
use crate::error::Error;

/// Opens connections; remembers which endpoint is in use.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    config: Arc<EtcdConfig>,
    addresses: Arc<[Address]>,
    in_use: Arc<AtomicUsize>,
}

impl Connector {
    pub(crate) fn new(config: EtcdConfig) -> Result<Self, Error> {
        let addresses = Address::all(&config)?.into();
        if config.max_message_size == 0 || config.page_size == 0 {
            return Err(Error::Config(
                "the page size and the largest message must not be zero".to_owned(),
            ));
        }
        Ok(Self {
            config: Arc::new(config),
            addresses,
            in_use: Arc::new(AtomicUsize::new(0)),
        })
    }

    /// Opens a connection to the endpoint in use, else to the next one that answers, each tried once. Without any, the
    /// error is that of the last one.
    pub(crate) async fn connect(&self) -> Result<Client, Error> {
        let first = self.in_use.load(Ordering::Relaxed);
        let mut failure = None;
        for step in 0..self.addresses.len() {
            let index = (first + step) % self.addresses.len();
            match self.connect_to(&self.addresses[index]).await {
                Ok(client) => {
                    self.in_use.store(index, Ordering::Relaxed);
                    return Ok(client);
                }
                Err(error) => {
                    debug!(endpoint = %self.addresses[index], error = error.in_full(), "no connection to this etcd endpoint");
                    failure = Some(error);
                }
            }
        }
        Err(failure.unwrap_or_else(|| Error::Config("there is no endpoint".to_owned())))
    }

    /// The endpoint that the next connection is tried with first.
    pub(crate) fn endpoint_in_use(&self) -> String {
        let index = self.in_use.load(Ordering::Relaxed);
        self.addresses[index].to_string()
    }

    /// The next connection starts with the endpoint after the one in use, which connects but does not serve.
    pub(crate) fn move_on(&self) {
        let next = (self.in_use.load(Ordering::Relaxed) + 1) % self.addresses.len();
        self.in_use.store(next, Ordering::Relaxed);
    }

    async fn connect_to(&self, address: &Address) -> Result<Client, Error> {
        let limit = self.config.call_timeout;
        let opened = timeout(limit, self.open(address)).await;
        let (channel, local_address) = opened.map_err(|_| Error::Timeout {
            call: "a connection attempt",
            endpoint: address.to_string(),
            after: limit,
        })??;
        let config = Arc::clone(&self.config);
        let client = Client::new(channel, address, local_address, config)?;
        client.log_in().await?;
        Ok(client)
    }

    async fn open(
        &self,
        address: &Address,
    ) -> Result<(Channel, Option<std::net::SocketAddr>), Error> {
        let endpoint = address.to_string();
        let dialed = self
            .config
            .dial
            .dial(&address.host, address.port)
            .await
            .map_err(|source| Error::connect(&endpoint, source))?;
        let Dialed {
            stream,
            local_address,
            ..
        } = match &self.config.tls {
            Some(tls) if address.tls => secure(dialed, address, tls).await?,
            _ => dialed,
        };
        let channel = Channel::open(stream).await;
        let channel = channel.map_err(|source| Error::Connect {
            endpoint,
            source: Arc::new(source),
        })?;
        Ok((channel, local_address))
    }
}

//! iPOPO's sample exporter, called as its own client calls it: its server closes each connection behind its answer.
//!
//! It is the tutorial's exporter unchanged, against an embedded etcd of ours. It prints each call, as the sample does.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use ferlix_tests::PythonPeer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::child::{Role, Server};
use crate::error::Error;
use crate::http_floor::{FROM, PATH, request};
use crate::load::Caller;

/// The running exporter, and its etcd.
pub(crate) struct Exporter {
    peer: PythonPeer,
    _etcd: Server,
    client: OneCallClient,
}

impl Exporter {
    /// Starts both and waits until the service is exported.
    pub(crate) fn start() -> Result<Self, Error> {
        let etcd = Server::start(Role::Etcd)?;
        let port = etcd.address.port().to_string();
        let peer = PythonPeer::start("ipopo_exporter.py", &["--etcd-port", &port]);
        let started = peer.event("started");
        let number = |value: &serde_json::Value| match value.as_str() {
            Some(text) => text.parse::<u64>().ok(),
            None => value.as_u64(),
        };
        let port = number(&started["http_port"]).and_then(|port| u16::try_from(port).ok());
        let service = number(&started["exports"][0]["ecf.rsvc.id"]);
        let (Some(port), Some(service)) = (port, service) else {
            return Err(Error::Answer(started.to_string()));
        };
        let client = OneCallClient::new((Ipv4Addr::LOCALHOST, port).into(), service);
        Ok(Self {
            peer,
            _etcd: etcd,
            client,
        })
    }

    /// A client of it.
    pub(crate) fn client(&self) -> OneCallClient {
        self.client.clone()
    }

    /// Stops it cleanly.
    pub(crate) fn stop(self) {
        self.peer.stop();
    }
}

/// Makes each call on a connection of its own.
#[derive(Clone)]
pub(crate) struct OneCallClient {
    address: SocketAddr,
    request: Bytes,
    greeting: String,
    answer: Vec<u8>,
}

impl OneCallClient {
    fn new(address: SocketAddr, service: u64) -> Self {
        let document = request(service);
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: {address}\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n",
            document.len()
        );
        Self {
            address,
            request: [head.as_bytes(), &document].concat().into(),
            greeting: format!("<string>PythonSync says: Howdy {FROM} that's"),
            answer: Vec::new(),
        }
    }
}

impl Caller for OneCallClient {
    async fn call(&mut self) -> Result<(), Error> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&self.request).await?;
        self.answer.clear();
        stream.read_to_end(&mut self.answer).await?;
        let answer = String::from_utf8_lossy(&self.answer);
        if answer.contains(&self.greeting) {
            Ok(())
        } else {
            Err(Error::Answer(answer.into_owned()))
        }
    }
}

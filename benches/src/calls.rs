//! Calls with a message, a structure or many numbers at full rate, by the same four subjects as the greeting.
//!
//! The exporter is the XML-RPC server by itself, without a framework: what is measured is the call.

use std::sync::Arc;

use ferlix::http::{HttpService as _, MountOptions, Server as HttpServer, ServerOptions};
use ferlix::service::Service as _;
use ferlix::xmlrpc::client::{Transport, TransportOptions, XmlRpcCaller};
use ferlix::xmlrpc::provider::{Services, ServicesOptions, handler};

use crate::child::{self, Role, Server};
use crate::error::Error;
use crate::http_floor::{Exchange, PATH, PooledClient};
use crate::payload::{Calls, Payload, Work, Worker};
use crate::xmlrpc::bare;
use crate::{REPETITIONS, cores, load, rates};

/// Serves the bench's own service under the numbers from 1 on, on a port that the system chooses.
pub(crate) async fn server(count: u64) -> Result<HttpServer, Error> {
    let services = Arc::new(Services::new(ServicesOptions::default()));
    let worker: Arc<dyn Work> = Arc::new(Worker);
    for id in 1..=count {
        services.insert(
            id,
            <dyn Work>::dispatcher(Arc::clone(&worker))
                .into_iter()
                .collect(),
            None,
        );
    }
    let http = |error: ferlix::http::HttpError| Error::Answer(error.to_string());
    let server = HttpServer::bind(ServerOptions::new("127.0.0.1", 0))
        .await
        .map_err(http)?;
    let options = MountOptions::new("benches").max_body_size(8 << 20);
    server
        .mount(PATH, handler(services), options)
        .map_err(http)?;
    Ok(server)
}

/// The same as a child.
pub(crate) async fn serve(count: u64) -> Result<(), Error> {
    let server = server(count).await?;
    child::announce(server.address());
    std::future::pending().await
}

/// The bench's own service at an exporter.
pub(crate) fn proxy(exporter: std::net::SocketAddr) -> Result<Arc<dyn Work>, Error> {
    let wrong = |error: ferlix::xmlrpc::Error| Error::Answer(error.to_string());
    let transport = Transport::new(&TransportOptions::default()).map_err(wrong)?;
    let url = format!("http://{exporter}{PATH}");
    let caller = XmlRpcCaller::new(&transport, &url, 1, "work").map_err(wrong)?;
    <dyn Work>::from_caller(Arc::new(caller)).ok_or_else(|| Error::Answer("no proxy".into()))
}

/// Measures and prints a table for each setting.
pub(crate) fn run(payload: Payload) -> Result<(), Error> {
    let small = payload == Payload::Message;
    rates::at_each_setting(payload.words(), small, |connections, _| {
        measure(payload, connections)
    })
}

/// The figures of all repetitions, for each subject.
fn measure(payload: Payload, connections: usize) -> Result<Vec<rates::Row>, Error> {
    let runtime = cores::runtime()?;
    let floor = Server::start(Role::HttpFloor)?;
    let exporter = Server::start(Role::Work)?;
    let (to_floor, to_exporter) = (Exchange::of(payload, true)?, Exchange::of(payload, false)?);
    let mut taken = vec![Vec::with_capacity(REPETITIONS); rates::SUBJECTS.len()];
    runtime.block_on(async {
        let proxy = proxy(exporter.address)?;
        for _ in 0..REPETITIONS {
            taken[0].push(load::drive(bare(floor.address, &to_floor, connections).await?).await?);
            let pooled = PooledClient::new(floor.address, to_floor.clone())?;
            taken[1].push(load::drive(vec![pooled; connections]).await?);
            let clients = bare(exporter.address, &to_exporter, connections).await?;
            taken[2].push(load::drive(clients).await?);
            let calls = Calls::new(Arc::clone(&proxy), payload);
            taken[3].push(load::drive(vec![calls; connections]).await?);
        }
        Ok(rates::rows(taken))
    })
}

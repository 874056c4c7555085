//! What surrounds a call: who makes it and may, what its service knows of it, and what is counted.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod context;
mod credentials;
mod rules;
mod spans;
mod statistics;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ferlix_core::framework::Framework;
use ferlix_core::property::{Properties, Value};
use ferlix_core::service::{CallContext, CallError, Caller as _, Dispatch, Service};
use ferlix_core::{remote_service, service_impl};
use ferlix_http::{HttpService as _, MountOptions, Server, ServerOptions, new_token};
use ferlix_remote::endpoint::EndpointDescription;
use ferlix_remote::provider::{ExportProvider, ImportProvider};
use ferlix_xmlrpc::client::{Credentials, Secret, Transport, TransportOptions, XmlRpcCaller};
use ferlix_xmlrpc::codec::{Response, read_response, write_call};
use ferlix_xmlrpc::provider::{Services, ServicesOptions, handler};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(20);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it should have happened by now")
}

/// A service that tells what it knows of its callers, and one that has others do so.
#[remote_service("org.example.Witness", version = "1.0.0")]
trait Witness: Send + Sync {
    /// What the context says, as a text.
    async fn tell(&self) -> Result<String, CallError>;
    /// Asks the next witness.
    async fn relay(&self) -> Result<String, CallError>;
    /// As `tell`, in a task of its own.
    #[remote(finish)]
    async fn tell_finishing(&self) -> Result<String, CallError>;
    async fn fail(&self) -> Result<(), CallError>;
    async fn never(&self) -> Result<(), CallError>;
    async fn panic(&self) -> Result<(), CallError>;
}

#[derive(Default)]
struct Honest {
    next: Option<Arc<dyn Witness>>,
}

#[service_impl]
impl Witness for Honest {
    async fn tell(&self) -> Result<String, CallError> {
        let context = CallContext::current().expect("a remote call has a context");
        let trace = context.trace();
        Ok(format!(
            "{} from {} within {} s, trace {} {}",
            context
                .identity()
                .map_or("nobody", |identity| identity.name()),
            context
                .peer()
                .map_or("nowhere".to_owned(), |peer| peer.ip().to_string()),
            context
                .remaining()
                .map_or(0, |left| left.as_secs_f64().round() as u64),
            trace.map_or("-", |trace| trace.parent()),
            trace.and_then(|trace| trace.state()).unwrap_or("-"),
        ))
    }

    async fn relay(&self) -> Result<String, CallError> {
        // As a service does that waits for something first: the context is there still.
        tokio::task::yield_now().await;
        match &self.next {
            Some(next) => next.relay().await,
            None => self.tell().await,
        }
    }

    async fn tell_finishing(&self) -> Result<String, CallError> {
        self.tell().await
    }

    async fn fail(&self) -> Result<(), CallError> {
        Err(CallError::fault("asked to fail"))
    }

    async fn never(&self) -> Result<(), CallError> {
        std::future::pending().await
    }

    async fn panic(&self) -> Result<(), CallError> {
        panic!("asked to panic")
    }
}

fn dispatchers(next: Option<Arc<dyn Witness>>) -> Vec<Arc<dyn Dispatch>> {
    let witness: Arc<dyn Witness> = Arc::new(Honest { next });
    vec![<dyn Witness as Service>::dispatcher(witness).unwrap()]
}

/// Services behind a server of these options.
async fn serve(services: Arc<Services>, options: ServerOptions) -> Server {
    let server = Server::bind(options).await.unwrap();
    server
        .mount("/xml-rpc", handler(services), MountOptions::new("test"))
        .unwrap();
    server
}

/// Options for a free port of this machine.
fn options() -> ServerOptions {
    ServerOptions::new("127.0.0.1", 0)
}

fn caller(server: &Server, options: &TransportOptions) -> XmlRpcCaller {
    let transport = Transport::new(options).unwrap();
    let url = format!("http://{}/xml-rpc", server.address());
    XmlRpcCaller::new(&transport, &url, 3, "org.example.Witness").unwrap()
}

fn witness(caller: &XmlRpcCaller) -> Arc<dyn Witness> {
    <dyn Witness as Service>::from_caller(Arc::new(caller.clone())).unwrap()
}

/// A token file with some names, and what their callers connect with.
struct Tokens {
    folder: TempDir,
    secrets: Vec<(String, String)>,
}

impl Tokens {
    fn new(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut entries = String::new();
        let mut secrets = Vec::new();
        for name in names {
            let (token, entry) = new_token(name).unwrap();
            std::fs::write(folder.path().join(name), format!("{token}\n")).unwrap();
            entries += &format!("{entry}\n");
            secrets.push(((*name).to_owned(), token));
        }
        std::fs::write(folder.path().join("tokens"), entries).unwrap();
        Self { folder, secrets }
    }

    fn server(&self) -> ServerOptions {
        let mut options = options();
        options.security.token_file = Some(self.folder.path().join("tokens"));
        options.security.anonymous = true;
        options.reload_interval = Duration::from_millis(10);
        options
    }

    fn client(&self, name: &str) -> TransportOptions {
        TransportOptions {
            credentials: Some(Credentials {
                user: None,
                secret: Secret::File(self.folder.path().join(name)),
                hosts: Vec::new(),
            }),
            ..TransportOptions::default()
        }
    }

    fn header(&self, name: &str) -> String {
        let (_, token) = self
            .secrets
            .iter()
            .find(|(other, _)| other == name)
            .unwrap();
        format!("authorization: Bearer {token}\r\n")
    }
}

/// Sends a call with these headers, by hand.
async fn post(server: &Server, method: &str, headers: &str) -> Response {
    let document = write_call(method, &[]).unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST /xml-rpc HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        document.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&document).await.unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    read_response(body.as_bytes(), &Default::default()).unwrap()
}

fn text(response: Response) -> String {
    match response {
        Response::Value(Value::String(text)) => text,
        Response::Fault(fault) => fault.text,
        other => panic!("{other:?}"),
    }
}

/// A framework with the provider and an HTTP service.
async fn framework(properties: Properties) -> Framework {
    let framework = Framework::builder()
        .properties(&properties)
        .property("ferlix.http.port", 0)
        // A call that nobody waits for any more holds up the stop of a test.
        .property("ferlix.stop.drain", 100)
        .install(&ferlix_http::BUNDLE)
        .install(&ferlix_xmlrpc::BUNDLE)
        .start()
        .await
        .unwrap();
    ferlix_http::instantiate(&framework.context(), Properties::new())
        .await
        .unwrap();
    framework.settle().await;
    framework
}

/// Exports a witness and imports it into the same framework: the address of the container, and the proxy.
async fn import_own(framework: &Framework) -> (String, Arc<dyn Witness>) {
    let context = framework.context();
    let exporter = context.service::<dyn ExportProvider>(None).unwrap();
    let container = exporter
        .container("ecf.xmlrpc.server", &[], &Properties::new())
        .await
        .unwrap();
    let url = container.id().id;
    let endpoint = EndpointDescription::new(Properties::from([
        ("endpoint.id", Value::from("endpoint")),
        ("objectClass", Value::from(["org.example.Witness"])),
        ("endpoint.framework.uuid", Value::from("other")),
        ("service.imported.configs", Value::from("ecf.xmlrpc.server")),
        ("ecf.endpoint.id", Value::from(url.clone())),
        ("ecf.endpoint.id.ns", Value::from("ecf.namespace.xmlrpc")),
        ("ecf.rsvc.id", Value::Long(3)),
    ]))
    .unwrap();
    container
        .export(&endpoint, dispatchers(None))
        .await
        .unwrap();
    let importer = context.service::<dyn ImportProvider>(None).unwrap();
    let importing = importer.container(&endpoint).await.unwrap();
    let caller = importing.import(&endpoint).await.unwrap();
    (url, <dyn Witness as Service>::from_caller(caller).unwrap())
}

//! The floor of remote calls: a bare hyper server that answers every POST with the same octets, and bare
//! clients that hold one HTTP/1.1 connection each; and, as a second floor, hyper-util's pooled client. Small
//! packets are not held back (`TCP_NODELAY`) at either end. Octets both ways are those of our own ends.
//!
//! The server reads each request to its end and looks at nothing in it; the client checks each answer. No
//! XML is read or written, no path looked up, no limit kept: whatever Ferlix adds to this is Ferlix's cost.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use crate::child;
use crate::error::Error;
use crate::load::Caller;
use crate::payload::Payload;

/// Who calls.
pub(crate) const FROM: &str = "ConsumerSync";
/// With what.
pub(crate) const MESSAGE: &str = "Hello Impl";
/// What is answered.
pub(crate) const GREETING: &str =
    "RustSync says: Howdy ConsumerSync that's a nice runtime you got there";

/// A `sayHello` call of the remote service with this number, as our client writes it.
pub(crate) fn request(service: u64) -> Bytes {
    let text = format!(
        "<?xml version='1.0'?>\n<methodCall><methodName>{service}.sayHello</methodName><params>\
         <param><value><string>{FROM}</string></value></param>\
         <param><value><string>{MESSAGE}</string></value></param></params></methodCall>"
    );
    text.into()
}

/// Its answer, as our server writes it.
pub(crate) fn answer() -> Bytes {
    let text = format!(
        "<?xml version='1.0'?>\n<methodResponse><params><param><value><string>{GREETING}</string></value>\
         </param></params></methodResponse>"
    );
    text.into()
}

/// Where the calls are posted.
pub(crate) const PATH: &str = "/xml-rpc";

const TEXT_XML: HeaderValue = HeaderValue::from_static("text/xml");

/// Serves on a port that the system chooses, for as long as the process lives.
pub(crate) async fn serve() -> Result<(), Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    child::announce(listener.local_addr()?);
    serve_at(listener).await
}

/// The same at a given socket.
pub(crate) async fn serve_at(listener: TcpListener) -> Result<(), Error> {
    let mut answers = vec![(PATH, answer())];
    for payload in Payload::ALL {
        answers.push((payload.path(), payload.answer()?));
    }
    let answers = Arc::new(answers);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let mut known = answers.iter();
                let answer = known.find(|(path, _)| *path == request.uri().path());
                let answer = answer.map_or_else(Bytes::new, |(_, answer)| answer.clone());
                respond(request, answer)
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A client that goes away in the middle is the end of its connection and no more.
            let _ = connection.await;
        });
    }
}

async fn respond(
    request: Request<Incoming>,
    answer: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    // A request that breaks off is not answered, because nobody is there.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(answer));
    response.headers_mut().insert(CONTENT_TYPE, TEXT_XML);
    Ok(response)
}

/// What a client posts and where, and what has to come back.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    path: &'static str,
    request: Bytes,
    answer: Bytes,
}

impl Exchange {
    /// A greeting by the service with this number.
    pub(crate) fn greeting(service: u64) -> Self {
        Self {
            path: PATH,
            request: request(service),
            answer: answer(),
        }
    }

    /// A call of the bench's own service, number 1, by its exporter or (`floor`) by the bare server.
    pub(crate) fn of(payload: Payload, floor: bool) -> Result<Self, Error> {
        let path = if floor { payload.path() } else { PATH };
        Ok(Self {
            path,
            ..Self::with(payload, 1)?
        })
    }

    /// A call of the bench's own service with this number, by its exporter.
    pub(crate) fn with(payload: Payload, service: u64) -> Result<Self, Error> {
        Ok(Self {
            path: PATH,
            request: payload.request(service)?,
            answer: payload.answer()?,
        })
    }

    /// The whole request, as it goes over the wire.
    pub(crate) fn octets(&self) -> Vec<u8> {
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n",
            self.path,
            self.request.len()
        );
        [head.as_bytes(), &self.request].concat()
    }

    /// The document that has to come back.
    pub(crate) fn answer(&self) -> &[u8] {
        &self.answer
    }

    fn post(&self, uri: Uri) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.request.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        request.headers_mut().insert(CONTENT_TYPE, TEXT_XML);
        request
    }

    async fn check(&self, response: Response<Incoming>) -> Result<(), Error> {
        let body = response.into_body().collect().await?.to_bytes();
        if body == self.answer {
            Ok(())
        } else {
            Err(Error::Answer(String::from_utf8_lossy(&body).into_owned()))
        }
    }
}

/// One connection that posts one request over and over, and checks each answer.
#[derive(Debug)]
pub(crate) struct BareClient {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    exchange: Exchange,
}

impl BareClient {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr, exchange: Exchange) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // The connection's errors come out at the sender too.
        tokio::spawn(connection);
        let host = HeaderValue::try_from(address.to_string())
            .map_err(|_| Error::Answer(format!("{address} is no host")))?;
        Ok(Self {
            sender,
            host,
            exchange,
        })
    }
}

impl BareClient {
    /// Posts another request from now on.
    pub(crate) fn turn_to(&mut self, exchange: &Exchange) {
        self.exchange.clone_from(exchange);
    }
}

impl Caller for BareClient {
    async fn call(&mut self) -> Result<(), Error> {
        let mut request = self.exchange.post(Uri::from_static(self.exchange.path));
        request.headers_mut().insert(HOST, self.host.clone());
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        self.exchange.check(response).await
    }
}

/// hyper-util's client with its pool, as clients of many peers use it: the least that a proxy can do without a
/// pool of its own.
#[derive(Clone, Debug)]
pub(crate) struct PooledClient {
    client: legacy::Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
    exchange: Exchange,
}

impl PooledClient {
    /// An empty pool; clones share it.
    pub(crate) fn new(address: SocketAddr, exchange: Exchange) -> Result<Self, Error> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let url = format!("http://{address}{}", exchange.path);
        Ok(Self {
            client: legacy::Client::builder(TokioExecutor::new()).build(connector),
            uri: url
                .parse()
                .map_err(|_| Error::Answer(format!("{url} is no URL")))?,
            exchange,
        })
    }
}

impl Caller for PooledClient {
    async fn call(&mut self) -> Result<(), Error> {
        let request = self.exchange.post(self.uri.clone());
        let response = self.client.request(request).await?;
        self.exchange.check(response).await
    }
}

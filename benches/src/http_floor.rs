//! The floor of remote calls: a bare hyper server that answers every POST with the same octets, and bare
//! clients that hold one HTTP/1.1 connection each. Small packets are not held back (`TCP_NODELAY`) at either
//! end.
//!
//! The server reads each request to its end and looks at nothing in it; the client checks each answer. No
//! XML is read or written, no path looked up, no limit kept: whatever Ferlix adds to this is Ferlix's cost.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::child;
use crate::error::Error;
use crate::load::Caller;

/// A `sayHello` call as a client writes it, to the remote service 1.
pub(crate) const REQUEST: &str = "<?xml version='1.0'?>\n<methodCall>\n<methodName>1.sayHello</methodName>\n\
    <params>\n<param>\n<value><string>ConsumerSync</string></value>\n</param>\n\
    <param>\n<value><string>Hello Impl</string></value>\n</param>\n</params>\n</methodCall>\n";

/// Its answer.
pub(crate) const ANSWER: &str = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n\
    <value><string>RustSync says: Howdy ConsumerSync that's a nice runtime you got there</string></value>\n\
    </param>\n</params>\n</methodResponse>\n";

const TEXT_XML: HeaderValue = HeaderValue::from_static("text/xml");

/// Serves on a port that the system chooses, for as long as the process lives.
pub(crate) async fn serve() -> Result<(), Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    child::announce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let connection =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            // A client that goes away in the middle is the end of its connection and no more.
            let _ = connection.await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // A request that breaks off is not answered, because nobody is there.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes())));
    response.headers_mut().insert(CONTENT_TYPE, TEXT_XML);
    Ok(response)
}

/// One connection that posts one request over and over, and checks each answer.
#[derive(Debug)]
pub(crate) struct BareClient {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    path: &'static str,
    request: Bytes,
    answer: Bytes,
}

impl BareClient {
    /// Connects; `request` is posted to `path`, and `answer` is what has to come back.
    pub(crate) async fn connect(
        address: SocketAddr,
        path: &'static str,
        request: Bytes,
        answer: Bytes,
    ) -> Result<Self, Error> {
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
            path,
            request,
            answer,
        })
    }
}

impl Caller for BareClient {
    async fn call(&mut self) -> Result<(), Error> {
        let mut request = Request::new(Full::new(self.request.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = http::Uri::from_static(self.path);
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert(CONTENT_TYPE, TEXT_XML);
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let body = response.into_body().collect().await?.to_bytes();
        if body == self.answer {
            Ok(())
        } else {
            Err(Error::Answer(String::from_utf8_lossy(&body).into_owned()))
        }
    }
}

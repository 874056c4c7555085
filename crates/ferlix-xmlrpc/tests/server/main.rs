//! Exported services behind the real HTTP service, called by our own caller and by plain requests.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod calls;
mod options;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ferlix_core::property::{Decoder, Encoder, Event, FromValue as _, IntoValue as _, Value};
use ferlix_core::service::{CallError, Caller as _, Dispatch, Interface, Method};
use ferlix_http::{HttpService as _, MountOptions, Server, ServerOptions};
use ferlix_xmlrpc::client::{Transport, TransportOptions, XmlRpcCaller};
use ferlix_xmlrpc::codec::{Limits, Response, read_response};
use ferlix_xmlrpc::provider::{Services, ServicesOptions, handler};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(20);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it should have happened by now")
}

/// A service by hand: what the macros write for a trait of these methods.
struct Workshop {
    /// Told when a call of `never` was dropped.
    dropped: mpsc::UnboundedSender<()>,
}

static WORKSHOP: Interface = Interface {
    name: "org.example.Workshop",
    version: None,
    methods: &[
        Method::new("echo", &["value"]),
        Method::new("fail", &[]),
        Method::new("never", &[]),
        Method::new("panic", &[]),
        Method::new("unwritable", &[]),
    ],
};

impl Dispatch for Workshop {
    fn interface(&self) -> &'static Interface {
        &WORKSHOP
    }

    fn dispatch<'a>(
        &self,
        method: &str,
        arguments: &mut dyn Decoder<'_>,
        reply: &'a mut (dyn Encoder + Send),
    ) -> BoxFuture<'a, Result<(), CallError>> {
        let mut arguments = Vec::<Value>::decode(Event::List, arguments).unwrap_or_default();
        struct Notice(mpsc::UnboundedSender<()>);
        impl Drop for Notice {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let notice = Notice(self.dropped.clone());
        let method = method.to_owned();
        assert_ne!(method, "panic", "asked to panic");
        Box::pin(async move {
            let result = match (&*method, arguments.pop()) {
                ("echo", Some(value)) => value,
                ("echo", None) => {
                    return Err(CallError::InvalidArguments {
                        method,
                        reason: "one is missing".to_owned(),
                    });
                }
                ("fail", _) => {
                    return Err(CallError::Fault {
                        code: 7,
                        kind: Some("OutOfPaper".to_owned()),
                        message: "tray 2".to_owned(),
                        data: Some(Value::Int(2)),
                    });
                }
                ("never", _) => {
                    let _notice = notice;
                    std::future::pending().await
                }
                ("unwritable", _) => Value::List(vec![Value::from("\u{1}")]),
                _ => return Err(CallError::UnknownMethod { method }),
            };
            let written = result.encode(reply);
            written.map_err(|error| CallError::fault(error.to_string()))
        })
    }
}

/// A call that is answered never.
fn never(caller: &XmlRpcCaller) -> impl Future<Output = Result<Value, CallError>> + use<> {
    let caller = caller.clone();
    async move { caller.call_values("never", vec![]).await }
}

struct Setting {
    server: Server,
    services: Arc<Services>,
    dropped: mpsc::UnboundedReceiver<()>,
}

/// A server that exports a [`Workshop`] as number 3, with limits that tests can reach.
async fn setting(tls: Option<ferlix_http::TlsFiles>) -> Setting {
    let limits = Limits {
        bytes: 1 << 16,
        ..Limits::default()
    };
    let options = ServicesOptions {
        limits,
        ..ServicesOptions::default()
    };
    setting_with(options, tls).await
}

async fn setting_with(options: ServicesOptions, tls: Option<ferlix_http::TlsFiles>) -> Setting {
    let services = Arc::new(Services::new(options));
    let (notices, dropped) = mpsc::unbounded_channel();
    services.insert(3, vec![Arc::new(Workshop { dropped: notices })], None);
    let mut options = ServerOptions::new("127.0.0.1", 0);
    options.tls = tls;
    let server = Server::bind(options).await.unwrap();
    let mount = MountOptions::new("test").max_body_size(4 << 20);
    server
        .mount("/xml-rpc", handler(Arc::clone(&services)), mount)
        .unwrap();
    Setting {
        server,
        services,
        dropped,
    }
}

impl Setting {
    fn caller(&self, service: u64) -> XmlRpcCaller {
        let transport = Transport::new(&TransportOptions::default()).unwrap();
        let url = format!("http://{}/xml-rpc", self.server.address());
        XmlRpcCaller::new(&transport, &url, service, "org.example.Workshop").unwrap()
    }

    /// Sends bytes, and returns the whole answer once the server closed.
    async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.server.address()).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        soon(stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// Posts a document as HTTP/1.0, and returns the head and the document that came back.
    async fn post(&self, document: &[u8], more: &str) -> (String, String) {
        let head = format!(
            "POST /xml-rpc HTTP/1.0\r\ncontent-type: text/xml\r\n{more}content-length: {}\r\n\r\n",
            document.len()
        );
        let answer = self.raw(&[head.as_bytes(), document].concat()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }

    /// The text of the fault that a document is answered with, always with status 200.
    async fn fault(&self, document: &[u8], more: &str) -> (i32, String) {
        let (head, body) = self.post(document, more).await;
        assert!(head.starts_with("http/1.0 200 ok"), "{head}");
        assert!(head.contains("content-type: text/xml"), "{head}");
        match read_response(body.as_bytes(), &Limits::default()).unwrap() {
            Response::Fault(fault) => (fault.code, fault.text),
            Response::Value(value) => panic!("no fault: {value:?}"),
        }
    }
}

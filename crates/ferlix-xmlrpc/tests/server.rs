//! Exported services behind the real HTTP service, called by our own caller and by plain requests.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ferlix_core::property::Value;
use ferlix_core::service::{CallError, Caller as _, Dispatch, Interface, Method};
use ferlix_http::{HttpService as _, MountOptions, Server, ServerOptions};
use ferlix_xmlrpc::client::{TlsFiles, Transport, TransportOptions, XmlRpcCaller};
use ferlix_xmlrpc::codec::{Limits, Response, read_response, write_call};
use ferlix_xmlrpc::provider::{Services, handler};
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

    fn dispatch(
        &self,
        method: &str,
        mut arguments: Vec<Value>,
    ) -> BoxFuture<'static, Result<Value, CallError>> {
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
            match (&*method, arguments.pop()) {
                ("echo", Some(value)) => Ok(value),
                ("echo", None) => Err(CallError::InvalidArguments {
                    method,
                    reason: "one is missing".to_owned(),
                }),
                ("fail", _) => Err(CallError::Fault {
                    code: 7,
                    kind: Some("OutOfPaper".to_owned()),
                    message: "tray 2".to_owned(),
                }),
                ("never", _) => {
                    let _notice = notice;
                    std::future::pending().await
                }
                ("unwritable", _) => Ok(Value::List(vec![Value::from("\u{1}")])),
                _ => Err(CallError::UnknownMethod { method }),
            }
        })
    }
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
    let services = Arc::new(Services::new(limits, Duration::from_secs(30)));
    let (notices, dropped) = mpsc::unbounded_channel();
    services.insert(3, vec![Arc::new(Workshop { dropped: notices })], None);
    let mut options = ServerOptions::new("127.0.0.1", 0);
    options.tls = tls;
    let server = Server::bind(options).await.unwrap();
    let mount = MountOptions::new("test").max_body_size(1 << 17);
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

#[tokio::test]
async fn a_call_reaches_the_service_and_comes_back() {
    let setting = setting(None).await;
    let caller = setting.caller(3);
    let value = Value::List(vec![Value::Null, Value::Long(5), Value::from("a<b>\r\n")]);
    let answer = soon(caller.call("echo", vec![value.clone()])).await;
    assert_eq!(answer.unwrap(), value);
    match soon(caller.call("fail", vec![])).await.unwrap_err() {
        CallError::Fault {
            code: 7,
            kind: Some(kind),
            message,
        } => assert_eq!((&*kind, &*message), ("OutOfPaper", "tray 2")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn wrong_calls_are_answered_as_ipopo_does() {
    let setting = setting(None).await;
    let unknown = |name: &str| format!("RemoteServiceError:Unknown method {name}");
    let no_service = |id: &str| {
        format!("RemoteServiceError:Unknown service with rs_id={id} for method call=sayHello")
    };
    let no_form = |name: &str| {
        format!("ValueError:Invalid method={name}.  Must be of form <objectid>.<methodname>")
    };
    for (method, text) in [
        ("3.nosuch", unknown("nosuch")),
        // Private, of another interface, and not there: all the same to the caller.
        ("3._private", unknown("_private")),
        ("3.Echo", unknown("Echo")),
        ("3.", unknown("")),
        ("999.sayHello", no_service("999")),
        ("+3.sayHello", no_service("+3")),
        ("x.sayHello", no_service("x")),
        (".sayHello", no_service("")),
        ("bad", no_form("bad")),
        ("3.echo.echo", no_form("3.echo.echo")),
    ] {
        let document = write_call(method, &[]).unwrap();
        assert_eq!(setting.fault(&document, "").await, (1, text));
    }
    let missing = write_call("3.echo", &[]).unwrap();
    let (code, text) = setting.fault(&missing, "").await;
    assert_eq!(code, 1);
    assert!(text.starts_with("InvalidArguments:"), "{text}");
    let (code, text) = setting.fault(b"<methodCall><!DOCTYPE a>", "").await;
    assert_eq!(code, 1);
    assert!(text.starts_with("CodecError:a document type"), "{text}");
    let long = write_call(&format!("3.{}", "x".repeat(10_000)), &[]).unwrap();
    assert!(setting.fault(&long, "").await.1.len() < 300);
}

#[tokio::test]
async fn a_call_is_dropped_at_the_shorter_deadline() {
    let mut setting = setting(None).await;
    let document = write_call("3.never", &[]).unwrap();
    let expected = (1, "TimeoutError:no result of never within 50ms".to_owned());
    // The caller's header against the container's 30 s.
    let fault = setting
        .fault(&document, "X-OSGI-BASIC-TIMEOUT: 50\r\n")
        .await;
    assert_eq!(fault, expected);
    soon(setting.dropped.recv())
        .await
        .expect("the call was dropped");
    // The service's own against the caller's.
    assert!(
        setting
            .services
            .set_timeout(3, Some(Duration::from_millis(50)))
    );
    let fault = setting
        .fault(&document, "X-OSGI-BASIC-TIMEOUT: 20000\r\n")
        .await;
    assert_eq!(fault, expected);
    soon(setting.dropped.recv())
        .await
        .expect("the call was dropped");
}

#[tokio::test]
async fn a_service_that_panics_hurts_its_call_only() {
    let setting = setting(None).await;
    let caller = setting.caller(3);
    let panicked = write_call("3.panic", &[]).unwrap();
    let expected = "RemoteServiceError:The call of panic failed".to_owned();
    assert_eq!(setting.fault(&panicked, "").await, (1, expected));
    let unwritable = write_call("3.unwritable", &[]).unwrap();
    let (_, text) = setting.fault(&unwritable, "").await;
    assert_eq!(
        text,
        "CodecError:the result[0]: XML cannot hold the character U+0001 at byte 0 of the text"
    );
    let answer = soon(caller.call("echo", vec![Value::Int(1)])).await;
    assert_eq!(answer.unwrap(), Value::Int(1));
}

#[tokio::test]
async fn a_service_that_went_is_unknown() {
    let setting = setting(None).await;
    assert_eq!(setting.services.len(), 1);
    assert!(setting.services.remove(3));
    assert!(!setting.services.remove(3));
    assert!(!setting.services.set_timeout(3, None));
    assert!(setting.services.is_empty());
    let error = soon(setting.caller(3).call("echo", vec![]))
        .await
        .unwrap_err();
    let text = "Unknown service with rs_id=3 for method call=echo";
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn other_requests_are_refused() {
    let setting = setting(None).await;
    let get = setting.raw(b"GET /xml-rpc HTTP/1.0\r\n\r\n").await;
    assert!(get.starts_with("HTTP/1.0 405 "), "{get}");
    assert!(
        get.to_ascii_lowercase().contains("\r\nallow: post\r\n"),
        "{get}"
    );
    let (head, _) = setting.post(b"x", "content-encoding: gzip\r\n").await;
    assert!(head.starts_with("http/1.0 415 "), "{head}");
    let large = vec![b' '; (1 << 16) + 1];
    let (head, body) = setting.post(&large, "").await;
    assert!(head.starts_with("http/1.0 413 "), "{head}");
    assert_eq!(body, "A call may have 65536 bytes.\n");
    // Below the mounted path the container answers too, as iPOPO's does.
    let document = write_call("3.fail", &[]).unwrap();
    let head = format!(
        "POST /xml-rpc/x HTTP/1.0\r\ncontent-length: {}\r\n\r\n",
        document.len()
    );
    let answer = setting.raw(&[head.as_bytes(), &document].concat()).await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
}

#[tokio::test]
async fn calls_of_one_client_run_beside_each_other() {
    let setting = setting(None).await;
    let caller = setting.caller(3);
    let waiting = tokio::spawn(caller.call("never", vec![]));
    let calls = (0..50).map(|number| caller.call("echo", vec![Value::Int(number)]));
    let answers = soon(futures_util::future::join_all(calls)).await;
    for (number, answer) in (0..50).zip(answers) {
        assert_eq!(answer.unwrap(), Value::Int(number));
    }
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn https_is_called_when_its_authority_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = write("cert.pem", own.cert.pem());
    let key = write("key.pem", own.signing_key.serialize_pem());
    let setting = setting(Some(ferlix_http::TlsFiles::new(&certificate, key))).await;
    let url = format!(
        "https://localhost:{}/xml-rpc",
        setting.server.address().port()
    );
    let caller = |authorities| {
        let transport = Transport::new(&TransportOptions {
            tls: Some(TlsFiles {
                authorities,
                identity: None,
            }),
            ..TransportOptions::default()
        })?;
        XmlRpcCaller::new(&transport, &url, 3, "org.example.Workshop")
    };
    let trusting = caller(certificate).unwrap();
    let answer = soon(trusting.call("echo", vec![Value::Int(1)])).await;
    assert_eq!(answer.unwrap(), Value::Int(1));

    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let distrusting = caller(write("other.pem", other.cert.pem())).unwrap();
    let error = soon(distrusting.call("echo", vec![])).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");

    let missing = caller(folder.path().join("none.pem")).unwrap_err();
    assert!(missing.to_string().contains("none.pem"), "{missing}");
    let empty = caller(write("empty.pem", String::new())).unwrap_err();
    assert!(empty.to_string().contains("no certificate"), "{empty}");
}

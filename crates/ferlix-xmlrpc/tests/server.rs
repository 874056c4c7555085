//! Exported services behind the real HTTP service, called by our own caller and by plain requests.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use ferlix_core::property::{Decoder, Encoder, Event, FromValue as _, IntoValue as _, Value};
use ferlix_core::service::{CallError, Caller as _, Dispatch, Interface, Method};
use ferlix_http::{HttpService as _, MountOptions, Server, ServerOptions};
use ferlix_xmlrpc::client::{TlsFiles, Transport, TransportOptions, XmlRpcCaller};
use ferlix_xmlrpc::codec::{Limits, Response, read_response, write_call};
use ferlix_xmlrpc::provider::{Services, ServicesOptions, TypedFaults, handler};
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

#[tokio::test]
async fn a_call_reaches_the_service_and_comes_back() {
    let setting = setting(None).await;
    let caller = setting.caller(3);
    let value = Value::List(vec![Value::Null, Value::Long(5), Value::from("a<b>\r\n")]);
    let answer = soon(caller.call_values("echo", vec![value.clone()])).await;
    assert_eq!(answer.unwrap(), value);
    match soon(caller.call_values("fail", vec![])).await.unwrap_err() {
        CallError::Fault {
            code: 7,
            kind: Some(kind),
            message,
            data: Some(Value::Int(2)),
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
    let answer = soon(caller.call_values("echo", vec![Value::Int(1)])).await;
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
    let error = soon(setting.caller(3).call_values("echo", vec![]))
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
    let (head, _) = setting.post(b"x", "content-encoding: br\r\n").await;
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
    let waiting = tokio::spawn(never(&caller));
    let calls = (0..50).map(|number| caller.call_values("echo", vec![Value::Int(number)]));
    let answers = soon(futures_util::future::join_all(calls)).await;
    for (number, answer) in (0..50).zip(answers) {
        assert_eq!(answer.unwrap(), Value::Int(number));
    }
    assert!(!waiting.is_finished());
    waiting.abort();
}

/// Options with one change.
fn with(change: impl FnOnce(&mut ServicesOptions)) -> ServicesOptions {
    let mut options = ServicesOptions::default();
    change(&mut options);
    options
}

#[tokio::test]
async fn more_calls_than_may_run_are_answered_503_and_may_be_made_again() {
    let mut setting = setting_with(with(|options| options.max_calls = 2), None).await;
    let caller = setting.caller(3);
    let hanging: Vec<_> = (0..2).map(|_| tokio::spawn(never(&caller))).collect();
    let begun = async {
        while setting.services.running() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(begun).await;
    let refused = soon(caller.call_values("echo", vec![Value::Int(1)])).await;
    assert!(
        matches!(&refused, Err(CallError::Refused { reason, .. }) if reason.contains("503")),
        "{refused:?}"
    );
    let document = write_call("3.echo", &[Value::Int(1)]).unwrap();
    let (head, _) = setting.post(&document, "").await;
    assert!(head.starts_with("http/1.0 503 "), "{head}");
    assert!(head.contains("retry-after: 1"), "{head}");
    for call in hanging {
        call.abort();
        soon(setting.dropped.recv()).await.unwrap();
    }
    let answer = soon(caller.call_values("echo", vec![Value::Int(1)])).await;
    assert_eq!(answer.unwrap(), Value::Int(1));
}

#[tokio::test]
async fn documents_in_pieces_have_a_bounded_room() {
    let setting = setting_with(with(|options| options.max_buffered = 1000), None).await;
    let large = write_call("3.echo", &[Value::from("x".repeat(100_000))]).unwrap();
    let (head, _) = setting.post(&large, "").await;
    assert!(head.starts_with("http/1.0 503 "), "{head}");
    let small = write_call("3.echo", &[Value::from("x")]).unwrap();
    let (head, _) = setting.post(&small, "").await;
    assert!(head.starts_with("http/1.0 200 "), "{head}");
}

fn gzip(document: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(document, flate2::Compression::default())
        .read_to_end(&mut packed)
        .unwrap();
    packed
}

#[tokio::test]
async fn calls_and_answers_may_be_compressed() {
    let options = with(|options| {
        options.limits.bytes = 1 << 16;
        options.gzip_from = 1000;
    });
    let setting = setting_with(options, None).await;
    let call = |text: &str| gzip(&write_call("3.echo", &[Value::from(text)]).unwrap());
    let packed = "content-encoding: gzip\r\n";

    let (head, body) = setting.post(&call("small"), packed).await;
    assert!(head.starts_with("http/1.0 200 "), "{head}");
    assert!(
        body.contains("small") && !head.contains("content-encoding"),
        "{head}"
    );
    // One byte above the limit when unpacked; a bomb far above.
    for length in [1 << 16, 10 << 20] {
        let (head, _) = setting.post(&call(&"x".repeat(length)), packed).await;
        assert!(head.starts_with("http/1.0 413 "), "{head}");
    }
    let (head, _) = setting.post(b"no gzip", packed).await;
    assert!(head.starts_with("http/1.0 400 "), "{head}");
    let (head, _) = setting.post(b"", "content-encoding: br\r\n").await;
    assert!(head.starts_with("http/1.0 415 "), "{head}");

    // Answers: for a client that asks, beyond the least length.
    let url = format!("http://{}/xml-rpc", setting.server.address());
    for gzip in [true, false] {
        let options = TransportOptions {
            gzip,
            ..TransportOptions::default()
        };
        let transport = Transport::new(&options).unwrap();
        let caller = XmlRpcCaller::new(&transport, &url, 3, "org.example.Workshop").unwrap();
        for length in [1, 30_000] {
            let text = Value::from("y".repeat(length));
            let answer = soon(caller.call_values("echo", vec![text.clone()])).await;
            assert_eq!(answer.unwrap(), text);
        }
    }
    let mut stream = TcpStream::connect(setting.server.address()).await.unwrap();
    let document = write_call("3.echo", &[Value::from("y".repeat(30_000))]).unwrap();
    let head = format!(
        "POST /xml-rpc HTTP/1.0\r\naccept-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        document.len()
    );
    stream
        .write_all(&[head.as_bytes(), &document].concat())
        .await
        .unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.len() < 2000, "{} bytes", answer.len());
    assert!(String::from_utf8_lossy(&answer).contains("content-encoding: gzip"));
}

#[tokio::test]
async fn the_servers_own_methods_are_answered_when_chosen() {
    let quiet = setting(None).await;
    for name in [
        "listMethods",
        "methodSignature",
        "methodHelp",
        "multicall",
        "shutdown",
    ] {
        let document = write_call(&format!("system.{name}"), &[]).unwrap();
        let (code, text) = quiet.fault(&document, "").await;
        let unknown =
            format!("RemoteServiceError:Unknown service with rs_id=system for method call={name}");
        assert_eq!((code, text), (1, unknown), "as if it were not there");
    }

    let options = with(|options| {
        options.introspection = true;
        options.multicall = true;
    });
    let setting = setting_with(options, None).await;
    let system = async |method: &str, arguments: &[Value]| {
        let document = write_call(method, arguments).unwrap();
        let (_, body) = setting.post(&document, "").await;
        read_response(body.as_bytes(), &Limits::default()).unwrap()
    };
    let listed = system("system.listMethods", &[]).await;
    let Response::Value(listed) = listed else {
        panic!("{listed:?}")
    };
    assert_eq!(
        listed.to_string(),
        "['3.echo', '3.fail', '3.never', '3.panic', '3.unwritable', 'system.listMethods', 'system.methodHelp', \
         'system.methodSignature', 'system.multicall']"
    );
    let help = system("system.methodHelp", &["3.echo".into()]).await;
    assert_eq!(help, Response::Value("3.echo(value)".into()));
    let signature = system("system.methodSignature", &["3.echo".into()]).await;
    assert_eq!(signature, Response::Value("undef".into()));
    for unknown in ["3.nosuch", "4.echo", "system.nosuch"] {
        let answer = system("system.methodSignature", &[unknown.into()]).await;
        assert!(
            matches!(answer, Response::Fault(_)),
            "{unknown}: {answer:?}"
        );
    }

    let call = |method: &str, params: Vec<Value>| {
        Value::Map(BTreeMap::from([
            ("methodName".to_owned(), method.into()),
            ("params".to_owned(), Value::List(params)),
        ]))
    };
    let calls = Value::List(vec![
        call("3.echo", vec![Value::Int(5)]),
        call("3.nosuch", vec![]),
        call("system.multicall", vec![]),
        Value::Int(1),
        call("3.fail", vec![]),
    ]);
    let answers = system("system.multicall", &[calls]).await;
    let Response::Value(Value::List(answers)) = answers else {
        panic!("{answers:?}")
    };
    assert_eq!(answers[0], Value::List(vec![Value::Int(5)]));
    let text = |index: usize| answers[index].to_string();
    assert!(text(1).contains("Unknown method nosuch"), "{}", text(1));
    assert!(text(2).contains("ValueError"), "{}", text(2));
    assert!(text(3).contains("methodName and params"), "{}", text(3));
    assert_eq!(
        text(4),
        "{'faultCode': 7, 'faultString': 'OutOfPaper:tray 2'}"
    );
    let many = Value::List(vec![call("3.echo", vec![]); 1001]);
    assert!(matches!(
        system("system.multicall", &[many]).await,
        Response::Fault(_)
    ));
}

#[tokio::test]
async fn an_error_itself_goes_to_those_who_are_to_have_it() {
    let document = write_call("3.fail", &[]).unwrap();
    let ferlix = "user-agent: Ferlix/1.0\r\n";
    let python = "user-agent: Python-xmlrpc/3.11\r\n";
    for (typed, to_ferlix, to_python) in [
        (TypedFaults::Never, false, false),
        (TypedFaults::Ferlix, true, false),
        (TypedFaults::Always, true, true),
    ] {
        let setting = setting_with(with(|options| options.typed_faults = typed), None).await;
        for (agent, expected) in [(ferlix, to_ferlix), (python, to_python)] {
            let (_, body) = setting.post(&document, agent).await;
            assert_eq!(
                body.contains("<name>ferlixError</name>"),
                expected,
                "{typed:?} {agent}"
            );
        }
    }
}

#[test]
fn a_call_from_outside_of_any_runtime_is_made_on_that_of_the_transport() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (setting, caller) = runtime.block_on(async {
        let setting = setting(None).await;
        let caller = setting.caller(3);
        (setting, caller)
    });
    let mut call = Box::pin(caller.call_values("echo", vec![Value::Int(1)]));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let begun = std::time::Instant::now();
    let answer = loop {
        match call.as_mut().poll(&mut context) {
            std::task::Poll::Ready(answer) => break answer,
            std::task::Poll::Pending => std::thread::yield_now(),
        }
        assert!(begun.elapsed() < PATIENCE);
    };
    assert_eq!(answer.unwrap(), Value::Int(1));
    drop(setting);
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
    let answer = soon(trusting.call_values("echo", vec![Value::Int(1)])).await;
    assert_eq!(answer.unwrap(), Value::Int(1));

    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let distrusting = caller(write("other.pem", other.cert.pem())).unwrap();
    let error = soon(distrusting.call_values("echo", vec![]))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");

    let missing = caller(folder.path().join("none.pem")).unwrap_err();
    assert!(missing.to_string().contains("none.pem"), "{missing}");
    let empty = caller(write("empty.pem", String::new())).unwrap_err();
    assert!(empty.to_string().contains("no certificate"), "{empty}");
}

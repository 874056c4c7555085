//! Calls, right and wrong, and who makes them.

use std::time::Duration;

use ferlix_core::property::Value;
use ferlix_core::service::{CallError, Caller as _};
use ferlix_http::HttpService as _;
use ferlix_xmlrpc::client::{TlsFiles, Transport, TransportOptions, XmlRpcCaller};
use ferlix_xmlrpc::codec::write_call;

use super::{PATIENCE, never, setting, soon};

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

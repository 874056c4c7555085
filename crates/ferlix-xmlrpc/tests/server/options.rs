//! What the options of a container change: limits, compression, methods of its own, errors.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

use ferlix_core::property::Value;
use ferlix_core::service::{CallError, Caller as _};
use ferlix_http::HttpService as _;
use ferlix_xmlrpc::client::{Transport, TransportOptions, XmlRpcCaller};
use ferlix_xmlrpc::codec::{Limits, Response, read_response, write_call};
use ferlix_xmlrpc::provider::{ServicesOptions, TypedFaults};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{never, setting, setting_with, soon};

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

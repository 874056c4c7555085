//! Calls with types in a service: nothing runs before its whole document is right.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ferlix_core::property::{Decoder, Encoder, Event, FromValue, IntoValue, Value, ValueError};
use ferlix_core::service::{CallError, Service as _};
use ferlix_core::{remote_service, service_impl};
use ferlix_xmlrpc::codec::{Limits, Response, read_response};
use ferlix_xmlrpc::provider::{Services, ServicesOptions};
use http::HeaderMap;

use super::Leaf;

#[remote_service("test.typed.Forest")]
trait Forest: Send + Sync {
    async fn plant(&self, trees: Vec<Leaf>, deep: u8) -> Result<Vec<Leaf>, CallError>;
    async fn panics(&self, of: Explosive) -> Result<(), CallError>;
    async fn unwritable(&self) -> Result<String, CallError>;
    async fn enormous(&self) -> Result<Vec<u64>, CallError>;
}

/// It cannot be made.
#[derive(Debug)]
struct Explosive;

impl IntoValue for Explosive {
    fn encode(&self, encoder: &mut dyn Encoder) -> Result<(), ValueError> {
        ().encode(encoder)
    }
}

impl FromValue for Explosive {
    fn decode<'a>(_: Event<'a>, _: &mut dyn Decoder<'a>) -> Result<Self, ValueError> {
        panic!("the test's conversion panics on purpose")
    }
}

#[derive(Default)]
struct Wood {
    runs: AtomicUsize,
}

#[service_impl]
impl Forest for Wood {
    async fn plant(&self, trees: Vec<Leaf>, _: u8) -> Result<Vec<Leaf>, CallError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        Ok(trees)
    }

    async fn panics(&self, _: Explosive) -> Result<(), CallError> {
        Ok(())
    }

    async fn unwritable(&self) -> Result<String, CallError> {
        Ok("\u{1}".to_owned())
    }

    async fn enormous(&self) -> Result<Vec<u64>, CallError> {
        Ok(vec![1, u64::MAX])
    }
}

fn forest() -> (Arc<Wood>, Services) {
    let wood = Arc::new(Wood::default());
    let services = Services::new(ServicesOptions::default());
    let dispatch = <dyn Forest>::dispatcher(Arc::clone(&wood) as Arc<dyn Forest>).unwrap();
    services.insert(1, vec![dispatch], Some(Duration::from_secs(10)));
    (wood, services)
}

fn call(method: &str, arguments: &[&str]) -> String {
    let arguments: String = arguments
        .iter()
        .map(|value| format!("<param><value>{value}</value></param>"))
        .collect();
    format!(
        "<methodCall><methodName>{method}</methodName><params>{arguments}</params></methodCall>"
    )
}

async fn answered(services: &Services, document: &str) -> Result<Value, String> {
    let answer = services
        .answer(&HeaderMap::new(), document.as_bytes())
        .await;
    match read_response(&answer, &Limits::default()).unwrap() {
        Response::Value(value) => Ok(value),
        Response::Fault(fault) => Err(fault.text),
    }
}

const LEAF: &str = "<struct><member><name>name</name><value>n</value></member><member><name>flags</name><value><array/></value></member><member><name>type</name><value>1</value></member></struct>";

#[tokio::test]
async fn a_call_runs_only_when_its_whole_document_is_right() {
    let (wood, services) = forest();
    let trees = format!("<array><data><value>{LEAF}</value></data></array>");
    let good = call("1.plant", &[&trees, "<int>3</int>"]);
    let answer = answered(&services, &good).await.unwrap();
    assert_eq!(Vec::<Leaf>::from_value(answer).unwrap().len(), 1);
    assert_eq!(wood.runs.load(Ordering::SeqCst), 1);

    let wrong_type = call("1.plant", &["<array/>", "<int>300</int>"]);
    let cases = [
        (
            good.replace("</methodCall>", ""),
            "CodecError:expected methodName, then params, found the end of the document",
        ),
        (
            good.replace("</methodCall>", "</methodCall><a/>"),
            "CodecError:unknown element or type <a>",
        ),
        (
            good.replace("</params>", "<params/></params>"),
            "CodecError:expected param, found Params",
        ),
        (
            good.replace("</params>", "</params><params/>"),
            "CodecError:expected methodName, then params, found Params",
        ),
        (
            good.replace("</int>", "</int>x"),
            "CodecError:expected </value>, found the text \"x\"",
        ),
        (
            wrong_type.clone(),
            "InvalidArguments:invalid arguments for plant: deep: 300 does not fit an unsigned 8-bit integer",
        ),
        // What is wrong with the document is told before what is wrong with the call.
        (
            wrong_type.replace("</methodCall>", "&"),
            "CodecError:not well-formed XML",
        ),
        (
            call("1.nothing", &["<int>x</int>"]),
            "CodecError:\"x\" is no integer of 32 bits",
        ),
        (
            call("2.plant", &["<int>x</int>"]),
            "CodecError:\"x\" is no integer of 32 bits",
        ),
        (
            call("", &["<int>x</int>"]),
            "CodecError:\"x\" is no integer of 32 bits",
        ),
        (
            call("", &["<int>1</int>"]),
            "CodecError:expected the name of a method, found the end of an element",
        ),
        (
            call("1.nothing", &["<int>1</int>"]),
            "RemoteServiceError:Unknown method nothing",
        ),
        (
            call("1.plant", &[&trees]),
            "InvalidArguments:invalid arguments for plant: it takes (trees, deep), but was given 1 arguments",
        ),
        // The number is told before the type.
        (
            call("1.plant", &["1", "2", &trees]),
            "InvalidArguments:invalid arguments for plant: it takes (trees, deep), but was given 3 arguments",
        ),
        (
            "<methodCall><methodName>1.plant</methodName></methodCall>".to_owned(),
            "InvalidArguments:invalid arguments for plant: it takes (trees, deep), but was given 0 arguments",
        ),
        (
            call(
                "1.plant",
                &[&trees.replace("<value>1</value>", "<value>x</value>"), "1"],
            ),
            "InvalidArguments:invalid arguments for plant: trees: member type: expected an unsigned 8-bit integer, found string",
        ),
        (
            call("1.panics", &[LEAF]),
            "RemoteServiceError:The call of panics failed",
        ),
        (
            call("1.panics", &["<int>x</int>"]),
            "CodecError:\"x\" is no integer of 32 bits",
        ),
        (
            call("1.unwritable", &[]),
            "CodecError:the result: XML cannot hold the character U+0001 at byte 0 of the text",
        ),
        (
            call("1.enormous", &[]),
            "ValueError:the result of enormous cannot be converted: 18446744073709551615 does not fit a 64-bit signed integer",
        ),
    ];
    for (document, expected) in cases {
        let fault = answered(&services, &document).await.unwrap_err();
        assert!(fault.starts_with(expected), "{document}: {fault}");
    }
    assert_eq!(
        wood.runs.load(Ordering::SeqCst),
        1,
        "none of these ran the method"
    );

    let deep = Limits {
        depth: 2,
        ..Limits::default()
    };
    let services = Services::new(ServicesOptions {
        limits: deep,
        ..ServicesOptions::default()
    });
    services.insert(1, vec![<dyn Forest>::dispatcher(wood).unwrap()], None);
    let fault = answered(&services, &good).await.unwrap_err();
    assert!(
        fault.starts_with("CodecError:more than 2 levels of depth"),
        "{fault}"
    );
}

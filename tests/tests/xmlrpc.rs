//! XML-RPC with Python's own client and iPOPO's own server: every type, every wrong call, every refusal.
//!
//! Our side runs in the test's process: a framework with the Remote Service Admin, the XML-RPC provider and,
//! for the exporter, the HTTP service. No etcd: the endpoints are handed over.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ferlix::http::HttpService;
use ferlix::prelude::*;
use ferlix::property::DateTime;
use ferlix::registry::ServiceGuard;
use ferlix::remote::admin::RemoteServiceAdmin;
use ferlix::remote::endpoint::{EndpointDescription, WireKind, WireProperty, decode};
use ferlix_tests::{DEADLINE, PythonPeer};
use serde_json::{Value as Json, json};

/// The service of `xmlrpc_server.py`.
#[remote_service("ferlix.test.Types", version = "1.0.0")]
trait Types: Send + Sync {
    async fn echo(&self, value: Value) -> Result<Value, CallError>;
    async fn type_name(&self, value: Value) -> Result<String, CallError>;
    async fn nothing(&self) -> Result<(), CallError>;
    async fn bytes(&self) -> Result<Vec<u8>, CallError>;
    async fn moment(&self) -> Result<DateTime, CallError>;
    async fn nested(&self) -> Result<Value, CallError>;
    async fn too_big(&self) -> Result<i64, CallError>;
    async fn text(&self, length: i32) -> Result<String, CallError>;
    async fn fail(&self, message: &str) -> Result<(), CallError>;
    async fn fault(&self, code: i32, message: &str) -> Result<(), CallError>;
    async fn slow(&self, seconds: f64) -> Result<String, CallError>;
    async fn no_such_method(&self) -> Result<(), CallError>;
}

/// What the matrix calls: one method that takes anything, and one that does not.
#[remote_service("ferlix.test.Matrix", version = "1.0.0")]
trait Matrix: Send + Sync {
    async fn echo(&self, value: Value) -> Result<Value, CallError>;
    async fn twice(&self, number: i32) -> Result<i64, CallError>;
}

#[component(
    factory = "matrix-factory",
    instance = "matrix",
    provides(dyn Matrix),
    property(
        "service.exported.interfaces" = "*",
        "service.exported.configs" = "ecf.xmlrpc.server",
    )
)]
#[derive(Debug, Default)]
struct MatrixImpl;

#[service_impl]
impl Matrix for MatrixImpl {
    async fn echo(&self, value: Value) -> Result<Value, CallError> {
        Ok(value)
    }

    async fn twice(&self, number: i32) -> Result<i64, CallError> {
        Ok(2 * i64::from(number))
    }
}

bundle!(
    MATRIX = "ferlix.test.matrix",
    components = [MatrixImpl],
    activator = None
);

async fn framework() -> Framework {
    let framework = Framework::builder()
        .install(ferlix::bundles::REMOTE_BUNDLES)
        .start()
        .await
        .unwrap();
    framework.settle().await;
    framework
}

/// Imports an endpoint as it would lie in etcd, with some of its properties changed, while the admin is held.
async fn import(
    framework: &Framework,
    endpoint: &Json,
    changed: &[(&str, &str)],
) -> ServiceGuard<dyn RemoteServiceAdmin> {
    let changed: BTreeMap<_, _> = changed.iter().copied().collect();
    let mut texts: BTreeMap<&str, &str> = endpoint
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .collect();
    texts.extend(changed);
    let wire = texts.into_iter().map(|(name, text)| WireProperty {
        name: name.into(),
        kind: WireKind::String,
        value: Value::from(text),
    });
    let description: EndpointDescription = decode(wire).unwrap();
    let admin = framework
        .context()
        .service::<dyn RemoteServiceAdmin>(None)
        .unwrap();
    let registration = admin.import_service(&description).await.unwrap();
    assert!(registration.error().is_none(), "{:?}", registration.error());
    admin
}

/// A call that may not take for ever.
async fn soon<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, call)
        .await
        .expect("a call ends by the deadline")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs iPOPO: cargo xtask test"]
async fn pythons_client_calls_us_in_every_way() {
    let framework = framework().await;
    let context = framework.context();
    let properties = Properties::from([("ferlix.http.port", Value::from(0))]);
    ferlix::http::instantiate(&context, properties)
        .await
        .unwrap();
    ferlix::remote::topology::instantiate(&context, Properties::new())
        .await
        .unwrap();
    framework.install(&MATRIX).unwrap().start().await.unwrap();
    framework.settle().await;
    assert!(context.service::<dyn HttpService>(None).is_some());
    let admin = context.service::<dyn RemoteServiceAdmin>(None).unwrap();
    let exported = admin.exported_services().remove(0);
    let endpoint = exported.exported_endpoint().unwrap();
    let (url, id) = (
        endpoint.container_id().to_owned(),
        endpoint.remote_service_id().to_string(),
    );
    let outcomes = tokio::task::spawn_blocking(move || {
        PythonPeer::cases("xmlrpc_matrix.py", &[&url, &id, "echo", "twice"])
    })
    .await
    .unwrap();
    for (cases, field) in [(answered(), "result"), (refused(), "http")] {
        for (case, wanted) in cases {
            let outcome = outcomes
                .get(case)
                .unwrap_or_else(|| panic!("no case {case}"));
            assert_eq!(outcome, &json!({ field: wanted }), "{case}");
        }
    }
    for (case, begin) in FAULTS {
        let fault = &outcomes[*case]["fault"];
        assert_eq!(fault[0], 1, "{case}: {}", outcomes[*case]);
        let text = fault[1].as_str().unwrap_or_default();
        assert!(text.starts_with(begin), "{case}: {text}");
    }
    assert_eq!(
        outcomes.len(),
        answered().len() + refused().len() + FAULTS.len()
    );
    framework.stop().await.unwrap();
}

/// What is answered: all that goes out comes back equal.
fn answered() -> Vec<(&'static str, Json)> {
    vec![
        ("int", json!(42)),
        ("int-min", json!(i32::MIN)),
        ("int-max", json!(i32::MAX)),
        ("true", json!(true)),
        ("false", json!(false)),
        ("double", json!(1.5)),
        ("double-small", json!(-2.25e-7)),
        ("string", json!("Hello Impl")),
        ("string-empty", json!("")),
        ("string-markup", json!("a <b> & \"c\" 'd' ]]>")),
        (
            "string-unicode",
            json!("Grüße, \u{4f60}\u{597d}, \u{1f980}"),
        ),
        ("string-blanks", json!("  two\n\tlines  ")),
        ("nil", json!(null)),
        ("bytes", json!({"bytes": "AAH+/w=="})),
        ("bytes-empty", json!({"bytes": ""})),
        ("moment", json!({"moment": "20261123T21:30:59"})),
        ("array", json!([1, "two", null, [3.5, true]])),
        ("array-empty", json!([])),
        ("struct", json!({"a": 1, "b": {"c": ["d"]}, "e": null})),
        ("struct-empty", json!({})),
        ("raw-untyped", json!("bare text")),
        ("raw-i4", json!(7)),
        ("raw-i8", json!(5_000_000_000_i64)),
        ("raw-ex-i8", json!(5_000_000_000_i64)),
        ("raw-ex-nil", json!(null)),
        ("after-all", json!("still there")),
    ]
}

/// What HTTP refuses, with one exception: a path below ours is ours, and its empty body a fault.
fn refused() -> Vec<(&'static str, Json)> {
    vec![
        ("oversize", json!(413)),
        ("unknown-path", json!(404)),
        ("sub-path", json!(200)),
        ("verb-GET", json!(405)),
        ("verb-PUT", json!(405)),
        ("verb-DELETE", json!(405)),
    ]
}

/// What is a fault of code 1, and how its text begins: as iPOPO's, without the Python class around the kind.
const FAULTS: &[(&str, &str)] = &[
    ("raw-bad-int", "CodecError:\"seven\" is no integer"),
    (
        "raw-int-overflow",
        "CodecError:\"99999999999999999999\" is no integer",
    ),
    ("raw-unclosed", "CodecError:not well-formed XML"),
    ("raw-unknown-entity", "CodecError:not well-formed XML"),
    (
        "unknown-rsid",
        "RemoteServiceError:Unknown service with rs_id=999999 for method call=echo",
    ),
    (
        "rsid-no-number",
        "RemoteServiceError:Unknown service with rs_id=nine for method call=echo",
    ),
    (
        "unknown-method",
        "RemoteServiceError:Unknown method noSuchMethod",
    ),
    (
        "private-method",
        "RemoteServiceError:Unknown method _private",
    ),
    (
        "no-dot",
        "ValueError:Invalid method=echo.  Must be of form <objectid>.<methodname>",
    ),
    ("two-dots", "ValueError:Invalid method="),
    (
        "introspection",
        "RemoteServiceError:Unknown service with rs_id=system",
    ),
    (
        "too-few",
        "InvalidArguments:invalid arguments for echo: it takes (value), but was given 0",
    ),
    (
        "too-many",
        "InvalidArguments:invalid arguments for echo: it takes (value), but was given 5",
    ),
    (
        "wrong-type",
        "InvalidArguments:invalid arguments for twice: number: expected a 32-bit integer",
    ),
    ("no-xml", "CodecError:expected methodCall"),
    (
        "empty-body",
        "CodecError:expected methodCall, found the end",
    ),
    (
        "doctype",
        "CodecError:a document type declaration is not allowed",
    ),
    ("too-deep", "CodecError:more than 64 levels of depth"),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs iPOPO: cargo xtask test"]
async fn we_call_ipopos_server_in_every_way() {
    let mut server = PythonPeer::start("xmlrpc_server.py", &[]);
    let endpoint = server.event("started")["endpoint"].clone();
    let framework = framework().await;
    let _admin = import(&framework, &endpoint, &[]).await;
    let types = framework.context().service::<dyn Types>(None).unwrap();

    // What goes out and is to come back equal, each after a connection that Python closed.
    let map = |members: &[(&str, Value)]| {
        let members = members.iter().cloned();
        Value::Map(
            members
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    };
    let moment = soon(types.moment()).await.unwrap();
    assert_eq!(moment.to_string(), "2026-11-23 21:30:59.0");
    for value in [
        Value::Null,
        Value::Bool(true),
        Value::Bool(false),
        Value::Int(i32::MIN),
        Value::Int(i32::MAX),
        Value::Double(-2.25e-7),
        Value::from(""),
        Value::from("a <b> & \"c\" ]]> \u{4f60}\u{597d} \u{1f980}"),
        Value::from("  two\n\tlines  "),
        Value::Bytes(vec![0, 1, 0xfe, 0xff]),
        Value::DateTime(moment),
        Value::List(vec![Value::Int(1), Value::Null, Value::List(Vec::new())]),
        map(&[("a", Value::Int(1)), ("b", map(&[("c", Value::from("d"))]))]),
    ] {
        // Python hands what it has no type for through as a wrapper, and writes that as it was.
        assert_eq!(soon(types.echo(value.clone())).await.unwrap(), value);
    }
    // A long goes out as ex:i8; Python takes it, and answers with an int as long as that can hold it.
    for (number, answer) in [(7_i64, Value::Int(7)), (-9, Value::Int(-9))] {
        assert_eq!(soon(types.echo(Value::Long(number))).await.unwrap(), answer);
    }
    for (value, name) in [
        (Value::Long(1 << 40), "int"),
        (Value::Null, "NoneType"),
        (Value::Double(1.0), "float"),
        (Value::List(Vec::new()), "list"),
        (map(&[]), "dict"),
    ] {
        assert_eq!(soon(types.type_name(value)).await.unwrap(), name);
    }
    soon(types.nothing()).await.unwrap();
    assert_eq!(soon(types.bytes()).await.unwrap(), [0, 1, 0xfe, 0xff]);
    assert_eq!(
        soon(types.nested()).await.unwrap(),
        map(&[
            (
                "list",
                Value::List(vec![
                    Value::Int(1),
                    Value::Null,
                    map(&[("deep", Value::Bool(true))])
                ])
            ),
            ("number", Value::Double(1.5)),
            ("text", Value::from("<&>")),
            ("empty", Value::List(Vec::new())),
        ])
    );
    assert_eq!(soon(types.text(500_000)).await.unwrap().len(), 500_000);

    faults_are_told_apart(&**types).await;

    // More than iPOPO's megabyte.
    let refused = soon(types.echo(Value::from("x".repeat(1_200_000)))).await;
    assert!(
        matches!(&refused, Err(CallError::Refused { reason, .. }) if reason.contains("413")),
        "{refused:?}"
    );
    assert_eq!(soon(types.text(1)).await.unwrap(), "x");
    server.command("calls", &[]).unwrap();
    server.stop();

    // The peer is gone, its endpoint is still there.
    let unreachable = soon(types.text(1)).await;
    assert!(
        matches!(unreachable, Err(CallError::Unreachable { .. })),
        "{unreachable:?}"
    );
    framework.stop().await.unwrap();
}

/// The faults of iPOPO, of its service, and those that a service raises with a code of its own.
async fn faults_are_told_apart(types: &dyn Types) {
    let fault = |outcome: Result<(), CallError>| match outcome {
        Err(CallError::Fault {
            code,
            kind,
            message,
            ..
        }) => (code, kind.unwrap_or_default(), message),
        other => panic!("no fault: {other:?}"),
    };
    assert_eq!(
        fault(soon(types.fail("grüß <&> dich")).await),
        (1, "ValueError".to_owned(), "grüß <&> dich".to_owned())
    );
    assert_eq!(
        fault(soon(types.fault(-42, "own: code")).await),
        (-42, String::new(), "own: code".to_owned())
    );
    assert_eq!(
        fault(soon(types.too_big()).await.map(drop)),
        (
            1,
            "OverflowError".to_owned(),
            "int exceeds XML-RPC limits".to_owned()
        )
    );
    let unknown = soon(types.no_such_method()).await;
    assert_eq!(
        fault(unknown),
        (
            1,
            "pelix.rsa.RemoteServiceError".to_owned(),
            "Unknown method noSuchMethod".to_owned()
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs iPOPO: cargo xtask test"]
async fn a_call_of_ipopo_ends_with_its_deadline_and_runs_once() {
    let mut server = PythonPeer::start("xmlrpc_server.py", &[]);
    let endpoint = server.event("started")["endpoint"].clone();
    let framework = framework().await;
    let _admin = import(&framework, &endpoint, &[("osgi.basic.timeout", "400")]).await;
    let types = framework.context().service::<dyn Types>(None).unwrap();
    let begin = Instant::now();
    let late = soon(types.slow(3.0)).await;
    assert!(
        matches!(late, Err(CallError::Timeout { after, .. }) if after.as_millis() == 400),
        "{late:?}"
    );
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(soon(types.slow(0.0)).await.unwrap(), "late");
    let calls = server.command("calls", &[]).unwrap();
    assert_eq!(calls["slow"], json!(2), "once each: {calls}");
    server.stop();
    framework.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs iPOPO: cargo xtask test"]
async fn an_address_where_nothing_is_served_is_said() {
    let server = PythonPeer::start("xmlrpc_server.py", &[]);
    let endpoint = server.event("started")["endpoint"].clone();
    let elsewhere = endpoint["ecf.endpoint.id"]
        .as_str()
        .unwrap()
        .replace("/xml-rpc", "/elsewhere");
    let framework = framework().await;
    let _admin = import(&framework, &endpoint, &[("ecf.endpoint.id", &elsewhere)]).await;
    let types = framework.context().service::<dyn Types>(None).unwrap();
    let refused = soon(types.text(1)).await;
    assert!(
        matches!(&refused, Err(CallError::Refused { reason, .. }) if reason.contains("404")),
        "{refused:?}"
    );
    server.stop();
    framework.stop().await.unwrap();
}

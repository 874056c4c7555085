//! Python's own `xmlrpc.client` and XML parser, expat, against our server and our reader, without iPOPO between.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ferlix::http::{HttpService as _, MountOptions, Server, ServerOptions};
use ferlix::property::{Decoder, Encoder, Event, FromValue as _, IntoValue as _, Value};
use ferlix::service::BoxFuture;
use ferlix::service::{CallError, Dispatch, Interface, Method};
use ferlix::xmlrpc::codec::{Limits, read_call, read_response};
use ferlix::xmlrpc::provider::{Services, ServicesOptions, TypedFaults, handler};
use ferlix_tests::peers;

static WORKSHOP: Interface = Interface {
    name: "org.example.Workshop",
    version: None,
    methods: &[Method::new("echo", &["value"]), Method::new("fail", &[])],
};

struct Workshop;

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
        let result = match (method, arguments.pop()) {
            ("echo", Some(value)) => Ok(value),
            _ => Err(CallError::Fault {
                code: 7,
                kind: Some("OutOfPaper".to_owned()),
                message: "tray 2".to_owned(),
                data: Some(Value::List(vec![Value::Int(2), Value::Null])),
            }),
        };
        Box::pin(async move {
            let written = result?.encode(reply);
            written.map_err(|error| CallError::fault(error.to_string()))
        })
    }
}

/// What a script prints.
fn python(script: &str, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(peers::python())
        .args(["-c", script])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(str::to_owned).collect()
}

const OPTIONS: &str = "
import sys, xmlrpc.client as x
transport = x.Transport()
transport.encode_threshold = 100  # calls beyond are sent as gzip, and gzip is always taken
server = x.ServerProxy(sys.argv[1], transport=transport, allow_none=True)
try:
    getattr(server, '1.fail')()
except x.Fault as fault:
    print(fault.faultCode, fault.faultString)
many = x.MultiCall(server)
getattr(many, '1.echo')(5)
getattr(many, '1.echo')(None)
getattr(many, '1.fail')()
answers = many()
print(answers[0], answers[1])
try:
    answers[2]
except x.Fault as fault:
    print(fault.faultCode, fault.faultString)
print(*server.system.listMethods())
print(server.system.methodHelp('1.echo'), server.system.methodSignature('1.echo'))
long = 'é<&' * 100000
print(getattr(server, '1.echo')(long) == long)
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: cargo xtask test"]
async fn python_reads_our_errors_and_makes_many_calls_in_one() {
    let options = ServicesOptions {
        typed_faults: TypedFaults::Always,
        introspection: true,
        multicall: true,
        ..ServicesOptions::default()
    };
    let services = Arc::new(Services::new(options));
    services.insert(1, vec![Arc::new(Workshop)], None);
    let server = Server::bind(ServerOptions::new("127.0.0.1", 0))
        .await
        .unwrap();
    server
        .mount("/xml-rpc", handler(services), MountOptions::new("test"))
        .unwrap();
    let url = format!("http://{}/xml-rpc", server.address());
    let said = tokio::task::spawn_blocking(move || python(OPTIONS, &[&url]))
        .await
        .unwrap();
    assert_eq!(
        said,
        [
            "7 OutOfPaper:tray 2",
            "5 None",
            "7 OutOfPaper:tray 2",
            "1.echo 1.fail system.listMethods system.methodHelp system.methodSignature system.multicall",
            "1.echo(value) undef",
            "True",
        ]
    );
}

const EXPAT: &str = "
import sys
from xml.parsers import expat
for name in sys.argv[1:]:
    try:
        expat.ParserCreate().Parse(open(name, 'rb').read(), True)
    except expat.ExpatError as error:
        print(name, error)
";

#[test]
#[ignore = "needs Python: cargo xtask test"]
fn what_we_accept_is_well_formed_to_expat() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let limits = Limits::default();
    let mut accepted: Vec<PathBuf> = Vec::new();
    for folder in [
        "fuzz/corpus/xmlrpc_call",
        "fuzz/corpus/xmlrpc_response",
        "crates/ferlix-xmlrpc/tests/hostile",
    ] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let document = std::fs::read(&path).unwrap();
            if read_call(&document, &limits).is_ok() || read_response(&document, &limits).is_ok() {
                accepted.push(path);
            }
        }
    }
    assert!(accepted.len() > 20, "{}", accepted.len());
    let names: Vec<&str> = accepted.iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(python(EXPAT, &names), Vec::<String>::new());
}

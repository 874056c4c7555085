//! The peers among themselves: that the test bench works before anything of ours is on it.
//!
//! If a test here fails, those with Ferlix on one side say nothing. No Ferlix crate is used.

use ferlix_tests::etcd::Kind;
use ferlix_tests::{EtcdServer, PythonPeer, peers};
use serde_json::json;

const TOP_KEY: &str = "org.eclipse.ecf.provider.etcd3.container.Etcd3DiscoveryContainer";

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn ipopo_finds_calls_and_loses_ipopo() {
    for binary in peers::etcd_binaries() {
        let etcd = EtcdServer::start(Kind::Real(binary));
        let port = etcd.port().to_string();
        let mut exporter = PythonPeer::start("ipopo_exporter.py", &["--etcd-port", &port]);
        // One after the other: what is put between an iPOPO's listing and its watch, it never sees.
        let started = exporter.event("started");
        let mut consumer = PythonPeer::start("ipopo_consumer.py", &["--etcd-port", &port]);
        let endpoint = started["exports"][0]["endpoint.id"].clone();
        let of_ours = |fields: &serde_json::Value| fields["properties"]["endpoint.id"] == endpoint;
        consumer.event_after(Default::default(), "arrived", of_ours);
        consumer
            .program()
            .wait_for("promise response: PythonPromise says: Howdy ConsumerPromise");
        exporter
            .program()
            .wait_for("Python.sayHello called by: ConsumerSync with message: 'Hello Impl'");
        assert_eq!(
            consumer.command("call", &[json!("sayHello"), json!(["me", "hi"])]),
            Ok(json!(
                "PythonSync says: Howdy me that's a nice runtime you got there"
            ))
        );

        // A key for each session, and one for the endpoint.
        assert_eq!(etcd.entries(TOP_KEY).len(), 3);

        let mark = consumer.program().mark();
        exporter
            .command("set_property", &[json!("hello.name"), json!("b")])
            .expect("iPOPO changes a property");
        consumer.event_after(mark, "modified", |fields| {
            fields["properties"]["hello.name"] == "b"
        });

        let mark = consumer.program().mark();
        exporter.stop();
        consumer.event_after(mark, "gone", of_ours);
        etcd.wait_for_entries(TOP_KEY, "the consumer's session alone", |left| {
            left.len() == 1
        });
        consumer.stop();
    }
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn etcd_comes_back_on_its_port_with_its_data_or_without() {
    for binary in peers::etcd_binaries() {
        let mut etcd = EtcdServer::start(Kind::Real(binary));
        etcd.etcdctl(&["put", "a", "1"]);
        etcd.kill();
        etcd.start_again(false);
        assert_eq!(etcd.entries("a"), [("a".to_owned(), "1".to_owned())]);
        etcd.kill();
        etcd.start_again(true);
        assert_eq!(etcd.entries("a"), []);
    }
}

#[test]
#[ignore = "needs iPOPO: cargo xtask test"]
fn the_matrix_and_the_server_of_many_types_agree() {
    let server = PythonPeer::start("xmlrpc_server.py", &[]);
    let endpoint = server.event("started")["endpoint"].clone();
    let field = |name: &str| endpoint[name].as_str().unwrap_or_default().to_owned();
    let matrix = PythonPeer::start(
        "xmlrpc_matrix.py",
        &[
            &field("ecf.endpoint.id"),
            &field("ecf.rsvc.id"),
            "echo",
            "bytes",
        ],
    );
    let mut matrix = matrix;
    assert!(matrix.program().wait_for_end().success());
    let lines = matrix
        .program()
        .lines(ferlix_tests::program::Stream::Output);
    let result = |case: &str| {
        let found = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .find(|line| line["case"] == case);
        found.unwrap_or_else(|| panic!("no case {case:?}"))
    };
    assert_eq!(result("int-min")["result"], i32::MIN);
    assert_eq!(result("bytes")["result"], json!({"bytes": "AAH+/w=="}));
    assert_eq!(
        result("struct")["result"],
        json!({"a": 1, "b": {"c": ["d"]}, "e": null})
    );
    assert_eq!(result("unknown-path")["http"], 404);
    assert_eq!(result("after-all")["result"], "still there");
    server.stop();
}

//! Endpoint description files, written by one side and imported by the other. The two look at different
//! top keys in etcd, so that only the file can bring them together.

use std::fs;

use ferlix_tests::tutorial::{INTERFACE, rows};
use ferlix_tests::{Mark, PythonPeer, Tutorial, for_every_etcd};
use serde_json::json;

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn ipopo_imports_the_file_that_exportservice_writes() {
    for_every_etcd("ipopo_imports_the_file_that_exportservice_writes", |etcd| {
        let mut exporter = Tutorial::exporter(etcd, &["etcd.top_key=ferlix"]);
        let exports = exporter.ask_until("listexports", "an endpoint", |answer| {
            !rows(answer).is_empty()
        });
        let [endpoint, container, service] = rows(&exports)[0][..] else {
            panic!("{exports:#?}")
        };
        let answer = exporter.ask(&format!(
            "exportservice {service} ecf.xmlrpc.server ours.xml"
        ));
        assert!(
            answer.len() == 1
                && answer[0].ends_with("exported by 1 providers. EDEF written to file=ours.xml"),
            "{answer:#?}"
        );
        let file = exporter.folder().join("ours.xml");
        let path = file.to_str().unwrap();

        let port = etcd.port().to_string();
        let mut consumer = PythonPeer::start("ipopo_consumer.py", &["--etcd-port", &port]);
        let read = consumer.command("read_edef", &[json!(path)]).unwrap();
        assert_eq!(read.as_array().map(Vec::len), Some(1), "{read:#}");
        // The same endpoint: it is shared, not exported twice.
        assert_eq!(read[0]["endpoint.id"], endpoint);
        assert_eq!(read[0]["ecf.endpoint.id"], container);
        assert_eq!(read[0]["endpoint.service.id"].to_string(), service);
        assert_eq!(read[0]["objectClass"], json!([INTERFACE]));
        assert_eq!(
            read[0]["remote.intents.supported"],
            json!(["osgi.basic", "osgi.async"])
        );
        assert_eq!(read[0]["osgi.basic.timeout"], 60_000);

        consumer.command("import_edef", &[json!(path)]).unwrap();
        consumer
            .program()
            .wait_for("promise response: RustPromise says: Howdy ConsumerPromise");
        exporter
            .program()
            .wait_for("Rust.sayHello called by: ConsumerSync with message: 'Hello Impl'");
        consumer.stop();
    });
}

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn importservice_takes_the_file_that_ipopo_writes() {
    for_every_etcd("importservice_takes_the_file_that_ipopo_writes", |etcd| {
        let port = etcd.port().to_string();
        let mut exporter = PythonPeer::start(
            "ipopo_exporter.py",
            &["--etcd-port", &port, "--top-key", "ipopo"],
        );
        let started = exporter.event("started");
        let endpoint = started["exports"][0]["endpoint.id"].as_str().unwrap();
        let mut consumer = Tutorial::consumer(etcd, &[]);
        let file = consumer.folder().join("theirs.xml");
        exporter
            .command("write_edef", &[json!(file.to_str().unwrap())])
            .unwrap();

        let mark = consumer.program().mark();
        let answer = consumer.ask("importservice theirs.xml");
        assert_eq!(
            answer[0], "Imported 1 endpoints from EDEF file=theirs.xml",
            "{answer:#?}"
        );
        assert!(
            answer[1].starts_with("Proxy service=ServiceReference("),
            "{answer:#?}"
        );
        let program = consumer.program();
        program.wait_for_after(mark, "promise response: PythonPromise");
        exporter
            .program()
            .wait_for_after(Mark::default(), "Python.sayHello called by: ConsumerSync");

        assert_eq!(rows(&consumer.ask("listimports"))[0][0], endpoint);
        // What we print of it again is what iPOPO wrote, but for what an import changes.
        let printed = consumer.ask(&format!("listimports {endpoint}"));
        let written = fs::read_to_string(&file).unwrap();
        for line in written.lines().filter(|line| line.contains("value=\"")) {
            if !line.contains("service.imported") {
                assert!(
                    printed.iter().any(|ours| ours == line),
                    "no {line} in {printed:#?}"
                );
            }
        }

        assert_eq!(
            consumer.ask(&format!("unimportservice {endpoint}")),
            [""; 0]
        );
        consumer.ask_until("instances", "the consumer without its service", |answer| {
            rows(answer)
                .iter()
                .any(|row| row[0] == "remote-hello-consumer" && row[2] == "INVALID")
        });
        exporter.stop();
    });
}

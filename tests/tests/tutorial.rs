//! The tutorial, as its readers run it: our programs among themselves and with the real iPOPO on either
//! side, on every etcd.

use std::process::Command;
use std::time::{Duration, Instant};

use ferlix_tests::program::Stream;
use ferlix_tests::tutorial::{INTERFACE, rows, wait_for_record, wait_for_records};
use ferlix_tests::{Mark, Program, PythonPeer, Tutorial, for_every_etcd, peers};
use serde_json::{Value, json};

fn reply(program: &str, kind: &str) -> String {
    format!("{program}{kind} says: Howdy Consumer{kind} that's a nice runtime you got there")
}

/// The consumer's lines, those of its own thread in their order. A reply that it does not wait for may come
/// before it says so, if that thread is held up.
fn consumer_was_answered(consumer: &Program, by: &str) {
    consumer.wait_for(&format!("async response: {}", reply(by, "Async")));
    consumer.wait_for(&format!("promise response: {}", reply(by, "Promise")));
    consumer.wait_for("done with sayHelloPromise method");
    let lines = consumer.lines(Stream::Output);
    let place = |text: &str| {
        lines
            .iter()
            .position(|line| line.contains(text))
            .unwrap_or_else(|| panic!("no {text:?} in {lines:#?}"))
    };
    let received = format!(
        "Consumer IHello service consumer received sync response: {}",
        reply(by, "Sync")
    );
    let places = [
        place(&received),
        place("done with sayHelloAsync method"),
        place("done with sayHelloPromise method"),
    ];
    assert!(places.is_sorted(), "{lines:#?}");
}

fn exporter_was_called(exporter: &Program, named: &str, after: Mark) {
    for (method, kind) in [
        ("sayHello", "Sync"),
        ("sayHelloAsync", "Async"),
        ("sayHelloPromise", "Promise"),
    ] {
        exporter.wait_for_after(
            after,
            &format!("{named}.{method} called by: Consumer{kind} with message: 'Hello Impl'"),
        );
    }
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn rust_calls_rust() {
    for_every_etcd("rust_calls_rust", |etcd| {
        let mut exporter = Tutorial::exporter(etcd, &[]);
        let mut consumer = Tutorial::consumer(etcd, &[]);
        consumer_was_answered(consumer.program(), "Rust");
        exporter_was_called(exporter.program(), "Rust", Mark::default());
        for program in [exporter.program(), consumer.program()] {
            program.wait_for("Etcd3 connected!");
            program.wait_for("CONNECTED etcd3 session_id=");
            program.wait_for(&format!("to host=127.0.0.1 port={}", etcd.port()));
        }
        exporter.program().wait_for("HTTP server starting on");
        exporter.program().wait_for("HTTP server started on");
    });
}

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn ipopo_calls_rust() {
    for_every_etcd("ipopo_calls_rust", |etcd| {
        let port = etcd.port().to_string();
        let mut exporter = Tutorial::exporter(etcd, &[]);
        let record = wait_for_record(etcd);
        let mut consumer = PythonPeer::start("ipopo_consumer.py", &["--etcd-port", &port]);
        consumer_was_answered(consumer.program(), "Rust");
        exporter_was_called(exporter.program(), "Rust", Mark::default());

        let imports = consumer.command("imports", &[]).expect("iPOPO lists");
        assert_eq!(imports.as_array().map(Vec::len), Some(1), "{imports:#}");
        let proxy = &imports[0];
        assert_eq!(proxy["objectClass"], json!([INTERFACE]));
        assert_eq!(proxy["service.imported"], true);
        assert_eq!(
            proxy["service.imported.configs"],
            json!(["ecf.xmlrpc.client"])
        );
        assert_eq!(proxy["endpoint.id"], record.text("endpoint.id"));
        assert_eq!(
            proxy["endpoint.framework.uuid"],
            record.text("endpoint.framework.uuid")
        );
        assert_eq!(proxy["osgi.basic.timeout"], "60000");
        assert_eq!(
            proxy["endpoint.package.version.org.eclipse.ecf.examples.hello"],
            "1.1.0"
        );
        assert_eq!(
            consumer.command("call", &[json!("sayHello"), json!(["Grüße <&>", "hi"])]),
            Ok(json!(
                "RustSync says: Howdy Grüße <&> that's a nice runtime you got there"
            ))
        );
        consumer.stop();
    });
}

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn ipopo_that_watches_already_calls_rust() {
    for_every_etcd("ipopo_that_watches_already_calls_rust", |etcd| {
        let port = etcd.port().to_string();
        let mut consumer = PythonPeer::start("ipopo_consumer.py", &["--etcd-port", &port]);
        consumer.event("started");
        let mut exporter = Tutorial::exporter(etcd, &[]);
        consumer_was_answered(consumer.program(), "Rust");
        exporter_was_called(exporter.program(), "Rust", Mark::default());
        consumer.stop();
    });
}

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn rust_calls_ipopo() {
    for_every_etcd("rust_calls_ipopo", |etcd| {
        let port = etcd.port().to_string();
        let mut exporter = PythonPeer::start("ipopo_exporter.py", &["--etcd-port", &port]);
        let mut consumer = Tutorial::consumer(etcd, &[]);
        consumer_was_answered(consumer.program(), "Python");
        exporter_was_called(exporter.program(), "Python", Mark::default());

        let started = exporter.event("started");
        let endpoint = &started["exports"][0];
        let imports = consumer.ask("listimports");
        let rows = rows(&imports);
        assert_eq!(rows.len(), 1, "{imports:#?}");
        assert_eq!(endpoint["endpoint.id"], rows[0][0]);
        // The exporter's container, as in iPOPO, not that of the proxy.
        assert_eq!(endpoint["ecf.endpoint.id"], rows[0][1]);
        assert_eq!(endpoint["endpoint.service.id"], rows[0][3]);
        let proxy = consumer.ask(&format!("sd {}", rows[0][2]));
        for property in [
            "\tservice.imported = true".to_owned(),
            "\tservice.imported.configs = ['ecf.xmlrpc.client']".to_owned(),
            format!("\tendpoint.id = {}", rows[0][0]),
        ] {
            assert!(proxy.contains(&property), "no {property:?} in {proxy:#?}");
        }
        exporter.stop();
    });
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn the_caller_of_a_slow_method_goes_on() {
    const DELAY: Duration = Duration::from_secs(2);
    for_every_etcd("the_caller_of_a_slow_method_goes_on", |etcd| {
        let delay = format!("hello.async.delay={}", DELAY.as_millis());
        let _exporter = Tutorial::exporter(etcd, &[&delay]);
        let mut consumer = Tutorial::consumer(etcd, &[]);
        let consumer = consumer.program();
        consumer.wait_for("done with sayHelloAsync method");
        let went_on = Instant::now();
        consumer.wait_for("promise response: ");
        consumer.wait_for("async response: ");
        // Most of the delay was left when the consumer went on, however slow the machine.
        assert!(
            went_on.elapsed() > DELAY / 2,
            "it went on {:?} before the reply",
            went_on.elapsed()
        );
        let lines = consumer.lines(Stream::Output);
        let place = |text: &str| lines.iter().position(|line| line.starts_with(text));
        assert!(
            place("promise response: ") < place("async response: "),
            "{lines:#?}"
        );
    });
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn a_consumer_goes_over_to_the_exporter_that_is_left() {
    for_every_etcd(
        "a_consumer_goes_over_to_the_exporter_that_is_left",
        |etcd| {
            let mut first = Tutorial::exporter(etcd, &[]);
            let mut consumer = Tutorial::consumer(etcd, &[]);
            consumer_was_answered(consumer.program(), "Rust");
            exporter_was_called(first.program(), "Rust", Mark::default());
            let mut second = Tutorial::second_exporter(etcd, &[]);
            consumer.ask_until("listimports", "both exporters", |answer| {
                rows(answer).len() == 2
            });

            // An injected service that is there is not changed for another.
            let (mark, of_second) = (consumer.program().mark(), second.program().mark());
            assert!(first.program().terminate().success());
            consumer
                .program()
                .wait_for_after(mark, "received sync response: RustSync");
            consumer
                .program()
                .wait_for_after(mark, "async response: RustAsync");
            consumer
                .program()
                .wait_for_after(mark, "promise response: RustPromise");
            exporter_was_called(second.program(), "Rust", of_second);
            assert_eq!(rows(&consumer.ask("listimports")).len(), 1);
        },
    );
}

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn an_instance_made_in_the_console_is_advertised_with_its_properties() {
    for_every_etcd(
        "an_instance_made_in_the_console_is_advertised_with_its_properties",
        |etcd| {
            let port = etcd.port().to_string();
            let mut exporter = Tutorial::exporter(etcd, &[]);
            let python = PythonPeer::start("ipopo_consumer.py", &["--etcd-port", &port]);
            python.event("started");
            let mut consumer = Tutorial::consumer(etcd, &[]);
            wait_for_record(etcd);

            assert_eq!(
                exporter.ask("instantiate helloimpl-xmlrpc-factory b hello.name=b"),
                ["Component 'b' instantiated."]
            );
            let records = wait_for_records(etcd, "two endpoints", |records| records.len() == 2);
            let named: Vec<_> = records
                .iter()
                .filter(|record| record.text("hello.name") == "b")
                .collect();
            assert_eq!(named.len(), 1, "{records:#?}");
            let id = named[0].text("endpoint.id");
            let has_name = |fields: &Value| {
                fields["properties"]["endpoint.id"] == id
                    && fields["properties"]["hello.name"] == "b"
            };
            python.event_after(Mark::default(), "arrived", has_name);

            consumer.ask_until("listimports", "the second endpoint", |answer| {
                rows(answer).iter().any(|row| row[0] == id)
            });
            let description = consumer.ask(&format!("listimports {id}"));
            let property = r#"<property name="hello.name" value-type="String" value="b" />"#;
            assert!(
                description.iter().any(|line| line.trim() == property),
                "{description:#?}"
            );

            // And it goes as it came.
            assert_eq!(exporter.ask("kill b"), ["Component 'b' killed."]);
            python.event_after(Mark::default(), "gone", has_name);
            wait_for_record(etcd);
            python.stop();
        },
    );
}

/// What `cargo demo` runs, without the building.
#[test]
#[ignore = "needs the example programs: cargo xtask test"]
fn the_demo_shows_three_replies() {
    let started = Instant::now();
    let mut demo = Program::start("demo", Command::new(peers::example_program("demo")));
    let status = demo.wait_for_end();
    let took = started.elapsed();
    assert!(status.success(), "{status}: {}", demo.transcript());
    for kind in ["Sync", "Async", "Promise"] {
        demo.wait_for(&reply("Rust", kind));
        demo.wait_for(&format!("called by: Consumer{kind}"));
    }
    // The endpoint as it lies in etcd.
    demo.wait_for(r#""name":"objectClass","value":"org.eclipse.ecf.examples.hello.IHello""#);
    // A second on an idle machine; test machines are seldom idle.
    assert!(took < Duration::from_secs(10), "it took {took:?}");
}

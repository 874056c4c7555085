//! Services that change and go, seen from the other side: by our hand, by a signal, by a crash, and by iPOPO.

use std::time::{Duration, Instant};

use ferlix_tests::tutorial::{TOP_KEY, rows, wait_for_record, wait_for_records};
use ferlix_tests::{EtcdServer, Mark, PythonPeer, Tutorial, for_every_etcd};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// An iPOPO consumer that watches etcd already.
fn ipopo_consumer(etcd: &EtcdServer) -> PythonPeer {
    let port = etcd.port().to_string();
    let consumer = PythonPeer::start("ipopo_consumer.py", &["--etcd-port", &port]);
    consumer.event("started");
    consumer
}

/// An event's properties are of this endpoint.
fn is_of(fields: &Value, endpoint: &str) -> bool {
    fields["properties"]["endpoint.id"] == endpoint
}

/// The consumer's own session is all that is left in etcd, as it is now: nothing is waited for.
fn only_a_session_is_left(etcd: &EtcdServer) {
    let left = etcd.entries(TOP_KEY);
    assert_eq!(left.len(), 1, "{left:#?}");
    assert_eq!(left[0].0.split('/').count(), 2, "{left:#?}");
}

fn state_of_consumer(answer: &[String]) -> Option<&str> {
    rows(answer)
        .iter()
        .find(|row| row[0] == "remote-hello-consumer")
        .map(|row| row[2])
}

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn ipopo_sees_a_property_changed_in_our_console() {
    for_every_etcd("ipopo_sees_a_property_changed_in_our_console", |etcd| {
        let mut consumer = ipopo_consumer(etcd);
        let mut exporter = Tutorial::exporter(etcd, &[]);
        let first = wait_for_record(etcd);
        let endpoint = first.text("endpoint.id");
        consumer.event_after(Mark::default(), "arrived", |fields| is_of(fields, endpoint));

        let mark = consumer.program().mark();
        assert_eq!(
            exporter.ask("reconfigure helloimpl-xmlrpc hello.name=b"),
            ["Component 'helloimpl-xmlrpc' is now in state VALID."]
        );
        consumer.event_after(mark, "modified", |fields| {
            is_of(fields, endpoint) && fields["properties"]["hello.name"] == "b"
        });
        let records = wait_for_records(etcd, "the change", |records| {
            records.len() == 1 && records[0].text("hello.name") == "b"
        });
        assert_eq!(records[0].key, first.key);
        assert_eq!(records[0].value["location"], first.value["location"]);
        assert!(
            records[0].timestamp() > first.timestamp(),
            "{records:#?} after {first:#?}"
        );
        consumer.stop();
    });
}

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn ipopo_sees_our_bundle_stop_and_start() {
    for_every_etcd("ipopo_sees_our_bundle_stop_and_start", |etcd| {
        let mut consumer = ipopo_consumer(etcd);
        let mut exporter = Tutorial::exporter(etcd, &[]);
        let first = wait_for_record(etcd);
        let endpoint = first.text("endpoint.id");
        consumer.event_after(Mark::default(), "arrived", |fields| is_of(fields, endpoint));

        let bundles = exporter.ask("bl samples.rsa.helloimpl_xmlrpc");
        let bundle = rows(&bundles)[0][0].to_owned();
        let mark = consumer.program().mark();
        exporter.ask(&format!("stop {bundle}"));
        consumer.event_after(mark, "gone", |fields| is_of(fields, endpoint));
        wait_for_records(etcd, "no endpoint", <[_]>::is_empty);
        assert!(rows(&exporter.ask("listexports")).is_empty());

        exporter.ask(&format!("start {bundle}"));
        let second = wait_for_record(etcd);
        assert_ne!(second.text("endpoint.id"), endpoint);
        consumer.event_after(mark, "arrived", |fields| {
            is_of(fields, second.text("endpoint.id"))
        });
        consumer
            .program()
            .wait_for_after(mark, "promise response: RustPromise");
        consumer.stop();
    });
}

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn a_signal_stops_us_cleanly() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        for_every_etcd(&format!("a_signal_stops_us_cleanly_{signal}"), |etcd| {
            let mut consumer = ipopo_consumer(etcd);
            let mut exporter = Tutorial::exporter(etcd, &[]);
            let record = wait_for_record(etcd);
            let endpoint = record.text("endpoint.id");
            consumer.event_after(Mark::default(), "arrived", |fields| is_of(fields, endpoint));

            let mark = consumer.program().mark();
            let asked = Instant::now();
            exporter.program().signal(signal);
            let status = exporter.program().wait_for_end();
            assert_eq!(
                status.code(),
                Some(0),
                "{}",
                exporter.program().transcript()
            );
            assert!(
                asked.elapsed() < Duration::from_secs(5),
                "{:?}",
                asked.elapsed()
            );
            only_a_session_is_left(etcd);
            consumer.event_after(mark, "gone", |fields| is_of(fields, endpoint));
            consumer.stop();
        });
    }
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn quitting_the_console_stops_us_cleanly() {
    for_every_etcd("quitting_the_console_stops_us_cleanly", |etcd| {
        let mut exporter = Tutorial::exporter(etcd, &[]);
        wait_for_record(etcd);
        exporter.program().send("quit");
        assert_eq!(exporter.program().wait_for_end().code(), Some(0));
        exporter.program().wait_for("Bye !");
        assert_eq!(etcd.entries(TOP_KEY), []);
    });
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn the_end_of_the_input_stops_nothing() {
    for_every_etcd("the_end_of_the_input_stops_nothing", |etcd| {
        let mut exporter = Tutorial::exporter(etcd, &[]);
        exporter.program().close_input();
        wait_for_record(etcd);
        // It serves on: another program finds and calls it.
        let mut consumer = Tutorial::consumer(etcd, &[]);
        consumer.program().wait_for("promise response: RustPromise");
        assert!(!exporter.program().has_ended());
        assert!(exporter.program().terminate().success());
    });
}

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn a_crash_of_ours_is_seen_when_the_lease_ends() {
    const TTL: Duration = Duration::from_secs(2);
    for_every_etcd("a_crash_of_ours_is_seen_when_the_lease_ends", |etcd| {
        let ttl = format!("etcd.lease_ttl={}", TTL.as_secs());
        let python = ipopo_consumer(etcd);
        let mut rust = Tutorial::consumer(etcd, &[]);
        let mut exporter = Tutorial::exporter(etcd, &[&ttl]);
        let record = wait_for_record(etcd);
        let endpoint = record.text("endpoint.id");
        python.event_after(Mark::default(), "arrived", |fields| is_of(fields, endpoint));
        rust.ask_until("instances", "a valid consumer", |answer| {
            state_of_consumer(answer) == Some("VALID")
        });

        exporter.program().kill();
        let killed = Instant::now();
        python.event_after(Mark::default(), "gone", |fields| is_of(fields, endpoint));
        rust.ask_until("instances", "the consumer without its service", |answer| {
            state_of_consumer(answer) == Some("INVALID")
        });
        // etcd looks for ended leases twice a second; the rest is for the machine.
        let took = killed.elapsed();
        assert!(took < TTL + Duration::from_secs(5), "{took:?}");
        assert!(wait_for_records(etcd, "no endpoint", <[_]>::is_empty).is_empty());
        python.stop();
    });
}

#[test]
#[ignore = "needs real etcd and iPOPO: cargo xtask test"]
fn we_see_ipopo_change_a_property_and_stop() {
    for_every_etcd("we_see_ipopo_change_a_property_and_stop", |etcd| {
        let port = etcd.port().to_string();
        let mut exporter = PythonPeer::start("ipopo_exporter.py", &["--etcd-port", &port]);
        let started = exporter.event("started");
        let endpoint = started["exports"][0]["endpoint.id"].as_str().unwrap();
        let mut consumer = Tutorial::consumer(etcd, &[]);
        consumer
            .program()
            .wait_for("promise response: PythonPromise");

        let mark = consumer.program().mark();
        exporter
            .command("set_property", &[json!("hello.name"), json!("b")])
            .expect("iPOPO changes a property");
        let show = format!("listimports {endpoint}");
        consumer.ask_until(&show, "the property", |answer| {
            let property = r#"<property name="hello.name" value-type="String" value="b" />"#;
            answer.iter().any(|line| line.trim() == property)
        });
        let imports = consumer.ask("listimports");
        let proxy = rows(&imports)[0][2].to_owned();
        let properties = consumer.ask(&format!("sd {proxy}"));
        assert!(
            properties.contains(&"\thello.name = b".to_owned()),
            "{properties:#?}"
        );

        // A changed property that the filter does not ask for leaves the consumer as it was.
        assert_eq!(state_of_consumer(&consumer.ask("instances")), Some("VALID"));
        exporter.command("unregister", &[]).expect("iPOPO kills");
        consumer.ask_until("instances", "the consumer without its service", |answer| {
            state_of_consumer(answer) == Some("INVALID")
        });
        exporter
            .command("register", &[])
            .expect("iPOPO instantiates");
        consumer
            .program()
            .wait_for_after(mark, "promise response: PythonPromise");

        exporter.stop();
        consumer.ask_until("instances", "the consumer without its service", |answer| {
            state_of_consumer(answer) == Some("INVALID")
        });
        assert!(rows(&consumer.ask("listimports")).is_empty());
    });
}

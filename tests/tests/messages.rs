//! What the programs say when something is missing or wrong: one clear line that says what to do, and then
//! they work as soon as it is put right.

use std::net::TcpListener;

use ferlix_tests::program::Stream;
use ferlix_tests::tutorial::{rows, wait_for_record};
use ferlix_tests::{Program, Tutorial, for_every_etcd};

/// The lines of the log that warn of something or say that it failed.
fn complaints(program: &Program) -> Vec<String> {
    let mut lines = program.lines(Stream::Error);
    lines.retain(|line| line.contains(" WARN ") || line.contains("ERROR "));
    lines
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn programs_wait_for_an_etcd_that_is_absent() {
    for_every_etcd("programs_wait_for_an_etcd_that_is_absent", |etcd| {
        // The port is known and nobody listens.
        etcd.kill();
        let mut exporter = Tutorial::exporter(etcd, &[]);
        let mut consumer = Tutorial::consumer(etcd, &[]);
        let said = format!("no connection to etcd at 127.0.0.1:{}", etcd.port());
        for program in [&mut exporter, &mut consumer] {
            let line = program.program().wait_for(&said);
            assert!(line.contains("it keeps trying"), "{line}");
        }
        // Meanwhile everything else works, and the shell shows what is missing.
        exporter.http_port();
        exporter.ask_until("listexports", "the export", |answer| {
            rows(answer).len() == 1
        });
        // Long enough for several attempts.
        let state = exporter.ask_until("etcd", "several attempts", |answer| {
            answer.iter().any(|line| {
                let attempts = line.split_once("attempts ");
                attempts
                    .and_then(|(_, rest)| rest.split(',').next()?.parse().ok())
                    .is_some_and(|attempts: u32| attempts >= 4)
            })
        });
        assert!(state.iter().any(|line| line.contains(&said)), "{state:#?}");

        etcd.start_again(true);
        consumer
            .program()
            .wait_for("promise response: RustPromise says: Howdy");
        wait_for_record(etcd);
        for program in [&mut exporter, &mut consumer] {
            program.program().wait_for("Etcd3 connected!");
            let complaints = complaints(program.program());
            assert_eq!(complaints.len(), 1, "said once: {complaints:#?}");
        }
    });
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn a_taken_port_is_said_once_and_tried_again() {
    for_every_etcd("a_taken_port_is_said_once_and_tried_again", |etcd| {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let mut exporter = Tutorial::exporter(etcd, &[&format!("ferlix.http.port={port}")]);
        exporter.program().wait_for("is taken");
        exporter.program().wait_for("Etcd3 connected!");
        let instance = exporter.ask("instance http-server").join("\n");
        assert!(instance.contains("State....: ERRONEOUS"), "{instance}");
        assert!(instance.contains("is taken"), "{instance}");
        drop(taken);

        assert_eq!(exporter.http_port(), port);
        wait_for_record(etcd);
        let complaints = complaints(exporter.program());
        assert_eq!(complaints.len(), 1, "said once: {complaints:#?}");
        assert!(
            complaints[0].contains(&format!("port {port} on 127.0.0.1 is taken"))
                && complaints[0].contains("choose another with -D ferlix.http.port="),
            "{complaints:#?}"
        );
        let log = exporter.program().lines(Stream::Error);
        let starts = log.iter().filter(|line| line.contains("HTTP server start"));
        assert_eq!(starts.count(), 2, "starting and started: {log:#?}");
    });
}

#[test]
#[ignore = "needs the example programs: cargo xtask test"]
fn malformed_arguments_end_a_program_with_a_line_that_says_what_to_write() {
    let cases: [(&[&str], &[&str]); 4] = [
        (
            &["-D", "etcd.port"],
            &["'etcd.port'", "name=value", "-D etcd.port=2379"],
        ),
        (
            &["-D", "=2379"],
            &["'=2379'", "name=value", "-D etcd.port=2379"],
        ),
        (
            &["--log", "loud=very"],
            &["loud=very", "error, warn, info, debug, trace"],
        ),
        (&["--level", "info"], &["'--level'", "--help"]),
    ];
    for (arguments, parts) in cases {
        for name in ["etcd3_xmlrpc_impl", "etcd3_xmlrpc_consumer"] {
            let mut program = Tutorial::start(name, arguments);
            let program = program.program();
            let status = program.wait_for_end();
            assert_eq!(status.code(), Some(2), "{arguments:?}");
            let lines = program.lines(Stream::Error);
            // Beside it, the argument parser points to --help.
            for part in parts {
                assert!(
                    lines.iter().any(|line| line.contains(part)),
                    "{arguments:?}: no {part} in {lines:#?}"
                );
            }
            assert_eq!(program.lines(Stream::Output), [""; 0]);
        }
    }
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn a_property_that_means_nothing_is_said_once() {
    for_every_etcd("a_property_that_means_nothing_is_said_once", |etcd| {
        for (definition, parts) in [
            (
                "etcd.port=abc",
                ["property etcd.port", "from 1 to 65535, not abc"],
            ),
            ("etcd.lease_ttl=soon", ["property etcd.lease_ttl", "soon"]),
            (
                "ferlix.http.port=abc",
                ["property ferlix.http.port", "a port up to 65535"],
            ),
        ] {
            let mut exporter = Tutorial::exporter(etcd, &[definition]);
            exporter.program().wait_for("ERRONEOUS");
            // The console works all the same.
            let answer = exporter.ask_until("instances", "the instance", |answer| {
                rows(answer).iter().any(|row| row[2] == "ERRONEOUS")
            });
            assert!(rows(&answer).len() > 3, "{answer:#?}");
            let complaints = complaints(exporter.program());
            assert_eq!(complaints.len(), 1, "{definition}: {complaints:#?}");
            for part in parts {
                assert!(complaints[0].contains(part), "no {part} in {complaints:#?}");
            }
            assert!(exporter.program().terminate().success());
        }
    });
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn the_console_says_what_it_does_not_know_in_one_line() {
    for_every_etcd(
        "the_console_says_what_it_does_not_know_in_one_line",
        |etcd| {
            let mut exporter = Tutorial::exporter(etcd, &[]);
            wait_for_record(etcd);
            let cases: [(&str, &[&str]); 16] = [
                ("nosuch", &["Unknown command nosuch"]),
                ("rsa.nosuch", &["Unknown command: rsa.nosuch"]),
                ("nosuch.sl", &["Unknown name space nosuch"]),
                (
                    "start nosuch",
                    &["'nosuch'", "there are: samples.rsa.helloimpl_xmlrpc"],
                ),
                (
                    "install nosuch",
                    &["'nosuch'", "there are: samples.rsa.helloimpl_xmlrpc"],
                ),
                ("start 99", &["Unknown bundle: 99"]),
                ("stop nosuch", &["Unknown bundle: nosuch"]),
                ("bd nosuch", &["Unknown bundle ID: nosuch"]),
                ("sd 999", &["Service not found: 999"]),
                ("sl nosuch", &["No service provides 'nosuch'"]),
                (
                    "instantiate nosuch a",
                    &["Unknown factory 'nosuch'", "helloimpl-xmlrpc-factory"],
                ),
                ("instance nosuch", &["Unknown component: nosuch"]),
                ("kill nosuch", &["Unknown component instance 'nosuch'"]),
                (
                    "listcontainers nosuch",
                    &["Cannot find container with id=nosuch"],
                ),
                (
                    "importservice nosuch.xml",
                    &["EDEF file=nosuch.xml: No such file"],
                ),
                ("echo \"a", &["Error reading line: No closing quotation"]),
            ];
            for (command, parts) in cases {
                let answer = exporter.ask(command);
                assert_eq!(answer.len(), 1, "{command}: {answer:#?}");
                for part in parts {
                    assert!(
                        answer[0].contains(part),
                        "{command}: no {part} in {answer:#?}"
                    );
                }
            }
            // A missing argument shows how the command is written, too.
            let answer = exporter.ask("instantiate helloimpl-xmlrpc-factory");
            assert_eq!(answer[0], "Invalid method call: missing argument: name");
            assert!(
                answer[2].starts_with("- instantiate <factory> <name> [<property=value> ...]"),
                "{answer:#?}"
            );
        },
    );
}

//! The shell beside iPOPO's: the same commands on our exporter as on iPOPO's, whose console was captured
//! (`fixtures/ipopo_shell_transcript.txt`), and the same headings, footers and messages back.
//!
//! Numbers and ids are masked, and `pelix.` is `ferlix.`. What differs on purpose is said where it is compared.

use std::collections::BTreeMap;

use ferlix_tests::tutorial::{rows, wait_for_record};
use ferlix_tests::{Tutorial, for_every_etcd};

const COMMANDS: &str = include_str!("fixtures/ipopo_shell_commands.txt");
const TRANSCRIPT: &str = include_str!("fixtures/ipopo_shell_transcript.txt");

/// What iPOPO answered to each command. A command that was given twice has its first answer.
fn of_ipopo() -> BTreeMap<&'static str, Vec<String>> {
    let mut answers: Vec<Vec<String>> = Vec::new();
    // The banner comes before the first prompt.
    for mut line in TRANSCRIPT.lines().skip(1) {
        while let Some(rest) = line.strip_prefix("$ ") {
            answers.push(Vec::new());
            line = rest;
        }
        let answer = answers.last_mut().expect("a prompt comes first");
        // A silent command's prompt is followed by the next one's.
        answer.push(line.to_owned());
    }
    let commands: Vec<_> = COMMANDS.lines().collect();
    assert_eq!(commands.len(), answers.len());
    let mut by_command = BTreeMap::new();
    for (command, answer) in commands.into_iter().zip(answers) {
        by_command.entry(command).or_insert(answer);
    }
    by_command
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12]
        && text
            .chars()
            .all(|letter| letter.is_ascii_hexdigit() || letter == '-')
}

/// Without what is another's in every run.
fn masked(text: &str) -> String {
    let text = text.replace("pelix.", "ferlix.");
    let mut masked = String::new();
    let mut rest = text.as_str();
    while let Some(letter) = rest.chars().next() {
        if rest.get(..36).is_some_and(is_uuid) {
            masked += "UUID";
            rest = &rest[36..];
        } else if letter.is_ascii_digit() {
            masked += "N";
            rest = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
        } else {
            masked.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    masked
}

/// An answer, masked, each table as its headings (and its rows, if these are to be compared), having looked
/// that the table is drawn as it must be.
fn outline(answer: &[String], with_rows: bool) -> Vec<String> {
    let is_of_table = |line: &&String| line.trim_start().starts_with(['+', '|']);
    let mut outline = Vec::new();
    let mut rest = answer;
    while let Some(line) = rest.first() {
        if !is_of_table(&line) {
            outline.push(masked(line));
            rest = &rest[1..];
            continue;
        }
        let length = rest.iter().take_while(is_of_table).count();
        let (table, after) = rest.split_at(length);
        outline.extend(
            cells(table)
                .iter()
                .take(if with_rows { usize::MAX } else { 1 })
                .map(|row| masked(&row.join(" | "))),
        );
        rest = after;
    }
    outline
}

/// A table's cells, the headings first.
fn cells(table: &[String]) -> Vec<Vec<&str>> {
    for (index, line) in table.iter().enumerate() {
        assert_eq!(line.chars().count(), table[0].chars().count(), "{table:#?}");
        let inner = line.trim().trim_matches(['+', '|']);
        let is_drawn = match index {
            2 => inner.chars().all(|letter| matches!(letter, '=' | '+')),
            _ if index % 2 == 0 => inner.chars().all(|letter| matches!(letter, '-' | '+')),
            _ => inner.starts_with(' ') && inner.ends_with(' '),
        };
        assert!(is_drawn, "line {index}: {table:#?}");
    }
    table
        .iter()
        .skip(1)
        .step_by(2)
        .map(|line| {
            line.trim()
                .trim_matches('|')
                .split('|')
                .map(str::trim)
                .collect()
        })
        .collect()
}

/// The lines that are left of an answer without those that begin so.
fn without<'a>(answer: &'a [String], beginnings: &[&str]) -> Vec<&'a String> {
    answer
        .iter()
        .filter(|line| {
            !beginnings
                .iter()
                .any(|beginning| line.trim_start().starts_with(beginning))
        })
        .collect()
}

/// The dependencies of `instance`, each as its five lines, without the fields' names and the bindings.
fn dependencies(answer: &[String]) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = answer
        .split(|line| line.starts_with("\tField: "))
        .skip(1)
        .map(|block| block.iter().take(6).map(|line| masked(line)).collect())
        .collect();
    found.sort();
    found
}

#[test]
#[ignore = "needs real etcd: cargo xtask test"]
fn the_shell_answers_as_ipopos() {
    for_every_etcd("the_shell_answers_as_ipopos", |etcd| {
        let mut exporter = Tutorial::exporter(etcd, &[]);
        wait_for_record(etcd);
        let theirs = of_ipopo();
        let their = |command: &str| {
            let answer = theirs.get(command);
            answer.unwrap_or_else(|| panic!("{command} was not captured"))
        };

        let exports = exporter.ask("listexports");
        assert_eq!(outline(&exports, true), outline(their("listexports"), true));
        let [endpoint, container, service] = rows(&exports)[0][..] else {
            panic!("{exports:#?}")
        };

        // Which bundles, services, factories and instances there are differs; how they are listed does not.
        for command in ["bl", "sl", "factories", "instances", "properties"] {
            let answer = exporter.ask(command);
            assert_eq!(
                outline(&answer, false),
                outline(their(command), false),
                "{command}"
            );
        }
        for command in [
            "waiting",
            "listconfigs ecf.xmlrpc.server",
            "showdefaults",
            "nosuch",
            "sd 999",
            "bd nope",
            "echo a b",
            "set x=1",
            "unset x",
            "instance helloimpl-xmlrpc",
        ] {
            let answer = exporter.ask(command);
            assert_eq!(
                outline(&answer, true),
                outline(their(command), true),
                "{command}"
            );
        }

        // Which services a bundle has and uses, and where it comes from, differs.
        let answer = exporter.ask("bd ferlix.rsa.providers.distribution.xmlrpc");
        let differs = ["Location: ", "ServiceReference("];
        assert_eq!(
            without(&outline(&answer, true), &differs),
            without(&outline(their("bd 9"), true), &differs)
        );

        // Classes are Rust types.
        let answer = exporter.ask(&format!("listcontainers {container}"));
        assert_eq!(
            without(&outline(&answer, true), &["Class="]),
            without(
                &outline(their("listcontainers http://127.0.0.1:8181/xml-rpc"), true),
                &["Class="]
            )
        );

        // The package's version is said, which iPOPO loses; the help is our own.
        let answer = exporter.ask(&format!("listexports {endpoint}"));
        let version = [r#"<property name="endpoint.package.version."#];
        assert_eq!(
            without(&outline(&answer, true), &version),
            without(&outline(their("listexports <endpoint id>"), true), &[])
        );
        let answer = exporter.ask("help sl");
        assert_eq!(answer[..2], their("help sl")[..2]);
        assert!(
            answer.len() == 3 && answer[2].starts_with("\t\t"),
            "{answer:#?}"
        );

        // Our factory has the properties that are the instance's in iPOPO.
        let answer = exporter.ask("factory helloimpl-xmlrpc-factory");
        let answer = outline(&answer, false);
        assert_eq!(answer[2..5], ["Properties:", "Key | Default value", ""]);
        assert_eq!(
            [&answer[..2], &answer[5..]].concat(),
            outline(their("factory helloimpl-xmlrpc-factory"), false)
        );

        // The fields have other names and another order, and what prints tables needs no service.
        let answer = exporter.ask("instance rsa-command");
        let expected = their("instance rsa-command");
        let mut wanted = dependencies(expected);
        wanted.retain(|dependency| !dependency[0].ends_with("ferlix.shell.utilities"));
        assert_eq!(dependencies(&answer), wanted);
        let head = |answer: &[String]| outline(&answer[..7], true);
        assert_eq!(head(&answer), head(expected));
        let properties = |answer: &[String]| {
            let begin = answer.iter().position(|line| line == "Properties:");
            outline(&answer[begin.expect("an instance has properties")..], true)
        };
        assert_eq!(properties(&answer), properties(expected));

        // Export again to a file, look at it, and withdraw it; iPOPO cannot list what is left then.
        let answer = exporter.ask(&format!("exportservice {service}"));
        assert_eq!(
            outline(&answer, true),
            outline(their("exportservice 22"), true)
        );
        let answer = exporter.ask("showedeffile");
        assert_eq!(
            without(&outline(&answer, true), &version),
            without(&outline(their("showedeffile"), true), &[])
        );
        assert_eq!(
            exporter.ask(&format!("unexportservice {endpoint}")),
            [""; 0]
        );
        assert_eq!(
            outline(&exporter.ask("listexports"), true),
            ["Endpoint ID | Container ID | Service ID"]
        );

        let bundles = exporter.ask("bl samples.rsa.helloimpl_xmlrpc");
        let bundle = rows(&bundles)[0][0];
        for command in ["stop", "start"] {
            let answer = exporter.ask(&format!("{command} {bundle}"));
            let expected = their(&format!("{command} 19"));
            assert_eq!(outline(&answer, true), outline(expected, true));
        }
    });
}

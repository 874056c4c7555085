//! The tutorial's programs, their consoles, and what they put in etcd.
//!
//! Each program runs in a folder of its own, with its console on the piped standard input: a test types
//! commands and reads the answers. HTTP ports are free ones, unless the test says otherwise.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Mark, Program, Stream};
use crate::{DEADLINE, EtcdServer, peers};

/// Where iPOPO, ECF and we put endpoints, unless told otherwise.
pub const TOP_KEY: &str = "org.eclipse.ecf.provider.etcd3.container.Etcd3DiscoveryContainer";
/// The interface of the tutorial's service.
pub const INTERFACE: &str = "org.eclipse.ecf.examples.hello.IHello";
/// How often a command is typed again while its answer is not yet as wanted.
const LOOK: Duration = Duration::from_millis(20);

/// One of the tutorial's programs.
#[derive(Debug)]
pub struct Tutorial {
    program: Program,
    folder: TempDir,
    asked: usize,
}

impl Tutorial {
    /// Starts the exporter; each definition is a `-D name=value`. Waits for nothing.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn exporter(etcd: &EtcdServer, definitions: &[&str]) -> Self {
        Self::of(etcd, "etcd3_xmlrpc_impl", definitions)
    }

    /// As [`exporter`](Self::exporter), the second one.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn second_exporter(etcd: &EtcdServer, definitions: &[&str]) -> Self {
        Self::of(etcd, "etcd3_xmlrpc_impl2", definitions)
    }

    /// As [`exporter`](Self::exporter), the consumer.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn consumer(etcd: &EtcdServer, definitions: &[&str]) -> Self {
        Self::of(etcd, "etcd3_xmlrpc_consumer", definitions)
    }

    fn of(etcd: &EtcdServer, name: &str, definitions: &[&str]) -> Self {
        let port = format!("etcd.port={}", etcd.port());
        let mut all = vec!["etcd.hostname=127.0.0.1", &port, "ferlix.http.port=0"];
        all.extend(definitions);
        let arguments: Vec<_> = all
            .iter()
            .flat_map(|definition| ["-D", *definition])
            .collect();
        Self::start(name, &arguments)
    }

    /// Starts a program with the arguments as they are, and nothing else.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("the folder for temporary files is writable");
        let mut command = Command::new(peers::example_program(name));
        command.args(arguments).current_dir(&folder);
        Self {
            program: Program::start(name, command),
            folder,
            asked: 0,
        }
    }

    /// The process, to wait for lines, signal or kill.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// The folder it runs in.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The port of the HTTP service, once it is started.
    ///
    /// # Panics
    /// When it is not started by the deadline.
    pub fn http_port(&self) -> u16 {
        let text = "HTTP server started on http://127.0.0.1:";
        self.program.wait_until(Mark::default(), text, |_, line| {
            line.split_once(text)?.1.parse().ok()
        })
    }

    /// Types a command and returns the lines that it printed.
    ///
    /// # Panics
    /// When the console does not answer by the deadline.
    pub fn ask(&mut self, command: &str) -> Vec<String> {
        self.asked += 1;
        // What the console prints next, in answer to a command of its own.
        let end = format!("-- end of answer {}", self.asked);
        let mark = self.program.mark();
        self.program.send(command);
        self.program.send(&format!("echo '{end}'"));
        self.program.wait_for_after(mark, &end);
        self.program
            .lines_after(mark, Stream::Output)
            .iter()
            .map(|line| line.strip_prefix("$ ").unwrap_or(line).to_owned())
            .take_while(|line| !line.contains(&end))
            .filter(|line| !is_unasked(line))
            .collect()
    }

    /// Types a command until its answer is as `wanted` says, and returns it; `what` is for the message.
    ///
    /// # Panics
    /// When it is not so by the deadline.
    pub fn ask_until(
        &mut self,
        command: &str,
        what: &str,
        wanted: impl Fn(&[String]) -> bool,
    ) -> Vec<String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let answer = self.ask(command);
            if wanted(&answer) {
                return answer;
            }
            assert!(
                Instant::now() < deadline,
                "`{command}` never showed {what}, but:\n{}",
                answer.join("\n")
            );
            thread::sleep(LOOK);
        }
    }
}

/// Whether a line is one that comes on its own, perhaps amid an answer: the banner, and what bundles print.
fn is_unasked(line: &str) -> bool {
    [
        "** Ferlix Shell prompt **",
        "Etcd3 connected!",
        " called by: Consumer",
        " response: ",
        "done with sayHello",
    ]
    .iter()
    .any(|text| line.contains(text))
}

/// The cells of a table of the shell, row by row, without the headings.
pub fn rows(answer: &[String]) -> Vec<Vec<&str>> {
    answer
        .iter()
        .filter_map(|line| line.trim_start().strip_prefix("| ")?.strip_suffix('|'))
        .skip(1)
        .map(|cells| cells.split(" | ").map(str::trim).collect())
        .collect()
}

/// An endpoint as it lies in etcd.
#[derive(Clone, Debug)]
pub struct Record {
    /// `<top key>/<session>/<endpoint.id>`.
    pub key: String,
    /// The whole JSON.
    pub value: Value,
    /// What the entry `properties` holds, by name; the values as they are.
    pub properties: BTreeMap<String, Value>,
}

impl Record {
    /// A property's text, empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.properties
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// `ecf.endpoint.ts`, 0 if there is none.
    pub fn timestamp(&self) -> u64 {
        self.text("ecf.endpoint.ts").parse().unwrap_or_default()
    }
}

/// Waits until the endpoints in etcd are as `wanted` says, and returns them; `what` is for the message.
///
/// # Panics
/// When they are not so by the deadline, or one is no JSON.
pub fn wait_for_records(
    etcd: &EtcdServer,
    what: &str,
    wanted: impl Fn(&[Record]) -> bool,
) -> Vec<Record> {
    let entries = etcd.wait_for_entries(TOP_KEY, what, |entries| wanted(&records(entries)));
    records(&entries)
}

/// As [`wait_for_records`], for exactly one.
///
/// # Panics
/// When there is not exactly one by the deadline, or it is no JSON.
pub fn wait_for_record(etcd: &EtcdServer) -> Record {
    wait_for_records(etcd, "one endpoint", |records| records.len() == 1).remove(0)
}

fn records(entries: &[(String, String)]) -> Vec<Record> {
    entries
        .iter()
        // A key of two parts is a session's.
        .filter(|(key, _)| key.split('/').count() == 3)
        .map(|(key, value)| {
            let value: Value = serde_json::from_str(value)
                .unwrap_or_else(|error| panic!("{key} is no JSON ({error}): {value}"));
            let properties = value["properties"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|property| {
                    let name = property["name"].as_str().unwrap_or_default();
                    (name.to_owned(), property["value"].clone())
                })
                .collect();
            Record {
                key: key.clone(),
                value,
                properties,
            }
        })
        .collect()
}

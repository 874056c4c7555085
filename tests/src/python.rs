//! The Python programs in `tests/python`, spoken to in their line protocol (see `driver.py`).

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::peers;
use crate::program::{Mark, Program, Stream};

/// A running driver of a real peer.
#[derive(Debug)]
pub struct PythonPeer {
    program: Program,
}

impl PythonPeer {
    /// Starts a script of `tests/python`, such as `ipopo_exporter.py`. Waits for nothing.
    ///
    /// # Panics
    /// When Python cannot be started.
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(peers::python());
        command
            .arg(peers::drivers().join(script))
            .args(arguments)
            .env("FERLIX_TEST_IPOPO_SRC", peers::ipopo_source())
            .env("PYTHONUNBUFFERED", "1")
            // The source tree stays as it is.
            .env("PYTHONDONTWRITEBYTECODE", "1");
        Self {
            program: Program::start(script, command),
        }
    }

    /// Runs a script that prints a line for each case, to its end: the cases by name, and what came of them.
    ///
    /// # Panics
    /// When it cannot be started, does not end, or ends with an error; when a line is no case.
    pub fn cases(script: &str, arguments: &[&str]) -> BTreeMap<String, Value> {
        let mut peer = Self::start(script, arguments);
        let status = peer.program.wait_for_end();
        assert!(status.success(), "{}", peer.program.transcript());
        let lines = peer.program.lines(Stream::Output);
        let case = |line: &String| {
            let mut fields = message(Stream::Output, line)?;
            let case = fields.as_object_mut()?.remove("case")?;
            Some((case.as_str()?.to_owned(), fields))
        };
        lines
            .iter()
            .map(|line| case(line).unwrap_or_else(|| panic!("no case: {line}")))
            .collect()
    }

    /// The process, to wait for prints, pause or kill.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Waits for an event from the beginning on, and returns its fields.
    ///
    /// # Panics
    /// When the deadline passes or the peer ends without it.
    pub fn event(&self, name: &str) -> Value {
        self.event_after(Mark::default(), name, |_| true)
    }

    /// Waits for an event after `mark` whose fields are as `wanted` says, and returns them.
    ///
    /// # Panics
    /// When the deadline passes or the peer ends without it.
    pub fn event_after(&self, mark: Mark, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.program
            .wait_until(mark, &format!("the event {name:?}"), |stream, line| {
                message(stream, line).filter(|fields| fields["event"] == name && wanted(fields))
            })
    }

    /// Runs a command and returns its value, or the text of the error it ended with.
    ///
    /// # Errors
    /// What the command raised in Python, as `Type: text`.
    ///
    /// # Panics
    /// When the deadline passes or the peer ends without a reply.
    pub fn command(&mut self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let mark = self.program.mark();
        let mut words = vec![Value::from(name)];
        words.extend_from_slice(arguments);
        self.program.send(&Value::Array(words).to_string());
        let reply =
            self.program
                .wait_until(mark, &format!("a reply to {name:?}"), |stream, line| {
                    message(stream, line).filter(|fields| fields["reply"] == name)
                });
        match reply.get("error") {
            Some(error) => Err(error.as_str().unwrap_or_default().to_owned()),
            None => Ok(reply["value"].clone()),
        }
    }

    /// Stops the peer cleanly and waits until it ended.
    ///
    /// # Panics
    /// When it does not end, or ends with an error.
    pub fn stop(mut self) {
        self.program.send("[\"stop\"]");
        let status = self.program.wait_for_end();
        assert!(
            status.success(),
            "the peer ended with {status}; it printed:\n{}",
            self.program.transcript()
        );
    }
}

fn message(stream: Stream, line: &str) -> Option<Value> {
    let fields: Value = (stream == Stream::Output && line.starts_with('{'))
        .then(|| serde_json::from_str(line).ok())
        .flatten()?;
    fields.is_object().then_some(fields)
}

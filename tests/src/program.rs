//! A child process whose lines a test reads, and which it feeds, signals and outlives.
//!
//! Two threads collect the lines of standard output and standard error into one list in the order of their
//! arrival. Waiting is always for a line or for the end, with [`DEADLINE`]. Dropping the
//! value kills the process, paused or not, and prints its lines if the test is failing.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::DEADLINE;

/// How often the end of a process is looked for; the system offers no wait with a deadline.
const LOOK: Duration = Duration::from_millis(5);

/// Where a line came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stream {
    /// Standard error, where the programs log.
    Error,
    /// Standard output.
    Output,
}

/// A place in what a program printed: what came before it does not count for a wait that begins there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark(usize);

#[derive(Debug, Default)]
struct Lines {
    seen: Vec<(Stream, String)>,
    /// How many of the two streams have ended.
    ended: usize,
}

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
}

impl Shared {
    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn collect(self: Arc<Self>, stream: Stream, from: impl Read + Send + 'static) {
        thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end_matches(['\n', '\r']).to_owned();
                self.lines().seen.push((stream, text));
                self.changed.notify_all();
                line.clear();
            }
            self.lines().ended += 1;
            self.changed.notify_all();
        });
    }
}

/// A running child process.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    shared: Arc<Shared>,
}

impl Program {
    /// Starts a program with all three streams piped. `name` is for messages.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(name: &str, mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        let shared = Arc::<Shared>::default();
        if let Some(stream) = child.stdout.take() {
            Arc::clone(&shared).collect(Stream::Output, stream);
        }
        if let Some(stream) = child.stderr.take() {
            Arc::clone(&shared).collect(Stream::Error, stream);
        }
        Self {
            name: name.to_owned(),
            input: child.stdin.take(),
            child,
            shared,
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The place after the last line so far.
    pub fn mark(&self) -> Mark {
        Mark(self.shared.lines().seen.len())
    }

    /// All lines of one stream so far.
    pub fn lines(&self, stream: Stream) -> Vec<String> {
        self.lines_after(Mark::default(), stream)
    }

    /// The lines of one stream after `mark`, so far.
    pub fn lines_after(&self, mark: Mark, stream: Stream) -> Vec<String> {
        let lines = self.shared.lines();
        lines
            .seen
            .iter()
            .skip(mark.0)
            .filter(|(from, _)| *from == stream)
            .map(|(_, text)| text.clone())
            .collect()
    }

    /// Waits for a line of either stream that contains `text`, from the beginning on, and returns it.
    ///
    /// # Panics
    /// When the deadline passes or the program's output ends without one.
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_for_after(Mark::default(), text)
    }

    /// As [`wait_for`](Self::wait_for), for lines after `mark`.
    ///
    /// # Panics
    /// When the deadline passes or the program's output ends without one.
    pub fn wait_for_after(&self, mark: Mark, text: &str) -> String {
        self.wait_until(mark, text, |_, line| {
            line.contains(text).then(|| line.to_owned())
        })
    }

    /// Waits until `find` returns something for a line after `mark`; `what` is for the message.
    ///
    /// # Panics
    /// When the deadline passes or the program's output ends without such a line.
    pub fn wait_until<T>(
        &self,
        mark: Mark,
        what: &str,
        find: impl Fn(Stream, &str) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut lines = self.shared.lines();
        let mut next = mark.0;
        loop {
            while let Some((stream, text)) = lines.seen.get(next) {
                if let Some(found) = find(*stream, text) {
                    return found;
                }
                next += 1;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let ended = lines.ended == 2;
            if ended || left.is_zero() {
                drop(lines);
                let why = if ended { "ended" } else { "had its time" };
                panic!(
                    "{} {why} without: {what}\nit printed:\n{}",
                    self.name,
                    self.transcript()
                );
            }
            lines = self
                .shared
                .changed
                .wait_timeout(lines, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(lines, _)| lines);
        }
    }

    /// Writes a line to the program's standard input.
    ///
    /// # Panics
    /// When the program no longer reads.
    pub fn send(&mut self, line: &str) {
        let name = &self.name;
        let input = self
            .input
            .as_mut()
            .unwrap_or_else(|| panic!("the input of {name} was closed by the test"));
        input
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| input.flush())
            .unwrap_or_else(|error| panic!("{name} does not read its input: {error}"));
    }

    /// Ends the program's standard input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn signal(&self, which: Signal) {
        signal::kill(self.process(), which)
            .unwrap_or_else(|error| panic!("cannot send {which} to {}: {error}", self.name));
    }

    /// Stops the process where it stands, as a dead peer whose connections stay open.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a paused process go on.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Asks the program to end (SIGTERM) and waits until it did.
    ///
    /// # Panics
    /// When it does not end by the deadline.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait_for_end()
    }

    /// Ends the process at once (SIGKILL), as a crash or a power cut does.
    pub fn kill(&mut self) {
        // Only fails when the process is gone, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until the process ended, and until all it printed was read.
    ///
    /// # Panics
    /// When it does not end by the deadline.
    pub fn wait_for_end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    self.drain(deadline);
                    return status;
                }
                Ok(None) => thread::sleep(LOOK),
                Err(error) => panic!("cannot wait for {}: {error}", self.name),
            }
        }
        panic!(
            "{} does not end\nit printed:\n{}",
            self.name,
            self.transcript()
        );
    }

    /// Whether the process ended by itself or by a signal.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// The resident memory in KiB, as the kernel counts it.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn resident_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| panic!("{path} has no VmRSS: the process ended"))
    }

    /// Everything printed so far, for messages.
    pub fn transcript(&self) -> String {
        let lines = self.shared.lines();
        lines
            .seen
            .iter()
            .map(|(stream, text)| match stream {
                Stream::Error => format!("  ! {text}\n"),
                Stream::Output => format!("  | {text}\n"),
            })
            .collect()
    }

    fn drain(&self, deadline: Instant) {
        let mut lines = self.shared.lines();
        while lines.ended < 2 {
            // A grandchild may hold the streams open; what it prints is not waited for.
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            lines = self
                .shared
                .changed
                .wait_timeout(lines, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(lines, _)| lines);
        }
    }

    fn process(&self) -> Pid {
        let id = i32::try_from(self.child.id()).expect("Linux process ids are positive i32");
        Pid::from_raw(id)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("{} printed:\n{}", self.name, self.transcript());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Program::start("sh", command)
    }

    #[test]
    fn lines_are_waited_for_and_sent() {
        let mut program = shell("echo ready; read name; echo hello $name; echo trouble >&2");
        program.wait_for("ready");
        let mark = program.mark();
        program.send("you");
        assert_eq!(program.wait_for_after(mark, "hello"), "hello you");
        assert!(program.wait_for_end().success());
        assert_eq!(program.lines(Stream::Output), ["ready", "hello you"]);
        assert_eq!(program.lines(Stream::Error), ["trouble"]);
    }

    #[test]
    #[should_panic(expected = "ended without: never")]
    fn waiting_for_a_program_that_ended_fails_at_once() {
        shell("echo something else").wait_for("never");
    }

    #[test]
    fn a_mark_hides_what_came_before() {
        let mut program = shell("echo one; read go; echo one more");
        program.wait_for("one");
        let mark = program.mark();
        program.send("");
        assert_eq!(program.wait_for_after(mark, "one"), "one more");
    }

    #[test]
    fn dropping_kills_even_a_paused_program() {
        let program = shell("echo ready; exec cat");
        program.wait_for("ready");
        let id = program.process();
        program.pause();
        drop(program);
        assert_eq!(signal::kill(id, None), Err(nix::Error::ESRCH));
    }

    #[test]
    fn termination_is_seen() {
        let mut program =
            shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do read line; done");
        program.wait_for("ready");
        assert_eq!(program.terminate().code(), Some(3));
        program.wait_for("bye");
    }

    #[test]
    fn resident_memory_is_read() {
        let program = shell("echo ready; read go");
        program.wait_for("ready");
        assert!(program.resident_kib() > 100);
    }
}

//! The example `console` as a process, on pipes and on a terminal.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::tcgetattr;
use nix::unistd::Pid;

const DEADLINE: Duration = Duration::from_secs(20);

/// A process, and what it printed.
struct Program {
    child: Child,
    keys: Option<Box<dyn Write>>,
    printed: Arc<(Mutex<String>, Condvar)>,
    /// How much of it was looked at.
    seen: usize,
}

/// The example's binary: cargo builds examples before it runs tests.
fn example() -> Command {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples/console");
    assert!(
        path.exists(),
        "{}: build it with `cargo build -p ferlix-shell --example console`",
        path.display()
    );
    let mut command = Command::new(path);
    command.env("TERM", "xterm").env_remove("NO_COLOR");
    command
}

impl Program {
    fn on_pipes(arguments: &[&str]) -> Self {
        let pipes = |command: &mut Command| {
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
        };
        let mut command = example();
        pipes(command.args(arguments));
        let mut child = command.spawn().unwrap();
        let (keys, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self::new(child, keys, output)
    }

    /// On a terminal; its other end tells about its mode.
    fn on_terminal(arguments: &[&str]) -> (Self, OwnedFd) {
        let terminal = openpty(None, None).unwrap();
        let end = || Stdio::from(terminal.slave.try_clone().unwrap());
        let mut command = example();
        let child = command
            .args(arguments)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let (keys, output) = (
            File::from(terminal.master.try_clone().unwrap()),
            File::from(terminal.master),
        );
        (Self::new(child, keys, output), terminal.slave)
    }

    fn new(
        child: Child,
        keys: impl Write + 'static,
        mut output: impl Read + Send + 'static,
    ) -> Self {
        let printed: Arc<(Mutex<String>, Condvar)> = Arc::default();
        let screen = Arc::clone(&printed);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A terminal whose other end is closed gives an error.
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                screen
                    .0
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&buffer[..count]));
                screen.1.notify_all();
            }
        });
        Self {
            child,
            keys: Some(Box::new(keys)),
            printed,
            seen: 0,
        }
    }

    fn send(&mut self, text: &str) {
        let keys = self.keys.as_mut().unwrap();
        keys.write_all(text.as_bytes()).unwrap();
        keys.flush().unwrap();
    }

    /// Waits until this is printed after what was waited for before.
    fn wait_for(&mut self, text: &str) {
        let (printed, changed) = &*self.printed;
        let waiting = |printed: &mut String| !printed[self.seen..].contains(text);
        let (printed, result) = changed
            .wait_timeout_while(printed.lock().unwrap(), DEADLINE, waiting)
            .unwrap();
        let rest = &printed[self.seen..];
        assert!(!result.timed_out(), "{text:?} is not in {rest:?}");
        self.seen += rest.find(text).unwrap() + text.len();
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Waits for the end of the process.
    fn end(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                started.elapsed() < DEADLINE,
                "it does not end: {:?}",
                self.printed.0.lock().unwrap()
            );
            thread::yield_now();
        }
    }

    fn text(&self) -> String {
        self.printed.0.lock().unwrap().clone()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_end_of_a_pipe_leaves_the_program_running_and_a_signal_ends_it() {
    let mut program = Program::on_pipes(&[]);
    program.send("echo hello\n");
    program.wait_for("$ hello\n$ ");
    program.keys = None;
    program.wait_for("\n");
    assert_eq!(program.child.try_wait().unwrap(), None);
    program.signal(Signal::SIGTERM);
    assert!(program.end().success());
    assert_eq!(program.text(), "** Ferlix Shell prompt **\n$ hello\n$ \n");
}

#[test]
fn a_read_that_blocks_does_not_keep_the_program_from_ending() {
    let mut program = Program::on_pipes(&[]);
    program.wait_for("$ ");
    program.signal(Signal::SIGTERM);
    program.wait_for("\nBye !\n");
    assert!(program.end().success());
}

#[test]
fn log_lines_go_to_standard_error() {
    let mut command = example();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (keys, errors) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    let mut program = Program::new(child, keys, errors);
    program.send("later 0\n");
    program.wait_for("INFO console: 0 ms later\n");
    program.send("quit\n");
    assert!(program.end().success());
}

#[test]
fn the_console_can_update_itself_and_loses_no_line() {
    let mut program = Program::on_pipes(&[]);
    program.send("loglevel\n");
    program.wait_for("$ Root log level: INFO (real: INFO)\n");
    program.send("update ferlix.shell.console\necho again\nquit\necho never\n");
    program.wait_for("$ Updating bundle 4 (ferlix.shell.console)...\nBye !\n");
    program.wait_for("** Ferlix Shell prompt **\n$ again\n$ Stopping the framework...\nBye !\n");
    assert!(program.end().success());
    assert!(!program.text().contains("never"));
}

#[test]
fn lines_are_edited_completed_and_kept_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history");
    let property = format!("ferlix.shell.console.history_file={}", history.display());
    let (mut program, terminal) = Program::on_terminal(&[&property]);
    let mode = tcgetattr(terminal.as_fd()).unwrap();
    program.wait_for("** Ferlix Shell prompt **\r\n");
    program.wait_for("$ ");
    program.send("echo hexlo\x1b[D\x1b[D\x7fl\r");
    program.wait_for("\nhello\r\n");
    program.wait_for("$ ");
    program.send("\x1b[A\r");
    program.wait_for("\nhello\r\n");
    program.wait_for("$ ");
    program.send("sysprop CARGO_PKG\x15bd ferlix.shell.cor\t\r");
    program.wait_for("Name....: ferlix.shell.core\r\n");
    program.wait_for("$ ");
    program.send("quit\r");
    program.wait_for("\nStopping the framework...\r\nBye !\r\n");
    assert!(program.end().success());
    assert_eq!(
        tcgetattr(terminal.as_fd()).unwrap().local_flags,
        mode.local_flags
    );
    let lines = std::fs::read_to_string(&history).unwrap();
    assert!(
        lines.contains("echo hello\n") && lines.contains("bd ferlix.shell.core\nquit\n"),
        "{lines}"
    );

    let (mut program, _terminal) = Program::on_terminal(&[&property]);
    program.wait_for("$ ");
    program.send("\x1b[A\x1b[A\r");
    program.wait_for("Name....: ferlix.shell.core\r\n");
    program.wait_for("$ ");
    program.send("quit\r");
    assert!(program.end().success());
}

#[test]
fn control_d_stops_the_program() {
    let (mut program, _terminal) = Program::on_terminal(&[]);
    program.wait_for("$ ");
    program.send("\x04");
    program.wait_for("\r\nBye !\r\n");
    assert!(program.end().success());
}

#[test]
fn control_c_clears_the_line_and_a_second_one_stops_the_program() {
    let (mut program, _terminal) = Program::on_terminal(&[]);
    program.wait_for("$ ");
    program.send("echo never\x03");
    program.wait_for("\nCtrl-C once more stops the framework\r\n");
    program.wait_for("$ ");
    program.send("echo between\r");
    program.wait_for("\nbetween\r\n");
    program.wait_for("$ ");
    program.send("\x03");
    program.wait_for("\nCtrl-C once more stops the framework\r\n");
    program.wait_for("$ ");
    program.send("\x03");
    program.wait_for("Bye !\r\n");
    assert!(program.end().success());
    assert!(!program.text().contains("\nnever"));
}

#[test]
fn a_signal_while_a_line_is_typed_leaves_the_terminal_as_it_was() {
    let terminal = openpty(None, None).unwrap();
    let mode = tcgetattr(terminal.slave.as_fd()).unwrap();
    drop(terminal);
    let (mut program, terminal) = Program::on_terminal(&[]);
    program.wait_for("$ ");
    program.send("echo half");
    program.wait_for("half");
    assert_ne!(
        tcgetattr(terminal.as_fd()).unwrap().local_flags,
        mode.local_flags,
        "the line is being edited"
    );
    program.signal(Signal::SIGTERM);
    program.wait_for("\r\nBye !\r\n");
    assert!(program.end().success());
    assert_eq!(
        tcgetattr(terminal.as_fd()).unwrap().local_flags,
        mode.local_flags
    );
}

#[test]
fn log_lines_stand_above_the_prompt() {
    let (mut program, _terminal) = Program::on_terminal(&[]);
    program.wait_for("$ ");
    program.send("later 300\r");
    program.wait_for("$ ");
    program.send("echo half");
    program.wait_for("half");
    program.wait_for("300 ms later");
    program.wait_for("$ echo half");
    program.send("way\r");
    program.wait_for("\nhalfway\r\n");
    program.send("loglevel off\r");
    program.wait_for("New level for Root: OFF\r\n");
    program.wait_for("$ ");
    program.send("later 0\recho done\rquit\r");
    program.wait_for("\ndone\r\n");
    program.wait_for("Bye !\r\n");
    assert!(program.end().success());
    assert_eq!(program.text().matches(" ms later").count(), 1);
}

#[test]
fn pasted_lines_are_commands_one_after_the_other() {
    let (mut program, _terminal) = Program::on_terminal(&[]);
    program.wait_for("$ ");
    program.send("echo one\recho two\recho three\rquit\r");
    for text in ["\none\r\n", "\ntwo\r\n", "\nthree\r\n", "Bye !\r\n"] {
        program.wait_for(text);
    }
    assert!(program.end().success());
}
